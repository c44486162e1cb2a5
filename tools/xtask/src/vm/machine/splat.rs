//! What the guest's kernel says when something is wrong with it.

/// Starts of lines (after the time stamp) that a healthy kernel never prints.
const SIGNS: [&str; 14] = [
    "BUG:",
    "WARNING:",
    "Oops",
    "Kernel panic",
    "general protection fault",
    "Unable to handle",
    "INFO: task",
    "INFO: rcu",
    "rcu: INFO:",
    "watchdog: BUG:",
    "kernel BUG at",
    "UBSAN:",
    // What KASAN, lockdep, DMA-API and the like report begins with one of the first two, but for these.
    "INFO: trying to register non-static key",
    "ODEBUG:",
];

/// How the line ends, but for where to look, in which a scan for leaks tells that it has found some.
const LEAKS: &str = "new suspected memory leaks";

/// The lines of `log` that are such signs.
pub(super) fn find(log: &str) -> Vec<&str> {
    let is_sign = |line: &&str| {
        SIGNS.iter().any(|sign| line.starts_with(sign))
            || line.strip_prefix("kmemleak: ").is_some_and(|said| said.contains(LEAKS))
    };
    log.lines().map(without_stamp).filter(is_sign).collect()
}

/// The line without `[    1.234567] ` and what precedes it.
fn without_stamp(line: &str) -> &str {
    let line = line.trim();
    let stamped = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let is_time = |text: &str| text.trim().split('.').all(|part| part.parse::<u64>().is_ok());
    match stamped {
        Some((time, rest)) if is_time(time) => without_stamp(rest),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_behind_time_stamps() {
        let log = "\
[    0.512345] DMAR: IOMMU enabled
[    3.100000] WARNING: CPU: 0 PID: 1 at drivers/vfio/vfio_main.c:1 vfio_x+0x1/0x2
[    3.100000][    T1] text
BUG: kernel NULL pointer dereference, address: 0000000000000000
[    4.000001] Oops: Oops: 0002 [#1] SMP
[    5.000000] Kernel panic - not syncing: Attempted to kill init!
[    6.000000] nova: no BUG: here, and a WARNING: neither
";
        let found = find(log);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("WARNING: CPU"));
    }

    #[test]
    fn what_a_debug_kernel_reports_is_found() {
        let log = "\
[    1.0] BUG: KASAN: slab-out-of-bounds in init+0x1/0x2 [canary]
[    2.0] WARNING: possible circular locking dependency detected
[    3.0] BUG: sleeping function called from invalid context at kernel/time/sleep_timeout.c:1
[    4.0] BUG: scheduling while atomic: insmod/70/0x00000002
[    5.0] ODEBUG: free active (active state 0) object: 0000 object type: timer_list hint: 0x0
[    6.0] INFO: task rmmod:71 blocked for more than 60 seconds.
[    7.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [insmod:72]
[    8.0] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
[    9.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!
";
        assert_eq!(find(log).len(), 9);
        let boot = "[ 0.1] kmemleak: Kernel memory leak detector initialized (mem pool available: 1)\n\
                    [ 0.2] DMA-API: preallocated 65536 debug entries\n\
                    [ 0.3] DMA-API: debugging enabled by kernel config\n";
        assert!(find(boot).is_empty());
    }

    #[test]
    fn a_healthy_boot_has_none() {
        assert!(find("[    0.0] Linux version\n[    1.2] pci 0000:00:00.0: x\n").is_empty());
        assert!(find("").is_empty());
    }
}
