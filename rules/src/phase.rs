//! Phases: what time makes of a condition.
//!
//! ```text
//!            met                held long enough              calm
//!   Quiet ─────────► Suspected ─────────────────► Raised ─────────────► Clearing ──► Quiet
//!     ▲                  │                          ▲                      │    calm long
//!     └──────────────────┘                          └──────────────────────┘    enough
//!            not met                                        met again
//! ```
//!
//! - Quiet → Suspected: the condition is met. With nothing to hold for it is Raised at once.
//! - Suspected → Quiet: a reading proves that the condition is not met.
//! - Suspected → Raised: it was met for `held_for`, counting only time that runs.
//! - Raised → Clearing: a reading proves calm. The proof runs from that moment.
//! - Clearing → Raised: the condition is met again.
//! - Clearing → Quiet: `clear_for` passed in one piece, every moment of it proven.
//!
//! In a hole no timer runs. What was held stays held: Suspected goes on afterwards. What was
//! proven is not: Clearing begins anew. The same for a reading that proves nothing.
//! Knows nothing of points and rules; time is an argument, the next deadline an answer.

use firegrid_wire::span::SpanId;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use crate::condition::Verdict;

/// A moment of one clock. The two clocks are two types, so that no phase can mix them.
pub trait Instant: Copy + Ord {
    /// This moment and some time after it.
    fn after(self, lasting: Millis) -> Self;
    /// How long ago `earlier` was; zero if it was not earlier.
    fn elapsed_since(self, earlier: Self) -> Millis;
}

/// Where a step of a rule stands on one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Phase<T> {
    /// The condition is not known to be met.
    #[default]
    #[serde(rename = "q")]
    Quiet,
    /// It is met, but not yet for long enough.
    #[serde(rename = "s")]
    Suspected {
        /// When it was first met.
        since: T,
        /// How long it was met before the timer last stood still.
        held: Millis,
        /// What is being measured now.
        timer: Timer<T>,
    },
    /// It was met for long enough, and nothing has proven calm since.
    #[serde(rename = "r")]
    Raised {
        /// When and in which span it was raised.
        onset: Onset<T>,
    },
    /// The last reading proved calm.
    #[serde(rename = "c")]
    Clearing {
        /// When and in which span it was raised.
        onset: Onset<T>,
        /// The proof of calm.
        proof: Timer<T>,
    },
}

/// Time that is measured, or stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Timer<T> {
    /// It runs since this moment.
    #[serde(rename = "r")]
    Running(T),
    /// It stands still: a hole, a blind device, or a reading that proves nothing.
    #[serde(rename = "s")]
    Standing,
}

/// Which raising it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Onset<T> {
    /// The span of gateway time; none in centre time.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanId>,
    /// When.
    #[serde(rename = "t")]
    pub at: T,
}

/// How long a step must hold and must be calm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long the condition must be met before it raises.
    pub held_for: Millis,
    /// How long calm must be proven before it clears.
    pub clear_for: Millis,
}

/// One look at the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look<T> {
    /// What the reading says of `when`.
    pub when: Verdict,
    /// What it says of `clear_when`.
    pub calm: Verdict,
    /// The moment it says it of.
    pub now: Onset<T>,
    /// How far time is vouched for: a timer that stops has counted up to here.
    pub vouched: T,
    /// Whether timers may run: no hole, and the device is not blind.
    pub runs: bool,
    /// Whether it raises even where no timer may run: fire-class.
    pub at_once: bool,
}

/// What a look or a deadline changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn<T> {
    /// Suspected or Quiet became Raised.
    Raised(Onset<T>),
    /// Clearing became Raised.
    Relapsed(Onset<T>),
    /// The proof of calm began.
    Calmed(Onset<T>),
    /// The proof of calm is complete.
    Cleared(Onset<T>),
}

