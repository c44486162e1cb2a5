//! The registers of one falcon, and writes that are seen to arrive.

use tock_registers::fields::FieldValue;

use super::Engine;
use crate::bus::{Bus, Element, InstanceOf, Modifiable, Place, Readable, Register, Value, Writable};
use crate::chip::{Any, On};
use crate::error::Error;
use crate::regs::falcon::Falcon;
use crate::units::pri::Checked;

/// The registers of one falcon.
pub(super) struct Block<'a, B: ?Sized> {
    pub(super) io: Checked<'a, B>,
    pub(super) engine: Engine,
}

impl<B: ?Sized> Clone for Block<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: ?Sized> Copy for Block<'_, B> {}

impl<B: Bus> Block<'_, B> {
    /// Where a register of this falcon stands.
    pub(super) fn place<R: InstanceOf<Falcon>>(self, register: R) -> Result<Element<R>, Error> {
        Ok(self.engine.falcon().of(register)?)
    }

    pub(super) fn read<R>(self, register: R) -> Result<Value<R>, Error>
    where
        R: InstanceOf<Falcon> + On<Any>,
        R::Access: Readable,
    {
        self.io.read(self.place(register)?)
    }

    pub(super) fn write_back<R>(self, register: R, value: u32) -> Result<(), Error>
    where
        R: InstanceOf<Falcon> + Register<Word = u32> + On<Any>,
        R::Access: Modifiable,
    {
        self.io.write_back(self.place(register)?, value)
    }

    /// Changes the fields of `value`, and sees that the register took them; the others may change by themselves.
    pub(super) fn settle<P>(self, place: P, value: FieldValue<u32, P::Reg>) -> Result<(), Error>
    where
        P: Place,
        P::Reg: Register<Word = u32> + On<Any>,
        <P::Reg as Register>::Access: Readable + Writable,
    {
        let old = self.io.read(place)?.get();
        self.io.write_word(place, value.modify(old))?;
        let read = self.io.read(place)?;
        if read.matches_all(value) {
            return Ok(());
        }
        Err(Error::Mismatch { register: P::Reg::NAME, wrote: value.modify(old), read: read.get() })
    }
}
