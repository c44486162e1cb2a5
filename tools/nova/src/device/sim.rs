//! Simulated devices, with a clock that steps at each access and passes while nobody has anything to do.

mod injector;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_backends::faults::{Fault, ParseError};
use nova_sim_glue::gpu::{Board, Effects, Gpu, Power, SimGpu, VENDOR_ID};
use nova_sim_glue::serve::control::{Request, Storm};
use nova_sim_glue::spec::SimSpec;

pub(crate) use injector::Injector;

use super::{About, Access, AnyBus, Opened, PciId, Spec};
use crate::error::{Code, Error, Result};
use crate::host::Machine;

/// What an access takes on a PCI bus, roughly.
const ACCESS_NS: u64 = 250;

/// A simulated GPU and what it is plugged into.
#[derive(Debug, Clone)]
pub(crate) struct SimMachine {
    gpu: Gpu,
    slot: Arc<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    now: AtomicU64,
    message: AtomicBool,
    /// By how much an access takes longer, in ns.
    delay: AtomicU64,
    /// Whether the GPU's time is to stand still, also after it was powered on anew.
    frozen: AtomicBool,
    storm: Mutex<Option<Raging>>,
}

/// A storm of interrupts that goes on.
#[derive(Debug, Clone, Copy)]
struct Raging {
    storm: Storm,
    left: u32,
    next: u64,
}

impl Board for SimMachine {
    fn begin(&self) -> u64 {
        let takes = ACCESS_NS.saturating_add(self.slot.delay.load(Relaxed));
        self.slot.now.fetch_add(takes, Relaxed).saturating_add(takes)
    }

    fn end(&self, effects: Effects) {
        if effects.messages > 0 {
            self.slot.message.store(true, Relaxed);
        }
    }
}

impl Machine for SimMachine {
    fn now(&self) -> u64 {
        self.slot.now.load(Relaxed)
    }

    fn pass(&self, until: u64) {
        let event = self.gpu.with(|gpu| gpu.next_event()).unwrap_or(u64::MAX);
        let storm = self.storm().map_or(u64::MAX, |raging| raging.next);
        let now = self.now().max(until.min(event).min(storm));
        self.slot.now.store(now, Relaxed);
        let messages = self.gpu.with(|gpu| {
            gpu.advance(now);
            self.rage(gpu, now);
            gpu.take_messages()
        });
        if messages > 0 {
            self.slot.message.store(true, Relaxed);
        }
    }

    fn take_interrupt(&self) -> bool {
        self.slot.message.swap(false, Relaxed)
    }

    fn pci_config(&self, offset: u16) -> Option<u32> {
        self.gpu.with(|gpu| gpu.pci_config(offset))
    }
}

