//! What every bus has to do, whatever is behind it: one suite, run against all of them.

#[path = "vfio_user/rust_vmm.rs"]
mod rust_vmm;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use nova_backends::conformance::bus::{self as suite, STORAGE, WORDS};
use nova_backends::faults::Faults;
use nova_backends::mmio::Mmio;
use nova_backends::model::{CellBus, Kind, Model};
use nova_backends::record::{Record, Recorder, Ring, Untimed};
use nova_backends::replay::{CellReplay, Mode};
use nova_core::bus::{Bus, Offset, WINDOW_SIZE, Word};
use nova_core::chip::{Chipset, Family};
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};
use nova_vfio_glue::bus::{AnyBus, MappedBus, MessageBus};
use nova_vfio_glue::device::Device;
use nova_vfio_glue::user::{Options, UserDevice};

fn at<W: Word>(offset: u32) -> Offset<W> {
    Offset::new(offset).expect("an offset")
}

fn conforms(bus: &impl Bus, ends: &[u32]) {
    assert_eq!(suite::run(bus, ends), Ok(()));
}

const ENDS: [u32; 2] = [0, WINDOW_SIZE - 4];

fn model() -> CellBus<66> {
    let mut model = Model::plain();
    for offset in (0..WORDS).map(|index| STORAGE + 4 * index).chain(ENDS) {
        model.add_at(at(offset), Kind::RW, 0).expect("a place");
    }
    CellBus::new(model)
}

#[test]
fn the_model_conforms() {
    conforms(&model(), &ENDS);
}

/// A bus with storage like any other, but for one word.
fn model_without(offset: u32) -> CellBus<66> {
    let mut model = Model::plain();
    for at_ in (0..WORDS).map(|index| STORAGE + 4 * index).chain(ENDS).filter(|at| *at != offset) {
        model.add_at(at(at_), Kind::RW, 0).expect("a place");
    }
    CellBus::new(model)
}

#[test]
fn a_bus_that_loses_one_word_does_not_conform() {
    for (offset, case) in [
        (STORAGE, "words read back"),
        (STORAGE + 4 * (WORDS - 1), "words read back"),
        (WINDOW_SIZE - 4, "the window ends where it should"),
    ] {
        let broken = suite::run(&model_without(offset), &ENDS).expect_err("it is not all there");
        assert_eq!(broken.case, case, "{broken}");
    }
}

#[test]
fn mmio_over_memory_conforms() {
    let mut memory = vec![0_u32; WINDOW_SIZE as usize / 4];
    // SAFETY: the words outlive the bus, are aligned, and are not touched otherwise meanwhile.
    let bus = unsafe { Mmio::new(memory.as_mut_ptr().cast(), WINDOW_SIZE as usize) };
    conforms(&bus.expect("a window"), &ENDS);
}

#[test]
fn a_recorded_bus_conforms_and_so_does_its_replay() {
    let record = Record::new(model(), RefCell::new(Recorder::new(Ring::<4096>::new())), Untimed);
    conforms(&record, &ENDS);
    let ring = record.into_parts().1.into_inner().into_sink();
    assert_eq!(ring.dropped(), 0);
    let trace: Vec<_> = ring.iter().copied().collect();
    let replay = CellReplay::new(trace.iter(), Mode::Strict);
    conforms(&replay, &ENDS);
    assert_eq!(replay.finish(), Ok(()));
}

#[test]
fn a_bus_without_a_fault_conforms() {
    conforms(&Faults::<_, 1>::new(model()), &ENDS);
}

#[test]
fn a_reference_to_a_bus_conforms() {
    conforms(&&model(), &ENDS);
}

#[test]
fn every_family_of_simulated_gpus_conforms() {
    for family in Family::ALL {
        let chipset = Chipset::ALL.iter().find(|chip| chip.family() == family).expect("a chip");
        conforms(&SimBus::new(&Gpu::new(SimConfig::new(*chipset))), &[]);
    }
}

fn connect(served: &rust_vmm::Served) -> Arc<dyn Device> {
    Arc::new(
        UserDevice::connect(served.path(), &Options { deadline: Duration::from_secs(30) }).expect("connects"),
    )
}

#[test]
fn a_gpu_of_another_process_conforms() {
    let served = rust_vmm::Served::start(Chipset::GA102);
    let device = connect(&served);
    conforms(&MessageBus::new(device.clone()).expect("a bus"), &[]);
    conforms(&AnyBus::new(device).expect("a bus"), &[]);
    served.join();
}

#[test]
fn memory_of_another_process_conforms() {
    let served = rust_vmm::Served::start_mapped(Chipset::GA102);
    let device = connect(&served);
    let bus = MappedBus::new(device.clone()).expect("a bus");
    conforms(&bus, &ENDS);
    let any = AnyBus::new(device).expect("a bus");
    assert!(any.is_mapped());
    conforms(&any, &ENDS);
    drop((bus, any));
    served.join();
}

/// What reads as the bus below and takes no write; or takes it, or has its bytes in the wrong order.
struct ReadOnly<B> {
    below: B,
    takes_writes: bool,
    swaps_bytes: bool,
}

impl<B: Bus<Error: std::fmt::Debug>> Bus for ReadOnly<B> {
    type Error = nova_core::bus::ErrorKind;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Self::Error> {
        let lane = if self.swaps_bytes { at.bytes() ^ 3 } else { at.bytes() };
        Ok(self.below.read8(self::at(lane)).expect("a read"))
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Self::Error> {
        Ok(self.below.read16(at).expect("a read"))
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Self::Error> {
        Ok(self.below.read32(at).expect("a read"))
    }
    fn write8(&self, _: Offset<u8>, _: u8) -> Result<(), Self::Error> {
        if self.takes_writes { Ok(()) } else { Err(nova_core::bus::ErrorKind::Denied) }
    }
    fn write16(&self, _: Offset<u16>, _: u16) -> Result<(), Self::Error> {
        Err(nova_core::bus::ErrorKind::Denied)
    }
    fn write32(&self, _: Offset<u32>, _: u32) -> Result<(), Self::Error> {
        Err(nova_core::bus::ErrorKind::Denied)
    }
}

#[test]
fn a_bus_for_reading_is_told_from_one_that_is_not_quite() {
    let stored = |offset: u32| offset.wrapping_mul(0x9e37_79b9);
    let run = |takes_writes, swaps_bytes, wrong| {
        let below = model();
        for offset in (0..WORDS).map(|index| STORAGE + 4 * index) {
            below.write32(at(offset), stored(offset)).expect("a write");
        }
        let bus = ReadOnly { below, takes_writes, swaps_bytes };
        suite::run_read_only(&bus, |offset| stored(offset) ^ wrong).map_err(|broken| broken.case)
    };
    assert_eq!(run(false, false, 0), Ok(()));
    assert_eq!(run(true, false, 0), Err("nothing can be written"));
    assert_eq!(run(false, true, 0), Err("every width reads the same word"));
    assert_eq!(run(false, false, 1), Err("words read as they were stored"));
}
