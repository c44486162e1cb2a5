//! What a read of a register costs through the library, in C and in Python, beside one from a mapped `resource0`.
//!
//! Instructions, counted by callgrind: the same on every run, however busy the machine is. What a real GPU takes to answer
//! is not in them. The GPU is a file in a sysfs tree of our own, so this needs no root.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// How often a register is read in the shorter run and in the longer.
const COUNTS: [u32; 2] = [1000, 3000];
const GPU: &str = "0000:01:00.0";
/// Where NV_PMC_BOOT_0 and NV_PMC_BOOT_42 are, and what they are on a GA102.
const WORDS: [(u64, u32); 2] = [(0, 0xb72000a1), (0xa00, 0x172a1000)];

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = Place(folder.path());
    place.make()?;
    // What is on the path may be a script that finds the real one.
    let python = said(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    let python = [PathBuf::from(python.trim()), here("benches/reads.py")];
    println!("{:8} {:>16} {:>12} {:>8}", "", "mapped resource0", "nova_read32", "ratio");
    for (language, program) in [("C", &[place.at("reads")][..]), ("Python", &python)] {
        let mapped = place.instructions(program, "sysfs", &place.bar())?;
        let nova = place.instructions(program, "nova", Path::new(&format!("pci:{GPU}")))?;
        println!("{language:8} {mapped:16.1} {nova:12.1} {:8.1}", nova / mapped);
    }
    Ok(())
}

/// A folder with a sysfs tree, the library under the names by which it is looked for, and the compiled program.
struct Place<'p>(&'p Path);

impl Place<'_> {
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn bar(&self) -> PathBuf {
        self.at("bus/pci/devices").join(GPU).join("resource0")
    }

    fn make(&self) -> Result<()> {
        let folder = self.at("bus/pci/devices").join(GPU);
        fs::create_dir_all(&folder)?;
        let mut config = [0; 256];
        config[..4].copy_from_slice(&[0xde, 0x10, 0x04, 0x22]);
        // Memory decoding is on.
        config[4] = 0b111;
        config[8..12].copy_from_slice(&[0xa1, 0, 0, 3]);
        fs::write(folder.join("config"), config)?;
        fs::write(folder.join("resource"), "0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n")?;
        let bar = File::create(self.bar())?;
        bar.set_len(16 << 20)?;
        for (offset, word) in WORDS {
            bar.write_all_at(&word.to_le_bytes(), offset)?;
        }

        for name in ["libnova_c.so", "libnova_c.so.0"] {
            symlink(library()?, self.at(name))?;
        }
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-I"]);
        cc.arg(here("include")).arg(here("benches/reads.c")).arg("-o").arg(self.at("reads"));
        cc.arg("-L").arg(self.0).arg("-lnova_c");
        said(&mut cc).map(drop)
    }

    /// Instructions that one read takes: the difference of two runs, so that starting and opening cancel out.
    fn instructions(&self, program: &[PathBuf], way: &str, device: &Path) -> Result<f64> {
        let [few, many] = COUNTS;
        let more = self.counted(program, way, device, many)? - self.counted(program, way, device, few)?;
        Ok(more / f64::from(many - few))
    }

    fn counted(&self, program: &[PathBuf], way: &str, device: &Path, count: u32) -> Result<f64> {
        let log = self.at("log");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        valgrind.arg(format!("--log-file={}", log.display()));
        valgrind.args(program).arg(way).arg(device).arg(count.to_string());
        valgrind.env("NOVA_SYSFS", self.0).env("LD_LIBRARY_PATH", self.0).env("PYTHONPATH", here("python"));
        // Both runs of a pair do the same at start.
        valgrind.env("PYTHONHASHSEED", "0").env("PYTHONDONTWRITEBYTECODE", "1").env_remove("NOVA_C_LIBRARY");
        let value = said(&mut valgrind).context("callgrind counts, of the package valgrind")?;
        ensure!(value.trim() == format!("{:#010x}", WORDS[0].1), "{way} reads {value}");
        // ==123== Collected : 456789
        let report = fs::read_to_string(&log)?;
        let line = report.lines().find(|line| line.contains("Collected :"));
        let number = line.and_then(|line| line.split_whitespace().last()?.parse().ok());
        number.with_context(|| format!("callgrind says of no instructions:\n{report}"))
    }
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shared library that cargo built for this: beside it, or where `cargo build` puts it.
fn library() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let folders = bench.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("libnova_c.so")).find(|file| file.exists());
    found.with_context(|| format!("no libnova_c.so beside {}", bench.display()))
}

/// What a program prints; an error with its messages if it fails.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
