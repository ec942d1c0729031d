//! Gateway time: what a moment of uptime is called inside one span.
//!
//! ```text
//! born ──► runs with the monotonic clock only
//!            │ the wall clock was set by up to 5 s: follows it slowly, never backwards
//!            │ the wall clock was set by more:      a new span must be born
//! ```
//!
//! Begins at the latest of wall clock, newest time in the spool, and build date. So it may be
//! ahead of the wall clock for ever; what is followed is how the wall clock *changes*.

use firegrid_wire::limits::CLOCK_STEP_MS;
use firegrid_wire::span::SpanId;
use firegrid_wire::time::{GatewayTime, Millis};

use crate::clock::Uptime;

/// A correction is spread so that a second of gateway time lasts at most 5 ms longer or shorter.
const SLEW_ONE_IN: u64 = 200;

/// Differences up to this are the noise of reading two clocks one after the other.
const NOISE_MS: i64 = 20;

/// The clock of one span. Small, and copied to whoever must tell gateway time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanClock {
    span: SpanId,
    begin: Course,
    begin_wall: GatewayTime,
    before: Course,
    now: Course,
}

/// A straight piece of the way from uptime to gateway time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    from: Uptime,
    time: GatewayTime,
    correction_ms: i64,
}

/// How the wall clock stands to gateway time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WallClock {
    /// Both run together, or soon will.
    Follows,
    /// It was set by more than 5 s: this span is over.
    Stepped,
}

impl SpanClock {
    /// A span begins. `floor` is the latest time that is already taken: newest time in the
    /// spool, build date.
    pub fn born(span: SpanId, now: Uptime, wall: GatewayTime, floor: GatewayTime) -> SpanClock {
        let course = Course { from: now, time: wall.max(floor), correction_ms: 0 };
        SpanClock { span, begin: course, begin_wall: wall, before: course, now: course }
    }

    /// The span whose time it is.
    pub fn span(&self) -> SpanId {
        self.span
    }

    /// When the span was born.
    pub fn begin(&self) -> GatewayTime {
        self.begin.time
    }

    /// What a moment is called. A moment before the span was born counts as its begin.
    pub fn at(&self, moment: Uptime) -> GatewayTime {
        if self.now.from <= moment {
            self.now.at(moment)
        } else {
            self.before.at(moment).min(self.now.time).max(self.begin.time)
        }
    }

    /// Compares with the wall clock and begins to follow it.
    pub fn compare(&mut self, now: Uptime, wall: GatewayTime) -> WallClock {
        let moved = wall.millis().saturating_sub(self.begin_wall.millis());
        let aim = self.begin.time.millis().saturating_add(moved);
        let behind = aim.saturating_sub(self.at(now).millis());
        if CLOCK_STEP_MS < behind.saturating_abs() {
            return WallClock::Stepped;
        }
        if NOISE_MS < (behind - self.now.still_to_correct(now)).abs() {
            let course = Course { from: now, time: self.at(now), correction_ms: behind };
            self.before = std::mem::replace(&mut self.now, course);
        }
        WallClock::Follows
    }
}

impl Course {
    fn at(&self, moment: Uptime) -> GatewayTime {
        if moment < self.from {
            return self.time.minus(self.from.since(moment));
        }
        let straight = self.time.plus(moment.since(self.from));
        let corrected = Millis::new(self.corrected(moment).unsigned_abs());
        if self.correction_ms < 0 { straight.minus(corrected) } else { straight.plus(corrected) }
    }

    /// How much has been corrected by then; with the sign of the whole correction.
    fn corrected(&self, moment: Uptime) -> i64 {
        let so_far = (moment.since(self.from).get() / SLEW_ONE_IN)
            .min(self.correction_ms.unsigned_abs()) as i64;
        so_far * self.correction_ms.signum()
    }

    fn still_to_correct(&self, moment: Uptime) -> i64 {
        self.correction_ms - self.corrected(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uptime(seconds: u64) -> Uptime {
        Uptime::after(Millis::seconds(seconds))
    }

    fn time(seconds: i64) -> GatewayTime {
        GatewayTime::from_millis(seconds * 1_000)
    }

    fn born(wall: i64, floor: i64) -> SpanClock {
        SpanClock::born(SpanId::from_bits(1), uptime(10), time(wall), time(floor))
    }

    #[test]
    fn time_begins_at_the_latest_of_what_is_known() {
        assert_eq!(born(5_000, 4_000).at(uptime(10)), time(5_000));
        assert_eq!(born(0, 4_000).at(uptime(12)), time(4_002));
    }

    #[test]
    fn a_moment_before_the_birth_counts_as_the_begin() {
        assert_eq!(born(5_000, 0).at(uptime(3)), time(5_000));
    }

    #[test]
    fn a_clock_that_began_behind_the_spool_has_not_stepped() {
        let mut clock = born(0, 4_000);
        assert_eq!(clock.compare(uptime(70), time(60)), WallClock::Follows);
        assert_eq!(clock.at(uptime(70)), time(4_060));
    }

    #[test]
    fn a_step_of_the_wall_clock_ends_the_span() {
        for wall in [5_066, 5_054] {
            assert_eq!(born(5_000, 0).compare(uptime(70), time(wall)), WallClock::Stepped);
        }
    }

    #[test]
    fn a_small_step_is_followed_slowly_and_completely() {
        for wall in [5_063, 5_057] {
            let mut clock = born(5_000, 0);
            assert_eq!(clock.compare(uptime(70), time(wall)), WallClock::Follows);
            assert_eq!(clock.at(uptime(70)), time(5_060), "nothing jumps");
            assert_eq!(clock.at(uptime(1_070)), time(wall + 1_000), "it arrives");
            assert_eq!(clock.compare(uptime(1_070), time(wall + 1_000)), WallClock::Follows);
        }
    }

    #[test]
    fn time_never_runs_backwards_while_it_follows() {
        let mut clock = born(5_000, 0);
        let mut last = clock.begin();
        for millis in (10_000..300_000_u64).step_by(50) {
            let now = Uptime::after(Millis::new(millis));
            if millis % 1_000 == 0 {
                let set_by = match millis {
                    0..60_000 => 0,
                    60_000..150_000 => -3_000,
                    _ => 1_500,
                };
                let wall = GatewayTime::from_millis(4_990_000 + millis as i64 + set_by);
                assert_eq!(clock.compare(now, wall), WallClock::Follows);
            }
            assert!(last <= clock.at(now), "at {millis}: {last:?} {:?}", clock.at(now));
            last = clock.at(now);
            let lately = Uptime::after(Millis::new(millis - 700));
            assert!(clock.at(lately) <= last);
        }
    }
}
