//! What a server asks of its client: memory, where it was not given as a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nova_backends::vfio_user::{DmaWritten, Errno, Header, Limits, Reply, Request};

use super::link::{Buffers, Deadline, Failure, Socket};
use crate::device::Memory;

/// The memory that the server may ask for, by bus address.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<BTreeMap<u64, Arc<Memory>>>);

impl Shared {
    pub(super) fn add(&self, address: u64, memory: Arc<Memory>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address, memory);
    }

    pub(super) fn remove(&self, address: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }

    /// The piece that all of a range lies in, and where in it.
    fn find(&self, address: u64, len: u64) -> Option<(Arc<Memory>, usize)> {
        let pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, memory) = pieces.range(..=address).next_back()?;
        let offset = address - start;
        let inside = offset.checked_add(len).is_some_and(|end| end <= memory.size());
        inside.then(|| Some((memory.clone(), usize::try_from(offset).ok()?)))?
    }
}

/// Answers a request of the server's.
pub(super) fn answer(
    shared: &Shared,
    buffers: &mut Buffers,
    socket: &Socket,
    header: &Header,
    job: &Job,
    clock: Deadline,
) -> Result<(), Failure> {
    let mut data = Vec::new();
    let reply = match job {
        Job::Read { address, count } => match shared.find(*address, *count) {
            // The count was checked against our limit when the request was decoded.
            Some((memory, offset)) => {
                data.resize(usize::try_from(*count).unwrap_or(0), 0);
                match memory.read(offset, &mut data) {
                    Ok(()) => Reply::DmaRead { address: *address, data: &data },
                    Err(_) => Reply::Error(Errno::EFAULT),
                }
            }
            None => Reply::Error(Errno::EFAULT),
        },
        Job::Write { address, data } => {
            let found = shared.find(*address, data.len() as u64);
            match found.map(|(memory, offset)| memory.write(offset, data)) {
                Some(Ok(())) => {
                    Reply::DmaWrite(Some(DmaWritten { address: *address, count: data.len() as u32 }))
                }
                _ => Reply::Error(Errno::EFAULT),
            }
        }
        Job::Refuse(errno) => Reply::Error(*errno),
    };
    if header.wants_reply() { buffers.reply(socket, header, &reply, clock) } else { Ok(()) }
}

/// What is asked for, apart from the buffer it came in.
#[derive(Debug)]
pub(super) enum Job {
    /// To read memory.
    Read {
        /// Bus address.
        address: u64,
        /// Bytes.
        count: u64,
    },
    /// To write memory.
    Write {
        /// Bus address.
        address: u64,
        /// What.
        data: Vec<u8>,
    },
    /// Something that a client does not do.
    Refuse(Errno),
}

impl Job {
    pub(super) fn of(header: &Header, body: &[u8], fds: usize, limits: &Limits) -> Self {
        match Request::decode(header, body, fds, limits) {
            Ok(Request::DmaRead(access)) => Self::Read { address: access.address, count: access.count },
            Ok(Request::DmaWrite { address, data }) => Self::Write { address, data: data.to_vec() },
            Ok(_) => Self::Refuse(Errno::EOPNOTSUPP),
            Err(error) => Self::Refuse(error.errno()),
        }
    }
}
