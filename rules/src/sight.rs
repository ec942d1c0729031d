//! Sight: whether a point can be seen at all, in centre time.
//!
//! *Seen* is how far the sender vouched, moved onto the centre's clock; *heard* is any message.
//! Patience runs only while the centre listens: its own deafness is no silence of others.
//! Blindness in centre time never hinders the judgement of a backlog.

use firegrid_wire::limits::BLIND_AFTER_MS;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use crate::phase::Instant;

/// Whether a point is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It has never said anything.
    Never,
    /// It is watched.
    Seen {
        /// The last moment that was vouched for.
        last: CentreTime,
    },
    /// It is not watched now.
    Blind {
        /// The last moment that was vouched for, if any was.
        last: Option<CentreTime>,
        /// Why not.
        cause: Blindness,
    },
}

/// Why a point is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blindness {
    /// Its gateway vouches for nothing.
    Silence,
    /// Its device does not answer the gateway.
    Device,
    /// After a hole it has not been read again.
    Hole,
}

/// How long a point may be unseen before it is blind: 30 s, or three of the longest periods of
/// its lane (PROTOCOL §5).
pub fn patience(longest_period: Millis) -> Millis {
    longest_period.times(3).max(Millis::new(BLIND_AFTER_MS))
}

/// Up to when a message lets us see: its age at sending is the sender's own affair, so the
/// clocks need not agree. Never later than its arrival.
pub fn seen(arrived: CentreTime, sent: GatewayTime, until: GatewayTime) -> CentreTime {
    arrived.minus(sent.since(until))
}

/// A moment at the centre, counted on a clock that stands while the centre does not listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listened {
    /// On the clock that stands.
    counted: CentreTime,
    /// On the centre's clock.
    at: CentreTime,
}

impl Listened {
    /// The moment on the centre's clock.
    pub fn at(self) -> CentreTime {
        self.at
    }

    /// Both clocks, in whole milliseconds.
    pub(crate) fn millis(self) -> (i64, i64) {
        (self.counted.millis(), self.at.millis())
    }

    pub(crate) fn from_millis((counted, at): (i64, i64)) -> Listened {
        let [counted, at] = [counted, at].map(CentreTime::from_millis);
        Listened { counted, at }
    }
}

impl Instant for Listened {
    fn after(self, lasting: Millis) -> Listened {
        Listened { counted: self.counted.plus(lasting), at: self.at.plus(lasting) }
    }
    fn elapsed_since(self, earlier: Listened) -> Millis {
        self.counted.since(earlier.counted)
    }
}

/// How long the centre has been deaf, and whether it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ear {
    /// How long in all.
    deaf: Millis,
    /// Whether it listens now.
    state: Hearing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Hearing {
    /// It was just started and has not listened yet.
    #[default]
    NotYet,
    /// It listens; it did so last at this moment.
    Listening { last: CentreTime },
    /// It stopped listening at this moment.
    Deaf { since: CentreTime },
}

impl Ear {
    /// Time has come so far.
    pub fn reach(&mut self, now: CentreTime) {
        match &mut self.state {
            Hearing::Listening { last } => *last = now.max(*last),
            Hearing::NotYet | Hearing::Deaf { .. } => {}
        }
    }

    /// The centre begins or stops to listen.
    pub fn listening(&mut self, now: CentreTime, listening: bool) {
        self.reach(now);
        self.state = match (self.state, listening) {
            (Hearing::Deaf { since }, true) => {
                self.deaf = self.deaf.plus(now.since(since));
                Hearing::Listening { last: now.max(since) }
            }
            (Hearing::NotYet, true) => Hearing::Listening { last: now },
            (Hearing::Listening { last }, false) => Hearing::Deaf { since: last },
            (Hearing::Listening { .. }, true) | (Hearing::Deaf { .. } | Hearing::NotYet, false) => {
                self.state
            }
        };
    }

    /// What it has to remember: how long it was deaf, and since when it would be if the program
    /// ended now.
    pub(crate) fn remembered(&self) -> (Millis, Option<CentreTime>) {
        let since = match self.state {
            Hearing::Listening { last } => Some(last),
            Hearing::Deaf { since } => Some(since),
            Hearing::NotYet => None,
        };
        (self.deaf, since)
    }

    /// An ear that was deaf ever since it was written down.
    pub(crate) fn restored(deaf: Millis, since: Option<CentreTime>) -> Ear {
        let state = since.map_or(Hearing::NotYet, |since| Hearing::Deaf { since });
        Ear { deaf, state }
    }

    /// Whether the centre listens now.
    pub fn listens(&self) -> bool {
        match self.state {
            Hearing::Listening { .. } => true,
            Hearing::NotYet | Hearing::Deaf { .. } => false,
        }
    }

    /// A moment of the present, counted while the centre listens.
    pub fn listened(&self, at: CentreTime) -> Listened {
        let heard = match self.state {
            Hearing::Deaf { since } => at.min(since),
            Hearing::NotYet | Hearing::Listening { .. } => at,
        };
        Listened { counted: heard.minus(self.deaf), at }
    }

    /// The same moment told on the centre's clock, if it falls while the centre goes on
    /// listening as it does now.
    pub fn retold(&self, moment: Listened) -> Listened {
        Listened { at: moment.counted.plus(self.deaf), ..moment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> CentreTime {
        CentreTime::from_millis(seconds * 1_000)
    }

    fn sent(seconds: i64) -> GatewayTime {
        GatewayTime::from_millis(seconds * 1_000)
    }

    #[test]
    fn what_was_vouched_for_is_seen_on_the_centres_clock() {
        // The gateway's clock is an hour off; three seconds passed there until it sent.
        assert_eq!(seen(at(10_000), sent(6_403), sent(6_400)), at(9_997));
        assert_eq!(seen(at(10_000), sent(6_400), sent(6_403)), at(10_000));
    }

    #[test]
    fn patience_is_three_periods_but_at_least_half_a_minute() {
        assert_eq!(patience(Millis::new(500)), Millis::seconds(30));
        assert_eq!(patience(Millis::seconds(20)), Millis::seconds(60));
    }

    #[test]
    fn patience_runs_only_while_the_centre_listens() {
        let mut ear = Ear::default();
        ear.listening(at(100), true);
        let heard = ear.listened(at(110));
        ear.listening(at(120), false);
        assert_eq!(ear.listened(at(500)).elapsed_since(heard), Millis::seconds(10));
        ear.listening(at(620), true);
        assert_eq!(ear.listened(at(630)).elapsed_since(heard), Millis::seconds(20));
        assert_eq!(ear.retold(heard.after(Millis::seconds(20))).at(), at(630));
    }

    #[test]
    fn a_centre_that_was_down_was_deaf() {
        let mut ear = Ear::default();
        ear.listening(at(100), true);
        let heard = ear.listened(at(110));
        ear.reach(at(115));
        let (deaf, since) = ear.remembered();
        let mut ear = Ear::restored(deaf, since);
        ear.listening(at(7_315), true);
        assert_eq!(ear.listened(at(7_320)).elapsed_since(heard), Millis::seconds(10));
    }
}
