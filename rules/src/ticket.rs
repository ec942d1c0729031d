//! The life of a ticket 工单: a fault that is somebody's job.
//!
//! ```text
//!   待核实 verify ─► 待派单 dispatch ─► 待接单 accept ─► 整改中 rectifying ─► 待复查 recheck ─► 已结案 closed
//!                                         │                  ▲                    │  ▲            │
//!                                         └── cleared (self-healed) ──────────────┼──┘            │
//!                                                            └─── raised again ───┘◄── reopened ──┘
//! ```
//!
//! - What a machine finds starts at 待接单: it needs no verifying and has its owner.
//! - Cleared: calm was proven. It goes to 待复查, from wherever it stands; if nobody had taken
//!   it, as self-healed.
//! - Raised again: a recurrence. From 待复查 it goes back to where the work is.
//! - Close: refused with the reason while the proof is missing, unless it is an exception with
//!   a reason and a second person.
//! - Raised again after closing, within the review window 回头看: reopened; the clock stood
//!   meanwhile and at least 24 h remain.
//! - 待核实, 待派单 and 挂账 are states already; what leads there (people's reports, dispatch,
//!   suspending, escalation) joins later.
//!
//! Pure: owners, persistence and pages stand elsewhere.

use firegrid_wire::time::{CentreTime, Millis};

use crate::engine::NotYet;
use crate::lifecycle::{Answer, Deed, Refusal};
use crate::rulebook::Severity;
use crate::word::worded;

worded! {
    /// Where a ticket stands.
    State {
        /// Reported by a person; nobody has looked yet.
        Verify = "verify", "待核实";
        /// A case without an owner.
        Dispatch = "dispatch", "待派单";
        /// Its owner has not taken it yet.
        Accept = "accept", "待接单";
        /// Somebody works on it.
        Rectifying = "rectifying", "整改中";
        /// Calm is proven, or the work is said to be done.
        Recheck = "recheck", "待复查";
        /// Done.
        Closed = "closed", "已结案";
        /// Cannot be mended soon; interim measures stand.
        Suspended = "suspended", "挂账";
        /// It was none.
        Void = "void", "误报作废";
    }
}

/// A ticket, as far as its life goes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ticket {
    /// Where it stands.
    pub state: State,
    /// When the centre opened it: its deadlines count from here.
    pub opened: CentreTime,
    /// By when it must be taken and mended.
    pub due: Due,
    /// Who took it and when.
    pub accepted: Option<Deed>,
    /// Whether calm is proven and nothing was raised since.
    pub proven: bool,
    /// Whether it healed before anybody took it.
    pub self_healed: bool,
    /// Whether its onset lay more than 60 s before its arrival.
    pub historical: bool,
    /// How often it was raised.
    pub recurrences: u32,
    /// When it was closed.
    pub closed: Option<CentreTime>,
}

/// By when something must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// Taken.
    pub accept: CentreTime,
    /// Mended.
    pub rectify: CentreTime,
}

/// What can happen to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The rule raised once more: a recurrence.
    RaisedAgain,
    /// Calm was broken.
    Relapsed,
    /// The condition is gone and its proof began.
    Calmed,
    /// Calm was proven.
    Cleared,
    /// The point is another one now or is gone: nothing will clear it.
    Retired,
    /// Somebody takes it.
    Accept,
    /// Somebody closes it.
    Close {
        /// What the engine says ([`crate::engine::Engine::may_close`]).
        proof: Result<(), NotYet>,
        /// What stands in for the proof where there can be none.
        exception: Option<Exception>,
    },
    /// Somebody says that it was none.
    Void {
        /// Why.
        reason: String,
        /// What the engine says: what is not over is not void.
        proof: Result<(), NotYet>,
    },
}

/// A closing without proof: stands in the bulletin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Why there can be no proof.
    pub reason: String,
    /// The second person who answers for it.
    pub second: String,
}

/// A line of a ticket's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who and when.
    pub deed: Deed,
    /// What happened.
    pub event: Event,
    /// What the ticket was before.
    pub from: State,
    /// What it is now.
    pub to: State,
}

/// How long after closing the same hazard reopens the ticket 回头看.
pub const REVIEW_WINDOW: Millis = Millis::seconds(30 * 24 * 3_600);

/// What remains at least of a reopened ticket's time.
pub const REOPENED_AT_LEAST: Millis = Millis::seconds(24 * 3_600);

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// So long by the clock.
    Within(Millis),
    /// To the end of so many working days after today. Monday to Friday; a calendar of holidays
    /// is to join.
    WorkingDays(u32),
}

/// The terms of a severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Until somebody takes it.
    pub accept: Term,
    /// Until it is mended.
    pub rectify: Term,
}

