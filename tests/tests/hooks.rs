//! What a driver is told, and what is done for an owner who forgets.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use nova_core::bus::{Bus, Condition, Io, Offset};
use nova_core::chip::Chipset;
use nova_core::hal::{Clock as _, DmaMemory as _, Entrant, Level, Nanos, Rearm};
use nova_core::lifecycle::{
    Bound, BusOf, ChildEntry, Device, Driver, Outside, ProbeError, Probing, RegisterError, Removing, Session,
    SessionEntry, Starting, Step, TimerEntry, WorkEntry,
};
use nova_sim_glue::gpu::{Gpu, SimConfig};
use nova_sim_glue::world::{What, World, WorldHost};
use nova_tests::quiet::Quiet;
use nova_tests::toy::ToyError;

type Diary = Arc<Mutex<Vec<&'static str>>>;

/// A bus that knows whether its device is there, and what its driver is to do.
struct Slot {
    diary: Diary,
    gone: Arc<AtomicBool>,
    probe: Probe,
}

type Probe = fn(&mut Probing<'_, Small>) -> Result<(), ToyError>;

macro_rules! nothing {
    ($($read:ident $write:ident $word:ty;)*) => {$(
        fn $read(&self, _: Offset<$word>) -> Result<$word, Infallible> {
            Ok(0)
        }
        fn $write(&self, _: Offset<$word>, _: $word) -> Result<(), Infallible> {
            Ok(())
        }
    )*};
}

impl Bus for Slot {
    type Error = Infallible;
    nothing! { read8 write8 u8; read16 write16 u16; read32 write32 u32; }

    fn condition(&self) -> Condition {
        if self.gone.load(Ordering::Relaxed) { Condition::Gone } else { Condition::Live }
    }
}

/// A driver that registers what its bus says.
struct Small {
    diary: Diary,
    probe: Probe,
}

impl Small {
    const STEP: Step<Self> = Step::new("step", Self::up, Self::down)
        .when_lost(|cx| cx.data().write("lost"))
        .sleeping(|_| Ok(()), |_| Ok(()));
    const STUBBORN: Step<Self> = Step::new("stubborn", |_| Ok(()), |_| Err(ToyError::Told));
    const WORK: WorkEntry<Self> = WorkEntry::new(0, "work", |_| Err(ToyError::Told));
    const TIMER: TimerEntry<Self> = TimerEntry::new(1, "timer", |cx| {
        cx.data().write("timer");
        Ok(Rearm::No)
    });
    const CLIENT: SessionEntry<Self> = SessionEntry::new(0, "client");
    const CHILD: ChildEntry<Self> = ChildEntry::new(0, "child");

    fn write(&self, what: &'static str) {
        self.diary.lock().expect("no panic").push(what);
    }

    #[expect(clippy::unnecessary_wraps, reason = "a step's")]
    fn up(cx: &Starting<'_, Self>) -> Result<(), ToyError> {
        cx.data().write("up");
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "a step's")]
    fn down(cx: &Removing<'_, Self>) -> Result<(), ToyError> {
        cx.data().write("down");
        Ok(())
    }
}

impl Driver for Small {
    type Host = Quiet<WorldHost<Slot>>;
    type Error = ToyError;

    fn attach(io: Io<'_, BusOf<Self>>, _: &Quiet<WorldHost<Slot>>) -> Result<Self, ToyError> {
        if io.bus().condition() == Condition::Gone {
            return Err(ToyError::Gone);
        }
        Ok(Self { diary: io.bus().diary.clone(), probe: io.bus().probe })
    }

    fn probe(cx: &mut Probing<'_, Self>) -> Result<(), ToyError> {
        (cx.data().probe)(cx)
    }

    fn ready(cx: &Bound<'_, Self>) {
        let _ = cx.queue(&Self::WORK);
    }
}

/// A device with room for two, and what is around it.
struct Rig {
    world: World,
    gpu: Gpu,
    device: Arc<Device<Small, 2>>,
    diary: Diary,
    gone: Arc<AtomicBool>,
}

impl Rig {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            gpu: Gpu::new(SimConfig::new(Chipset::GA102)),
            device: Arc::default(),
            diary: Arc::default(),
            gone: Arc::default(),
        }
    }

    fn probe(&self, probe: Probe) -> Result<(), ProbeError<ToyError>> {
        let (host, _) = self.world.attach(&self.gpu);
        let bus = Slot { diary: self.diary.clone(), gone: self.gone.clone(), probe };
        let handle: Arc<dyn Entrant> = self.device.clone();
        self.device.probe(&mut Outside::new(), handle, Quiet(host), bus)
    }

    /// One without entries, so that no host has a handle.
    fn bound(seed: u64) -> Self {
        let rig = Self::new(seed);
        rig.probe(|cx| cx.step(&Small::STEP)).expect("binds");
        rig
    }

    fn read(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.diary.lock().expect("no panic"))
    }

    /// What is written when the device is dropped.
    fn read_after_drop(self) -> Vec<&'static str> {
        self.read();
        drop(self.device);
        assert_eq!(Arc::strong_count(&self.diary), 1, "L11: something is left");
        std::mem::take(&mut *self.diary.lock().expect("no panic"))
    }
}

