//! Cases of the kernel module.

pub(super) mod abi;
pub(super) mod basic;
pub(super) mod cli;
pub(super) mod exit;
pub(super) mod faults;
pub(super) mod figures;
pub(super) mod files;
pub(super) mod gone;
pub(super) mod rounds;
pub(super) mod sleep;
