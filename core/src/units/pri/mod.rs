//! Errors of the device's internal register bus (PRI), as they show in what a read returns.

mod checked;
mod pattern;

pub use checked::Checked;
pub use pattern::{PriError, PriKind};
