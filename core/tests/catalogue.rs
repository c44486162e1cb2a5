//! The register catalogue and the chip table, held against themselves and against tock-registers.

use std::collections::HashSet;
use std::fmt::Write as _;

use nova_core::bus::catalogue::{Decoded, Entry};
use nova_core::bus::{Access, Pure, Register, WINDOW_SIZE, Word};
use nova_core::chip::{Architecture, Chipset, Family};
use nova_core::regs::{self, Found, UNITS, all, by_name, by_offset, matching, unit_of};
use proptest::prelude::*;
use tock_registers::debug::RegisterDebugInfo;

fn entries() -> impl Iterator<Item = &'static Entry> {
    UNITS.iter().flat_map(|unit| unit.registers)
}

fn decode(entry: &Entry, value: u32) -> Vec<Decoded> {
    let mut fields = Vec::new();
    entry.decode(value, |decoded| fields.push(decoded));
    fields
}

/// All elements of small arrays; the ends and some between of the windows.
fn some_elements(found: Found) -> impl Iterator<Item = Found> {
    let step = (found.entry.count as usize / 61).max(1);
    let last = Found { index: found.entry.count - 1, ..found };
    found.elements().step_by(step).chain([last])
}

/// Held to the register's own documentation: `Alias of` followed by the other's name.
fn alias_of(entry: &Entry) -> Option<String> {
    let doc = entry.doc.concat();
    let rest = doc.split_once("Alias of `")?.1;
    Some(rest.split_once('`')?.0.to_owned())
}

#[test]
fn every_unit_and_register_has_a_name_of_its_own() {
    let mut units = HashSet::new();
    let mut registers = HashSet::new();
    for unit in UNITS {
        assert!(units.insert(unit.name), "{} twice", unit.name);
        assert!(!unit.registers.is_empty(), "{}", unit.name);
    }
    for entry in entries() {
        assert!(registers.insert(entry.name.to_ascii_lowercase()), "{} twice", entry.name);
        assert!(entry.name.starts_with("NV_"), "{}", entry.name);
    }
    assert!(registers.len() >= 200, "{}", registers.len());
}

#[test]
fn every_register_says_what_it_is_where_from_and_how_sure() {
    for entry in entries() {
        let doc = entry.doc.concat();
        assert!(doc.contains("Source: "), "{}: {doc}", entry.name);
        assert!(
            ["[H]", "[D]", "[E]", "[O]", "[I]"].iter().any(|tag| doc.contains(tag)),
            "{}: {doc}",
            entry.name
        );
        let meaning = doc.split("Source: ").next().unwrap_or_default();
        assert!(meaning.trim().len() > 10, "{}: {doc}", entry.name);
        for field in entry.fields {
            assert!(field.doc.concat().trim().len() > 3, "{}.{}", entry.name, field.name);
        }
    }
}

#[test]
fn fields_of_a_register_do_not_overlap() {
    for entry in entries() {
        let mut used = 0;
        let mut names = HashSet::new();
        assert!(!entry.fields.is_empty(), "{}", entry.name);
        for field in entry.fields {
            assert!(field.msb < entry.width * 8, "{}.{}", entry.name, field.name);
            assert_eq!(used & field.mask(), 0, "{}.{} overlaps", entry.name, field.name);
            used |= field.mask();
            assert!(names.insert(field.name), "{}.{} twice", entry.name, field.name);
            let mut values = HashSet::new();
            let mut value_names = HashSet::new();
            for value in field.values {
                assert!(value.value <= field.max(), "{}.{}.{}", entry.name, field.name, value.name);
                assert!(values.insert(value.value), "{}.{}.{}", entry.name, field.name, value.name);
                assert!(value_names.insert(value.name), "{}.{}.{}", entry.name, field.name, value.name);
            }
        }
    }
}

#[test]
fn write_only_registers_are_never_pure() {
    for entry in entries().filter(|entry| entry.access == Access::WriteOnly) {
        assert_eq!(entry.pure, Pure::No, "{}", entry.name);
    }
}

#[test]
fn data_ports_are_never_pure() {
    for entry in entries().filter(|entry| entry.name.ends_with("EMD")) {
        assert_eq!(entry.pure, Pure::No, "{}", entry.name);
    }
    assert_eq!(matching("NV_PFALCON_FALCON_?MEMD").count(), 3 * 6);
}

