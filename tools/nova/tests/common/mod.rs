//! Running the tool as a user does.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod server;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What came of a run.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The tool with these arguments, in an environment that is the same everywhere.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
    command.args(args).env_remove("NOVA_DEVICE").env_remove("NO_COLOR").env("NOVA_SYSFS", "/nonexistent");
    command.current_dir(data());
    command
}

/// Where the trace fixtures are.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../backends/tests/data")
}

/// Runs the tool.
pub fn nova(args: &[&str]) -> Run {
    finish(&mut command(args))
}

pub fn finish(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Run {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs the tool, which must succeed, and reads what it prints as JSON.
pub fn json(args: &[&str]) -> Value {
    let mut all = vec!["--format", "json"];
    all.extend(args);
    let run = nova(&all);
    assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{}", run.stdout))
}

/// A run as it looks on a terminal, for a snapshot. Times differ with every change of the driver.
pub fn transcript(args: &[&str]) -> String {
    let run = nova(args);
    let mut text = format!("$ nova {}\n{}", args.join(" "), run.stdout);
    if !run.stderr.is_empty() {
        let _ = write!(text, "--- standard error\n{}", run.stderr);
    }
    if run.code != 0 {
        let _ = writeln!(text, "--- exit code {}", run.code);
    }
    without_times(&text)
}

/// Puts `<ns>` for every number that is as long as the GPU's time.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        out.push_str(&rest[..start]);
        out.push_str(if digits >= 19 { "<ns>" } else { &rest[start..start + digits] });
        rest = &rest[start + digits..];
    }
    out + rest
}

/// A `/sys` with one GA102 in it, whose registers are a file.
pub struct FakeSys(TempDir);

pub const GPU: &str = "0000:01:00.0";

impl FakeSys {
    pub fn new() -> Self {
        let tree = Self(TempDir::new().unwrap());
        let folder = tree.folder();
        fs::create_dir_all(&folder).unwrap();
        let mut config = vec![0; 256];
        config[..4].copy_from_slice(&[0xde, 0x10, 0x04, 0x22]);
        config[4] = 0b111;
        config[8..12].copy_from_slice(&[0xa1, 0, 0, 3]);
        fs::write(folder.join("config"), config).unwrap();
        let line = "0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n";
        fs::write(folder.join("resource"), line).unwrap();
        fs::write(folder.join("power_state"), "D0\n").unwrap();
        std::os::unix::fs::symlink("/sys/bus/pci/drivers/nouveau", folder.join("driver")).unwrap();
        let mut bar = File::create(folder.join("resource0")).unwrap();
        bar.set_len(16 << 20).unwrap();
        for (offset, word) in [
            (0, 0xb72000a1_u32),
            (0xa00, 0x172a1000),
            (0x9400, 0x40),
            (0x9410, 0x17000000),
            (0xbb0080, 0x60),
            (0xbb0084, 0x17000000),
        ] {
            bar.seek(SeekFrom::Start(offset)).unwrap();
            bar.write_all(&word.to_le_bytes()).unwrap();
        }
        tree
    }

    pub fn folder(&self) -> PathBuf {
        self.0.path().join("bus/pci/devices").join(GPU)
    }

    /// Gives the GPU another driver, as the tree shows it.
    pub fn set_driver(&self, name: &str) {
        let link = self.folder().join("driver");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(format!("/sys/bus/pci/drivers/{name}"), link).unwrap();
    }

    /// Runs the tool on this machine.
    pub fn nova(&self, args: &[&str]) -> Run {
        finish(command(args).env("NOVA_SYSFS", self.0.path()))
    }
}
