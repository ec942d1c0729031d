//! The book of tickets: one open ticket per (subject, kind), recurrences appended.
//!
//! Holds the tickets that are open, and those closed so recently that the same hazard would
//! reopen them (回头看). Decisions come in here, people's deeds in [`deeds`], deadlines in
//! `clock`, and what hides what is kept in `folds`. Pure: numbers the lines, and leaves the
//! writing to the commit.

mod clock;
pub mod deeds;
mod folds;

use std::collections::{BTreeMap, BTreeSet};

use firegrid_rules::decision::{At, Change, Decision, Marks, Subject};
use firegrid_rules::escalation::{Chain, Charge};
use firegrid_rules::lifecycle::{self, Actor, Answer};
use firegrid_rules::routing::Routing;
use firegrid_rules::ticket::{self, Event, REVIEW_WINDOW, Setting, State, TermsOf};
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::time::{CentreTime, Millis};
use serde_json::{Value, json};

pub use self::folds::Causes;
use super::case::{Owner, id_of, occurrence_words, place, told};
use crate::judge::changes::Changes;
use crate::storage::events::NewEvent;
use crate::storage::history::{HistoryLine, LastLine};
use crate::storage::tickets::{Standing, Ticket, TicketBody};

/// What remains at least of the first deadline of a ticket that an earlier version wrote.
const AT_LEAST: Millis = Millis::seconds(60);

/// Every ticket that can still change.
#[derive(Debug, Default)]
pub struct TicketBook {
    tickets: BTreeMap<String, Kept>,
    /// The tickets about each gateway and what it reads: only there does one hide another.
    of_gateway: BTreeMap<GatewayId, BTreeSet<String>>,
    /// The newest ticket of a subject and kind of hazard.
    cases: BTreeMap<(String, String), String>,
    /// When something must be looked at, the next first.
    due: BTreeSet<(CentreTime, String)>,
    causes: Causes,
    terms: TermsOf,
}

/// A ticket in the book.
#[derive(Debug)]
struct Kept {
    ticket: Ticket,
    last: Option<LastLine>,
    /// Where it stands among what is due.
    due: Option<CentreTime>,
}

impl Kept {
    /// From when on it can change no more: the time for looking back 回头看 is over.
    fn forgotten(&self) -> Option<CentreTime> {
        let Kept { ticket, .. } = self;
        ticket.life.state.is_over().then(|| ticket.changed.plus(REVIEW_WINDOW).plus(Millis::new(1)))
    }
}

impl TicketBook {
    /// An empty book: what hides what, and how long what may take.
    pub fn new(causes: Causes, terms: TermsOf) -> TicketBook {
        TicketBook { causes, terms, ..TicketBook::default() }
    }

    /// The book as it was committed: tickets, and the last line of each. A ticket that an earlier
    /// version wrote without saying whose it is becomes that of its grid.
    pub fn restored(
        mut self,
        mut tickets: Vec<Ticket>,
        lines: Vec<(String, LastLine)>,
        routing: &Routing,
        now: CentreTime,
    ) -> TicketBook {
        let mut lines: BTreeMap<String, LastLine> = lines.into_iter().collect();
        // Of several tickets of one case the newest takes recurrences.
        tickets.sort_by_key(|ticket| ticket.life.opened);
        for mut ticket in tickets {
            if ticket.life.charge.is_none() && !ticket.life.state.is_over() {
                let due = ticket.life.due;
                let until = due.accept.max(now.plus(AT_LEAST));
                let turn = Chain::of(routing, &ticket.grid).first();
                ticket.life.charge = Some(turn.charge(now, until));
            }
            let id = ticket.id.clone();
            let last = lines.remove(&id);
            self.keep(ticket, last);
            self.rewind(&id);
        }
        self
    }

