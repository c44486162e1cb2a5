//! The states of a device, the table of legal transitions, and the one place that performs them.

use core::fmt;

use crate::sync::{AtomicU8, Ordering};

/// Where a device is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum State {
    /// No driver has it.
    Unbound = 0,
    /// A driver is being set up. The gate is closed.
    Probing = 1,
    /// In use. The gate is open.
    Bound = 2,
    /// Asleep. The gate is closed; entries are parked.
    Suspended = 3,
    /// Being taken down. The gate is closed.
    Removing = 4,
    /// Taken down; may be bound again.
    Removed = 5,
    /// The hardware went away under the driver. The gate is closed; removal is due.
    Lost = 6,
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Unbound,
        Self::Probing,
        Self::Bound,
        Self::Suspended,
        Self::Removing,
        Self::Removed,
        Self::Lost,
    ];

    /// The name as people write it: `bound`, `removed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::Probing => "probing",
            Self::Bound => "bound",
            Self::Suspended => "suspended",
            Self::Removing => "removing",
            Self::Removed => "removed",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What makes a device change its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transition {
    /// A host asks for the driver.
    Probe,
    /// Every step of probe is done.
    Bind,
    /// A step of probe failed and the steps before it have been undone.
    Unwind,
    /// The host goes to sleep.
    Suspend,
    /// The host woke up, or going to sleep failed.
    Resume,
    /// The host wants the device back.
    Remove,
    /// Everything has been freed.
    Finish,
    /// The hardware is gone.
    Lose,
}

impl Transition {
    /// All transitions.
    pub const ALL: [Self; 8] = [
        Self::Probe,
        Self::Bind,
        Self::Unwind,
        Self::Suspend,
        Self::Resume,
        Self::Remove,
        Self::Finish,
        Self::Lose,
    ];

    /// What has happened to a device that made this transition, as people write it.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Probe => "being probed",
            Self::Bind => "bound",
            Self::Unwind => "probe undone",
            Self::Suspend => "being suspended",
            Self::Resume => "resumed",
            Self::Remove => "being removed",
            Self::Finish => "removed",
            Self::Lose => "lost",
        }
    }
}

/// The legal transitions; everything else is refused.
pub const TABLE: &[(State, Transition, State)] = &[
    (State::Unbound, Transition::Probe, State::Probing),
    (State::Removed, Transition::Probe, State::Probing),
    (State::Probing, Transition::Bind, State::Bound),
    (State::Probing, Transition::Unwind, State::Unbound),
    // A panic in the driver's probe leaves the device here with what it had set up so far.
    (State::Probing, Transition::Remove, State::Removing),
    (State::Bound, Transition::Suspend, State::Suspended),
    (State::Suspended, Transition::Resume, State::Bound),
    (State::Bound, Transition::Remove, State::Removing),
    (State::Suspended, Transition::Remove, State::Removing),
    (State::Lost, Transition::Remove, State::Removing),
    // Removal that was interrupted by its deadline goes on.
    (State::Removing, Transition::Remove, State::Removing),
    (State::Removing, Transition::Finish, State::Removed),
    (State::Bound, Transition::Lose, State::Lost),
    (State::Suspended, Transition::Lose, State::Lost),
];

/// Where `transition` leads from `state`, if it is legal.
///
/// ```
/// use nova_core::lifecycle::{State, Transition, next};
///
/// // The life of a device that is unplugged while it is in use, and comes back.
/// let mut state = State::Unbound;
/// for transition in [
///     Transition::Probe,
///     Transition::Bind,
///     Transition::Lose,
///     Transition::Remove,
///     Transition::Finish,
///     Transition::Probe,
/// ] {
///     state = next(state, transition).expect("legal");
/// }
/// assert_eq!(state, State::Probing);
///
/// // One that is lost does not come back by itself: removal is first.
/// assert_eq!(next(State::Lost, Transition::Bind), None);
/// ```
pub fn next(state: State, transition: Transition) -> Option<State> {
    TABLE.iter().find(|row| row.0 == state && row.1 == transition).map(|row| row.2)
}

/// A transition that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IllegalTransition {
    /// The state the device is in.
    pub state: State,
    /// What was asked of it.
    pub transition: Transition,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match self.transition {
            Transition::Probe => "probed",
            Transition::Bind => "bound",
            Transition::Unwind => "unwound",
            Transition::Suspend => "suspended",
            Transition::Resume => "resumed",
            Transition::Remove => "removed",
            Transition::Finish => "finished",
            Transition::Lose => "lost",
        };
        write!(f, "a device that is {} cannot be {asked}", self.state)
    }
}

impl core::error::Error for IllegalTransition {}

/// The state of one device.
pub(super) struct StateCell(AtomicU8);

impl StateCell {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(State::Unbound as u8))
    }

    /// The state now. What was done before the transition to it is visible.
    pub(super) fn get(&self) -> State {
        match self.0.load(Ordering::Acquire) {
            0 => State::Unbound,
            1 => State::Probing,
            2 => State::Bound,
            3 => State::Suspended,
            4 => State::Removing,
            6 => State::Lost,
            // 5; the cell only ever holds what `go` put there.
            _ => State::Removed,
        }
    }

    /// Performs a transition and gives the state before, or says why not. The only writer of the state.
    pub(super) fn go(&self, transition: Transition) -> Result<State, IllegalTransition> {
        // Each turn lost means that somebody else made a legal transition; there are few in a row.
        loop {
            let state = self.get();
            let Some(to) = next(state, transition) else {
                return Err(IllegalTransition { state, transition });
            };
            let swap = self.0.compare_exchange(state as u8, to as u8, Ordering::AcqRel, Ordering::Relaxed);
            if swap.is_ok() {
                return Ok(state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_function() {
        for (i, a) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(i + 1).all(|b| (a.0, a.1) != (b.0, b.1)), "{a:?} twice");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_left() {
        for state in State::ALL {
            assert!(state == State::Unbound || TABLE.iter().any(|row| row.2 == state && row.0 != state));
            assert!(TABLE.iter().any(|row| row.0 == state && row.2 != state));
        }
    }

    #[test]
    fn removal_is_legal_from_every_state_that_holds_something() {
        for state in State::ALL {
            let holds = !matches!(state, State::Unbound | State::Removed);
            assert_eq!(next(state, Transition::Remove).is_some(), holds, "{state}");
        }
    }

    #[test]
    fn every_state_is_stored_and_found_again() {
        for state in State::ALL {
            assert_eq!(StateCell(AtomicU8::new(state as u8)).get(), state);
        }
    }

    #[test]
    fn an_illegal_transition_changes_nothing_and_says_so() {
        let cell = StateCell::new();
        let error = cell.go(Transition::Remove).expect_err("nothing to remove");
        assert_eq!(error, IllegalTransition { state: State::Unbound, transition: Transition::Remove });
        assert_eq!(cell.get(), State::Unbound);
    }
}
