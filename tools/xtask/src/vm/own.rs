//! The kernel suite: our own kernels, and nova's module in them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nova_vm_tests::FULL_WORD;

use super::{Stage, System, boot, cases, guest::Own};
use crate::{
    cache,
    kernel::{self, Flavour, Kernel, Toolchain, figures, module},
    shell::{self, Shell},
};

/// Builds what is needed, and runs the suite on each kernel; what is kept of each is in a folder of its own in `folder`.
pub(super) fn run(shell: &Shell, stage: &Stage<'_>, folder: &Path) -> Result<()> {
    let flavours = flavours(&stage.args.suite.flavour);
    let toolchain = kernel::toolchain(shell)?;
    let mut failed = Vec::new();
    for flavour in flavours {
        shell::say(&format!("the {} kernel", flavour.name()));
        let folder = folder.join(flavour.name());
        cache::create(&folder)?;
        let kernel = Kernel::ensure(shell, &toolchain, flavour)?;
        if let Err(error) = on(shell, stage, &toolchain, &kernel, &folder) {
            if error.chain().any(|cause| cause.to_string() == "interrupted") {
                return Err(error);
            }
            failed.push(format!("{}: {error:#}", flavour.name()));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

/// Those that were asked for, or all, each once.
fn flavours(asked: &[Flavour]) -> Vec<Flavour> {
    Flavour::ALL.into_iter().filter(|flavour| asked.is_empty() || asked.contains(flavour)).collect()
}

/// Builds the modules against `kernel` and runs the cases on it.
fn on(shell: &Shell, stage: &Stage<'_>, toolchain: &Toolchain, kernel: &Kernel, folder: &Path) -> Result<()> {
    let selected = cases::select(&stage.args.only, Some(kernel.flavour()))?;
    if selected.is_empty() && !stage.args.shell {
        shell::say("no case of this kernel was asked for");
        return Ok(());
    }
    let (kdir, name) = (kernel.dir(), kernel.flavour().name());
    let mut modules = module::of_the_suite(shell, toolchain, kdir, name)?;
    let nova = module::nova(shell, toolchain, kdir, name, true)?;
    if kernel.flavour() == Flavour::Plain {
        let peer = modules.iter().find(|path| path.ends_with("peer.ko"));
        let peer = peer.context("tests/vm/kernel makes no peer.ko, which nova.ko is compared with")?;
        // The debug kernel's compiler puts a call of KASAN's before each.
        let accesses = figures::accesses(toolchain, &nova, peer)?;
        shell::say(&format!("register accesses are the instructions of readl() and writel(): {accesses}"));
    }
    modules.push(nova);
    let mut words = kernel.flavour().words().to_vec();
    words.extend(stage.args.suite.full.then_some(FULL_WORD));
    let system = System {
        image: kernel.image(),
        key: kernel.key(),
        words,
        server_words: kernel.flavour().server_words(),
        own: Some(Own { flavour: name, modules: &modules }),
        selected,
    };
    boot(stage, &system, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavours_run_once_and_in_order() {
        assert_eq!(flavours(&[]), Flavour::ALL);
        assert_eq!(flavours(&[Flavour::Debug, Flavour::Plain, Flavour::Debug]), Flavour::ALL);
        assert_eq!(flavours(&[Flavour::Debug]), [Flavour::Debug]);
    }
}
