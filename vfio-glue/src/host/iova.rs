//! Bus addresses for memory that a device is given.

use std::ops::RangeInclusive;

use crate::device::Memory;

/// Alignment of every piece, in bytes.
const PAGE: u64 = 4096;
/// First address given out. Nothing is ever at 0, and below lies what old machines have there.
pub(super) const FIRST: u64 = 0x10_0000;

/// The addresses of one device.
///
/// They are given out from 1 MiB on, inside what the IOMMU allows (on x86 that leaves out the window of interrupt
/// messages at 0xfee00000), in rising order, and come round only when the space is used up: a stale address finds nothing
/// behind it for as long as possible.
#[derive(Debug)]
pub(super) struct Addresses {
    allowed: Vec<RangeInclusive<u64>>,
    /// Sorted: first byte and length of what is taken.
    taken: Vec<(u64, u64)>,
    next: u64,
}

impl Addresses {
    pub(super) fn new(mut allowed: Vec<RangeInclusive<u64>>) -> Self {
        allowed.sort_by_key(|range| *range.start());
        Self { allowed, taken: Vec::new(), next: FIRST }
    }

    /// Whether no memory can be mapped at all.
    pub(super) fn are_none(&self) -> bool {
        self.allowed.is_empty()
    }

    /// Takes room for a piece of memory, below 2^`bits`.
    pub(super) fn take(&mut self, memory: &Memory, bits: u32) -> Option<u64> {
        let size = memory.size();
        let last = 1_u64.checked_shl(bits).map_or(u64::MAX, |limit| limit - 1);
        let at = self.find(self.next, size, last).or_else(|| self.find(FIRST, size, last))?;
        let place = self.taken.partition_point(|(taken, _)| *taken < at);
        self.taken.insert(place, (at, size));
        // Behind the last byte of all 64 bits it begins again.
        self.next = at.checked_add(size).unwrap_or(FIRST);
        Some(at)
    }

    /// Gives room back.
    pub(super) fn give_back(&mut self, address: u64) {
        self.taken.retain(|(taken, _)| *taken != address);
    }

    /// The first gap of `size` bytes from `from` on, none of it above `last`.
    fn find(&self, from: u64, size: u64, last: u64) -> Option<u64> {
        self.allowed.iter().find_map(|range| {
            let start = (*range.start()).max(from).checked_next_multiple_of(PAGE)?;
            self.gap(start, size, last.min(*range.end()))
        })
    }

    fn gap(&self, mut from: u64, size: u64, last: u64) -> Option<u64> {
        for (taken, len) in &self.taken {
            // One past its last byte; `None` past the end of 64 bits.
            let end = taken.checked_add(*len);
            if end.is_some_and(|end| end <= from) {
                continue;
            }
            if *taken > from.checked_add(size - 1)? {
                break;
            }
            from = end?;
        }
        (from.checked_add(size - 1)? <= last).then_some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Memory {
        Memory::new(4096).unwrap()
    }

    #[test]
    fn holes_of_the_iommu_are_left_out() {
        let mut addresses = Addresses::new(vec![0xfef0_0000..=u64::MAX, 0..=0x10_1fff]);
        let memory = page();
        let got: Vec<_> = (0..3).map(|_| addresses.take(&memory, 64).unwrap()).collect();
        assert_eq!(got, [0x10_0000, 0x10_1000, 0xfef0_0000]);
        assert_eq!(addresses.take(&memory, 32), Some(0xfef0_1000));
        assert_eq!(addresses.take(&memory, 24), None);
    }

    #[test]
    fn what_was_given_back_is_given_out_again_only_when_nothing_else_is_left() {
        let mut addresses = Addresses::new(vec![0..=0x10_2fff]);
        let memory = page();
        let first = addresses.take(&memory, 47).unwrap();
        addresses.give_back(first);
        assert_eq!(addresses.take(&memory, 47), Some(0x10_1000));
        assert_eq!(addresses.take(&memory, 47), Some(0x10_2000));
        assert_eq!(addresses.take(&memory, 47), Some(first));
        assert_eq!(addresses.take(&memory, 47), None);
    }

    #[test]
    fn pieces_do_not_overlap() {
        let mut addresses = Addresses::new(vec![0..=0xff_ffff]);
        let (small, large) = (page(), Memory::new(5 * 4096).unwrap());
        let mut pieces = Vec::new();
        for round in 0..200_u64 {
            let memory = if round % 3 == 0 { &large } else { &small };
            match addresses.take(memory, 24) {
                Some(at) => pieces.push((at, memory.size())),
                None => addresses.give_back(pieces.remove(round as usize % pieces.len()).0),
            }
            if round % 5 == 4 {
                addresses.give_back(pieces.remove(round as usize % pieces.len()).0);
            }
            let mut sorted = pieces.clone();
            sorted.sort_unstable();
            assert!(sorted.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{sorted:x?}");
        }
    }

    #[test]
    fn the_last_page_of_64_bits_can_be_had_and_given_back() {
        let last = u64::MAX - 4095;
        let mut addresses = Addresses::new(vec![last - 4096..=u64::MAX]);
        let memory = page();
        for _ in 0..3 {
            let got = [(); 3].map(|()| addresses.take(&memory, 64));
            assert_eq!(got, [Some(last - 4096), Some(last), None]);
            addresses.give_back(last);
            assert_eq!(addresses.take(&memory, 64), Some(last));
            addresses.give_back(last - 4096);
            addresses.give_back(last);
            assert!(addresses.taken.is_empty(), "{addresses:x?}");
        }
    }

    #[test]
    fn no_addresses_at_all_are_no_room() {
        assert_eq!(Addresses::new(Vec::new()).take(&page(), 64), None);
    }
}