#[test]
fn every_place_is_aligned_and_inside_the_window_and_in_a_named_range() {
    for found in all().flat_map(some_elements) {
        let offset = found.offset();
        assert_eq!(offset % found.entry.width, 0, "{found}");
        assert!(offset <= WINDOW_SIZE - found.entry.width, "{found}");
        assert_eq!(found.entry.place(found.instance, found.index), Some(offset), "{found}");
        assert!(
            unit_of(offset).is_some(),
            "{found} at {offset:#x} is in no range: add its unit to core/src/regs/range.rs"
        );
    }
}

/// Whether any place of `one` is a place of `other`, instances told apart.
fn share_a_place(one: Found, other: Found) -> bool {
    let (few, many) = if one.entry.count <= other.entry.count { (one, other) } else { (other, one) };
    let end = |found: Found| found.offset() + found.entry.count * found.entry.stride.max(found.entry.width);
    few.offset() < end(many)
        && many.offset() < end(few)
        && few.elements().any(|place| {
            many.entry.contains(place.offset()).is_some_and(|(instance, _)| instance == many.instance)
        })
}

#[test]
fn no_two_registers_share_a_place_on_one_family_unless_one_says_alias() {
    let places: Vec<_> = all().collect();
    let mut aliases = 0;
    for (i, later) in places.iter().copied().enumerate() {
        for first in places[..i].iter().copied() {
            let common = later.families().intersection(first.families());
            if common.iter().next().is_some() && share_a_place(first, later) {
                let alias = alias_of(later.entry);
                assert_eq!(
                    alias.as_deref(),
                    Some(first.entry.name),
                    "{later} stands on {first} on {common:?}"
                );
                aliases += 1;
            }
        }
    }
    assert!(aliases >= 10, "the check has found {aliases} only");
}

#[test]
fn typed_places_stand_where_the_catalogue_says() {
    use nova_core::bus::{OffsetError, Place};
    use nova_core::regs::falcon::{self, GSP, NV_PFALCON_FALCON_IMEMD, NV_PFALCON_FALCON_MAILBOX0, SEC2};
    use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF;
    use nova_core::regs::pmc::NV_PMC_BOOT_42;
    use nova_core::regs::riscv;

    assert_eq!(NV_PMC_BOOT_42.offset().bytes(), 0xa00);
    let leaf = |i| NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF.at(i).map(|place| place.offset().bytes());
    assert_eq!(leaf(4), Ok(0xb81010));
    assert!(leaf(16).is_err());
    for (instance, index) in [(GSP, 0), (SEC2, 3)] {
        let name = format!("{}.NV_PFALCON_FALCON_IMEMD[{index}]", instance.name());
        let place = NV_PFALCON_FALCON_IMEMD.at(instance, index).map(|place| place.offset().bytes());
        assert_eq!(place.ok(), by_name(&name).map(|found| found.offset()), "{name}");
    }
    let error = NV_PFALCON_FALCON_IMEMD.at(GSP, 4).map(|_| ()).unwrap_err();
    assert_eq!((error.register, error.index, error.count), ("NV_PFALCON_FALCON_IMEMD", 4, 4));
    let mailbox = falcon::FSP.of(NV_PFALCON_FALCON_MAILBOX0).map(|place| place.offset().bytes());
    assert_eq!(mailbox, Ok::<_, OffsetError>(0x8f2040));
    let active = riscv::GSP.of(riscv::NV_PRISCV_RISCV_CPUCTL).map(|place| place.offset().bytes());
    assert_eq!(active, Ok(0x111388));
}

#[test]
fn an_alias_names_a_register_at_the_same_place() {
    for found in all() {
        if let Some(name) = alias_of(found.entry) {
            let canonical =
                by_name(&name).unwrap_or_else(|| panic!("{found} is an alias of no register: {name}"));
            let (_, index) =
                canonical.entry.contains(found.offset()).expect("an alias stands on its register");
            assert!(index < canonical.entry.count);
        }
    }
}

#[test]
fn every_place_is_found_by_its_name() {
    for found in all().flat_map(some_elements) {
        for name in [found.to_string(), found.to_string().to_ascii_lowercase()] {
            let back = by_name(&name).unwrap_or_else(|| panic!("{name} not found"));
            assert!(std::ptr::eq(back.entry, found.entry), "{name}");
            assert!(std::ptr::eq(back.unit, found.unit), "{name}");
            assert_eq!((back.instance, back.index), (found.instance, found.index), "{name}");
        }
    }
}

