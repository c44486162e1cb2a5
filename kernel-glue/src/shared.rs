// SPDX-License-Identifier: GPL-2.0

//! What the module has once, from its init to its exit.

use kernel::pci;
use kernel::prelude::*;
use kernel::sync::{new_mutex, Arc, Mutex};

use crate::card::Card;
use crate::raw::debugfs::Dir;
use crate::raw::global;
use crate::raw::work::WorkQueue;

/// What the module has once.
#[pin_data]
pub(crate) struct Shared {
    /// Where all of its work runs.
    pub(crate) queue: Arc<WorkQueue>,
    /// `nova` in debugfs.
    pub(crate) folder: Arc<Dir>,
    #[pin]
    cards: Mutex<Cards>,
}

struct Cards {
    bound: KVec<Arc<Card>>,
    /// Devices that somebody is about to take the driver off, by their place.
    releasing: KVec<usize>,
}

impl Shared {
    fn new() -> Result<Arc<Self>> {
        let queue = Arc::new(WorkQueue::new()?, GFP_KERNEL)?;
        let folder = Arc::new(Dir::new(c"nova"), GFP_KERNEL)?;
        let init = pin_init!(Self {
            queue,
            folder,
            cards <- new_mutex!(Cards { bound: KVec::new(), releasing: KVec::new() }),
        });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Takes a card in, and gives it the lowest number that is free.
    pub(crate) fn add(&self, card: &Arc<Card>) -> Result<u32> {
        let mut cards = self.cards.lock();
        let free = |number: &u32| !cards.bound.iter().any(|other| other.number() == Some(*number));
        let number = (0..u32::MAX).find(free).ok_or(ENOSPC)?;
        cards.bound.push(card.clone(), GFP_KERNEL)?;
        card.set_number(number);
        Ok(number)
    }

    /// Forgets a card.
    pub(crate) fn forget(&self, card: &Arc<Card>) {
        let mut cards = self.cards.lock();
        let mut found = None;
        if let Some(at) = cards.bound.iter().position(|other| Arc::ptr_eq(other, card)) {
            found = cards.bound.remove(at).ok();
        }
        // Without the lock, because it may be the last reference.
        drop(cards);
        drop(found);
    }

    /// The card of a device that is bound.
    pub(crate) fn of(&self, dev: &pci::Device) -> Option<Arc<Card>> {
        let cards = self.cards.lock();
        let found = cards.bound.iter().find(|card| core::ptr::eq::<pci::Device>(card.dev(), dev));
        found.cloned()
    }

    /// Takes the driver off a card's device, if that is still this very card's. Waits for the device's lock.
    pub(crate) fn release(&self, card: &Arc<Card>) {
        let place = core::ptr::from_ref(card.dev()).addr();
        {
            let mut cards = self.cards.lock();
            let bound = cards.bound.iter().any(|other| Arc::ptr_eq(other, card));
            // Without memory for the note the driver stays on, with a device that is removed: as good, but for the looks.
            if !bound || cards.releasing.push(place, GFP_KERNEL).is_err() {
                return;
            }
        }
        // Bound anew meanwhile it cannot be: `is_releasing` keeps probe from it.
        crate::raw::pci::release_driver(card.dev());
        let mut cards = self.cards.lock();
        if let Some(at) = cards.releasing.iter().position(|other| *other == place) {
            let _ = cards.releasing.remove(at);
        }
    }

    /// Whether somebody is about to take the driver off this device.
    pub(crate) fn is_releasing(&self, dev: &pci::Device) -> bool {
        let place = core::ptr::from_ref(dev).addr();
        self.cards.lock().releasing.iter().any(|other| *other == place)
    }
}

/// Puts it up for the module's callbacks, and takes it down at exit.
pub(crate) struct Lease(());

impl Lease {
    /// Makes what the module has once. Called once, from init.
    pub(crate) fn take() -> Result<Self> {
        global::put(Shared::new()?);
        Ok(Self(()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // No device has the driver any more. Somebody may still be at the end of a removal: on this queue.
        let Some(shared) = global::take() else { return };
        shared.queue.drain();
        // The last reference: a card that is still there belongs to an open file, and then the module could not go.
        drop(shared);
    }
}
