//! A log of nouveau probing a GA102, taken with Linux' own format, read and replayed.

use std::collections::BTreeMap;

use nova_backends::access::{Access, Op, Width};
use nova_backends::replay::{CellReplay, Mode};
use nova_backends::trace::{self, Event};
use nova_core::bus::{Bus, Offset};

const LOG: &str = include_str!("data/nouveau-ga102-trimmed.mmiotrace");

fn accesses() -> Vec<Access> {
    trace::parse_any(LOG).unwrap().accesses().collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_line_is_understood() {
    let mut kinds = BTreeMap::new();
    for event in trace::parse_any(LOG).unwrap() {
        let kind = match event.unwrap() {
            Event::Access(Access { op: Op::Read, .. }) => "read",
            Event::Access(_) => "write",
            Event::Header(_) => "header",
            Event::Mark { .. } => "mark",
            Event::Device(_) => "device",
            Event::Map { .. } => "map",
            other => panic!("not in this log: {other:?}"),
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    let expected = [("device", 1), ("header", 1), ("map", 1), ("mark", 4), ("read", 496), ("write", 1389)];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn offsets_times_and_widths_are_those_of_the_hardware() {
    let accesses = accesses();
    let first = Access {
        seq: 0,
        time_ns: 12_001_842_000,
        op: Op::Read,
        width: Width::W32,
        offset: 4,
        value: 0,
        error: None,
    };
    assert_eq!(accesses[0], first);
    assert_eq!((accesses[1].offset, accesses[1].value), (0, 0x172000A1));
    assert_eq!(accesses.iter().filter(|access| access.width == Width::W8).count(), 4);
    // The ROM signature, through PROM.
    let rom = accesses.iter().find(|access| access.offset == 0x300000).unwrap();
    assert_eq!(rom.value & 0xFFFF, 0xAA55);
    assert!(accesses.is_sorted_by_key(|access| access.time_ns));
}

#[test]
fn the_log_survives_novas_own_format() {
    let accesses = accesses();
    let mut writer =
        trace::Writer::new(String::new(), &[("chip", "ga102"), ("source", "mmiotrace")]).unwrap();
    for access in &accesses {
        writer.write_access(access).unwrap();
    }
    let text = writer.finish().unwrap();
    let read: Result<Vec<_>, _> = trace::parse_any(&text).unwrap().accesses().collect();
    assert_eq!(read.unwrap(), accesses);
}

#[test]
fn a_driver_that_polls_replays_against_the_log() {
    let accesses = accesses();
    let bus = CellReplay::new(trace::parse_any(LOG).unwrap().accesses(), Mode::Collapse);
    for access in &accesses {
        assert_eq!(again(&bus, access).unwrap(), access.value);
        if access.op == Op::Read && access.seq % 7 == 0 {
            // The run of identical reads that the log notes once. One more only if the log does
            // not go on with the very same read, which would be taken for it.
            let next = accesses.get(access.seq as usize + 1);
            if !next.is_some_and(|next| next.same_request(access)) {
                assert_eq!(again(&bus, access).unwrap(), access.value);
            }
        }
    }
    bus.finish().unwrap();
}

fn again<B: Bus>(bus: &B, access: &Access) -> Result<u32, B::Error> {
    let Access { op, width, offset, value, .. } = *access;
    match (op, width) {
        (Op::Read, Width::W8) => bus.read8(Offset::new(offset).unwrap()).map(u32::from),
        (Op::Read, Width::W16) => bus.read16(Offset::new(offset).unwrap()).map(u32::from),
        (Op::Read, Width::W32) => bus.read32(Offset::new(offset).unwrap()),
        (Op::Write, Width::W8) => bus.write8(Offset::new(offset).unwrap(), value as u8).map(|()| value),
        (Op::Write, Width::W16) => bus.write16(Offset::new(offset).unwrap(), value as u16).map(|()| value),
        (Op::Write, Width::W32) => bus.write32(Offset::new(offset).unwrap(), value).map(|()| value),
    }
}