#[test]
fn every_place_is_found_by_its_offset_on_every_family_that_has_it() {
    for found in all().flat_map(some_elements) {
        let offset = found.offset();
        for family in found.families().iter() {
            let back = by_offset(offset, Some(family)).unwrap_or_else(|| panic!("{found} not on {family}"));
            assert_eq!(back.offset(), offset, "{found}");
            assert!(back.families().contains(family), "{found}");
            if alias_of(found.entry).is_none() {
                assert_eq!(back.to_string(), found.to_string(), "on {family}");
            }
        }
        let any = by_offset(offset, None).unwrap_or_else(|| panic!("{found} not found"));
        assert_eq!(any.offset(), offset);
        assert!(alias_of(any.entry).is_none(), "{any} is an alias");
    }
}

#[test]
fn offsets_of_no_register_are_not_found() {
    for offset in [0x2, 0xc, 0x9404, 0x180 + 8, 0xb81000 + 64, 0x8f2c00 + 64, WINDOW_SIZE, u32::MAX] {
        assert!(by_offset(offset, None).is_none(), "{offset:#x}");
    }
}

#[test]
fn a_family_decides_between_names() {
    let name = |family| by_offset(0x9140, Some(family)).map(|found| found.to_string());
    assert_eq!(name(Family::Tu102).as_deref(), Some("NV_PTIMER_INTR_EN_0"));
    assert_eq!(name(Family::Ga102).as_deref(), Some("NV_PTIMER_ALARM_INTR"));
    // A falcon that the chip has not, or has elsewhere.
    assert!(by_offset(0x8f2040, Some(Family::Ad102)).is_none());
    assert!(by_offset(0x8f2040, Some(Family::Gh100)).is_some());
    assert!(by_offset(0x830040, Some(Family::Ga102)).is_none());
    // Gone before Turing.
    assert!(by_offset(0x9200, None).is_some());
    assert!(Family::ALL.iter().all(|family| by_offset(0x9200, Some(*family)).is_none()));
}

