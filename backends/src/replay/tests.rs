extern crate std;

use std::string::ToString;
use std::vec::Vec;

use nova_core::bus::{Error as _, ErrorKind};
use proptest::prelude::*;

use super::*;
use crate::faults::Faults;
use crate::model::{CellBus, Kind, Model};
use crate::record::{Record, Recorder, Ring, Untimed};

fn at<W: Word>(bytes: u32) -> Offset<W> {
    Offset::new(bytes).unwrap()
}

fn read(seq: u64, offset: u32, value: u32) -> Access {
    Access { seq, time_ns: 0, op: Op::Read, width: Width::W32, offset, value, error: None }
}

fn write(seq: u64, offset: u32, value: u32) -> Access {
    Access { op: Op::Write, ..read(seq, offset, value) }
}

#[test]
fn a_driver_that_does_the_same_gets_the_same_answers() {
    let trace = [read(0, 4, 7), write(1, 8, 9), read(2, 4, 8)];
    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    assert_eq!(bus.read32(at(4)), Ok(7));
    assert_eq!(bus.write32(at(8), 9), Ok(()));
    assert_eq!(bus.read32(at(4)), Ok(8));
    assert_eq!(bus.finish(), Ok(()));
}

#[test]
fn the_first_divergence_is_kept_and_named() {
    let mut trace: Vec<Access> = (0..17).map(|seq| write(seq, 0, 0)).collect();
    trace.push(read(17, 0x9400, 0));
    trace.push(write(18, 0, 0));
    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    for _ in 0..17 {
        bus.write32(at(0), 0).unwrap();
    }
    let error = bus.write32(at(0x9140), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let text = error.to_string();
    assert!(
        text.starts_with("access 17: trace has read32 0x9400, the driver did write32 0x9140 = 0x1;"),
        "{text}"
    );
    // What would have matched does not any more.
    assert_eq!(bus.read32(at(0x9400)).unwrap_err(), ReplayError::Failed(bus.failure().unwrap().unwrap()));
    assert_eq!(bus.finish().unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(bus.failure().unwrap().unwrap().index(), Some(17));
}

#[test]
fn both_ends_are_checked() {
    let trace = [read(0, 4, 7)];
    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    assert_eq!(bus.finish(), Err(ReplayError::Failed(Failure::Unfinished { want: trace[0] })));

    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    bus.read32(at(4)).unwrap();
    let error = bus.read32(at(4)).unwrap_err();
    assert_eq!(error, ReplayError::Failed(Failure::Ended { index: 1, got: read(1, 4, 0) }));
    assert!(error.to_string().starts_with("access 1: the trace ends here, the driver did read32 0x4;"));
}

#[test]
fn collapsed_polls_answer_again_until_the_driver_goes_on() {
    let trace = [read(0, 4, 0), read(1, 4, 1), write(2, 8, 1), read(3, 4, 5)];
    let bus = CellReplay::new(trace.iter(), Mode::Collapse);
    let polls = [(); 4].map(|()| bus.read32(at(4)).unwrap());
    assert_eq!(polls, [0, 1, 1, 1]);
    bus.write32(at(8), 1).unwrap();
    assert_eq!([(); 3].map(|()| bus.read32(at(4)).unwrap()), [5, 5, 5]);
    assert_eq!(bus.finish(), Ok(()));
    // A repeated write is no poll.
    assert!(bus.write32(at(8), 1).is_err());
}

#[test]
fn lost_accesses_stop_the_replay() {
    let trace = [read(5, 0, 0), read(8, 0, 0)];
    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    bus.read32(at(0)).unwrap();
    assert_eq!(bus.read32(at(0)), Err(ReplayError::Failed(Failure::Gap { index: 6, lost: 2 })));
}

#[test]
fn recorded_errors_come_back() {
    let trace = [Access { error: Some(ErrorKind::Gone), ..read(0, 0, 0) }, read(1, 0, 1)];
    let bus = CellReplay::new(trace.iter(), Mode::Strict);
    assert_eq!(bus.read32(at(0)), Err(ReplayError::Recorded(ErrorKind::Gone)));
    assert_eq!(bus.read32(at(0)), Ok(1));
}

/// One step of a made-up driver.
#[derive(Debug, Clone, Copy)]
enum Do {
    Read8(u32),
    Read32(u32),
    Write16(u32, u16),
    Write32(u32, u32),
}

fn run<B: Bus>(bus: &B, steps: &[Do]) -> Vec<Option<u32>> {
    let step = |step: &Do| match *step {
        Do::Read8(offset) => bus.read8(at(offset)).map(u32::from).ok(),
        Do::Read32(offset) => bus.read32(at(offset)).ok(),
        Do::Write16(offset, value) => bus.write16(at(offset), value).map(|()| 0).ok(),
        Do::Write32(offset, value) => bus.write32(at(offset), value).map(|()| 0).ok(),
    };
    steps.iter().map(step).collect()
}

fn recorded(steps: &[Do]) -> (Vec<Option<u32>>, Vec<Access>) {
    let mut model = Model::<4>::plain();
    for (offset, kind) in [(0, Kind::RW), (4, Kind::Write1ToClear), (8, Kind::SetOf(at(0)))] {
        model.add_at(at(offset), kind, 0xA5A5_5A5A).unwrap();
    }
    let mut faults = Faults::<_, 2>::new(CellBus::new(model));
    faults.push("nth=7,error=timeout".parse().unwrap()).unwrap();
    faults.push("reg=0x4,nth=2,all-ones".parse().unwrap()).unwrap();
    let bus = Record::new(faults, RefCell::new(Recorder::new(Ring::<64>::new())), Untimed);
    let answers = run(&bus, steps);
    let ring = bus.into_parts().1.into_inner().into_sink();
    (answers, ring.iter().copied().collect())
}

fn any_steps() -> impl Strategy<Value = Vec<Do>> {
    let step = prop_oneof![
        (0..16_u32).prop_map(Do::Read8),
        (0..4_u32).prop_map(|word| Do::Read32(word * 4)),
        (0..8_u32, any::<u16>()).prop_map(|(half, value)| Do::Write16(half * 2, value)),
        (0..4_u32, any::<u32>()).prop_map(|(word, value)| Do::Write32(word * 4, value)),
    ];
    proptest::collection::vec(step, 1..64)
}

proptest! {
    #[test]
    fn what_was_recorded_on_the_model_replays(steps in any_steps()) {
        let (answers, trace) = recorded(&steps);
        for mode in [Mode::Strict, Mode::Collapse] {
            let bus = CellReplay::new(trace.iter(), mode);
            prop_assert_eq!(&run(&bus, &steps), &answers);
            prop_assert_eq!(bus.finish(), Ok(()));
        }
    }

    #[test]
    fn one_changed_access_is_reported_where_it_is(
        steps in any_steps(),
        which in any::<prop::sample::Index>(),
        how in 0..4_u8,
    ) {
        let (answers, mut trace) = recorded(&steps);
        let index = which.index(trace.len());
        let changed = &mut trace[index];
        match (how, changed.op) {
            (0, _) => changed.offset ^= 0x100,
            (1, _) => changed.width = if changed.width == Width::W8 { Width::W16 } else { Width::W8 },
            (2, Op::Write) => changed.value ^= 1,
            (_, Op::Write) => changed.op = Op::Read,
            (_, Op::Read) => changed.op = Op::Write,
        }
        let bus = CellReplay::new(trace.iter(), Mode::Strict);
        let replayed = run(&bus, &steps);
        prop_assert_eq!(&replayed[..index], &answers[..index]);
        prop_assert!(replayed[index..].iter().all(Option::is_none));
        let failure = bus.failure().unwrap().unwrap();
        prop_assert_eq!(failure.index(), Some(index as u64));
    }
}
