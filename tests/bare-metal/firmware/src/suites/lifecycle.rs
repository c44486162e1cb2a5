//! The contract, line by line; `docs/lifecycle.md` has the list. L4, L12, L13 and L16 are not here: they are about
//! machine code, types and allocators, and nothing about them is different on this machine.

use nova_core::bus::{Bus as _, Place as _};
use nova_core::hal::Nanos;
use nova_core::lifecycle::{
    EntryKind, Outside, ProbeError, Refused, RemoveError, Session, SessionError, State,
};
use nova_core::regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER;
use nova_core::{Error, ErrorKind};

use super::bench::{
    GPU, Nova, TOY, bind, bind_toy, call, nothing_happens, or_log, remove, remove_toy, run_for, wait_for,
};
use super::{Case, Failed, Found, ensure};
use crate::gpu::{self, Bus};
use crate::host::{self, BareHost};
use crate::platform;
use crate::toy::{self, Toy};

pub(super) const CASES: [Case; 18] = [
    Case { name: "L1 after remove no access reaches the bus", run: l01 },
    Case { name: "L2 after remove no callback runs, though the timer's interrupt kept calling in", run: l02 },
    Case { name: "L3 remove waits for a callback that is inside, and frees nothing before", run: l03 },
    Case { name: "L3 remove at any moment of the interrupts leaves nobody inside", run: l03_any_moment },
    Case { name: "L5 an entry after remove began is refused and touches nothing", run: l05 },
    Case { name: "L6 work that queues itself and timers that set themselves do not stall remove", run: l06 },
    Case { name: "L7 teardown is the exact reverse", run: l07_reverse },
    Case { name: "L7 a probe that fails at any place undoes exactly what it did", run: l07_fails },
    Case { name: "L8 remove from inside is answered, not deadlocked", run: l08_inside },
    Case { name: "L8 a request from inside is carried out by the host", run: l08_request },
    Case { name: "L9 a GPU that is pulled out is found out and let go of without an access", run: l09_lost },
    Case { name: "L9 no wait takes a dead GPU for success", run: l09_wait },
    Case { name: "L10 a deadline names the blocker and frees nothing", run: l10 },
    Case { name: "L11 a hundred bindings leak nothing", run: l11 },
    Case { name: "L14 suspend parks what comes, resume runs it", run: l14_parks },
    Case { name: "L14 sleep without power: time and alarms are as if it had not been", run: l14_power },
    Case { name: "L15 a client's calls are refused after remove and never reach a later binding", run: l15 },
    Case { name: "a GPU that is not there is not bound", run: not_there },
];

/// Raises the CPU doorbell behind the driver's back.
fn ring() {
    let Ok(()) = Bus::new().write32(TRIGGER.offset(), toy::VECTOR);
}

/// Everything the toy has calls in, again and again.
fn is_busy() -> Found {
    let ran = host::calls().ran;
    wait_for("the toy to be busy", Nanos::from_millis(50), || host::calls().ran > ran + 200)
}

fn l01(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    call(&client, outside, |cx| {
        Nova::set_load(cx, true);
        Ok(())
    })?;
    let counted = || call(&client, &mut Outside::new(), |cx| Ok(cx.data().load_counts()));
    run_for(Nanos::from_millis(2));
    let counts = counted()?;
    ensure!(counts.turns > 10 && counts.interrupts > 3, "the load did not run: {}", counts);
    ring();
    remove(outside)?;
    nothing_happens()
}

fn l02(outside: &mut Outside) -> Found {
    bind_toy(outside)?;
    is_busy()?;
    remove_toy(outside)?;
    ensure!(host::registered() == 0, "{=usize} callbacks are registered", host::registered());
    nothing_happens()
}

fn l03(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let registered = host::registered();
    call(&client, outside, |_| {
        let removed = GPU.remove_within(&mut Outside::new(), Nanos::from_millis(1));
        let as_it_was = host::registered() == registered && gpu::flush_address() != 0;
        Ok((matches!(removed, Err(RemoveError::Blocked(_))), as_it_was))
    })
    .and_then(|(blocked, as_it_was)| {
        ensure!(blocked, "remove did not wait");
        ensure!(as_it_was, "something was taken down with somebody inside");
        Ok(())
    })?;
    // The caller has left: it goes through at once.
    or_log(GPU.remove_within(outside, Nanos::ZERO)).map(drop)
}

fn l03_any_moment(outside: &mut Outside) -> Found {
    const ROUNDS: u64 = 60;
    let refused = host::calls().refused;
    for round in 0..ROUNDS {
        bind_toy(outside)?;
        // The toy's timer has a period of 20 us: every phase of it has its turn.
        run_for(Nanos(100_000 + round * 311));
        remove_toy(outside)?;
        ensure!(toy::inside() == 0 && TOY.inside().is_empty(), "somebody is inside");
        let ran = host::calls().ran;
        run_for(Nanos::from_micros(100));
        ensure!(host::calls().ran == ran, "driver code ran after remove");
    }
    let turned_away = host::calls().refused - refused;
    defmt::info!("of {=u64} removals, {=u32} calls were turned away at the gate", ROUNDS, turned_away);
    ensure!(turned_away > 0, "no interrupt came in the middle of a remove");
    Ok(())
}