#[test]
fn l07_a_device_that_is_dropped_while_bound_is_taken_down() {
    assert_eq!(Rig::bound(1).read_after_drop(), ["down"]);
}

#[test]
fn l09_a_device_that_is_dropped_when_gone_is_not_talked_to() {
    let rig = Rig::bound(2);
    rig.gone.store(true, Ordering::Relaxed);
    assert_eq!(rig.read_after_drop(), ["lost"]);
}

#[test]
fn l14_a_device_that_is_dropped_asleep_is_not_talked_to() {
    let rig = Rig::bound(3);
    rig.device.suspend(&mut Outside::new(), Nanos::ZERO).expect("sleeps");
    assert_eq!(rig.read_after_drop(), ["lost"]);
}

#[test]
fn a_callback_or_a_step_that_fails_is_told_to_the_log() {
    let rig = Rig::new(4);
    rig.probe(|cx| cx.step(&Small::STUBBORN).and_then(|()| cx.work(&Small::WORK))).expect("binds");
    let told = |what: &str| {
        let line = format!("{what}: {}", ToyError::Told);
        rig.world.log().iter().filter(|(_, level, text)| *level == Level::Warn && *text == line).count()
    };
    rig.world.run_for(Nanos::from_micros(100));
    assert_eq!((told("work"), told("stubborn")), (1, 0));
    let removed = rig.device.remove(&mut Outside::new()).expect("is removed");
    assert_eq!(removed.failed, Some("stubborn"));
    assert_eq!((told("work"), told("stubborn")), (1, 1));
}

#[test]
fn l07_what_there_is_no_room_for_is_not_begun() {
    let full = |step| {
        Err(ProbeError::Driver { step, error: ToyError::Register(RegisterError::Full { capacity: 2 }) })
    };
    let rig = Rig::new(5);
    let three: Probe = |cx| (0..3).try_for_each(|_| cx.step(&Small::STEP));
    assert_eq!(rig.probe(three), full("step"));
    assert_eq!(rig.read(), ["up", "up", "down", "down"]);
    let last: Probe =
        |cx| (0..2).try_for_each(|_| cx.step(&Small::STEP)).and_then(|()| cx.work(&Small::WORK));
    assert_eq!(rig.probe(last), full("work"));
    let journal = rig.world.journal();
    assert!(!journal.iter().any(|record| matches!(record.what, What::Registered(..))), "{journal:?}");
    assert_eq!(rig.read(), ["up", "up", "down", "down"]);
}

#[test]
fn a_number_is_given_once_whatever_the_kind() {
    let taken =
        |step| Err(ProbeError::Driver { step, error: ToyError::Register(RegisterError::Taken { id: 0 }) });
    let rig = Rig::new(6);
    let probe: Probe = |cx| cx.work(&Small::WORK).and_then(|()| cx.sessions(&Small::CLIENT));
    assert_eq!(rig.probe(probe), taken("client"));
    let probe: Probe = |cx| cx.sessions(&Small::CLIENT).and_then(|()| cx.children(&Small::CHILD));
    assert_eq!(rig.probe(probe), taken("child"));
    let probe: Probe = |cx| cx.children(&Small::CHILD).and_then(|()| cx.work(&Small::WORK));
    assert_eq!(rig.probe(probe), taken("work"));
}

#[test]
fn who_is_inside_is_told_without_a_roll_as_well() {
    let rig = Rig::new(7);
    rig.probe(|cx| cx.sessions(&Small::CLIENT)).expect("binds");
    let client = Session::open(rig.device.clone(), &Small::CLIENT).expect("is bound");
    let inside = client.call(&mut Outside::new(), |_| Ok(rig.device.inside())).expect("is let in");
    assert_eq!(inside.iter().map(|who| (who.name, who.since)).collect::<Vec<_>>(), [("client", None)]);
    assert!(rig.device.inside().is_empty());
}

#[test]
fn a_timer_that_is_taken_back_does_not_fire() {
    for taken_back in [false, true] {
        let rig = Rig::new(8);
        rig.probe(|cx| cx.sessions(&Small::CLIENT).and_then(|()| cx.timer(&Small::TIMER))).expect("binds");
        let client = Session::open(rig.device.clone(), &Small::CLIENT).expect("is bound");
        let set = client.call(&mut Outside::new(), |cx| {
            cx.arm(&Small::TIMER, cx.clock().now() + Nanos::from_micros(50)).expect("is registered");
            if taken_back {
                cx.disarm(&Small::TIMER).expect("is registered");
            }
            Ok(())
        });
        set.expect("is let in");
        rig.world.run_for(Nanos::from_millis(1));
        assert_eq!(rig.read(), if taken_back { &[][..] } else { &["timer"][..] });
    }
}

#[test]
fn l01_a_device_that_is_not_attached_does_not_reach_memory() {
    let rig = Rig::new(9);
    rig.gone.store(true, Ordering::Relaxed);
    assert!(rig.probe(|_| Ok(())).is_err());
    let memory = rig.world.memory(&rig.gpu);
    let buffer = memory.allocate(64, 32).expect("there is some");
    assert!(memory.device_write(buffer.bus_address(), b"refused").is_err());
}
