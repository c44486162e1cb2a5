//! Which callbacks there are, and which is due.

use nova_core::hal::{Callback, Outcome, Rearm};

use super::Handle;

/// The kinds of callback, first the one that runs first when several are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Interrupt,
    Timer,
    Work,
    DelayedWork,
}

struct Job {
    kind: Kind,
    callback: Callback<Handle>,
    /// When to run it, in ns; `None` while there is nothing to do.
    due: Option<u64>,
    /// False for an interrupt that is held back.
    enabled: bool,
    /// To be called once more, whatever is due.
    again: bool,
}

/// All callbacks of a host. A job's number is its place, which is not used again.
#[derive(Default)]
pub(super) struct Jobs(Vec<Option<Job>>);

impl Jobs {
    pub(super) fn insert(&mut self, kind: Kind, callback: Callback<Handle>) -> usize {
        let job = Job { kind, callback, due: None, enabled: kind != Kind::Interrupt, again: false };
        self.0.push(Some(job));
        self.0.len() - 1
    }

    /// Takes a job out. Gives its callback, to be dropped without the lock: it may be the device's last user.
    pub(super) fn remove(&mut self, id: usize) -> Option<(Kind, Callback<Handle>)> {
        self.0.get_mut(id)?.take().map(|job| (job.kind, job.callback))
    }

    pub(super) fn enable(&mut self, id: usize, enabled: bool) {
        if let Some(job) = self.job(id) {
            job.enabled = enabled;
        }
    }

    /// An interrupt message has arrived.
    pub(super) fn message(&mut self, now: u64) {
        for job in self.0.iter_mut().flatten().filter(|job| job.kind == Kind::Interrupt) {
            job.due = Some(now);
        }
    }

    /// Has a job called once more.
    pub(super) fn again(&mut self, id: usize) {
        if let Some(job) = self.job(id) {
            job.again = true;
        }
    }

    /// Queues a work item. False when it is queued already, or gone.
    pub(super) fn queue(&mut self, id: usize, at: u64) -> bool {
        match self.job(id) {
            Some(job) if job.due.is_none() => {
                job.due = Some(at);
                true
            }
            _ => false,
        }
    }

    /// Sets a timer, or takes the setting back. False when it is gone.
    pub(super) fn arm(&mut self, id: usize, due: Option<u64>) -> bool {
        let job = self.job(id);
        let there = job.is_some();
        if let Some(job) = job {
            job.due = due;
        }
        there
    }

    /// Takes the job to run at `now`: an interrupt if there is one, or else what has been due longest.
    ///
    /// An interrupt is handled the moment it arrives, so a replay can tell from the trace alone when it did.
    pub(super) fn start(&mut self, now: u64) -> Option<(usize, Kind, Callback<Handle>)> {
        let ready = |job: &Job| job.enabled && (job.again || job.due.is_some_and(|due| due <= now));
        let jobs = self.0.iter().enumerate().filter_map(|(id, job)| Some((id, job.as_ref()?)));
        let (id, _) = jobs
            .filter(|(_, job)| ready(job))
            .min_by_key(|(_, job)| (job.kind != Kind::Interrupt, job.due, job.kind))?;
        let job = self.job(id)?;
        if !std::mem::take(&mut job.again) {
            job.due = None;
        }
        Some((id, job.kind, job.callback.clone()))
    }

    /// A job has been run.
    pub(super) fn finish(&mut self, id: usize, outcome: Outcome) {
        if let (Outcome::Timer(Rearm::At(at)), Some(job)) = (outcome, self.job(id)) {
            // A setting made meanwhile is the newer one.
            job.due.get_or_insert(at.nanos());
        }
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.0.iter().flatten().filter(|job| job.enabled).filter_map(|job| job.due).min()
    }

    fn job(&mut self, id: usize) -> Option<&mut Job> {
        self.0.get_mut(id)?.as_mut()
    }
}
