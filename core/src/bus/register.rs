//! Register descriptors and the places they stand at.

use core::fmt;
use core::marker::PhantomData;

use tock_registers::fields::{Field, FieldValue};
use tock_registers::{LocalRegisterCopy, RegisterLongName};

use super::access::Mode;
use super::{Offset, Pure, Word};
use crate::chip::FamilySet;

/// A register: one type per register, made by the `registers!` macro.
///
/// The type is the descriptor. `io.read(NV_PMC_BOOT_0)` passes a zero-sized value, and everything
/// below is known at compile time.
pub trait Register: RegisterLongName + Copy + Send + Sync + 'static {
    /// Width of an access.
    type Word: Word;
    /// What may be done with it.
    type Access: Mode;
    /// NVIDIA's name.
    const NAME: &'static str;
    /// Byte offset in BAR0, or from the instance's base. Element 0 of an array.
    const OFFSET: u32;
    /// Number of elements, 1 for a plain register.
    const COUNT: u32;
    /// Distance of elements in bytes, 0 for a plain register.
    const STRIDE: u32;
    /// Whether a read has side effects.
    const PURE: Pure;
    /// On which families the register exists.
    const FAMILIES: FamilySet;
}

/// A register that is not an array and not relative to an instance.
pub trait Scalar: Register {}

/// A register that stands relative to an instance of unit `U`.
#[diagnostic::on_unimplemented(
    message = "this register is not of that unit",
    label = "not a register of `{U}`"
)]
pub trait InstanceOf<U>: Register {}

/// Something that names one word on the bus: a plain register, an element of an array, or
/// a register of one instance of a unit.
#[diagnostic::on_unimplemented(
    message = "this names more than one word on the bus",
    label = "not a single register",
    note = "of an array take an element, `REGISTER.at(index)`; of a unit with instances, `INSTANCE.of(REGISTER)`"
)]
pub trait Place: Copy {
    /// The register this is a place of.
    type Reg: Register;
    /// Where the word is.
    fn offset(self) -> Offset<<Self::Reg as Register>::Word>;
}

#[diagnostic::do_not_recommend]
impl<R: Scalar> Place for R {
    type Reg = R;
    #[inline(always)]
    fn offset(self) -> Offset<R::Word> {
        // The macro has already checked the same expression for every register it defines.
        const { checked::<R>(R::OFFSET) }
    }
}

/// A place found at run time: an element of an array, or a register of one instance of a unit.
pub struct Element<R: Register> {
    offset: Offset<R::Word>,
}

#[allow(clippy::expl_impl_clone_on_copy, reason = "a derive would ask for `R::Word: Clone` at every use")]
impl<R: Register> Clone for Element<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Register> Copy for Element<R> {}

impl<R: Register> Place for Element<R> {
    type Reg = R;
    #[inline(always)]
    fn offset(self) -> Offset<R::Word> {
        self.offset
    }
}

/// Element `index` of the array `R`; called by the `registers!` macro.
///
/// # Errors
///
/// When there is no such element.
pub const fn element<R: Register>(index: u32) -> Result<Element<R>, IndexError> {
    if index < R::COUNT {
        // The macro has checked that the last element lies inside the window.
        if let Ok(offset) = Offset::new(R::OFFSET + index * R::STRIDE) {
            return Ok(Element { offset });
        }
    }
    Err(IndexError { register: R::NAME, index, count: R::COUNT })
}

/// An index past the end of a register array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IndexError {
    /// The array.
    pub register: &'static str,
    /// The index asked for.
    pub index: u32,
    /// How many elements there are.
    pub count: u32,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { register, index, count } = self;
        write!(f, "{register} has {count} elements, {index} is past the last; use 0 to {}", count - 1)
    }
}

impl core::error::Error for IndexError {}

/// One instance of a unit that exists several times, such as the falcons: a name and a base.
#[derive(Debug)]
pub struct Instance<U> {
    name: &'static str,
    base: u32,
    unit: PhantomData<U>,
}

impl<U> Clone for Instance<U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for Instance<U> {}

impl<U> Instance<U> {
    /// An instance at `base`. Bases are constants of the register files.
    pub(crate) const fn new(name: &'static str, base: u32) -> Self {
        Self { name, base, unit: PhantomData }
    }
    /// The instance's name, for example `GSP`.
    pub const fn name(self) -> &'static str {
        self.name
    }
    /// Byte offset of the instance in BAR0.
    pub const fn base(self) -> u32 {
        self.base
    }
    /// The place of register `R` in this instance.
    ///
    /// # Errors
    ///
    /// [`super::OffsetError`] when the register would lie outside the window.
    pub fn of<R: InstanceOf<U>>(self, _register: R) -> Result<Element<R>, super::OffsetError> {
        let offset = Offset::new(self.base.wrapping_add(R::OFFSET))?;
        Ok(Element { offset })
    }
}

/// The offset of a register that the macro has checked; a compile error elsewhere.
pub(crate) const fn checked<R: Register>(bytes: u32) -> Offset<R::Word> {
    match Offset::new(bytes) {
        Ok(offset) => offset,
        Err(_) => panic!("register outside the 16 MiB window or unaligned"),
    }
}

/// A field value that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WideValue {
    /// The value asked for.
    pub value: u32,
    /// The largest that fits.
    pub max: u32,
}

impl fmt::Display for WideValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value {:#x} does not fit the field; the largest is {:#x}", self.value, self.max)
    }
}

impl core::error::Error for WideValue {}

/// A field set to `value`, checked: tock-registers' own `Field::val` cuts off what does not fit.
///
/// # Errors
///
/// [`WideValue`] when the value is wider than the field. In a `const`, use
/// [`field!`](crate::field) and get a compile error instead.
pub const fn field_value<R: RegisterLongName>(
    field: Field<u32, R>,
    value: u32,
) -> Result<FieldValue<u32, R>, WideValue> {
    if value > field.mask {
        return Err(WideValue { value, max: field.mask });
    }
    Ok(field.val(value))
}

/// A read register: the word and its fields.
pub type Value<R> = LocalRegisterCopy<<R as Register>::Word, R>;
