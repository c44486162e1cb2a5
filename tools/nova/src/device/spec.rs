//! Device specs: `sim:ga102`, `replay:FILE`, `pci:0000:01:00.0`, `vfio:0000:01:00.0`, `vfio-user:PATH`,
//! `dev:/dev/nova0`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use nova_core::chip::Chipset;
use nova_sim_glue::spec::{SimSpec, SpecError};
use nova_vfio_glue::sysfs::Address;

use crate::error::{Error, Result};

/// A device, as described on the command line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Spec {
    /// A simulated GPU.
    Sim(Box<Sim>),
    /// A recorded one.
    Replay(PathBuf),
    /// A real one, as sysfs shows it.
    Pci(Address),
    /// One that nova's kernel module drives.
    Dev(PathBuf),
    /// One of another process.
    VfioUser(PathBuf),
    /// A real one that is ours to drive.
    Vfio {
        /// Where it is.
        address: Address,
        /// Whether it may be driven without an IOMMU.
        no_iommu: bool,
    },
}

/// A simulated GPU, and how it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sim {
    /// What to simulate.
    pub(crate) spec: SimSpec,
    text: String,
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim(sim) => write!(f, "sim:{}", sim.text),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
            Self::Pci(address) => write!(f, "pci:{address}"),
            Self::Dev(path) => write!(f, "dev:{}", path.display()),
            Self::VfioUser(path) => write!(f, "vfio-user:{}", path.display()),
            Self::Vfio { address, no_iommu: false } => write!(f, "vfio:{address}"),
            Self::Vfio { address, no_iommu: true } => write!(f, "vfio:{address},{NO_IOMMU}"),
        }
    }
}

impl Spec {
    /// What to type when the device is gone.
    pub(crate) fn when_gone(&self) -> String {
        match self {
            Self::VfioUser(path) => {
                format!("nova sim serve --socket {}", quoted(&path.display().to_string()))
            }
            _ => "nova list".to_owned(),
        }
    }

    /// The spec as a shell takes it.
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.to_string())
    }
}

/// An argument as a shell takes it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:,./+%@".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "sim" => sim(rest),
            "replay" if rest.is_empty() => {
                Err(Error::usage("replay: names no file").next("nova -d replay:FILE info"))
            }
            "replay" => Ok(Self::Replay(rest.into())),
            "pci" => address(rest).map(Self::Pci),
            "dev" if rest.is_empty() => {
                Err(Error::usage("dev: names no file").next("nova -d dev:/dev/nova0 info"))
            }
            "dev" => Ok(Self::Dev(rest.into())),
            "vfio-user" if rest.is_empty() => Err(Error::usage("vfio-user: names no socket")
                .next("nova sim serve --socket PATH, and nova -d vfio-user:PATH info")),
            "vfio-user" => Ok(Self::VfioUser(rest.into())),
            "vfio" => vfio(rest),
            _ if Chipset::by_name(kind).is_some() => {
                Err(Error::usage(format!("{text:?} does not say what kind of device it is"))
                    .next(format!("nova -d sim:{text} info")))
            }
            _ => Err(Error::usage(format!(
                "{text:?} is no device; it starts with sim:, replay:, pci:, vfio:, vfio-user: or dev:"
            ))
            .next("nova list")),
        }
    }
}

/// The word behind an address that accepts a device without an IOMMU.
const NO_IOMMU: &str = "no-iommu";

/// A PCI address on the command line.
///
/// # Errors
///
/// When it is none.
pub(crate) fn address(text: &str) -> Result<Address> {
    text.parse::<Address>().map_err(|error| Error::usage(error.to_string()).next("nova list"))
}

fn vfio(text: &str) -> Result<Spec> {
    let (place, words) = text.split_once(',').map_or((text, None), |(place, words)| (place, Some(words)));
    let address = address(place)?;
    match words {
        None => Ok(Spec::Vfio { address, no_iommu: false }),
        Some(NO_IOMMU) => Ok(Spec::Vfio { address, no_iommu: true }),
        Some(other) => Err(Error::usage(format!("vfio: has no key {other:?}; there is only {NO_IOMMU}"))
            .next(format!("nova -d vfio:{address} info"))),
    }
}

fn sim(text: &str) -> Result<Spec> {
    let fail = |error: SpecError| {
        let near = match &error {
            SpecError::Chip { near, .. } => near.first().map(|chip| chip.to_ascii_lowercase()),
            _ => None,
        };
        let next = near.map_or_else(|| "nova list".to_owned(), |chip| format!("nova -d sim:{chip} info"));
        Error::usage(format!("sim:{text}: {error}")).next(next)
    };
    let spec = text.parse().map_err(fail)?;
    Ok(Spec::Sim(Box::new(Sim { spec, text: text.to_owned() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_and_print_the_same() {
        let all = [
            "sim:ga102",
            "sim:gb202,firewall",
            "replay:/tmp/a b.trace",
            "pci:0000:01:00.0",
            "vfio:0000:01:00.0",
            "vfio:0000:01:00.0,no-iommu",
            "vfio-user:/run/user/1000/gpu 0:a,b",
            "dev:/dev/nova0",
        ];
        for text in all {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!("pci:01:00.0".parse::<Spec>().unwrap().to_string(), "pci:0000:01:00.0");
    }

    #[test]
    fn a_misspelt_chip_is_met_with_the_nearest() {
        let message = |text: &str| text.parse::<Spec>().unwrap_err().to_string();
        assert!(message("sim:ga105").contains("did you mean"));
        assert!(message("sim:ga105").contains("nova -d sim:ga1"), "{}", message("sim:ga105"));
        assert!(message("sim:voodoo").ends_with("try: nova list"));
        assert!(message("ga102").contains("sim:ga102"));
        for bad in
            ["", "sim:", "replay:", "pci:", "usb:1", "vfio:", "vfio:01:00.0,iommu", "vfio-user:", "dev:"]
        {
            assert!(bad.parse::<Spec>().is_err(), "{bad}");
        }
    }
}
