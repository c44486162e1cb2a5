//! The suites: what is claimed, and whether it is so on this machine.

mod bench;
mod conformance;
mod lifecycle;
mod timer;

use nova_core::lifecycle::Outside;

/// A claim does not hold; the log says which and why.
pub(crate) struct Failed;

/// What came of a case.
pub(crate) type Found = Result<(), Failed>;

/// One claim, and what shows it.
pub(crate) struct Case {
    name: &'static str,
    run: fn(&mut Outside) -> Found,
}

/// How many cases passed.
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

/// Leaves the case with a message unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            defmt::error!($($message)+);
            return Err($crate::suites::Failed);
        }
    };
}
pub(crate) use ensure;

/// Runs all suites.
pub(crate) fn run() -> Tally {
    let mut outside = Outside::new();
    let mut tally = Tally { passed: 0, failed: 0 };
    let suites: [(&str, &[Case]); 3] =
        [("conformance", &conformance::CASES), ("lifecycle", &lifecycle::CASES), ("timer", &timer::CASES)];
    for (suite, cases) in suites {
        for case in cases {
            if let Ok(()) = (case.run)(&mut outside).and_then(|()| bench::is_clean()) {
                tally.passed += 1;
                defmt::info!("ok      {=str}: {=str}", suite, case.name);
            } else {
                tally.failed += 1;
                defmt::error!("FAILED  {=str}: {=str}", suite, case.name);
                bench::clear(&mut outside);
            }
        }
    }
    tally
}
