//! The guest's half of each case.

mod bench;
mod canary;
mod cli;
mod conform;
mod dma;
mod edu;
mod gpu;
mod interfaces;
mod kernel;
mod pair;
mod reset;
mod surprise;
mod timer;
mod unplug;

use anyhow::{Context, Result};

use crate::control::Control;

/// A case: prints what it has measured, fails with what is wrong.
type Run = fn() -> Result<()>;

/// Each case of [`nova_vm_tests::CASES`] by its name.
const RUNS: &[(&str, Run)] = &[
    ("boot", bench::boot),
    ("edu_sysfs", edu::sysfs),
    ("edu_vfio", edu::vfio),
    ("edu_intx", edu::intx),
    ("edu_msi", edu::msi),
    ("edu_dma", edu::dma),
    ("edu_rebind", edu::rebind),
    ("testdev", bench::testdev),
    ("unplug", unplug::edu),
    ("gpu_identity", gpu::identity),
    ("gpu_vfio", gpu::vfio),
    ("gpu_rebind", gpu::rebind),
    ("gpu_unplug", gpu::unplug),
    ("gpu_killed", gpu::killed),
    ("gpu_killed_held", surprise::killed_held),
    ("gpu_info_cli", cli::info),
    ("gpu_timer", timer::timer),
    ("gpu_dma", dma::dma),
    ("gpu_buses", conform::buses),
    ("gpu_pair", pair::pair),
    ("gpu_resets", reset::resets),
    ("gpu_request", surprise::request),
    ("gpu_surprise_wait", surprise::wait),
    ("gpu_surprise_irq", surprise::irq),
    ("gpu_surprise_remove", surprise::remove),
    ("kernel_probe", kernel::basic::probe),
    ("kernel_info_cli", kernel::cli::info),
    ("kernel_abi", kernel::abi::abi),
    ("kernel_timer", kernel::basic::timer),
    ("kernel_irq", kernel::basic::irq),
    ("kernel_buses", kernel::basic::buses),
    ("kernel_unbind", kernel::files::unbind),
    ("kernel_unplug", kernel::files::unplug),
    ("kernel_surprise_wait", kernel::gone::wait),
    ("kernel_surprise_irq", kernel::gone::irq),
    ("kernel_surprise_work", kernel::gone::work),
    ("kernel_surprise_remove", kernel::gone::remove),
    ("kernel_probe_faults", kernel::faults::accesses),
    ("kernel_failslab", kernel::faults::failslab),
    ("kernel_suspend", kernel::sleep::suspend),
    ("kernel_reset", kernel::sleep::reset),
    ("kernel_exit", kernel::exit::exit),
    ("kernel_rebind", kernel::rounds::rebind),
    ("kernel_reload", kernel::rounds::reload),
    ("kernel_figures", kernel::figures::figures),
    ("canary_atomic", canary::atomic),
    ("canary_lock_order", canary::lock_order),
    ("canary_timer", canary::timer),
    ("canary_leak", canary::leak),
    ("canary_bounds", canary::bounds),
    ("canary_freed", canary::freed),
    ("gpu_iommufd", interfaces::iommufd),
    ("gpu_noiommu", interfaces::no_iommu),
];

/// Runs the case `name`.
pub(crate) fn run(name: &str) -> Result<()> {
    let found = RUNS.iter().find(|(known, _)| *known == name);
    let (_, run) = found.with_context(|| format!("the guest has no case {name}"))?;
    run()
}

/// What the server of `chip` has counted as `name` among its `group`.
fn count(control: &mut Control, chip: &str, group: &str, name: &str) -> Result<u64> {
    let text = control.ask("ctl stats", chip)?;
    let stats: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("statistics '{text}'"))?;
    stats[group][name].as_u64().with_context(|| format!("no {group} {name} in '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_list_is_here_and_no_other() {
        let here: Vec<_> = RUNS.iter().map(|(name, _)| *name).collect();
        let listed: Vec<_> = nova_vm_tests::CASES.iter().map(|case| case.name).collect();
        assert_eq!(here, listed);
    }
}
