//! Something that goes on beside the case.

use std::{sync::mpsc, thread, time::Duration};

use anyhow::{Result, anyhow};

/// Something that is under way on a thread of its own, and its result.
pub(crate) struct UnderWay<T>(mpsc::Receiver<T>);

impl<T: Send + 'static> UnderWay<T> {
    pub(crate) fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (send, result) = mpsc::channel();
        // It is not joined: one that hangs must not keep the case from saying so.
        thread::spawn(move || send.send(work()));
        Self(result)
    }

    /// The result, which has to come within `limit`.
    pub(crate) fn end(&self, what: &str, limit: Duration) -> Result<T> {
        self.0.recv_timeout(limit).map_err(|_| anyhow!("{what} has not ended after {limit:?}"))
    }

    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.0.try_recv(), Err(mpsc::TryRecvError::Empty))
    }
}
