//! Where an interrupt comes from.

use core::fmt;

/// A source of interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source {
    /// A vector of the tree: leaf `v / 32`, bit `v % 32`.
    Vector(u16),
    /// A bit of `NV_PMC_INTR(0)`, Turing only.
    Pmc(u8),
}

impl Source {
    /// The timer's alarm in the legacy tree (Turing). Source: OGD turing_interrupt_map.
    pub const PMC_PTIMER: Self = Self::Pmc(20);
    /// The bus unit in the legacy tree (Turing).
    pub const PMC_PBUS: Self = Self::Pmc(28);
    /// A doorbell for the CPU; nothing in the hardware nova uses rings it, so it serves for
    /// software-triggered interrupts. Source: OGD ampere_interrupt_map.
    pub const CPU_DOORBELL: Self = Self::Vector(129);
    /// The timer's countdown. Source: OGD ga100 dev_timer, turing_interrupt_map.
    pub const COUNTDOWN: Self = Self::Vector(148);
    /// The timer's alarm (GA100 on; unassigned on Turing).
    pub const ALARM: Self = Self::Vector(159);

    /// The vector or bit number.
    pub const fn number(self) -> u32 {
        match self {
            Self::Vector(vector) => vector as u32,
            Self::Pmc(bit) => bit as u32,
        }
    }

    /// What the hardware map calls it, where it has a fixed meaning.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Pmc(20) => "PTIMER alarm (PMC)",
            Self::Pmc(28) => "PBUS (PMC)",
            Self::Vector(64) => "MMU replayable fault",
            Self::Vector(72) => "hub access counter",
            Self::Vector(129) => "CPU doorbell",
            Self::Vector(130) => "privileged doorbell",
            Self::Vector(132) => "MMU non-replayable fault",
            Self::Vector(141) => "PFB",
            Self::Vector(146) => "THERMAL",
            Self::Vector(147) => "HDACODEC",
            Self::Vector(148) => "PTIMER countdown",
            Self::Vector(149) => "PMGR",
            Self::Vector(152) => "PMU",
            Self::Vector(153) => "LTC",
            Self::Vector(154) => "PDISP",
            Self::Vector(155) => "GSP",
            Self::Vector(156) => "PBUS",
            Self::Vector(157) => "XVE",
            Self::Vector(158) => "PRIV_RING",
            Self::Vector(159) => "PTIMER alarm",
            _ => return None,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), Self::Vector(v)) => write!(f, "{name} (vector {v})"),
            (Some(name), Self::Pmc(_)) => f.write_str(name),
            (None, Self::Vector(v)) => write!(f, "vector {v}"),
            (None, Self::Pmc(bit)) => write!(f, "PMC bit {bit}"),
        }
    }
}
