//! The life of a ticket 工单: a fault that is somebody's job.
//!
//! ```text
//!   待核实 verify ─► 待派单 dispatch ─► 待接单 accept ─► 整改中 rectifying ─► 待复查 recheck ─► 已结案 closed
//!                        ▲   │ hand over  │   ▲  accept      │     submit ▲     │ return  │            │
//!                        └───┼── return ──┴───┼──────────────┤            │     │         │            │
//!                            └────────────────┘              └────────────┼─────┘         │            │
//!                                     cleared (self-healed, if untaken) ──┘               │            │
//!                                     raised again ◄──────────────────────────────────────┴─ reopened ─┘
//! ```
//!
//! - What a machine finds starts at 待接单: it needs no verifying and has its owner, the lowest
//!   grid on its way up for which a person is entered ([`crate::escalation`]).
//! - Accepted: somebody works on it. Submitted: says that it is done. Returned: not mine, so the
//!   next level dispatches it; or, from 待复查, not mended. Handed over: to a person of its chain,
//!   or one level up (上报).
//! - Cleared: calm was proven. It goes to 待复查, from wherever it stands; if nobody had taken
//!   it, as self-healed. A proven ticket climbs no more.
//! - Raised again: a recurrence. From 待复查 it goes back to where the work is.
//! - Close and void: refused with the reason while the proof is missing. Close also as an
//!   exception, with a reason and a second person.
//! - Raised again after closing, within the review window 回头看: reopened; the clock stood
//!   meanwhile and at least 24 h remain.
//! - Folded: one cause hides it. Its clock stands until it unfolds; what
//!   heals meanwhile, and nobody had taken, ends with its cause.
//! - Every open ticket that is not folded has a deadline, and it lies ahead. What its passing
//!   means says [`Ticket::overdue`].
//! - 待核实 and 挂账 are states already; what leads there (people's reports, suspending) joins
//!   later.
//!
//! Pure: persistence and pages stand elsewhere.

mod steps;
mod terms;

use firegrid_wire::time::{CentreTime, Millis};

pub use self::terms::{Due, LOOK_AGAIN, Term, Terms, TermsOf};
use crate::engine::NotYet;
use crate::escalation::{Chain, Charge, Overdue, Turn};
use crate::lifecycle::{Answer, Deed};
use crate::routing::Level;
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
    /// Whose turn it is and until when; none once it is over.
    #[serde(default)]
    pub charge: Option<Charge>,
    /// Who took it and when.
    pub accepted: Option<Deed>,
    /// Who said that it is done, and when.
    #[serde(default)]
    pub submitted: Option<Deed>,
    /// Whether calm is proven and nothing was raised since.
    pub proven: bool,
    /// Whether it healed before anybody took it.
    pub self_healed: bool,
    /// Whether its onset lay more than 60 s before its arrival.
    pub historical: bool,
    /// Whether it came back after it was closed 回头看.
    #[serde(default)]
    pub reopened: bool,
    /// How often it was raised.
    pub recurrences: u32,
    /// What hides it.
    #[serde(default)]
    pub folded: Option<Folded>,
    /// When it was closed.
    pub closed: Option<CentreTime>,
}

/// What hides a ticket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Folded {
    /// The id of the ticket of its cause.
    pub into: String,
    /// Since when its clock stands.
    pub since: CentreTime,
}

/// What a step is held against: the terms of the ticket's severity, and the way up.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// How long what may take.
    pub terms: Terms,
    /// From the owning grid to the region.
    pub chain: &'a Chain,
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
    /// A cause that hides it is a ticket of its own.
    Folded {
        /// The id of that ticket.
        into: String,
    },
    /// Its cause is over, and it is not.
    Unfolded,
    /// Somebody takes it, and begins.
    Accept,
    /// Somebody says that it is done.
    Submit,
    /// Somebody says that it is not theirs, or that it is not mended.
    Return {
        /// Why.
        reason: String,
    },
    /// It becomes somebody else's.
    HandOver {
        /// A person of its chain; none: the next level.
        to: Option<String>,
        /// Why.
        reason: String,
    },
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

