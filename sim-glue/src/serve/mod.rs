//! A simulated GPU as a real PCI device of another process: a vfio-user server over a Unix socket.
//!
//! ```no_run
//! use nova_sim_glue::serve::{ServeOptions, Server};
//!
//! let options = ServeOptions::new("ga102,seed=7".parse()?);
//! let server = Server::bind("/run/user/1000/gpu0".as_ref(), &options)?;
//! let handle = server.handle(); // stops it, from anywhere
//! server.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a client sees
//!
//! | region | what is there |
//! |---|---|
//! | BAR0 | the registers; every access comes here. Any length and alignment: cut into aligned words of 1, 2 and 4 bytes |
//! | BAR1, BAR3 | shared memory of the client's own, which it may map ([`ServeOptions::mappable`]); the registers know nothing of it |
//! | BAR5 | I/O ports, on chips with a display: nothing answers |
//! | ROM | a valid header, and no code |
//! | config | [`pci`](crate::pci) |
//!
//! A window that is not decoded (COMMAND, D3hot), and a GPU that is gone, read ones and lose writes. Outside of a
//! region an access fails with `EINVAL`. Interrupts are signalled before the answer to the access that brought them
//! about.
//!
//! Like a user of VFIO, a client finds memory decoding on and bus mastering off, and `DEVICE_RESET` leaves config space as
//! it was. Both resets by config write are the hardware's: COMMAND is zero after them, and messages are off. Setting up
//! MSI or MSI-X eventfds sets the enable bit of the capability, as the kernel does for its users.
//!
//! # Clients
//!
//! One at a time; another one is answered `EBUSY` and closed. When one leaves, however it does, its memory and eventfds
//! are given back, the windows get fresh memory and the GPU is reset: the next one finds what power-on leaves. Faults
//! that were asked for ([`control`]) stay, and a GPU that is gone stays gone.
//!
//! Whatever a client does costs only its own connection. Nothing is allocated by what it announces, file descriptors
//! are looked at before they are used, and the loop waits for nobody: a message that does not end and an answer that is not
//! taken end the connection after [`ServeOptions::patience`].
//!
//! # Time
//!
//! Real time. The loop is one thread, which sleeps until a file descriptor or the GPU's next event wakes it, and costs
//! nothing while idle.

mod client;
mod clock;
pub mod control;
mod device;
mod dma;
mod doors;
mod faults;
mod fds;
mod irq;
mod msix;
mod options;
mod poll;
mod registers;
mod server;
mod session;
mod shared;
mod socket;
mod stats;
mod stream;
mod windows;

pub use dma::{ClientMemory, DmaStats};
pub use options::{ServeError, ServeOptions};
pub use registers::MOST_FAULTS;
pub use server::{Handle, Running, Server};
pub use stats::{BusStats, Counts, ServeStats};
