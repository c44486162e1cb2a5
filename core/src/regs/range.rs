//! Which unit an offset belongs to, also where no register is known.

/// Units by address: first byte, last byte, name. Sorted, without overlap. What the manuals declare as a
/// device (OGD tu104 and ga100, OGKM's headers) is exact; PFIFO's neighbours, the clocks, PERF and FBPA are
/// envytools' view [E].
static RANGES: &[(u32, u32, &str)] = &[
    (0x000000, 0x000fff, "PMC"),
    (0x001000, 0x001fff, "PBUS"),
    (0x002000, 0x003fff, "PFIFO"),
    (0x007000, 0x007fff, "PRMIO"),
    (0x009000, 0x009fff, "PTIMER"),
    (0x020000, 0x020fff, "THERM"),
    (0x021000, 0x021fff, "FUSE"),
    (0x022400, 0x022fff, "PTOP"),
    (0x031000, 0x031fff, "PBUS"),
    (0x032400, 0x032fff, "PTOP"),
    (0x040000, 0x05ffff, "PPBDMA"),
    (0x060000, 0x060fff, "IFB"),
    (0x070000, 0x070fff, "UFLUSH"),
    (0x088000, 0x088fff, "XVE"),
    (0x092000, 0x092fff, "EP_PCFGM"),
    (0x100000, 0x100fff, "PFB"),
    (0x101000, 0x101fff, "PEXTDEV"),
    (0x104000, 0x104fff, "CE"),
    (0x10a000, 0x10afff, "PMU"),
    (0x10f000, 0x10ffff, "XAL"),
    (0x110000, 0x113fff, "PGSP"),
    (0x118000, 0x118fff, "PGC6"),
    (0x120000, 0x12ffff, "PPRIV"),
    (0x130000, 0x13ffff, "PTRIM"),
    (0x140000, 0x17ffff, "LTC"),
    (0x180000, 0x1bffff, "PERF"),
    (0x1fa000, 0x1fafff, "PFB"),
    (0x300000, 0x3fffff, "PROM"),
    (0x400000, 0x5fffff, "PGRAPH"),
    (0x601000, 0x601fff, "PRMCIO"),
    (0x610000, 0x6affff, "PDISP"),
    (0x700000, 0x7fffff, "PRAMIN"),
    (0x800000, 0x80ffff, "PCCSR"),
    (0x810000, 0x81ffff, "USERMODE"),
    (0x820000, 0x82ffff, "FUSE"),
    (0x830000, 0x833fff, "NVDEC"),
    (0x840000, 0x843fff, "SEC2"),
    (0x848000, 0x84bfff, "NVDEC"),
    (0x870000, 0x870fff, "HSHUB"),
    (0x8a0000, 0x8a1fff, "FBHUB"),
    (0x8f0000, 0x8f3fff, "FSP"),
    (0x900000, 0x9fffff, "FBPA"),
    (0xad0000, 0xad0fff, "THERM"),
    (0xb60000, 0xb7ffff, "CTRL"),
    (0xb80000, 0xb80fff, "VF"),
    (0xb81000, 0xb81fff, "CPU_INTR"),
    (0xb82000, 0xbbffff, "VF"),
    (0xd80000, 0xdbffff, "VF"),
];

/// The hardware unit whose address range holds `offset`, by NVIDIA's name, whether or not the register there
/// is known.
///
/// Made for summaries of traces. Where two generations use a range differently it is named for what this
/// crate touches there: 0x10F000 is XAL, Hopper's.
pub fn unit_of(offset: u32) -> Option<&'static str> {
    let after = RANGES.partition_point(|(first, ..)| *first <= offset);
    let (_, last, name) = RANGES.get(after.checked_sub(1)?)?;
    (offset <= *last).then_some(*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sorted_and_disjoint() {
        for (first, last, name) in RANGES {
            assert!(first < last, "{name}");
        }
        for pair in RANGES.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{} and {}", pair[0].2, pair[1].2);
        }
    }

    #[test]
    fn range_ends_are_exact() {
        assert_eq!(unit_of(0), Some("PMC"));
        assert_eq!(unit_of(0xfff), Some("PMC"));
        assert_eq!(unit_of(0x1000), Some("PBUS"));
        assert_eq!(unit_of(0x4000), None);
        assert_eq!(unit_of(0x3fffff), Some("PROM"));
        assert_eq!(unit_of(0xb81000), Some("CPU_INTR"));
        assert_eq!(unit_of(0xbb0080), Some("VF"));
        assert_eq!(unit_of(u32::MAX), None);
    }
}
