//! The framebuffer unit. So far: the system-memory flush page.

mod flush;

pub(crate) use flush::FlushPage;