impl<T: Instant> Phase<T> {
    /// What a reading makes of the phase.
    pub fn look(self, look: Look<T>, timing: Timing) -> (Phase<T>, Option<Turn<T>>) {
        let now = look.now.at;
        let start = if look.runs { Timer::Running(now) } else { Timer::Standing };
        let ripe = timing.held_for == Millis::ZERO && (look.runs || look.at_once);
        match (self, look.when) {
            (Phase::Quiet | Phase::Suspected { .. }, Verdict::Met) if ripe => {
                (Phase::Raised { onset: look.now }, Some(Turn::Raised(look.now)))
            }
            (Phase::Quiet, Verdict::Met) => {
                (Phase::Suspected { since: now, held: Millis::ZERO, timer: start }, None)
            }
            (Phase::Quiet, Verdict::Unmet | Verdict::Undecided) => (Phase::Quiet, None),
            (Phase::Suspected { since, held, timer: Timer::Standing }, Verdict::Met) => {
                (Phase::Suspected { since, held, timer: start }, None)
            }
            (Phase::Suspected { timer: Timer::Running(_), .. }, Verdict::Met) => (self, None),
            (Phase::Suspected { .. }, Verdict::Unmet) => (Phase::Quiet, None),
            (Phase::Suspected { .. }, Verdict::Undecided) => (self.interrupt(look.vouched), None),
            (Phase::Raised { .. }, Verdict::Met) => (self, None),
            (Phase::Raised { onset }, Verdict::Unmet | Verdict::Undecided) => match look.calm {
                Verdict::Met => calm(onset, start),
                Verdict::Unmet | Verdict::Undecided => (self, None),
            },
            (Phase::Clearing { onset, .. }, Verdict::Met) => {
                (Phase::Raised { onset }, Some(Turn::Relapsed(onset)))
            }
            (Phase::Clearing { onset, proof }, Verdict::Unmet | Verdict::Undecided) => {
                match (look.calm, proof) {
                    (Verdict::Met, Timer::Running(_)) => (self, None),
                    (Verdict::Met, Timer::Standing) => calm(onset, start),
                    (Verdict::Unmet | Verdict::Undecided, _) => {
                        (Phase::Clearing { onset, proof: Timer::Standing }, None)
                    }
                }
            }
        }
    }

    /// A hole: no timer runs from `vouched` on.
    pub fn interrupt(self, vouched: T) -> Phase<T> {
        match self {
            Phase::Quiet | Phase::Raised { .. } => self,
            Phase::Suspected { since, held, timer } => {
                let more = match timer {
                    Timer::Running(from) => vouched.elapsed_since(from),
                    Timer::Standing => Millis::ZERO,
                };
                Phase::Suspected { since, held: held.plus(more), timer: Timer::Standing }
            }
            Phase::Clearing { onset, .. } => Phase::Clearing { onset, proof: Timer::Standing },
        }
    }

    /// When time alone changes the phase.
    pub fn deadline(self, timing: Timing) -> Option<T> {
        match self {
            Phase::Quiet | Phase::Raised { .. } => None,
            Phase::Suspected { held, timer: Timer::Running(from), .. } => {
                Some(from.after(timing.held_for.minus(held)))
            }
            Phase::Clearing { proof: Timer::Running(from), .. } => {
                Some(from.after(timing.clear_for))
            }
            Phase::Suspected { timer: Timer::Standing, .. }
            | Phase::Clearing { proof: Timer::Standing, .. } => None,
        }
    }

    /// The deadline has come, at its own time.
    pub fn pass(self, now: Onset<T>) -> (Phase<T>, Option<Turn<T>>) {
        match self {
            Phase::Suspected { timer: Timer::Running(_), .. } => {
                (Phase::Raised { onset: now }, Some(Turn::Raised(now)))
            }
            Phase::Clearing { onset, proof: Timer::Running(_) } => {
                (Phase::Quiet, Some(Turn::Cleared(onset)))
            }
            Phase::Quiet
            | Phase::Raised { .. }
            | Phase::Suspected { timer: Timer::Standing, .. }
            | Phase::Clearing { proof: Timer::Standing, .. } => (self, None),
        }
    }
}

impl<T> Phase<T> {
    /// The same phase with its moments written in another way.
    pub fn map<U>(self, write: impl Fn(T) -> U) -> Phase<U> {
        match self {
            Phase::Quiet => Phase::Quiet,
            Phase::Suspected { since, held, timer } => {
                Phase::Suspected { since: write(since), held, timer: timer.map(write) }
            }
            Phase::Raised { onset } => Phase::Raised { onset: onset.map(write) },
            Phase::Clearing { onset, proof } => {
                Phase::Clearing { onset: onset.map(&write), proof: proof.map(write) }
            }
        }
    }
}

impl<T> Timer<T> {
    fn map<U>(self, write: impl Fn(T) -> U) -> Timer<U> {
        match self {
            Timer::Running(from) => Timer::Running(write(from)),
            Timer::Standing => Timer::Standing,
        }
    }
}

impl<T> Onset<T> {
    fn map<U>(self, write: impl Fn(T) -> U) -> Onset<U> {
        Onset { span: self.span, at: write(self.at) }
    }
}

fn calm<T: Copy>(onset: Onset<T>, proof: Timer<T>) -> (Phase<T>, Option<Turn<T>>) {
    let turn = match proof {
        Timer::Running(_) => Some(Turn::Calmed(onset)),
        Timer::Standing => None,
    };
    (Phase::Clearing { onset, proof }, turn)
}

macro_rules! instant {
    ($name:ident) => {
        impl Instant for $name {
            fn after(self, lasting: Millis) -> $name {
                self.plus(lasting)
            }
            fn elapsed_since(self, earlier: $name) -> Millis {
                self.since(earlier)
            }
        }
    };
}

