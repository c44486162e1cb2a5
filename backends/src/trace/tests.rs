extern crate std;

use core::cell::RefCell;
use std::string::{String, ToString};
use std::vec::Vec;

use nova_core::bus::{Bus, ErrorKind as BusErrorKind, Offset};
use proptest::prelude::*;

use super::*;
use crate::access::{Op, Width};
use crate::model::{CellBus, Kind, Model};
use crate::record::{Record, Recorder, Untimed};
use crate::replay::{CellReplay, Failure, Mode, ReplayError};

const EVERYTHING: &str = "\
nova-trace 1 chip=ga102 source=sim
# a remark of the editor
M @1200 probe begins
R4 009400 00000020 @1234
W2 009142 0001
R4 000000 !gone @1300

W4 009140 00000000 !timeout
G 12
R1 300000 55 @1250
";

fn events(text: &str) -> Result<Vec<Event<'_>>, Error> {
    parse_any(text)?.collect()
}

/// The first mistake in a nova trace of these lines.
fn mistake(lines: &str) -> (u64, usize, ErrorKind) {
    let text = std::format!("nova-trace 1\n{lines}");
    let error = events(&text).unwrap_err();
    (error.line, error.column, error.kind)
}

#[test]
fn every_kind_of_line_is_read() {
    let read = Access {
        seq: 0,
        time_ns: 1234,
        op: Op::Read,
        width: Width::W32,
        offset: 0x9400,
        value: 0x20,
        error: None,
    };
    let expected = [
        Event::Comment("a remark of the editor"),
        Event::Mark { time_ns: 1200, text: "probe begins" },
        Event::Access(read),
        Event::Access(Access { seq: 1, op: Op::Write, width: Width::W16, offset: 0x9142, value: 1, ..read }),
        Event::Access(Access {
            seq: 2,
            time_ns: 1300,
            offset: 0,
            value: 0,
            error: Some(BusErrorKind::Gone),
            ..read
        }),
        Event::Access(Access {
            seq: 3,
            time_ns: 1300,
            op: Op::Write,
            offset: 0x9140,
            value: 0,
            error: Some(BusErrorKind::Timeout),
            ..read
        }),
        Event::Gap { lost: 12 },
        Event::Access(Access {
            seq: 16,
            time_ns: 1250,
            width: Width::W8,
            offset: 0x30_0000,
            value: 0x55,
            ..read
        }),
    ];
    let events = events(EVERYTHING).unwrap();
    let Event::Header(header) = events[0] else { panic!("no header") };
    assert_eq!((header.version, header.get("chip"), header.get("time")), (1, Some("ga102"), None));
    assert_eq!(header.attributes().count(), 2);
    assert_eq!(events[1..], expected);
}

#[test]
fn what_is_written_reads_back_to_the_byte() {
    let mut writer = Writer::new(String::new(), &[("chip", "ga102"), ("source", "sim")]).unwrap();
    for event in parse_any(EVERYTHING).unwrap() {
        match event.unwrap() {
            Event::Access(access) => writer.write_access(&access).unwrap(),
            Event::Mark { time_ns, text } => writer.write_mark(time_ns, format_args!("{text}")).unwrap(),
            _ => {}
        }
    }
    let written = writer.finish().unwrap();
    let lines: Vec<&str> = written.lines().collect();
    let expected: Vec<&str> =
        EVERYTHING.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(lines[..lines.len() - 1], expected);

    let mut reader = parse_any(&written).unwrap();
    assert_eq!(reader.by_ref().last(), Some(Ok(Event::End { accesses: 5 })));
    assert!(reader.is_complete());
    let mut cut = parse_any(EVERYTHING).unwrap();
    assert!(cut.by_ref().all(|event| event.is_ok()) && !cut.is_complete());
}

