// SPDX-License-Identifier: GPL-2.0

//! `/dev/novaN`: a misc device whose open files outlive it, and keep the module.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::error::to_result;
use kernel::module::this_module;
use kernel::prelude::*;
use kernel::str::CString;
use kernel::sync::Arc;
use kernel::types::Opaque;
use kernel::{bindings, container_of};

use super::wait::WaitQueue;
use crate::card::Card;
use crate::file::OpenFile;
use crate::NovaModule;

/// A device node. Dropping it takes it away; files that are open stay open.
#[pin_data(PinnedDrop)]
pub(crate) struct Node {
    #[pin]
    misc: Opaque<bindings::miscdevice>,
    card: Arc<Card>,
    /// The kernel keeps a pointer to it.
    _name: CString,
    registered: AtomicBool,
}

// SAFETY: the kernel has a lock for misc devices, and the card may be shared.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

impl Node {
    /// Makes the node `/dev/NAME` for a card.
    pub(crate) fn new(card: Arc<Card>, name: CString) -> Result<Pin<KBox<Self>>> {
        let parent = super::pci::raw_device(card.dev());
        let name_at = name.as_char_ptr();
        let init = pin_init!(Self {
            misc <- Opaque::ffi_init(|misc: *mut bindings::miscdevice| {
                let minor = bindings::MISC_DYNAMIC_MINOR as i32;
                let value =
                    bindings::miscdevice { minor, name: name_at, fops: &raw const TABLE.0, parent, ..pin_init::zeroed() };
                // SAFETY: valid for writes.
                unsafe { misc.write(value) };
            }),
            card,
            _name: name,
            registered: AtomicBool::new(false),
        });
        let node = KBox::pin_init(init, GFP_KERNEL)?;
        // SAFETY: the struct is pinned and `close` takes it back; name, table and parent are there as long.
        to_result(unsafe { bindings::misc_register(node.misc.get()) })?;
        node.registered.store(true, Ordering::Release);
        Ok(node)
    }

    /// Takes the node away: when this returns, nobody opens it any more.
    pub(crate) fn close(&self) {
        if self.registered.swap(false, Ordering::AcqRel) {
            // SAFETY: registered in `new`, and taken back once. It waits for who is just opening.
            unsafe { bindings::misc_deregister(self.misc.get()) };
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Node {
    fn drop(self: Pin<&mut Self>) {
        self.close();
    }
}

struct Table(bindings::file_operations);
// SAFETY: a table of functions that nobody writes.
unsafe impl Sync for Table {}

/// With the module as owner: an open file keeps it, up to the last instruction of `release`.
static TABLE: Table = Table(bindings::file_operations {
    owner: this_module::<NovaModule>().as_ptr(),
    open: Some(open),
    release: Some(release),
    unlocked_ioctl: Some(ioctl),
    // The structs are the same for 32-bit programs, and no processor with such a GPU has other pointers for them.
    compat_ioctl: Some(ioctl),
    poll: Some(poll),
    llseek: Some(bindings::noop_llseek),
    ..pin_init::zeroed()
});

/// What a `struct file` of ours has.
struct Opened {
    file: OpenFile,
    queue: Arc<WaitQueue>,
}

unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> i32 {
    // SAFETY: misc_open has put the misc device there, and holds the lock that `Node::close` waits for.
    let misc = unsafe { (*file).private_data }.cast::<bindings::miscdevice>();
    // SAFETY: all misc devices with this table are in a `Node`, which stays until that lock is given back.
    let node = unsafe { &*container_of!(Opaque::cast_from(misc), Node, misc) };
    let opened = OpenFile::open(&node.card)
        .and_then(|(file, queue)| Ok(KBox::new(Opened { file, queue }, GFP_KERNEL)?));
    match opened {
        Ok(opened) => {
            // SAFETY: the file is being opened, so nobody else looks at it.
            unsafe { (*file).private_data = KBox::into_raw(opened).cast() };
            0
        }
        Err(error) => error.to_errno(),
    }
}

unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> i32 {
    // SAFETY: `open` has put it there and succeeded; a file is released once, when nobody is in its other calls.
    drop(unsafe { KBox::from_raw((*file).private_data.cast::<Opened>()) });
    0
}

/// The open file behind a `struct file`.
///
/// # Safety
///
/// `file` is a file of this table that is open and stays so for `'a`.
unsafe fn opened<'a>(file: *mut bindings::file) -> &'a Opened {
    // SAFETY: `open` has put it there, and `release` comes after the last call.
    unsafe { &*(*file).private_data.cast::<Opened>() }
}

unsafe extern "C" fn ioctl(
    file: *mut bindings::file,
    command: kernel::ffi::c_uint,
    arg: kernel::ffi::c_ulong,
) -> kernel::ffi::c_long {
    // SAFETY: the kernel holds the file for the length of the call.
    let opened = unsafe { opened(file) };
    opened.file.ioctl(command, arg).map_or_else(|error| error.to_errno() as _, |()| 0)
}

unsafe extern "C" fn poll(file: *mut bindings::file, table: *mut bindings::poll_table) -> bindings::__poll_t {
    // SAFETY: as `ioctl`.
    let opened = unsafe { opened(file) };
    // SAFETY: file and table are those of this call. What polls is taken off the queue before the file is released, and the
    // file has a reference to the queue, so the queue outlives it.
    unsafe { bindings::poll_wait(file, opened.queue.head(), table) };
    opened.file.poll()
}
