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
