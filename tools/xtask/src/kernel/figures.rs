//! What a module is made of: the size of each crate, and the instructions of a register access beside C's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::Toolchain;
use crate::shell;

/// The registers that both callbacks access, as an assembler writes them: `NV_PMC_BOOT_42` is read,
/// `NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER` is written.
const REGISTERS: [&str; 2] = ["0xa00(", "0xb81640("];

/// The size of each object that `nova.ko` in `folder` was linked of, in bytes, the largest first, and of all.
///
/// What is generic is compiled where it is used: the driver core's code for this host is in the module's own object.
pub(crate) fn sizes(toolchain: &Toolchain, folder: &Path) -> Result<String> {
    let mut objects: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder.join("crates"))? {
        objects.extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|end| end == "o")));
    }
    objects.push(folder.join("src/nova.o"));
    let mut sizes = Vec::new();
    for object in &objects {
        let text = shell::capture(toolchain.llvm_tool("llvm-size").arg(object))?;
        let name = object.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        sizes.push((total(&text).with_context(|| format!("sizes '{text}'"))?, name));
    }
    sizes.sort_by(|one, other| other.cmp(one));
    let all: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
    sizes.insert(0, (all, "nova.ko".to_owned()));
    let line = |(bytes, name): &(u64, String)| format!(" {name:<20} {bytes:>8}\n");
    Ok(sizes.iter().filter(|(bytes, _)| *bytes > 0).map(line).collect())
}

/// Text, data and bss together, of what `llvm-size` prints for one file.
fn total(text: &str) -> Option<u64> {
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// Fails unless the register accesses of nova's callback are the instructions that readl() and writel() are in C.
/// Gives them.
pub(crate) fn accesses(toolchain: &Toolchain, nova: &Path, peer: &Path) -> Result<String> {
    let ours = accesses_of(toolchain, nova, "7Torture7on_work")?;
    let theirs = accesses_of(toolchain, peer, "peer_on_work")?;
    ensure!(
        ours == theirs,
        "the register accesses of nova's callback are not those of readl() and writel():\n{}\nand in C\n{}",
        ours.join("\n"),
        theirs.join("\n")
    );
    Ok(ours.join("; "))
}

/// The instructions that access a register in the function of `module` whose name ends with `function`.
fn accesses_of(toolchain: &Toolchain, module: &Path, function: &str) -> Result<Vec<String>> {
    let symbols = shell::capture(toolchain.llvm_tool("llvm-nm").arg(module))?;
    let named = symbols.lines().filter_map(|line| line.split_whitespace().last());
    let Some(symbol) = named.into_iter().find(|name| name.ends_with(function)) else {
        bail!("{} has no function {function}", module.display());
    };
    let mut command = toolchain.llvm_tool("llvm-objdump");
    command.args(["-d", "--no-show-raw-insn", "--no-leading-addr"]);
    let code = shell::capture(command.arg(format!("--disassemble-symbols={symbol}")).arg(module))?;
    let found = found(&code);
    ensure!(
        found.len() >= REGISTERS.len(),
        "{function} of {} accesses no register:\n{code}",
        module.display()
    );
    Ok(found)
}

/// The instructions in `code` that access a register. Which of the processor's registers has an operand is the compiler's
/// choice; writel() has a constant moved into one first, which is an instruction more than nova's.
fn found(code: &str) -> Vec<String> {
    let accesses = code.lines().filter(|line| REGISTERS.iter().any(|at| line.contains(at)));
    accesses.map(|line| without_names(line.trim())).collect()
}

/// `movl 0xa00(%rdx), %edi` as `movl 0xa00(%), %`, and `$0x81` as `%` as well.
fn without_names(instruction: &str) -> String {
    let mut short = String::new();
    let mut in_name = false;
    for c in instruction.chars() {
        in_name = in_name && c.is_ascii_alphanumeric();
        let begins = matches!(c, '%' | '$');
        if !in_name {
            short.push(match c {
                '\t' => ' ',
                '$' => '%',
                c => c,
            });
        }
        in_name = in_name || begins;
    }
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_found_whatever_the_compiler_keeps_it_in() {
        let code = "<f>:\n\tmovl\t0xa00(%rdx), %edi\n\tcmpl\t$0x1, (%rcx)\n\tmovl\t$0x81, 0xb81640(%r12)\n";
        assert_eq!(found(code), ["movl 0xa00(%), %", "movl %, 0xb81640(%)"]);
    }

    #[test]
    fn a_slower_access_is_another_one() {
        assert_ne!(found("\tmovl\t0xa00(%rdx), %edi\n"), found("\tmovq\t0xa00(%rdx), %rdi\n"));
        assert!(found("\tcallq\treadl\n").is_empty());
    }

    #[test]
    fn sizes_are_read() {
        let text =
            "   text\t   data\t    bss\t    dec\t    hex\tfilename\n 147152\t 1\t 2\t 147155\t  23ed0\ta.o\n";
        assert_eq!(total(text), Some(147155));
        assert_eq!(total("text data"), None);
    }
}