#[test]
fn mistakes_are_named_with_line_and_column() {
    use ErrorKind as E;
    assert_eq!(mistake("X4 0 0"), (2, 1, E::Keyword));
    assert_eq!(mistake("R8 0 0"), (2, 1, E::Keyword));
    assert_eq!(mistake("\n  R4"), (3, 5, E::Missing("offset")));
    assert_eq!(mistake("R4 g 0"), (2, 4, E::Malformed("offset")));
    assert_eq!(mistake("R4 0 +1"), (2, 6, E::Malformed("value")));
    assert_eq!(mistake("R1 0 100"), (2, 6, E::Wide));
    assert_eq!(mistake("W4 0 !gone"), (2, 6, E::Malformed("value")));
    assert_eq!(mistake("R4 0 !lost"), (2, 6, E::ErrorName));
    assert_eq!(mistake("R4 0 0 1234"), (2, 8, E::Malformed("time (@ and nanoseconds)")));
    assert_eq!(mistake("R4 0 0 @1 x"), (2, 11, E::Trailing));
    assert_eq!(mistake("E 0\nR4 0 0"), (3, 1, E::AfterEnd));
    assert_eq!(mistake("R4 0 0\nE 2"), (3, 3, E::Count { said: 2, found: 1 }));
    assert_eq!(mistake("G 18446744073709551615\nR4 0 0"), (3, 1, E::TooLong));
    assert!(matches!(mistake("R4 2 0"), (2, 4, E::Offset(_))));
    assert!(matches!(mistake("R4 1000000 0"), (2, 4, E::Offset(_))));
    assert!(matches!(mistake("R4 0 0\nE 1 0"), (3, 5, E::Checksum { .. })));

    let first = |text| events(text).map_err(|error| (error.line, error.column, error.kind)).unwrap_err();
    assert_eq!(first(""), (1, 1, E::Format));
    assert_eq!(first("# nothing"), (1, 1, E::Format));
    assert_eq!(first("\n# elf\n\x7fELF"), (3, 1, E::Format));
    assert_eq!(first("nova-trace 2"), (1, 12, E::Version));
    assert_eq!(first("nova-trace 1 chip"), (1, 14, E::Malformed("key=value pair")));
}

#[test]
fn a_message_says_what_why_and_what_next() {
    let error = events("nova-trace 1\nR4 9402 0\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 4: offset 0x9402 is not a multiple of 4; use 0x9400");
    let error = events("R 4 1.0 1 0xfd000000 0x0 0x0 0\n").unwrap_err();
    assert!(error.to_string().ends_with("keep the head of the log"), "{error}");
}

#[test]
fn reading_goes_on_after_a_bad_line() {
    let text = "nova-trace 1\nR4 0 1\nnonsense\nR4 0 2\n";
    let values: Vec<Option<u32>> =
        parse_any(text).unwrap().accesses().map(|access| access.ok().map(|access| access.value)).collect();
    assert_eq!(values, [Some(1), None, Some(2)]);
}

#[test]
fn an_edited_trace_is_noticed() {
    let mut writer = Writer::new(String::new(), &[]).unwrap();
    for access in parse_any(EVERYTHING).unwrap().accesses() {
        writer.write_access(&access.unwrap()).unwrap();
    }
    let text = writer.finish().unwrap();
    assert!(events(&text).is_ok());
    // Comments and line ends are not part of it.
    assert!(events(&text.replace('\n', "\r\n# edited\n")).is_ok());
    let edited = events(&text.replace("00000020", "00000021")).unwrap_err();
    assert!(matches!(edited.kind(), ErrorKind::Checksum { .. }));
}

#[test]
fn a_writer_refuses_what_it_could_not_read_back() {
    let kind = |attributes| Writer::new(String::new(), attributes).map(drop).map_err(|error| error.kind());
    assert_eq!(kind(&[("chip", "ga 102")]), Err(WriteErrorKind::Attribute));
    assert_eq!(kind(&[("a=b", "c")]), Err(WriteErrorKind::Attribute));
    assert_eq!(kind(&[("chip", "")]), Err(WriteErrorKind::Attribute));

    let access = parse_any(EVERYTHING).unwrap().accesses().next().unwrap().unwrap();
    let refused = |access: &Access| {
        let mut writer = Writer::new(String::new(), &[]).unwrap();
        writer.write_access(&Access { seq: 5, ..*access }).map_err(|error| error.kind())?;
        writer.write_access(access).map_err(|error| error.kind())?;
        writer.finish().map(drop).map_err(|error| error.kind())
    };
    assert_eq!(refused(&access), Err(WriteErrorKind::Order));
    assert_eq!(refused(&Access { offset: 1, ..access }), Err(WriteErrorKind::Access));
    let wide = Access { width: Width::W8, value: 256, ..access };
    assert_eq!(refused(&wide), Err(WriteErrorKind::Access));

    // The medium is too small for the second line. The first error stays.
    let mut writer = Writer::new(heapless::String::<16>::new(), &[]).unwrap();
    assert_eq!(writer.write_access(&access).unwrap_err().kind(), WriteErrorKind::Medium);
    assert_eq!(writer.finish().unwrap_err().accesses, 0);
}

