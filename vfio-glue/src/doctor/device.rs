//! What has to be right for one device.

use std::fs;
use std::path::{Path, PathBuf};

use super::system::is_ours;
use super::{Finding, Places, Severity, Subject};
use crate::bind::{VFIO_PCI, group};
use crate::sysfs::Address;

pub(super) fn examine(places: &Places, address: Address) -> Vec<Finding> {
    let folder = places.sysfs.path().join("bus/pci/devices").join(address.to_string());
    if !folder.is_dir() {
        return vec![Finding {
            severity: Severity::Problem,
            subject: Subject::Device,
            what: format!("there is no PCI function {address}"),
            why: "there is nothing to drive",
            fix: Some("nova list".to_owned()),
        }];
    }
    let mut findings = Vec::new();
    findings.extend(driver(&folder, address));
    findings.extend(console(&folder, address));
    findings.extend(power(&folder, address));
    findings.extend(others(places, address));
    findings.extend(files(places, &folder));
    findings
}

/// The last part of what a symbolic link points to.
fn link(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

fn is_vfio(driver: &str) -> bool {
    driver.ends_with(VFIO_PCI)
}

fn driver(folder: &Path, address: Address) -> Option<Finding> {
    let driver = link(&folder.join("driver"));
    if driver.as_deref().is_some_and(is_vfio) {
        return None;
    }
    let has = driver.map_or_else(|| "has no driver".to_owned(), |driver| format!("is bound to {driver}"));
    Some(Finding {
        severity: Severity::Problem,
        subject: Subject::Driver,
        what: format!("{address} {has}"),
        why: "a process can drive it only while it is bound to vfio-pci",
        fix: Some(format!("sudo nova bind {address}")),
    })
}

fn console(folder: &Path, address: Address) -> Option<Finding> {
    let boot = fs::read_to_string(folder.join("boot_vga")).is_ok_and(|value| value.trim() == "1");
    let ours = link(&folder.join("driver")).as_deref().is_some_and(is_vfio);
    (boot && !ours).then(|| Finding {
        severity: Severity::Warning,
        subject: Subject::Console,
        what: format!("the console is on {address}"),
        why: "it goes dark when the GPU changes its driver; have another way in, such as ssh",
        fix: None,
    })
}

fn power(folder: &Path, address: Address) -> Option<Finding> {
    let state = fs::read_to_string(folder.join("power_state")).ok()?;
    let state = state.trim();
    (state == "D3cold").then(|| Finding {
        severity: Severity::Note,
        subject: Subject::Power,
        what: format!("{address} is in {state}"),
        why: "it takes a moment to wake up when it is opened",
        fix: Some(format!("echo on | sudo tee /sys/bus/pci/devices/{address}/power/control")),
    })
}

fn others(places: &Places, address: Address) -> Vec<Finding> {
    let others = group(&places.sysfs, address).into_iter().filter(|member| member.address != address);
    let finding = |member: crate::bind::Member| Finding {
        severity: Severity::Problem,
        subject: Subject::Group,
        what: format!(
            "{}, of the same IOMMU group, is bound to {}",
            member.address,
            member.driver.as_deref().unwrap_or("no driver"),
        ),
        why: "devices of one group reach each other's memory, so the kernel gives away all of them or none",
        fix: Some(format!("sudo nova bind {}", member.address)),
    };
    others.filter(|member| !member.is_viable()).map(finding).collect()
}

/// The files that are opened to drive the device.
fn files(places: &Places, folder: &Path) -> Vec<Finding> {
    if !link(&folder.join("driver")).as_deref().is_some_and(is_vfio) {
        // They come with vfio-pci.
        return Vec::new();
    }
    let mut findings = Vec::new();
    let made_up =
        fs::read_to_string(folder.join("iommu_group/name")).is_ok_and(|name| name.trim() == "vfio-noiommu");
    if made_up {
        findings.push(Finding {
            severity: Severity::Warning,
            subject: Subject::NoIommuMode,
            what: "no IOMMU is between the device and memory".to_owned(),
            why: "a driver's mistake lets it write to all memory, and it has no DMA memory here",
            fix: None,
        });
    }
    let Some(number) = link(&folder.join("iommu_group")) else { return findings };
    let name = if made_up { format!("noiommu-{number}") } else { number };
    let group_file = places.dev.join("vfio").join(name);
    let cdev = device_file(places, folder);
    if is_ours(&group_file) || cdev.as_deref().is_some_and(is_ours) {
        return findings;
    }
    let path = if group_file.exists() { group_file } else { cdev.unwrap_or(group_file) };
    let (what, fix) = if path.exists() {
        (format!("no permission for {}", path.display()), format!("sudo chown $(id -u) {}", path.display()))
    } else {
        (format!("{} is not there", path.display()), "sudo udevadm trigger --subsystem-match=vfio".to_owned())
    };
    let why = "it is the device, for processes";
    findings.push(Finding {
        severity: Severity::Problem,
        subject: Subject::GroupFile,
        what,
        why,
        fix: Some(fix),
    });
    findings
}

/// The device's own file, where the kernel has iommufd.
fn device_file(places: &Places, folder: &Path) -> Option<PathBuf> {
    let entry = fs::read_dir(folder.join("vfio-dev")).ok()?.flatten().next()?;
    Some(places.dev.join("vfio/devices").join(entry.file_name()))
}
