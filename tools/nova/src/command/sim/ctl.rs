//! `nova sim ctl`: faults of a served GPU, at run time.

mod line;
mod stats;

use std::path::PathBuf;

use nova_sim_glue::serve::control::Request;
use serde::Serialize;

use super::control_of;
use super::order::Order;
use crate::command::Context;
use crate::error::{Error, Result};
use crate::output::SCHEMA_VERSION;

/// Whom to ask, and for what.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Whom to ask is said with --socket or --control; --device names the device of other commands."
)]
pub(crate) struct Args {
    /// The socket of the served GPU; its control socket is then PATH.ctl.
    #[arg(long, value_name = "PATH", required_unless_present = "control")]
    socket: Option<PathBuf>,
    /// The control socket itself.
    #[arg(long, value_name = "PATH", conflicts_with = "socket")]
    control: Option<PathBuf>,
    #[command(subcommand)]
    order: Order,
}

#[derive(Serialize)]
struct Done<'a> {
    schema_version: u32,
    control: String,
    request: &'a Request,
}

/// Asks, and shows the answer.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let request = args.order.request()?;
    let path = match (&args.control, &args.socket) {
        (Some(control), _) => control.clone(),
        (None, Some(socket)) => {
            let control = control_of(socket);
            if socket.extension().is_some_and(|last| last == "ctl") && socket.exists() && !control.exists() {
                let show = socket.display();
                return Err(Error::usage(format!("{show} is the control socket itself"))
                    .next(format!("nova sim ctl --control {show} stats")));
            }
            control
        }
        (None, None) => return Err(Error::usage("no socket is named").next("nova sim ctl --help")),
    };
    let answer = line::ask(&path, &request)?;
    if let Some(stats) = answer.stats {
        return stats::print(&stats, cx);
    }
    if cx.out.is_text() {
        cx.out.line("done");
        return Ok(());
    }
    let control = path.display().to_string();
    cx.out.object(&Done { schema_version: SCHEMA_VERSION, control, request: &request })
}
