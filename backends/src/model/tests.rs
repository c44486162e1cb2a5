extern crate std;

use std::string::ToString;

use nova_core::bus::{Bus, Io};
use nova_core::regs::ptimer::NV_PTIMER_TIME_0;

use super::*;

fn at<W: Word>(bytes: u32) -> Offset<W> {
    Offset::new(bytes).unwrap()
}

/// Registers at 0, 4, 8, ... of these kinds, all with this reset value.
fn model(kinds: &[Kind], reset: u32) -> Model<16> {
    let mut model = Model::plain();
    for (number, kind) in kinds.iter().enumerate() {
        model.add_at(at(u32::try_from(number).unwrap() * 4), *kind, reset).unwrap();
    }
    model
}

/// What the register at 0 reads as after each write.
fn writes<const M: usize>(kind: Kind, reset: u32, values: [u32; M]) -> [u32; M] {
    let mut model = model(&[kind], reset);
    values.map(|value| {
        model.write(at(0), value);
        model.read(at(0))
    })
}

#[test]
fn every_kind_writes_as_its_hardware_does() {
    assert_eq!(writes(Kind::ReadOnly, 7, [0, 9]), [7, 7]);
    assert_eq!(writes(Kind::RW, 7, [0, 9]), [0, 9]);
    assert_eq!(writes(Kind::ReadWrite { mask: 0xF0 }, 0x1234, [0, 0xFFFF_FFFF]), [0x1204, 0x12F4]);
    assert_eq!(writes(Kind::Write1ToClear, 0xFF, [0, 0x0F, 0xF0]), [0xFF, 0xF0, 0]);
    assert_eq!(writes(Kind::Write1ToSet, 1, [0, 2, 4]), [1, 3, 7]);
    assert_eq!(writes(Kind::WriteOnly, 1, [5]), [0]);
    assert_eq!(writes(Kind::Latch, 3, [5, 0, 5]), [3, 0, 0]);
    assert_eq!(writes(Kind::Custom(1), 3, [5]), [5]);
}

#[test]
fn a_set_clear_pair_shows_and_changes_one_cell() {
    let pair = [Kind::ReadOnly, Kind::SetOf(at(0)), Kind::ClearOf(at(0))];
    let mut model = model(&pair, 0);
    let [enables, set, clear] = [at(0), at(4), at(8)];
    model.write(set, 0b1110_u32);
    model.write(clear, 0b0100_u32);
    for place in [enables, set, clear] {
        assert_eq!(model.read::<u32>(place), 0b1010);
    }
}

#[test]
fn an_alias_is_the_register_itself() {
    let mut model = model(&[Kind::Write1ToClear, Kind::AliasOf(at(0))], 0xFF);
    model.write(at(4), 0x0F_u32);
    assert_eq!(model.read::<u32>(at(0)), 0xF0);
    assert_eq!(model.read::<u32>(at(4)), 0xF0);
}

#[test]
fn a_latch_keeps_the_first_value_until_it_is_cleared() {
    let mut model = Model::<1>::plain();
    model.add(NV_PTIMER_TIME_0, Kind::Latch, 0).unwrap();
    assert!(model.cells().capture(NV_PTIMER_TIME_0, 5));
    assert!(!model.cells().capture(NV_PTIMER_TIME_0, 6));
    assert_eq!(model.read(NV_PTIMER_TIME_0.offset()), 5);
    model.write(NV_PTIMER_TIME_0.offset(), 0);
    assert!(model.cells().capture(NV_PTIMER_TIME_0, 6));
}

#[test]
fn narrow_accesses_carry_their_own_bits_only() {
    let mut model = model(&[Kind::RW, Kind::Write1ToClear, Kind::WriteOnly], 0xFFFF_FFFF);
    model.write(at::<u8>(1), 0x12_u8);
    model.write(at::<u16>(2), 0x3456_u16);
    assert_eq!(model.read::<u32>(at(0)), 0x3456_12FF);
    assert_eq!(model.read::<u8>(at(3)), 0x34);
    assert_eq!(model.read::<u16>(at(0)), 0x12FF);
    // Only the byte written is acknowledged.
    model.write(at::<u8>(5), 0xFF_u8);
    assert_eq!(model.read::<u32>(at(4)), 0xFFFF_00FF);
    model.write(at::<u8>(9), 0xAB_u8);
    assert_eq!(model.cells().get_at(at(8)), 0xAB00);
}

#[test]
fn holes_answer_as_pri_does_and_are_counted() {
    let mut model = model(&[Kind::ReadOnly], 0);
    assert_eq!(model.read::<u32>(at(0x100)), DECODE_ERROR);
    assert_eq!(model.read::<u8>(at(0x103)), 0xBA);
    model.write(at(0x100), 1_u32);
    model.write(at(0), 1_u32);
    let expected =
        Counters { reads: 2, writes: 2, hole_reads: 2, hole_writes: 1, refused_writes: 1, absent: 0 };
    assert_eq!(model.counters(), expected);
}

