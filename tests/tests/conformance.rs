//! What every bus has to do, whatever is behind it: one suite, run against all of them.

#[path = "vfio_user/rust_vmm.rs"]
mod rust_vmm;

use std::cell::RefCell;
use std::sync::Arc;

use nova_backends::faults::Faults;
use nova_backends::mmio::Mmio;
use nova_backends::model::{CellBus, Kind, Model};
use nova_backends::record::{Record, Recorder, Ring, Untimed};
use nova_backends::replay::{CellReplay, Mode};
use nova_core::bus::{Bus, Io, Offset, WINDOW_SIZE, Word};
use nova_core::chip::{Chipset, Family};
use nova_core::regs::pbus::NV_PBUS_SW_SCRATCH as SCRATCH;
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig};
use nova_vfio_glue::bus::{AnyBus, MappedBus, MessageBus};
use nova_vfio_glue::device::Device;
use nova_vfio_glue::user::{Options, UserDevice};

/// The storage that every bus under test has: the scratch words.
const STORAGE: u32 = 0x1400;
const WORDS: u32 = 64;

fn at<W: Word>(offset: u32) -> Offset<W> {
    Offset::new(offset).expect("an offset")
}

fn read<W: Word>(bus: &impl Bus, offset: u32) -> W {
    W::read(bus, at(offset)).expect("reads")
}

fn write<W: Word>(bus: &impl Bus, offset: u32, value: W) {
    W::write(bus, at(offset), value).expect("writes");
}

/// The whole suite. `ends` are the words at the window's ends that are storage, if they are.
fn conforms(bus: &impl Bus, ends: &[u32]) {
    words_read_back(bus);
    lanes_are_little_endian(bus);
    narrow_writes_leave_their_neighbours_alone(bus);
    typed_access_is_raw_access(bus);
    the_window_ends_where_it_should(bus, ends);
}

fn words_read_back(bus: &impl Bus) {
    for index in 0..WORDS {
        write(bus, STORAGE + 4 * index, 0x9e37_79b9_u32.wrapping_mul(index + 1));
    }
    for index in 0..WORDS {
        assert_eq!(read::<u32>(bus, STORAGE + 4 * index), 0x9e37_79b9_u32.wrapping_mul(index + 1));
    }
}

fn lanes_are_little_endian(bus: &impl Bus) {
    write(bus, STORAGE, 0x4433_2211_u32);
    for (lane, byte) in (0..4).zip([0x11_u8, 0x22, 0x33, 0x44]) {
        assert_eq!(read::<u8>(bus, STORAGE + lane), byte);
    }
    assert_eq!((read::<u16>(bus, STORAGE), read::<u16>(bus, STORAGE + 2)), (0x2211, 0x4433));
}

fn narrow_writes_leave_their_neighbours_alone(bus: &impl Bus) {
    write(bus, STORAGE, u32::MAX);
    write(bus, STORAGE + 4, 0_u32);
    write(bus, STORAGE + 1, 0x5a_u8);
    assert_eq!(read::<u32>(bus, STORAGE), 0xffff_5aff);
    write(bus, STORAGE + 2, 0x1234_u16);
    assert_eq!(read::<u32>(bus, STORAGE), 0x1234_5aff);
    write(bus, STORAGE + 3, 0_u8);
    assert_eq!(read::<u32>(bus, STORAGE), 0x0034_5aff);
    assert_eq!(read::<u32>(bus, STORAGE + 4), 0);
}

fn typed_access_is_raw_access(bus: &impl Bus) {
    let io = Io::new(bus);
    for index in [0, 1, WORDS - 1] {
        let (offset, place) = (STORAGE + 4 * index, SCRATCH.at(index).expect("an element"));
        write(bus, offset, 0x600d_0000 + index);
        assert_eq!(io.read(place).expect("reads").get(), 0x600d_0000 + index);
        io.write_word(place, 0xcafe_0000 + index).expect("writes");
        assert_eq!(read::<u32>(bus, offset), 0xcafe_0000 + index);
        io.write(place, nova_core::field!(SCRATCH::FIELD, 0x1000_0001)).expect("writes");
        assert_eq!(io.read_untyped(at(offset)).expect("reads"), 0x1000_0001);
        io.modify(place, nova_core::field!(SCRATCH::FIELD, 7)).expect("modifies");
        io.write_untyped(at(offset), io.read_untyped(at(offset)).expect("reads") + 1).expect("writes");
        assert_eq!(read::<u32>(bus, offset), 8);
    }
}

fn the_window_ends_where_it_should(bus: &impl Bus, ends: &[u32]) {
    // Whatever is there: it answers, and answers the same at every width.
    for offset in [0, WINDOW_SIZE - 4] {
        let word = read::<u32>(bus, offset);
        assert_eq!(read::<u8>(bus, offset + 3), (word >> 24) as u8);
        assert_eq!(read::<u16>(bus, offset + 2), (word >> 16) as u16);
    }
    for offset in ends {
        write(bus, *offset, 0x0102_0304_u32 ^ offset);
        assert_eq!(read::<u32>(bus, *offset), 0x0102_0304 ^ offset);
        write(bus, offset + 3, 0xee_u8);
        assert_eq!(read::<u8>(bus, offset + 3), 0xee);
    }
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
    Arc::new(UserDevice::connect(served.path(), &Options::default()).expect("connects"))
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
