// SPDX-License-Identifier: GPL-2.0

//! What debugfs shows of a card: `nova/<pci address>/{state,entries,inside,events}`.

use kernel::sync::Arc;
use nova_core::driver::CAPACITY;

use crate::card::Card;
use crate::raw::debugfs::{About, Dir, Out, Show};

/// Makes a card's folder.
pub(crate) fn folder(top: &Arc<Dir>, card: &Arc<Card>) -> About<Card> {
    let folder = Dir::about(top, card.dev().as_ref().name(), card.clone());
    folder.file::<State>(c"state");
    folder.file::<Entries>(c"entries");
    folder.file::<Inside>(c"inside");
    folder.file::<Events>(c"events");
    folder
}

/// Where the device is in its life.
struct State;

impl Show<Card> for State {
    fn show(card: &Card, out: &Out<'_>) {
        let device = &card.device;
        let chip = card.info.as_ref().map_or("", |info| info.chip_name());
        out.print(format_args!("state     {}\n", device.state()));
        out.print(format_args!("lost      {}\n", device.is_lost()));
        out.print(format_args!("asked     {}\n", device.removal_requested()));
        out.print(format_args!("chip      {}\n", chip));
        out.print(format_args!("node      nova{}\n", card.number().unwrap_or_default()));
    }
}

/// What the driver has registered.
struct Entries;

impl Show<Card> for Entries {
    fn show(card: &Card, out: &Out<'_>) {
        for id in 0..CAPACITY as u16 {
            if let Some(entry) = card.device.entry(id) {
                out.print(format_args!("{} {}\n", id, entry));
            }
        }
    }
}

/// Who is inside at this moment, and so would block a removal.
struct Inside;

impl Show<Card> for Inside {
    fn show(card: &Card, out: &Out<'_>) {
        for visitor in &card.device.inside() {
            out.print(format_args!("{}\n", visitor));
        }
    }
}

/// What happened lately.
struct Events;

impl Show<Card> for Events {
    fn show(card: &Card, out: &Out<'_>) {
        for event in &card.device.history() {
            out.print(format_args!("{}\n", event));
        }
    }
}
