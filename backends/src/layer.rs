//! The error of a decorator: its own, or the one of the bus below.

use core::fmt;

use nova_core::bus::{self, ErrorKind};

/// What a decorated bus reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LayerError<B, O> {
    /// The bus below.
    Bus(B),
    /// The decorator itself.
    Own(O),
}

impl<B: bus::Error, O: bus::Error> bus::Error for LayerError<B, O> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Bus(error) => error.kind(),
            Self::Own(error) => error.kind(),
        }
    }
}

impl<B: fmt::Display, O: fmt::Display> fmt::Display for LayerError<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(error) => error.fmt(f),
            Self::Own(error) => error.fmt(f),
        }
    }
}

impl<B, O> core::error::Error for LayerError<B, O>
where
    B: fmt::Debug + fmt::Display,
    O: fmt::Debug + fmt::Display,
{
}

#[cfg(test)]
mod tests {
    use nova_core::bus::Error as _;

    use super::*;

    #[test]
    fn the_kind_comes_from_whichever_layer_failed() {
        type E = LayerError<ErrorKind, ErrorKind>;
        assert_eq!(E::Bus(ErrorKind::Gone).kind(), ErrorKind::Gone);
        assert_eq!(E::Own(ErrorKind::Denied).kind(), ErrorKind::Denied);
    }
}
