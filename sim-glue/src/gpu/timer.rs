//! PTIMER: one counter behind all its views, an alarm that compares for equality, and the countdowns.
//!
//! Times called `now` are the host's, in ns; the *count* is what the registers show. The count steps by 32 ns and has
//! 61 bits. That the alarm fires on equality of the low word only is envytools' finding; it means that an alarm set
//! to a time just past fires 2^32 ns (4.29 s) later, and that a set alarm fires again at every wrap.

/// 28:0 of the high word above 32 bits of the low one.
const COUNT_BITS: u64 = (1 << 61) - 1;
/// Bits below the step of 32 ns, which read zero.
const STEP_BITS: u64 = 31;
/// Bits of the alarm in units of the step: 31:5.
const ALARM_STEPS: u64 = (1 << 27) - 1;
/// Bits below the step of the countdowns, 1024 ns.
const COUNTDOWN_STEP: u64 = 1023;
/// How long a new offset takes on Hopper and later until UPDATE reads DONE; a made-up number.
const UPDATE_NS: u64 = 256;
/// No event.
pub(super) const NEVER: u64 = u64::MAX;

/// What happened up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fired {
    pub(super) alarm: bool,
    pub(super) countdown: bool,
}

/// The timer of one GPU.
#[derive(Debug)]
pub(super) struct Timer {
    /// Count minus host time.
    base: u64,
    /// The count is stuck here: a fault.
    frozen: Option<u64>,
    /// So many reads of the low word are bad: a fault.
    bad_reads: u32,
    /// High word written, waiting for the low word to commit both.
    high: Option<u32>,
    /// Whether the host may write the time at all.
    writable: bool,
    alarm: u32,
    /// The step at which the alarm was last found equal, so that it fires once per wrap.
    matched: u64,
    /// Host time of the next equality.
    alarm_at: u64,
    /// Host times at which the countdowns end.
    countdowns: [u64; 2],
    /// Hopper: count minus secure timer, as written.
    offset: [u32; 2],
    /// Hopper: host time from which UPDATE reads DONE.
    updated_at: u64,
    /// Hopper: secure timer minus host time.
    secure: u64,
}

impl Timer {
    pub(super) fn new(count: u64, now: u64, writable: bool) -> Self {
        let base = count.wrapping_sub(now);
        let mut timer = Self {
            base,
            frozen: None,
            bad_reads: 0,
            high: None,
            writable,
            alarm: 0,
            matched: 0,
            alarm_at: NEVER,
            countdowns: [NEVER; 2],
            offset: [0; 2],
            updated_at: 0,
            secure: base,
        };
        timer.matched = timer.steps(now);
        timer.schedule(now);
        timer
    }

    /// The count, in ns.
    pub(super) fn count(&self, now: u64) -> u64 {
        self.frozen.unwrap_or_else(|| self.base.wrapping_add(now)) & COUNT_BITS & !STEP_BITS
    }

    pub(super) fn read_low(&mut self, now: u64) -> u32 {
        let low = self.count(now) as u32;
        if self.bad_reads > 0 {
            self.bad_reads -= 1;
            return low | STEP_BITS as u32;
        }
        low
    }

    pub(super) fn read_high(&self, now: u64) -> u32 {
        (self.count(now) >> 32) as u32
    }

    /// TIME_1 is written; false when the host may not.
    pub(super) fn write_high(&mut self, value: u32) -> bool {
        if self.writable {
            self.high = Some(value);
        }
        self.writable
    }

    /// TIME_0 is written, which commits; false when the host may not.
    pub(super) fn write_low(&mut self, value: u32, now: u64) -> bool {
        if self.writable {
            // Without a new high word the old one stays: inferred.
            let high = self.high.take().unwrap_or_else(|| self.read_high(now));
            self.set_count(u64::from(high) << 32 | u64::from(value), now);
        }
        self.writable
    }

    pub(super) fn set_count(&mut self, count: u64, now: u64) {
        let count = count & COUNT_BITS & !STEP_BITS;
        self.base = count.wrapping_sub(now);
        if self.frozen.is_some() {
            self.frozen = Some(count);
        }
        // A new time that equals the alarm fires it.
        self.matched = u64::MAX;
        self.schedule(now);
    }

