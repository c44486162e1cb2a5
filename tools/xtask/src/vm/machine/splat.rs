//! What the guest's kernel says when something is wrong with it.

/// Starts of lines (after the time stamp) that a healthy kernel never prints.
const SIGNS: [&str; 12] = [
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
];

/// The lines of `log` that are such signs.
pub(super) fn find(log: &str) -> Vec<&str> {
    log.lines().map(without_stamp).filter(|line| SIGNS.iter().any(|sign| line.starts_with(sign))).collect()
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
    fn a_healthy_boot_has_none() {
        assert!(find("[    0.0] Linux version\n[    1.2] pci 0000:00:00.0: x\n").is_empty());
        assert!(find("").is_empty());
    }
}
