//! Registers, one file per hardware unit, with NVIDIA's names.
//!
//! Every register says in its doc comment where it was read and how sure it is:
//!
//! | tag | meaning |
//! |---|---|
//! | `[H]` | NVIDIA header or manual, or two independent drivers |
//! | `[D]` | one driver only |
//! | `[E]` | envytools: reverse-engineered |
//! | `[O]` | observed in a public log |
//! | `[I]` | inferred by us |
//!
//! A tag holds for what stands before it; what is only guessed or assumed says so in words.
//!
//! Sources: OGKM is NVIDIA's open-gpu-kernel-modules, OGD its open-gpu-doc; nova-core and nouveau are Linux
//! 7.3's.
//!
//! Rules of the tables:
//!
//! * Where NVIDIA uses one name for two places, one of them has a suffix, the first chip with that place:
//!   `NV_THERM_I2CS_SCRATCH_GB202`.
//! * Two entries may share a place on one family only if the later one says `Alias of` the other in its doc
//!   comment.
//! * The set `historic` is empty: such a register has gone before Turing and is listed for old traces and
//!   documents.
//! * `ro pure` registers may be read at any time; the windows PROM and PRAMIN are arrays of 262144 words, so
//!   a tool that dumps should bound what it reads of one array.

pub mod falcon;
pub mod fsp;
pub mod fuse;
pub mod gsp;
pub mod intr;
mod lookup;
pub mod pbus;
pub mod pdisp;
pub mod pfb;
pub mod pgc6;
pub mod pmc;
pub mod pramin;
pub mod pri;
pub mod prom;
pub mod ptimer;
pub mod ptop;
mod range;
pub mod riscv;
pub mod therm;
pub mod vf;
pub mod xal;
pub mod xve;

pub use lookup::{Found, all, by_name, by_offset, matching};
pub use range::unit_of;

use crate::bus::catalogue::Unit;

/// Every unit with its registers, roughly by address.
pub static UNITS: &[Unit] = &[
    Unit { name: "pmc", registers: pmc::ENTRIES },
    Unit { name: "pbus", registers: pbus::ENTRIES },
    Unit { name: "ptimer", registers: ptimer::ENTRIES },
    Unit { name: "therm", registers: therm::ENTRIES },
    Unit { name: "fuse", registers: fuse::ENTRIES },
    Unit { name: "ptop", registers: ptop::ENTRIES },
    Unit { name: "xve", registers: xve::ENTRIES },
    Unit { name: "pfb", registers: pfb::ENTRIES },
    Unit { name: "xal", registers: xal::ENTRIES },
    Unit { name: "gsp", registers: gsp::ENTRIES },
    Unit { name: "pgc6", registers: pgc6::ENTRIES },
    Unit { name: "pri", registers: pri::ENTRIES },
    Unit { name: "prom", registers: prom::ENTRIES },
    Unit { name: "pdisp", registers: pdisp::ENTRIES },
    Unit { name: "pramin", registers: pramin::ENTRIES },
    Unit { name: "fsp", registers: fsp::ENTRIES },
    Unit { name: "falcon", registers: falcon::ENTRIES },
    Unit { name: "riscv", registers: riscv::ENTRIES },
    Unit { name: "intr", registers: intr::ENTRIES },
    Unit { name: "vf", registers: vf::ENTRIES },
];