fn l05(outside: &mut Outside) -> Found {
    bind_toy(outside)?;
    is_busy()?;
    let client = or_log(Session::open(&TOY, &Toy::CLIENT))?;
    let other = client.clone();
    let inside = client.call(outside, |_| Ok(knock(&other)));
    let (ran, accesses, refused, late) = or_log(inside)?;
    ensure!(ran == 0, "{=u32} callbacks were let in", ran);
    ensure!(accesses == 0, "{=u32} accesses reached the bus", accesses);
    ensure!(refused > 0, "nobody knocked");
    ensure!(late == Some(Refused::Removing), "a client's call got {}", late);
    remove_toy(outside)
}

/// From inside a call: begins a remove, lets the machine run, and gives what ran, reached the bus and was refused.
fn knock(other: &Session<&'static toy::ToyDevice>) -> (u32, u32, u32, Option<Refused>) {
    let mut outside = Outside::new();
    let _blocked = TOY.remove_within(&mut outside, Nanos::ZERO);
    let (calls, accesses) = (host::calls(), gpu::accesses());
    run_for(Nanos::from_millis(2));
    let after = host::calls();
    let late = match other.call(&mut outside, |_| Ok(())) {
        Err(SessionError::Refused(refused)) => Some(refused),
        _ => None,
    };
    (after.ran - calls.ran, gpu::accesses() - accesses, after.refused - calls.refused, late)
}

fn l06(outside: &mut Outside) -> Found {
    for _ in 0..10 {
        bind_toy(outside)?;
        is_busy()?;
        let before = platform::now();
        remove_toy(outside)?;
        let took = platform::now().since(before);
        ensure!(took < Nanos::from_millis(1), "remove took {}", took);
    }
    nothing_happens()
}

fn l07_reverse(outside: &mut Outside) -> Found {
    bind_toy(outside)?;
    remove_toy(outside)?;
    ensure!(toy::diary_is(b"abcCBA!"), "not in this order");
    Ok(())
}

fn l07_fails(outside: &mut Outside) -> Found {
    // What each place before which the probe fails has behind it.
    let expected: [&[u8]; 8] = [b"!", b"aA!", b"aA!", b"abBA!", b"abBA!", b"abBA!", b"abBA!", b"abBA!"];
    for (place, expected) in expected.into_iter().enumerate() {
        toy::plan(place);
        let isolated = host::isolations();
        let probed = TOY.probe(outside, &TOY, BareHost, Bus::new());
        let told = matches!(probed, Err(ProbeError::Driver { error: toy::ToyError::Told, .. }));
        ensure!(told, "the probe that was to fail gave {}", probed);
        ensure!(toy::diary_is(expected), "before `{=str}`: something else was undone", toy::PLACES[place]);
        ensure!(TOY.state() == State::Unbound, "the device is {}", TOY.state());
        ensure!(host::registered() == 0, "{=usize} callbacks are registered", host::registered());
        ensure!(host::isolations() == isolated + 1, "the device was not isolated");
        nothing_happens()?;
    }
    bind_toy(outside)?;
    remove_toy(outside)
}

fn l08_inside(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let blocked = call(&client, outside, |_| {
        Ok(matches!(GPU.remove(&mut Outside::new()), Err(RemoveError::Blocked(_))))
    })?;
    ensure!(blocked, "remove was not blocked by its own caller");
    ensure!(GPU.state() == State::Removing, "the device is {}", GPU.state());
    remove(outside)
}

fn l08_request(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let asked = host::removals();
    call(&client, outside, |cx| {
        cx.request_remove();
        Ok(())
    })?;
    ensure!(host::removals() == asked + 1, "the host was not asked");
    let removed = or_log(GPU.remove_if_requested(outside, Nanos::ZERO))?;
    ensure!(removed.is_some_and(|removed| !removed.lost), "nothing was removed");
    ensure!(GPU.state() == State::Removed, "the device is {}", GPU.state());
    Ok(())
}

fn l09_lost(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    gpu::plug(false);
    // Nobody uses it: the driver's heartbeat finds out.
    wait_for("the heartbeat", Nanos::from_millis(300), || GPU.state() == State::Lost)?;
    let late = client.call(outside, |_| Ok(()));
    ensure!(late == Err(SessionError::Refused(Refused::Lost)), "a client's call got {}", late);
    let accesses = gpu::accesses();
    let removed = or_log(GPU.remove_if_requested(outside, Nanos::ZERO))?;
    ensure!(removed.is_some_and(|removed| removed.lost), "not removed as lost");
    ensure!(gpu::accesses() == accesses, "a GPU that is gone was talked to");
    // It comes back as one that has been without power.
    gpu::plug(true);
    gpu::power_cycle();
    bind(outside)?;
    remove(outside)
}

