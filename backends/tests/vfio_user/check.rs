//! What has to hold for messages made here, and for bytes from anywhere.

use nova_backends::vfio_user::{
    Command, DecodeErrorKind, EncodeError, Frame, HEADER_SIZE, Header, Limits, RegionInfo, Reply, Request,
};

use super::generate::{FDS, Source, Store};

/// Bytes decide what messages are made; each survives the wire, and is refused in every way it can be
/// cut. Then the bytes are taken for messages themselves.
pub fn structured(bytes: &[u8]) {
    let mut source = Source(bytes);
    let command = Command::ALL[source.below(Command::ALL.len())];
    let store = Store::new(&mut source);
    let (request, fds) = store.request(command, &mut source);
    let id = source.u32() as u16;
    let message = encode(|out| request.encode(id, false, out));
    round_trip_request(&message, id, request, fds);
    cut(&message, |header, body| Request::decode(header, body, fds, &Limits::default()).is_ok());
    flipped(&message, &mut source);

    let caps = store.caps(&mut source);
    let reply = store.reply(command, &caps, &mut source);
    let asked = Header::request(id, command, false);
    let message = encode(|out| reply.encode(&asked, out));
    round_trip_reply(&message, &asked, command, reply);
    cut(&message, |header, body| Reply::decode(command, header, body, FDS, &Limits::default()).is_ok());
    flipped(&message, &mut source);
}

/// Bytes are taken for a stream of messages; what can be read is written again and reads the same.
pub fn arbitrary(bytes: &[u8]) {
    let limits = Limits::default();
    let mut rest = bytes;
    loop {
        match Frame::split(rest, &limits) {
            Ok(Frame::Whole { header, body, rest: after }) => {
                both(&header, body, &limits);
                assert_eq!(rest.len(), HEADER_SIZE + body.len() + after.len());
                rest = after;
            }
            Ok(Frame::Incomplete { more }) => {
                assert!(more > 0 && rest.len() + more <= limits.message as usize);
                break;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
    }
    // Bodies without a header that fits them.
    for command in Command::ALL {
        let header = Header::request(0, command, false);
        both(&header, bytes, &limits);
        both(&header.reply(), bytes, &limits);
    }
}

fn both(header: &Header, body: &[u8], limits: &Limits) {
    for fds in [0, 1, FDS] {
        match Request::decode(header, body, fds, limits) {
            Ok(request) => {
                let message = encode(|out| request.encode(header.id, false, out));
                round_trip_request(&message, header.id, request, fds);
            }
            Err(error) => assert!(error.errno().0 != 0 && !error.to_string().is_empty()),
        }
        let Ok(command) = Command::from_number(header.command) else { continue };
        if let Ok(reply) = Reply::decode(command, header, body, fds, limits) {
            let message = encode(|out| reply.encode(header, out));
            let (header, body) = whole(&message);
            assert_eq!(Reply::decode(command, &header, body, fds, limits).map(loose), Ok(loose(reply)));
        }
    }
}

/// Gaps between capabilities and longer entries than the document has are not written again, so the
/// room that they took is not the same afterwards.
fn loose(reply: Reply<'_>) -> Reply<'_> {
    match reply {
        Reply::DeviceGetRegionInfo(info) => Reply::DeviceGetRegionInfo(RegionInfo { argsz: 0, ..info }),
        other => other,
    }
}

fn whole(message: &[u8]) -> (Header, &[u8]) {
    match Frame::split(message, &Limits { message: u32::MAX, ..Limits::default() }).unwrap() {
        Frame::Whole { header, body, rest: [] } => (header, body),
        other => panic!("not one whole message: {other:?}"),
    }
}

/// Encodes into a buffer of exactly the length that the error for an empty one names; one byte less
/// is refused.
fn encode(encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let Err(EncodeError::TooSmall { needed, available: 0 }) = encode(&mut []) else {
        panic!("an empty buffer is too small")
    };
    let mut out = vec![0xaa; needed];
    let short = EncodeError::TooSmall { needed, available: needed - 1 };
    assert_eq!(encode(&mut out[1..]), Err(short));
    assert_eq!(encode(&mut out), Ok(needed));
    out
}

fn round_trip_request(message: &[u8], id: u16, request: Request<'_>, fds: usize) {
    let (header, body) = whole(message);
    assert_eq!(
        header,
        Header { size: message.len() as u32, ..Header::request(id, request.command(), false) }
    );
    assert_eq!(Request::decode(&header, body, fds, &Limits::default()), Ok(request));
    let reply = Reply::decode(request.command(), &header, body, fds, &Limits::default());
    assert_eq!(reply.unwrap_err().kind(), DecodeErrorKind::Direction);
}

fn round_trip_reply(message: &[u8], asked: &Header, command: Command, reply: Reply<'_>) {
    let (header, body) = whole(message);
    assert_eq!((header.id, header.command), (asked.id, asked.command));
    assert_eq!(Reply::decode(command, &header, body, FDS, &Limits::default()), Ok(reply));
    let request = Request::decode(&header, body, FDS, &Limits::default());
    assert_eq!(request.unwrap_err().kind(), DecodeErrorKind::Direction);
}

/// A message that stops early is incomplete; one whose header says that it is shorter is refused,
/// unless what is left is a message of its own.
fn cut(message: &[u8], mut reads: impl FnMut(&Header, &[u8]) -> bool) {
    let limits = Limits::default();
    for length in 0..message.len() {
        match Frame::split(&message[..length], &limits) {
            Ok(Frame::Incomplete { more }) => assert!(more > 0 && more <= message.len() - length),
            other => panic!("{length} bytes of {}: {other:?}", message.len()),
        }
        if length < HEADER_SIZE {
            continue;
        }
        let mut shorter = message[..length].to_vec();
        shorter[4..8].copy_from_slice(&(length as u32).to_le_bytes());
        let Ok(Frame::Whole { header, body, .. }) = Frame::split(&shorter, &limits) else {
            panic!("the header is good")
        };
        if !stands_alone(&header, body.len()) {
            assert!(!reads(&header, body), "cut to {length} bytes: {header:?} {body:02x?}");
        }
    }
}

/// Where the document, or a peer that exists, ends a message early.
fn stands_alone(header: &Header, body: usize) -> bool {
    let reply = !matches!(header.kind, nova_backends::vfio_user::Kind::Command { .. });
    match Command::from_number(header.command).unwrap() {
        Command::Version => body == 4,
        Command::DmaUnmap | Command::DmaWrite => reply && body == 0,
        Command::DeviceGetRegionInfo => reply && body == 32,
        Command::DeviceGetRegionIoFds => reply && body == 16,
        Command::DeviceFeature => body >= 8,
        _ => false,
    }
}

/// Messages with some bytes changed may mean something else, but are read without harm.
fn flipped(message: &[u8], source: &mut Source<'_>) {
    let mut changed = message.to_vec();
    for _ in 0..=source.below(4) {
        let at = (source.u32() as usize) % changed.len();
        changed[at] ^= source.byte() | 1;
    }
    arbitrary(&changed);
}
