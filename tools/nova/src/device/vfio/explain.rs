//! What goes wrong with such a device, and what to type next.

use std::path::Path;

use nova_vfio_glue::device::{Error as DeviceError, Kind};
use rustix::io::Errno;

use crate::device::Spec;
use crate::error::{Code, Error};

/// An error of a device that was asked for as `spec`.
pub(super) fn explain(error: &DeviceError, spec: &Spec) -> Error {
    match (spec, error) {
        (Spec::VfioUser(path), DeviceError::Open { errno, .. }) => {
            let why = match *errno {
                Errno::NOENT => "there is no such socket".to_owned(),
                Errno::CONNREFUSED => "nobody listens there".to_owned(),
                Errno::AGAIN => "whoever listens there takes no connection".to_owned(),
                other => other.to_string(),
            };
            let code = match *errno {
                Errno::NOENT | Errno::CONNREFUSED | Errno::NOTDIR => Code::NoDevice,
                Errno::NAMETOOLONG => Code::Usage,
                other => code(kind_of(other)),
            };
            let next = match code {
                Code::Permission => format!("ls -l {}", path.display()),
                Code::Usage => "a path of less than 108 bytes".to_owned(),
                _ => format!("nova sim serve --socket {}", path.display()),
            };
            Error::new(code, format!("cannot connect to {}: {why}", path.display())).next(next)
        }
        (Spec::VfioUser(path), DeviceError::Refused { errno: Errno::BUSY, .. }) => {
            let what = format!("the device at {} is in use by another client", path.display());
            Error::new(Code::Refused, what)
                .next(format!("nova sim ctl --socket {} disconnect", path.display()))
        }
        (Spec::VfioUser(path), _) if is_control(path) => {
            let show = path.display();
            Error::usage(format!("{show} is a control socket, not that of the device"))
                .next(format!("nova -d vfio-user:{} info", path.with_extension("").display()))
        }
        (Spec::Vfio { .. }, DeviceError::NoFunction { .. }) => {
            Error::new(Code::NoDevice, error.to_string()).next("nova list")
        }
        (Spec::Vfio { address, .. }, DeviceError::NoIommu { .. }) => {
            Error::new(Code::Refused, error.to_string()).next(format!("nova -d vfio:{address},no-iommu info"))
        }
        (Spec::Vfio { address, .. }, DeviceError::NotBound { .. }) => {
            Error::new(Code::Refused, error.to_string()).next(format!("sudo nova bind {address}"))
        }
        (Spec::Vfio { address, .. }, _) => {
            let code = if matches!(error, DeviceError::NotViable { .. }) {
                Code::Refused
            } else {
                code(error.kind())
            };
            Error::new(code, error.to_string()).next(format!("nova doctor {address}"))
        }
        (_, DeviceError::Gone { what }) => {
            Error::new(Code::NoDevice, format!("{what}: the device is gone")).next(spec.when_gone())
        }
        _ => Error::new(code(error.kind()), error.to_string()).next(spec.when_gone()),
    }
}

/// Whether it is a control socket as `nova sim serve` names it: beside the device's.
fn is_control(path: &Path) -> bool {
    path.extension().is_some_and(|last| last == "ctl") && path.with_extension("").exists()
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::Gone => Code::NoDevice,
        Kind::Timeout => Code::Timeout,
        Kind::Denied => Code::Permission,
        Kind::Protocol => Code::Hardware,
        _ => Code::Refused,
    }
}

fn kind_of(errno: Errno) -> Kind {
    DeviceError::System { what: "", errno }.kind()
}
