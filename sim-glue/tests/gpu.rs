//! The simulated GPUs, seen through the bus as a driver sees them.

use nova_core::bus::{Io, Offset};
use nova_core::chip::family::sets;
use nova_core::chip::{Chipset, Family};
use nova_core::regs::intr::{
    NV_CTRL_CPU_INTR_LEAF, NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_CLEAR as LEAF_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_EN_SET as LEAF_SET,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER, NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP as TOP,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_CLEAR as TOP_CLEAR,
    NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP_EN_SET as TOP_SET,
};
use nova_core::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_1, NV_PMC_BOOT_42};
use nova_core::regs::ptimer::{NV_PTIMER_ALARM_0, NV_PTIMER_TIME_0, NV_PTIMER_TIME_1};
use nova_core::regs::vf::{NV_VIRTUAL_FUNCTION_TIME_0, NV_VIRTUAL_FUNCTION_TIME_1};
use nova_sim_glue::gpu::{Function, Gpu, Health, Power, SimBus, SimConfig, Workbench};

const WRAP: u64 = 1 << 32;
const DECODE_ERROR: u32 = 0xBADF_1100;
/// INTR_0 and INTR_EN_0, by offset: the typed ones exist on Turing only.
const INTR_0: u32 = 0x9100;
const INTR_EN_0: u32 = 0x9140;

struct Card {
    gpu: Gpu,
    bus: SimBus,
}

impl Card {
    fn new(config: SimConfig) -> Self {
        let gpu = Gpu::new(config);
        let bus = SimBus::on(&gpu, Workbench::stepping(32));
        Self { gpu, bus }
    }
    fn of(chipset: Chipset) -> Self {
        Self::new(SimConfig { time_ns: 0, ..SimConfig::new(chipset) })
    }
    fn io(&self) -> Io<'_, SimBus> {
        Io::new(&self.bus)
    }
    fn read(&self, offset: u32) -> u32 {
        self.io().read_untyped(Offset::new(offset).unwrap()).unwrap()
    }
    fn write(&self, offset: u32, value: u32) {
        self.io().write_untyped(Offset::new(offset).unwrap(), value).unwrap();
    }
    fn pass(&self, ns: u64) {
        self.bus.board().pass(ns);
    }
    /// Messages so far; looking is an access that lets due hardware act.
    fn messages(&self) -> u64 {
        self.read(0);
        self.bus.board().messages()
    }
    fn enable(&self, leaf: u32, bits: u32) {
        self.io().write_word(LEAF_SET.at(leaf).unwrap(), bits).unwrap();
        self.io().write_word(TOP_SET, 0xff).unwrap();
    }
}

fn one_of_each_family() -> impl Iterator<Item = Chipset> {
    use Chipset::{AD102, GA100, GA102, GB100, GB202, GH100, TU102};
    [TU102, GA100, GA102, AD102, GH100, GB100, GB202].into_iter()
}

#[test]
fn every_chip_identifies_itself() {
    for chipset in Chipset::ALL {
        let card = Card::of(*chipset);
        let boot_0 = card.io().read(NV_PMC_BOOT_0).unwrap();
        assert_eq!(boot_0.get() >> 20 & 0x1ff, chipset.id(), "{chipset}");
        if let Some(seen) = chipset.row().boot_0 {
            assert_eq!(boot_0.get(), seen, "{chipset}");
        }
        assert_eq!(card.io().read(NV_PMC_BOOT_42).unwrap().get() >> 20, chipset.id(), "{chipset}");
        assert_eq!(card.io().read(NV_PMC_BOOT_1).unwrap().get(), 0);
        let mirror = if sets::hopper_up.contains(chipset.family()) { 0x9_2000 } else { 0x8_8000 };
        assert_eq!(card.read(mirror) & 0xffff, 0x10de, "{chipset}");
    }
}

