//! Identification: every chip, and every reason to refuse one, through `Chip::identify` and through probe.

use nova_backends::faults::{Effect, Fault, Faults};
use nova_backends::model::{CellBus, Kind, Model};
use nova_core::bus::{Bus, ErrorKind as BusErrorKind, Io, Offset};
use nova_core::chip::family::sets;
use nova_core::chip::{Chip, Chipset, Unsupported, firewall};
use nova_core::lifecycle::{Outside, ProbeError, State};
use nova_core::units::pri::{PriError, PriKind};
use nova_core::{Error, ErrorKind};
use nova_sim_glue::gpu::{Function, Gpu, Health, SimBus, SimConfig, SimGpu};
use nova_sim_glue::world::WorldConfig;
use nova_tests::bench::Bench;

const BOOT_0: u32 = 0x0;
const BOOT_1: u32 = 0x4;
const BOOT_42: u32 = 0xa00;
/// A GA102 as seen, except that BOOT_42 follows the rule.
const GA102: [u32; 3] = [0xb720_00a1, 0, 0x172a_1000];

type Cells = CellBus<3>;

/// BOOT_0, BOOT_1 and BOOT_42, and nothing else.
fn bus([boot_0, boot_1, boot_42]: [u32; 3]) -> Cells {
    let mut model = Model::plain();
    for (offset, value) in [(BOOT_0, boot_0), (BOOT_1, boot_1), (BOOT_42, boot_42)] {
        model.add_at(at(offset), Kind::ReadOnly, value).expect("a place");
    }
    CellBus::new(model)
}

fn at(offset: u32) -> Offset<u32> {
    Offset::new(offset).expect("an offset")
}

fn identify(bus: &impl Bus) -> Result<Chip, Error> {
    Chip::identify(Io::new(bus))
}

const fn pri(offset: u32, value: u32, kind: PriKind) -> Unsupported {
    Unsupported::Pri(PriError { offset, value, kind })
}

/// What the three registers read, and the reason that has to be given.
const REFUSALS: &[([u32; 3], Unsupported)] = &[
    ([0x0500_00a2, 0, 0], Unsupported::PreFermi { id: 0x050 }),
    ([0x0a00_00a2, 0, 0], Unsupported::PreFermi { id: 0x0a0 }),
    ([0x0c00_00a3, 0, 0], Unsupported::PreTuring { id: 0x0c0 }),
    ([0x1240_00a1, 0, 0x124a_1000], Unsupported::PreTuring { id: 0x124 }),
    ([0x1320_00a1, 0, 0x132a_1000], Unsupported::PreTuring { id: 0x132 }),
    ([0x1400_00a1, 0, 0x140a_1000], Unsupported::PreTuring { id: 0x140 }),
    ([0x1610_00a1, 0, 0x161a_1000], Unsupported::Unknown { id: 0x161, boot42: 0x161a_1000 }),
    ([0x1c20_00a1, 0, 0x1c2a_1000], Unsupported::Unknown { id: 0x1c2, boot42: 0x1c2a_1000 }),
    // OGKM's "AMODEL", and the sixth bit of the architecture, which no chip has yet.
    ([0x1f00_00a1, 0, 0x1f0a_1000], Unsupported::Unknown { id: 0x1f0, boot42: 0x1f0a_1000 }),
    ([0x0120_01a1, 0, 0x212a_1000], Unsupported::Unknown { id: 0x212, boot42: 0x212a_1000 }),
    ([u32::MAX, u32::MAX, u32::MAX], Unsupported::Gone),
    ([GA102[0], u32::MAX, GA102[2]], Unsupported::Gone),
    ([GA102[0], 0, u32::MAX], Unsupported::Gone),
    ([0xbadf_1100, 0, GA102[2]], pri(BOOT_0, 0xbadf_1100, PriKind::Decode)),
    ([0xbad0_0142, 0, GA102[2]], pri(BOOT_0, 0xbad0_0142, PriKind::HostTimeout)),
    ([GA102[0], 0xbadf_5040, GA102[2]], pri(BOOT_1, 0xbadf_5040, PriKind::Privilege)),
    ([GA102[0], 0, 0xbadf_3002], pri(BOOT_42, 0xbadf_3002, PriKind::DeadRing)),
    ([0xbadf_0200, 0xbadf_0200, 0xbadf_0200], Unsupported::SecurityFault { boot0: 0xbadf_0200 }),
    ([0xbad0_0200, 0, 0], Unsupported::SecurityFault { boot0: 0xbad0_0200 }),
    ([0, 0, 0], Unsupported::Recovery),
    ([GA102[0], 1 << 16, GA102[2]], Unsupported::Virtual { boot1: 1 << 16 }),
    ([GA102[0], 2 << 16, GA102[2]], Unsupported::Virtual { boot1: 2 << 16 }),
    ([GA102[0], 1 << 8, GA102[2]], Unsupported::Virtual { boot1: 1 << 8 }),
    ([GA102[0], 0x0100_0001, GA102[2]], Unsupported::BigEndian),
    ([GA102[0], 0, 0x174a_1000], Unsupported::Inconsistent { boot0: GA102[0], boot42: 0x174a_1000 }),
    ([GA102[0], 0, 0], Unsupported::Inconsistent { boot0: GA102[0], boot42: 0 }),
    // The id agrees but for the bit that only BOOT_42 has in its field.
    ([GA102[0], 0, 0x372a_1000], Unsupported::Inconsistent { boot0: GA102[0], boot42: 0x372a_1000 }),
];

