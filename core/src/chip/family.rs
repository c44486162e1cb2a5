//! Families of chips that behave alike, as values and as proofs.
//!
//! The split is that of nova-core and nouveau in Linux 7.3: a family is named after the first chip
//! that has the behaviour. A *proof* is a zero-sized value that only identification hands out;
//! a register that does not exist on a chip cannot be named with that chip's proof.

use core::fmt;

/// A family of chips with the same register behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Family {
    /// Turing: TU102 to TU117.
    Tu102 = 0,
    /// Ampere datacentre: GA100.
    Ga100 = 1,
    /// Ampere: GA102 to GA107.
    Ga102 = 2,
    /// Ada: AD102 to AD107. Behaves as GA102 in everything this crate touches.
    Ad102 = 3,
    /// Hopper: GH100.
    Gh100 = 4,
    /// Blackwell datacentre: GB100 to GB112.
    Gb100 = 5,
    /// Blackwell: GB202 to GB207.
    Gb202 = 6,
}

impl Family {
    /// All families, oldest first.
    pub const ALL: [Self; 7] =
        [Self::Tu102, Self::Ga100, Self::Ga102, Self::Ad102, Self::Gh100, Self::Gb100, Self::Gb202];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tu102 => "TU102",
            Self::Ga100 => "GA100",
            Self::Ga102 => "GA102",
            Self::Ad102 => "AD102",
            Self::Gh100 => "GH100",
            Self::Gb100 => "GB100",
            Self::Gb202 => "GB202",
        })
    }
}

/// A set of families.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FamilySet(u8);

impl FamilySet {
    /// The set of these families.
    pub const fn of(families: &[Family]) -> Self {
        let mut bits = 0;
        let mut rest = families;
        while let [first, tail @ ..] = rest {
            bits |= 1 << *first as u8;
            rest = tail;
        }
        Self(bits)
    }
    /// Whether `family` is in the set.
    pub const fn contains(self, family: Family) -> bool {
        self.0 & (1 << family as u8) != 0
    }
    /// Whether every family of `other` is in the set.
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// The families that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    /// The families, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |f| self.contains(*f))
    }
}

impl fmt::Debug for FamilySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Evidence that the chip belongs to a set of families.
///
/// Proofs come from [`Chip::proof`](super::Chip::proof) and cannot be made elsewhere.
pub trait Proof: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The families the chip may be.
    const FAMILIES: FamilySet;
}

/// A register that exists on every family that the proof `A` allows.
#[diagnostic::on_unimplemented(
    message = "this register does not exist on every chip that `{A}` allows",
    label = "not with this proof",
    note = "match on the chip's proof and use the register in the arm of a family that has it"
)]
pub trait On<A> {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! proofs {
    ($($(#[$doc:meta])* $name:ident = $set:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name(());
        impl $name {
            #[allow(dead_code, reason = "some proofs are only made from others")]
            #[inline(always)]
            pub(crate) const fn new() -> Self {
                Self(())
            }
        }
        impl sealed::Sealed for $name {}
        impl Proof for $name {
            const FAMILIES: FamilySet = sets::$set;
        }
    )*};
}

proofs! {
    /// Any supported chip: nothing is known about its family.
    Any = all;
    /// Turing.
    Tu102 = turing;
    /// GA100.
    Ga100 = ga100;
    /// GA102 to GA107 and Ada.
    Ga102 = ga102_ada;
    /// GH100.
    Gh100 = gh100;
    /// GB100 to GB112.
    Gb100 = gb10x;
    /// GB202 to GB207.
    Gb202 = gb20x;
    /// Turing to Ada: the chips before FSP.
    PreHopper = pre_hopper;
    /// GA100 to Blackwell: interrupts only in the tree.
    Ga100Up = ga100_up;
    /// GA100 to Ada.
    Ampere = ampere_ada;
    /// Hopper and Blackwell: the chips with FSP.
    HopperUp = hopper_up;
    /// Hopper and GB10x.
    HopperGb100 = gh100_gb10x;
    /// Turing and GA100.
    TuringGa100 = turing_ga100;
}

/// What one proof implies: a smaller set of families is evidence for every larger one.
macro_rules! implies {
    ($($from:ident => $($to:ident)*;)*) => {$($(
        impl From<$from> for $to {
            #[inline(always)]
            fn from(_: $from) -> Self {
                const { assert!($to::FAMILIES.contains_all($from::FAMILIES), "not implied") };
                Self::new()
            }
        }
    )*)*};
}

implies! {
    Tu102 => Any PreHopper TuringGa100;
    Ga100 => Any PreHopper TuringGa100 Ga100Up Ampere;
    Ga102 => Any PreHopper Ga100Up Ampere;
    Gh100 => Any Ga100Up HopperUp HopperGb100;
    Gb100 => Any Ga100Up HopperUp HopperGb100;
    Gb202 => Any Ga100Up HopperUp;
    Ampere => Any PreHopper Ga100Up;
    HopperUp => Any Ga100Up;
}

/// The sets a register definition may name.
#[allow(non_upper_case_globals, missing_docs, reason = "written as words in register definitions")]
pub mod sets {
    use super::Family::{Ad102, Ga100, Ga102, Gb100, Gb202, Gh100, Tu102};
    use super::FamilySet;

