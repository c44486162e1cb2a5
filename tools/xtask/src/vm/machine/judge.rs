//! What the kernel's own reports make of a case.

use nova_vm_tests::{Case, Outcome};

/// Fails the case if the kernel reported something, or did not report what it had to.
pub(super) fn judge(case: &Case, outcome: &mut Outcome, splats: &[String]) {
    let is_excused = |splat: &&String| case.excused.iter().any(|flaw| splat.contains(flaw));
    let splats: Vec<_> = splats.iter().filter(|splat| !is_excused(splat)).map(String::as_str).collect();
    let trouble = match case.report {
        None if splats.is_empty() => return,
        None => format!("the guest's kernel said: {}", splats.join("; ")),
        Some(wanted) => {
            if let Some(found) = splats.iter().find(|splat| splat.contains(wanted)) {
                outcome.detail = [found, outcome.detail.as_str()].join(" ");
                return;
            }
            format!("the guest's kernel did not report '{wanted}', but: {}", splats.join("; "))
        }
    };
    outcome.passed = false;
    outcome.failure = format!("{trouble}; {}", outcome.failure);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAW: &str = "WARNING: fs/proc/generic.c:742 at remove_proc_entry+0x1d8/0x290, CPU#0: exe/358";
    const KASAN: &str = "BUG: KASAN: slab-use-after-free in on_work+0x1/0x2 [nova]";

    /// Whether a case that has passed by itself still does after these reports, and what it failed for.
    fn judged(name: &str, splats: &[&str]) -> (bool, String) {
        let mut outcome =
            Outcome { passed: true, millis: 1, detail: "seen".to_owned(), failure: String::new() };
        let splats: Vec<_> = splats.iter().map(|splat| (*splat).to_owned()).collect();
        judge(Case::find(name).unwrap(), &mut outcome, &splats);
        (outcome.passed, outcome.failure)
    }

    #[test]
    fn a_report_fails_a_case() {
        assert!(judged("kernel_exit", &[]).0);
        let (passed, failure) = judged("kernel_exit", &[KASAN]);
        assert!(!passed && failure.contains(KASAN), "{failure}");
        assert!(!judged("kernel_exit", &[FLAW]).0, "excused elsewhere only");
    }

    #[test]
    fn a_flaw_of_the_kernels_excuses_no_other() {
        assert!(judged("kernel_failslab", &[FLAW, FLAW]).0);
        let (passed, failure) = judged("kernel_failslab", &[FLAW, KASAN]);
        assert!(!passed && failure.contains(KASAN) && !failure.contains(FLAW), "{failure}");
    }

    #[test]
    fn a_planted_mistake_has_to_be_reported() {
        assert!(judged("canary_freed", &[KASAN]).0);
        assert!(!judged("canary_freed", &[]).0);
        assert!(!judged("canary_freed", &[FLAW]).0);
    }
}