fn assert_refused(bench: &Bench, why: Unsupported) {
    let expected = ProbeError::Driver { step: "attach", error: Error::Unsupported(why) };
    let probed = bench.probe();
    assert_eq!(probed, Err(expected));
    assert_eq!(probed.is_err_and(|error| error.is_gone()), why == Unsupported::Gone);
    assert_eq!(bench.device.state(), State::Unbound);
    assert_eq!(bench.world.live_registrations(), 0);
    assert_eq!(bench.world.memory(&bench.gpu).live_bytes(), 0);
    bench.gpu.with(|gpu| assert_eq!(gpu.stats().writes, 0, "looking must not change anything"));
}

#[test]
fn every_reason_to_refuse_is_given_by_identify() {
    for (words, why) in REFUSALS {
        assert_eq!(identify(&bus(*words)), Err(Error::Unsupported(*why)), "{words:x?}");
    }
}

#[test]
fn every_reason_to_refuse_is_given_by_probe() {
    for (words, why) in REFUSALS {
        let bench = Bench::new(1, Chipset::GA102);
        bench.gpu.with(|gpu| {
            for (offset, value) in [BOOT_0, BOOT_1, BOOT_42].into_iter().zip(*words) {
                assert!(gpu.poke(at(offset), value));
            }
        });
        assert_refused(&bench, *why);
    }
}

