//! The devices that a machine can have, and the port that each is plugged into.

use std::path::{Path, PathBuf};

use nova_vm_tests::{CHIPS, Machine as Kind};
use serde_json::{Value, json};

/// The slot of the first port on the root bus; those before it are QEMU's own.
const FIRST_SLOT: usize = 4;

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Model {
    /// One of QEMU's own, by its driver's name.
    Own(&'static str),
    /// A program on this machine that listens on this socket.
    VfioUser(PathBuf),
}

/// One device of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// What cases and host steps call it.
    pub(super) name: &'static str,
    pub(super) model: Model,
    slot: usize,
}

/// The devices of a machine, each behind a root port of its own. A GPU that sits on the root bus itself would
/// show as conventional PCI.
/// Sockets are in the folder `sockets`.
pub(super) fn devices(kind: Kind, sockets: &Path) -> Vec<Device> {
    let models = match kind {
        Kind::Bench => vec![("edu0", Model::Own("edu")), ("test0", Model::Own("pci-testdev"))],
        Kind::Gpus | Kind::Kernel | Kind::Iommufd => {
            CHIPS.map(|chip| (chip, Model::VfioUser(sockets.join(chip)))).to_vec()
        }
        Kind::NoIommu => vec![(CHIPS[0], Model::VfioUser(sockets.join(CHIPS[0])))],
        Kind::Canary => vec![],
    };
    let device = |(index, (name, model))| Device { name, model, slot: FIRST_SLOT + index };
    models.into_iter().enumerate().map(device).collect()
}

impl Device {
    /// The port, as `-device` takes it.
    pub(super) fn port(&self) -> Value {
        let slot = self.slot;
        json!({
            "driver": "pcie-root-port", "id": self.port_id(), "bus": "pcie.0", "addr": format!("{slot:#x}.0"),
            "chassis": slot, "slot": slot,
        })
    }

    /// The port's PCI address in the guest.
    pub(super) fn port_address(&self) -> String {
        format!("0000:00:{:02x}.0", self.slot)
    }

    /// The device, as `-device` and `device_add` take it.
    pub(super) fn properties(&self) -> Value {
        let mut properties = match &self.model {
            Model::Own(driver) => json!({ "driver": driver }),
            Model::VfioUser(socket) => json!({
                "driver": "vfio-user-pci",
                "socket": { "type": "unix", "path": socket },
                // How long a read waits for a server that was killed; the default of 5 s is long for a test.
                "x-msg-timeout": 500,
            }),
        };
        properties["id"] = self.name.into();
        properties["bus"] = self.port_id().into();
        properties
    }

    fn port_id(&self) -> String {
        format!("port-{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_a_port_of_its_own() {
        for kind in [Kind::Bench, Kind::Gpus, Kind::Kernel, Kind::NoIommu] {
            let devices = devices(kind, Path::new("/run"));
            let mut addresses: Vec<_> = devices.iter().map(Device::port_address).collect();
            assert_eq!(addresses[0], "0000:00:04.0");
            addresses.dedup();
            assert_eq!(addresses.len(), devices.len());
            for device in &devices {
                assert_eq!(device.port()["id"], device.properties()["bus"]);
            }
        }
    }

    #[test]
    fn a_program_is_attached_by_its_socket() {
        let device = Device { name: "gpu0", model: Model::VfioUser("/run/x".into()), slot: 4 };
        let socket = &device.properties()["socket"];
        assert_eq!(*socket, serde_json::json!({ "type": "unix", "path": "/run/x" }));
    }
}