    /// Stops the count, or lets it go on from where it stopped.
    pub(super) fn freeze(&mut self, frozen: bool, now: u64) {
        match (frozen, self.frozen) {
            (true, None) => self.frozen = Some(self.count(now)),
            (false, Some(count)) => {
                self.frozen = None;
                self.base = count.wrapping_sub(now);
            }
            _ => return,
        }
        self.schedule(now);
    }

    pub(super) fn corrupt(&mut self, reads: u32) {
        self.bad_reads = reads;
    }

    pub(super) const fn alarm(&self) -> u32 {
        self.alarm
    }

    pub(super) fn set_alarm(&mut self, value: u32, now: u64) {
        let value = super::rows::alarm(value);
        if value != self.alarm {
            // The comparator sees a new value: equal to the present step, it fires at once.
            self.matched = u64::MAX;
        }
        self.alarm = value;
        self.schedule(now);
    }

    /// Host time at which the alarm next finds the time equal.
    pub(super) const fn alarm_at(&self) -> u64 {
        self.alarm_at
    }

    /// Host time at which the first countdown ends.
    pub(super) fn countdown_at(&self) -> u64 {
        self.countdowns[0].min(self.countdowns[1])
    }

    /// Time left of a countdown, in the register's form.
    pub(super) fn countdown(&self, which: usize, now: u64) -> u32 {
        match self.countdowns.get(which) {
            Some(&end) if end != NEVER => (end.saturating_sub(now) & !COUNTDOWN_STEP) as u32,
            _ => 0,
        }
    }

    /// Starts a countdown of `value` ns, or stops it with 0.
    pub(super) fn set_countdown(&mut self, which: usize, value: u32, now: u64) {
        let span = u64::from(value) & !COUNTDOWN_STEP;
        if let Some(end) = self.countdowns.get_mut(which) {
            *end = if span == 0 { NEVER } else { now + span };
        }
    }

    /// The secure timer, which nobody sets.
    pub(super) const fn secure(&self, now: u64) -> u64 {
        self.secure.wrapping_add(now) & COUNT_BITS & !STEP_BITS
    }

    /// OFFSET_0 or OFFSET_1 as it reads.
    pub(super) const fn offset(&self, word: usize, now: u64) -> u32 {
        match word {
            0 => self.offset[0] | (now < self.updated_at) as u32,
            _ => self.offset[1],
        }
    }

    /// OFFSET_1 is written; it counts once OFFSET_0 is written with UPDATE.
    pub(super) fn set_offset_high(&mut self, value: u32) {
        self.offset[1] = value & 0x1fff_ffff;
    }

    /// OFFSET_0 is written; with UPDATE it takes up both words. That it acts at once is inferred.
    pub(super) fn set_offset_low(&mut self, value: u32, now: u64) {
        self.offset[0] = value & !(STEP_BITS as u32);
        if value & 1 != 0 {
            self.updated_at = now + UPDATE_NS;
            let offset = u64::from(self.offset[1]) << 32 | u64::from(self.offset[0]);
            self.set_count(self.secure(now).wrapping_add(offset), now);
        }
    }

    /// Host time of the next change of state.
    pub(super) fn due(&self) -> u64 {
        self.alarm_at.min(self.countdown_at())
    }

    /// Lets everything happen that is due.
    pub(super) fn advance(&mut self, now: u64) -> Fired {
        let mut fired = Fired::default();
        if self.alarm_at <= now {
            fired.alarm = true;
            self.matched = self.steps(self.alarm_at);
            self.schedule(now);
        }
        for end in &mut self.countdowns {
            if *end <= now {
                fired.countdown = true;
                *end = NEVER;
            }
        }
        fired
    }

    /// The running count in steps, unbounded.
    const fn steps(&self, now: u64) -> u64 {
        self.base.wrapping_add(now) >> 5
    }

