//! The registers that are more than storage, as a table.
//!
//! Everything else comes from core's catalogue and behaves as its access mode says. A new chip of a known family
//! needs nothing here.

use nova_backends::model::Kind;
use nova_core::bus::{Offset, Register};
use nova_core::chip::FamilySet;
use nova_core::chip::family::sets;
use nova_core::regs::{falcon, intr, pbus, pgc6, pmc, ptimer, riscv, therm, vf, xal, xve};

use super::falcon::SECOND_PAGE;
use super::hook::Hook;

/// Registers of one kind at equal distances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) offset: u32,
    pub(super) count: u32,
    pub(super) stride: u32,
    pub(super) kind: Kind,
    pub(super) reset: u32,
    pub(super) families: FamilySet,
}

/// A register, or all of an array, on the families that have it.
const fn row<R: Register>(_register: R, kind: Kind, reset: u32) -> Row {
    Row { offset: R::OFFSET, count: R::COUNT, stride: R::STRIDE, kind, reset, families: R::FAMILIES }
}

const fn hook<R: Register>(register: R, hook: Hook) -> Row {
    row(register, hook.kind(), 0)
}

impl Row {
    /// The same on fewer families.
    const fn on(self, families: FamilySet) -> Self {
        Self { families, ..self }
    }
    /// The same, `bytes` further up.
    pub(super) const fn up(self, bytes: u32) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }
    /// The first `count` of the array.
    const fn first(self, count: u32) -> Self {
        Self { count, ..self }
    }
    /// Element `index` on.
    const fn from(self, index: u32) -> Self {
        Self { offset: self.offset + index * self.stride, count: self.count - index, ..self }
    }
}

/// A second address of another row's registers.
const fn alias<R: Register>(register: R, of: Row) -> Row {
    let Ok(target) = Offset::new(of.offset) else { panic!("aliases of registers that exist") };
    let row = row(register, Kind::AliasOf(target), 0);
    Row { count: of.count, stride: of.stride, families: of.families, ..row }
}

// Turing to Ada have 8 leaves, later chips 16.
const LEAVES: u32 = 8;
const LEAF: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF, Hook::Leaf);
const LEAF_SET: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET, Hook::LeafEnableSet);
const LEAF_CLEAR: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR, Hook::LeafEnableClear);
const TOP: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP, Hook::Top);
const TOP_SET: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET, Hook::TopEnableSet);
const TOP_CLEAR: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR, Hook::TopEnableClear);
const TRIGGER: Row = hook(intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER, Hook::LeafTrigger);

/// 31:5 of an alarm.
const ALARM_BITS: u32 = !31;

