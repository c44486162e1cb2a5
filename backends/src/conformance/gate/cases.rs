//! What one thread can see of a gate.

use nova_core::lifecycle::Gate;

use crate::conformance::Broken;

/// What is wrong, if anything is.
type Found = Result<(), &'static str>;

/// One case. It gets a gate that is closed and empty, with so many lanes, at least one; it leaves it that
/// way.
#[derive(Debug, Clone, Copy)]
pub struct Case<G> {
    /// What is claimed.
    pub name: &'static str,
    check: fn(&G, usize) -> Found,
}

impl<G: Gate> Case<G> {
    /// Runs the case, and looks whether the gate is closed and empty after it.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn run(&self, gate: &G, lanes: usize) -> Result<(), Broken> {
        let settled = |()| check(gate.busy(0).is_none(), "somebody is inside when everybody has left");
        let found = (self.check)(gate, lanes).and_then(settled);
        found.map_err(|why| Broken { case: self.name, why })
    }
}

/// Runs all cases on a new gate of `lanes` lanes.
///
/// # Errors
///
/// What is wrong first.
pub fn run<G: Gate>(gate: &G, lanes: usize) -> Result<(), Broken> {
    if lanes == 0 {
        return none_get_in(gate, 0).map_err(|why| Broken { case: "a gate without lanes stays shut", why });
    }
    cases::<G>().iter().try_for_each(|case| case.run(gate, lanes))
}

/// All cases, in an order in which the first that fails says most.
pub fn cases<G: Gate>() -> [Case<G>; 15] {
    [
        Case { name: "a gate starts closed", check: starts_closed },
        Case { name: "an open gate lets in through every lane", check: lets_in },
        Case { name: "a closed gate lets nobody in", check: refuses },
        Case { name: "every lane is named", check: names },
        Case { name: "a look may begin anywhere", check: looks_from },
        Case { name: "visits nest", check: nests },
        Case { name: "many may be inside", check: takes_many },
        Case { name: "a lane that is not there is closed", check: unknown_lane },
        Case { name: "closing keeps who is inside", check: keeps },
        Case { name: "closing twice does nothing", check: closes_twice },
        Case { name: "opening keeps who is inside", check: keeps_while_opening },
        Case { name: "being refused changes nothing", check: refusal_is_nothing },
        Case { name: "a visit that never ends counts for ever", check: never_ends },
        Case { name: "one lane's leaving is not another's", check: lanes_are_apart },
        Case { name: "a gate can be opened any number of times", check: reopens },
    ]
}

/// Nobody waits for another gate's visitors. Both gates are closed and empty.
///
/// # Errors
///
/// What is wrong.
pub fn strangers<G: Gate>(one: &G, other: &G) -> Result<(), Broken> {
    let broken = |why| Broken { case: "two gates are strangers", why };
    one.open();
    other.open();
    let pass = one.enter(0).ok_or(broken("refused at an open gate"))?;
    other.close();
    let found = check(other.busy(0).is_none(), "one gate counts who is inside the other")
        .and_then(|()| check(one.busy(0) == Some(0), "closing one gate empties the other"))
        .and_then(|()| inside(one, 0).map_err(|_| "closing one gate closes the other"));
    one.leave(0, pass);
    one.close();
    found.map_err(broken)
}

fn check(holds: bool, why: &'static str) -> Found {
    if holds { Ok(()) } else { Err(why) }
}

fn enter<G: Gate>(gate: &G, lane: usize) -> Result<G::Pass, &'static str> {
    gate.enter(lane).ok_or("refused at an open gate")
}

/// Goes in and out.
fn inside<G: Gate>(gate: &G, lane: usize) -> Found {
    enter(gate, lane).map(|pass| gate.leave(lane, pass))
}

/// Has `f` run at the open gate, and closes it again.
fn open<G: Gate>(gate: &G, f: impl FnOnce() -> Found) -> Found {
    gate.open();
    let found = f();
    gate.close();
    found
}

fn none_get_in<G: Gate>(gate: &G, lanes: usize) -> Found {
    for lane in (0..lanes).chain([lanes, usize::MAX]) {
        if let Some(pass) = gate.enter(lane) {
            gate.leave(lane, pass);
            return Err("let in");
        }
    }
    check(gate.busy(0).is_none(), "one who was refused is counted")
}

fn starts_closed<G: Gate>(gate: &G, lanes: usize) -> Found {
    check(gate.busy(0).is_none(), "counts somebody before anybody came")?;
    none_get_in(gate, lanes)
}

fn lets_in<G: Gate>(gate: &G, lanes: usize) -> Found {
    open(gate, || {
        for lane in 0..lanes {
            inside(gate, lane)?;
            check(gate.busy(0).is_none(), "one who left is counted")?;
        }
        Ok(())
    })
}

fn refuses<G: Gate>(gate: &G, lanes: usize) -> Found {
    open(gate, || inside(gate, 0))?;
    none_get_in(gate, lanes)
}

fn names<G: Gate>(gate: &G, lanes: usize) -> Found {
    for lane in 0..lanes {
        gate.open();
        let pass = enter(gate, lane)?;
        let open = gate.busy(0);
        gate.close();
        let closed = gate.busy(0);
        gate.leave(lane, pass);
        check(open == Some(lane), "an open gate names another lane, or none")?;
        check(closed == Some(lane), "a closed gate names another lane, or none")?;
        check(gate.busy(0).is_none(), "one who left is counted")?;
    }
    Ok(())
}

