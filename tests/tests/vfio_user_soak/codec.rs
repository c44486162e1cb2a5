//! Both decoders by themselves: one message after the other, requests and answers in turns.

use nova_backends::vfio_user::{Frame, Header, Limits, Reply, Request};
use nova_sim_glue::Rng;

use crate::Run;
use crate::generate::{FDS, Source, Store};
use crate::messages::{LONGEST, command, damage, decisions};
use crate::process::Watch;

/// What became of them.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed as a whole")]
pub(crate) struct Found {
    whole: u64,
    damaged_and_read: u64,
    damaged_and_refused: u64,
}

pub(crate) fn soak(run: Run, watch: &mut Watch) -> Found {
    let mut found = Found::default();
    let mut buffer = vec![0; LONGEST];
    for message in 0..run.messages {
        if message == run.messages / 10 {
            watch.warm();
        }
        let mut rng = Rng::new(run.seed.wrapping_add(message));
        let kind = if message % 2 == 0 { request } else { reply };
        match kind(&mut rng, &mut buffer) {
            (false, held) => {
                assert!(held, "seed {}: it did not survive the wire", run.seed.wrapping_add(message));
                found.whole += 1;
            }
            (true, true) => found.damaged_and_read += 1,
            (true, false) => found.damaged_and_refused += 1,
        }
    }
    found
}

/// Whether it was damaged; whether it was read, and as what was written where it was not damaged.
fn request(rng: &mut Rng, buffer: &mut [u8]) -> (bool, bool) {
    let bytes = decisions(rng);
    let mut source = Source(&bytes);
    let store = Store::new(&mut source);
    let (request, fds) = store.request(command(rng), &mut source);
    let length = request.encode(rng.next() as u16, false, buffer).expect("it fits");
    let damaged = damage(&mut buffer[..length], rng);
    let limits = Limits::default();
    let Some((header, body)) = split(&buffer[..length], &limits) else { return (damaged, false) };
    let read = Request::decode(&header, body, fds, &limits);
    (damaged, if damaged { read.is_ok() } else { read == Ok(request) })
}

fn reply(rng: &mut Rng, buffer: &mut [u8]) -> (bool, bool) {
    let bytes = decisions(rng);
    let mut source = Source(&bytes);
    let store = Store::new(&mut source);
    let caps = store.caps(&mut source);
    let command = command(rng);
    let reply = store.reply(command, &caps, &mut source);
    let asked = Header::request(rng.next() as u16, command, false);
    let length = reply.encode(&asked, buffer).expect("it fits");
    let damaged = damage(&mut buffer[..length], rng);
    let limits = Limits::default();
    let Some((header, body)) = split(&buffer[..length], &limits) else { return (damaged, false) };
    let read = Reply::decode(command, &header, body, FDS, &limits);
    (damaged, if damaged { read.is_ok() } else { read == Ok(reply) })
}

fn split<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(Header, &'a [u8])> {
    match Frame::split(bytes, limits) {
        Ok(Frame::Whole { header, body, .. }) => Some((header, body)),
        Ok(Frame::Incomplete { more }) => {
            assert!(more > 0);
            None
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