#[test]
fn a_register_the_device_uses_but_nobody_added_is_counted() {
    let mut model = model(&[], 0);
    assert_eq!(model.cells().get_at(at(0)), 0);
    model.cells().set_at(at(0), 1);
    assert_eq!(model.counters().absent, 2);
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let mut model = Model::<2>::plain();
    model.add_at(at(4), Kind::RW, 0).unwrap();
    let duplicate = model.add_at(at(4), Kind::RW, 0).unwrap_err();
    assert_eq!(duplicate.kind(), AddErrorKind::Duplicate);
    let early = model.add_at(at(8), Kind::SetOf(at(12)), 0).unwrap_err();
    assert_eq!(early.kind(), AddErrorKind::NoTarget { target: 12 });
    assert!(early.to_string().ends_with("add 0xc first"));
    model.add_at(at(8), Kind::SetOf(at(4)), 0).unwrap();
    // A pair of a pair has no cell of its own to act on.
    let chain = model.add_at(at(12), Kind::ClearOf(at(8)), 0).unwrap_err();
    assert_eq!(chain.kind(), AddErrorKind::NoTarget { target: 8 });
    let full = model.add_at(at(16), Kind::RW, 0).unwrap_err();
    assert_eq!(full.kind(), AddErrorKind::Full { capacity: 2 });
    assert_eq!(model.len(), 2);
}

#[test]
fn the_whole_catalogue_makes_a_model() {
    let mut model = Model::<8192>::plain();
    for unit in nova_core::regs::UNITS {
        // Memories such as the ROM are a device's business, not cells.
        for entry in unit.registers.iter().filter(|entry| entry.width == 4 && entry.count <= 64) {
            // Units of different architectures share offsets; those are the only refusals.
            if let Err(error) = model.add_entry(entry, 0) {
                assert_eq!(error.kind(), AddErrorKind::Duplicate, "{error}");
            }
        }
    }
    assert_eq!(model.read(NV_PTIMER_TIME_0.offset()), 0);
    assert_eq!(model.counters().hole_reads, 0);
}

/// A clock register that advances when read, a ROM, and a doorbell that rings a W1C bit.
struct Gadget {
    clock: u32,
    rung: u32,
}

impl Device for Gadget {
    fn read(&mut self, _: &mut Cells<'_>, id: u16, _: Offset<u32>) -> u32 {
        assert_eq!(id, 7);
        self.clock += 32;
        self.clock
    }
    fn after_read(&mut self, cells: &mut Cells<'_>, at: Offset<u32>, value: u32) {
        // Reading the pending bits clears them.
        if at.bytes() == 8 && value != 0 {
            cells.set_at(at, 0);
        }
    }
    fn wrote(&mut self, cells: &mut Cells<'_>, write: Write, _: u32, new: u32) {
        if write.at.bytes() == 4 {
            self.rung += 1;
            cells.update_at(at(8), |bits| bits | new);
        }
    }
    fn read_hole(&mut self, _: &mut Cells<'_>, at: Offset<u32>) -> Option<u32> {
        (at.bytes() >= 0x30_0000).then_some(0xAA55)
    }
    fn write_hole(&mut self, _: &mut Cells<'_>, write: Write) -> bool {
        write.at.bytes() >= 0x30_0000
    }
    fn reset(&mut self, _: &mut Cells<'_>) {
        self.clock = 0;
    }
}

#[test]
fn a_device_acts_before_and_after_accesses() {
    let mut model = Model::<4, _>::new(Gadget { clock: 0, rung: 0 });
    model.add_at(at(0), Kind::Custom(7), 0).unwrap();
    model.add_at(at(4), Kind::WriteOnly, 0).unwrap();
    model.add_at(at(8), Kind::Write1ToClear, 0).unwrap();

    assert_eq!([model.read::<u32>(at(0)), model.read(at(0))], [32, 64]);
    model.write(at(4), 0x10_u32);
    assert_eq!([model.read::<u32>(at(8)), model.read(at(8))], [0x10, 0]);
    assert_eq!(model.read::<u16>(at(0x30_0000)), 0xAA55);
    model.write(at(0x30_0000), 1_u32);
    assert_eq!(model.counters().hole_reads + model.counters().hole_writes, 0);

    model.reset();
    assert_eq!(model.device().clock, 0);
    assert_eq!(model.device().rung, 1);
    assert_eq!(model.cells().get_at(at(4)), 0);
}

#[test]
fn the_bus_gives_typed_access() {
    let mut model = Model::<1>::plain();
    model.add(NV_PTIMER_TIME_0, Kind::ReadOnly, 0x40).unwrap();
    let bus = CellBus::new(model);
    let value = Io::new(&bus).read(NV_PTIMER_TIME_0).unwrap();
    assert_eq!(value.read(NV_PTIMER_TIME_0::NSEC), 2);
    assert_eq!(bus.read16(at(0x9400)), Ok(0x40));
    let inside = bus.with(|_| bus.read8(at(0))).unwrap();
    assert_eq!(inside, Err(crate::lock::Busy));
    assert_eq!(bus.into_model().counters().reads, 2);
}
