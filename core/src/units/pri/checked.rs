//! Register access that recognises a dead device and bus errors.

use tock_registers::fields::FieldValue;

use super::{PriError, PriKind};
use crate::bus::{Bus, Io, Modifiable, Offset, Place, Pure, Readable, Register, Value, Writable};
use crate::chip::{Any, On, Proof};
use crate::error::Error;
use crate::regs::pmc::NV_PMC_BOOT_0;

/// What all reads return once the device is off the bus, or its memory decoding is off.
const ALL_ONES: u32 = u32::MAX;

/// Typed access whose reads are believed only if they can be true.
///
/// Many polls are satisfied by all-ones (a dozen of them in nova-core 7.3). So units read
/// through this type: a read of all ones is confirmed with BOOT_0, which is never all ones on a chip
/// that works, and a PRI error pattern becomes a typed error. A read that looks like neither costs
/// one access and two compares. A callback that wants the bare access uses [`Io`].
pub struct Checked<'a, B: ?Sized, A = Any> {
    io: Io<'a, B, A>,
    /// BOOT_0 as read at identification.
    boot0: u32,
}

impl<B: ?Sized, A: Copy> Clone for Checked<'_, B, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: ?Sized, A: Copy> Copy for Checked<'_, B, A> {}

type Mode<P> = <<P as Place>::Reg as Register>::Access;
type WordOf<P> = <<P as Place>::Reg as Register>::Word;

impl<'a, B: Bus + ?Sized, A: Proof> Checked<'a, B, A> {
    /// Checked access to the device whose BOOT_0 reads `boot0`.
    pub const fn new(io: Io<'a, B, A>, boot0: u32) -> Self {
        Self { io, boot0 }
    }

    /// The bare access, whose reads are not checked.
    pub const fn unchecked(self) -> Io<'a, B, A> {
        self.io
    }

    /// The same device with what `proof` allows.
    pub const fn on<P: Proof>(self, proof: P) -> Checked<'a, B, P> {
        Checked { io: self.io.on(proof), boot0: self.boot0 }
    }

    /// Whether the device is still the one that was identified.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when BOOT_0 is all ones or another chip's; [`Error::Pri`] and [`Error::Bus`].
    pub fn alive(self) -> Result<(), Error> {
        let at = Place::offset(NV_PMC_BOOT_0);
        let boot0 = self.io.read_untyped(at).map_err(|e| Error::bus(&e, at.bytes()))?;
        if boot0 == self.boot0 {
            return Ok(());
        }
        match PriKind::of(boot0) {
            Some(kind) => Err(Error::Pri(PriError { offset: at.bytes(), value: boot0, kind })),
            None => Err(Error::Gone),
        }
    }

    /// Reads a register and believes it only if it can be true.
    ///
    /// All ones are read once more when the device turns out to be there: the first read may have hit
    /// a moment in which it was not. Not where a read changes something.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`], [`Error::Pri`], [`Error::Bus`].
    pub fn read<P: Place>(self, place: P) -> Result<Value<P::Reg>, Error>
    where
        Mode<P>: Readable,
        P::Reg: On<A>,
    {
        let value = self.read_unchecked(place)?;
        self.judge(place.offset().bytes(), value.get().into())?;
        if value.get().into() != ALL_ONES || matches!(P::Reg::PURE, Pure::No) {
            return Ok(value);
        }
        let again = self.read_unchecked(place)?;
        self.judge(place.offset().bytes(), again.get().into())?;
        Ok(again)
    }

    /// Reads a register that may honestly hold any value; the caller checks.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] or [`Error::Bus`], when the bus says so.
    #[inline]
    pub fn read_unchecked<P: Place>(self, place: P) -> Result<Value<P::Reg>, Error>
    where
        Mode<P>: Readable,
        P::Reg: On<A>,
    {
        self.io.read(place).map_err(|e| Error::bus(&e, place.offset().bytes()))
    }

    /// Writes a register from field values.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] or [`Error::Bus`], when the bus says so. A write that the device dropped
    /// shows only at the next read.
    pub fn write<P: Place>(self, place: P, value: FieldValue<WordOf<P>, P::Reg>) -> Result<(), Error>
    where
        Mode<P>: Writable,
        P::Reg: On<A>,
    {
        self.io.write(place, value).map_err(|e| Error::bus(&e, place.offset().bytes()))
    }

    /// Writes a register as a word.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_word<P: Place>(self, place: P, value: WordOf<P>) -> Result<(), Error>
    where
        Mode<P>: Writable,
        P::Reg: On<A>,
    {
        self.io.write_word(place, value).map_err(|e| Error::bus(&e, place.offset().bytes()))
    }

    /// Writes a register and reads it back: the write has reached the device and was taken.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when something else reads back, and everything [`read`](Self::read) gives.
    pub fn write_back<P>(self, place: P, value: u32) -> Result<(), Error>
    where
        P: Place,
        P::Reg: Register<Word = u32> + On<A>,
        Mode<P>: Modifiable,
    {
        self.write_word(place, value)?;
        let read = self.read_unchecked(place)?.get();
        if read == value {
            return Ok(());
        }
        self.judge(place.offset().bytes(), read)?;
        Err(Error::Mismatch { register: P::Reg::NAME, wrote: value, read })
    }

    /// Reads 32 bits at an offset known only at run time, whatever register is there; believed only if it
    /// can be true.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_untyped(self, at: Offset<u32>) -> Result<u32, Error> {
        let value = self.io.read_untyped(at).map_err(|e| Error::bus(&e, at.bytes()))?;
        self.judge(at.bytes(), value)?;
        Ok(value)
    }

    /// Whether `value`, read at `offset`, can be true.
    fn judge(self, offset: u32, value: u32) -> Result<(), Error> {
        if value == ALL_ONES {
            // A register may hold all ones; BOOT_0 never does.
            return self.alive();
        }
        match PriKind::of(value) {
            Some(kind) => Err(Error::Pri(PriError { offset, value, kind })),
            None => Ok(()),
        }
    }
}
