//! A snapshot of what is pending.

use super::Source;

/// Pending and enabled sources at one moment.
pub(super) struct Pending {
    pub(super) legacy: u32,
    pub(super) leaves: [u32; 16],
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.legacy == 0 && self.leaves.iter().all(|leaf| *leaf == 0)
    }

    /// The sources: the legacy tree first, then by vector.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        let legacy = bits(self.legacy).map(|bit| Source::Pmc(bit as u8));
        // This runs in the interrupt handler, and most leaves are empty.
        let leaves = (0u16..).zip(self.leaves).filter(|(_, word)| *word != 0);
        let tree = leaves.flat_map(|(leaf, word)| bits(word).map(move |bit| Source::Vector(leaf * 32 + bit)));
        legacy.chain(tree)
    }
}

/// The bits that are set, lowest first.
fn bits(word: u32) -> impl Iterator<Item = u16> {
    let mut left = word;
    core::iter::from_fn(move || {
        let bit = left.trailing_zeros() as u16;
        left &= left.checked_sub(1)?;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_becomes_its_source_once() {
        let mut leaves = [0; 16];
        let [first, .., last] = &mut leaves;
        *first = 0x8000_0001;
        *last = 2;
        let pending = Pending { legacy: 1 << 20, leaves };
        let expected = [Source::PMC_PTIMER, Source::Vector(0), Source::Vector(31), Source::Vector(481)];
        assert!(pending.sources().eq(expected));
        assert!(!pending.is_empty());
    }
}