#[test]
fn every_condition_shows_where_drivers_look() {
    let with = |change: fn(&mut SimConfig)| {
        let mut config = SimConfig::new(Chipset::GB202);
        change(&mut config);
        Card::new(config)
    };
    assert_eq!(with(|c| c.function = Function::Virtual).read(4) >> 16 & 3, 2);
    assert_eq!(with(|c| c.function = Function::ParaVirtual).read(4) >> 16 & 3, 1);
    assert_eq!(with(|c| c.health = Health::Recovery).read(0), 0);
    assert_eq!(with(|c| c.health = Health::SecurityFault).read(0), 0xBADF_0200);
    let firewall = with(|c| c.firewall = true);
    assert_eq!(firewall.read(0), u32::MAX);
    firewall.gpu.with(nova_sim_glue::gpu::SimGpu::lower_firewall);
    assert_eq!(firewall.read(0), 0x1B20_00A1);
}

#[test]
fn all_views_of_the_time_are_one_counter() {
    for chipset in one_of_each_family() {
        let card = Card::of(chipset);
        card.pass(5 * WRAP);
        let first = card.io().read(NV_PTIMER_TIME_0).unwrap().get();
        let second = card.io().read(NV_VIRTUAL_FUNCTION_TIME_0).unwrap().get();
        assert_eq!(second - first, 32, "{chipset}");
        assert_eq!(card.io().read(NV_PTIMER_TIME_1).unwrap().get(), 5);
        assert_eq!(card.io().read(NV_VIRTUAL_FUNCTION_TIME_1).unwrap().get(), 5);
        if chipset.family() == Family::Tu102 {
            assert_eq!((card.read(0x81_0084), card.read(0x81_0080) & 31), (5, 0));
        }
    }
}

#[test]
fn the_time_is_set_by_its_low_word_unless_protected() {
    let card = Card::of(Chipset::AD102);
    card.write(0x9410, 7);
    assert_eq!(card.read(0x9410), 0);
    card.write(0x9400, 0x1000);
    assert_eq!((card.read(0x9410), card.read(0x9400)), (7, 0x1040));

    let locked = Card::new(SimConfig { time_ns: 0, time_writable: false, ..SimConfig::new(Chipset::AD102) });
    assert_eq!(locked.read(0x9430) >> 4 & 1, 0);
    locked.write(0x9430, 0x10);
    locked.write(0x9410, 7);
    locked.write(0x9400, 0x1000);
    assert_eq!(locked.read(0x9410), 0);
    assert_eq!(locked.gpu.with(|gpu| gpu.stats().refused_writes), 3);
}

#[test]
fn hopper_sets_the_time_by_an_offset_to_the_secure_timer() {
    let card = Card::of(Chipset::GH100);
    card.write(0x9410, 7);
    card.write(0x9400, 0);
    assert_eq!(card.read(0x9410), 0);
    card.write(0x11_8df8, 3);
    card.write(0x11_8df4, 0x40 | 1);
    assert_eq!(card.read(0x11_8df4) & 1, 1);
    card.pass(1000);
    assert_eq!(card.read(0x11_8df4), 0x40);
    assert_eq!((card.read(0x9410), card.read(0x11_8f58)), (3, 0));
}

#[test]
fn turings_alarm_goes_to_the_legacy_summary_and_is_cleared_at_the_timer() {
    let card = Card::of(Chipset::TU102);
    card.write(0x160, 1 << 20);
    card.io().write_word(NV_PTIMER_ALARM_0, 0x10000).unwrap();
    card.pass(0x10000);
    // Latched, but not enabled: no line.
    assert_eq!((card.read(INTR_0), card.read(0x100), card.messages()), (1, 0, 0));
    card.write(INTR_EN_0, 1);
    assert_eq!((card.read(0x100), card.messages()), (1 << 20, 1));
    card.write(INTR_0, 1);
    assert_eq!((card.read(INTR_0), card.read(0x100)), (0, 0));
    assert_eq!(card.read(0xb8_1010), 0, "vector 159 does not exist on Turing");
}