/// In the order they are added: the target of an alias comes first.
pub(super) static ROWS: &[Row] = &[
    // PTIMER. Writes to the time are taken or dropped by the timer; the privilege mask itself is written by firmware
    // only, which is inferred: if the host could open it, it would protect nothing.
    hook(ptimer::NV_PTIMER_TIME_0, Hook::TimeLow),
    hook(ptimer::NV_PTIMER_TIME_1, Hook::TimeHigh),
    hook(vf::NV_USERMODE_TIME_0, Hook::TimeLow),
    hook(vf::NV_USERMODE_TIME_1, Hook::TimeHigh),
    hook(vf::NV_VIRTUAL_FUNCTION_TIME_0, Hook::TimeLow),
    hook(vf::NV_VIRTUAL_FUNCTION_TIME_1, Hook::TimeHigh),
    row(ptimer::NV_PTIMER_TIME_PRIV_LEVEL_MASK, Kind::ReadOnly, 0),
    row(ptimer::NV_PTIMER_ALARM_0, Hook::Alarm.kind(), 0),
    // Present, but with nothing behind it unless the configuration says so, from GA100 to Ada.
    hook(ptimer::NV_PTIMER_INTR_0, Hook::AlarmPending).on(sets::pre_hopper),
    hook(ptimer::NV_PTIMER_INTR_EN_0, Hook::AlarmEnable),
    hook(ptimer::NV_PTIMER_ALARM_INTR, Hook::AlarmEnable),
    row(ptimer::NV_PTIMER_TIMER_CFG0, Kind::RW, 7 << 16 | 0x1b),
    row(ptimer::NV_PTIMER_TIMER_CFG1, Kind::RW, 9),
    row(ptimer::NV_PTIMER_TIMER_INTR_VECTOR, Kind::ReadOnly, 148),
    row(ptimer::NV_PTIMER_GR_TICK_FREQ, Kind::ReadWrite { mask: 7 }, 5),
    row(ptimer::NV_PTIMER_PRI_TIMEOUT_SAVE_0, Kind::Latch, 0),
    row(ptimer::NV_PTIMER_PRI_TIMEOUT_SAVE_1, Kind::RW, 0),
    row(ptimer::NV_PTIMER_PRI_TIMEOUT_FECS_ERRCODE, Kind::RW, 0),
    hook(vf::NV_VIRTUAL_FUNCTION_PRIV_TIMER, Hook::Countdown),
    hook(vf::NV_VIRTUAL_FUNCTION_PRIV_TIMER_1, Hook::Countdown),
    hook(pgc6::NV_PGC6_SCI_SEC_TIMER_TIME_0, Hook::SecureLow),
    hook(pgc6::NV_PGC6_SCI_SEC_TIMER_TIME_1, Hook::SecureHigh),
    hook(pgc6::NV_PGC6_SCI_SYS_TIMER_OFFSET_0, Hook::OffsetLow),
    hook(pgc6::NV_PGC6_SCI_SYS_TIMER_OFFSET_1, Hook::OffsetHigh),
    // The tree, and the same tree by its absolute names.
    LEAF.first(LEAVES),
    LEAF.from(LEAVES).on(sets::hopper_up),
    LEAF_SET.first(LEAVES),
    LEAF_SET.from(LEAVES).on(sets::hopper_up),
    LEAF_CLEAR.first(LEAVES),
    LEAF_CLEAR.from(LEAVES).on(sets::hopper_up),
    TOP,
    TOP_SET,
    TOP_CLEAR,
    TRIGGER,
    alias(intr::NV_CTRL_CPU_INTR_LEAF, LEAF.first(LEAVES)),
    alias(intr::NV_CTRL_CPU_INTR_LEAF_EN_SET, LEAF_SET.first(LEAVES)),
    alias(intr::NV_CTRL_CPU_INTR_LEAF_EN_CLEAR, LEAF_CLEAR.first(LEAVES)),
    alias(intr::NV_CTRL_CPU_INTR_TOP, TOP),
    alias(intr::NV_CTRL_CPU_INTR_TOP_EN_SET, TOP_SET),
    alias(intr::NV_CTRL_CPU_INTR_TOP_EN_CLEAR, TOP_CLEAR),
    alias(intr::NV_CTRL_CPU_INTR_LEAF_TRIGGER, TRIGGER),
    row(intr::NV_CTRL_VIRTUAL_INTR_VECTORID, Kind::ReadOnly, 130),
    row(intr::NV_CTRL_CPU_DOORBELL_VECTORID, Kind::ReadOnly, 129),
    row(intr::NV_CTRL_LEGACY_ENGINE_STALL_INTR_BASE_VECTORID, Kind::ReadOnly, 192),
    row(intr::NV_CTRL_LEGACY_ENGINE_NONSTALL_INTR_BASE_VECTORID, Kind::ReadOnly, 0),
    // The legacy summary.
    hook(pmc::NV_PMC_INTR, Hook::PmcPending),
    hook(pmc::NV_PMC_INTR_EN, Hook::PmcEnabled),
    hook(pmc::NV_PMC_INTR_EN_SET, Hook::PmcEnableSet),
    hook(pmc::NV_PMC_INTR_EN_CLEAR, Hook::PmcEnableClear),
    hook(pmc::NV_PMC_INTR_SW, Hook::PmcSoftware),
    hook(xve::NV_XVE_CYA_2, Hook::Rearm),
    // Display is enabled at reset; what Turing's other engines reset to is not known here.
    row(pmc::NV_PMC_ENABLE, Kind::RW, 1 << 30),
    // Bus errors.
    hook(pbus::NV_PBUS_INTR_0, Hook::BusPending),
    hook(pbus::NV_PBUS_INTR_EN_0, Hook::BusEnable),
    hook(pbus::NV_PBUS_SW_INTR_0, Hook::BusSoftware),
    hook(xal::NV_XAL_EP_INTR_0, Hook::XalPending),
    // Firmware.
    hook(pgc6::NV_PGC6_AON_SECURE_SCRATCH_GROUP_05_PRIV_LEVEL_MASK, Hook::GfwMask),
    hook(pgc6::NV_PGC6_AON_SECURE_SCRATCH_GROUP_05, Hook::GfwProgress),
    hook(therm::NV_THERM_I2CS_SCRATCH, Hook::FspStatus),
    hook(therm::NV_THERM_I2CS_SCRATCH_GB202, Hook::FspStatus),
    row(pgc6::NV_PGC6_BSI_SECURE_SCRATCH_14, Kind::ReadOnly, 1 << 26),
    row(pgc6::NV_PGC6_BSI_SECURE_SCRATCH_15, Kind::ReadOnly, 3 << 29),
    // The user-mode window, whose class GB100 takes from Hopper.
    row(vf::NV_USERMODE_CFG0, Kind::ReadOnly, 0xc461),
    row(vf::NV_VIRTUAL_FUNCTION_CFG0, Kind::ReadOnly, 0xc561).on(sets::pre_hopper),
    row(vf::NV_VIRTUAL_FUNCTION_CFG0, Kind::ReadOnly, 0xc661).on(sets::hopper_up),
];