#[test]
fn every_reason_tells_a_person_what_to_do_in_one_line() {
    for (_, why) in REFUSALS {
        let text = Error::Unsupported(*why).to_string();
        assert!(text.len() > 20 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn every_kind_of_refusal_has_its_error_kind() {
    for (_, why) in REFUSALS {
        let expected = if *why == Unsupported::Gone { ErrorKind::Gone } else { ErrorKind::Unsupported };
        assert_eq!(Error::Unsupported(*why).kind(), expected);
    }
    assert_eq!(Error::Unsupported(Unsupported::Firewall).kind(), ErrorKind::Unsupported);
}

#[test]
fn every_chip_is_itself_whatever_the_foundry_says() {
    for chipset in Chipset::ALL {
        let gpu = Gpu::new(SimConfig::new(*chipset));
        let seen = gpu.with(|gpu| *gpu.identity());
        for foundry in 0..8 {
            let boot_0 = seen.boot_0 & 0x1fff_ffff | foundry << 29;
            let chip = identify(&bus([boot_0, 0, seen.boot_42])).expect("a chip");
            assert_eq!((chip.chipset(), chip.boot0(), chip.boot42()), (*chipset, boot_0, seen.boot_42));
            assert_eq!(chip.revision().to_string(), "a1");
            assert_eq!(chip.architecture().id(), chipset.id() >> 4);
        }
        assert_eq!(identify(&SimBus::new(&gpu)).map(|chip| chip.chipset()), Ok(*chipset));
    }
}

/// One chip for what only the simulator can be: gone, off, sick, somebody's virtual function.
fn sim(chipset: Chipset, change: impl FnOnce(&mut SimConfig)) -> Bench {
    let mut config = SimConfig::new(chipset);
    change(&mut config);
    Bench::with(1, WorldConfig::default(), config)
}

#[test]
fn l09_a_gpu_that_is_not_there_is_gone_on_every_chip() {
    for chipset in Chipset::ALL {
        let bench = Bench::new(1, *chipset);
        bench.gpu.with(SimGpu::unplug);
        assert_refused(&bench, Unsupported::Gone);
        bench.gpu.with(SimGpu::power_off);
        assert_refused(&bench, Unsupported::Gone);
        bench.gpu.with(|gpu| gpu.power_on(0));
        bench.probe().expect("it is back");
        bench.device.remove(&mut Outside::new()).expect("is removed");
    }
}

#[test]
fn functions_and_conditions_of_the_simulator_are_refused() {
    for chipset in Chipset::ALL {
        let bench = sim(*chipset, |config| config.function = Function::Virtual);
        assert_refused(&bench, Unsupported::Virtual { boot1: 2 << 16 });
        let bench = sim(*chipset, |config| config.function = Function::ParaVirtual);
        assert_refused(&bench, Unsupported::Virtual { boot1: 1 << 16 });
        let bench = sim(*chipset, |config| config.health = Health::Recovery);
        assert_refused(&bench, Unsupported::Recovery);
        let bench = sim(*chipset, |config| config.health = Health::SecurityFault);
        assert_refused(&bench, Unsupported::SecurityFault { boot0: 0xbadf_0200 });
    }
}

#[test]
fn a_firewall_is_told_from_a_loss_by_config_space() {
    for chipset in Chipset::ALL.iter().filter(|chip| sets::blackwell.contains(chip.family())) {
        let bench = sim(*chipset, |config| config.firewall = true);
        // The registers alone cannot tell.
        assert_eq!(identify(&SimBus::new(&bench.gpu)), Err(Error::Unsupported(Unsupported::Gone)));
        assert_refused(&bench, Unsupported::Firewall);
        // Behind a firewall and gone is gone: config space reads ones as well.
        bench.gpu.with(SimGpu::unplug);
        assert_refused(&bench, Unsupported::Gone);
        bench.gpu.with(|gpu| {
            gpu.reconnect();
            gpu.lower_firewall();
        });
        bench.probe().expect("the firewall is down");
        bench.device.remove(&mut Outside::new()).expect("is removed");
    }
}

/// Another vendor's, and another of NVIDIA's, each with bit 20; then the one that counts.
const CHAIN: &[(u16, u32)] = &[
    (0x100, 0x1401_0023),
    (0x104, 0x8086),
    (0x108, 0x0010_0000),
    (0x140, 0x1801_0023),
    (0x144, 0x10de),
    (0x148, 0x0010_0001),
    (0x180, 0x0001_0023),
    (0x184, 0x10de),
];

#[test]
fn only_nvidias_capability_is_the_firewall() {
    let space = |words: &'static [(u16, u32)]| {
        move |at| Some(words.iter().find(|(offset, _)| *offset == at).map_or(0, |(_, word)| *word))
    };
    assert!(!firewall::is_up(space(CHAIN)));
    assert!(firewall::is_up(|at| if at == 0x188 { Some(0x0010_0000) } else { space(CHAIN)(at) }));
    assert!(!firewall::is_up(|_| Some(0)));
}

/// Identification of a healthy GA102 with one fault.
fn with(fault: Fault) -> Result<Chip, Error> {
    let mut bus = Faults::<_, 1>::new(bus(GA102));
    bus.push(fault).expect("a fault that can happen");
    let result = identify(&bus);
    assert_eq!(bus.fired(), 1);
    result
}

#[test]
fn one_bad_read_never_makes_another_chip() {
    let accesses = 1..=4;
    for nth in accesses.clone() {
        for bit in 0..32 {
            for high in [true, false] {
                let chip = with(Fault::always(Effect::Stuck { bit, high }).nth(nth));
                assert!(chip.is_err() || chip.is_ok_and(|chip| chip.boot0() == GA102[0]), "{nth} {bit}");
            }
        }
    }
    for nth in accesses {
        let gone = with(Fault::always(Effect::AllOnes).nth(nth));
        assert_eq!(gone, Err(Error::Unsupported(Unsupported::Gone)), "{nth}");
        let pattern = with(Fault::always(Effect::Pri(0xbadf_1201)).nth(nth));
        let is_reset =
            |error| matches!(error, Error::Unsupported(Unsupported::Pri(e)) if e.kind == PriKind::Reset);
        assert!(pattern.is_err_and(is_reset), "{nth}");
        let bus = with(Fault::always(Effect::Error(BusErrorKind::Timeout)).nth(nth));
        assert!(matches!(bus, Err(Error::Bus { kind: BusErrorKind::Timeout, .. })), "{nth}");
        assert_eq!(
            with(Fault::always(Effect::Error(BusErrorKind::Gone)).nth(nth)),
            Err(Error::Gone),
            "{nth}"
        );
    }
}

#[test]
fn a_boot_0_that_changes_meanwhile_is_inconsistent() {
    let changed = with(Fault::always(Effect::Value(0xb740_00a1)).at_offset(at(BOOT_0)).nth(2));
    let why = Unsupported::Inconsistent { boot0: 0xb740_00a1, boot42: GA102[2] };
    assert_eq!(changed, Err(Error::Unsupported(why)));
}
