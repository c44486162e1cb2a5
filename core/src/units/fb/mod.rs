//! The framebuffer unit. So far: the system-memory flush page.

mod flush;

pub use flush::FlushPage;
