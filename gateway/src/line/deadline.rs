//! How long a device's answer is waited for, learnt from its own response times.
//!
//! Pure. As TCP waits for its receipts (RFC 6298): the smoothed time and four times its
//! variation; twice as long after every question in vain; and the first answer after one of those
//! is not averaged (Karn's rule), so that the doubled deadline stays until an answer has come at
//! the first try. Unlike there, it is also never shorter than half as long again as the
//! slowest answer of late: the large block of a slow device, read once in a hundred questions,
//! must not be late each time only because ninety-nine short ones came sooner.
//!
//! ```text
//!             a window has passed                in vain: twice as long
//!   unknown ──────────────────────► learnt ◄──────────────────────────► backed off
//!   the line's `timeout`            floor … timeout   answered at the first try
//! ```

use std::time::Duration;

use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// No deadline is shorter: a device that is busy for a moment is not late.
pub const FLOOR: Duration = Duration::from_millis(50);

/// What a device is given at least that has never been measured.
pub const UNMEASURED: Duration = Duration::from_millis(200);

/// The slowest answer is remembered for so long at least, and for two rounds of all areas.
const WINDOW: Millis = Millis::seconds(10);

/// More doublings make no difference: the line's `timeout` bounds the deadline sooner.
const MOST_DOUBLINGS: u32 = 8;

/// The deadline of one device.
#[derive(Debug, Clone)]
pub struct Deadline {
    longest: Duration,
    window: Millis,
    begun: Option<Uptime>,
    /// The slowest answer of this window and of the one before.
    slowest: [Duration; 2],
    learnt: bool,
    smoothed: Duration,
    variation: Duration,
    measured: bool,
    /// How many answers in a row did not come in time.
    in_vain: u32,
    /// One has come since.
    retried: bool,
}

impl Deadline {
    /// Nothing is known yet. `longest` is the line's `timeout`, `longest_period` how often the
    /// device's slowest area is read.
    pub fn new(longest: Duration, longest_period: Millis) -> Deadline {
        Deadline {
            longest,
            window: WINDOW.max(longest_period.times(2)),
            begun: None,
            slowest: [Duration::ZERO; 2],
            learnt: false,
            smoothed: Duration::ZERO,
            variation: Duration::ZERO,
            measured: false,
            in_vain: 0,
            retried: false,
        }
    }

    /// How long the next answer is waited for.
    pub fn now(&self) -> Duration {
        let longest = self.longest;
        self.learnt().map_or(longest, |learnt| (learnt * (1 << self.in_vain)).min(longest))
    }

    /// How long to wait at least for the asking to make sense, however the last questions ended.
    pub fn least(&self) -> Duration {
        self.learnt().unwrap_or(UNMEASURED).min(self.longest)
    }

