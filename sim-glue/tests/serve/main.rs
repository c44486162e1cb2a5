//! The vfio-user server, from the other end of a socket.

mod client;
mod control;
mod dma;
mod hostile;
mod interop;
mod interrupts;
mod lifecycle;
mod protocol;
