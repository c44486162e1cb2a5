//! What a register counts, and how fast.

use nova_core::bus::catalogue::{Entry, FieldInfo};

use super::Seen;

/// The unit of a register that counts something, as its description has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    name: &'static str,
    /// The bits that count.
    mask: u32,
}

impl Unit {
    /// The unit of `entry`, or of one field of it. NVIDIA's field names say it, and where they do not, the description.
    pub(super) fn of(entry: &Entry, field: Option<&FieldInfo>) -> Option<Self> {
        let mask = field.map_or(u32::MAX, FieldInfo::mask);
        let mut fields =
            entry.fields.iter().filter(|this| field.is_none_or(|wanted| wanted.name == this.name));
        let named = fields.find_map(|field| match field.name {
            // The high word of a time counts what the low word overflows at.
            "NSEC" if field.doc.iter().any(|line| line.contains("2^32 ns")) => Some("2^32 ns"),
            "NSEC" => Some("ns"),
            "USEC" => Some("us"),
            _ => None,
        });
        let said = || entry.doc.iter().any(|line| line.contains("in ns")).then_some("ns");
        named.or_else(said).map(|name| Self { name, mask })
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// By how much it went up in a second. It may have wrapped once.
    pub(super) fn rate(self, before: Seen, now: Seen) -> Option<f64> {
        let span = now.at.checked_sub(before.at).filter(|span| *span > 0)?;
        let step = now.value.wrapping_sub(before.value) & self.mask;
        // A count that goes down, such as a countdown, has the shorter way down.
        let step =
            if step > self.mask / 2 { f64::from(step) - f64::from(self.mask) - 1.0 } else { f64::from(step) };
        #[allow(clippy::cast_precision_loss, reason = "a rate has no sixteen digits")]
        Some(step * 1e9 / span as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nova_core::regs;

    fn unit(name: &str) -> Option<&'static str> {
        Unit::of(regs::by_name(name).unwrap().entry, None).map(Unit::name)
    }

    #[test]
    fn the_time_has_units() {
        assert_eq!(unit("NV_PTIMER_TIME_0"), Some("ns"));
        assert_eq!(unit("NV_PTIMER_TIME_1"), Some("2^32 ns"));
        assert_eq!(unit("NV_PTIMER_ALARM_0"), Some("ns"));
        assert_eq!(unit("NV_PMC_BOOT_0"), None);
    }

    #[test]
    fn rates_are_per_second_also_across_a_wrap_and_downwards() {
        let unit = Unit { name: "ns", mask: 0xffff_ffe0 };
        let seen = |value, at| Seen { value, at };
        let rate = |before, now| unit.rate(before, now).map(|rate| rate.round() as i64);
        assert_eq!(rate(seen(0x20, 0), seen(0x420, 1024)), Some(1_000_000_000));
        assert_eq!(rate(seen(0xffff_ffe0, 0), seen(0x20, 64)), Some(1_000_000_000));
        assert_eq!(rate(seen(0x420, 0), seen(0x20, 1024)).map(i64::signum), Some(-1));
        assert_eq!(rate(seen(0, 5), seen(1, 5)), None);
    }
}
