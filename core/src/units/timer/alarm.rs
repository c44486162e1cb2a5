//! The alarms in software: which are ahead, and which have fired and not been asked for.

use heapless::Vec;

use crate::error::Error;

use super::STEP;

/// How many alarms one GPU's timer carries, armed and fired together.
pub const MAX_ALARMS: usize = 32;

/// An alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlarmId(u32);

/// An alarm that has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fired {
    /// When it was to fire, in ns of GPU time, rounded up to the counter's step.
    pub at: u64,
    /// When it was found due; never earlier.
    pub seen: u64,
}

#[derive(Clone, Copy)]
struct Alarm {
    id: AlarmId,
    at: u64,
    /// The time at which it was found due.
    seen: Option<u64>,
}

/// All alarms of one timer, armed ones in order of time.
pub(super) struct AlarmQueue {
    alarms: Vec<Alarm, MAX_ALARMS>,
    serial: u32,
}

impl AlarmQueue {
    pub(super) const fn new() -> Self {
        Self { alarms: Vec::new(), serial: 0 }
    }

    /// Adds an alarm at `at`, rounded up to the counter's step so that equality can come true.
    pub(super) fn insert(&mut self, at: u64) -> Result<AlarmId, Error> {
        let full = Error::AlarmsFull { capacity: MAX_ALARMS };
        if self.alarms.is_full() {
            return Err(full);
        }
        let at = at.div_ceil(STEP) * STEP;
        self.serial = self.serial.wrapping_add(1);
        let id = AlarmId(self.serial);
        let place = self.alarms.iter().position(|a| a.at > at).unwrap_or(self.alarms.len());
        self.alarms.insert(place, Alarm { id, at, seen: None }).map_err(|_| full)?;
        Ok(id)
    }

    /// Removes an alarm; `true` when it had not fired.
    pub(super) fn remove(&mut self, id: AlarmId) -> bool {
        self.take(id).is_some_and(|alarm| alarm.seen.is_none())
    }

    /// Removes an alarm if it has fired.
    pub(super) fn take_fired(&mut self, id: AlarmId) -> Option<Fired> {
        let seen = self.alarms.iter().find(|a| a.id == id)?.seen?;
        self.take(id).map(|alarm| Fired { at: alarm.at, seen })
    }

    /// Marks everything that is due; gives how many.
    pub(super) fn expire(&mut self, now: u64) -> usize {
        let due = self.alarms.iter_mut().filter(|a| a.seen.is_none() && a.at <= now);
        due.map(|alarm| alarm.seen = Some(now)).count()
    }

    /// The earliest armed alarm.
    pub(super) fn next(&self) -> Option<u64> {
        self.alarms.iter().find(|a| a.seen.is_none()).map(|a| a.at)
    }

    pub(super) fn armed(&self) -> usize {
        self.alarms.iter().filter(|a| a.seen.is_none()).count()
    }

    fn take(&mut self, id: AlarmId) -> Option<Alarm> {
        let place = self.alarms.iter().position(|a| a.id == id)?;
        Some(self.alarms.remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_come_in_order_and_never_early() {
        let mut queue = AlarmQueue::new();
        let late = queue.insert(1000).unwrap_or(AlarmId(0));
        let early = queue.insert(33).unwrap_or(AlarmId(0));
        assert_eq!(queue.next(), Some(64));
        assert_eq!(queue.expire(63), 0);
        assert_eq!(queue.expire(64), 1);
        assert_eq!(queue.take_fired(late), None);
        assert_eq!(queue.take_fired(early), Some(Fired { at: 64, seen: 64 }));
        assert_eq!(queue.take_fired(early), None);
        assert!(queue.remove(late));
        assert!(!queue.remove(late));
    }

    #[test]
    fn the_last_place_is_usable_and_the_next_is_a_typed_error() {
        let mut queue = AlarmQueue::new();
        for n in 0..MAX_ALARMS {
            assert!(queue.insert(n as u64).is_ok());
        }
        assert_eq!(queue.insert(0), Err(Error::AlarmsFull { capacity: MAX_ALARMS }));
        assert_eq!(queue.expire(u64::MAX), MAX_ALARMS);
    }
}