#[test]
fn a_recording_written_as_text_replays() {
    let mut model = Model::<1>::plain();
    model.add_at(Offset::new(0).unwrap(), Kind::RW, 7).unwrap();
    let writer = Writer::new(String::new(), &[("source", "test")]).unwrap();
    let record = Record::new(CellBus::new(model), RefCell::new(Recorder::new(writer)), Untimed);
    let drive = |bus: &dyn Fn(u32) -> Option<u32>| (bus(1), bus(0));
    let live = drive(&|value| {
        let at = Offset::new(0).unwrap();
        record.write32(at, value).ok()?;
        record.read32(at).ok()
    });
    record.mark(format_args!("two\nlines")).unwrap();
    let text = record.into_parts().1.into_inner().into_sink().finish().unwrap();
    assert!(text.contains("M @0 two lines\n"), "{text}");

    let replay = CellReplay::new(parse_any(&text).unwrap().accesses(), Mode::Strict);
    let replayed = drive(&|value| {
        let at = Offset::new(0).unwrap();
        replay.write32(at, value).ok()?;
        replay.read32(at).ok()
    });
    assert_eq!(replayed, live);
    assert_eq!(replay.finish(), Ok(()));
}

#[test]
fn a_replay_stops_at_a_bad_line() {
    let text = "nova-trace 1\nR4 0 1\nnonsense\nR4 0 2\n";
    let replay = CellReplay::new(parse_any(text).unwrap().accesses(), Mode::Strict);
    let at = Offset::new(0).unwrap();
    assert_eq!(replay.read32(at), Ok(1));
    let expected = Failure::Source(Error { line: 3, column: 1, kind: ErrorKind::Keyword });
    assert_eq!(replay.read32(at), Err(ReplayError::Failed(expected)));
    // It does not go on after the line, as the reader would.
    assert_eq!(replay.read32(at), Err(ReplayError::Failed(expected)));
}

const LOG: &str = "\
VERSION 20070824
LSPCI 01:00.0 VGA compatible controller
PCIDEV 0101 10de1aef 0 fc000000 0 0 0 0 0 0 4000 0 0 0 0 0 0 snd_hda_intel
PCIDEV 0100 10de2204 b fd000000 0 d000000c 0 e000000c 0 0 1000000 0 10000000 0 2000000 0 0 nouveau
MAP 0.000001 1 0xfd000000 0xffffc90000000000 0x1000000 0x0 0
MARK 1.5 probe begins
R 1 12.001842 1 0xfd300001 0xaa 0x0 0
W 8 12.001843 2 0xd0000000 0x1122334455667788 0x0 0
UNKNOWN 12.5 1 0xfd000000 0x8b 0x0 0
UNMAP 13.0 1 0x0 0
";

#[test]
fn an_mmiotrace_log_is_read() {
    let events = events(LOG).unwrap();
    let Event::Device(gpu) = events[3] else { panic!("no device") };
    assert_eq!((gpu.vendor, gpu.device, gpu.driver), (0x10DE, 0x2204, "nouveau"));
    assert_eq!((gpu.bars[2], gpu.sizes[2]), (0xD000_0000, 0x1000_0000));
    let access = Access {
        seq: 0,
        time_ns: 12_001_842_000,
        op: Op::Read,
        width: Width::W8,
        offset: 0x30_0001,
        value: 0xAA,
        error: None,
    };
    let expected = [
        Event::Map { time_ns: 1_000, id: 1, physical: 0xFD00_0000, len: 0x100_0000 },
        Event::Mark { time_ns: 1_500_000_000, text: "probe begins" },
        Event::Access(access),
        Event::Foreign { time_ns: 12_001_843_000, op: Op::Write, physical: 0xD000_0000 },
        Event::Unknown { time_ns: 12_500_000_000, physical: 0xFD00_0000 },
        Event::Unmap { time_ns: 13_000_000_000, id: 1 },
    ];
    assert_eq!(events[4..], expected);
}

