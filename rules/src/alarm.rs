//! The life of a live alarm, after ISA-18.2.
//!
//! ```text
//!                     acknowledge
//!   active-unacked ───────────────► active-acked
//!      │      ▲                        │      │
//!      │      └────── relapsed ────────┘      │
//!      │ cleared                              │ cleared
//!      ▼              acknowledge             ▼
//!   returned-unacked ─────────────► returned-acked ──close──► closed (verdict)
//! ```
//!
//! - An alarm is one occurrence. It sounds until this occurrence is acknowledged, also when it
//!   has returned meanwhile: a fire that began and ended in an outage must be seen by somebody.
//! - Relapsed: the point was calm, though not for long enough, and alarms again. It sounds
//!   again.
//! - Cleared: calm was proven. Nothing else makes an alarm return.
//! - Close: a person says what it was. An alarm that nothing can clear (its point was replaced)
//!   is closed as an exception, with a reason.
//!
//! Pure: who persists and shows it, and who sounds, stands elsewhere.

use crate::lifecycle::{Answer, Deed, Refusal};
use crate::word::worded;

worded! {
    /// Where an alarm stands.
    State {
        /// It lasts and sounds.
        ActiveUnacked = "active-unacked", "报警中，未确认";
        /// It lasts; somebody has taken it.
        ActiveAcked = "active-acked", "报警中，已确认";
        /// It is over, but nobody has taken it: it sounds.
        ReturnedUnacked = "returned-unacked", "已恢复，未确认";
        /// It is over and awaits its verdict.
        ReturnedAcked = "returned-acked", "已恢复，待判定";
        /// A person has said what it was.
        Closed = "closed", "已关闭";
    }
}

worded! {
    /// What an alarm was.
    Verdict {
        /// Real fire 真实火警.
        Real = "real", "真实火警";
        /// False 误报.
        False = "false", "误报";
        /// Test 测试.
        Test = "test", "测试";
        /// Drill 演练.
        Drill = "drill", "演练";
    }
}

/// What can happen to an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The point was calm and alarms again.
    Relapsed,
    /// Calm was proven.
    Cleared,
    /// The point is another one now or is gone: nothing will clear it.
    Retired,
    /// Somebody takes it.
    Acknowledge,
    /// Somebody says what it was.
    Close {
        /// What it was.
        verdict: Verdict,
        /// Why it is closed although nothing has proven that it is over.
        exception: Option<String>,
    },
}

/// A line of an alarm's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who and when.
    pub deed: Deed,
    /// What happened.
    pub event: Event,
    /// What the alarm was before.
    pub from: State,
    /// What it is now.
    pub to: State,
}

impl State {
    /// Whether it must be heard.
    pub const fn sounds(self) -> bool {
        match self {
            State::ActiveUnacked | State::ReturnedUnacked => true,
            State::ActiveAcked | State::ReturnedAcked | State::Closed => false,
        }
    }

    /// What an event makes of the alarm.
    pub fn step(self, event: Event, deed: Deed) -> Answer<State, Entry> {
        let to = match self.after(&event) {
            Ok(Some(to)) => to,
            Ok(None) => return Answer::AlreadySo,
            Err(refusal) => return Answer::Refused(refusal),
        };
        Answer::Done(to, Entry { deed, event, from: self, to })
    }

    fn after(self, event: &Event) -> Result<Option<State>, Refusal> {
        match (self, event) {
            (State::ActiveUnacked, Event::Relapsed) => Ok(None),
            (State::ActiveAcked, Event::Relapsed) => Ok(Some(State::ActiveUnacked)),
            (State::ReturnedUnacked | State::ReturnedAcked | State::Closed, Event::Relapsed) => {
                Err(Refusal::new(
                    "over",
                    "该报警已结束，再次报警应另立",
                    "it is over; another fire is another alarm",
                ))
            }
            (State::ActiveUnacked, Event::Cleared) => Ok(Some(State::ReturnedUnacked)),
            (State::ActiveAcked, Event::Cleared) => Ok(Some(State::ReturnedAcked)),
            (State::ReturnedUnacked | State::ReturnedAcked | State::Closed, Event::Cleared) => {
                Ok(None)
            }
            (State::ActiveUnacked | State::ActiveAcked, Event::Retired) => Ok(Some(self)),
            (State::ReturnedUnacked | State::ReturnedAcked | State::Closed, Event::Retired) => {
                Ok(None)
            }
            (State::ActiveUnacked, Event::Acknowledge) => Ok(Some(State::ActiveAcked)),
            (State::ReturnedUnacked, Event::Acknowledge) => Ok(Some(State::ReturnedAcked)),
            (State::ActiveAcked | State::ReturnedAcked | State::Closed, Event::Acknowledge) => {
                Ok(None)
            }
            (State::ReturnedAcked, Event::Close { .. })
            | (State::ActiveAcked, Event::Close { exception: Some(_), .. }) => {
                Ok(Some(State::Closed))
            }
            (State::ActiveAcked, Event::Close { exception: None, .. }) => Err(Refusal::new(
                "not-over",
                "报警尚未恢复，不能关闭",
                "it is not over: calm is not proven",
            )),
            (State::ActiveUnacked | State::ReturnedUnacked, Event::Close { .. }) => {
                Err(Refusal::new(
                    "not-acknowledged",
                    "请先确认报警，再给出结论",
                    "acknowledge it before saying what it was",
                ))
            }
            (State::Closed, Event::Close { .. }) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Actor;
    use firegrid_wire::time::CentreTime;

    const CLOSE: Event = Event::Close { verdict: Verdict::False, exception: None };

    fn step(state: State, event: Event) -> Answer<State, Entry> {
        let who = Actor::Person("seat-1".into());
        state.step(event, Deed { who, when: CentreTime::from_millis(1) })
    }

    #[track_caller]
    fn check(events: &[Event], end: State) {
        let state = events.iter().fold(State::ActiveUnacked, |state, event| {
            step(state, event.clone()).done().map_or(state, |(state, _)| state)
        });
        assert_eq!(state, end);
    }

    #[test]
    fn a_fire_is_taken_returns_and_gets_its_verdict() {
        check(&[Event::Acknowledge, Event::Cleared, CLOSE], State::Closed);
        check(&[Event::Cleared, Event::Acknowledge, CLOSE], State::Closed);
    }

    #[test]
    fn a_fire_that_is_over_still_sounds_until_somebody_takes_it() {
        check(&[Event::Cleared], State::ReturnedUnacked);
        assert!(State::ReturnedUnacked.sounds());
    }

    #[test]
    fn a_relapse_sounds_again() {
        check(&[Event::Acknowledge, Event::Relapsed], State::ActiveUnacked);
    }

    #[test]
    fn nothing_is_closed_before_it_is_over_and_taken() {
        for state in [State::ActiveUnacked, State::ActiveAcked, State::ReturnedUnacked] {
            assert!(matches!(step(state, CLOSE), Answer::Refused(_)), "{state}");
        }
    }

    #[test]
    fn what_nothing_can_clear_is_closed_with_a_reason() {
        let close = Event::Close { verdict: Verdict::Test, exception: Some("removed".into()) };
        check(&[Event::Retired, Event::Acknowledge, close], State::Closed);
    }

    #[test]
    fn the_second_seat_is_told_that_it_is_already_so() {
        assert_eq!(step(State::ActiveAcked, Event::Acknowledge), Answer::AlreadySo);
        assert_eq!(step(State::Closed, CLOSE), Answer::AlreadySo);
    }
}
