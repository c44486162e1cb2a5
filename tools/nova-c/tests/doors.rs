//! The examples in C and Python, with the shared library as it was built, against nova's own library.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use nova_cli::door::{self, Door};
use nova_core::chip::{Chipset, Family};

/// Registers that every chip has, in the forms that names have.
const REGISTERS: [&str; 4] =
    ["NV_PMC_BOOT_0", "pmc_boot_42", "NV_VIRTUAL_FUNCTION_TIME_0", "GSP.NV_PFALCON_FALCON_HWCFG2"];

/// A folder with the library under the names by which linker and loader look for it, and the compiled example.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for name in ["libnova_c.so", "libnova_c.so.0"] {
        symlink(library(), folder.path().join(name)).unwrap();
    }
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]);
    cc.arg("-I").arg(here("include")).arg(here("examples/info.c"));
    cc.arg("-L").arg(folder.path()).arg("-lnova_c");
    cc.arg("-o").arg(folder.path().join("info"));
    succeed(&mut cc);
    folder
});

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shared library that cargo built for this test: beside it, or where `cargo build` puts it.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folders = test.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("libnova_c.so")).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("no libnova_c.so beside {}", test.display()))
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8_lossy(&stderr), "", "{command:?}");
    String::from_utf8(stdout).unwrap()
}

fn c() -> Command {
    let mut info = Command::new(FOLDER.path().join("info"));
    info.env("LD_LIBRARY_PATH", FOLDER.path());
    info
}

fn python() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python.env("PYTHONPATH", here("python")).env("NOVA_C_LIBRARY", FOLDER.path().join("libnova_c.so.0"));
    python
}

fn example() -> Command {
    let mut example = python();
    example.arg(here("examples/info.py"));
    example
}

/// What the examples have to print, by the same accesses in the same order: a simulated GPU's time depends on them.
fn expected(device: &str) -> String {
    let door = Door::open(device).unwrap();
    let chip = *door.chip();
    let mut text = String::new();
    let (architecture, family, revision) = (chip.architecture(), chip.family(), chip.revision());
    let name = chip.chipset();
    writeln!(text, "chip {name} ({architecture}), family {family}, revision {revision}").unwrap();
    writeln!(text, "boot0 {:#010x}, boot42 {:#010x}", chip.boot0(), chip.boot42()).unwrap();
    let (vendor, card, _) = door.pci().unwrap();
    writeln!(text, "bar0 {} bytes, pci {vendor:04x}:{card:04x}", door.bar0_size().unwrap()).unwrap();
    for name in REGISTERS {
        let offset = door::reg_offset(name, Some(family)).unwrap();
        writeln!(text, "{name} at {offset:#08x} is {:#010x}", door.read32(offset).unwrap()).unwrap();
    }
    writeln!(text, "timer {} ns", door.timer_ns().unwrap()).unwrap();
    text
}

#[test]
fn c_reads_what_the_library_reads_on_every_chip() {
    for chip in Chipset::ALL {
        let device = format!("sim:{chip}").to_lowercase();
        let said = succeed(c().arg(&device).args(REGISTERS));
        assert_eq!(said, expected(&device));
        // And that is this chip, as the table has it.
        assert!(said.starts_with(&format!(
            "chip {chip} ({}), family {}",
            chip.architecture(),
            chip.family()
        )));
        if let Some(boot0) = chip.row().boot_0 {
            assert!(said.contains(&format!("NV_PMC_BOOT_0 at 0x000000 is {boot0:#010x}\n")), "{said}");
        }
    }
}

#[test]
fn python_reads_what_the_library_reads_on_every_family() {
    for family in Family::ALL {
        let device = format!("sim:{family}").to_lowercase();
        assert_eq!(succeed(example().arg(&device).args(REGISTERS)), expected(&device));
    }
}

#[test]
fn both_examples_end_with_the_kind_of_error_and_its_message() {
    let calls: [(&[&str], i32, &str); 5] = [
        (&["sim:ga105"], 2, "did you mean"),
        (&["dev:/nonexistent/nova0"], 3, "/nonexistent/nova0"),
        (&["vfio:0000:01:00.0"], 5, "takes a process of its own"),
        (&["sim:ga102", "NV_PMC_BOOT_O"], 1, "try: nova reg show NV_PMC_BOOT_"),
        (&["sim:ga102", "0x2"], 2, "try: nova reg find"),
    ];
    for (args, kind, part) in calls {
        for mut command in [c(), example()] {
            let output = command.args(args).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(kind), "{command:?}: {said}");
            assert!(said.contains(part) && said.contains("; try: ") && said.lines().count() == 1, "{said}");
        }
    }
}

/// What is Python's own: closing, numbers and text that C cannot have.
#[test]
fn python_refuses_what_c_cannot_be_given() {
    let script = r#"
import nova

def refused(part, call, *arguments):
    try:
        call(*arguments)
    except nova.Error as error:
        assert error.kind == nova.ARGUMENT and part in error.message, error.message
    else:
        raise AssertionError(part)

with nova.open("sim:gb202") as gpu:
    assert gpu.info().chip == "GB202"
    assert gpu.read32(0) == gpu.info().boot0 == gpu.read32("NV_PMC_BOOT_0")
    assert gpu.timer_ns() < gpu.timer_ns()
    refused("is no offset", gpu.read32, -4)
    refused("is no offset", gpu.read32, 1 << 32)
    refused("not UTF-8", gpu.read32, "\udcff")
    refused("zero character", gpu.read32, "NV_PMC_BOOT_0\0x")
refused("closed", gpu.read32, 0)
gpu.close()
refused("zero character", nova.open, "sim:ga102\0")
assert nova.reg_offset("NV_PMC_BOOT_42") == 0xa00
print("refused")
"#;
    assert_eq!(succeed(python().args(["-c", script])), "refused\n");
}

#[test]
fn the_library_exports_what_the_header_declares_and_has_its_name() {
    let symbols = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let mut exported: Vec<_> =
        symbols.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    exported.sort_unstable();

    let header = std::fs::read_to_string(here("include/nova-c/nova.h")).unwrap();
    let declared = header.lines().filter(|line| line.starts_with("int ") || line.starts_with("void "));
    let mut declared: Vec<_> =
        declared.map(|line| line.split([' ', '(']).nth(1).unwrap().to_owned()).collect();
    declared.sort_unstable();
    assert_eq!(exported, declared);

    let dynamic = succeed(Command::new("readelf").arg("-d").arg(library()));
    assert!(dynamic.contains("Library soname: [libnova_c.so.0]"), "{dynamic}");
}