/// Registers of each falcon that is simulated, relative to its base.
pub(super) static FALCON_ROWS: &[Row] = &[
    hook(falcon::NV_PFALCON_FALCON_IRQSCLR, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IRQSTAT, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IRQMSET, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IRQMCLR, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IRQMASK, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_HWCFG2, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_CPUCTL, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_HWCFG, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_DMACTL, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_DMATRFCMD, Hook::Falcon),
    row(falcon::NV_PFALCON_FALCON_DMATRFMOFFS, Kind::ReadWrite { mask: 0xffff }, 0).on(sets::turing),
    row(falcon::NV_PFALCON_FALCON_DMATRFMOFFS, Kind::ReadWrite { mask: 0xff_ffff }, 0).on(sets::ga100_up),
    row(falcon::NV_PFALCON_FALCON_DMATRFBASE1, Kind::ReadWrite { mask: 0x1ff }, 0),
    // Revision 6, heavy security, four and eight ports: inferred. Bits 15:8 are from nouveau.
    row(falcon::NV_PFALCON_FALCON_HWCFG1, Kind::ReadOnly, 8 << 12 | 4 << 8 | 3 << 4 | 6),
    hook(falcon::NV_PFALCON_FALCON_IMEMC, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IMEMD, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_IMEMT, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_DMEMC, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_DMEMD, Hook::Falcon),
    hook(falcon::NV_PFALCON_FALCON_ENGINE, Hook::Falcon),
    row(falcon::NV_PFALCON_FBIF_TRANSCFG, Kind::ReadWrite { mask: 7 }, 0),
    row(falcon::NV_PFALCON_FBIF_CTL, Kind::ReadWrite { mask: 1 << 7 }, 0),
    hook(riscv::NV_PRISCV_RISCV_BCR_CTRL, Hook::Falcon).up(SECOND_PAGE),
];

/// What a write to ALARM_0 keeps.
pub(super) const fn alarm(value: u32) -> u32 {
    value & ALARM_BITS
}
