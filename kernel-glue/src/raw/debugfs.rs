// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs.
//!
//! The kernel crate's own (7.3) have no owner: a file that is still open when the module goes is closed through a table
//! that went with the module. Here the table has the module as its owner, so an open file keeps the module.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;

use kernel::bindings;
use kernel::module::this_module;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;
use kernel::sync::Arc;

use crate::NovaModule;

/// A folder. Dropping it removes it with everything in it, and waits for who is just reading.
pub(crate) struct Dir(*mut bindings::dentry);

// SAFETY: the kernel's debugfs may be used from any thread.
unsafe impl Send for Dir {}
// SAFETY: as above.
unsafe impl Sync for Dir {}

impl Dir {
    /// A folder at the top. If it cannot be made nothing is, which is what debugfs does everywhere.
    pub(crate) fn new(name: &CStr) -> Self {
        // SAFETY: the name is a string, and copied.
        Self(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) })
    }

    /// A folder in this one, about `data`.
    pub(crate) fn about<T: Send + Sync + 'static>(this: &Arc<Self>, name: &CStr, data: Arc<T>) -> About<T> {
        // SAFETY: the name is a string, and copied; the parent is a folder, or the error that it could not be made.
        let dir = Self(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), this.0) });
        About { dir, data, _parent: this.clone() }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: made in `new` or `about`, and removed once: a folder that is in another one goes first, because it has a
        // reference to that one. Of an error it does nothing.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// A folder with files about something, which they keep alive.
pub(crate) struct About<T> {
    // First: when it is gone, nobody looks at the data any more.
    dir: Dir,
    data: Arc<T>,
    _parent: Arc<Dir>,
}

/// What is in a file.
pub(crate) trait Show<T>: 'static {
    /// Writes it.
    fn show(data: &T, out: &Out<'_>);
}

/// Where it is written.
pub(crate) struct Out<'a>(&'a SeqFile);

impl Out<'_> {
    /// Writes.
    pub(crate) fn print(&self, args: fmt::Arguments<'_>) {
        self.0.call_printf(args);
    }
}

impl<T: Send + Sync + 'static> About<T> {
    /// Adds a file that is read by root.
    pub(crate) fn file<S: Show<T>>(&self, name: &CStr) {
        let data = Arc::as_ptr(&self.data).cast_mut().cast::<c_void>();
        // SAFETY: the parent is a folder or an error, the name is copied, the table static. `data` is what the table's `open`
        // takes it for, and outlives the file: the folder is removed before the reference to it is dropped.
        unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                self.dir.0,
                data,
                core::ptr::null(),
                Ops::<T, S>::TABLE,
            );
        }
    }
}

struct Ops<T, S>(PhantomData<(T, S)>);

impl<T: Send + Sync + 'static, S: Show<T>> Ops<T, S> {
    const TABLE: &'static bindings::file_operations = &bindings::file_operations {
        owner: this_module::<NovaModule>().as_ptr(),
        open: Some(Self::open),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::single_release),
        ..pin_init::zeroed()
    };

    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> i32 {
        // SAFETY: the kernel opens this file, which is not removed meanwhile.
        let data = unsafe { (*inode).i_private };
        // SAFETY: `show` takes `data` for what it is. debugfs calls it only while the file is not removed.
        unsafe { bindings::single_open(file, Some(Self::show), data) }
    }

    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> i32 {
        // SAFETY: `open` has put it there: a `T` that is there until the file is removed.
        let data = unsafe { &*(*seq).private.cast::<T>() };
        // SAFETY: the file is being read, by one thread.
        S::show(data, &Out(unsafe { SeqFile::from_raw(seq) }));
        0
    }
}
