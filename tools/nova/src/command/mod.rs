//! The subcommands: one file and one `run` each.

mod bind;
mod completions;
mod decode;
mod device;
mod diff;
mod doctor;
mod dump;
mod info;
mod irq;
mod list;
mod man;
mod reg;
mod repeat;
mod schema;
pub(crate) mod sim;
mod stress;
mod timer;
mod trace;
#[cfg(feature = "tui")]
mod tui;
mod watch;

pub(crate) use reg::pri_error;

use clap::{Parser, Subcommand};
use nova_core::hal::Nanos;

use crate::device::Opened;
use crate::error::Result;
use crate::output::{Color, Format, Out};
use crate::value;

/// Inspect, drive and stress NVIDIA GPUs and simulated ones.
#[derive(Debug, Parser)]
#[command(name = "nova", version, about, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Cli {
    /// The device: sim:CHIP, replay:FILE (a trace), pci:ADDRESS (a real GPU), vfio:ADDRESS[,no-iommu] (one that
    /// was given to vfio-pci), vfio-user:SOCKET (one of another process), or dev:/dev/novaN (one that nova's kernel module
    /// drives).
    #[arg(short, long, global = true, value_name = "SPEC", env = "NOVA_DEVICE", default_value = "sim:ga102")]
    device: String,
    /// How to print data.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// When to use colour; NO_COLOR is heeded.
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 it worked; 1 not found, or not the same; 2 mistake in the command line or a file;
3 there is no such GPU (any more); 4 the system forbids it; 5 turned down; 6 took too long;
7 the hardware misbehaves.

Start with:
  nova list                        what there is
  nova info                        what the default device is, a simulated GA102
  nova -d sim:gh100 timer          the time of another chip
  nova reg show NV_PMC_BOOT_42     a register, its fields and what they mean
  nova device stress               the lifecycle under load";

#[derive(Debug, Subcommand)]
enum Command {
    /// List simulated chips and the GPUs of this machine.
    List,
    /// Identify the device.
    Info,
    /// Read the GPU's time, watch it, or wait for an alarm.
    Timer(timer::Args),
    /// List interrupt sources and their counts, or raise software interrupts.
    Irq(irq::Args),
    /// Find, explain, read and write registers.
    #[command(subcommand)]
    Reg(reg::Command),
    /// Take a register value apart without a device.
    Decode(decode::Args),
    /// Read every register whose reading has no side effect.
    Dump(dump::Args),
    /// Compare the registers of two devices, dumps or traces.
    Diff(diff::Args),
    /// Watch registers, and print what changes.
    Watch(watch::Args),
    /// Show the device on a full screen: registers, timer, interrupts, events.
    #[cfg(feature = "tui")]
    Tui(tui::Args),
    /// Bind the driver to the device, remove it, or exercise both.
    #[command(subcommand)]
    Device(device::Command),
    /// Record, show and replay register accesses.
    #[command(subcommand)]
    Trace(trace::Command),
    /// Script simulated GPUs, or serve one to another process, and make them misbehave.
    #[command(subcommand)]
    Sim(sim::Command),
    /// Give a GPU to vfio-pci, so that processes can drive it.
    Bind(bind::Args),
    /// Give a GPU back to the driver it had.
    Unbind(bind::Args),
    /// Tell what keeps a GPU from being driven, and the command that changes it.
    Doctor(doctor::Args),
    /// Print what a shell needs to complete the command line.
    Completions(completions::Args),
    /// Print the manual page, or write the pages of all commands.
    Man(man::Args),
    /// Print the JSON schema of what the commands print as JSON.
    Schema(schema::Args),
}

/// What every subcommand gets.
#[derive(Debug)]
pub(crate) struct Context {
    device: String,
    /// Standard output.
    pub(crate) out: Out,
}

impl Context {
    /// Opens the device of the command line.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub(crate) fn open(&self) -> Result<Opened> {
        Opened::open(&self.device)
    }

    /// Opens the device of the command line to write its registers.
    ///
    /// # Errors
    ///
    /// When there is no such device, or it is not to be written; by `force` it is, although a driver has it.
    pub(crate) fn open_to_write(&self, force: bool) -> Result<Opened> {
        Opened::open_to_write(&self.device, force)
    }

    /// The device of the command line, as typed.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }
}

impl Cli {
    /// Runs the subcommand, and writes its output if it succeeds.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong.
    pub(crate) fn run(self) -> Result<()> {
        let mut cx = Context { device: self.device, out: Out::new(self.format, self.color) };
        match self.command {
            Command::List => list::run(&mut cx),
            Command::Info => info::run(&mut cx),
            Command::Timer(args) => timer::run(&args, &mut cx),
            Command::Irq(args) => irq::run(&args, &mut cx),
            Command::Reg(command) => reg::run(&command, &mut cx),
            Command::Decode(args) => decode::run(&args, &mut cx),
            Command::Dump(args) => dump::run(&args, &mut cx),
            Command::Diff(args) => diff::run(&args, &mut cx),
            Command::Watch(args) => watch::run(&args, &mut cx),
            #[cfg(feature = "tui")]
            Command::Tui(args) => tui::run(&args, &cx),
            Command::Device(command) => device::run(&command, &mut cx),
            Command::Trace(command) => trace::run(&command, &mut cx),
            Command::Sim(command) => sim::run(&command, &mut cx),
            Command::Bind(args) => bind::run(bind::Way::There, &args, &mut cx),
            Command::Unbind(args) => bind::run(bind::Way::Back, &args, &mut cx),
            Command::Doctor(args) => doctor::run(&args, &mut cx),
            Command::Completions(args) => {
                completions::run(&args, &mut cx);
                Ok(())
            }
            Command::Man(args) => man::run(&args, &mut cx),
            Command::Schema(args) => schema::run(&args, &mut cx),
        }?;
        cx.out.flush()
    }
}

/// A span of time on the command line.
pub(crate) fn span(text: &str) -> Result<Nanos, String> {
    value::duration(text).map_err(|error| error.to_string())
}

/// A span of time that is more than none.
fn interval(text: &str) -> Result<Nanos, String> {
    value::interval(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
