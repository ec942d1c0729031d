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
