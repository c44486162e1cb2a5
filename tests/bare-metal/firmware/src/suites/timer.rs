//! The GPU's timer, with alarms that arrive as interrupts.

use core::cell::Cell;

use embedded_hal::delay::DelayNs as _;
use nova_core::Error;
use nova_core::driver::BACKSTOP;
use nova_core::hal::Nanos;
use nova_core::lifecycle::{Outside, SessionError};
use nova_core::units::intr::Source;
use nova_core::units::timer::{AlarmId, Fired, MAX_ALARMS, View};

use super::bench::{Client, Nova, bind, call, or_log, remove, run_for, wait_for};
use super::{Case, Failed, Found, ensure};
use crate::gpu;
use crate::host::BareHost;
use crate::platform;

pub(super) const CASES: [Case; 11] = [
    Case { name: "time goes by as on the machine's clock, in both views", run: time_goes_by },
    Case { name: "time is read right where the low word wraps", run: wraps },
    Case { name: "a wait ends when what it waits for is there, or with its time", run: waits },
    Case { name: "a counter that stands still ends a wait", run: stands_still },
    Case { name: "a delay is never too short", run: delays },
    Case { name: "an alarm arrives by interrupt, and never early", run: alarm },
    Case { name: "as many alarms as there is room for arrive, and the next is refused", run: many_alarms },
    Case { name: "an alarm that is taken back does not arrive", run: cancelled },
    Case { name: "an alarm for a time that has passed arrives at once", run: passed },
    Case { name: "a countdown arrives by interrupt", run: countdown },
    Case { name: "an alarm whose interrupt is lost is found by the host's timer", run: backstop },
];

/// An alarm is served so soon after its time: the way from the machine's timer to the driver.
const LATENESS: Nanos = Nanos::from_micros(100);

/// Runs a case with a client of a bound GPU.
fn bound(outside: &mut Outside, f: impl FnOnce(&Client, &mut Outside) -> Found) -> Found {
    let client = bind(outside)?;
    f(&client, outside)?;
    remove(outside)
}

/// Sets an alarm so far from now.
fn set(client: &Client, outside: &mut Outside, ahead: Nanos) -> Result<AlarmId, Failed> {
    call(client, outside, |cx| Nova::schedule(cx, Nova::time(cx)? + ahead.get()))
}

/// Sleeps until an alarm arrives.
fn arrives(client: &Client, outside: &mut Outside, id: AlarmId, limit: Nanos) -> Result<Fired, Failed> {
    let until = platform::now() + limit;
    or_log(client.wait(outside, &BareHost, until, |cx| Ok(Nova::fired(cx, id))))
}

fn missed(client: &Client, outside: &mut Outside) -> Result<u32, Failed> {
    call(client, outside, |cx| Ok(cx.data().missed_interrupts()))
}

fn in_time(fired: Fired, lateness: Nanos) -> Found {
    ensure!(fired.seen >= fired.at, "an alarm was {=u64} ns early", fired.at - fired.seen);
    let late = Nanos(fired.seen - fired.at);
    ensure!(late <= lateness, "an alarm was {} late", late);
    Ok(())
}

fn time_goes_by(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let both = |outside: &mut Outside| {
            call(client, outside, |cx| {
                let timer = Nova::timer(cx);
                Ok((timer.now_through(View::Ptimer)?, timer.now_through(View::VirtualFunction)?))
            })
        };
        let (host, (first, second)) = (platform::now(), both(outside)?);
        ensure!(
            first <= second && second - first < 1_000_000,
            "the views are {=u64} ns apart",
            second - first
        );
        run_for(Nanos::from_millis(10));
        let passed = both(outside)?.0 - first;
        let on_host = platform::now().since(host).get();
        ensure!(
            on_host.abs_diff(passed) < 200_000,
            "{=u64} ns passed, on the machine {=u64}",
            passed,
            on_host
        );
        Ok(())
    })
}

fn wraps(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let start = (7_u64 << 32) - 50_000;
        call(client, outside, |cx| Nova::timer(cx).set(start))?;
        let mut last = start;
        while last < (7 << 32) + 50_000 {
            let now = call(client, outside, Nova::time)?;
            ensure!(now >= last && now - last < 1_000_000, "from {=u64:#x} to {=u64:#x}", last, now);
            last = now;
        }
        Ok(())
    })
}

fn waits(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let looks = Cell::new(0);
        let third = || {
            looks.set(looks.get() + 1);
            Ok((looks.get() == 3).then_some(looks.get()))
        };
        let value =
            call(client, outside, |cx| Nova::timer(cx).wait_on("a look", Nanos::from_millis(1), third))?;
        ensure!(value == 3, "the wait gave {=i32}", value);
        let limit = Nanos::from_micros(300);
        let before = platform::now();
        let never = client.call(outside, |cx| Nova::timer(cx).wait_on("nothing", limit, || Ok(None::<()>)));
        let took = platform::now().since(before);
        let timed_out = matches!(never, Err(SessionError::Driver(Error::Timeout { what: "nothing", .. })));
        ensure!(timed_out, "the wait ended with {}", never);
        ensure!(took >= limit && took < limit + Nanos::from_millis(1), "it took {}", took);
        Ok(())
    })
}

