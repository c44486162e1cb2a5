//! Kernel modules with what they depend on, from `modules.dep`.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// The kernel's own list of modules and what each needs.
#[derive(Debug)]
pub(super) struct Modules<'t> {
    /// By module name: the file, and the files it needs.
    by_name: HashMap<String, (&'t str, Vec<&'t str>)>,
    /// Names of what is part of the kernel image.
    builtin: Vec<String>,
}

impl<'t> Modules<'t> {
    /// Reads the texts of `modules.dep` and `modules.builtin`.
    pub(super) fn parse(dep: &'t str, builtin: &str) -> Self {
        let line = |line: &'t str| {
            let (file, needs) = line.split_once(':')?;
            Some((name(file), (file, needs.split_whitespace().collect())))
        };
        Self { by_name: dep.lines().filter_map(line).collect(), builtin: builtin.lines().map(name).collect() }
    }

    /// The files to load for `wanted`, in order: what a module needs comes before it.
    pub(super) fn resolve(&self, wanted: &[&str]) -> Result<Vec<&'t str>> {
        let mut files: Vec<&str> = Vec::new();
        for wanted in wanted {
            let normal = wanted.replace('-', "_");
            if self.builtin.contains(&normal) {
                continue;
            }
            let (file, needs) =
                self.by_name.get(&normal).with_context(|| format!("the kernel has no module {wanted}"))?;
            // depmod lists what a module needs directly first, and what those need after it.
            for next in needs.iter().rev().chain([file]) {
                if !files.contains(next) {
                    files.push(next);
                }
            }
        }
        Ok(files)
    }
}

/// `vfio_pci` of `kernel/drivers/vfio/pci/vfio-pci.ko.xz`.
fn name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split(".ko").next().unwrap_or(base).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "\
kernel/v/vfio.ko.xz:
kernel/v/irqbypass.ko.xz:
kernel/v/vfio_iommu_type1.ko.xz: kernel/v/vfio.ko.xz
kernel/v/pci/vfio-pci-core.ko.xz: kernel/v/vfio.ko.xz kernel/v/irqbypass.ko.xz
kernel/v/pci/vfio-pci.ko.xz: kernel/v/pci/vfio-pci-core.ko.xz kernel/v/vfio.ko.xz kernel/v/irqbypass.ko.xz
";

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let modules = Modules::parse(DEP, "kernel/drivers/pci/hotplug/pciehp.ko\n");
        let files = modules.resolve(&["vfio_iommu_type1", "vfio-pci", "pciehp"]).unwrap();
        assert_eq!(
            files,
            [
                "kernel/v/vfio.ko.xz",
                "kernel/v/vfio_iommu_type1.ko.xz",
                "kernel/v/irqbypass.ko.xz",
                "kernel/v/pci/vfio-pci-core.ko.xz",
                "kernel/v/pci/vfio-pci.ko.xz"
            ]
        );
        assert_eq!(modules.resolve(&["nvme"]).unwrap_err().to_string(), "the kernel has no module nvme");
    }
}
