//! Writing into a buffer that may be too small.

use core::fmt;

use zerocopy::{Immutable, IntoBytes};

use super::{
    error::EncodeError,
    header::{HEADER_SIZE, Header},
};

/// Writes while there is room and counts in any case, so an error can say how much is needed.
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.at..end) {
            room.copy_from_slice(bytes);
        }
        self.at = end;
    }

    pub(super) fn value<T: IntoBytes + Immutable + ?Sized>(&mut self, value: &T) {
        self.bytes(value.as_bytes());
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// Writes a message: the header, with its size filled in, and the body that `body` writes.
pub(super) fn message(
    out: &mut [u8],
    header: Header,
    body: impl FnOnce(&mut Writer<'_>),
) -> Result<usize, EncodeError> {
    let available = out.len();
    let mut writer = Writer { out, at: HEADER_SIZE };
    body(&mut writer);
    let needed = writer.at;
    let size = u32::try_from(needed).map_err(|_| EncodeError::TooLong { length: needed })?;
    match writer.out.first_chunk_mut::<HEADER_SIZE>() {
        Some(head) if needed <= available => *head = Header { size, ..header }.encode(),
        _ => return Err(EncodeError::TooSmall { needed, available }),
    }
    Ok(needed)
}
