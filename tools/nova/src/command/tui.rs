//! `nova tui`: the device on a full screen.

use nova_core::hal::Nanos;

use super::{Context, reg};
use crate::error::Result;
use crate::expr::{Expr, resolve};
use crate::tui;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The key ? lists all keys. For a device of this process the time passes by one interval at each look."
)]
pub(super) struct Args {
    /// Registers, as `nova reg read` takes them.
    #[arg(value_name = "REGISTER", default_values_t = DEFAULT.map(str::to_owned))]
    registers: Vec<String>,
    /// Time from one look to the next.
    #[arg(long, value_name = "SPAN", default_value = "250ms", value_parser = super::interval, allow_hyphen_values = true)]
    interval: Nanos,
    /// Begin paused: p goes on, n looks once.
    #[arg(long)]
    paused: bool,
}

/// What moves, and what it is.
const DEFAULT: [&str; 3] = ["NV_PTIMER_*", "NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP", "NV_PMC_*"];

/// Shows it until q is pressed.
pub(super) fn run(args: &Args, cx: &Context) -> Result<()> {
    let exprs: Vec<_> = args.registers.iter().map(|text| Expr::parse(text)).collect::<Result<_>>()?;
    exprs.iter().try_for_each(|expr| resolve(expr, None).map(drop))?;
    let opened = cx.open()?;
    let registers = reg::targets(&exprs, reg::family(&opened))?;
    let color = cx.out.has_color();
    tui::run(&opened, tui::Options { registers, interval: args.interval, paused: args.paused, color })
}