#[test]
fn later_alarms_go_to_vector_159_and_a_late_one_comes_a_wrap_later() {
    for chipset in one_of_each_family().skip(1) {
        let card = Card::of(chipset);
        card.enable(4, 1 << 31);
        card.write(INTR_EN_0, 1);
        card.pass(0x10000);
        // Just past: TIME_0 will equal it in 2^32 ns.
        card.io().write_word(NV_PTIMER_ALARM_0, 0x10000).unwrap();
        card.pass(WRAP - 0x1000);
        assert_eq!(card.messages(), 0, "{chipset}");
        card.pass(0x1000);
        assert_eq!(card.messages(), 1, "{chipset}");
        assert_eq!(card.io().read(LEAF.at(4).unwrap()).unwrap().get(), 1 << 31);
        if sets::ampere_ada.contains(chipset.family()) {
            assert_eq!(card.read(INTR_0), 0, "nothing latches by default");
        }
    }
}

#[test]
fn a_masked_alarm_is_lost_after_turing() {
    let card = Card::of(Chipset::GA102);
    card.enable(4, 1 << 31);
    card.io().write_word(NV_PTIMER_ALARM_0, 0x1000).unwrap();
    card.pass(0x2000);
    card.read(0);
    card.write(INTR_EN_0, 1);
    assert_eq!((card.messages(), card.read(0xb8_1010)), (0, 0));
}

#[test]
fn countdowns_end_in_vector_148_on_all() {
    for chipset in one_of_each_family() {
        let card = Card::of(chipset);
        card.enable(4, 1 << 20);
        card.write(0xb8_2300, 4096);
        assert!(card.read(0xb8_2300) <= 4096);
        card.pass(4096);
        assert_eq!((card.messages(), card.read(0xb8_1010)), (1, 1 << 20), "{chipset}");
    }
}

#[test]
fn leaves_latch_clear_by_ones_and_show_in_both_trees() {
    for chipset in one_of_each_family() {
        let card = Card::of(chipset);
        card.io().write_word(TRIGGER, 65).unwrap();
        card.io().write_word(TRIGGER, 70).unwrap();
        let leaf = LEAF.at(2).unwrap();
        assert_eq!(card.io().read(leaf).unwrap().get(), 1 << 1 | 1 << 6);
        assert_eq!(card.io().read(TOP).unwrap().get(), 0, "not enabled");
        card.io().write_word(LEAF_SET.at(2).unwrap(), 1 << 6).unwrap();
        assert_eq!(card.io().read(TOP).unwrap().get(), 1 << 1);
        card.io().write_word(leaf, 1 << 6).unwrap();
        assert_eq!((card.io().read(leaf).unwrap().get(), card.io().read(TOP).unwrap().get()), (1 << 1, 0));
        assert_eq!(card.io().read(NV_CTRL_CPU_INTR_LEAF.at(2).unwrap()).unwrap().get(), 1 << 1);
        card.io().write_word(LEAF_CLEAR.at(2).unwrap(), u32::MAX).unwrap();
        assert_eq!(card.io().read(LEAF_SET.at(2).unwrap()).unwrap().get(), 0);
    }
}

#[test]
fn hopper_has_sixteen_leaves_and_older_chips_eight() {
    for chipset in one_of_each_family() {
        let card = Card::of(chipset);
        card.io().write_word(TRIGGER, 15 * 32).unwrap();
        let expected = if sets::hopper_up.contains(chipset.family()) { 1 } else { DECODE_ERROR };
        assert_eq!(card.io().read(LEAF.at(15).unwrap()).unwrap().get(), expected, "{chipset}");
    }
}

#[test]
fn up_to_ada_a_message_needs_rearming_and_none_is_lost() {
    let card = Card::of(Chipset::GA102);
    card.enable(0, u32::MAX);
    card.io().write_word(TRIGGER, 1).unwrap();
    card.io().write_word(TRIGGER, 2).unwrap();
    assert_eq!(card.messages(), 1);
    card.io().write_word(LEAF.at(0).unwrap(), 1 << 1).unwrap();
    assert_eq!(card.messages(), 1);
    card.write(0x8_8704, 0);
    assert_eq!(card.messages(), 2, "vector 2 was still pending");
    card.io().write_word(LEAF.at(0).unwrap(), 1 << 2).unwrap();
    card.write(0x8_8704, 0);
    assert_eq!(card.messages(), 2);
}