instant!(GatewayTime);
instant!(CentreTime);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing =
        Timing { held_for: Millis::seconds(300), clear_for: Millis::seconds(1_800) };

    fn onset(seconds: i64) -> Onset<GatewayTime> {
        Onset { span: None, at: GatewayTime::from_millis(seconds * 1_000) }
    }

    fn look(seconds: i64, when: Verdict, runs: bool) -> Look<GatewayTime> {
        let now = onset(seconds);
        Look { when, calm: when.not(), now, vouched: now.at, runs, at_once: false }
    }

    /// Plays looks, holes and deadlines; a deadline that has come by then passes first.
    fn play(steps: &[(i64, &str)]) -> Vec<(i64, &'static str)> {
        let (mut phase, mut said) = (Phase::Quiet, Vec::new());
        for &(seconds, what) in steps {
            let now = onset(seconds);
            if let Some(due) = phase.deadline(TIMING).filter(|due| *due <= now.at) {
                let (next, turn) = phase.pass(Onset { at: due, ..now });
                phase = next;
                said.extend(turn.map(|turn| (due.millis() / 1_000, word(turn))));
            }
            let (next, turn) = match what {
                "met" => phase.look(look(seconds, Verdict::Met, true), TIMING),
                "met in a hole" => phase.look(look(seconds, Verdict::Met, false), TIMING),
                "calm" => phase.look(look(seconds, Verdict::Unmet, true), TIMING),
                "calm in a hole" => phase.look(look(seconds, Verdict::Unmet, false), TIMING),
                "nothing" => phase.look(look(seconds, Verdict::Undecided, true), TIMING),
                "hole" => (phase.interrupt(now.at), None),
                _ => (phase, None),
            };
            phase = next;
            said.extend(turn.map(|turn| (seconds, word(turn))));
        }
        said
    }

    fn word(turn: Turn<GatewayTime>) -> &'static str {
        match turn {
            Turn::Raised(_) => "raised",
            Turn::Relapsed(_) => "relapsed",
            Turn::Calmed(_) => "calmed",
            Turn::Cleared(_) => "cleared",
        }
    }

    #[track_caller]
    fn check(steps: &[(i64, &str)], said: &[(i64, &str)]) {
        assert_eq!(play(steps), said);
    }

    #[test]
    fn it_raises_and_clears_at_the_very_moment_each_falls_due() {
        check(
            &[(0, "met"), (299, "later"), (900, "calm"), (2_699, "later"), (2_700, "later")],
            &[(300, "raised"), (900, "calmed"), (2_700, "cleared")],
        );
        check(&[(0, "met"), (299, "calm"), (9_999, "later")], &[]);
    }

    #[test]
    fn what_was_held_before_a_hole_counts_and_the_hole_does_not() {
        check(
            &[(0, "met"), (200, "hole"), (5_000, "met"), (5_099, "later"), (5_100, "later")],
            &[(5_100, "raised")],
        );
        check(&[(0, "met"), (200, "hole"), (5_000, "calm"), (9_999, "later")], &[]);
    }

    #[test]
    fn the_proof_of_calm_begins_anew_after_a_hole() {
        check(
            &[(0, "met"), (400, "calm"), (2_100, "hole"), (2_160, "calm"), (4_000, "later")],
            &[(300, "raised"), (400, "calmed"), (2_160, "calmed"), (3_960, "cleared")],
        );
    }

    #[test]
    fn a_reading_that_proves_nothing_breaks_the_proof_and_keeps_what_was_held() {
        check(
            &[(0, "met"), (400, "calm"), (500, "nothing"), (9_999, "later")],
            &[(300, "raised"), (400, "calmed")],
        );
        check(
            &[(0, "met"), (200, "nothing"), (1_000, "met"), (1_100, "later")],
            &[(1_100, "raised")],
        );
    }

    #[test]
    fn a_relapse_is_told_and_starts_the_proof_anew() {
        check(
            &[(0, "met"), (400, "calm"), (500, "met"), (600, "calm"), (2_400, "later")],
            &[
                (300, "raised"),
                (400, "calmed"),
                (500, "relapsed"),
                (600, "calmed"),
                (2_400, "cleared"),
            ],
        );
    }

    #[test]
    fn in_a_hole_nothing_begins() {
        check(&[(0, "met in a hole"), (9_999, "later")], &[]);
        check(&[(0, "met"), (400, "calm in a hole"), (9_999, "later")], &[(300, "raised")]);
    }

    #[test]
    fn with_nothing_to_hold_for_it_raises_at_once_and_fire_even_in_a_hole() {
        let timing = Timing { held_for: Millis::ZERO, ..TIMING };
        let hole = look(7, Verdict::Met, false);
        let (phase, turn) = Phase::Quiet.look(hole, timing);
        assert_eq!(turn, None);
        assert_eq!(phase.look(look(8, Verdict::Met, true), timing).1, Some(Turn::Raised(onset(8))));
        let fire = Look { at_once: true, ..hole };
        assert_eq!(Phase::Quiet.look(fire, timing).1, Some(Turn::Raised(onset(7))));
    }
}