fn looks_from<G: Gate>(gate: &G, lanes: usize) -> Found {
    let last = lanes - 1;
    gate.open();
    let first_pass = enter(gate, 0)?;
    let last_pass = enter(gate, last)?;
    gate.close();
    let at_first = gate.busy(0);
    let after_first = gate.busy(1);
    let after_last = gate.busy(lanes);
    let at_end = gate.busy(usize::MAX);
    gate.leave(last, last_pass);
    gate.leave(0, first_pass);
    check(at_first == Some(0), "does not name the first lane")?;
    check(after_first == (last > 0).then_some(last), "does not go on after the first lane")?;
    check(after_last.is_none() && at_end.is_none(), "names a lane before the one it was to begin with")
}

fn nests<G: Gate>(gate: &G, lanes: usize) -> Found {
    for lane in [0, lanes - 1] {
        gate.open();
        let outer = enter(gate, lane)?;
        let middle = enter(gate, lane)?;
        let inner = enter(gate, lane)?;
        gate.leave(lane, inner);
        gate.leave(lane, middle);
        gate.close();
        let seen = gate.busy(0);
        gate.leave(lane, outer);
        check(seen == Some(lane), "the outer of nested visits is not counted")?;
        check(gate.busy(0).is_none(), "nested visits that have ended are counted")?;
    }
    Ok(())
}

fn takes_many<G: Gate>(gate: &G, lanes: usize) -> Found {
    fn deeper<G: Gate>(gate: &G, lane: usize, depth: u32) -> Found {
        let pass = enter(gate, lane)?;
        let below = if depth > 1 { deeper(gate, lane, depth - 1) } else { Ok(()) };
        let seen = gate.busy(0);
        gate.leave(lane, pass);
        check(seen == Some(lane), "one of many is not counted")?;
        below
    }
    // Not deeper: a kernel's stack is small.
    open(gate, || deeper(gate, lanes - 1, 20))?;
    check(gate.busy(0).is_none(), "counted when all of many have left")
}

fn unknown_lane<G: Gate>(gate: &G, lanes: usize) -> Found {
    open(gate, || {
        for lane in [lanes, lanes + 1, usize::MAX] {
            check(gate.enter(lane).is_none(), "let in")?;
        }
        check(gate.busy(0).is_none(), "counted")
    })
}

fn keeps<G: Gate>(gate: &G, lanes: usize) -> Found {
    gate.open();
    let pass = enter(gate, lanes - 1)?;
    gate.close();
    let seen = gate.busy(0);
    let again = gate.busy(0);
    gate.leave(lanes - 1, pass);
    check(seen.is_some(), "closing forgets who is inside")?;
    check(again == seen, "looking forgets who is inside")
}

fn closes_twice<G: Gate>(gate: &G, lanes: usize) -> Found {
    gate.open();
    let pass = enter(gate, 0)?;
    gate.close();
    gate.close();
    let seen = gate.busy(0);
    gate.leave(0, pass);
    check(seen == Some(0), "the second closing forgets who is inside")?;
    none_get_in(gate, lanes)?;
    open(gate, || inside(gate, 0).map_err(|_| "one opening does not undo two closings"))
}

fn keeps_while_opening<G: Gate>(gate: &G, lanes: usize) -> Found {
    // A suspend that was given up: the gate opens again, and somebody never left.
    gate.open();
    let stays = enter(gate, lanes - 1)?;
    gate.close();
    gate.open();
    let seen_open = gate.busy(0);
    let more = inside(gate, lanes - 1);
    gate.close();
    let seen = gate.busy(0);
    gate.leave(lanes - 1, stays);
    more?;
    check(seen_open.is_some() && seen.is_some(), "opening forgets who is inside")
}

fn refusal_is_nothing<G: Gate>(gate: &G, lanes: usize) -> Found {
    for _ in 0..100 {
        none_get_in(gate, lanes)?;
    }
    gate.open();
    let pass = enter(gate, 0)?;
    gate.close();
    for _ in 0..100 {
        for lane in 0..=lanes {
            if let Some(pass) = gate.enter(lane) {
                gate.leave(lane, pass);
                return Err("let in while somebody is inside");
            }
        }
    }
    let (seen, beside) = (gate.busy(0), gate.busy(1));
    gate.leave(0, pass);
    check(seen == Some(0), "being refused counts somebody out")?;
    check(beside.is_none(), "being refused counts somebody in")
}

fn never_ends<G: Gate>(gate: &G, _lanes: usize) -> Found {
    gate.open();
    let forgotten = enter(gate, 0)?;
    for _ in 0..10 {
        gate.close();
        check(gate.busy(0) == Some(0), "no longer counted after others came and went")?;
        gate.open();
        inside(gate, 0)?;
    }
    gate.close();
    gate.leave(0, forgotten);
    Ok(())
}

fn lanes_are_apart<G: Gate>(gate: &G, lanes: usize) -> Found {
    gate.open();
    let stays = enter(gate, 0)?;
    for lane in 1..lanes {
        inside(gate, lane)?;
    }
    let (first, others) = (gate.busy(0), gate.busy(1));
    gate.leave(0, stays);
    gate.close();
    check(first == Some(0), "a lane is left when others are")?;
    check(others.is_none(), "a lane is entered when another is")
}

fn reopens<G: Gate>(gate: &G, lanes: usize) -> Found {
    for lane in (0..lanes).cycle().take(100) {
        open(gate, || inside(gate, lane))?;
        check(gate.busy(0).is_none(), "not empty after a round")?;
        check(gate.enter(lane).is_none(), "let in after a round")?;
    }
    Ok(())
}
