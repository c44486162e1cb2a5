//! The interrupt tree, Turing's legacy summary, and when a message is sent.
//!
//! Known: leaves latch whether enabled or not and clear by writing ones; the message needs re-arming on Turing to Ada
//! and none on Hopper and later, where toggling the top enable sends it again.
//!
//! Inferred, since no source says:
//!
//! * TOP counts leaves that are pending *and* enabled.
//! * Up to Ada a message is sent whenever something is pending, enabled and armed; sending disarms. A source that is
//!   still or again pending at the re-arm sends at once, so the hardware loses nothing.
//! * From Hopper on a message is sent when the whole tree goes from quiet to pending. Real hardware may send more (by
//!   subtree, by vector); a driver that works with the fewest works with more.

/// Leaves that later chips have.
const LEAVES: usize = 16;
/// Leaves before Hopper.
const LEAVES_BEFORE_HOPPER: usize = 8;

/// The alarm of GA100 and later.
pub(super) const VECTOR_ALARM: u32 = 159;
/// The end of a countdown.
pub(super) const VECTOR_COUNTDOWN: u32 = 148;
/// The host bus unit.
pub(super) const VECTOR_PBUS: u32 = 156;

/// Bits of the legacy summary.
pub(super) const PMC_PTIMER: u32 = 1 << 20;
pub(super) const PMC_PBUS: u32 = 1 << 28;
const PMC_SOFTWARE: u32 = 1 << 31;

/// When a message may follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    /// After a write to the re-arm register.
    Rearmed { armed: bool },
    /// After everything was quiet.
    Edge { high: bool },
}

/// All interrupt state of one GPU.
#[derive(Debug)]
pub(super) struct Interrupts {
    leaves: [u32; LEAVES],
    enabled: [u32; LEAVES],
    top_enabled: u32,
    /// Leaves this chip has.
    count: usize,
    pmc_lines: u32,
    pmc_enabled: [u32; 2],
    software: [u32; 2],
    message: Message,
    /// Messages sent and not yet fetched.
    sent: u32,
}

impl Interrupts {
    pub(super) const fn new(hopper_up: bool) -> Self {
        let (count, message) = if hopper_up {
            (LEAVES, Message::Edge { high: false })
        } else {
            (LEAVES_BEFORE_HOPPER, Message::Rearmed { armed: true })
        };
        Self {
            leaves: [0; LEAVES],
            enabled: [0; LEAVES],
            top_enabled: 0,
            count,
            pmc_lines: 0,
            pmc_enabled: [0; 2],
            software: [0; 2],
            message,
            sent: 0,
        }
    }

    pub(super) fn leaf(&self, index: usize) -> u32 {
        self.leaves.get(index).copied().unwrap_or(0)
    }

    pub(super) fn leaf_enabled(&self, index: usize) -> u32 {
        self.enabled.get(index).copied().unwrap_or(0)
    }

    pub(super) fn acknowledge(&mut self, index: usize, ones: u32) {
        if let Some(leaf) = self.leaves.get_mut(index) {
            *leaf &= !ones;
        }
    }

    pub(super) fn enable(&mut self, index: usize, set: u32, clear: u32) {
        if let Some(enabled) = self.enabled.get_mut(index) {
            *enabled = (*enabled | set) & !clear;
        }
    }

    /// Subtrees with something pending and enabled.
    pub(super) fn top(&self) -> u32 {
        // Leaves that a chip does not have are never raised.
        let pairs = self.leaves.chunks_exact(2).zip(self.enabled.chunks_exact(2)).enumerate();
        pairs.fold(0, |top, (subtree, (leaves, enabled))| {
            let pending = leaves[0] & enabled[0] | leaves[1] & enabled[1];
            top | u32::from(pending != 0) << subtree
        })
    }

    pub(super) const fn top_enabled(&self) -> u32 {
        self.top_enabled
    }

    pub(super) fn enable_top(&mut self, set: u32, clear: u32) {
        let subtrees = (1 << (self.count / 2)) - 1;
        self.top_enabled = (self.top_enabled | set & subtrees) & !clear;
    }

    /// Latches a vector.
    pub(super) fn raise(&mut self, vector: u32) {
        let leaf = (vector / 32) as usize;
        if let Some(leaf) = self.leaves.get_mut(leaf).filter(|_| leaf < self.count) {
            *leaf |= 1 << (vector % 32);
        }
    }

    /// The legacy lines of the units, as they are now.
    pub(super) fn set_lines(&mut self, lines: u32) {
        self.pmc_lines = lines;
    }

    pub(super) fn pmc_pending(&self, which: usize) -> u32 {
        let software = if self.software.get(which).is_some_and(|on| *on != 0) { PMC_SOFTWARE } else { 0 };
        software | if which == 0 { self.pmc_lines } else { 0 }
    }

    pub(super) fn pmc_enabled(&self, which: usize) -> u32 {
        self.pmc_enabled.get(which).copied().unwrap_or(0)
    }

    pub(super) fn enable_pmc(&mut self, which: usize, set: u32, clear: u32) {
        if let Some(enabled) = self.pmc_enabled.get_mut(which) {
            *enabled = (*enabled | set) & !clear;
        }
    }

