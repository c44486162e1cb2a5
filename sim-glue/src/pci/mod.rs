//! A GPU as a PCI Express function: config space, windows, ROM, interrupts by message and by wire, resets.
//!
//! [`PciFunction`] is pure: no socket, no clock, no lock. Everything comes from the chip's [`Identity`] and
//! [`PciOptions`]; which capabilities a chip has, and how sure that is, stands in `layout`. Sources: PCI Express Base
//! Specification 5 for the registers, hardware facts of nova for NVIDIA's choice of them.

mod bars;
mod function;
mod header;
mod layout;
mod rom;
mod space;
pub mod walk;

pub use bars::{Bar, BarKind};
pub use function::{Live, Message, MessageKind, PciFunction, ResetKind};
pub use space::{CONFIG_SIZE, ConfigRangeError};

use crate::gpu::Identity;
use nova_core::chip::Family;

/// PCI class code of a GPU with a display output.
const CLASS_VGA: u32 = 0x030000;

/// Speed and width of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// PCI Express generation, 1 to what the chip can.
    pub generation: u8,
    /// Lanes: 1, 2, 4, 8 or 16.
    pub width: u8,
}

impl Link {
    /// Lanes of the chips' own connectors.
    pub const WIDEST: u8 = 16;
}

/// What a board or its slot decides, and not the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PciOptions {
    /// Size of BAR1, the window to video memory, in bytes: a power of two from 1 MiB to 1 TiB. 256 MiB by default.
    pub bar1_size: u64,
    /// Whether going from D3hot to D0 leaves the function as it was. False by default, so that this reset exists.
    pub no_soft_reset: bool,
    /// The link as it was trained; `None`, the default, is the best the chip can.
    pub link: Option<Link>,
    /// Whether the function has no interrupt pin, as virtual functions have none: it interrupts by messages only. False by
    /// default.
    pub no_pin: bool,
}

impl Default for PciOptions {
    fn default() -> Self {
        Self { bar1_size: 256 << 20, no_soft_reset: false, link: None, no_pin: false }
    }
}

/// A board that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PciOptionsError {
    /// The size of BAR1.
    #[error("BAR1 cannot have {0} bytes; a window's size is a power of two, here from 1 MiB to 1 TiB")]
    Bar1(u64),
    /// The link.
    #[error(
        "the link cannot be generation {} x{}; this chip has generations 1 to {fastest} and x1, x2, x4, x8 or x16",
        link.generation, link.width
    )]
    Link {
        /// As asked for.
        link: Link,
        /// The chip's fastest generation.
        fastest: u8,
    },
}

impl PciOptions {
    fn check(&self, fastest: u8) -> Result<(), PciOptionsError> {
        if !self.bar1_size.is_power_of_two() || !(1 << 20..=1 << 40).contains(&self.bar1_size) {
            return Err(PciOptionsError::Bar1(self.bar1_size));
        }
        let fits = |link: &Link| {
            (1..=fastest).contains(&link.generation)
                && link.width.is_power_of_two()
                && link.width <= Link::WIDEST
        };
        match self.link.filter(|link| !fits(link)) {
            Some(link) => Err(PciOptionsError::Link { link, fastest }),
            None => Ok(()),
        }
    }
}

impl PciFunction {
    /// The function of a chip, at reset.
    ///
    /// # Errors
    ///
    /// When no board can be as `options` say.
    pub fn new(identity: &Identity, family: Family, options: &PciOptions) -> Result<Self, PciOptionsError> {
        let layout = layout::Layout::of(family, identity.class);
        options.check(layout.generation)?;
        let mut space = space::ConfigSpace::new();
        header::build(&mut space, identity, !options.no_pin);
        let bars = Bar::of(identity, options);
        for bar in &bars {
            bar.build(&mut space);
        }
        bars::build_rom(&mut space);
        layout.build(&mut space, identity, options);
        Ok(Self::from_parts(space, layout, bars, rom::Rom::of(identity)))
    }
}
