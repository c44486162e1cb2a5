//! Drives a GPU through VFIO: `probe [--group | --iommufd] [--no-iommu] 0000:01:00.0`.
//!
//! Opens the device, reads BOOT_0, binds nova's driver to it, reads the time, waits for an alarm by its interrupt, removes the
//! driver and closes the device. What it prints is one line for each step; the exit code is 0 if all went well.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nova_backends::threads::Kind;
use nova_core::bus::Io;
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::{Clock as _, Nanos};
use nova_core::lifecycle::{Outside, Session};
use nova_core::regs::pmc::NV_PMC_BOOT_0;
use nova_vfio_glue::device::Device;
use nova_vfio_glue::host::{Runtime, VfioHost};
use nova_vfio_glue::kernel::{self, Interface, Options};

type Client = Session<Arc<GpuDevice<VfioHost>>>;

const ALARM: Nanos = Nanos::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    let mut address = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--group" => options.interface = Interface::Group,
            "--iommufd" => options.interface = Interface::Iommufd,
            "--no-iommu" => options.no_iommu = true,
            other => address = Some(other.parse()?),
        }
    }
    let address = address.ok_or("usage: probe [--group | --iommufd] [--no-iommu] 0000:01:00.0")?;
    drive(&kernel::open(address, &options)?)
}

fn drive(device: &Arc<dyn Device>) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::start(1)?;
    let plug = runtime.plug(device)?;
    println!("vectors {}", plug.vectors());
    let (host, bus) = plug.attach()?;
    println!("mapped {}", bus.is_mapped());
    println!("boot0 {:#010x}", Io::new(&bus).read(NV_PMC_BOOT_0).map_err(|error| error.to_string())?.get());
    let gpu = Arc::new(GpuDevice::<VfioHost>::new());
    plug.tend(&gpu);
    gpu.probe(&mut Outside::new(), gpu.clone(), host, bus).map_err(|error| format!("probe: {error:?}"))?;
    let session =
        Session::open(gpu.clone(), &Gpu::<VfioHost>::CLIENT).map_err(|error| format!("{error:?}"))?;
    alarm(&session, &plug.host()?)?;
    // The alarm wakes us from inside the handler, which is counted when it returns.
    let late = Instant::now() + Duration::from_secs(1);
    while runtime.books().tally(Kind::Interrupt).ran == 0 && Instant::now() < late {
        std::thread::yield_now();
    }
    let interrupts = runtime.books().tally(Kind::Interrupt);
    println!("interrupts {}", interrupts.ran);
    drop(session);
    let removed = gpu.remove(&mut Outside::new())?;
    println!("removed lost={}", removed.lost);
    plug.close();
    println!("closed");
    if interrupts.ran == 0 { Err("the alarm came without an interrupt".into()) } else { Ok(()) }
}

/// Waits for an alarm of the GPU.
fn alarm(session: &Client, clock: &VfioHost) -> Result<(), Box<dyn Error>> {
    let outside = &mut Outside::new();
    let scheduled = session.call(outside, |cx| {
        let now = Gpu::time(cx)?;
        Ok((now, Gpu::schedule(cx, now + ALARM.get())?))
    });
    let (now, id) = scheduled.map_err(|error| format!("alarm: {error:?}"))?;
    println!("time {now}");
    let until = clock.now() + Nanos::from_secs(2);
    let fired = session.wait(outside, clock, until, |cx| Ok(Gpu::fired(cx, id)));
    let fired = fired.map_err(|error| format!("alarm: {error:?}"))?;
    println!("alarm due {} seen {}", fired.at, fired.seen);
    Ok(())
}
