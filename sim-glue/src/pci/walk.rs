//! Reads config space as `lspci` does: follows both chains of capabilities, and finds fault with broken ones.

/// A capability that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Its offset.
    pub at: u16,
    /// Its id.
    pub id: u16,
    /// Its version; 0 in the first chain.
    pub version: u8,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It comes back to where it was.
    #[error(
        "the chain of capabilities comes back to {at:#x}; each may link forward to one not yet seen only"
    )]
    Loop {
        /// Where to.
        at: u16,
    },
    /// A link leads outside of what a chain may use.
    #[error(
        "the chain of capabilities leads to {at:#x}, outside its part of config space or not a multiple of four"
    )]
    Outside {
        /// Where to.
        at: u16,
    },
}

const STATUS: u16 = 0x06;
const HAS_CAPABILITIES: u32 = 1 << 4;
const FIRST: u16 = 0x34;

/// The first chain. `read` gives the 32 bits at a multiple of four.
///
/// # Errors
///
/// When the chain loops or leaves 0x40 to 0xFF.
pub fn capabilities(read: impl Fn(u16) -> u32) -> Result<Vec<Capability>, ChainError> {
    let byte = |at: u16| (read(at & !3) >> (at % 4 * 8)) as u8;
    if read(STATUS & !3) >> 16 & HAS_CAPABILITIES == 0 {
        return Ok(Vec::new());
    }
    let mut found: Vec<Capability> = Vec::new();
    let mut at = u16::from(byte(FIRST));
    while at != 0 {
        check(&found, at, 0x40..=0xfc)?;
        found.push(Capability { at, id: byte(at).into(), version: 0 });
        at = byte(at + 1).into();
    }
    Ok(found)
}

/// The chain of extended capabilities.
///
/// # Errors
///
/// When the chain loops or leaves 0x100 to 0xFFF.
pub fn extended(read: impl Fn(u16) -> u32) -> Result<Vec<Capability>, ChainError> {
    let mut found: Vec<Capability> = Vec::new();
    let mut at = 0x100;
    while at != 0 {
        check(&found, at, 0x100..=0xffc)?;
        let header = read(at);
        if header == 0 || header == u32::MAX {
            break;
        }
        found.push(Capability { at, id: header as u16, version: (header >> 16 & 0xf) as u8 });
        at = (header >> 20) as u16;
    }
    Ok(found)
}

fn check(found: &[Capability], at: u16, range: core::ops::RangeInclusive<u16>) -> Result<(), ChainError> {
    if !at.is_multiple_of(4) || !range.contains(&at) {
        return Err(ChainError::Outside { at });
    }
    if found.iter().any(|seen| seen.at == at) {
        return Err(ChainError::Loop { at });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_chains_end() {
        let looping = |at| match at {
            0x04 => HAS_CAPABILITIES << 16,
            0x34 => 0x40,
            0x40 => 0x5001,
            0x50 => 0x4005,
            0x100 => 0x1000_0001,
            _ => 0,
        };
        assert_eq!(capabilities(looping), Err(ChainError::Loop { at: 0x40 }));
        assert_eq!(extended(looping), Err(ChainError::Loop { at: 0x100 }));
        let outside = |at| match at {
            0x04 => HAS_CAPABILITIES << 16,
            0x34 => 0x41,
            0x100 => 0x0200_0001,
            _ => 0,
        };
        assert_eq!(capabilities(outside), Err(ChainError::Outside { at: 0x41 }));
        assert_eq!(extended(outside), Err(ChainError::Outside { at: 0x20 }));
        assert_eq!((capabilities(|_| 0), extended(|_| u32::MAX)), (Ok(vec![]), Ok(vec![])));
    }
}
