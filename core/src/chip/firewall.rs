//! The BAR firewall of Blackwell: while the chip boots, every register reads as ones.
//!
//! A designated vendor-specific capability (DVSEC) in extended config space tells. Source:
//! gpu-admin-tools, which waits up to 5 s for it.

/// First extended capability.
const EXTENDED: u16 = 0x100;
/// Id of a DVSEC capability, from the PCI Express base specification.
const DVSEC: u32 = 0x23;
/// A DVSEC of NVIDIA with id 0.
const NVIDIA: u32 = 0x10de;
/// In the DVSEC's word at +8.
const FIREWALL_UP: u32 = 1 << 20;
/// More capabilities than fit into extended config space: the chain is a loop.
const MOST: usize = (0x1000 - 0x100) / 8;

/// Whether the firewall is up, as far as config space tells.
///
/// `read` gives the 32 bits at a config-space offset, or nothing where the host cannot tell.
pub fn is_up(read: impl Fn(u16) -> Option<u32>) -> bool {
    find(read).unwrap_or(false)
}

fn find(read: impl Fn(u16) -> Option<u32>) -> Option<bool> {
    let mut at = EXTENDED;
    for _ in 0..MOST {
        let header = read(at)?;
        if header == 0 || header == u32::MAX {
            return None;
        }
        if header & 0xffff == DVSEC {
            let vendor = read(at.checked_add(4)?)? & 0xffff;
            let word = read(at.checked_add(8)?)?;
            // The id is in the low half of the word whose bit 20 is the firewall.
            let id = word & 0xffff;
            if vendor == NVIDIA && id == 0 {
                return Some(word & FIREWALL_UP != 0);
            }
        }
        at = (header >> 20) as u16 & 0xffc;
        if at < EXTENDED {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(words: &[(u16, u32)]) -> impl Fn(u16) -> Option<u32> {
        move |at| words.iter().find(|w| w.0 == at).map(|w| w.1)
    }

    #[test]
    fn the_bit_is_found_behind_other_capabilities() {
        let up = [(0x100, 0x2001_0001), (0x200, 0x0001_0023), (0x204, 0x10de), (0x208, 0x0010_0000)];
        assert!(is_up(space(&up)));
        let down = [(0x100, 0x0001_0023), (0x104, 0x10de), (0x108, 0)];
        assert!(!is_up(space(&down)));
    }

    #[test]
    fn a_looping_chain_and_an_unreadable_space_are_not_a_firewall() {
        assert!(!is_up(space(&[(0x100, 0x1000_0001)])));
        assert!(!is_up(|_| None));
        assert!(!is_up(|_| Some(u32::MAX)));
    }
}
