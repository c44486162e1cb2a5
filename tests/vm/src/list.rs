//! The list of cases.

use std::time::Duration;

/// The devices that a machine has when it boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Machine {
    /// QEMU's own test devices: `edu0` and `test0`, each behind a port of its own. Shows that the bench works.
    Bench,
    /// Simulated GPUs, one of each of [`CHIPS`] and named like it, each served by a program on the host.
    Gpus,
    /// The same GPUs under nova's own kernels, with the module in `/lib/modules/nova.ko`: not loaded, cases do that.
    Kernel,
    /// The same GPUs under nova's plain kernel, which has what a stock kernel leaves out of VFIO: iommufd.
    Iommufd,
    /// One GPU under the plain kernel without an IOMMU.
    NoIommu,
    /// No device, under the debug kernel, with `/lib/modules/canary.ko`.
    Canary,
}

impl Machine {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Gpus => "gpus",
            Self::Kernel => "kernel",
            Self::Iommufd => "iommufd",
            Self::NoIommu => "no-iommu",
            Self::Canary => "canary",
        }
    }

    /// Whether it needs a kernel of nova's own, so that it is a part of the kernel suite.
    pub fn needs_own_kernel(self) -> bool {
        !matches!(self, Self::Bench | Self::Gpus)
    }

    /// Whether its cases run with the kernel of that name, `plain` or `debug`.
    fn runs_on(self, flavour: &str) -> bool {
        match self {
            Self::Bench | Self::Gpus => false,
            Self::Kernel => true,
            Self::Iommufd | Self::NoIommu => flavour == "plain",
            Self::Canary => flavour == "debug",
        }
    }
}

/// One chip of every family.
pub const CHIPS: [&str; 7] = ["tu102", "ga100", "ga102", "ad102", "gh100", "gb100", "gb202"];

/// One case of the guest suite.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, as `--only` takes it.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Where it runs.
    pub machine: Machine,
    /// How long it may take, in seconds, under plain emulation.
    pub seconds: u64,
    /// What the kernel must report meanwhile; every other report fails the case.
    pub report: Option<&'static str>,
    /// What the kernel may report meanwhile, because it is a flaw of its own.
    pub excused: &'static [&'static str],
    /// Of our own kernels, the only one that has what the case needs.
    pub only: Option<&'static str>,
}

impl Case {
    /// How long it may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether it runs with the kernel of that name, `plain` or `debug`.
    pub fn runs_on(&self, flavour: &str) -> bool {
        self.machine.runs_on(flavour) && self.only.is_none_or(|only| only == flavour)
    }

    /// The case of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }
}

const fn on(machine: Machine, name: &'static str, seconds: u64, about: &'static str) -> Case {
    Case { name, about, machine, seconds, report: None, excused: &[], only: None }
}

const fn bench(name: &'static str, seconds: u64, about: &'static str) -> Case {
    on(Machine::Bench, name, seconds, about)
}

const fn gpus(name: &'static str, seconds: u64, about: &'static str) -> Case {
    on(Machine::Gpus, name, seconds, about)
}

/// A case of nova's module, on both kernels. The debug kernel takes ten times as long as the plain one.
const fn kernel(name: &'static str, seconds: u64, about: &'static str) -> Case {
    on(Machine::Kernel, name, seconds, about)
}

/// The same on the debug kernel alone, which has what the case needs.
const fn debug(name: &'static str, seconds: u64, about: &'static str) -> Case {
    Case { only: Some("debug"), ..kernel(name, seconds, about) }
}

const fn plain(machine: Machine, name: &'static str, seconds: u64, about: &'static str) -> Case {
    Case { only: Some("plain"), ..on(machine, name, seconds, about) }
}

/// A mistake in the canary, which the debug kernel must report.
const fn canary(name: &'static str, report: &'static str, about: &'static str) -> Case {
    Case { report: Some(report), ..on(Machine::Canary, name, 120, about) }
}