    /// Finds the next equality from `now` on.
    fn schedule(&mut self, now: u64) {
        if self.frozen.is_some() {
            self.alarm_at = NEVER;
            return;
        }
        let steps = self.steps(now);
        let distance = (u64::from(self.alarm >> 5).wrapping_sub(steps)) & ALARM_STEPS;
        let into_step = self.base.wrapping_add(now) & STEP_BITS;
        self.alarm_at = match distance {
            0 if steps != self.matched => now,
            0 => now + ((ALARM_STEPS + 1) << 5) - into_step,
            _ => now + (distance << 5) - into_step,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRAP: u64 = 1 << 32;

    fn at(count: u64) -> Timer {
        Timer::new(count, 0, true)
    }

    #[test]
    fn the_low_five_bits_and_the_top_three_read_zero() {
        let mut timer = at(u64::MAX);
        assert_eq!(timer.read_low(0), !31);
        assert_eq!(timer.read_high(0), 0x1fff_ffff);
        assert_eq!(timer.count(31) & 31, 0);
    }

    #[test]
    fn the_alarm_fires_on_the_step_it_names_and_a_wrap_later_again() {
        let mut timer = at(1000 * 32);
        timer.set_alarm(1010 * 32, 0);
        assert_eq!(timer.alarm_at(), 320);
        assert!(!timer.advance(319).alarm);
        assert!(timer.advance(320).alarm);
        assert!(!timer.advance(320).alarm);
        assert_eq!(timer.alarm_at(), 320 + WRAP);
    }

    #[test]
    fn an_alarm_in_the_past_fires_a_wrap_late() {
        let mut timer = at(1000 * 32);
        timer.set_alarm(999 * 32, 0);
        assert_eq!(timer.alarm_at(), WRAP - 32);
    }

    #[test]
    fn an_alarm_set_to_the_present_step_fires_now() {
        let mut timer = at(1000 * 32 + 7);
        timer.set_alarm(1000 * 32, 0);
        assert!(timer.advance(0).alarm);
        assert_eq!(timer.alarm_at(), WRAP - 7);
    }

    #[test]
    fn time_is_committed_by_the_low_word() {
        let mut timer = at(0);
        assert!(timer.write_high(5));
        assert_eq!(timer.read_high(100), 0);
        assert!(timer.write_low(0x1234_5678, 100));
        assert_eq!(timer.count(100), 5 << 32 | 0x1234_5660);
    }

    #[test]
    fn a_protected_time_stays() {
        let mut timer = Timer::new(0, 0, false);
        assert!(!timer.write_high(5) && !timer.write_low(64, 0));
        assert_eq!(timer.count(0), 0);
    }

    #[test]
    fn a_frozen_count_fires_nothing_and_goes_on_where_it_stopped() {
        let mut timer = at(0);
        timer.set_alarm(3200, 0);
        timer.freeze(true, 1000);
        assert_eq!((timer.count(5000), timer.alarm_at()), (992, NEVER));
        timer.freeze(false, 10_000);
        assert_eq!(timer.count(10_032), 1024);
        assert_eq!(timer.alarm_at(), 10_000 + 3200 - 992);
    }

    #[test]
    fn an_offset_counts_from_the_secure_timer_once_updated() {
        let mut timer = at(1 << 40);
        timer.set_offset_high(1);
        timer.set_offset_low(64, 0);
        assert_eq!(timer.count(0), 1 << 40);
        timer.set_offset_low(64 | 1, 0);
        assert_eq!(timer.count(0), (1 << 40) + WRAP + 64);
        assert_eq!(timer.offset(0, 0), 65);
        assert_eq!(timer.offset(0, UPDATE_NS), 64);
        assert_eq!(timer.secure(0), 1 << 40);
    }

    #[test]
    fn a_countdown_ends_once() {
        let mut timer = at(0);
        timer.set_countdown(0, 5000, 0);
        assert_eq!((timer.countdown(0, 0), timer.countdown_at()), (4096, 4096));
        assert!(timer.advance(4096).countdown);
        assert!(!timer.advance(9000).countdown);
        assert_eq!(timer.countdown(0, 9000), 0);
    }
}