#[test]
fn from_hopper_on_toggling_the_top_sends_again() {
    let card = Card::of(Chipset::GB202);
    card.enable(0, u32::MAX);
    card.io().write_word(TRIGGER, 1).unwrap();
    assert_eq!(card.messages(), 1);
    card.io().write_word(TOP_CLEAR, 0xff).unwrap();
    card.io().write_word(TOP_SET, 0xff).unwrap();
    assert_eq!(card.messages(), 2);
}

#[test]
fn what_nobody_decodes_is_an_error_and_the_first_is_recorded() {
    let card = Card::of(Chipset::TU104);
    assert_eq!(card.read(0x5_0000), DECODE_ERROR);
    card.write(0x5_0004, 77);
    assert_eq!(card.read(0x1100), 1 << 2);
    assert_eq!((card.read(0x9084), card.read(0x9088), card.read(0x908c)), (0x5_0001, 0, DECODE_ERROR));
    card.write(0x9084, 0);
    card.write(0x5_0004, 77);
    assert_eq!((card.read(0x9084), card.read(0x9088)), (0x5_0007, 77));
    // The line: enabled at PBUS and at the summary.
    card.write(0x1140, 0xe);
    assert_eq!(card.read(0x100), 1 << 28);
    card.write(0x1100, u32::MAX);
    assert_eq!((card.read(0x1100), card.read(0x100)), (0, 0));

    let hopper = Card::of(Chipset::GH100);
    hopper.read(0x5_0000);
    assert_eq!(hopper.read(0x10_f100), 1 << 1);
}

#[test]
fn bus_errors_of_ga100_and_software_interrupts_of_turing_reach_the_host() {
    let card = Card::of(Chipset::GA100);
    card.enable(4, 1 << 28);
    card.write(0x1140, 0xe);
    card.read(0x5_0000);
    assert_eq!((card.messages(), card.read(0xb8_1010)), (1, 1 << 28));

    let card = Card::of(Chipset::TU102);
    card.write(0x160, 1 << 31);
    card.write(0x1a0, 1);
    assert_eq!((card.messages(), card.read(0x100)), (1, 1 << 31));
    card.write(0x1a0, 0);
    card.write(0x180, 1 << 31);
    assert_eq!((card.read(0x100), card.read(0x140)), (0, 0));
}

#[test]
fn config_space_tells_of_the_firewall() {
    let gpu = Gpu::new(SimConfig { firewall: true, ..SimConfig::new(Chipset::GB202) });
    let firewall = || gpu.with(|gpu| nova_core::chip::firewall::is_up(|at| gpu.pci_config(at)));
    assert!(firewall());
    gpu.with(nova_sim_glue::gpu::SimGpu::lower_firewall);
    assert!(!firewall());
    assert_eq!(gpu.with(|gpu| gpu.pci_config(0)), Some(0x2b85_10de));
}

#[test]
fn firmware_takes_its_time() {
    for chipset in one_of_each_family() {
        let card = Card::new(SimConfig { boot_ns: 1_000_000, ..SimConfig::new(chipset) });
        let (at, done) = match chipset.family() {
            Family::Gb202 => (0xad_00bc, 0xff),
            Family::Gh100 | Family::Gb100 => (0x2_00bc, 0xff),
            _ => (0x11_8234, 0x3ff),
        };
        assert_ne!(card.read(at) & 0xff, 0xff, "{chipset}");
        if sets::hopper_up.contains(chipset.family()) {
            assert_eq!(card.read(0x11_00f4), 0xBADF_4100, "GSP is FSP's until then");
        }
        card.pass(1_000_000);
        assert_eq!(card.read(at), done, "{chipset}");
        assert_ne!(card.read(0x11_00f4), 0xBADF_4100);
    }
}

#[test]
fn a_gpu_that_is_gone_answers_ones_and_forgets_nothing() {
    let card = Card::of(Chipset::GA102);
    card.write(0x1400, 5);
    card.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
    card.write(0x1400, 6);
    assert_eq!((card.read(0x1400), card.read(0)), (u32::MAX, u32::MAX));
    assert_eq!(card.gpu.with(|gpu| gpu.stats().lost), 3);
    card.gpu.with(nova_sim_glue::gpu::SimGpu::reconnect);
    assert_eq!(card.read(0x1400), 5);
}

