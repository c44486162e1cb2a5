//! What an open file does to the device, and what it expects of it.

use std::sync::Arc;

use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::{Clock, Host, Instant, Nanos};
use nova_core::lifecycle::{Outside, Refused, Session, SessionError};
use nova_core::units::timer::{AlarmId, Fired};
use nova_core::{Error, ErrorKind};
use nova_sim_glue::Rng;

use super::tallies::Tallies;

/// A session of the driver on a host.
pub(super) type Open<H> = Session<Arc<GpuDevice<H>>>;

/// An alarm that has not been seen to fire.
struct Armed {
    id: AlarmId,
    /// When it is to fire, in ns of GPU time.
    at: u64,
    /// How often the device had slept when it was set.
    sleeps: u64,
}

/// An open file.
pub(super) struct Client<H: Host> {
    session: Open<H>,
    alarms: Vec<Armed>,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It ran.
    Ran,
    /// Nothing ran: the device is not there, or asleep.
    Refused(Refused),
    /// It ran and found the GPU gone.
    Gone,
    /// It ran and failed although the GPU is there.
    Failed(Error),
}

impl<H: Host> Client<H> {
    /// Opens the device.
    pub(super) fn open(device: &Arc<GpuDevice<H>>) -> Result<Self, Refused> {
        Ok(Self { session: Session::open(device.clone(), &Gpu::CLIENT)?, alarms: Vec::new() })
    }

    /// Its session alone, to be kept after the device is gone.
    pub(super) fn into_session(self) -> Open<H> {
        self.session
    }

    /// Does one thing, drawn by `rng`; waits by `clock`, which is the host's.
    ///
    /// Who waits does so for `patience` at most: far longer than anything takes, so that one who is not
    /// woken by a removal is found out. Without patience it looks and does not wait.
    pub(super) fn act(
        &mut self,
        rng: &mut Rng,
        clock: &impl Clock,
        patience: Option<Nanos>,
        tallies: &Tallies,
    ) -> Came {
        let drawn = rng.below(16);
        let span = 1_000 + rng.below(60_000);
        let came = match drawn {
            0..=2 => self.call(|cx| Gpu::time(cx).map(drop)),
            3..=4 => self.call(|cx| Gpu::trigger(cx)),
            5..=8 => self.arm(span, tallies),
            9 => self.call(|cx| Gpu::timer(cx).countdown((span / 1_000) as u32)),
            10 => self.call(|cx| {
                Gpu::set_load(cx, span.is_multiple_of(2));
                Ok(())
            }),
            11 => self.cancel(),
            12..=13 => self.collect(tallies),
            _ => match patience {
                Some(patience) => self.wait(patience, clock, tallies),
                None => self.collect(tallies),
            },
        };
        count(came, tallies);
        came
    }

    /// Sets an alarm so far ahead that it is still to come when its backstop is set, unless this thread is held up.
    pub(super) fn arm_far(&mut self, tallies: &Tallies) -> Came {
        let came = self.arm(20_000_000, tallies);
        count(came, tallies);
        came
    }

    /// Asks for the removal of the device it has open.
    pub(super) fn ask_for_removal(&self, tallies: &Tallies) -> Came {
        let came = self.call(|cx| {
            cx.request_remove();
            Ok(())
        });
        count(came, tallies);
        came
    }

    fn call<R>(&self, f: impl FnOnce(&nova_core::lifecycle::Bound<'_, Gpu<H>>) -> Result<R, Error>) -> Came {
        came(&self.session.call(&mut Outside::new(), f))
    }

    fn arm(&mut self, ahead: u64, tallies: &Tallies) -> Came {
        let sleeps = tallies.suspends.get();
        let set = self.session.call(&mut Outside::new(), |cx| {
            let at = Gpu::time(cx)?.saturating_add(ahead);
            Ok((Gpu::schedule(cx, at)?, at))
        });
        if let Ok((id, at)) = set {
            tallies.alarms_set.add(1);
            self.alarms.push(Armed { id, at, sleeps });
        }
        came(&set)
    }

    fn cancel(&mut self) -> Came {
        let Some(alarm) = self.alarms.pop() else { return self.call(|cx| Gpu::time(cx).map(drop)) };
        self.call(|cx| Gpu::cancel(cx, alarm.id))
    }

    /// Takes note of alarms that have fired.
    fn collect(&mut self, tallies: &Tallies) -> Came {
        let Self { session, alarms } = self;
        came(&session.call(&mut Outside::new(), |cx| {
            alarms.retain(|alarm| {
                Gpu::fired(cx, alarm.id).is_none_or(|fired| {
                    note(alarm, fired, tallies);
                    false
                })
            });
            Ok(())
        }))
    }

    /// Sleeps until its last alarm fires, its patience is at an end, or the device goes.
    fn wait(&mut self, patience: Nanos, clock: &impl Clock, tallies: &Tallies) -> Came {
        let Some(alarm) = self.alarms.pop() else { return self.collect(tallies) };
        let until = clock.now() + patience;
        tallies.waits_begun.add(1);
        let waited = self.session.wait(&mut Outside::new(), clock, until, |cx| Ok(Gpu::fired(cx, alarm.id)));
        tallies.waits_ended.add(1);
        if let Ok(fired) = waited {
            note(&alarm, fired, tallies);
        }
        if let (Err(SessionError::Refused(_)), true) = (waited, clock.now() >= until) {
            let slept = until.since(Instant(tallies.removed_at.get()));
            if slept.get() > patience.get() / 4 && slept < patience {
                tallies.violate(tallies.rounds.get(), format!("a waiter slept on for {slept} after remove"));
            }
        }
        came(&waited)
    }
}

fn note(alarm: &Armed, fired: Fired, tallies: &Tallies) {
    tallies.alarms_fired.add(1);
    if fired.seen < alarm.at {
        tallies.violate(
            tallies.rounds.get(),
            format!("an alarm for {} ns fired at {} ns", alarm.at, fired.seen),
        );
    }
    if alarm.sleeps == tallies.suspends.get() {
        tallies.worst_alarm_ns.max(fired.seen.saturating_sub(alarm.at));
    }
}

fn came<R>(result: &Result<R, SessionError<Error>>) -> Came {
    match result {
        Ok(_) | Err(SessionError::Timeout) => Came::Ran,
        Err(SessionError::Refused(refused)) => Came::Refused(*refused),
        // All alarms in use is what the bound is for.
        Err(SessionError::Driver(error)) if error.kind() == ErrorKind::Full => Came::Ran,
        Err(SessionError::Driver(error)) if error.kind() == ErrorKind::Gone => Came::Gone,
        Err(SessionError::Driver(error)) => Came::Failed(*error),
        Err(_) => Came::Failed(Error::Gone),
    }
}

/// Calls through a session whose device has been removed. Says what is wrong with the answer, if anything.
pub(super) fn must_be_refused<H: Host>(session: &Open<H>, tallies: &Tallies) -> Option<String> {
    let came = came(&session.call(&mut Outside::new(), |_| Ok(())));
    count(came, tallies);
    match came {
        Came::Refused(Refused::Suspended | Refused::NoSuchEntry)
        | Came::Ran
        | Came::Gone
        | Came::Failed(_) => Some(format!("a session of a removed device was answered {came:?}")),
        Came::Refused(_) => None,
    }
}

fn count(came: Came, tallies: &Tallies) {
    let entry = &tallies.sessions;
    match came {
        Came::Ran => entry.ran.add(1),
        Came::Refused(_) => entry.refused.add(1),
        Came::Gone | Came::Failed(_) => entry.failed.add(1),
    }
}
