//! E0599: work is queued and timers are set in a bound device, and in no other stage.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Instant;
use nova_core::lifecycle::{Bound, Lost, Removing, Starting, Suspended};
use nova_tests::toy::Toy;

#[cfg(not(trybuild))]
fn bound(cx: &Bound<'_, Toy>) {
    let _ = cx.queue(&Toy::WORK);
    let _ = cx.queue_at(&Toy::DELAYED, Instant(5));
    let _ = cx.arm(&Toy::TIMER, Instant(5));
}

#[cfg(trybuild)]
fn not_bound(a: &Starting<'_, Toy>, b: &Removing<'_, Toy>, c: &Suspended<'_, Toy>, d: &Lost<'_, Toy>) {
    let _ = a.queue(&Toy::WORK);
    let _ = b.queue(&Toy::WORK);
    let _ = c.queue(&Toy::WORK);
    let _ = d.queue(&Toy::WORK);
    let _ = a.queue_at(&Toy::DELAYED, Instant(5));
    let _ = b.queue_at(&Toy::DELAYED, Instant(5));
    let _ = c.queue_at(&Toy::DELAYED, Instant(5));
    let _ = d.queue_at(&Toy::DELAYED, Instant(5));
    let _ = a.arm(&Toy::TIMER, Instant(5));
    let _ = b.arm(&Toy::TIMER, Instant(5));
    let _ = c.arm(&Toy::TIMER, Instant(5));
    let _ = d.arm(&Toy::TIMER, Instant(5));
}

fn main() {}
