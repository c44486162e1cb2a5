//! What the cases have in common: the two devices, the passing of time, and what must be so after each case.

use nova_core::Error;
use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Bound, Outside, Session, State};

use super::{Failed, Found, ensure};
use crate::gpu::{self, Bus};
use crate::host::{self, BareHost};
use crate::platform;
use crate::toy::{self, ToyDevice};

/// The GPU's driver.
pub(super) type Nova = Gpu<BareHost>;
/// A client of the GPU.
pub(super) type Client = Session<&'static GpuDevice<BareHost>>;

/// The GPU.
pub(super) static GPU: GpuDevice<BareHost> = GpuDevice::new();
/// The same GPU, with the toy as its driver.
pub(super) static TOY: ToyDevice = ToyDevice::new();

/// How long the machine is watched to see that nothing happens.
pub(super) const QUIET: Nanos = Nanos::from_millis(5);

/// Binds nova and opens a client.
pub(super) fn bind(outside: &mut Outside) -> Result<Client, Failed> {
    or_log(GPU.probe(outside, &GPU, BareHost, Bus::new()))?;
    or_log(Session::open(&GPU, &Nova::CLIENT))
}

/// Binds the toy.
pub(super) fn bind_toy(outside: &mut Outside) -> Found {
    toy::plan(toy::NOWHERE);
    or_log(TOY.probe(outside, &TOY, BareHost, Bus::new()))
}

/// Removes whoever is bound to the GPU.
pub(super) fn remove(outside: &mut Outside) -> Found {
    or_log(GPU.remove(outside)).map(drop)
}

/// Removes the toy.
pub(super) fn remove_toy(outside: &mut Outside) -> Found {
    or_log(TOY.remove(outside)).map(drop)
}

/// Runs `f` in a client's call.
pub(super) fn call<R>(
    client: &Client,
    outside: &mut Outside,
    f: impl FnOnce(&Bound<'_, Nova>) -> Result<R, Error>,
) -> Result<R, Failed> {
    or_log(client.call(outside, f))
}

/// An error fails the case, and is logged.
pub(super) fn or_log<T, E: defmt::Format>(result: Result<T, E>) -> Result<T, Failed> {
    result.map_err(|error| {
        defmt::error!("{}", error);
        Failed
    })
}

/// Lets the machine run for so long.
pub(super) fn run_for(span: Nanos) {
    let end = platform::now() + span;
    while platform::now() < end {
        host::turn(end, || platform::now() < end);
    }
}

/// Lets the machine run until something is so.
pub(super) fn wait_for(what: &'static str, limit: Nanos, is_so: impl Fn() -> bool) -> Found {
    let end = platform::now() + limit;
    while !is_so() {
        ensure!(platform::now() < end, "waited {=u64} us for {=str}", limit.get() / 1_000, what);
        host::turn(end, || !is_so());
    }
    Ok(())
}

/// Nobody touches the GPU, and no driver code runs.
pub(super) fn nothing_happens() -> Found {
    let (accesses, ran) = (gpu::accesses(), host::calls().ran);
    run_for(QUIET);
    ensure!(gpu::accesses() == accesses, "{=u32} accesses reached the bus", gpu::accesses() - accesses);
    ensure!(host::calls().ran == ran, "{=u32} callbacks ran", host::calls().ran - ran);
    Ok(())
}

/// After a case nothing is bound, registered or allocated, the GPU is quiet, and the model was used as it is.
pub(super) fn is_clean() -> Found {
    for state in [GPU.state(), TOY.state()] {
        ensure!(matches!(state, State::Unbound | State::Removed), "still {}", state);
    }
    ensure!(host::registered() == 0, "{=usize} callbacks are registered", host::registered());
    ensure!(host::free_pages() == 1, "DMA memory is allocated");
    ensure!(gpu::flush_address() == 0, "the GPU has the address of a page that was freed");
    ensure!(!gpu::is_loud(), "the GPU may send interrupts");
    ensure!(gpu::mistakes() == 0, "{=u64} uses of registers that the model does not have", gpu::mistakes());
    ensure!(toy::inside() == 0, "somebody is inside");
    Ok(())
}

/// After a case that failed: as well as it goes.
pub(super) fn clear(outside: &mut Outside) {
    gpu::plug(true);
    gpu::freeze(false);
    let _ = GPU.remove(outside);
    let _ = TOY.remove(outside);
    gpu::power_cycle();
}