    /// The judgement decided something about a hazard.
    pub fn decided(
        &mut self,
        decision: &Decision,
        owner: &Owner,
        zone: Option<&str>,
        to: &mut Changes,
    ) {
        let subject = decision.subject.to_string();
        let id = self.cases.get(&(subject, decision.kind.clone())).cloned();
        let id = id.filter(|id| {
            let kept = self.tickets.get(id);
            kept.is_some_and(|kept| kept.ticket.life.takes_recurrence(decision.arrived))
        });
        match (id, decision.change) {
            (None, Change::Raised | Change::Relapsed) => self.open(decision, owner, zone, to),
            (
                None,
                Change::Calmed
                | Change::Cleared
                | Change::Confirmed
                | Change::Revised
                | Change::Retired,
            ) => {}
            (Some(id), Change::Raised) => self.raised_again(&id, decision, owner, to),
            (Some(id), Change::Relapsed) => self.relapsed(&id, decision, owner, to),
            (Some(id), Change::Calmed) => {
                self.calm(&id, decision.arrived);
                self.happened(&id, Event::Calmed, "calmed", decision, owner, to);
            }
            (Some(id), Change::Cleared) => self.cleared(&id, decision, owner, to),
            (Some(id), Change::Confirmed) => {
                if let Some(Kept { ticket, .. }) = self.tickets.get_mut(&id) {
                    ticket.body.marks.retain(|mark| mark != Marks::PROVISIONAL);
                    ticket.body.reason_zh = decision.reason.zh();
                    ticket.body.reason_en = decision.reason.to_string();
                }
                self.write_line(&id, decision.arrived, None, "confirmed", told(decision), to);
            }
            (Some(id), Change::Revised) => {
                self.write_line(&id, decision.arrived, None, "rule-changed", told(decision), to);
            }
            (Some(id), Change::Retired) => {
                if let Some(Kept { ticket, .. }) = self.tickets.get_mut(&id) {
                    ticket.body.retired = true;
                }
                self.happened(&id, Event::Retired, "retired", decision, owner, to);
            }
        }
    }

    /// The registry has changed. Tickets whose unit or gateway belongs to somebody else move there
    /// with their clocks, and none stays with a person who is not entered any more.
    pub fn moved(
        &mut self,
        owner_of: impl Fn(&GatewayId) -> Owner,
        now: CentreTime,
        to: &mut Changes,
    ) {
        let open = self.tickets.values().filter(|kept| !kept.ticket.life.state.is_over());
        let ids: Vec<String> = open.map(|kept| kept.ticket.id.clone()).collect();
        for id in ids {
            let Some(Kept { ticket, .. }) = self.tickets.get_mut(&id) else { continue };
            let owner = owner_of(&ticket.gateway);
            let line = json!({
                "from": { "unit": ticket.unit, "grid": ticket.grid },
                "to": { "unit": owner.unit, "grid": owner.grid },
            });
            let elsewhere = (&ticket.unit, &ticket.grid, &ticket.grid_path)
                != (&owner.unit, &owner.grid, &owner.path);
            (ticket.unit, ticket.grid, ticket.grid_path) = (owner.unit, owner.grid, owner.path);
            if ticket.life.moved(now, &owner.chain) || elsewhere {
                self.write_line(&id, now, None, "moved", line, to);
            }
        }
    }

    fn open(&mut self, decision: &Decision, owner: &Owner, zone: Option<&str>, to: &mut Changes) {
        let (gateway, point) = place(&decision.subject);
        let now = decision.arrived;
        let setting =
            Setting { terms: self.terms.severity(decision.severity), chain: &owner.chain };
        let (life, turn) = ticket::Ticket::opened(setting, now, decision.marks.historical);
        let ticket = Ticket {
            id: self.free_id(decision),
            kind: decision.kind.clone(),
            rule: decision.rule.to_string(),
            severity: decision.severity,
            subject: decision.subject.to_string(),
            gateway: gateway.clone(),
            point: point.cloned(),
            unit: owner.unit.clone(),
            grid: owner.grid.clone(),
            grid_path: owner.path.clone(),
            life,
            body: TicketBody {
                marks: marks(decision),
                reason_zh: decision.reason.zh(),
                reason_en: decision.reason.to_string(),
                first_raised_t: match decision.at {
                    At::Gateway(time) => Some(time.millis()),
                    At::Centre(_) => None,
                },
                standing: vec![standing(decision)],
                zone: zone.map(str::to_owned),
                ..TicketBody::default()
            },
            changed: now,
            version: 0,
        };
        let id = ticket.id.clone();
        self.keep(ticket, None);
        self.write_line(&id, now, None, "opened", told(decision), to);
        if !turn.passed.is_empty() {
            let line = json!({ "passed": turn.passed, "charge": self.charge_words(&id) });
            self.write_line(&id, now, None, "passed-over", line, to);
        }
        self.fold_under_causes(&id, now, to);
        self.adopt_effects(&id, now, to);
    }

