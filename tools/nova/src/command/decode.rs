//! `nova decode`: a value taken apart, without a device.

use super::Context;
use crate::decode::Reading;
use crate::error::{Error, Result};
use crate::expr::{Expr, Target, resolve};
use crate::value;

/// What to decode.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The register: a name, NAME.FIELD, or 0xOFFSET.
    register: String,
    /// Its value.
    #[arg(allow_negative_numbers = true)]
    value: String,
}

/// Prints the fields of a value.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let value = value::word(&args.value)?;
    let targets = resolve(&Expr::parse(&args.register)?, None)?;
    // Instances of a unit have the same fields: the first speaks for all.
    let entry = targets.first().and_then(Target::entry);
    let same = |target: &Target| target.entry().map(|entry| entry.name) == entry.map(|entry| entry.name);
    let (Some(target), true) = (targets.first(), targets.iter().all(same)) else {
        let count = targets.len();
        return Err(Error::usage(format!("{} names {count} registers", args.register))
            .next(format!("nova reg find {:?}", args.register)));
    };
    if target.width < 4 && value >> (target.width * 8) != 0 {
        return Err(Error::usage(format!(
            "{value:#x} is wider than {}'s {} bits",
            target.name(),
            target.width * 8
        )));
    }
    if target.entry().is_none() {
        return Err(
            Error::not_found(format!("no register is known at {}", target.name())).next("nova reg find '*'")
        );
    }
    if cx.out.is_text() {
        super::reg::print_fields(target, value, cx);
        Ok(())
    } else {
        cx.out.object(&Reading::new(target, value))
    }
}
