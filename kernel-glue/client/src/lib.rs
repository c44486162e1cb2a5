//! GPUs that nova's kernel module drives, as programs use them: `/dev/novaN`.
//!
//! [`Device`] is an open file, with a method for each call of [`nova_abi`]. What a call means is told in
//! `kernel-glue/include/uapi/nova.h`.

mod bus;
mod device;
mod error;
mod ioctl;

pub use bus::Registers;
pub use device::{Device, Ready, When};
pub use error::{Error, Kind};