    fn keep(&mut self, ticket: Ticket, last: Option<LastLine>) {
        let id = ticket.id.clone();
        self.cases.insert((ticket.subject.clone(), ticket.kind.clone()), id.clone());
        self.of_gateway.entry(ticket.gateway.clone()).or_default().insert(id.clone());
        self.tickets.insert(id, Kept { ticket, last, due: None });
    }

    /// It can change no more.
    fn forget(&mut self, id: &str) {
        let Some(Kept { ticket, due, .. }) = self.tickets.remove(id) else { return };
        if let Some(due) = due {
            self.due.remove(&(due, id.to_owned()));
        }
        let case = (ticket.subject, ticket.kind);
        if self.cases.get(&case).is_some_and(|newest| newest == id) {
            self.cases.remove(&case);
        }
        if let Some(tickets) = self.of_gateway.get_mut(&ticket.gateway) {
            tickets.remove(id);
            if tickets.is_empty() {
                self.of_gateway.remove(&ticket.gateway);
            }
        }
    }

    /// The id of the case, unless an older ticket of the very same occurrence has it.
    fn free_id(&self, decision: &Decision) -> String {
        let id = id_of(decision);
        if self.tickets.contains_key(&id) {
            return format!("{id}~again~{}", decision.arrived.millis());
        }
        id
    }

    /// The same hazard once more; or a further step of the rule, while an earlier one stands.
    fn raised_again(&mut self, id: &str, decision: &Decision, owner: &Owner, to: &mut Changes) {
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        let stands = standing(decision);
        if ticket.body.standing.contains(&stands) {
            return;
        }
        let is_further_step = ticket.life.closed.is_none()
            && ticket.body.standing.iter().any(|other| other.step != stands.step);
        ticket.body.standing.retain(|other| other.step != stands.step);
        ticket.body.standing.push(stands);
        ticket.body.reason_zh = decision.reason.zh();
        ticket.body.reason_en = decision.reason.to_string();
        ticket.body.marks = marks(decision);
        (ticket.body.calm_since, ticket.body.unfolds) = (None, None);
        if ticket.severity < decision.severity {
            ticket.severity = decision.severity;
            let terms = self.terms.severity(decision.severity);
            ticket.life.graver(decision.arrived, Setting { terms, chain: &owner.chain });
        }
        if is_further_step && ticket.life.state != State::Recheck {
            self.write_line(id, decision.arrived, None, "further-step", told(decision), to);
            return;
        }
        let reopened = ticket.life.closed.is_some();
        if reopened {
            (ticket.body.closed, ticket.body.note) = (None, None);
        }
        let what = if reopened { "reopened" } else { "raised-again" };
        self.happened(id, Event::RaisedAgain, what, decision, owner, to);
        self.fold_under_causes(id, decision.arrived, to);
        self.adopt_effects(id, decision.arrived, to);
    }

    /// Calm was broken. On a ticket that was closed meanwhile this is the hazard once more.
    fn relapsed(&mut self, id: &str, decision: &Decision, owner: &Owner, to: &mut Changes) {
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        (ticket.body.calm_since, ticket.body.unfolds) = (None, None);
        match ticket.life.state {
            State::Closed | State::Recheck => self.raised_again(id, decision, owner, to),
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Suspended => {
                self.happened(id, Event::Relapsed, "relapsed", decision, owner, to);
                self.adopt_effects(id, decision.arrived, to);
            }
            State::Void => {}
        }
    }

