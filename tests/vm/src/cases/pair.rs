//! Two GPUs at the same threads.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context, Result, ensure};
use nova_vfio_glue::host::Runtime;

use crate::driven::{Client, Driven, until};

/// Of different families; one is removed while the other goes on.
pub(super) fn pair() -> Result<()> {
    let runtime = Runtime::start(2)?;
    let [old, new] = ["tu102", "gb202"].map(|chip| Driven::open(chip, &runtime));
    let (old, new) = (old?, new?);
    old.probe()?;
    new.probe()?;
    let (alarms, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let alarm_until_stopped = |driven: &Driven, client: Client| -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            driven.alarm_by_interrupt(&client)?;
            alarms.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let client = new.client()?;
    let (new, alarm) = (&new, &alarm_until_stopped);
    thread::scope(|scope| {
        let going_on = scope.spawn(move || alarm(new, client));
        let removed = remove_and_bind(&old, &alarms);
        stop.store(true, Ordering::Relaxed);
        let went_on = going_on.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        removed.context("the GPU that was removed")?;
        went_on.context("the GPU that went on")
    })?;
    let [first, second] =
        [&old, new].map(|driven| driven.gpu.remove(&mut nova_core::lifecycle::Outside::new()));
    ensure!(!first?.lost && !second?.lost, "a GPU is taken for lost");
    old.ensure_released()?;
    println!("{} alarms on one while the other was bound and removed 10 times", alarms.into_inner());
    Ok(())
}

/// Alarms, remove and probe, again and again; meanwhile `other` counts on.
fn remove_and_bind(driven: &Driven, other: &AtomicU64) -> Result<()> {
    for _ in 0..10 {
        driven.alarm_by_interrupt(&driven.client()?)?;
        let removed = driven.gpu.remove(&mut nova_core::lifecycle::Outside::new())?;
        ensure!(!removed.lost && removed.failed.is_none(), "the removal ended as {removed:?}");
        let before = other.load(Ordering::Relaxed);
        until("alarms of the other GPU", || other.load(Ordering::Relaxed) > before)?;
        driven.probe()?;
    }
    Ok(())
}