impl Severity {
    /// The default terms (DESIGN §7): general 24 h and 15 days, serious 4 h and 3 working days,
    /// major 30 min and 24 h.
    pub const fn terms(self) -> Terms {
        const HOUR: u64 = 3_600;
        match self {
            Severity::Info | Severity::General => Terms {
                accept: Term::Within(Millis::seconds(24 * HOUR)),
                rectify: Term::Within(Millis::seconds(15 * 24 * HOUR)),
            },
            Severity::Serious => Terms {
                accept: Term::Within(Millis::seconds(4 * HOUR)),
                rectify: Term::WorkingDays(3),
            },
            Severity::Major => Terms {
                accept: Term::Within(Millis::seconds(HOUR / 2)),
                rectify: Term::Within(Millis::seconds(24 * HOUR)),
            },
        }
    }
}

impl Terms {
    /// The deadlines of a ticket that is opened now.
    pub fn from(self, opened: CentreTime) -> Due {
        Due { accept: self.accept.from(opened), rectify: self.rectify.from(opened) }
    }
}

/// China Standard Time, by which working days are counted.
const CHINA: Millis = Millis::seconds(8 * 3_600);

impl Term {
    /// The deadline that begins now.
    pub fn from(self, opened: CentreTime) -> CentreTime {
        const DAY: i64 = 24 * 3_600 * 1_000;
        match self {
            Term::Within(lasting) => opened.plus(lasting),
            Term::WorkingDays(count) => {
                let today = opened.plus(CHINA).millis().div_euclid(DAY);
                // 1970-01-01 was a Thursday: day 4 of a week that begins on Sunday.
                let works = |day: &i64| !matches!((day + 4).rem_euclid(7), 0 | 6);
                let last = (today + 1..).filter(works).nth(count.saturating_sub(1) as usize);
                let end = last.unwrap_or(today).saturating_add(1).saturating_mul(DAY);
                CentreTime::from_millis(end).minus(CHINA)
            }
        }
    }
}

impl Ticket {
    /// A ticket for what the judgement found: it waits for its owner to take it.
    pub fn opened(severity: Severity, now: CentreTime, historical: bool) -> Ticket {
        Ticket {
            state: State::Accept,
            opened: now,
            due: severity.terms().from(now),
            accepted: None,
            proven: false,
            self_healed: false,
            historical,
            recurrences: 1,
            closed: None,
        }
    }

