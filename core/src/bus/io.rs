//! Typed access.

use tock_registers::LocalRegisterCopy;
use tock_registers::fields::FieldValue;

use super::access::{Modifiable, Readable, Writable};
use super::register::Value;
use super::{Bus, Offset, Place, Register, Word};
use crate::chip::{Any, On, Proof};

type Mode<P> = <<P as Place>::Reg as Register>::Access;
type WordOf<P> = <<P as Place>::Reg as Register>::Word;

/// Typed registers of one device, for a caller that proved the architecture `A`.
///
/// Every method is one access to the bus and nothing else. Through MMIO it compiles to the
/// volatile load or store itself. The page of [the module](super) has an example.
///
/// What a register does not allow does not compile. A read-only one has no `write`:
///
/// ```compile_fail,E0277
/// use nova_core::bus::{Bus, Io};
/// use nova_core::regs::pmc::NV_PMC_BOOT_42;
///
/// fn reset<B: Bus>(io: Io<'_, B>) -> Result<(), B::Error> {
///     io.write_word(NV_PMC_BOOT_42, 0)
/// }
/// ```
///
/// One that only some families have needs a proof of the family: [`Chip::proof`](crate::chip::Chip::proof) gives it, and
/// [`on`](Self::on) takes it.
///
/// ```
/// use nova_core::bus::{Bus, Io};
/// use nova_core::chip::FamilyProof;
/// use nova_core::regs::ptimer::NV_PTIMER_TIMER_0;
///
/// /// Turing's countdown, where there is one.
/// fn countdown<B: Bus>(io: Io<'_, B>, family: FamilyProof) -> Result<Option<u32>, B::Error> {
///     match family {
///         FamilyProof::Tu102(turing) => io.on(turing).read(NV_PTIMER_TIMER_0).map(|value| Some(value.get())),
///         _ => Ok(None),
///     }
/// }
/// ```
pub struct Io<'a, B: ?Sized, A = Any> {
    bus: &'a B,
    proof: A,
}

impl<B: ?Sized, A: Copy> Clone for Io<'_, B, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: ?Sized, A: Copy> Copy for Io<'_, B, A> {}

impl<'a, B: Bus + ?Sized> Io<'a, B> {
    /// Typed access to the registers that exist on every supported chip.
    #[inline(always)]
    pub const fn new(bus: &'a B) -> Self {
        Self { bus, proof: Any::new() }
    }
}

impl<'a, B: Bus + ?Sized, A: Proof> Io<'a, B, A> {
    /// The same device, with what `proof` allows.
    #[inline(always)]
    pub const fn on<P: Proof>(self, proof: P) -> Io<'a, B, P> {
        Io { bus: self.bus, proof }
    }

    /// The bus itself.
    #[inline(always)]
    pub const fn bus(self) -> &'a B {
        self.bus
    }

    /// The proof this access was made with.
    #[inline(always)]
    pub const fn proof(self) -> A {
        self.proof
    }

    /// Reads a register once.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn read<P: Place>(self, place: P) -> Result<Value<P::Reg>, B::Error>
    where
        Mode<P>: Readable,
        P::Reg: On<A>,
    {
        WordOf::<P>::read(self.bus, place.offset()).map(LocalRegisterCopy::new)
    }

    /// Writes a whole register from field values; fields not named are written as zero.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn write<P: Place>(self, place: P, value: FieldValue<WordOf<P>, P::Reg>) -> Result<(), B::Error>
    where
        Mode<P>: Writable,
        P::Reg: On<A>,
    {
        WordOf::<P>::write(self.bus, place.offset(), value.value)
    }

    /// Writes a whole register as a word.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn write_word<P: Place>(self, place: P, value: WordOf<P>) -> Result<(), B::Error>
    where
        Mode<P>: Writable,
        P::Reg: On<A>,
    {
        WordOf::<P>::write(self.bus, place.offset(), value)
    }

    /// Reads a register, replaces the named fields and writes it back: two accesses.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn modify<P: Place>(self, place: P, value: FieldValue<WordOf<P>, P::Reg>) -> Result<(), B::Error>
    where
        Mode<P>: Modifiable,
        P::Reg: On<A>,
    {
        let old = WordOf::<P>::read(self.bus, place.offset())?;
        WordOf::<P>::write(self.bus, place.offset(), value.modify(old))
    }

    /// Reads 32 bits at an offset known only at run time, whatever register is there: no access mode, no
    /// family and no side effect is looked at. For tools that take offsets from people or from the catalogue.
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn read_untyped(self, at: Offset<u32>) -> Result<u32, B::Error> {
        self.bus.read32(at)
    }

    /// Writes 32 bits at an offset known only at run time, whatever register is there, as
    /// [`read_untyped`](Self::read_untyped).
    ///
    /// # Errors
    ///
    /// Whatever the bus reports; never for MMIO.
    #[inline(always)]
    pub fn write_untyped(self, at: Offset<u32>, value: u32) -> Result<(), B::Error> {
        self.bus.write32(at, value)
    }
}