    /// Calm was proven for one step; the ticket is proven when no step stands any more.
    fn cleared(&mut self, id: &str, decision: &Decision, owner: &Owner, to: &mut Changes) {
        self.calm(id, decision.arrived);
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        ticket.body.standing.retain(|stands| stands.step != decision.step);
        if ticket.body.standing.is_empty() {
            self.happened(id, Event::Cleared, "cleared", decision, owner, to);
        } else {
            self.write_line(id, decision.arrived, None, "step-cleared", told(decision), to);
        }
    }

    fn happened(
        &mut self,
        id: &str,
        event: Event,
        what: &'static str,
        decision: &Decision,
        owner: &Owner,
        to: &mut Changes,
    ) {
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        let deed = lifecycle::Deed { who: Actor::Judgement, when: decision.arrived };
        let setting = Setting { terms: self.terms.severity(ticket.severity), chain: &owner.chain };
        match ticket.life.step(event, deed, setting) {
            Answer::Done(life, _) => {
                ticket.life = life;
                self.write_line(id, decision.arrived, None, what, told(decision), to);
            }
            Answer::AlreadySo | Answer::Refused(_) => {
                to.tickets.insert(id.to_owned(), ticket.clone());
                self.rewind(id);
            }
        }
    }

    /// Numbers a line, puts the ticket as it stands among the changes, and tells the pages.
    fn write_line(
        &mut self,
        id: &str,
        at: CentreTime,
        who: Option<&str>,
        what: &'static str,
        body: Value,
        to: &mut Changes,
    ) {
        let Some(Kept { ticket, last, .. }) = self.tickets.get_mut(id) else { return };
        let n = last.as_ref().map_or(0, |last| last.n) + 1;
        let (who, what) = (who.map(str::to_owned), what.to_owned());
        *last = Some(LastLine { n, at, who: who.clone(), what: what.clone() });
        (ticket.version, ticket.changed) = (n, at);
        to.tickets.insert(id.to_owned(), ticket.clone());
        let event = json!({
            "id": id,
            "what": what,
            "kind": ticket.kind,
            "state": ticket.life.state,
            "severity": ticket.severity.as_str(),
            "gateway": ticket.gateway,
            "point": ticket.point,
            "unit": ticket.unit,
            "grid": ticket.grid,
            "grid_path": ticket.grid_path,
            "folded_into": ticket.life.folded.as_ref().map(|folded| &folded.into),
            "version": n,
        });
        to.events.push(NewEvent { kind: "ticket", body: event, at });
        to.ticket_lines.push((id.to_owned(), HistoryLine { n, at, who, what, body }));
        self.rewind(id);
    }

    /// Puts a ticket where it belongs among what is due.
    fn rewind(&mut self, id: &str) {
        let Some(kept) = self.tickets.get_mut(id) else { return };
        let unfolds = kept.ticket.body.unfolds.map(CentreTime::from_millis);
        let due = [kept.ticket.life.deadline(), unfolds, kept.forgotten()];
        let due = due.into_iter().flatten().min();
        if let Some(before) = kept.due.take() {
            self.due.remove(&(before, id.to_owned()));
        }
        if let Some(due) = due {
            kept.due = Some(due);
            self.due.insert((due, id.to_owned()));
        }
    }

    /// Whose turn it is, as a line of history tells it.
    fn charge_words(&self, id: &str) -> Value {
        let charge = self.tickets.get(id).and_then(|kept| kept.ticket.life.charge.as_ref());
        charge.map_or(Value::Null, |Charge { grid, level, person, until, .. }| {
            json!({ "grid": grid, "level": level, "person": person, "until": until.millis() })
        })
    }
}

fn standing(decision: &Decision) -> Standing {
    Standing { step: decision.step.clone(), occurrence: occurrence_words(decision.occurrence) }
}

fn marks(decision: &Decision) -> Vec<String> {
    decision.marks.words().into_iter().map(str::to_owned).collect()
}

/// What a ticket is about, in the words of the rules.
pub fn subject_of(ticket: &Ticket) -> Option<Subject> {
    subject(&ticket.subject)
}

fn subject(text: &str) -> Option<Subject> {
    match FullPointId::parse(text) {
        Ok(point) => Some(Subject::Point(point)),
        Err(_) => GatewayId::parse(text).ok().map(Subject::Gateway),
    }
}
