//! BAR0 as a client reaches it: any offset and length, cut into words that the registers have.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::faults::{Fault, FaultError, Faults};
use nova_core::bus::{Bus, Offset, WINDOW_SIZE, Word};
use rustix::io::Errno;

use super::clock;
use crate::gpu::{Gpu, Power};

/// Faults that the text of a device may have.
pub const MOST_FAULTS: usize = 64;

type Delay = Box<dyn Fn(u64) + Send>;

/// The registers of a GPU with faults in front, which come with the text of the device and at run time.
pub(super) struct Injector {
    bus: Mutex<Faults<ServedBus, MOST_FAULTS, Delay>>,
    /// Delays that faults asked for, in ns.
    delayed: Arc<AtomicU64>,
}

impl Injector {
    /// No faults yet.
    pub(super) fn new(gpu: &Gpu) -> Self {
        let delayed = Arc::new(AtomicU64::new(0));
        let sum = delayed.clone();
        // The loop lets the time pass: it holds the answer back and goes on with everything else.
        let delay: Delay = Box::new(move |ns| {
            sum.fetch_add(ns, Relaxed);
        });
        Self { bus: Mutex::new(Faults::with_delay(ServedBus(gpu.clone()), delay)), delayed }
    }

    /// Adds a fault.
    ///
    /// # Errors
    ///
    /// When it can never happen, or there are [`MOST_FAULTS`].
    pub(super) fn push(&self, fault: Fault) -> Result<(), FaultError> {
        self.bus().push(fault)
    }

    /// Removes all faults.
    pub(super) fn clear(&self) {
        self.bus().clear();
    }

    /// How many accesses a fault has acted on since they were cleared.
    pub(super) fn fired(&self) -> u32 {
        self.bus().fired()
    }

    fn bus(&self) -> MutexGuard<'_, Faults<ServedBus, MOST_FAULTS, Delay>> {
        self.bus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registers as the loop reaches them.
pub(super) struct Registers {
    injector: Arc<Injector>,
    gpu: Gpu,
}

impl Registers {
    /// The registers of `gpu`, with `faults` from the start.
    ///
    /// # Errors
    ///
    /// When a fault can never happen, or there are more than [`MOST_FAULTS`].
    pub(super) fn new(gpu: &Gpu, injector: &Arc<Injector>, faults: &[Fault]) -> Result<Self, FaultError> {
        faults.iter().try_for_each(|fault| injector.push(*fault))?;
        Ok(Self { injector: injector.clone(), gpu: gpu.clone() })
    }

    /// Reads; the caller has checked the range against the window.
    ///
    /// # Errors
    ///
    /// `EIO` when a fault says so.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        for (at, len) in words(offset, into.len()) {
            let part = &mut into[(at - offset) as usize..][..len];
            let word =
                if at < u64::from(WINDOW_SIZE) { self.read_word(at as u32, len)? } else { self.beyond() };
            part.copy_from_slice(&word.to_le_bytes()[..len]);
        }
        Ok(())
    }

    /// Writes; the caller has checked the range against the window.
    ///
    /// # Errors
    ///
    /// `EIO` when a fault says so; words before the one that failed are written.
    pub(super) fn write(&self, offset: u64, from: &[u8]) -> Result<(), Errno> {
        for (at, len) in words(offset, from.len()) {
            let mut word = [0; 4];
            word[..len].copy_from_slice(&from[(at - offset) as usize..][..len]);
            if at < u64::from(WINDOW_SIZE) {
                self.write_word(at as u32, len, u32::from_le_bytes(word))?;
            }
        }
        Ok(())
    }

    /// Delays since the last call, in ns.
    pub(super) fn take_delay(&self) -> u64 {
        self.injector.delayed.swap(0, Relaxed)
    }

    fn read_word(&self, at: u32, len: usize) -> Result<u32, Errno> {
        match len {
            1 => self.get::<u8>(at).map(u32::from),
            2 => self.get::<u16>(at).map(u32::from),
            _ => self.get::<u32>(at),
        }
    }

    fn write_word(&self, at: u32, len: usize, value: u32) -> Result<(), Errno> {
        match len {
            1 => self.put(at, value as u8),
            2 => self.put(at, value as u16),
            _ => self.put(at, value),
        }
    }

    fn get<W: Word>(&self, at: u32) -> Result<W, Errno> {
        let at = Offset::new(at).map_err(|_| Errno::INVAL)?;
        W::read(&*self.injector.bus(), at).map_err(|_| Errno::IO)
    }

    fn put<W: Word>(&self, at: u32, value: W) -> Result<(), Errno> {
        let at = Offset::new(at).map_err(|_| Errno::INVAL)?;
        W::write(&*self.injector.bus(), at, value).map_err(|_| Errno::IO)
    }

    /// No register is known beyond 16 MiB: nothing there.
    fn beyond(&self) -> u32 {
        if self.gpu.with(|gpu| gpu.power()) == Power::Present { 0 } else { u32::MAX }
    }
}

/// An access as words of 1, 2 or 4 bytes, each at a multiple of its length, in rising order.
pub(super) fn words(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize)> {
    let end = offset + len as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let left = end - at;
        let len = [4, 2, 1].into_iter().find(|len| at.is_multiple_of(*len) && *len <= left)?;
        at += len;
        Some((at - len, len as usize))
    })
}

/// The registers, at the time of the host's clock. Messages stay in the GPU until the loop fetches them.
struct ServedBus(Gpu);

impl ServedBus {
    fn get<W: Word>(&self, at: Offset<W>) -> W {
        self.0.with(|gpu| gpu.read(at, clock::now()))
    }

    fn put<W: Word>(&self, at: Offset<W>, value: W) {
        self.0.with(|gpu| gpu.write(at, value, clock::now()));
    }
}

impl Bus for ServedBus {
    type Error = Infallible;

    fn read8(&self, at: Offset<u8>) -> Result<u8, Infallible> {
        Ok(self.get(at))
    }
    fn read16(&self, at: Offset<u16>) -> Result<u16, Infallible> {
        Ok(self.get(at))
    }
    fn read32(&self, at: Offset<u32>) -> Result<u32, Infallible> {
        Ok(self.get(at))
    }
    fn write8(&self, at: Offset<u8>, value: u8) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
    fn write16(&self, at: Offset<u16>, value: u16) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
    fn write32(&self, at: Offset<u32>, value: u32) -> Result<(), Infallible> {
        self.put(at, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_cut_at_their_alignment() {
        let cut = |offset, len| words(offset, len).collect::<Vec<_>>();
        assert_eq!(cut(0, 4), [(0, 4)]);
        assert_eq!(cut(8, 8), [(8, 4), (12, 4)]);
        assert_eq!(cut(1, 7), [(1, 1), (2, 2), (4, 4)]);
        assert_eq!(cut(3, 6), [(3, 1), (4, 4), (8, 1)]);
        assert_eq!(cut(2, 1), [(2, 1)]);
        assert_eq!(cut(5, 0), []);
    }
}
