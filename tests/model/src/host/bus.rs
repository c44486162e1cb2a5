//! A bus that notices who comes too late.

use core::convert::Infallible;
use std::sync::Arc;

use nova_core::bus::{Bus, Offset};
use nova_core::sync::Watch;

use crate::ledger::Ledger;

/// The bus of one binding. Every access reads it, its drop writes it: loom reports the two unordered, shuttle
/// reports them at the same time.
pub struct ModelBus {
    ledger: Arc<Ledger>,
    mapping: Watch,
    /// A place where shuttle may switch in the middle of an access.
    #[cfg(nova_model = "shuttle")]
    register: crate::checker::sync::atomic::AtomicU32,
}

impl ModelBus {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        let bus = Self {
            ledger: ledger.clone(),
            mapping: Watch::new(),
            #[cfg(nova_model = "shuttle")]
            register: crate::checker::sync::atomic::AtomicU32::new(0),
        };
        bus.mapping.write();
        bus
    }

    fn access(&self) {
        let reading = self.mapping.read();
        self.ledger.access();
        #[cfg(nova_model = "shuttle")]
        self.register.load(core::sync::atomic::Ordering::Relaxed);
        self.ledger.access();
        drop(reading);
    }
}

impl Drop for ModelBus {
    fn drop(&mut self) {
        self.mapping.write();
        self.ledger.bus_dropped();
    }
}

macro_rules! accesses {
    ($($read:ident, $write:ident: $word:ty;)*) => {$(
        fn $read(&self, _: Offset<$word>) -> Result<$word, Infallible> {
            self.access();
            Ok(0)
        }
        fn $write(&self, _: Offset<$word>, _: $word) -> Result<(), Infallible> {
            self.access();
            Ok(())
        }
    )*};
}

impl Bus for ModelBus {
    type Error = Infallible;
    accesses! { read8, write8: u8; read16, write16: u16; read32, write32: u32; }
}
