//! Simulated devices, with a clock that steps at each access and passes while nobody has anything to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use nova_backends::faults::Faults;
use nova_sim_glue::gpu::{Board, Effects, Gpu, SimBus, VENDOR_ID};
use nova_sim_glue::spec::SimSpec;

use super::{About, Access, AnyBus, Opened, PciId, Spec};
use crate::error::{Error, Result};
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
}

impl Board for SimMachine {
    fn begin(&self) -> u64 {
        self.slot.now.fetch_add(ACCESS_NS, Relaxed) + ACCESS_NS
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
        let next = self.gpu.with(|gpu| gpu.next_event()).unwrap_or(u64::MAX);
        let now = self.now().max(until.min(next));
        self.slot.now.store(now, Relaxed);
        let messages = self.gpu.with(|gpu| {
            gpu.advance(now);
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

/// Faults on one bus; as many as anybody types.
type Faulty = Faults<SimBus<SimMachine>, MOST_FAULTS>;
const MOST_FAULTS: usize = 32;

/// Plugs a simulated GPU in.
pub(super) fn open(spec: Spec, sim: &SimSpec) -> Result<Opened> {
    let gpu = sim.gpu(0);
    let machine = SimMachine { gpu: gpu.clone(), slot: Arc::default() };
    let mut bus = Faulty::new(SimBus::on(&gpu, machine.clone()));
    for fault in &sim.faults {
        let full = |_| Error::usage(format!("more than {MOST_FAULTS} faults")).next("nova list");
        bus.push(*fault).map_err(full)?;
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
    Ok(Opened { spec, bus: AnyBus::new(bus), machine: Arc::new(machine), about, access: Access::Full })
}
