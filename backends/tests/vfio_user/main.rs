//! The vfio-user codec from outside.

#[allow(unreachable_pub, reason = "shared with the fuzz target")]
mod check;
#[allow(unreachable_pub, reason = "shared with the fuzz target")]
mod generate;
#[allow(unreachable_pub, reason = "shared with the fuzz target")]
mod properties;
