//! L4: inside a callback a register access costs what a bare volatile access costs.
//!
//! Compiles `examples/access.rs` in release mode and compares the machine code of its pairs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The instructions of every function in the example, by name.
fn functions() -> BTreeMap<String, Vec<String>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("asm");
    let out = target.join("access.s");
    let status = Command::new(env!("CARGO"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(["rustc", "--quiet", "--release", "--example", "access", "--target-dir"])
        .arg(&target)
        .args(["--", "-Ccodegen-units=1", "-Cdebuginfo=0", "--emit"])
        .arg(format!("asm={}", out.display()))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the example does not compile");
    parse(&std::fs::read_to_string(&out).expect("the assembly was written"))
}

fn parse(assembly: &str) -> BTreeMap<String, Vec<String>> {
    let mut functions = BTreeMap::<String, Vec<String>>::new();
    let mut current = None;
    for line in assembly.lines() {
        if let Some(label) = line.strip_suffix(':').filter(|l| !l.starts_with(['.', '\t', ' '])) {
            current = Some(label.to_owned());
        } else if let (Some(name), Some(code)) = (&current, line.strip_prefix('\t')) {
            if !code.starts_with(['.', '#']) {
                functions.entry(name.clone()).or_default().push(code.replace('\t', " "));
            }
        }
    }
    functions
}

#[test]
fn l04_a_typed_access_is_the_bare_access() {
    let functions = functions();
    for what in ["read", "write", "fields", "pair"] {
        let typed = &functions[&format!("typed_{what}")];
        let raw = &functions[&format!("raw_{what}")];
        assert_eq!(typed, raw, "{what}: the typed access is not the bare one");
        assert!(!raw.is_empty());
    }
}

#[test]
fn l04_inside_a_callback_there_is_no_check() {
    let functions = functions();
    let bound = &functions["bound_read"];
    assert_eq!(bound.iter().filter(|l| l.contains("37888(") || l.contains("+ 37888]")).count(), 1, "{bound:?}");
    for branch in ["j", "call", "cmp", "test", "lock"] {
        assert!(!bound.iter().any(|line| line.starts_with(branch)), "{branch}: {bound:?}");
    }
    // The token's pointer to the bus, the window's base, the register, the return.
    assert!(bound.len() <= 4, "{bound:?}");
}