fn l09_wait(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let waited = client.call(outside, |cx| {
        let mut looks = 0;
        Nova::timer(cx).wait_on("nothing", Nanos::from_millis(1), || {
            looks += 1;
            if looks == 5 {
                gpu::plug(false);
            }
            // All ones would satisfy this.
            let word = Nova::io(cx).read_untyped(TIME)?;
            Ok((word == u32::MAX).then_some(()))
        })
    });
    ensure!(waited == Err(SessionError::Driver(Error::Gone)), "the wait ended with {}", waited);
    ensure!(GPU.state() == State::Lost, "the device is {}", GPU.state());
    remove(outside)?;
    gpu::plug(true);
    gpu::power_cycle();
    Ok(())
}

/// A register that can be read at any time.
const TIME: nova_core::bus::Offset<u32> = match nova_core::bus::Offset::new(0x9400) {
    Ok(offset) => offset,
    Err(_) => panic!("there is such an offset"),
};

fn l10(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let limit = Nanos::from_millis(3);
    let entered = platform::now();
    let blocker = call(&client, outside, |_| match GPU.remove_within(&mut Outside::new(), limit) {
        Err(RemoveError::Blocked(blocker)) => Ok(Some(blocker)),
        _ => Ok(None),
    })?;
    let Some(blocker) = blocker else {
        defmt::error!("remove was not blocked");
        return Err(Failed);
    };
    defmt::info!("{}", defmt::Display2Format(&blocker));
    ensure!(blocker.who.kind == EntryKind::Session && blocker.who.name == "client", "another was named");
    ensure!(blocker.waited >= limit, "gave up after {}", blocker.waited);
    ensure!(blocker.who.since.is_some_and(|since| since >= entered), "it does not say since when");
    ensure!(gpu::flush_address() != 0 && host::free_pages() == 0, "something was freed");
    remove(outside)
}

fn l11(outside: &mut Outside) -> Found {
    for round in 0..100 {
        bind(outside)?;
        ensure!(host::free_pages() == 0 && host::registered() == 4, "binding {=i32} is another", round);
        remove(outside)?;
        ensure!(host::free_pages() == 1 && host::registered() == 0, "binding {=i32} leaked", round);
    }
    Ok(())
}

fn l14_parks(outside: &mut Outside) -> Found {
    bind_toy(outside)?;
    is_busy()?;
    or_log(TOY.suspend(outside, Nanos::from_millis(10)))?;
    nothing_happens()?;
    let ran = host::calls().ran;
    or_log(TOY.resume(outside))?;
    // The timer and the work were refused while it slept, and have nobody else to set them again.
    wait_for("what was parked", Nanos::from_millis(10), || host::calls().ran > ran + 50)?;
    remove_toy(outside)?;
    ensure!(toy::diary_is(b"abcsBAabwCBA!"), "not in this order");
    Ok(())
}

fn l14_power(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    let (before, id) = call(&client, outside, |cx| {
        let now = Nova::time(cx)?;
        Ok((now, Nova::schedule(cx, now + 20_000_000)?))
    })?;
    or_log(GPU.suspend(outside, Nanos::from_millis(10)))?;
    let accesses = gpu::accesses();
    gpu::power_cycle();
    run_for(Nanos::from_millis(5));
    ensure!(gpu::accesses() == accesses, "a GPU that sleeps was touched");
    or_log(GPU.resume(outside))?;
    let after = call(&client, outside, Nova::time)?;
    ensure!(
        (5_000_000..10_000_000).contains(&(after - before)),
        "the time went by {=u64} ns",
        after - before
    );
    let until = platform::now() + Nanos::from_millis(40);
    let fired = or_log(client.wait(outside, &BareHost, until, |cx| Ok(Nova::fired(cx, id))))?;
    ensure!(fired.seen >= fired.at, "an alarm was early");
    remove(outside)
}

fn l15(outside: &mut Outside) -> Found {
    let client = bind(outside)?;
    remove(outside)?;
    let late = client.call(outside, |_| Ok(()));
    ensure!(late == Err(SessionError::Refused(Refused::Removed)), "after remove: {}", late);
    let newer = bind(outside)?;
    let stale = client.call(outside, |_| Ok(()));
    ensure!(stale == Err(SessionError::Refused(Refused::Stale)), "in a later binding: {}", stale);
    call(&newer, outside, |_| Ok(()))?;
    remove(outside)
}

fn not_there(outside: &mut Outside) -> Found {
    gpu::plug(false);
    let probed = GPU.probe(outside, &GPU, BareHost, Bus::new());
    gpu::plug(true);
    let kind = match &probed {
        Err(ProbeError::Driver { error, .. }) => Some(error.kind()),
        _ => None,
    };
    ensure!(
        kind == Some(ErrorKind::Gone) || kind == Some(ErrorKind::Unsupported),
        "bound to nothing: {}",
        probed
    );
    Ok(())
}
