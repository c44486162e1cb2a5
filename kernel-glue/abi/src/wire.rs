//! Structs as bytes, in the machine's own order.

/// A struct of a call was not of a size this side can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeError {
    /// Smaller than it ever was.
    TooSmall,
    /// Larger than this side knows, and what it does not know is not zero.
    Unknown,
}

/// Something that stands in a struct.
pub trait Field: Copy {
    /// Its size in bytes.
    const LEN: usize;
    /// All zeros.
    const ZERO: Self;
    /// Puts it to the front of `to`, as far as there is room.
    fn put(&self, to: &mut [u8]);
    /// Takes it from the front of `from`; what is missing is zero.
    fn get(from: &[u8]) -> Self;
}

/// A struct whose fields have fixed places.
pub trait Layout {
    /// Where each field is: name, offset and size.
    const LAYOUT: &'static [(&'static str, usize, usize)];
}

/// A value that is given as this many bytes.
pub type Bytes<const N: usize> = [u8; N];

/// Copies as much as both have.
fn copy(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Field for $number {
            const LEN: usize = size_of::<Self>();
            const ZERO: Self = 0;
            fn put(&self, to: &mut [u8]) {
                copy(&self.to_ne_bytes(), to);
            }
            fn get(from: &[u8]) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                copy(from, &mut bytes);
                Self::from_ne_bytes(bytes)
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 }

impl<T: Field, const N: usize> Field for [T; N] {
    const LEN: usize = T::LEN * N;
    const ZERO: Self = [T::ZERO; N];
    fn put(&self, to: &mut [u8]) {
        to.chunks_mut(T::LEN).zip(self).for_each(|(to, item)| item.put(to));
    }
    fn get(from: &[u8]) -> Self {
        let mut all = Self::ZERO;
        all.iter_mut().zip(from.chunks(T::LEN)).for_each(|(item, from)| *item = T::get(from));
        all
    }
}

/// Defines structs that C and Rust lay out alike, and their way to bytes and back.
macro_rules! structs {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident $(= $number:literal, $oldest:literal)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $crate::wire::Field for $name {
            const LEN: usize = size_of::<Self>();
            const ZERO: Self = Self { $($field: <$type as $crate::wire::Field>::ZERO,)* };
            fn put(&self, to: &mut [u8]) {
                $($crate::wire::Field::put(
                    &self.$field,
                    to.get_mut(core::mem::offset_of!(Self, $field)..).unwrap_or_default(),
                );)*
            }
            fn get(from: &[u8]) -> Self {
                Self {
                    $($field: $crate::wire::Field::get(
                        from.get(core::mem::offset_of!(Self, $field)..).unwrap_or_default(),
                    ),)*
                }
            }
        }

        impl $crate::wire::Layout for $name {
            const LAYOUT: &'static [(&'static str, usize, usize)] = &[
                $((
                    stringify!($field),
                    core::mem::offset_of!(Self, $field),
                    <$type as $crate::wire::Field>::LEN,
                ),)*
            ];
        }

        // No holes: the fields alone make the size.
        const _: () = assert!(size_of::<$name>() == 0 $(+ <$type as $crate::wire::Field>::LEN)*);

        $(
            impl $name {
                /// The struct before anything is filled in: its size, and zeros.
                pub const NEW: Self = Self {
                    size: size_of::<Self>() as u32,
                    ..<Self as $crate::wire::Field>::ZERO
                };

                /// The struct as bytes.
                pub fn to_bytes(&self) -> $crate::wire::Bytes<{ size_of::<$name>() }> {
                    let mut bytes = [0; size_of::<Self>()];
                    $crate::wire::Field::put(self, &mut bytes);
                    bytes
                }
            }

            impl $crate::Call for $name {
                const COMMAND: u32 = ($crate::IOCTL_TYPE as u32) << 8 | $number;
                const SIZE: usize = size_of::<Self>();
                const OLDEST: usize = $oldest;

                fn from_bytes(bytes: &[u8]) -> Self {
                    $crate::wire::Field::get(bytes)
                }

                fn write_bytes(&self, bytes: &mut [u8]) -> usize {
                    let len = bytes.len().min(Self::SIZE);
                    $crate::wire::Field::put(self, bytes);
                    len
                }
            }
        )?
    )*};
}

pub(crate) use structs;