#[test]
fn names_are_read_in_the_documented_forms() {
    let offset = |name: &str| by_name(name).map(|found| found.offset());
    assert_eq!(offset("NV_PMC_BOOT_0"), Some(0));
    assert_eq!(offset(" nv_pmc_boot_42 "), Some(0xa00));
    assert_eq!(offset("NV_PMC_INTR"), Some(0x100));
    assert_eq!(offset("NV_PMC_INTR[1]"), Some(0x104));
    assert_eq!(offset("NV_PBUS_SW_SCRATCH[0x0E]"), Some(0x1438));
    assert_eq!(offset("GSP.NV_PFALCON_FALCON_MAILBOX0"), Some(0x110040));
    assert_eq!(offset("NV_PFALCON_FALCON_MAILBOX0"), Some(0x110040));
    assert_eq!(offset("sec2.nv_pfalcon_falcon_imemd[3]"), Some(0x840184 + 3 * 16));
    assert_eq!(offset("FSP.NV_PRISCV_RISCV_CPUCTL"), Some(0x8f3388));
    // FSP's queues are 8 bytes apart.
    assert_eq!(offset("NV_PFSP_QUEUE_HEAD[1]"), Some(0x8f2c08));
    assert_eq!(offset("NV_PFSP_MSGQ_TAIL[7]"), Some(0x8f2cbc));
    assert_eq!(by_name("NV_PMC_BOOT_0[0]").map(|found| found.to_string()).as_deref(), Some("NV_PMC_BOOT_0"));
    for wrong in [
        "",
        "NV_PMC",
        "NV_PMC_INTR[2]",
        "NV_PMC_INTR[",
        "NV_PMC_INTR]",
        "NV_PMC_INTR[]",
        "NV_PMC_INTR[-1]",
        "NV_PMC_INTR[99999999999]",
        "NV_PMC_BOOT_0[1]",
        "GSP.NV_PMC_BOOT_0",
        "NOBODY.NV_PFALCON_FALCON_MAILBOX0",
        ".NV_PFALCON_FALCON_MAILBOX0",
        "[0]",
    ] {
        assert!(by_name(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn globs() {
    let names = |pattern: &str| matching(pattern).map(|found| found.to_string()).collect::<Vec<_>>();
    assert_eq!(names("NV_PMC_BOOT_?"), ["NV_PMC_BOOT_0", "NV_PMC_BOOT_1", "NV_PMC_BOOT_2"]);
    assert_eq!(names("nv_pmc_boot_4*"), ["NV_PMC_BOOT_42"]);
    assert_eq!(names("NV_PMC_INTR"), ["NV_PMC_INTR[0]"]);
    assert_eq!(names("NV_PTIMER_TIME_?"), ["NV_PTIMER_TIME_0", "NV_PTIMER_TIME_1"]);
    assert_eq!(
        names("SEC2.*MAILBOX?"),
        ["SEC2.NV_PFALCON_FALCON_MAILBOX0", "SEC2.NV_PFALCON_FALCON_MAILBOX1"]
    );
    assert_eq!(names("*_MAILBOX0").len(), 6);
    assert_eq!(names("**").len(), all().count());
    assert_eq!(names("*").len(), all().count());
    assert!(names("").is_empty());
    assert!(names("BOOT").is_empty());
    assert!(names("*BOOT_0?").is_empty());
    assert!(names("x.*").is_empty());
    let scratch = matching("NV_PBUS_SW_SCRATCH").next().expect("it is there");
    assert_eq!(scratch.elements().count(), 64);
    assert_eq!(scratch.elements().last().map(|found| found.offset()), Some(0x14fc));
}

/// What tock-registers generated for one register and what the catalogue says of it are the same.
macro_rules! same_as_tock {
    ($($unit:ident: $($register:ident)+;)+) => {$($({
        type R = regs::$unit::$register::Register;
        let found = by_name(stringify!($register)).expect(stringify!($register));
        assert_eq!(<R as RegisterDebugInfo<u32>>::name(), found.entry.name);
        let names = <R as RegisterDebugInfo<u32>>::field_names();
        let fields = <R as RegisterDebugInfo<u32>>::fields();
        assert_eq!(names.len(), found.entry.fields.len());
        for ((name, tock), ours) in names.iter().zip(fields).zip(found.entry.fields) {
            assert_eq!(*name, ours.name);
            assert_eq!((tock.mask, tock.shift as u32), (ours.max(), ours.lsb), "{name}");
        }
        assert_eq!(R::OFFSET, found.entry.offset);
        assert_eq!(R::COUNT, found.entry.count);
        assert_eq!(R::STRIDE, found.entry.stride);
        assert_eq!(<<R as Register>::Word as Word>::BYTES, found.entry.width);
        // Its own decoder prints every field with the name that ours finds.
        for value in [0, 1, 0x1234_5678, 0xb760_00a1, u32::MAX] {
            let copy = tock_registers::LocalRegisterCopy::<u32, R>::new(value);
            let mut ours = format!("{} {{ ", found.entry.name);
            let decoded = decode(found.entry, value);
            for (i, field) in decoded.iter().enumerate() {
                let separator = if i + 1 == decoded.len() { " }" } else { ", " };
                match field.name {
                    Some(name) => write!(ours, "{}: {name}{separator}", field.field.name),
                    None => write!(ours, "{}: {}{separator}", field.field.name, field.value),
                }
                .expect("a string takes everything");
            }
            assert_eq!(format!("{:?}", copy.debug()), ours);
        }
    })+)+};
}

#[test]
fn the_catalogue_is_what_tock_registers_says() {
    same_as_tock! {
        pmc: NV_PMC_BOOT_0 NV_PMC_BOOT_1 NV_PMC_BOOT_42 NV_PMC_INTR NV_PMC_ENABLE NV_PMC_INTR_FBPA;
        ptimer: NV_PTIMER_PRI_TIMEOUT_SAVE_0 NV_PTIMER_INTR_0 NV_PTIMER_TIME_0 NV_PTIMER_TIME_1
            NV_PTIMER_GR_TICK_FREQ NV_PTIMER_TIMER_CFG0;
        pbus: NV_PBUS_INTR_0 NV_PBUS_INTR_EN_0 NV_PBUS_BAR0_WINDOW NV_PBUS_SW_SCRATCH;
        intr: NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF NV_CTRL_LEGACY_ENGINE_STALL_INTR_BASE_VECTORID;
        vf: NV_VIRTUAL_FUNCTION_PRIV_FUNC_BAR1_BLOCK_LOW_ADDR NV_VIRTUAL_FUNCTION_CFG0;
        pfb: NV_PFB_PRI_MMU_LOCAL_MEMORY_RANGE NV_PFB_PRI_MMU_WPR2_ADDR_HI;
        pgc6: NV_PGC6_AON_SECURE_SCRATCH_GROUP_05 NV_PGC6_SCI_SYS_TIMER_OFFSET_0;
        prom: NV_PBUS_IFR_FMT_FIXED0 NV_PBUS_IFR_FMT_FIXED1;
        ptop: NV_PTOP_DEVICE_INFO NV_PTOP_DEVICE_INFO2 NV_PTOP_DEVICE_INFO_CFG;
        falcon: NV_PFALCON_FALCON_CPUCTL NV_PFALCON_FALCON_DMATRFCMD NV_PFALCON_FALCON_IMEMC
            NV_PFALCON_FALCON_HWCFG2 NV_PFALCON_FALCON_ENGINE;
        riscv: NV_PRISCV_RISCV_BCR_CTRL NV_PFALCON2_FALCON_MOD_SEL;
        pri: NV_PEXTDEV_BOOT_0 NV_PPRIV_MASTER_RING_COMMAND;
    }
}

/// The entry's decoder is tock-registers'; its fields are the catalogue's. On any value they agree.
fn decoders_agree(entry: &Entry, value: u32) {
    let value = if entry.width == 4 { value } else { value & ((1 << (entry.width * 8)) - 1) };
    let decoded = decode(entry, value);
    assert_eq!(decoded.len(), entry.fields.len(), "{}", entry.name);
    for (decoded, field) in decoded.iter().zip(entry.fields) {
        assert!(std::ptr::eq(decoded.field, field), "{}.{}", entry.name, field.name);
        assert_eq!(decoded.value, field.extract(value), "{}.{} of {value:#x}", entry.name, field.name);
        let name = field.values.iter().find(|v| v.value == decoded.value).map(|v| v.name);
        assert_eq!(decoded.name, name, "{}.{} of {value:#x}", entry.name, field.name);
    }
}

#[test]
fn all_ones_and_all_zeros_decode() {
    for entry in entries() {
        decoders_agree(entry, u32::MAX);
        decoders_agree(entry, 0);
        for field in decode(entry, u32::MAX) {
            assert_eq!(field.value, field.field.max(), "{}.{}", entry.name, field.field.name);
        }
    }
}

proptest! {
    #[test]
    fn any_value_decodes(value: u32) {
        for entry in entries() {
            decoders_agree(entry, value);
        }
    }

    #[test]
    fn any_offset_is_looked_up_without_panic(offset: u32) {
        let inside = offset % WINDOW_SIZE;
        for found in [by_offset(offset, None), by_offset(inside, Some(Family::Gb202))].into_iter().flatten() {
            prop_assert_eq!(by_offset(found.offset(), None).map(|f| f.offset()), Some(found.offset()));
        }
        let _ = unit_of(offset);
    }

    #[test]
    fn any_text_is_looked_up_without_panic(text in ".{0,40}") {
        let _ = by_name(&text);
        let _ = matching(&text).count();
    }

    #[test]
    fn names_with_any_index(index in 0u32..200) {
        let found = by_name(&format!("NV_PBUS_SW_SCRATCH[{index}]"));
        prop_assert_eq!(found.map(|f| f.offset()), (index < 64).then_some(0x1400 + 4 * index));
    }

    /// A pattern made from a name by putting stars and question marks in finds that name.
    #[test]
    fn a_glob_made_from_a_name_finds_it(
        pick in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((0usize..64, any::<bool>()), 0..5),
    ) {
        let names: Vec<_> = entries().map(|entry| entry.name).collect();
        let name = names[pick.index(names.len())];
        let mut pattern = name.to_ascii_lowercase();
        for (at, star) in cuts {
            let at = at % pattern.len();
            if star {
                pattern.replace_range(at..=at, "*");
            } else if pattern.as_bytes()[at] != b'*' {
                pattern.replace_range(at..=at, "?");
            }
        }
        prop_assert!(matching(&pattern).any(|found| found.entry.name == name), "{} {}", pattern, name);
    }

    #[test]
    fn chip_ids_decode_from_any_boot_0_of_the_chip(
        pick in any::<prop::sample::Index>(),
        revision in 0u32..256,
        foundry in 0u32..8,
    ) {
        let chipset = Chipset::ALL[pick.index(Chipset::ALL.len())];
        let boot_0 = foundry << 29 | chipset.id() << 20 | revision;
        prop_assert_eq!(Chipset::from_id(boot_0 >> 20 & 0x1ff), Some(chipset));
    }
}

fn field(register: &str, field: &str, value: u32) -> u32 {
    let found = by_name(register).expect("the register is there");
    found.entry.field(field).expect("the field is there").extract(value)
}

#[test]
fn chips_are_sorted_by_id_and_found_by_id_and_name() {
    for pair in Chipset::ALL.windows(2) {
        assert!(pair[0].id() < pair[1].id(), "{} {}", pair[0], pair[1]);
    }
    for chipset in Chipset::ALL.iter().copied() {
        let row = chipset.row();
        assert_eq!(row.chipset, chipset);
        assert_eq!(Chipset::from_id(row.id), Some(chipset));
        assert_eq!(Chipset::by_name(row.name), Some(chipset));
        assert_eq!(Chipset::by_name(&row.name.to_lowercase()), Some(chipset));
        assert_eq!(chipset.to_string(), row.name);
        assert_eq!(Architecture::from_id(row.id >> 4), Some(row.architecture));
        assert_eq!(chipset.architecture(), row.architecture);
    }
    let known = (0..0x400).filter_map(Chipset::from_id).count();
    assert_eq!(known, Chipset::ALL.len());
    assert_eq!(Chipset::from_id(0x1ff), None);
    assert_eq!(Chipset::by_name("GA1"), None);
    assert_eq!(Chipset::ALL.iter().filter(|chipset| chipset.row().in_nova_7_3).count(), 24);
    assert_eq!(Chipset::ALL.iter().filter(|chipset| chipset.row().soc).count(), 3);
}

#[test]
fn observed_boot_words_decode_to_the_chip() {
    for row in Chipset::ALL.iter().map(|chipset| chipset.row()) {
        if let Some(boot_0) = row.boot_0 {
            let id = field("NV_PMC_BOOT_0", "ARCHITECTURE_1", boot_0) << 9
                | field("NV_PMC_BOOT_0", "ARCHITECTURE_0", boot_0) << 4
                | field("NV_PMC_BOOT_0", "IMPLEMENTATION", boot_0);
            assert_eq!(id, row.id, "{}", row.name);
            let samsung = row.family == Family::Ga102;
            assert_eq!(
                field("NV_PMC_BOOT_0", "FOUNDRY", boot_0),
                if samsung { 5 } else { 0 },
                "{}",
                row.name
            );
        }
        if let Some(boot_42) = row.boot_42 {
            let id = field("NV_PMC_BOOT_42", "ARCHITECTURE", boot_42) << 4
                | field("NV_PMC_BOOT_42", "IMPLEMENTATION", boot_42);
            assert_eq!(id, row.id, "{}", row.name);
            let boot_0 = row.boot_0.expect("BOOT_42 was seen together with BOOT_0");
            assert_eq!(boot_42, boot_0 & 0x1ff0_0000 | (boot_0 & 0xff) << 12, "{}", row.name);
        }
    }
}

#[test]
fn families_and_architectures_of_the_chips_agree() {
    for row in Chipset::ALL.iter().map(|chipset| chipset.row()) {
        let families: &[Family] = match row.architecture {
            Architecture::Turing => &[Family::Tu102],
            Architecture::Ampere => &[Family::Ga100, Family::Ga102],
            Architecture::Hopper => &[Family::Gh100],
            Architecture::Ada => &[Family::Ad102],
            Architecture::BlackwellGb1xx => &[Family::Gb100],
            Architecture::BlackwellGb2xx => &[Family::Gb202],
        };
        assert!(families.contains(&row.family), "{}", row.name);
        assert!(row.bar0_size >= WINDOW_SIZE && row.bar0_size.is_power_of_two(), "{}", row.name);
        assert!(!(row.soc && row.board.is_some()), "{}", row.name);
        if let Some(board) = row.board {
            assert!([0x03_0000, 0x03_0200].contains(&board.class), "{}", row.name);
        }
    }
    assert_eq!(Architecture::BlackwellGb1xx.to_string(), "Blackwell");
    assert_eq!(format!("{:>8}|{:<6}|", Architecture::Ada, Chipset::GA102), "     Ada|GA102 |");
}
