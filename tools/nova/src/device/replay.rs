//! Recorded devices: a trace as something to look at, and as something a driver runs against.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use nova_backends::access::{Access as BusAccess, Op};
use nova_backends::replay::Source;
use nova_core::bus::{Bus, ErrorKind, Offset, Place as _, Word};
use nova_core::regs::pmc::{NV_PMC_BOOT_0, NV_PMC_BOOT_42};

use super::{About, Access, AnyBus, BusError, Opened, Spec, TraceFile};
use crate::error::Result;
use crate::host::Machine;
use crate::output;

/// Opens a trace as a device: each register reads what it read when the trace was taken, one value
/// after the other, and the last one from then on.
pub(super) fn open(spec: Spec, path: &Path) -> Result<Opened> {
    let trace = TraceFile::read(path)?;
    let mut registers = Recorded::new(&trace);
    let derived = registers.derive_boot_42();
    let about = About {
        pci: trace.pci,
        bar0_size: trace.bar0_size,
        derived: derived.into_iter().collect(),
        kernel_driver: trace.driver.clone(),
    };
    let machine = Arc::new(Still(trace.accesses.last().map_or(0, |access| access.time_ns)));
    Ok(Opened { spec, bus: AnyBus::new(registers), machine, about, access: Access::Recorded })
}

/// What a register read, time after time, and how often it was asked for here.
type Answers = (Vec<BusAccess>, usize);

/// The registers of a trace, by offset and width.
struct Recorded(Mutex<HashMap<(u32, u32), Answers>>);

impl Recorded {
    fn new(trace: &TraceFile) -> Self {
        let mut registers: HashMap<_, Answers> = HashMap::new();
        for access in &trace.accesses {
            let (answers, _) = registers.entry((access.offset, access.width.bytes())).or_default();
            // Of a register that was only written, the first value written is the best guess.
            if access.op == Op::Read || answers.is_empty() {
                answers.retain(|answer| answer.op == Op::Read);
                answers.push(*access);
            }
        }
        Self(Mutex::new(registers))
    }

    /// BOOT_42 by the one rule that fits what was seen of it, for drivers that read only BOOT_0.
    fn derive_boot_42(&mut self) -> Option<&'static str> {
        let registers = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let place = (NV_PMC_BOOT_42.offset().bytes(), 4);
        if registers.contains_key(&place) {
            return None;
        }
        let boot_0 = registers.get(&(NV_PMC_BOOT_0.offset().bytes(), 4))?.0.first().copied()?;
        let value = boot_0.value & 0x1ff0_0000 | (boot_0.value & 0xff) << 12;
        registers.insert(place, (vec![BusAccess { offset: place.0, value, ..boot_0 }], 0));
        Some("boot42")
    }

    fn get<W: Word>(&self, at: Offset<W>) -> Result<W, BusError> {
        let mut registers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((answers, asked)) = registers.get_mut(&(at.bytes(), W::BYTES)) else {
            let place = output::offset(at.bytes());
            return Err(BusError::new(ErrorKind::Denied, format!("the trace has no read of {place}")));
        };
        let answer = answers.get(*asked).or(answers.last());
        *asked += 1;
        match answer.map(|access| (access.value, access.error)) {
            Some((value, None)) => Ok(W::truncate(value)),
            Some((_, Some(kind))) => Err(BusError::new(kind, format!("{kind}, as it was recorded"))),
            None => Err(BusError::new(ErrorKind::Protocol, "the trace is empty here")),
        }
    }
}

const READ_ONLY: &str = "a recording cannot be written";

macro_rules! recorded {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, at: Offset<$word>) -> Result<$word, BusError> {
            self.get(at)
        }
        fn $write(&self, _at: Offset<$word>, _value: $word) -> Result<(), BusError> {
            Err(BusError::new(ErrorKind::Denied, READ_ONLY))
        }
    )*};
}

impl Bus for Recorded {
    type Error = BusError;
    recorded! {
        read8 write8 u8;
        read16 write16 u16;
        read32 write32 u32;
    }
}

/// A machine in which nothing happens any more.
struct Still(u64);

impl Machine for Still {
    fn now(&self) -> u64 {
        self.0
    }
    fn pass(&self, _until: u64) {}
    fn take_interrupt(&self) -> bool {
        false
    }
}

/// Where a driver is in the trace it runs against; shared by its bus and its machine.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// Accesses answered so far.
    at: AtomicUsize,
    /// The time, in ns.
    now: AtomicU64,
    /// Before which access an interrupt message arrived, and when. In order.
    interrupts: Vec<(usize, u64)>,
    delivered: AtomicUsize,
}

impl Cursor {
    /// The start of `trace`; interrupt messages are where its remarks say.
    pub(crate) fn new(trace: &TraceFile) -> Self {
        Self { interrupts: interrupts(trace), ..Self::default() }
    }

    /// The interrupt message that comes next, if it comes before the next access.
    fn due(&self) -> Option<u64> {
        let (before, time) = self.interrupts.get(self.delivered.load(Relaxed))?;
        (*before == self.at.load(Relaxed)).then_some(*time)
    }
}

/// The remark that says that an interrupt message was delivered here.
pub(crate) const INTERRUPT_MARK: &str = "interrupt";

/// Where `trace` has interrupt messages.
fn interrupts(trace: &TraceFile) -> Vec<(usize, u64)> {
    let marks = trace.marks.iter().filter(|(_, _, text)| text == INTERRUPT_MARK);
    marks.map(|(before, time, _)| (*before, *time)).collect()
}

impl Machine for Cursor {
    fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    fn pass(&self, until: u64) {
        let until = self.due().map_or(until, |time| until.min(time));
        self.now.fetch_max(until, Relaxed);
    }

    fn take_interrupt(&self) -> bool {
        // Not before its time: the driver may have something to do first, as it had then.
        let due = self.due().is_some_and(|time| time <= self.now());
        if due {
            self.delivered.fetch_add(1, Relaxed);
        }
        due
    }
}

/// The accesses of a trace, each moving the cursor on.
#[derive(Debug)]
pub(crate) struct Script {
    trace: Arc<TraceFile>,
    cursor: Arc<Cursor>,
}

impl Script {
    /// The script of `trace`.
    pub(crate) fn new(trace: Arc<TraceFile>, cursor: Arc<Cursor>) -> Self {
        Self { trace, cursor }
    }
}

impl Source for Script {
    type Error = Infallible;

    fn next_access(&mut self) -> Result<Option<BusAccess>, Infallible> {
        // Asked for only when the driver makes an access, or is done.
        let at = self.cursor.at.load(Relaxed);
        let access = self.trace.accesses.get(at).copied();
        if let Some(access) = access {
            self.cursor.at.store(at + 1, Relaxed);
            self.cursor.now.fetch_max(access.time_ns, Relaxed);
        }
        Ok(access)
    }
}