impl SimMachine {
    /// Its GPU, to look at.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Does what is asked of a served GPU too; `injector` is its bus.
    ///
    /// # Errors
    ///
    /// When it makes no sense: for a GPU that is not there, or without a client.
    pub(crate) fn order(&self, request: &Request, injector: &Injector) -> Result<()> {
        fn refuse<T>(why: &str) -> Result<T> {
            Err(Error::new(Code::Refused, why).next("nova sim run --help"))
        }
        let now = self.now();
        let here = self.gpu.with(|gpu| gpu.power()) == Power::Present;
        match *request {
            Request::Raise { .. } | Request::Storm(_) if !here => {
                return refuse("the GPU is not there; reconnect or replug it first");
            }
            Request::Disconnect | Request::SignalError | Request::RequestDevice => {
                return refuse("that is for the client of a served GPU, and a script has none");
            }
            Request::Fault { ref text } => {
                let fault: Fault = text.parse().or_else(|error: ParseError| refuse(&error.to_string()))?;
                injector.push(fault).or_else(|error| refuse(&error.to_string()))?;
            }
            Request::ClearFaults => injector.clear(),
            Request::Unplug => self.gpu.with(SimGpu::unplug),
            Request::Reconnect => self.gpu.with(SimGpu::reconnect),
            Request::Replug => self.gpu.with(|gpu| {
                gpu.reset(now);
                gpu.power_on(now);
                gpu.freeze_time(self.slot.frozen.load(Relaxed), now);
            }),
            Request::PowerOff => self.gpu.with(SimGpu::power_off),
            Request::FreezeTimer { on } => {
                self.slot.frozen.store(on, Relaxed);
                self.gpu.with(|gpu| gpu.freeze_time(on, now));
            }
            Request::CorruptTime { reads } => self.gpu.with(|gpu| gpu.corrupt_time(reads)),
            Request::Raise { vector } => self.gpu.with(|gpu| gpu.raise(vector)),
            Request::Storm(storm) => {
                let raging = Raging { storm, left: storm.count, next: now };
                *self.storm() = (storm.count > 0).then_some(raging);
            }
            Request::PriErrors { first, last, pattern } => {
                self.gpu.with(|gpu| gpu.block(first..=last, pattern));
            }
            Request::ClearPriErrors => self.gpu.with(SimGpu::unblock),
            Request::Delay { us } => self.slot.delay.store(us.saturating_mul(1000), Relaxed),
            Request::LowerFirewall => self.gpu.with(SimGpu::lower_firewall),
            Request::Stats => {}
        }
        // What it has raised arrives.
        self.pass(now);
        Ok(())
    }

    /// Lets time pass within an access, which nothing else sees before its end.
    fn linger(&self, ns: u64) {
        // A sum that does not fit would run back.
        let later = |now: u64| Some(now.saturating_add(ns));
        let _ = self.slot.now.fetch_update(Relaxed, Relaxed, later);
    }

    fn storm(&self) -> MutexGuard<'_, Option<Raging>> {
        self.slot.storm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One interrupt of the storm, if it is time for it.
    fn rage(&self, gpu: &mut SimGpu, now: u64) {
        let mut storm = self.storm();
        let Some(raging) = storm.as_mut().filter(|raging| raging.next <= now) else { return };
        if raging.storm.spurious {
            self.slot.message.store(true, Relaxed);
        } else {
            gpu.raise(raging.storm.vector);
        }
        // Never at the same moment again: time would stand still.
        raging.next = now.saturating_add(u64::from(raging.storm.interval_us.max(1)) * 1000);
        raging.left -= 1;
        if raging.left == 0 {
            *storm = None;
        }
    }
}

/// Plugs a simulated GPU in.
pub(super) fn open(spec: Spec, sim: &SimSpec) -> Result<Opened> {
    plug(spec, sim).map(|(opened, ..)| opened)
}

/// The same, and what it is plugged into and its bus, to make it misbehave.
pub(crate) fn plug(spec: Spec, sim: &SimSpec) -> Result<(Opened, SimMachine, Injector)> {
    let gpu = sim.gpu(0);
    let machine = SimMachine { gpu: gpu.clone(), slot: Arc::default() };
    let injector = Injector::new(&gpu, &machine);
    for fault in &sim.faults {
        injector.push(*fault).map_err(|error| Error::usage(error.to_string()).next("nova list"))?;
    }
    let identity = gpu.with(|gpu| *gpu.identity());
    let derived = [(identity.boot_0_derived, "boot0"), (identity.boot_42_derived, "boot42")];
    let about = About {
        pci: Some(PciId {
            vendor: VENDOR_ID,
            device: identity.device_id,
            class: Some(identity.class),
            revision: Some(identity.revision),
        }),
        bar0_size: Some(identity.bar0_size.into()),
        derived: derived.into_iter().filter_map(|(derived, name)| derived.then_some(name)).collect(),
        kernel_driver: None,
    };
    let opened = Opened {
        spec,
        bus: AnyBus::new(injector.clone()),
        machine: Arc::new(machine.clone()),
        about,
        access: Access::Full,
    };
    Ok((opened, machine, injector))
}