    /// What an event makes of the ticket.
    pub fn step(&self, event: Event, deed: Deed) -> Answer<Ticket, Entry> {
        let mut to = self.clone();
        match self.after(&event, &deed, &mut to) {
            Ok(true) => {
                let entry = Entry { deed, event, from: self.state, to: to.state };
                Answer::Done(to, entry)
            }
            Ok(false) => Answer::AlreadySo,
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Whether a deadline has passed at this moment.
    pub fn is_overdue(&self, now: CentreTime) -> bool {
        match self.state {
            State::Accept => self.due.accept < now,
            State::Rectifying => self.due.rectify < now,
            State::Verify
            | State::Dispatch
            | State::Recheck
            | State::Closed
            | State::Suspended
            | State::Void => false,
        }
    }

    /// Whether the same hazard, raised now, belongs to this ticket.
    pub fn takes_recurrence(&self, now: CentreTime) -> bool {
        match self.state {
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Recheck
            | State::Suspended => true,
            State::Closed => self.closed.is_some_and(|closed| now.since(closed) <= REVIEW_WINDOW),
            State::Void => false,
        }
    }

    /// Makes of `to`, a copy of this ticket, what it becomes. `false`: it is so already.
    fn after(&self, event: &Event, deed: &Deed, to: &mut Ticket) -> Result<bool, Refusal> {
        match event {
            Event::RaisedAgain => self.raised_again(deed.when, to),
            Event::Relapsed | Event::Calmed => match self.state {
                State::Closed | State::Void => Err(over()),
                State::Verify
                | State::Dispatch
                | State::Accept
                | State::Rectifying
                | State::Recheck
                | State::Suspended => Ok(true),
            },
            Event::Cleared => match self.state {
                State::Verify | State::Dispatch | State::Accept => {
                    (to.state, to.proven, to.self_healed) = (State::Recheck, true, true);
                    Ok(true)
                }
                State::Rectifying | State::Suspended => {
                    (to.state, to.proven) = (State::Recheck, true);
                    Ok(true)
                }
                State::Recheck => {
                    to.proven = true;
                    Ok(!self.proven)
                }
                State::Closed | State::Void => Ok(false),
            },
            Event::Retired => match self.state {
                State::Closed | State::Void => Ok(false),
                State::Verify
                | State::Dispatch
                | State::Accept
                | State::Rectifying
                | State::Recheck
                | State::Suspended => Ok(true),
            },
            Event::Accept => match self.state {
                State::Accept => {
                    to.state = State::Rectifying;
                    to.accepted = Some(deed.clone());
                    Ok(true)
                }
                State::Rectifying => Ok(false),
                State::Verify
                | State::Dispatch
                | State::Recheck
                | State::Closed
                | State::Suspended
                | State::Void => Err(self.not_from_here("接单", "taken")),
            },
            Event::Close { proof, exception } => self.closing(proof, exception.as_ref(), deed, to),
            Event::Void { proof, .. } => match self.state {
                State::Void => Ok(false),
                State::Closed => Err(self.not_from_here("作废", "voided")),
                State::Verify
                | State::Dispatch
                | State::Accept
                | State::Rectifying
                | State::Recheck
                | State::Suspended => {
                    (*proof).map_err(not_proven)?;
                    (to.state, to.closed) = (State::Void, Some(deed.when));
                    Ok(true)
                }
            },
        }
    }

    fn raised_again(&self, now: CentreTime, to: &mut Ticket) -> Result<bool, Refusal> {
        if !self.takes_recurrence(now) {
            return Err(over());
        }
        to.recurrences = self.recurrences.saturating_add(1);
        to.proven = false;
        let work = if self.accepted.is_some() { State::Rectifying } else { State::Accept };
        match self.state {
            State::Recheck => {
                to.state = work;
                to.self_healed = false;
            }
            State::Closed => {
                let stood = now.since(self.closed.unwrap_or(now));
                let resumed = |due: CentreTime| due.plus(stood).max(now.plus(REOPENED_AT_LEAST));
                to.due =
                    Due { accept: resumed(self.due.accept), rectify: resumed(self.due.rectify) };
                (to.state, to.closed, to.self_healed) = (work, None, false);
            }
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Suspended
            | State::Void => {}
        }
        Ok(true)
    }

    fn closing(
        &self,
        proof: &Result<(), NotYet>,
        exception: Option<&Exception>,
        deed: &Deed,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        match self.state {
            State::Closed => return Ok(false),
            State::Void | State::Verify | State::Dispatch => {
                return Err(self.not_from_here("结案", "closed"));
            }
            State::Accept if proof.is_ok() && exception.is_none() => {
                return Err(Refusal::new(
                    "not-accepted",
                    "请先接单，再结案",
                    "take it before closing it",
                ));
            }
            State::Accept | State::Rectifying | State::Recheck | State::Suspended => {}
        }
        if exception.is_none() {
            (*proof).map_err(not_proven)?;
        }
        (to.state, to.closed) = (State::Closed, Some(deed.when));
        Ok(true)
    }

    fn not_from_here(&self, zh: &str, en: &str) -> Refusal {
        Refusal::new(
            "wrong-state",
            format!("工单处于“{}”，不能{zh}", self.state.zh()),
            format!("a ticket in state {} cannot be {en}", self.state),
        )
    }
}

fn not_proven(not_yet: NotYet) -> Refusal {
    Refusal::new("not-proven", not_yet.zh(), not_yet.to_string())
}

fn over() -> Refusal {
    Refusal::new("over", "该工单已办结，应另立新单", "it is over; this is another ticket")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::At;
    use crate::lifecycle::Actor;

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> CentreTime {
        CentreTime::from_millis(seconds * 1_000)
    }

    fn deed(seconds: i64) -> Deed {
        Deed { who: Actor::Person("worker-7".into()), when: at(seconds) }
    }

    fn close(proof: Result<(), NotYet>) -> Event {
        Event::Close { proof, exception: None }
    }

    const HOLDS: NotYet = NotYet::Holds { since: At::Centre(CentreTime::from_millis(0)) };

    /// Plays events, one a minute; what is refused or already so changes nothing.
    fn play(events: &[Event]) -> Ticket {
        let mut ticket = Ticket::opened(Severity::Serious, at(0), false);
        for (event, minute) in events.iter().zip(1..) {
            if let Some((next, _)) = ticket.step(event.clone(), deed(minute * 60)).done() {
                ticket = next;
            }
        }
        ticket
    }

    #[track_caller]
    fn check(events: &[Event], state: State) {
        assert_eq!(play(events).state, state, "{events:?}");
    }

    #[test]
    fn a_hazard_is_taken_mended_proven_and_closed() {
        check(&[], State::Accept);
        check(&[Event::Accept], State::Rectifying);
        check(&[Event::Accept, Event::Calmed, Event::Cleared], State::Recheck);
        check(&[Event::Accept, Event::Calmed, Event::Cleared, close(Ok(()))], State::Closed);
    }

    #[test]
    fn nothing_is_closed_or_voided_without_proof() {
        check(&[Event::Accept, close(Err(HOLDS))], State::Rectifying);
        check(&[Event::Accept, Event::Cleared, close(Err(HOLDS))], State::Recheck);
        let void = Event::Void { reason: "mistaken".into(), proof: Err(HOLDS) };
        check(&[Event::Accept, void], State::Rectifying);
        let answer = play(&[Event::Accept]).step(close(Err(HOLDS)), deed(600));
        let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.code, "not-proven");
        assert_eq!(refusal.zh, HOLDS.zh());
    }

    #[test]
    fn what_can_never_prove_itself_is_closed_with_a_second_person() {
        let exception = Exception { reason: "removed".into(), second: "head-3".into() };
        let event = Event::Close { proof: Err(NotYet::Retired), exception: Some(exception) };
        check(&[Event::Retired, Event::Accept, event], State::Closed);
    }

    #[test]
    fn what_heals_before_anyone_takes_it_is_rechecked_as_self_healed() {
        let ticket = play(&[Event::Calmed, Event::Cleared]);
        assert_eq!((ticket.state, ticket.self_healed), (State::Recheck, true));
        check(&[Event::Cleared, close(Ok(()))], State::Closed);
        check(&[Event::Cleared, Event::RaisedAgain], State::Accept);
    }

    #[test]
    fn a_recurrence_goes_back_to_where_the_work_is() {
        let ticket = play(&[Event::Accept, Event::Cleared, Event::RaisedAgain]);
        assert_eq!(
            (ticket.state, ticket.recurrences, ticket.proven),
            (State::Rectifying, 2, false)
        );
    }

    #[test]
    fn the_second_person_is_told_that_it_is_already_so() {
        assert_eq!(play(&[Event::Accept]).step(Event::Accept, deed(600)), Answer::AlreadySo);
        let closed = play(&[Event::Cleared, close(Ok(()))]);
        assert_eq!(closed.step(close(Ok(())), deed(600)), Answer::AlreadySo);
    }

    #[test]
    fn the_same_hazard_within_the_review_window_reopens_the_ticket() {
        let closed = play(&[Event::Accept, Event::Cleared, close(Ok(()))]);
        let day = 24 * HOUR;
        let late = 180 + 30 * day;
        assert!(closed.takes_recurrence(at(late)));
        assert!(!closed.takes_recurrence(at(late + 1)));
        let (reopened, _) =
            closed.step(Event::RaisedAgain, deed(180 + 10 * day)).done().expect("reopened");
        assert_eq!((reopened.state, reopened.closed), (State::Rectifying, None));
        // The clock stood for ten days.
        assert_eq!(reopened.due.rectify, closed.due.rectify.plus(Millis::seconds(864_000)));
        let (reopened, _) = Ticket { due: Due { accept: at(1), rectify: at(2) }, ..closed }
            .step(Event::RaisedAgain, deed(180 + day))
            .done()
            .expect("reopened");
        assert_eq!(reopened.due.rectify, at(180 + 2 * day));
    }

    #[test]
    fn a_ticket_is_overdue_when_its_own_deadline_has_passed() {
        let ticket = play(&[]);
        assert!(!ticket.is_overdue(at(4 * HOUR)));
        assert!(ticket.is_overdue(at(4 * HOUR + 1)));
        let taken = play(&[Event::Accept]);
        assert!(!taken.is_overdue(at(4 * HOUR + 1)));
    }

    #[track_caller]
    fn check_term(severity: Severity, accept: i64, rectify: i64) {
        // 2026-11-20 was a Friday; 16:30 in China.
        let friday = 1_795_163_400;
        let due = severity.terms().from(at(friday));
        assert_eq!(due, Due { accept: at(friday + accept), rectify: at(friday + rectify) });
    }

    #[test]
    fn deadlines_count_from_the_opening() {
        check_term(Severity::General, 24 * HOUR, 15 * 24 * HOUR);
        check_term(Severity::Major, HOUR / 2, 24 * HOUR);
        // Monday, Tuesday, Wednesday; to the end of that day in China.
        check_term(Severity::Serious, 4 * HOUR, 5 * 24 * HOUR + 7 * HOUR + HOUR / 2);
    }

    #[test]
    fn a_ticket_reads_back_as_it_was_written() {
        let ticket = play(&[Event::Accept, Event::Cleared]);
        let text = serde_json::to_string(&ticket).expect("a text");
        assert_eq!(serde_json::from_str::<Ticket>(&text).expect("a ticket"), ticket);
    }
}
