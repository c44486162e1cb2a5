//! Doing something again and again.

use std::thread;
use std::time::Duration;

use nova_core::hal::Nanos;

use super::Context;
use crate::error::Result;
use crate::host::Machine;

/// How often, and how far apart.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_field_names, reason = "the option is called --watch")]
pub(super) struct Watch {
    /// Go on printing.
    #[arg(long)]
    pub(super) watch: bool,
    /// Time between two lines, such as 100ms.
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = super::interval, requires = "watch", allow_hyphen_values = true)]
    interval: Nanos,
    /// Stop after so many lines.
    #[arg(long, value_name = "N", requires = "watch")]
    count: Option<u64>,
}

impl Watch {
    /// Calls `look` with the line's number and the time it lets pass on `machine` first; prints after each call.
    pub(super) fn each(
        &self,
        machine: &dyn Machine,
        cx: &mut Context,
        mut look: impl FnMut(&mut Context, u64, Nanos) -> Result<()>,
    ) -> Result<()> {
        let mut line = 0;
        while self.count.is_none_or(|count| line < count) {
            let pause = if line == 0 { Nanos::ZERO } else { self.interval };
            if !machine.is_real_time() {
                // For people; the device's own time passes in `look`.
                thread::sleep(Duration::from_nanos(pause.get()));
            }
            look(cx, line, pause)?;
            cx.out.flush()?;
            line += 1;
        }
        Ok(())
    }
}
