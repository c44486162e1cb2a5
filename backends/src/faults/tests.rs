extern crate std;

use core::cell::Cell;
use std::string::ToString;

use nova_core::bus::Error as _;
use proptest::prelude::*;

use super::*;
use crate::model::{CellBus, DECODE_ERROR, Kind, Model};

fn at<W: Word>(bytes: u32) -> Offset<W> {
    Offset::new(bytes).unwrap()
}

/// Two plain registers, 0 and 4, with a value that has no two equal bytes.
fn faulty(texts: &[&str]) -> Faults<CellBus<2>, 4> {
    let mut model = Model::plain();
    model.add_at(at(0), Kind::RW, 0x0123_4567).unwrap();
    model.add_at(at(4), Kind::RW, 0).unwrap();
    let mut faults = Faults::new(CellBus::new(model));
    for text in texts {
        faults.push(text.parse().unwrap()).unwrap();
    }
    faults
}

#[test]
fn nth_and_from_count_what_matches() {
    let bus = faulty(&["nth=2,read,error=gone"]);
    bus.write32(at(0), 1).unwrap();
    assert!(bus.read32(at(0)).is_ok());
    let error = bus.read32(at(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    assert!(error.to_string().contains("`nth=2,read,error=gone`"));
    assert!(bus.read32(at(0)).is_ok());
    assert_eq!((bus.accesses(), bus.fired()), (4, 1));

    bus.rewind();
    assert!(bus.read32(at(0)).is_ok());
    assert!(bus.read32(at(0)).is_err());

    let bus = faulty(&["from=2,error=timeout"]);
    let failed = [(); 4].map(|()| bus.read32(at(0)).is_err());
    assert_eq!(failed, [false, true, true, true]);
}

#[test]
fn a_register_is_matched_by_any_part_of_it() {
    let bus = faulty(&["reg=0x4,pri=0xbadf1234"]);
    assert_eq!(bus.read32(at(0)).unwrap(), 0x0123_4567);
    assert_eq!(bus.read32(at(4)).unwrap(), 0xBADF_1234);
    assert_eq!(bus.read16(at(6)).unwrap(), 0xBADF);
    assert_eq!(bus.read8(at(5)).unwrap(), 0x12);
}

#[test]
fn a_device_off_the_bus_sees_nothing() {
    let bus = faulty(&[]);
    bus.unplug(true);
    assert_eq!(bus.read32(at(0)).unwrap(), u32::MAX);
    assert_eq!(bus.read8(at(0x100)).unwrap(), u8::MAX);
    bus.write32(at(0), 7).unwrap();
    bus.unplug(false);
    assert_eq!(bus.read32(at(0)).unwrap(), 0x0123_4567);
    assert_eq!(bus.into_inner().into_model().counters().writes, 0);
}

#[test]
fn data_is_bent_on_the_way_and_the_access_takes_place() {
    let bus = faulty(&["reg=0x0,stuck=0:low", "reg=0x0,stuck=31:high", "reg=0x4,write,value=0x99"]);
    assert_eq!(bus.read32(at(0)).unwrap(), 0x8123_4566);
    assert_eq!(bus.read8(at(3)).unwrap(), 0x81);
    bus.write32(at(4), 1).unwrap();
    assert_eq!(bus.read32(at(4)).unwrap(), 0x99);
    assert_eq!(bus.inner().with(|model| model.counters().reads), Ok(3));
}

#[test]
fn a_lost_write_leaves_the_register_alone() {
    let bus = faulty(&["nth=1,drop"]);
    bus.write32(at(4), 5).unwrap();
    assert_eq!(bus.read32(at(4)).unwrap(), 0);
    bus.write32(at(4), 5).unwrap();
    assert_eq!(bus.read32(at(4)).unwrap(), 5);
}

#[test]
fn a_delay_calls_the_host_and_changes_nothing() {
    let waited = Cell::new(0);
    let model = CellBus::<1>::new(Model::plain());
    let mut bus = Faults::<_, 1, _>::with_delay(model, |ns| waited.set(waited.get() + ns));
    bus.push(Fault::always(Effect::Delay(1500)).from(2)).unwrap();
    for _ in 0..3 {
        assert_eq!(bus.read32(at(0)).unwrap(), DECODE_ERROR);
    }
    assert_eq!(waited.get(), 3000);
}

#[test]
fn disarmed_faults_neither_act_nor_count() {
    let bus = faulty(&["nth=1,all-ones"]);
    bus.arm(false);
    assert_eq!(bus.read32(at(4)).unwrap(), 0);
    bus.arm(true);
    assert_eq!(bus.read32(at(4)).unwrap(), u32::MAX);
    assert_eq!(bus.accesses(), 1);
}

#[test]
fn a_fault_that_cannot_happen_is_refused() {
    let mut bus = faulty(&[]);
    assert_eq!(bus.push(Fault::always(Effect::AllOnes).nth(0)), Err(FaultError::Never(Never::Turn)));
    assert_eq!(bus.push(Fault::always(Effect::Drop).reads()), Err(FaultError::Never(Never::DroppedRead)));
    let bit = Fault::always(Effect::Stuck { bit: 32, high: true });
    assert_eq!(bus.push(bit), Err(FaultError::Never(Never::Bit)));
    for _ in 0..4 {
        bus.push(Fault::always(Effect::AllOnes)).unwrap();
    }
    assert_eq!(bus.push(Fault::always(Effect::AllOnes)), Err(FaultError::Full { capacity: 4 }));
    bus.clear();
    assert_eq!(bus.faults().count(), 0);
}

#[test]
fn faults_are_as_shareable_as_the_bus_below() {
    const fn shareable<T: Sync>() {}
    shareable::<Faults<(), 4>>();
}

#[test]
fn a_line_of_text_makes_a_fault() {
    let fault = |text: &str| text.parse::<Fault>().unwrap();
    assert_eq!(fault("nth=17,read,all-ones"), Fault::always(Effect::AllOnes).nth(17).reads());
    assert_eq!(
        fault("reg=0x9400,from=3,pri=0xbadf1100"),
        Fault::always(Effect::Pri(0xBADF_1100)).at_offset(at::<u32>(0x9400)).from(3)
    );
    assert_eq!(fault("reg=nv_ptimer_time_0, drop").to_string(), "reg=0x9400,write,drop");
}

#[test]
fn a_wrong_word_is_named_by_its_column() {
    use ParseErrorKind as E;
    let error = |text: &str| text.parse::<Fault>().map_err(|e| (e.column, e.kind)).unwrap_err();
    assert_eq!(error(""), (1, E::Word));
    assert_eq!(error("nth=1"), (1, E::NoEffect));
    assert_eq!(error("nth=1,al-ones"), (7, E::Word));
    assert_eq!(error("nth=4294967296,drop"), (1, E::Number));
    assert_eq!(error("drop,reg=NV_NOTHING"), (6, E::Register));
    assert_eq!(error("drop,nth=1,from=2"), (12, E::Twice));
    assert_eq!(error("stuck=7"), (1, E::Stuck));
    assert_eq!(error("error=broken"), (1, E::ErrorName));
    assert_eq!(error("read,drop"), (1, E::Fault(FaultError::Never(Never::DroppedRead))));
    assert!(matches!(error("reg=0x1000000,drop"), (1, E::Offset(_))));
    let text = "reg=0x1000000,drop".parse::<Fault>().unwrap_err().to_string();
    assert!(text.starts_with("fault, column 1: offset 0x1000000 is outside"), "{text}");
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let register = proptest::option::of((0..0x40_0000_u32).prop_map(|word| word * 4));
    let turn =
        prop_oneof![Just(Turn::Every), (1..=u32::MAX).prop_map(Turn::Nth), any::<u32>().prop_map(Turn::From)];
    let on = prop_oneof![Just(On::Read), Just(On::Write), Just(On::Both)];
    let effect = prop_oneof![
        Just(Effect::Error(ErrorKind::Denied)),
        Just(Effect::AllOnes),
        any::<u32>().prop_map(Effect::Pri),
        any::<u32>().prop_map(Effect::Value),
        (0..32_u8, any::<bool>()).prop_map(|(bit, high)| Effect::Stuck { bit, high }),
        any::<u64>().prop_map(Effect::Delay),
    ];
    (register, turn, on, effect).prop_map(|(register, turn, on, effect)| Fault { register, turn, on, effect })
}

proptest! {
    #[test]
    fn text_and_fault_are_the_same(fault in any_fault()) {
        prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
    }

    #[test]
    fn any_text_is_a_fault_or_an_error(text in any::<std::string::String>()) {
        let _ = text.parse::<Fault>();
    }
}