/// Every case, in the order in which they run.
pub const CASES: &[Case] = &[
    bench("boot", 20, "an untainted kernel with an IOMMU and VFIO"),
    bench("edu_sysfs", 20, "the device in sysfs: identity, class, BAR"),
    bench("edu_vfio", 40, "vfio-pci by driver_override, BAR0 through a type1 group"),
    bench("edu_intx", 40, "level interrupts through an eventfd, masked and unmasked"),
    bench("edu_msi", 40, "message interrupts through an eventfd, none lost"),
    bench("edu_dma", 40, "DMA map, device reads and writes, unmap, fault after unmap"),
    bench("edu_rebind", 90, "rounds of bind and unbind, each with the device opened"),
    bench("testdev", 20, "a second device at the same time"),
    bench("unplug", 90, "orderly unplug of a held device: request eventfd, close, gone; plugged in again"),
    gpus(
        "gpu_identity",
        60,
        "a GPU of every family at once: nova through sysfs says what it says of its simulator",
    ),
    gpus("gpu_vfio", 60, "all of them held through VFIO at once: identity, clock, speed of a read"),
    gpus(
        "gpu_rebind",
        600,
        "1000 rounds of bind and unbind on all of them at once, each with the GPU opened by our code",
    ),
    gpus(
        "gpu_unplug",
        90,
        "orderly unplug of a held GPU while it is read from: request eventfd, close, gone, back",
    ),
    gpus(
        "gpu_killed",
        60,
        "its server killed: nova says that it is gone; unplugged, served anew, plugged in",
    ),
    gpus(
        "gpu_killed_held",
        400,
        "the same while nova waits, handles an interrupt, removes: each ends, the kernel gives up resetting, back",
    ),
    gpus(
        "gpu_info_cli",
        90,
        "`nova -d vfio:ADDRESS` prints what `nova -d sim:CHIP` prints: info, timer --alarm",
    ),
    gpus(
        "gpu_timer",
        120,
        "nova's driver: time, waits, alarms by MSI, alarms that are late or pass while they are set",
    ),
    gpus(
        "gpu_dma",
        90,
        "nova's driver: memory mapped, read and written by the GPU, unmapped, a fault after that",
    ),
    gpus(
        "gpu_buses",
        60,
        "the suite that every bus passes, and identification, on BAR0 of a GPU of every family",
    ),
    gpus(
        "gpu_pair",
        90,
        "nova on two GPUs of different families at once; one goes on while the other is removed",
    ),
    gpus(
        "gpu_resets",
        240,
        "every reset that the kernel knows, through VFIO and sysfs: registers as new, nova binds",
    ),
    gpus(
        "gpu_request",
        120,
        "orderly unplug while nova's work runs and an alarm waits: asked, removed, closed, gone, back",
    ),
    gpus(
        "gpu_surprise_wait",
        120,
        "a GPU falls off the bus while nova waits: every wait says so, remove ends, back",
    ),
    gpus("gpu_surprise_irq", 120, "the same in the middle of a storm of interrupts, with a handler inside"),
    gpus("gpu_surprise_remove", 120, "the same in the middle of remove"),
    kernel(
        "kernel_probe",
        300,
        "nova.ko is loaded, bound to a GPU of every family, unloaded; nothing is left",
    ),
    kernel(
        "kernel_info_cli",
        600,
        "`nova -d dev:/dev/novaN` prints what `nova -d sim:CHIP` prints, and refuses what it cannot do",
    ),
    kernel(
        "kernel_abi",
        300,
        "the calls on /dev/novaN as nova.h has them: sizes, flags, errors, permissions, signals, poll",
    ),
    kernel("kernel_timer", 600, "time, alarms by interrupt, alarms in the past, all alarms at once"),
    kernel("kernel_irq", 300, "interrupts are waited for and counted, none is lost, a storm is survived"),
    kernel(
        "kernel_buses",
        300,
        "the suite that every bus passes through /dev/novaN: what may be read, all of it in a module for tests; identification",
    ),
    kernel(
        "kernel_unbind",
        600,
        "unbind while files are open and calls wait: all end with ENODEV, for ever; bound again",
    ),
    // Not on the debug kernel: pciehp's own locks make lockdep report an order there, and end (docs/vm.md).
    plain(Machine::Kernel, "kernel_unplug", 600, "orderly unplug in the same state, and back"),
    kernel("kernel_surprise_wait", 600, "a GPU falls off the bus while calls wait and others go on"),
    kernel("kernel_surprise_irq", 600, "the same in a storm of interrupts"),
    kernel(
        "kernel_surprise_work",
        600,
        "the same while work queues itself again and a timer sets itself again",
    ),
    kernel("kernel_surprise_remove", 600, "the same in the middle of unbind"),
    kernel(
        "kernel_probe_faults",
        2400,
        "probe with its first, second and so on access failing: it fails in good order or copes",
    ),
    Case {
        // register_irq_proc() does not look whether it could make its files in /proc, and free_desc() warns of each that is not there.
        excused: &["at remove_proc_entry+"],
        ..debug("kernel_failslab", 2400, "the same with its first, second and so on allocation failing")
    },
    kernel("kernel_suspend", 1200, "suspend and resume under open files, alarms and work"),
    kernel(
        "kernel_reset",
        600,
        "reset in sysfs under open files, work and waits: the driver has it work again",
    ),
    kernel(
        "kernel_exit",
        1200,
        "rmmod while work and timer set themselves again, interrupts storm and a call blocks",
    ),
    kernel("kernel_rebind", 3600, "rounds of unbind and bind under four stress processes; nothing is left"),
    kernel("kernel_reload", 3600, "rounds of insmod and rmmod under four stress processes; nothing is left"),
    plain(
        Machine::Kernel,
        "kernel_figures",
        300,
        "unbinding beside a driver that holds its resources in Devres, an entry beside SRCU: figures, not limits",
    ),
    // Reports of KASAN end lockdep, and so do its own of an order: in this order each mistake still finds its reporter.
    canary(
        "canary_atomic",
        "BUG: sleeping function called from invalid context",
        "memory asked for under a spin lock is reported",
    ),
    canary(
        "canary_lock_order",
        "WARNING: possible circular locking dependency detected",
        "two locks in both orders are reported",
    ),
    canary("canary_timer", "ODEBUG: free active", "an armed timer that is freed is reported"),
    canary(
        "canary_leak",
        "new suspected memory leaks",
        "objects that nothing points to are reported by a scan",
    ),
    canary(
        "canary_bounds",
        "BUG: KASAN: slab-out-of-bounds in",
        "a read past an object in Rust code is reported",
    ),
    canary(
        "canary_freed",
        "BUG: KASAN: slab-use-after-free in",
        "a read of a freed object in Rust code is reported",
    ),
    plain(
        Machine::Iommufd,
        "gpu_iommufd",
        120,
        "nova through iommufd and the device's own node, on a kernel that has them",
    ),
    plain(
        Machine::NoIommu,
        "gpu_noiommu",
        120,
        "without an IOMMU: refused by every interface, with consent registers and no memory",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for case in CASES {
            assert_eq!(CASES.iter().filter(|other| other.name == case.name).count(), 1, "{}", case.name);
            assert!(Case::find(case.name).is_some_and(|found| found.about == case.about));
        }
        assert!(Case::find("no such case").is_none());
    }

    #[test]
    fn a_case_runs_where_there_is_what_it_needs() {
        let on = |name| ["plain", "debug"].map(|flavour| Case::find(name).unwrap().runs_on(flavour));
        assert_eq!(on("kernel_probe"), [true, true]);
        assert_eq!(on("kernel_failslab"), [false, true]);
        assert_eq!(on("canary_freed"), [false, true]);
        assert_eq!(on("gpu_iommufd"), [true, false]);
        assert_eq!(on("boot"), [false, false]);
    }
}