#[test]
fn mistakes_in_a_log_are_named_with_line_and_column() {
    use ErrorKind as E;
    let mistake = |line: &str| {
        let text = std::format!("{LOG}{line}");
        let error = events(&text).unwrap_err();
        assert_eq!(error.line, 11);
        (error.column, error.kind)
    };
    assert_eq!(mistake("R 8 1.0 1 0xfd000000 0x0 0x0 0"), (3, E::Width { bytes: 8 }));
    assert_eq!(mistake("R 2 1.0 1 0xfd000000 0x10000 0x0 0"), (22, E::Wide));
    assert_eq!(mistake("R 4 1.0 1 fd000000 0x0 0x0 0"), (11, E::Malformed("physical address")));
    assert_eq!(mistake("R 4 1.0000000001 1"), (5, E::Malformed("time in seconds")));
    assert_eq!(mistake("R 4 1.0 1 0xfd000000"), (21, E::Missing("value")));
    assert_eq!(mistake("NOTE 1.0"), (1, E::Keyword));
    assert_eq!(mistake("PCIDEV 0100 10de2204 b fd000000"), (32, E::Missing("BAR")));
    assert!(matches!(mistake("R 4 1.0 1 0xfd000002 0x0 0x0 0"), (11, E::Offset(_))));
}

#[test]
fn a_log_without_devices_takes_the_mapping_and_a_device_can_be_chosen() {
    let bare = "MAP 0.1 1 0xfd000000 0x0 0x1000000 0x0 0\nR 4 1.0 1 0xfd009400 0x20 0x0 0\n";
    let offsets = |reader: Reader<'_>| {
        reader.accesses().map(|access| access.map(|access| access.offset)).collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(offsets(parse_any(bare).unwrap()), Ok(std::vec![0x9400]));

    let audio = std::format!("{LOG}R 4 14.0 1 0xfc000010 0x0 0x0 0\n");
    let reader = Reader::with_decoder(&audio, mmiotrace::Decoder::of_device(0x0101));
    assert_eq!(offsets(reader), Ok(std::vec![0x10]));
}

fn any_access() -> impl Strategy<Value = Access> {
    let width = prop_oneof![Just(Width::W8), Just(Width::W16), Just(Width::W32)];
    let error = prop_oneof![
        Just(None),
        Just(Some(BusErrorKind::Gone)),
        Just(Some(BusErrorKind::Protocol)),
        Just(Some(BusErrorKind::Other)),
    ];
    let words = 0..nova_core::bus::WINDOW_SIZE / 4;
    (0..1000_u64, any::<u64>(), any::<bool>(), width, words, any::<u32>(), error).prop_map(
        |(seq, time_ns, write, width, word, value, error)| Access {
            seq,
            time_ns,
            op: if write { Op::Write } else { Op::Read },
            width,
            offset: word * 4,
            value: value & width.max(),
            error,
        },
    )
}

proptest! {
    #[test]
    fn accesses_survive_the_text(
        mut accesses in proptest::collection::vec(any_access(), 0..40),
        remark in "[a-z][a-z ]{0,20}[a-z]",
    ) {
        accesses.sort_by_key(|access| access.seq);
        accesses.dedup_by_key(|access| access.seq);
        let mut writer = Writer::new(String::new(), &[("chip", "tu102")]).unwrap();
        for access in &accesses {
            writer.write_mark(access.time_ns / 2, format_args!("{remark}")).unwrap();
            writer.write_access(access).unwrap();
        }
        let text = writer.finish().unwrap();
        let read = parse_any(&text).unwrap().accesses().collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(read, Ok(accesses));
        let remarks = parse_any(&text).unwrap().filter(|event| {
            matches!(event, Ok(Event::Mark { text, .. }) if *text == remark)
        });
        prop_assert_eq!(remarks.count(), text.matches("\nM ").count());
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        let _ = events(&text);
    }

    #[test]
    fn any_words_after_any_keyword_are_read_without_panic(
        lines in proptest::collection::vec(
            ("(R|W|R4|W1|M|G|E|MAP|UNMAP|MARK|PCIDEV|UNKNOWN|VERSION|nova-trace|#)",
             proptest::collection::vec("(0x)?[0-9a-f]{0,18}|@[0-9]{0,21}|[0-9]{1,20}\\.[0-9]{0,10}|!gone|é|\\PC{0,3}", 0..18)),
            0..6,
        ),
        nova in any::<bool>(),
    ) {
        let mut text = String::from(if nova { "nova-trace 1\n" } else { "VERSION 20070824\n" });
        for (keyword, words) in lines {
            text += &keyword;
            for word in words {
                text += " ";
                text += &word;
            }
            text += "\n";
        }
        for event in parse_any(&text).unwrap() {
            if let Err(error) = event {
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
