//! A model as a bus.

use core::cell::RefCell;

use nova_core::bus::{Bus, Offset, Word};

use super::{Device, Model};
use crate::lock::Lock;

/// A [`Model`] behind a lock of the caller's choice.
#[derive(Debug)]
pub struct ModelBus<L>(L);

/// A model for one thread.
pub type CellBus<const N: usize, D = ()> = ModelBus<RefCell<Model<N, D>>>;

impl<const N: usize, D: Device> CellBus<N, D> {
    /// The bus of `model`.
    pub const fn new(model: Model<N, D>) -> Self {
        Self(RefCell::new(model))
    }

    /// The model back.
    pub fn into_model(self) -> Model<N, D> {
        self.0.into_inner()
    }
}

impl<L: Lock> ModelBus<L> {
    /// The bus of the model that `lock` protects.
    pub const fn locked(lock: L) -> Self {
        Self(lock)
    }

    /// Runs `f` on the model: what a test or a simulator does behind the driver's back.
    ///
    /// # Errors
    ///
    /// When the lock cannot be taken.
    pub fn with<R>(&self, f: impl FnOnce(&mut L::Inner) -> R) -> Result<R, L::Error> {
        self.0.with(f)
    }
}

impl<const N: usize, D: Device, L: Lock<Inner = Model<N, D>>> ModelBus<L> {
    #[inline]
    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, L::Error> {
        self.0.with(|model| model.read(at))
    }

    #[inline]
    fn put<W: Word>(&self, at: Offset<W>, value: W) -> Result<(), L::Error> {
        self.0.with(|model| model.write(at, value))
    }
}

impl<const N: usize, D: Device, L: Lock<Inner = Model<N, D>>> Bus for ModelBus<L> {
    type Error = L::Error;
    bus_methods!();
}