    pub(super) fn software(&self, which: usize) -> u32 {
        self.software.get(which).copied().unwrap_or(0)
    }

    pub(super) fn set_software(&mut self, which: usize, value: u32) {
        if let Some(software) = self.software.get_mut(which) {
            *software = value & 1;
        }
    }

    /// The message is allowed again.
    pub(super) fn rearm(&mut self) {
        if let Message::Rearmed { armed } = &mut self.message {
            *armed = true;
        }
    }

    /// Whether anything pending is enabled all the way.
    pub(super) fn is_signalled(&self) -> bool {
        // Asked at every access, and with the tops held back there is nothing to add up.
        (self.top_enabled != 0 && self.top() & self.top_enabled != 0)
            || (0..2).any(|which| self.pmc_pending(which) & self.pmc_enabled(which) != 0)
    }

    /// Whether anything could be signalled if it became pending.
    pub(super) fn is_enabled(&self) -> bool {
        let subtree = |index: usize| self.top_enabled & 1 << (index / 2) != 0;
        self.pmc_enabled != [0; 2]
            || self.enabled.iter().enumerate().any(|(index, leaf)| *leaf != 0 && subtree(index))
    }

    /// Whether a message would be sent if something were signalled now.
    pub(super) const fn is_armed(&self) -> bool {
        match self.message {
            Message::Rearmed { armed } => armed,
            Message::Edge { high } => !high,
        }
    }

    /// Sends a message if it is time; to be called after every change.
    pub(super) fn update(&mut self) {
        let signalled = self.is_signalled();
        let send = match &mut self.message {
            Message::Rearmed { armed } => {
                let send = signalled && *armed;
                *armed &= !send;
                send
            }
            Message::Edge { high } => {
                let send = signalled && !*high;
                *high = signalled;
                send
            }
        };
        self.sent += u32::from(send);
    }

    /// Fetches the messages sent so far.
    pub(super) fn take(&mut self) -> u32 {
        core::mem::take(&mut self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled(hopper_up: bool) -> Interrupts {
        let mut tree = Interrupts::new(hopper_up);
        tree.enable(4, u32::MAX, 0);
        tree.enable_top(u32::MAX, 0);
        tree
    }

    fn raised(tree: &mut Interrupts, vector: u32) -> u32 {
        tree.raise(vector);
        tree.update();
        tree.take()
    }

    #[test]
    fn leaves_latch_whether_enabled_or_not_but_top_counts_enabled_ones() {
        let mut tree = Interrupts::new(false);
        assert_eq!(raised(&mut tree, VECTOR_COUNTDOWN), 0);
        assert_eq!((tree.leaf(4), tree.top()), (1 << 20, 0));
        tree.enable(4, 1 << 20, 0);
        assert_eq!(tree.top(), 1 << 2);
        tree.acknowledge(4, 1 << 20);
        assert_eq!((tree.leaf(4), tree.top()), (0, 0));
    }

    #[test]
    fn turing_sends_once_until_rearmed_and_then_at_once_if_still_pending() {
        let mut tree = enabled(false);
        assert_eq!(raised(&mut tree, 148), 1);
        assert_eq!(raised(&mut tree, 149), 0);
        tree.acknowledge(4, 1 << 20);
        tree.rearm();
        tree.update();
        assert_eq!(tree.take(), 1, "149 is still pending");
        tree.acknowledge(4, u32::MAX);
        tree.rearm();
        tree.update();
        assert_eq!(tree.take(), 0);
        assert!(tree.is_armed());
    }

    #[test]
    fn hopper_sends_on_the_edge_and_again_when_the_top_is_toggled() {
        let mut tree = enabled(true);
        assert_eq!(raised(&mut tree, 159), 1);
        assert_eq!(raised(&mut tree, 148), 0);
        tree.enable_top(0, 0xff);
        tree.update();
        tree.enable_top(0xff, 0);
        tree.update();
        assert_eq!(tree.take(), 1);
        tree.acknowledge(4, u32::MAX);
        tree.update();
        assert_eq!(raised(&mut tree, 148), 1);
    }

    #[test]
    fn leaves_beyond_the_chips_do_not_exist() {
        let mut tree = Interrupts::new(false);
        tree.raise(8 * 32);
        assert_eq!(tree.leaf(8), 0);
        let mut tree = Interrupts::new(true);
        tree.raise(8 * 32);
        tree.raise(u32::MAX);
        assert_eq!(tree.leaf(8), 1);
        tree.enable_top(u32::MAX, 0);
        assert_eq!(tree.top_enabled(), 0xff);
    }

    #[test]
    fn the_legacy_summary_is_a_level() {
        let mut tree = Interrupts::new(false);
        tree.enable_pmc(0, PMC_PTIMER, 0);
        tree.set_lines(PMC_PTIMER);
        tree.update();
        assert_eq!((tree.take(), tree.pmc_pending(0)), (1, PMC_PTIMER));
        tree.set_lines(0);
        assert!(!tree.is_signalled() && tree.is_enabled());
    }
}