    /// An answer has come after this long.
    pub fn answered(&mut self, after: Duration, now: Uptime) {
        self.watch_slowest(after, now);
        if self.in_vain != 0 && !std::mem::replace(&mut self.retried, true) {
            return;
        }
        self.in_vain = 0;
        if !self.measured {
            (self.smoothed, self.variation, self.measured) = (after, after / 2, true);
            return;
        }
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(after)) / 4;
        self.smoothed = (self.smoothed * 7 + after) / 8;
    }

    /// No answer has come in time.
    pub fn in_vain(&mut self) {
        self.in_vain = (self.in_vain + 1).min(MOST_DOUBLINGS);
        self.retried = false;
    }

    fn watch_slowest(&mut self, after: Duration, now: Uptime) {
        let begun = *self.begun.get_or_insert(now);
        if self.window <= now.since(begun) {
            self.slowest = [Duration::ZERO, self.slowest[0]];
            (self.begun, self.learnt) = (Some(now), true);
        }
        self.slowest[0] = self.slowest[0].max(after);
    }

    fn learnt(&self) -> Option<Duration> {
        let slowest = self.slowest[0].max(self.slowest[1]) * 3 / 2;
        let usual = self.smoothed + self.variation * 4;
        self.learnt.then(|| usual.max(slowest).max(FLOOR).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const PERIOD: Millis = Millis::new(500);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A device that answered like this, one question each half second.
    fn after(answers: impl IntoIterator<Item = u64>) -> Deadline {
        let mut deadline = Deadline::new(TIMEOUT, PERIOD);
        for (number, took) in answers.into_iter().enumerate() {
            deadline.answered(millis(took), Uptime::after(PERIOD.times(number as u64)));
        }
        deadline
    }

    #[track_caller]
    fn check(deadline: &Deadline, now: u64) {
        assert_eq!(deadline.now().as_millis(), u128::from(now), "{deadline:?}");
    }

    #[test]
    fn nothing_is_learnt_before_a_window_has_passed() {
        check(&after([]), 1_000);
        check(&after([20; 20]), 1_000);
        check(&after([20; 21]), 50);
    }

    #[test]
    fn it_is_never_shorter_than_the_floor_nor_longer_than_the_timeout() {
        check(&after([1; 100]), 50);
        check(&after([900; 100]), 1_000);
    }

    #[test]
    fn a_steady_device_is_given_half_as_long_again_as_it_needs() {
        check(&after([100; 100]), 150);
    }

    #[test]
    fn a_fickle_device_is_given_its_variation_four_times() {
        let fickle = after((0..200).map(|number| if number % 2 == 0 { 60 } else { 140 }));
        assert!((240..=280).contains(&fickle.now().as_millis()), "{fickle:?}");
    }

    #[test]
    fn a_slow_block_among_many_quick_ones_is_waited_for() {
        let mixed = after((0..400).map(|number| if number % 20 == 0 { 300 } else { 10 }));
        assert!(300 < mixed.now().as_millis(), "{mixed:?}");
    }

    #[test]
    fn every_question_in_vain_doubles_it_and_the_second_answer_ends_that() {
        let mut deadline = after([40; 100]);
        check(&deadline, 60);
        for doubled in [120, 240, 480, 960, 1_000, 1_000] {
            deadline.in_vain();
            check(&deadline, doubled);
        }
        assert_eq!(deadline.least(), millis(60), "the least it needs is what it was");
        let now = Uptime::after(Millis::seconds(51));
        deadline.answered(millis(40), now);
        check(&deadline, 1_000);
        deadline.answered(millis(40), now);
        check(&deadline, 60);
    }

    #[test]
    fn a_device_that_has_become_slow_is_given_time_at_once_when_it_has_answered() {
        let mut deadline = after([20; 100]);
        (0..3).for_each(|_| deadline.in_vain());
        let now = Uptime::after(Millis::seconds(51));
        deadline.answered(millis(350), now);
        deadline.answered(millis(350), now);
        assert!(millis(525) <= deadline.now(), "{deadline:?}");
    }

    #[test]
    fn what_was_never_measured_is_given_the_timeout_and_asked_with_less() {
        let deadline = Deadline::new(TIMEOUT, PERIOD);
        assert_eq!((deadline.now(), deadline.least()), (TIMEOUT, UNMEASURED));
        assert_eq!(Deadline::new(millis(60), PERIOD).least(), millis(60));
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds_and_above_what_was_seen_of_late(
            answers in proptest::collection::vec((1_u64..1_000, 0_u8..10), 1..300),
        ) {
            let mut deadline = Deadline::new(TIMEOUT, PERIOD);
            for (number, &(took, fate)) in answers.iter().enumerate() {
                let now = Uptime::after(PERIOD.times(number as u64));
                match fate {
                    0 => deadline.in_vain(),
                    _ => deadline.answered(millis(took), now),
                }
                prop_assert!(FLOOR <= deadline.least() && deadline.least() <= deadline.now());
                prop_assert!(deadline.now() <= TIMEOUT);
                prop_assert!(fate == 0 || millis(took) <= deadline.now());
            }
        }
    }
}
