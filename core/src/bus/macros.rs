//! The one macro that defines registers.

/// Defines the registers of a unit: the typed descriptors, their tock-registers bitfields, and the
/// unit's part of the run-time catalogue, from one text.
///
/// ```text
/// registers! {
///     /// What it is. Source and confidence.
///     NV_UNIT_NAME: u32 @ 0x009400, rw, pure, all {
///         /// What the field is.
///         FIELD 31:5,
///         /// A field with names for its values.
///         MODE 1:0 { OFF = 0, ON = 1 },
///     }
///     /// An array: element count, distance in bytes.
///     NV_UNIT_ARRAY[8; 4]: u32 @ 0x00a000, w1c, pure, turing { ... }
///     /// A register of a unit with instances.
///     NV_PFALCON_X: u32 @ Falcon + 0x040, rw, pure, all { ... }
/// }
/// ```
///
/// A plain register is its own place; an array gives one through `.at(index)`, a register of a unit with
/// instances through `INSTANCE.of(register)`, an array of such a unit through `.at(INSTANCE, index)`.
///
/// Access is one of `ro wo rw w1c w1s`; `pure` or `effects` says whether a read changes anything;
/// the last word is the set of families the register exists on (see `chip::family`).
/// A register outside the window, a field outside its word, a value wider than its field and
/// a missing doc comment are compile errors.
///
/// The registers of `nova_core` are in [`regs`](crate::regs). A driver for something that is not there defines its own, once
/// in a module (the macro makes a module `bitfields` and a static `ENTRIES` beside the registers):
///
/// ```
/// mod regs {
///     nova_core::registers! {
///         /// A word of the toy. Made up.
///         NV_TOY_CONTROL: u32 @ 0x00a000, rw, pure, all {
///             /// Whether it runs.
///             RUN 0:0 { OFF = 0, ON = 1 },
///         }
///         /// Eight more. Made up.
///         NV_TOY_DATA[8; 4]: u32 @ 0x00a010, rw, pure, hopper_up {
///             /// All of it.
///             VALUE 31:0,
///         }
///     }
/// }
/// use nova_core::bus::{Bus, Io};
/// use regs::{NV_TOY_CONTROL, NV_TOY_DATA};
///
/// fn start<B: Bus>(io: Io<'_, B>, hopper: nova_core::chip::HopperUp) -> Result<(), B::Error> {
///     if let Ok(third) = NV_TOY_DATA.at(2) {
///         io.on(hopper).write_word(third, 7)?;
///     }
///     io.write(NV_TOY_CONTROL, NV_TOY_CONTROL::RUN::ON)
/// }
/// assert_eq!(regs::ENTRIES.len(), 2);
/// ```
#[macro_export]
macro_rules! registers {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $([$count:literal; $stride:literal])? : $word:ident @ $($unit:ident +)? $offset:literal,
        $access:ident, $pure:ident, $families:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident $msb:literal : $lsb:literal $({ $($value_name:ident = $value:literal),+ $(,)? })?
            ),+ $(,)?
        }
    )*) => {
        // tock-registers writes one module per register; what it cannot document is allowed here.
        // The doc lines with `[H]:` make the confidence tags of the comments links to what they mean.
        #[allow(missing_docs, unreachable_pub, clippy::pedantic)]
        mod bitfields {
            $(
                $crate::tock_registers::register_bitfields! {
                    $word,
                    $(#[doc = $doc])*
                    #[doc = ""]
                    #[doc = "[H]: crate::regs\n[D]: crate::regs\n[E]: crate::regs\n[O]: crate::regs\n[I]: crate::regs"]
                    pub $name [
                        $(
                            $(#[doc = $field_doc])*
                            #[doc = ""]
                            #[doc = "[H]: crate::regs\n[D]: crate::regs\n[E]: crate::regs\n[O]: crate::regs\n[I]: crate::regs"]
                            $field OFFSET($lsb) NUMBITS($msb - $lsb + 1) [
                                $($($value_name = $value),+)?
                            ]
                        ),+
                    ]
                }
            )*
        }

        $(
            // The module with the fields and, under the same name, the descriptor itself.
            pub use bitfields::$name;
            $(#[doc = $doc])*
            #[doc = ""]
            #[doc = "[H]: crate::regs\n[D]: crate::regs\n[E]: crate::regs\n[O]: crate::regs\n[I]: crate::regs"]
            pub const $name: bitfields::$name::Register = bitfields::$name::Register;

            impl $crate::bus::Register for bitfields::$name::Register {
                type Word = $word;
                type Access = $crate::registers!(@access $access);
                const NAME: &'static str = stringify!($name);
                const OFFSET: u32 = $offset;
                const COUNT: u32 = $crate::registers!(@first $($count,)? 1,);
                const STRIDE: u32 = $crate::registers!(@first $($stride,)? 0,);
                const PURE: $crate::bus::Pure = $crate::registers!(@pure $pure);
                const FAMILIES: $crate::chip::FamilySet = $crate::chip::family::sets::$families;
            }
            $crate::valid_on!($families, bitfields::$name::Register);
            $crate::registers!(@kind bitfields::$name::Register, [$($count)?], [$($unit)?]);

            // Nothing without a word about it; last element inside the window; every field inside the word; every value in its field.
            const _: () = {
                type R = bitfields::$name::Register;
                type W = <R as $crate::bus::Register>::Word;
                let last = <R as $crate::bus::Register>::OFFSET
                    + (<R as $crate::bus::Register>::COUNT - 1) * <R as $crate::bus::Register>::STRIDE;
                $crate::bus::macros::check_place::<W>(
                    last,
                    <R as $crate::bus::Register>::STRIDE,
                    concat!(stringify!($name), ": register outside the 16 MiB window, or not at a multiple of its width"),
                );
                assert!(
                    $crate::bus::macros::has_doc(&[$($doc),*]),
                    concat!(stringify!($name), ": `/// ...` above it says what it is and where it is known from"),
                );
                $(
                    assert!(
                        $crate::bus::macros::has_doc(&[$($field_doc),*]),
                        concat!(stringify!($name), ".", stringify!($field), ": `/// ...` above it says what it is"),
                    );
                    $crate::bus::macros::check_field::<W>(
                        $msb,
                        $lsb,
                        concat!(stringify!($name), ".", stringify!($field), ": a field is msb:lsb, inside its register"),
                    );
                    $($($crate::bus::macros::check_value(
                        $msb,
                        $lsb,
                        $value,
                        concat!(
                            stringify!($name), ".", stringify!($field), ".", stringify!($value_name),
                            ": value wider than its field"
                        ),
                    );)+)?
                )+
            };
        )*

        /// The registers of this unit, for the catalogue.
        #[allow(dead_code, reason = "outside of this crate there may be no use for it")]
        pub static ENTRIES: &[$crate::bus::catalogue::Entry] = &[
            $($crate::bus::macros::entry::<bitfields::$name::Register>(
                &[$($doc),*],
                &[$($crate::bus::catalogue::FieldInfo {
                    name: stringify!($field),
                    doc: &[$($field_doc),*],
                    msb: $msb,
                    lsb: $lsb,
                    values: &[$($($crate::bus::catalogue::ValueInfo {
                        name: stringify!($value_name),
                        value: $value,
                    }),+)?],
                }),+],
                $crate::registers!(@instances $($unit)?),
            )),*
        ];
    };

    (@access ro) => { $crate::bus::ReadOnly };
    (@access wo) => { $crate::bus::WriteOnly };
    (@access rw) => { $crate::bus::ReadWrite };
    (@access w1c) => { $crate::bus::Write1ToClear };
    (@access w1s) => { $crate::bus::Write1ToSet };
    (@access $other:ident) => { compile_error!(concat!("no access mode is called `", stringify!($other), "`; use ro, wo, rw, w1c or w1s")) };
    (@pure pure) => { $crate::bus::Pure::Yes };
    (@pure effects) => { $crate::bus::Pure::No };
    (@first $first:literal, $($rest:literal,)*) => { $first };
    (@instances) => { &[] };
    (@instances $unit:ident) => { <$unit>::INSTANCES };

    (@kind $register:ty, [], []) => {
        impl $crate::bus::Scalar for $register {}
    };
    (@kind $register:ty, [$count:literal], []) => {
        impl $register {
            /// Element `index` of the array.
            ///
            /// # Errors
            ///
            /// When there is no such element.
            #[inline(always)]
            pub const fn at(self, index: u32) -> Result<$crate::bus::Element<$register>, $crate::bus::IndexError> {
                $crate::bus::macros::element::<$register>(index)
            }
        }
    };
    (@kind $register:ty, [], [$unit:ident]) => {
        impl $crate::bus::InstanceOf<$unit> for $register {}
    };
    (@kind $register:ty, [$count:literal], [$unit:ident]) => {
        impl $crate::bus::InstanceOf<$unit> for $register {}
        impl $register {
            /// Element `index` of the array in one instance of the unit.
            ///
            /// # Errors
            ///
            /// When there is no such element.
            #[inline(always)]
            pub fn at(
                self,
                instance: $crate::bus::Instance<$unit>,
                index: u32,
            ) -> Result<$crate::bus::Element<$register>, $crate::bus::IndexError> {
                $crate::bus::macros::element_in(instance, self, index)
            }
        }
    };
}
pub(crate) use registers;

// What the macro's text names, wherever it is expanded.
pub use super::catalogue::entry;
pub use super::register::element;
use super::{Element, IndexError, Instance, InstanceOf, Offset, Word};

/// Element `index` of the array `register` in `instance`.
#[inline(always)]
pub fn element_in<U, R: InstanceOf<U>>(
    instance: Instance<U>,
    register: R,
    index: u32,
) -> Result<Element<R>, IndexError> {
    let error = IndexError { register: R::NAME, index, count: R::COUNT };
    if index >= R::COUNT {
        return Err(error);
    }
    let base = instance.base().wrapping_add(index.wrapping_mul(R::STRIDE));
    Instance::<U>::new(instance.name(), base).of(register).map_err(|_| error)
}

/// Compile-time check: the last element is aligned and inside the window.
pub const fn check_place<W: Word>(last: u32, stride: u32, otherwise: &str) {
    assert!(Offset::<W>::new(last).is_ok() && stride % W::BYTES == 0, "{}", otherwise);
}

/// Compile-time check: there is a line of documentation.
pub const fn has_doc(lines: &[&str]) -> bool {
    !lines.is_empty()
}

/// Compile-time check: a field lies inside its word.
pub const fn check_field<W: Word>(msb: u32, lsb: u32, otherwise: &str) {
    assert!(lsb <= msb && msb < W::BYTES * 8, "{}", otherwise);
}

/// Compile-time check: a named value fits its field.
pub const fn check_value(msb: u32, lsb: u32, value: u32, otherwise: &str) {
    assert!(value <= u32::MAX >> (31 - (msb - lsb)), "{}", otherwise);
}

/// A field set to a constant, or a compile error when the constant does not fit.
///
/// ```
/// use nova_core::field;
/// use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;
/// let enable = field!(NV_PTIMER_INTR_EN_0::ALARM, 1);
/// assert_eq!(enable.value, 1);
/// ```
///
/// ```compile_fail
/// use nova_core::field;
/// use nova_core::regs::ptimer::NV_PTIMER_INTR_EN_0;
/// let enable = field!(NV_PTIMER_INTR_EN_0::ALARM, 2); // one bit wide
/// ```
#[macro_export]
macro_rules! field {
    ($field:expr, $value:expr) => {
        const {
            match $crate::bus::field_value($field, $value) {
                Ok(value) => value,
                Err(_) => panic!("value wider than its field"),
            }
        }
    };
}