fn stands_still(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        gpu::freeze(true);
        let limit = Nanos::from_millis(1);
        let waited = client.call(outside, |cx| Nova::timer(cx).wait_on("nothing", limit, || Ok(None::<()>)));
        gpu::freeze(false);
        let stalled = matches!(waited, Err(SessionError::Driver(Error::Stalled { .. })));
        ensure!(stalled, "the wait ended with {}", waited);
        Ok(())
    })
}

fn delays(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        for span in [1_000, 77_777, 1_000_000] {
            let before = platform::now();
            call(client, outside, |cx| {
                let mut delay = Nova::delay(cx);
                delay.delay_ns(span);
                delay.take_error()
            })?;
            let took = platform::now().since(before).get();
            ensure!(took + 64 >= span.into(), "{=u32} ns were {=u64}", span, took);
            ensure!(took < u64::from(span) + 500_000, "{=u32} ns were {=u64}", span, took);
        }
        Ok(())
    })
}

fn alarm(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let mut worst = Nanos::ZERO;
        for round in 0..20 {
            let id = set(client, outside, Nanos(400_000 + round * 12_347))?;
            let fired = arrives(client, outside, id, Nanos::from_millis(10))?;
            in_time(fired, LATENESS)?;
            worst = worst.max(Nanos(fired.seen - fired.at));
        }
        let served = call(client, outside, |cx| Ok(Nova::intr(cx).count_of(Source::ALARM)))?;
        ensure!(served >= 20, "{=u32} alarm interrupts were served", served);
        ensure!(missed(client, outside)? == 0, "an alarm was found by the backstop");
        defmt::info!("worst lateness of 20 alarms: {}", worst);
        Ok(())
    })
}

fn many_alarms(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let start = call(client, outside, Nova::time)? + 4_000_000;
        // Far from in order: 11 and the capacity have no common factor.
        let at = |n: usize| start + (n * 11 % MAX_ALARMS) as u64 * 50_000;
        let mut ids = [None; MAX_ALARMS];
        for (n, id) in ids.iter_mut().enumerate() {
            *id = Some(call(client, outside, |cx| Nova::schedule(cx, at(n)))?);
        }
        let more = client.call(outside, |cx| Nova::schedule(cx, start));
        ensure!(
            matches!(more, Err(SessionError::Driver(Error::AlarmsFull { .. }))),
            "one more was taken: {}",
            more
        );
        for (n, id) in ids.into_iter().enumerate() {
            let Some(id) = id else { return Err(Failed) };
            let fired = arrives(client, outside, id, Nanos::from_millis(20))?;
            ensure!(fired.at >= at(n) && fired.at < at(n) + 32, "alarm {=usize} has another time", n);
            in_time(fired, LATENESS)?;
        }
        Ok(())
    })
}

fn cancelled(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let kept = set(client, outside, Nanos::from_millis(2))?;
        let dropped = set(client, outside, Nanos::from_millis(1))?;
        let was_armed = call(client, outside, |cx| Nova::cancel(cx, dropped))?;
        ensure!(was_armed, "it had fired already");
        in_time(arrives(client, outside, kept, Nanos::from_millis(10))?, LATENESS)?;
        let fired = call(client, outside, |cx| Ok(Nova::fired(cx, dropped)))?;
        ensure!(fired.is_none(), "it arrived all the same");
        Ok(())
    })
}

fn passed(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let id = call(client, outside, |cx| Nova::schedule(cx, Nova::time(cx)? - 1_000))?;
        let fired = call(client, outside, |cx| Ok(Nova::fired(cx, id)))?;
        ensure!(fired.is_some(), "it is waited for");
        Ok(())
    })
}

fn countdown(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let served = |outside: &mut Outside| {
            call(client, outside, |cx| Ok(Nova::intr(cx).count_of(Source::COUNTDOWN)))
        };
        let before = served(outside)?;
        call(client, outside, |cx| Nova::timer(cx).countdown(700))?;
        run_for(Nanos::from_micros(600));
        ensure!(served(outside)? == before, "it was early");
        wait_for("the countdown", Nanos::from_millis(5), || {
            client.call(&mut Outside::new(), |cx| Ok(Nova::intr(cx).count_of(Source::COUNTDOWN)))
                == Ok(before + 1)
        })
    })
}

fn backstop(outside: &mut Outside) -> Found {
    bound(outside, |client, outside| {
        let id = set(client, outside, Nanos::from_millis(1))?;
        gpu::lose_enables();
        let fired = arrives(client, outside, id, Nanos::from_millis(50))?;
        in_time(fired, BACKSTOP + Nanos::from_millis(1))?;
        ensure!(fired.seen - fired.at > LATENESS.get(), "the interrupt was not lost");
        ensure!(missed(client, outside)? == 1, "it was not found by the backstop");
        Ok(())
    })
}
