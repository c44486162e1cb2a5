//! What has to be right for every device.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Finding, Places, Severity, Subject};

/// What a driver locks at least: its queues and firmware.
const LOCKED: u64 = 64 << 20;

pub(super) fn examine(places: &Places) -> Vec<Finding> {
    let findings = [iommu(places), no_iommu_mode(places), module(places), container(places), memlock(places)];
    findings.into_iter().flatten().collect()
}

/// There is nothing to drive.
pub(super) fn no_gpu(places: &Places) -> Option<Finding> {
    let none = places.sysfs.list().is_ok_and(|found| found.is_empty());
    none.then(|| Finding {
        severity: Severity::Problem,
        subject: Subject::Device,
        what: "there is no GPU of NVIDIA in this machine".to_owned(),
        why: "there is nothing to drive, whatever else is right; a simulated one needs none of this",
        fix: None,
    })
}

/// Whether VFIO may be used without an IOMMU.
fn unsafe_mode(places: &Places) -> bool {
    let path = places.sysfs.path().join("module/vfio/parameters/enable_unsafe_noiommu_mode");
    fs::read_to_string(path).is_ok_and(|value| matches!(value.trim(), "Y" | "1"))
}

fn iommu(places: &Places) -> Option<Finding> {
    let groups = fs::read_dir(places.sysfs.path().join("kernel/iommu_groups"));
    if groups.is_ok_and(|mut groups| groups.next().is_some()) {
        return None;
    }
    // AMD's is on whenever the firmware has it on.
    let intel = fs::read_to_string(&places.cpuinfo).is_ok_and(|text| text.contains("GenuineIntel"));
    let fix = intel.then(|| {
        r#"sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&intel_iommu=on /' /etc/default/grub && sudo update-grub && sudo reboot"#
            .to_owned()
    });
    Some(Finding {
        severity: if unsafe_mode(places) { Severity::Warning } else { Severity::Problem },
        subject: Subject::Iommu,
        what: "there is no IOMMU, or it is off (the firmware's setup calls it VT-d or AMD-Vi)".to_owned(),
        why: "VFIO gives a device to a process only if an IOMMU keeps it from all other memory",
        fix,
    })
}

fn no_iommu_mode(places: &Places) -> Option<Finding> {
    unsafe_mode(places).then(|| Finding {
        severity: Severity::Warning,
        subject: Subject::NoIommuMode,
        what: "VFIO may be used without an IOMMU".to_owned(),
        why: "a driver's mistake then lets a device write to all memory",
        fix: Some("echo N | sudo tee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode".to_owned()),
    })
}

fn module(places: &Places) -> Option<Finding> {
    let there = places.sysfs.path().join("bus/pci/drivers/vfio-pci").is_dir();
    (!there).then(|| Finding {
        severity: Severity::Problem,
        subject: Subject::Module,
        what: "the driver vfio-pci is not loaded".to_owned(),
        why: "it is what hands devices to processes",
        fix: Some("sudo modprobe vfio-pci".to_owned()),
    })
}

fn container(places: &Places) -> Option<Finding> {
    let (container, iommufd) = (places.dev.join("vfio/vfio"), places.dev.join("iommu"));
    if !container.exists() && !iommufd.exists() {
        return Some(Finding {
            severity: Severity::Problem,
            subject: Subject::Container,
            what: format!("neither {} nor {} is there", container.display(), iommufd.display()),
            why: "one of them holds the memory that a device may reach",
            fix: Some("sudo modprobe -a vfio vfio_iommu_type1".to_owned()),
        });
    }
    let usable = |path: &Path| path.exists() && is_ours(path);
    (!usable(&container) && !usable(&iommufd)).then(|| {
        let path = if container.exists() { container } else { iommufd };
        Finding {
            severity: Severity::Problem,
            subject: Subject::Container,
            what: format!("no permission for {}", path.display()),
            why: "it holds the memory that a device may reach",
            fix: Some(format!("sudo chmod 666 {}", path.display())),
        }
    })
}

fn memlock(places: &Places) -> Option<Finding> {
    let limit = places.memlock.filter(|limit| *limit < LOCKED && !places.root)?;
    Some(Finding {
        severity: Severity::Warning,
        subject: Subject::Memlock,
        what: format!("this process may lock {} KiB of memory", limit >> 10),
        why: "memory that a device reaches is locked, and a driver needs some 64 MiB of it",
        fix: Some("sudo prlimit --pid $$ --memlock=unlimited".to_owned()),
    })
}

/// Whether this process may read and write a file.
pub(super) fn is_ours(path: &Path) -> bool {
    access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}