#[test]
fn power_off_loses_everything() {
    let card = Card::of(Chipset::GH100);
    card.enable(4, u32::MAX);
    card.write(0x1400, 5);
    card.pass(WRAP);
    card.gpu.with(nova_sim_glue::gpu::SimGpu::power_off);
    assert_eq!((card.read(0), card.gpu.with(|gpu| gpu.power())), (u32::MAX, Power::Off));
    let now = card.bus.board().now();
    card.gpu.with(|gpu| gpu.power_on(now));
    assert_eq!((card.read(0x1400), card.read(0x9410)), (0, 0));
    assert!(card.gpu.with(|gpu| gpu.lines()).are_quiet());
}

#[test]
fn the_flush_page_reads_back_in_each_familys_form() {
    let page = 0x12_3456_7000_u64;
    for chipset in one_of_each_family() {
        let card = Card::of(chipset);
        let (low, high) = (page as u32, (page >> 32) as u32);
        let writes: &[(u32, u32)] = match chipset.family() {
            Family::Tu102 => &[(0x10_0c10, (page >> 8) as u32)],
            Family::Ga100 | Family::Ga102 | Family::Ad102 => {
                &[(0x10_0c40, 0), (0x10_0c10, (page >> 8) as u32)]
            }
            Family::Gh100 => &[(0x10_0a38, high), (0x10_0a34, low)],
            Family::Gb100 => &[(0x87_0e54, high), (0x87_0e50, low), (0x87_06c4, high), (0x87_06c0, low)],
            Family::Gb202 => &[(0x8a_1d5c, high), (0x8a_1d58, low)],
        };
        for (at, value) in writes {
            card.write(*at, *value);
            assert_eq!(card.read(*at), *value, "{chipset}");
        }
        assert_eq!(card.gpu.with(nova_sim_glue::gpu::SimGpu::flush_page), page, "{chipset}");
    }
}

#[test]
fn faults_of_the_timer() {
    let card = Card::of(Chipset::GA102);
    card.gpu.with(|gpu| gpu.corrupt_time(2));
    let low: Vec<_> = (0..3).map(|_| card.read(0x9400) & 31).collect();
    assert_eq!(low, [31, 31, 0]);
    let now = card.bus.board().now();
    card.gpu.with(|gpu| gpu.freeze_time(true, now));
    let first = card.read(0x9400);
    card.pass(WRAP / 2);
    assert_eq!(card.read(0x9400), first);
}

#[test]
fn blocked_ranges_answer_their_pattern() {
    let card = Card::of(Chipset::GA102);
    card.gpu.with(|gpu| gpu.block(0x9000..=0x9fff, 0xBADF_5040));
    assert_eq!((card.read(0x9400), card.read(0) >> 20 & 0x1ff), (0xBADF_5040, 0x172));
    card.gpu.with(nova_sim_glue::gpu::SimGpu::unblock);
    assert_ne!(card.read(0x9410), 0xBADF_5040);
}

#[test]
fn narrow_accesses_act_on_their_bytes() {
    use nova_core::bus::Bus;
    let card = Card::of(Chipset::GA102);
    card.write(0x1400, 0x1122_3344);
    card.bus.write8(Offset::new(0x1401).unwrap(), 0xaa).unwrap();
    assert_eq!(card.bus.read16(Offset::new(0x1400).unwrap()).unwrap(), 0xaa44);
    // One byte of a write-1-to-clear leaf clears only its own bits.
    card.io().write_word(TRIGGER, 0).unwrap();
    card.io().write_word(TRIGGER, 8).unwrap();
    card.bus.write8(Offset::new(0xb8_1001).unwrap(), 0xff).unwrap();
    assert_eq!(card.read(0xb8_1000), 1);
}

#[test]
fn a_mark_counts_the_accesses_after_it() {
    let card = Card::of(Chipset::GA102);
    card.read(0);
    let mark = card.gpu.mark();
    assert_eq!(mark.accesses(), 0);
    card.read(0);
    card.gpu.with(nova_sim_glue::gpu::SimGpu::unplug);
    card.write(0x1400, 0);
    assert_eq!(mark.accesses(), 2, "also those that nobody answered");
}