    pub const all: FamilySet = FamilySet::of(&super::Family::ALL);
    pub const turing: FamilySet = FamilySet::of(&[Tu102]);
    pub const ga100: FamilySet = FamilySet::of(&[Ga100]);
    pub const turing_ga100: FamilySet = FamilySet::of(&[Tu102, Ga100]);
    pub const ga102_ada: FamilySet = FamilySet::of(&[Ga102, Ad102]);
    pub const ampere_ada: FamilySet = FamilySet::of(&[Ga100, Ga102, Ad102]);
    pub const pre_hopper: FamilySet = FamilySet::of(&[Tu102, Ga100, Ga102, Ad102]);
    pub const ga100_up: FamilySet = FamilySet::of(&[Ga100, Ga102, Ad102, Gh100, Gb100, Gb202]);
    pub const ga102_up: FamilySet = FamilySet::of(&[Ga102, Ad102, Gh100, Gb100, Gb202]);
    pub const hopper_up: FamilySet = FamilySet::of(&[Gh100, Gb100, Gb202]);
    pub const gh100: FamilySet = FamilySet::of(&[Gh100]);
    pub const gb10x: FamilySet = FamilySet::of(&[Gb100]);
    pub const gb20x: FamilySet = FamilySet::of(&[Gb202]);
    pub const gh100_gb10x: FamilySet = FamilySet::of(&[Gh100, Gb100]);
    pub const pre_blackwell: FamilySet = FamilySet::of(&[Tu102, Ga100, Ga102, Ad102, Gh100]);
    pub const blackwell: FamilySet = FamilySet::of(&[Gb100, Gb202]);
    /// On no supported family: kept so that old traces and documents can be decoded.
    pub const historic: FamilySet = FamilySet::of(&[]);
}

/// Implements `On<proof>` for every proof whose families are all in the named set.
#[doc(hidden)]
#[macro_export]
macro_rules! valid_on {
    (@impl $register:ty: $($proof:ident)*) => {
        $(impl $crate::chip::On<$crate::chip::$proof> for $register {})*
    };
    (all, $r:ty) => { $crate::valid_on!(@impl $r:
        Any Tu102 Ga100 Ga102 Gh100 Gb100 Gb202 PreHopper Ga100Up Ampere HopperUp HopperGb100 TuringGa100); };
    (turing, $r:ty) => { $crate::valid_on!(@impl $r: Tu102); };
    (ga100, $r:ty) => { $crate::valid_on!(@impl $r: Ga100); };
    (turing_ga100, $r:ty) => { $crate::valid_on!(@impl $r: Tu102 Ga100 TuringGa100); };
    (ga102_ada, $r:ty) => { $crate::valid_on!(@impl $r: Ga102); };
    (ampere_ada, $r:ty) => { $crate::valid_on!(@impl $r: Ga100 Ga102 Ampere); };
    (pre_hopper, $r:ty) => { $crate::valid_on!(@impl $r:
        Tu102 Ga100 Ga102 PreHopper Ampere TuringGa100); };
    (ga100_up, $r:ty) => { $crate::valid_on!(@impl $r:
        Ga100 Ga102 Gh100 Gb100 Gb202 Ga100Up Ampere HopperUp HopperGb100); };
    (ga102_up, $r:ty) => { $crate::valid_on!(@impl $r:
        Ga102 Gh100 Gb100 Gb202 HopperUp HopperGb100); };
    (hopper_up, $r:ty) => { $crate::valid_on!(@impl $r: Gh100 Gb100 Gb202 HopperUp HopperGb100); };
    (gh100, $r:ty) => { $crate::valid_on!(@impl $r: Gh100); };
    (gb10x, $r:ty) => { $crate::valid_on!(@impl $r: Gb100); };
    (gb20x, $r:ty) => { $crate::valid_on!(@impl $r: Gb202); };
    (gh100_gb10x, $r:ty) => { $crate::valid_on!(@impl $r: Gh100 Gb100 HopperGb100); };
    (pre_blackwell, $r:ty) => { $crate::valid_on!(@impl $r:
        Tu102 Ga100 Ga102 Gh100 PreHopper Ampere TuringGa100); };
    (blackwell, $r:ty) => { $crate::valid_on!(@impl $r: Gb100 Gb202); };
    (historic, $r:ty) => {};
    ($other:ident, $r:ty) => {
        compile_error!(concat!("no set of families is called `", stringify!($other), "`; see chip/family.rs"));
    };
}
#[cfg(test)]
mod tests {
    use core::marker::PhantomData;

    use super::*;

    /// `on()` answers whether `R: On<A>`: where the bound does not hold, the method of the trait is what is left.
    struct Probe<R, A>(PhantomData<(R, A)>);
    impl<R: On<A>, A> Probe<R, A> {
        #[allow(clippy::unused_self, reason = "the receiver is what makes the compiler choose")]
        fn on(&self) -> bool {
            true
        }
    }
    trait Otherwise {
        fn on(&self) -> bool {
            false
        }
    }
    impl<R, A> Otherwise for Probe<R, A> {}

    /// For every set and every proof: the registers of the set can be named with the proof if, and only if, every
    /// family that the proof allows is in the set.
    macro_rules! every_set {
        ($($set:ident)*) => {
            #[test]
            fn valid_on_says_what_the_sets_say() {
                $({
                    struct Register;
                    crate::valid_on!($set, Register);
                    every_set!(@proofs $set Register
                        Any Tu102 Ga100 Ga102 Gh100 Gb100 Gb202 PreHopper Ga100Up Ampere HopperUp HopperGb100
                        TuringGa100);
                })*
            }
        };
        (@proofs $set:ident $register:ident $($proof:ident)*) => {$(
            assert_eq!(
                Probe::<$register, $proof>(PhantomData).on(),
                sets::$set.contains_all(<$proof as Proof>::FAMILIES),
                "{} {}", stringify!($set), stringify!($proof),
            );
        )*};
    }
    every_set! {
        all turing ga100 turing_ga100 ga102_ada ampere_ada pre_hopper ga100_up ga102_up hopper_up gh100 gb10x gb20x
        gh100_gb10x pre_blackwell blackwell historic
    }
}
