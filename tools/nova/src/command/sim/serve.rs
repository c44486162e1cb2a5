//! `nova sim serve`: a simulated GPU as a PCI device of another process.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nova_core::hal::Nanos;
use nova_sim_glue::pci::{Link, PciOptions};
use nova_sim_glue::serve::{ServeError, ServeOptions, Server};
use nova_sim_glue::spec::SimSpec;

use super::control_of;
use crate::command::{self, Context};
use crate::device::{Spec, quoted};
use crate::error::{Code, Error, Result};
use crate::{output, signals};

/// What to serve, where, and as what board.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Args {
    /// The GPU: a chip and its keys, as behind `sim:`; that of --device if not said.
    #[arg(value_name = "SPEC")]
    spec: Option<String>,
    /// The same by name.
    #[arg(long, value_name = "SPEC", visible_alias = "spec", conflicts_with = "spec")]
    chip: Option<String>,
    /// Where to listen for a client.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Where to listen for `nova sim ctl`; PATH.ctl if not said.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Have no control socket.
    #[arg(long, conflicts_with = "control")]
    no_control: bool,
    /// Permissions of the sockets, octal.
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = mode)]
    mode: u32,
    /// How long a client may take to end a message, and to take an answer.
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = command::interval, allow_hyphen_values = true)]
    patience: Nanos,
    /// Let a client map no window: QEMU then need not wait for every write.
    #[arg(long)]
    unmappable: bool,
    /// Size of BAR1 in MiB, a power of two.
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    bar1_mib: u64,
    /// The PCI Express link, such as 4x16: generation and lanes; the best the chip can if not said.
    #[arg(long, value_name = "GENxLANES", value_parser = link)]
    link: Option<Link>,
    /// Keep the GPU as it is from D3hot to D0, so that this is no way to reset it.
    #[arg(long)]
    no_soft_reset: bool,
    /// Have no interrupt pin, as virtual functions have none.
    #[arg(long)]
    no_pin: bool,
}

/// Serves until a signal comes.
pub(super) fn run(args: &Args, cx: &Context) -> Result<()> {
    let options = options(args, cx)?;
    let fail = |error| explain(&error, &args.socket);
    let server = Server::bind(&args.socket, &options).map_err(fail)?;
    let handle = server.handle();
    // From here on a signal ends the loop, which removes the sockets.
    signals::on_end(move |_| handle.stop())?;
    let control = options.control.as_ref();
    output::note(format_args!(
        "{} is served at {}{}; Ctrl-C ends it",
        options.spec.config.chipset,
        args.socket.display(),
        control.map(|path| format!(", control at {}", path.display())).unwrap_or_default(),
    ));
    server.run().map_err(fail)
}

fn options(args: &Args, cx: &Context) -> Result<ServeOptions> {
    let defaults = ServeOptions::new(spec(args, cx)?);
    let control = args.control.clone().unwrap_or_else(|| control_of(&args.socket));
    if !args.no_control && control == args.socket {
        return Err(Error::usage("the control socket cannot be the device's own")
            .next(format!("nova sim serve --socket {}", quoted(&args.socket.display().to_string()))));
    }
    let pci = PciOptions {
        bar1_size: args.bar1_mib << 20,
        no_soft_reset: args.no_soft_reset,
        link: args.link,
        no_pin: args.no_pin,
    };
    Ok(ServeOptions {
        pci,
        mappable: !args.unmappable,
        patience: Duration::from_nanos(args.patience.get()),
        mode: args.mode,
        control: (!args.no_control).then_some(control),
        ..defaults
    })
}

/// The GPU that was asked for, in whatever way.
fn spec(args: &Args, cx: &Context) -> Result<SimSpec> {
    let text = match args.chip.as_ref().or(args.spec.as_ref()) {
        Some(text) => format!("sim:{}", text.strip_prefix("sim:").unwrap_or(text)),
        None => cx.device().to_owned(),
    };
    match text.parse()? {
        Spec::Sim(sim) => Ok(sim.spec),
        other => Err(Error::usage(format!("{other} is not simulated, so it cannot be served"))
            .next("nova sim serve --chip ga102 --socket PATH")),
    }
}

/// An error of the server, with what to do about it.
fn explain(error: &ServeError, socket: &Path) -> Error {
    let (code, next) = match error {
        ServeError::Pci(_) => (Code::Usage, "nova sim serve --help".to_owned()),
        ServeError::Fault(_) => (Code::Usage, "nova list".to_owned()),
        ServeError::InUse { .. } => {
            let socket = quoted(&socket.display().to_string());
            (Code::Refused, format!("nova sim ctl --socket {socket} stats"))
        }
        ServeError::NotASocket { path } => (Code::Usage, format!("ls -l {}", path.display())),
        ServeError::Socket { path, source, .. } => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let look = format!("ls -ld {}", folder.unwrap_or(Path::new(".")).display());
            match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (Code::Permission, look),
                ErrorKind::InvalidFilename => (Code::Usage, "a path of less than 108 bytes".to_owned()),
                ErrorKind::NotFound | ErrorKind::NotADirectory => (Code::Differs, look),
                _ => (Code::Refused, look),
            }
        }
        _ => (Code::Refused, "ulimit -a".to_owned()),
    };
    Error::new(code, error.to_string()).next(next)
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| mode & !0o777 == 0);
    mode.ok_or_else(|| format!("{text:?} is no mode of a file; write it as 600 or 660"))
}

fn link(text: &str) -> Result<Link, String> {
    let parts = text.split_once('x').and_then(|(generation, width)| {
        Some(Link { generation: generation.parse().ok()?, width: width.parse().ok()? })
    });
    parts.ok_or_else(|| format!("{text:?} is no link; write it as 4x16, generation 4 with 16 lanes"))
}
