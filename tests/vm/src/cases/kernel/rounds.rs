//! Many rounds of binding and of loading, under processes that use whatever is there.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nova_vm_tests::CHIPS;
use rustix::io::Errno;

use super::files::use_it;
use crate::kernel::{
    Count, Gpu, LONG, Module, Stress, ensure_nothing_is_left, insert, is_debug, rounds, scan_for_leaks,
};

/// Stress processes.
const PROCESSES: u32 = 4;
/// How long the stress processes may find the module open between them before a round fails.
const PATIENCE: Duration = Duration::from_secs(4 * LONG.as_secs());
/// Rounds before anything is counted; fewer on the debug kernel.
const WARM_UP: [u32; 2] = [20, 5];

pub(in crate::cases) fn rebind() -> Result<()> {
    let rounds = rounds(2000, [300, 20])?;
    let module = Module::load()?;
    rebind_all(WARM_UP[usize::from(is_debug())])?;
    let before = Count::now()?;
    let stress = Stress::start(PROCESSES, false)?;
    let started = Instant::now();
    let worst = rebind_all(rounds)?;
    let took = started.elapsed();
    let done = stress.stop()?;
    ensure!(done.calls > 0 && done.gone > 0, "the stress processes did nothing: {done:?}");
    let grown = Count::now()?.ensure_no_growth_since(&before, rounds)?;
    for chip in CHIPS {
        drop(use_it(&Gpu::of(chip)?).with_context(|| format!("{chip} in the end"))?);
    }
    let leaks = scan_for_leaks()?;
    module.unload()?;
    println!(
        "{rounds} rounds of unbind and bind on {} GPUs in {} s, unbind {} ms at most; {PROCESSES} processes opened {} times, {} \
         calls, {} ended by unbind; slab {grown}; {leaks}",
        CHIPS.len(),
        took.as_secs(),
        worst.as_millis(),
        done.opened,
        done.calls,
        done.gone
    );
    Ok(())
}

/// So many rounds on all GPUs at once; the longest unbind.
fn rebind_all(rounds: u32) -> Result<Duration> {
    let next = AtomicU32::new(0);
    let next_round = &|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|round| *round < rounds);
    let worst = thread::scope(|scope| {
        let threads = CHIPS.map(|chip| scope.spawn(move || rebind_while(chip, next_round)));
        threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    });
    worst.into_iter().try_fold(Duration::ZERO, |worst, one| Ok(worst.max(one?)))
}

fn rebind_while(chip: &'static str, next_round: impl Fn() -> Option<u32>) -> Result<Duration> {
    let gpu = Gpu::of(chip)?;
    let mut worst = Duration::ZERO;
    while let Some(round) = next_round() {
        worst = worst.max(gpu.unbind().with_context(|| format!("unbinding {chip} in round {round}"))?);
        ensure!(!gpu.is_bound(), "{chip} is still bound in round {round}");
        gpu.bind().with_context(|| format!("binding {chip} in round {round}"))?;
        ensure!(gpu.is_bound(), "{chip} is not bound in round {round}");
    }
    Ok(worst)
}

pub(in crate::cases) fn reload() -> Result<()> {
    let rounds = rounds(500, [40, 4])?;
    let module = Module::load()?;
    module.unload()?;
    reload_times(WARM_UP[usize::from(is_debug())] / 4)?;
    let before = Count::now()?;
    let stress = Stress::start(PROCESSES, true)?;
    let started = Instant::now();
    let (worst, refused) = reload_times(rounds)?;
    let took = started.elapsed();
    let done = stress.stop()?;
    ensure!(done.calls > 0, "the stress processes did nothing: {done:?}");
    let grown = Count::now()?.ensure_no_growth_since(&before, rounds)?;
    let leaks = scan_for_leaks()?;
    println!(
        "{rounds} rounds of insmod and rmmod with {} GPUs in {} s, rmmod {} ms at most, refused {refused} times for open files; \
         {PROCESSES} processes opened {} times, {} calls; slab {grown}; {leaks}",
        CHIPS.len(),
        took.as_secs(),
        worst.as_millis(),
        done.opened,
        done.calls
    );
    Ok(())
}

/// So many rounds; the longest rmmod that succeeded, and how often it was refused because a file was open.
fn reload_times(rounds: u32) -> Result<(Duration, u32)> {
    let (mut worst, mut refused) = (Duration::ZERO, 0);
    for round in 0..rounds {
        insert().with_context(|| format!("round {round}"))?;
        // Not the same number in each round, so that the end comes at different moments of what is under way.
        thread::sleep(Duration::from_millis(u64::from(round % 13)));
        let begun = Instant::now();
        loop {
            let started = Instant::now();
            match Module::try_unload() {
                Ok(()) => {
                    worst = worst.max(started.elapsed());
                    break;
                }
                Err(Errno::AGAIN) => refused += 1,
                Err(error) => bail!("rmmod in round {round}: {error}"),
            }
            ensure!(begun.elapsed() < PATIENCE, "rmmod is refused for {PATIENCE:?} in round {round}");
            thread::sleep(Duration::from_millis(1));
        }
        ensure_nothing_is_left().with_context(|| format!("round {round}"))?;
    }
    Ok((worst, refused))
}
