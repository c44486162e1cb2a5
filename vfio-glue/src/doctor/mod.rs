//! What keeps a GPU from being driven from userspace, and the command that changes it.
//!
//! [`examine`] looks at the system, and at one device if it is told which. Nothing is changed.

mod device;
mod finding;
mod system;

pub use finding::{Finding, Severity, Subject};

use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};

use crate::sysfs::{Address, Root};

/// Where to look.
#[derive(Debug, Clone)]
pub struct Places {
    /// The sysfs tree.
    pub sysfs: Root,
    /// The folder of device files.
    pub dev: PathBuf,
    /// The file that describes the processors.
    pub cpuinfo: PathBuf,
    /// Bytes this process may keep from being swapped out; `None` if there is no limit. Memory for a device counts.
    pub memlock: Option<u64>,
    /// Whether this process has every permission, and no limit on locked memory.
    pub root: bool,
}

impl Default for Places {
    /// The system as it is, for this process.
    fn default() -> Self {
        Self {
            sysfs: Root::from_env(),
            dev: PathBuf::from("/dev"),
            cpuinfo: PathBuf::from("/proc/cpuinfo"),
            memlock: getrlimit(Resource::Memlock).current,
            root: rustix::process::geteuid().is_root(),
        }
    }
}

/// Everything there is to say, worst first. Nothing at all means that all is well.
pub fn examine(places: &Places, device: Option<Address>) -> Vec<Finding> {
    // First, as nothing else matters then: the sort keeps the order of what is equally bad.
    let mut findings: Vec<_> = system::no_gpu(places).filter(|_| device.is_none()).into_iter().collect();
    findings.extend(system::examine(places));
    if let Some(address) = device {
        findings.extend(device::examine(places, address));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Whether nothing keeps a device from being driven.
pub fn is_ready(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity < Severity::Problem)
}