impl State {
    /// Whether nothing is to be done any more.
    pub const fn is_over(self) -> bool {
        match self {
            State::Closed | State::Void => true,
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Recheck
            | State::Suspended => false,
        }
    }
}

impl Ticket {
    /// A ticket for what the judgement found, and whose turn it is: it waits to be taken.
    pub fn opened(setting: Setting<'_>, now: CentreTime, historical: bool) -> (Ticket, Turn) {
        let turn = setting.chain.first();
        let due = setting.terms.from(now);
        let ticket = Ticket {
            state: State::Accept,
            opened: now,
            due,
            charge: Some(turn.charge(now, due.accept.min(due.rectify))),
            accepted: None,
            submitted: None,
            proven: false,
            self_healed: false,
            historical,
            reopened: false,
            recurrences: 1,
            folded: None,
            closed: None,
        };
        (ticket, turn)
    }

    /// What an event makes of the ticket.
    pub fn step(&self, event: Event, deed: Deed, setting: Setting<'_>) -> Answer<Ticket, Entry> {
        let mut to = self.clone();
        match self.after(&event, &deed, setting, &mut to) {
            Ok(true) => {
                let entry = Entry { deed, event, from: self.state, to: to.state };
                Answer::Done(to, entry)
            }
            Ok(false) => Answer::AlreadySo,
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// When something must have happened; none while it is folded or over.
    pub fn deadline(&self) -> Option<CentreTime> {
        let charge = self.charge.as_ref().filter(|_| self.folded.is_none());
        charge.filter(|_| !self.state.is_over()).map(|charge| charge.until)
    }

    /// What it becomes when its deadline has passed, and what that means: one level for one
    /// deadline, however late this is noticed. What is proven climbs no more.
    pub fn overdue(&self, now: CentreTime, setting: Setting<'_>) -> Option<(Ticket, Overdue)> {
        let charge = self.charge.as_ref()?;
        if now < self.deadline()? {
            return None;
        }
        let mut to = self.clone();
        let calm = self.proven && self.state == State::Recheck;
        let above = if calm { None } else { setting.chain.after(charge.level) };
        let (charge, overdue) = match above {
            Some(turn) => {
                let listed = turn.level == Level::Region;
                let term = if listed { LOOK_AGAIN } else { setting.terms.climb };
                let mut charge = turn.charge(now, term.from(now));
                charge.listed = listed.then_some(now);
                (charge, Overdue::Climbs { to: turn, listed })
            }
            None => {
                let mut charge = Charge { until: LOOK_AGAIN.from(now), ..charge.clone() };
                let listed = !calm && charge.listed.is_none();
                if listed {
                    charge.listed = Some(now);
                }
                (charge, if listed { Overdue::Listed } else { Overdue::LookAgain })
            }
        };
        to.charge = Some(charge);
        Some((to, overdue))
    }

    /// The hazard is graver than it was: its terms are shorter from now on.
    pub fn graver(&mut self, now: CentreTime, setting: Setting<'_>) {
        let due = setting.terms.from(now);
        self.due.accept = self.due.accept.min(due.accept);
        self.due.rectify = self.due.rectify.min(due.rectify);
        let until = self.next_deadline(now, setting);
        if let Some(charge) = &mut self.charge {
            charge.until = charge.until.min(until);
        }
    }

    /// The registry has changed: whoever is in charge must be entered for the grid, and the grid
    /// stand on its way up. Else the same level of the new way is in charge, or the next one that
    /// has somebody; the deadline stays. Whether anything changed.
    pub fn moved(&mut self, now: CentreTime, chain: &Chain) -> bool {
        let Some(charge) = &self.charge else { return false };
        let turn = chain.from_level(charge.level);
        let stays = match &charge.person {
            Some(person) => chain.place_of(person).is_some_and(|stand| stand.grid == charge.grid),
            None => turn.grid == charge.grid && turn.person.is_none(),
        };
        if stays {
            return false;
        }
        let listed = charge.listed;
        self.charge = Some(Charge { listed, ..turn.charge(now, charge.until) });
        true
    }

    /// Whether a deadline of its own has passed at this moment.
    pub fn is_overdue(&self, now: CentreTime) -> bool {
        self.overdue_from().is_some_and(|due| due < now)
    }

    /// From when on it is overdue; none if nothing runs.
    pub fn overdue_from(&self) -> Option<CentreTime> {
        match self.state {
            State::Verify | State::Dispatch | State::Accept => Some(self.due.accept),
            State::Rectifying => Some(self.due.rectify),
            State::Recheck => Some(self.due.rectify).filter(|_| !self.proven),
            State::Closed | State::Suspended | State::Void => None,
        }
        .filter(|_| self.folded.is_none())
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
            // What ended with its cause was never a case of its own.
            State::Closed => {
                self.folded.is_none()
                    && self.closed.is_some_and(|closed| now.since(closed) <= REVIEW_WINDOW)
            }
            State::Void => false,
        }
    }

    /// The deadline that begins now in the state that it has: always ahead.
    fn next_deadline(&self, now: CentreTime, setting: Setting<'_>) -> CentreTime {
        let Due { accept, rectify } = self.due;
        let next = match self.state {
            State::Verify | State::Accept => Some(accept),
            State::Recheck if self.proven => Some(LOOK_AGAIN.from(now)),
            State::Rectifying | State::Recheck | State::Suspended => Some(rectify),
            State::Dispatch | State::Closed | State::Void => None,
        };
        let listed = self.charge.as_ref().is_some_and(|charge| charge.listed.is_some());
        let term = if listed { LOOK_AGAIN } else { setting.terms.climb };
        next.filter(|due| now < *due).unwrap_or_else(|| term.from(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::At;
    use crate::lifecycle::Actor;
    use crate::routing::{GridRow, PersonRow, Role, Routing};
    use crate::rulebook::Severity;

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> CentreTime {
        CentreTime::from_millis(seconds * 1_000)
    }

    fn deed(seconds: i64) -> Deed {
        Deed { who: Actor::Person("worker-7".into()), when: at(seconds) }
    }

    /// A small grid with a worker, a middle one with nobody, a large one with a head, the brigade.
    fn chain() -> Chain {
        let grid = |id: &str, level, parent: &str| GridRow {
            id: id.into(),
            level,
            parent: (!parent.is_empty()).then(|| parent.to_owned()),
            name: id.into(),
        };
        let person = |id: &str, grid: &str| PersonRow {
            id: id.into(),
            name: id.into(),
            role: Role::GridHead,
            phone: String::new(),
            grid: grid.into(),
        };
        let grids = [
            grid("r", Level::Region, ""),
            grid("l", Level::Large, "r"),
            grid("m", Level::Middle, "l"),
            grid("s", Level::Small, "m"),
        ];
        let people = [
            person("worker-7", "s"),
            person("worker-8", "s"),
            person("head-3", "l"),
            person("119", "r"),
        ];
        Chain::of(&Routing::build(grids, [], people).expect("a county"), "s")
    }

    fn step(ticket: &Ticket, event: Event, now: i64) -> Answer<Ticket, Entry> {
        ticket.step(event, deed(now), Setting { terms: Severity::Serious.terms(), chain: &chain() })
    }

    fn overdue(ticket: &Ticket, now: i64) -> Option<(Ticket, Overdue)> {
        ticket.overdue(at(now), Setting { terms: Severity::Serious.terms(), chain: &chain() })
    }

    fn close(proof: Result<(), NotYet>) -> Event {
        Event::Close { proof, exception: None }
    }

    const HOLDS: NotYet = NotYet::Holds { since: At::Centre(CentreTime::from_millis(0)) };

    /// Plays events, one a minute; what is refused or already so changes nothing.
    fn play(events: &[Event]) -> Ticket {
        let setting = Setting { terms: Severity::Serious.terms(), chain: &chain() };
        let (mut ticket, _) = Ticket::opened(setting, at(0), false);
        for (event, minute) in events.iter().zip(1..) {
            if let Some((next, _)) = step(&ticket, event.clone(), minute * 60).done() {
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
        let answer = step(&play(&[Event::Accept]), close(Err(HOLDS)), 600);
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
        assert_eq!(step(&play(&[Event::Accept]), Event::Accept, 600), Answer::AlreadySo);
        let closed = play(&[Event::Cleared, close(Ok(()))]);
        assert_eq!(step(&closed, close(Ok(())), 600), Answer::AlreadySo);
    }

    #[test]
    fn the_same_hazard_within_the_review_window_reopens_the_ticket() {
        let closed = play(&[Event::Accept, Event::Cleared, close(Ok(()))]);
        let day = 24 * HOUR;
        let late = 180 + 30 * day;
        assert!(closed.takes_recurrence(at(late)));
        assert!(!closed.takes_recurrence(at(late + 1)));
        let (reopened, _) =
            step(&closed, Event::RaisedAgain, 180 + 10 * day).done().expect("reopened");
        assert_eq!((reopened.state, reopened.closed), (State::Rectifying, None));
        // The clock stood for ten days.
        assert_eq!(reopened.due.rectify, closed.due.rectify.plus(Millis::seconds(864_000)));
        assert!(reopened.reopened && reopened.charge.is_some());
        let late = Ticket { due: Due { accept: at(1), rectify: at(2) }, ..closed };
        let (reopened, _) = step(&late, Event::RaisedAgain, 180 + day).done().expect("reopened");
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

    #[test]
    fn a_ticket_reads_back_as_it_was_written() {
        let ticket = play(&[Event::Accept, Event::Cleared]);
        let text = serde_json::to_string(&ticket).expect("a text");
        assert_eq!(serde_json::from_str::<Ticket>(&text).expect("a ticket"), ticket);
    }

    /// Who is in charge, the state, and how many hours later the deadline lies.
    #[track_caller]
    fn check_charge(ticket: &Ticket, now: i64, state: State, person: &str, hours: i64) {
        let charge = ticket.charge.as_ref().expect("somebody's");
        let found = (ticket.state, charge.person.as_deref(), ticket.deadline());
        assert_eq!(found, (state, Some(person), Some(at(now + hours * HOUR))));
    }

    #[test]
    fn what_nobody_takes_climbs_level_by_level_to_the_list_of_the_brigade() {
        let ticket = play(&[]);
        check_charge(&ticket, 0, State::Accept, "worker-7", 4);
        assert_eq!(overdue(&ticket, 4 * HOUR - 1), None);
        let (ticket, what) = overdue(&ticket, 4 * HOUR).expect("it climbs");
        let Overdue::Climbs { to, listed: false } = what else { panic!("{what:?}") };
        assert_eq!(to.passed, ["m"], "nobody is entered for the middle grid");
        check_charge(&ticket, 4 * HOUR, State::Accept, "head-3", 4);
        // The centre slept for a week: still one level for one deadline.
        let week = 7 * 24 * HOUR;
        let (ticket, what) = overdue(&ticket, week).expect("it climbs");
        assert!(matches!(what, Overdue::Climbs { listed: true, .. }), "{what:?}");
        assert_eq!(ticket.charge.as_ref().and_then(|charge| charge.listed), Some(at(week)));
        let next = ticket.deadline().expect("a deadline");
        assert!(at(week) < next);
        let (again, what) = overdue(&ticket, next.millis() / 1_000).expect("it is looked at");
        assert_eq!(what, Overdue::LookAgain);
        assert!(next < again.deadline().expect("a deadline"));
    }

    #[test]
    fn what_is_proven_climbs_no_more() {
        let ticket = play(&[Event::Cleared]);
        let deadline = ticket.deadline().expect("somebody must look").millis() / 1_000;
        let (ticket, what) = overdue(&ticket, deadline).expect("it is looked at");
        assert_eq!(what, Overdue::LookAgain);
        assert_eq!(ticket.charge.expect("a charge").person.as_deref(), Some("worker-7"));
    }

    #[test]
    fn whoever_says_it_is_done_still_has_to_prove_it_in_time() {
        let ticket = play(&[Event::Accept, Event::Submit]);
        assert_eq!(ticket.state, State::Recheck);
        assert_eq!(ticket.deadline(), Some(ticket.due.rectify));
        assert!(ticket.is_overdue(ticket.due.rectify.plus(Millis::seconds(1))));
        check(&[Event::Accept, Event::Submit, close(Err(HOLDS))], State::Recheck);
        check(&[Event::Submit], State::Accept);
    }

    fn back() -> Event {
        Event::Return { reason: "not my block".into() }
    }

    fn over_to(person: Option<&str>) -> Event {
        Event::HandOver { to: person.map(str::to_owned), reason: "cannot be solved here".into() }
    }

    #[test]
    fn what_is_returned_is_dispatched_by_the_next_level() {
        let ticket = play(&[back()]);
        check_charge(&ticket, 60, State::Dispatch, "head-3", 4);
        let (ticket, _) = step(&ticket, over_to(Some("worker-8")), 120).done().expect("dispatched");
        check_charge(&ticket, 120, State::Accept, "worker-8", 4);
        assert_eq!(ticket.due.rectify, play(&[]).due.rectify, "the time to mend it runs on");
        check(&[Event::Accept, Event::Submit, back()], State::Rectifying);
    }

    #[test]
    fn it_is_handed_to_people_of_its_chain_or_one_level_up() {
        let ticket = play(&[Event::Accept, over_to(None)]);
        check_charge(&ticket, 120, State::Accept, "head-3", 4);
        let top = play(&[over_to(None), over_to(None)]);
        assert_eq!(top.charge.as_ref().expect("a charge").level, Level::Region);
        for (event, code) in [
            (over_to(None), "last-level"),
            (back(), "last-level"),
            (over_to(Some("stranger")), "not-in-chain"),
        ] {
            let Answer::Refused(refusal) = step(&top, event, 600) else { panic!("{code}") };
            assert_eq!(refusal.code, code);
        }
        assert_eq!(step(&play(&[]), over_to(Some("worker-7")), 60), Answer::AlreadySo);
    }

    #[test]
    fn the_clock_of_a_folded_ticket_stands() {
        let fold = || Event::Folded { into: "cause".into() };
        let ticket = play(&[fold()]);
        assert_eq!((ticket.deadline(), overdue(&ticket, 100 * HOUR)), (None, None));
        let (open, _) = step(&ticket, Event::Unfolded, 60 + 10 * HOUR).done().expect("unfolded");
        assert_eq!(open.deadline(), Some(at(14 * HOUR)));
        assert_eq!(open.due.accept, at(14 * HOUR));
        // Never anybody's: it ends with its cause, and comes back as another ticket.
        let ended = play(&[fold(), Event::Cleared]);
        assert_eq!((ended.state, ended.charge.clone()), (State::Closed, None));
        assert!(!ended.takes_recurrence(at(300)));
        // Somebody's already: it goes to be looked at.
        check(&[Event::Accept, fold(), Event::Cleared], State::Recheck);
        check(&[Event::Accept, Event::Submit, fold()], State::Recheck);
    }

    #[test]
    fn a_unit_that_moves_takes_its_tickets_with_it() {
        let mut ticket = play(&[]);
        let grid = |id: &str, level, parent: Option<&str>| GridRow {
            id: id.into(),
            level,
            parent: parent.map(str::to_owned),
            name: id.into(),
        };
        let grids = [grid("r", Level::Region, None), grid("l2", Level::Large, Some("r"))];
        let elsewhere = Chain::of(&Routing::build(grids, [], []).expect("a tree"), "l2");
        assert!(!ticket.moved(at(60), &chain()), "nothing has changed for it");
        assert!(ticket.moved(at(60), &elsewhere));
        let charge = ticket.charge.as_ref().expect("a charge");
        assert_eq!((charge.grid.as_str(), ticket.deadline()), ("r", Some(at(4 * HOUR))));
    }
}
