//! Whether one box speaks under a gateway's name, or two.
//!
//! A box that restarts begins a new span and never speaks in the old one again. So a beat of an
//! earlier span that comes after its successor's is suspicious: for 60 s nothing of the gateway
//! clears (messages may have overtaken each other); more than 60 s after the successor was
//! first heard it is a second box. Batches say nothing here: a backlog is of earlier spans, and
//! tells only the sender's current one.

use firegrid_wire::span::SpanId;
use firegrid_wire::time::{CentreTime, Millis};

/// How long messages of one box may overtake each other.
pub const OVERTAKING: Millis = Millis::seconds(60);

/// Spans remembered as heard. A box that begins more of them in a minute is told apart later.
const HEARD_KEPT: usize = 64;

/// The spans that spoke under one name since the centre started.
#[derive(Debug, Clone, Default)]
pub struct Voices {
    current: Option<SpanId>,
    heard: Vec<(SpanId, CentreTime)>,
}

/// What a beat says about identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// One box speaks.
    One,
    /// Perhaps two: nothing clears until then.
    Doubtful(CentreTime),
    /// Two boxes use one identity.
    Two,
}

impl Voices {
    /// The span that speaks now.
    pub fn current(&self) -> Option<SpanId> {
        self.current
    }

    /// A batch came from a sender whose current span is this. `is_older`: admission knows that
    /// span to stand before the one that speaks now.
    pub fn batch(&mut self, current: SpanId, is_older: bool, arrived: CentreTime) {
        if self.first_heard(current).is_none() {
            self.remember(current, arrived);
            if !is_older {
                self.current = Some(current);
            }
        }
    }

    /// A beat came.
    pub fn beat(&mut self, span: SpanId, arrived: CentreTime) -> Identity {
        match self.current {
            Some(current) if current != span && self.first_heard(span).is_some() => {
                let successor = self.first_heard(current).unwrap_or(arrived);
                if OVERTAKING < arrived.since(successor) {
                    Identity::Two
                } else {
                    Identity::Doubtful(arrived.plus(OVERTAKING))
                }
            }
            Some(_) | None => {
                if self.first_heard(span).is_none() {
                    self.remember(span, arrived);
                }
                self.current = Some(span);
                Identity::One
            }
        }
    }

    /// A person said which box is the right one: what spoke before is forgotten.
    pub fn settle(&mut self) {
        *self = Voices::default();
    }

    fn first_heard(&self, span: SpanId) -> Option<CentreTime> {
        self.heard.iter().find(|(heard, _)| *heard == span).map(|(_, at)| *at)
    }

    fn remember(&mut self, span: SpanId, at: CentreTime) {
        if HEARD_KEPT <= self.heard.len() {
            self.heard.remove(0);
        }
        self.heard.push((span, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats as (span, second); what the last one says.
    #[track_caller]
    fn check(beats: &[(u64, i64)], said: Identity) {
        let mut voices = Voices::default();
        let last = beats.iter().map(|(span, second)| {
            voices.beat(SpanId::from_bits(*span), CentreTime::from_millis(second * 1_000))
        });
        assert_eq!(last.last(), Some(said));
    }

    #[test]
    fn a_box_that_goes_on_or_restarts_is_one() {
        check(&[(1, 0), (1, 10), (1, 2_000)], Identity::One);
        check(&[(1, 0), (2, 10), (2, 500), (3, 510)], Identity::One);
    }

    #[test]
    fn an_overtaken_beat_stops_clears_for_a_minute() {
        let until = Identity::Doubtful(CentreTime::from_millis(75_000));
        check(&[(1, 0), (2, 10), (1, 15)], until);
    }

    #[test]
    fn a_beat_long_after_its_successor_is_a_second_box() {
        check(&[(1, 0), (2, 10), (1, 71)], Identity::Two);
        check(&[(1, 0), (2, 10), (1, 15), (2, 20), (1, 75)], Identity::Two);
    }

    #[test]
    fn a_late_batch_of_a_dead_span_is_no_second_box() {
        let (dead, living) = (SpanId::from_bits(1), SpanId::from_bits(2));
        let at = |second: i64| CentreTime::from_millis(second * 1_000);
        let mut voices = Voices::default();
        assert_eq!(voices.beat(living, at(0)), Identity::One);
        voices.batch(dead, true, at(5));
        assert_eq!(voices.beat(living, at(100)), Identity::One);
        assert_eq!(voices.current(), Some(living));
    }
}
