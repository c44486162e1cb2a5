//! QEMU's command line.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use nova_vm_tests::{Machine as Kind, SHELL_WORD};

use super::{Accel, Boot, device::Device};

/// Memory of the guest. Shared, because a device that is another program reaches it through its file.
const MEMORY: &str = "memory-backend-memfd,id=memory,size=1G,share=on";

/// What the console is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Console {
    /// Into the log; the guest runs cases.
    Log,
    /// The terminal of whoever started this; the guest runs a shell.
    Terminal,
}

/// The command that starts the machine; its sockets are in `sockets`, its log in `boot.log`.
pub(super) fn command(
    boot: &Boot<'_>,
    kind: Kind,
    devices: &[Device],
    sockets: &Path,
    console: Console,
) -> Result<Command> {
    let mut command = boot.tools.qemu();
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        // QEMU ends when this program does, however it does.
        .args(["-run-with", "exit-with-parent=on"])
        .args(["-smp", "2", "-m", "1G", "-object", MEMORY])
        .args(processor(boot.accel))
        // Hot-plug by the ports themselves, as on a real machine, and not by ACPI.
        .args(["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
        .args(iommu(kind))
        .arg("-kernel")
        .arg(boot.image)
        .arg("-initrd")
        .arg(boot.initramfs)
        .args(["-append", &kernel_command_line(boot, console)])
        .arg("-qmp")
        .arg(socket("unix:", &sockets.join("qmp"), ",server=on,wait=off"));
    for device in devices {
        command.args(["-device", &device.port().to_string(), "-device", &device.properties().to_string()]);
    }
    connect_console(&mut command, boot, sockets, console)?;
    Ok(command)
}

/// The file for what QEMU itself says.
pub(super) fn messages(boot: &Boot<'_>) -> PathBuf {
    boot.log.with_extension("qemu.log")
}

fn connect_console(command: &mut Command, boot: &Boot<'_>, sockets: &Path, console: Console) -> Result<()> {
    if console == Console::Terminal {
        command.args(["-serial", "mon:stdio"]);
        return Ok(());
    }
    let control = socket("socket,id=control,path=", &sockets.join("control"), ",server=on,wait=off");
    let messages = messages(boot);
    let messages = File::create(&messages).with_context(|| format!("cannot write {}", messages.display()))?;
    command
        .arg("-serial")
        .arg(socket("file:", boot.log, ""))
        .arg("-chardev")
        .arg(control)
        .args(["-serial", "chardev:control"])
        .stdin(Stdio::null())
        .stdout(messages.try_clone()?)
        .stderr(messages);
    Ok(())
}

/// An option with a path in it; a comma in the path is doubled, as QEMU wants it.
fn socket(before: &str, path: &Path, after: &str) -> String {
    format!("{before}{}{after}", path.display().to_string().replace(',', ",,"))
}

/// The machine's IOMMU, of those machines that have one.
fn iommu(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::NoIommu => &[],
        _ => &["-device", "intel-iommu,intremap=on,caching-mode=on"],
    }
}

fn processor(accel: Accel) -> [&'static str; 4] {
    match accel {
        // Five-level paging costs time under emulation and gains nothing.
        Accel::Tcg => {
            ["-machine", "q35,accel=tcg,kernel-irqchip=split,memory-backend=memory", "-cpu", "max,la57=off"]
        }
        Accel::Kvm => {
            ["-machine", "q35,accel=kvm,kernel-irqchip=split,memory-backend=memory", "-cpu", "host"]
        }
    }
}

fn kernel_command_line(boot: &Boot<'_>, console: Console) -> String {
    let mut words = vec![
        "console=ttyS0",
        "intel_iommu=on",
        // A panic ends QEMU (-no-reboot) instead of waiting for the deadline.
        "panic=-1",
        "oops=panic",
        // The emulated processor is slow, and what it would wait for does not exist.
        "tsc=reliable",
        "random.trust_cpu=on",
        // On a starved host the check of the timer fails, and the kernel panics.
        "no_timer_check",
    ];
    words.extend(boot.words);
    if console == Console::Terminal {
        words.push(SHELL_WORD);
        words.push("quiet");
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths_are_doubled() {
        assert_eq!(socket("file:", Path::new("/a,b"), ",x=on"), "file:/a,,b,x=on");
    }
}
