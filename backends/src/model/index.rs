//! From an offset to its cell: a hash table of cell numbers that is at most half full.

/// Slots for `N` numbers. Two for each, so that a search for an offset that is not there ends
/// after a step or two: device models are full of holes, and drivers probe them.
#[derive(Debug, Clone)]
pub(super) struct Slots<const N: usize>([[u16; 2]; N]);

const EMPTY: u16 = u16::MAX;

impl<const N: usize> Slots<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N < EMPTY as usize, "a model has at most 65534 registers") };
        Self([[EMPTY; 2]; N])
    }

    /// The same table for code that does not know `N`.
    #[inline]
    pub(super) fn view(&self) -> Index<'_> {
        Index(self.0.as_flattened())
    }

    /// Enters `number` for `offset`, which must not be there yet.
    ///
    /// Gives `false` when the table is full.
    pub(super) fn insert(&mut self, offset: u32, number: u16) -> bool {
        let slots = self.0.as_flattened_mut();
        let mut slot = start(offset, slots.len());
        let mut left = slots.len();
        while left > 0 {
            if slots[slot] == EMPTY {
                slots[slot] = number;
                return true;
            }
            slot = next(slot, slots.len());
            left -= 1;
        }
        false
    }
}

/// A borrowed table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index<'a>(&'a [u16]);

impl Index<'_> {
    /// The number for which `is_it` says yes among those that may stand for `offset`.
    #[inline]
    pub(super) fn find(self, offset: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let mut slot = start(offset, self.0.len());
        for _ in 0..self.0.len() {
            match *self.0.get(slot)? {
                EMPTY => return None,
                number if is_it(usize::from(number)) => return Some(usize::from(number)),
                _ => slot = next(slot, self.0.len()),
            }
        }
        None
    }
}

/// Where the search for `offset` starts: Fibonacci hashing of the word number, scaled to the
/// length by a multiplication, so that the length need not be a power of two.
#[inline]
const fn start(offset: u32, len: usize) -> usize {
    let hash = (offset >> 2).wrapping_mul(0x9E37_79B1);
    ((hash as u64 * len as u64) >> 32) as usize
}

#[inline]
const fn next(slot: usize, len: usize) -> usize {
    if slot + 1 < len { slot + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_finds_all_and_nothing_else() {
        const N: usize = 100;
        let offset = |i: usize| u32::try_from(i).unwrap() * 4 + 0x9000;
        let mut slots = Slots::<N>::new();
        for i in 0..N {
            assert!(slots.insert(offset(i), u16::try_from(i).unwrap()));
        }
        for i in 0..N {
            assert_eq!(slots.view().find(offset(i), |n| n == i), Some(i));
        }
        assert_eq!(slots.view().find(0, |_| false), None);
    }

    #[test]
    fn an_empty_table_holds_nothing() {
        let mut slots = Slots::<0>::new();
        assert!(!slots.insert(0, 0));
        assert_eq!(slots.view().find(0, |_| true), None);
    }
}
