//! What was found.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works, at a risk or a cost.
    Warning,
    /// It does not work.
    Problem,
}

/// What a finding is about, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// There is no IOMMU, or it is off.
    Iommu,
    /// VFIO is allowed without an IOMMU.
    NoIommuMode,
    /// vfio-pci is not loaded.
    Module,
    /// The container's file, or iommufd's.
    Container,
    /// The limit on locked memory.
    Memlock,
    /// There is no such device.
    Device,
    /// The driver of the device.
    Driver,
    /// Another function of the IOMMU group.
    Group,
    /// The file of the group or of the device.
    GroupFile,
    /// The console is on this GPU.
    Console,
    /// The power state.
    Power,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What is the case.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// The command that changes it, to be given to a shell as it is; `None` where no command can.
    pub fix: Option<String>,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// `problem: WHAT: WHY; FIX`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.severity, self.what, self.why)?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, "; `{fix}`"))
    }
}
