//! L4: the price of a register access under the gate is that of the instruction.
//!
//! Compiles `examples/access.rs` in release mode and compares the machine code of its pairs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use nova_core::bus::{Bus, Io, Offset};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF as LEAF;
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_core::regs::ptimer::NV_PTIMER_ALARM_0;
use nova_tests::cases;
use proptest::prelude::*;

/// The instructions of every function in the example, by name.
static FUNCTIONS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(compile);

fn compile() -> BTreeMap<String, Vec<String>> {
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
    let mut current = String::new();
    for line in assembly.lines() {
        if let Some(label) = line.strip_suffix(':').filter(|l| !l.starts_with(['.', '\t', ' '])) {
            label.clone_into(&mut current);
        }
        // Not directives and comments.
        let code = line.strip_prefix('\t').filter(|code| !code.starts_with(['.', '#']));
        if let Some(code) = code {
            functions.entry(current.clone()).or_default().push(code.replace('\t', " "));
        }
    }
    functions
}

#[test]
fn l04_a_typed_access_is_the_bare_access() {
    for what in ["read", "write", "fields", "pair"] {
        let typed = &FUNCTIONS[&format!("typed_{what}")];
        let raw = &FUNCTIONS[&format!("raw_{what}")];
        assert_eq!(typed, raw, "{what}: the typed access is not the bare one");
        assert!(!raw.is_empty());
    }
}

#[test]
fn l04_inside_a_callback_there_is_no_check() {
    let bound = &FUNCTIONS["bound_read"];
    assert_eq!(
        bound.iter().filter(|l| l.contains("37888(") || l.contains("+ 37888]")).count(),
        1,
        "{bound:?}"
    );
    for branch in ["j", "call", "cmp", "test", "lock"] {
        assert!(!bound.iter().any(|line| line.starts_with(branch)), "{branch}: {bound:?}");
    }
    // The token's pointer to the bus, the window's base, the register, the return.
    assert!(bound.len() <= 4, "{bound:?}");
}

/// A bus that counts what reaches it.
#[derive(Default)]
struct Counting {
    reads: Cell<u32>,
    writes: Cell<u32>,
}

macro_rules! counting {
    ($($read:ident $write:ident $word:ty;)*) => {
        impl Bus for Counting {
            type Error = Infallible;
            $(
                fn $read(&self, _at: Offset<$word>) -> Result<$word, Infallible> {
                    self.reads.set(self.reads.get() + 1);
                    Ok(0)
                }
                fn $write(&self, _at: Offset<$word>, _value: $word) -> Result<(), Infallible> {
                    self.writes.set(self.writes.get() + 1);
                    Ok(())
                }
            )*
        }
    };
}
counting! { read8 write8 u8; read16 write16 u16; read32 write32 u32; }

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1_000)))]

    #[test]
    fn l04_property_every_typed_access_is_one_access(accesses in prop::collection::vec(0u8..5, 0..50)) {
        let bus = Counting::default();
        let io = Io::new(&bus);
        let (mut reads, mut writes) = (0, 0);
        for access in accesses {
            match access {
                0 => {
                    // However many fields are taken, the register is read once.
                    let Ok(boot0) = io.read(NV_PMC_BOOT_0);
                    let _ = boot0.read(NV_PMC_BOOT_0::ARCHITECTURE_0) + boot0.read(NV_PMC_BOOT_0::IMPLEMENTATION);
                    reads += 1;
                }
                1 => {
                    let Ok(()) = io.write_word(NV_PTIMER_ALARM_0, 0);
                    writes += 1;
                }
                2 => {
                    let Ok(()) = io.modify(NV_PTIMER_ALARM_0, NV_PTIMER_ALARM_0::NSEC.val(1));
                    reads += 1;
                    writes += 1;
                }
                3 => {
                    let Ok(element) = LEAF.at(3) else { panic!("there are 16") };
                    let Ok(_) = io.read(element);
                    reads += 1;
                }
                _ => {
                    let Ok(()) = io.write(NV_PTIMER_ALARM_0, NV_PTIMER_ALARM_0::NSEC.val(1));
                    writes += 1;
                }
            }
            prop_assert_eq!((bus.reads.get(), bus.writes.get()), (reads, writes));
        }
    }
}
