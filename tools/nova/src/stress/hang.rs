//! A removal that has to wait, and what the device says about it.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use nova_core::driver::{Gpu, GpuDevice};
use nova_core::hal::Nanos;
use nova_core::lifecycle::{EventKind, Outside, RemoveError, Session, State};
use nova_sim_glue::gpu::SimConfig;
use nova_sim_glue::threads::{ThreadBus, ThreadHost, Threads};

/// How long the first removal waits.
const LIMIT: Nanos = Nanos::from_millis(250);

/// What came out, in the words of the device.
#[derive(Debug)]
pub(crate) struct Hang {
    /// The device's state while remove waited.
    pub(crate) state: State,
    /// Who was inside then.
    pub(crate) inside: Vec<String>,
    /// What that removal answered.
    pub(crate) blocked: String,
    /// How the removal ended that was called after the client had left.
    pub(crate) removed: String,
    /// What happened, in order, with its time on the host's clock where one was at hand.
    pub(crate) history: Vec<(Option<Nanos>, String)>,
}

/// Lets a client hang in a call on real threads, and removes the device under it.
pub(crate) fn run(config: SimConfig) -> Result<Hang, String> {
    let threads = Threads::new(2);
    let gpu = threads.power_on(config);
    let device = Arc::new(GpuDevice::<ThreadHost<ThreadBus>>::new());
    let (host, bus) = threads.attach(&gpu);
    device.probe(&mut Outside::new(), device.clone(), host, bus).map_err(|error| error.to_string())?;
    let client = Session::open(device.clone(), &Gpu::CLIENT).map_err(|error| error.to_string())?;
    let (is_inside, came) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let hung = scope.spawn(move || {
            client.call(&mut Outside::new(), |_| {
                let _ = is_inside.send(());
                // The hang: until the other end is dropped.
                let _ = wait.recv();
                Ok(())
            })
        });
        came.recv().map_err(|_| "the client was not let in")?;
        let remover = scope.spawn(|| device.remove_within(&mut Outside::new(), LIMIT));
        let waits = |device: &GpuDevice<_>| {
            device.history().iter().any(|event| matches!(event.what, EventKind::Waits { .. }))
        };
        while !waits(&device) && !remover.is_finished() {
            thread::yield_now();
        }
        let (state, inside) = (device.state(), device.inside());
        let blocked = match remover.join() {
            Ok(Err(blocked @ RemoveError::Blocked(_))) => blocked.to_string(),
            other => return Err(format!("remove did not wait for the client: {other:?}")),
        };
        drop(let_go);
        // Out of the device, or the second removal waits as well.
        let _ = hung.join();
        let removed = device.remove(&mut Outside::new()).map_err(|error| error.to_string())?;
        let removed = if removed.lost { "removed, without the hardware" } else { "removed" };
        Ok(Hang {
            state,
            inside: inside.iter().map(ToString::to_string).collect(),
            blocked,
            removed: removed.to_owned(),
            history: history(&device),
        })
    })
}

fn history(device: &GpuDevice<ThreadHost<ThreadBus>>) -> Vec<(Option<Nanos>, String)> {
    let told = |what| match what {
        EventKind::Waits { lane } => match device.entry(lane) {
            Some(entry) => format!("waits for {} `{}`", entry.kind.name(), entry.name),
            None => EventKind::Waits { lane }.to_string(),
        },
        what => what.to_string(),
    };
    let events = device.history();
    events.iter().map(|event| (event.at.map(|at| Nanos(at.0)), told(event.what))).collect()
}
