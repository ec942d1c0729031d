//! The book of tickets: one open ticket per (subject, kind), recurrences appended.
//!
//! Holds the tickets that are open, and those closed so recently that the same hazard would
//! reopen them (回头看). Pure: numbers the lines, and leaves the writing to the commit.

use std::collections::{BTreeMap, HashMap};

use firegrid_rules::decision::{At, Change, Decision, Marks, Subject};
use firegrid_rules::engine::NotYet;
use firegrid_rules::lifecycle::{self, Actor, Answer};
use firegrid_rules::rulebook::RuleId;
use firegrid_rules::ticket::{self, Due, Event, Exception, State};
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::time::CentreTime;
use serde_json::{Value, json};

use super::case::{Owner, id_of, occurrence_words, place, told};
use crate::judge::changes::Changes;
use crate::judge::events::{Done, Refused};
use crate::storage::alarms::Deed;
use crate::storage::events::NewEvent;
use crate::storage::history::HistoryLine;
use crate::storage::tickets::{Standing, Ticket, TicketBody};

/// Every ticket that can still change.
#[derive(Debug, Default)]
pub struct TicketBook {
    tickets: BTreeMap<String, (Ticket, u32)>,
    cases: HashMap<(String, String), String>,
}

impl TicketBook {
    /// The book as it was committed: tickets, and the last line of each.
    pub fn restored(mut tickets: Vec<Ticket>, lines: Vec<(String, u32)>) -> TicketBook {
        let lines: HashMap<String, u32> = lines.into_iter().collect();
        let mut book = TicketBook::default();
        // Of several tickets of one case the newest takes recurrences.
        tickets.sort_by_key(|ticket| ticket.life.opened);
        for ticket in tickets {
            book.cases.insert((ticket.subject.clone(), ticket.kind.clone()), ticket.id.clone());
            let last = lines.get(&ticket.id).copied().unwrap_or(0);
            book.tickets.insert(ticket.id.clone(), (ticket, last));
        }
        book
    }

    /// The judgement decided something about a hazard.
    pub fn decided(&mut self, decision: &Decision, owner: &Owner, to: &mut Changes) {
        let subject = decision.subject.to_string();
        let id = self.cases.get(&(subject, decision.kind.clone())).cloned();
        let id = id.filter(|id| {
            let ticket = self.tickets.get(id).map(|(ticket, _)| ticket);
            ticket.is_some_and(|ticket| ticket.life.takes_recurrence(decision.arrived))
        });
        match (id, decision.change) {
            (None, Change::Raised | Change::Relapsed) => self.open(decision, owner, to),
            (
                None,
                Change::Calmed
                | Change::Cleared
                | Change::Confirmed
                | Change::Revised
                | Change::Retired,
            ) => {}
            (Some(id), Change::Raised) => self.raised_again(&id, decision, to),
            (Some(id), Change::Relapsed) => self.relapsed(&id, decision, to),
            (Some(id), Change::Calmed) => {
                self.happened(&id, Event::Calmed, "calmed", decision, to);
            }
            (Some(id), Change::Cleared) => self.cleared(&id, decision, to),
            (Some(id), Change::Confirmed) => {
                if let Some((ticket, _)) = self.tickets.get_mut(&id) {
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
                if let Some((ticket, _)) = self.tickets.get_mut(&id) {
                    ticket.body.retired = true;
                }
                self.happened(&id, Event::Retired, "retired", decision, to);
            }
        }
    }

    /// A person takes a ticket.
    pub fn accept(
        &mut self,
        id: &str,
        by: &str,
        now: CentreTime,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        self.act(id, Event::Accept, "accepted", json!({}), by, now, to)
    }

    /// A person closes a ticket. `may_close` says what the engine knows of a subject and rule.
    pub fn close(
        &mut self,
        id: &str,
        words: (Option<String>, Option<Exception>),
        by: &str,
        now: CentreTime,
        may_close: impl FnOnce(&Subject, &RuleId) -> Result<(), NotYet>,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        let (note, exception) = words;
        let (ticket, _) = self.tickets.get(id).ok_or(Refused::NotFound)?;
        let proof = match (subject_of(ticket), ticket.rule.parse::<RuleId>()) {
            (Some(subject), Ok(rule)) => may_close(&subject, &rule),
            (None, _) | (Some(_), Err(_)) => Err(NotYet::Unknown),
        };
        let line = json!({
            "note": note,
            "exception": exception.as_ref().map(|it| json!({ "reason": it.reason, "second": it.second })),
        });
        let event = Event::Close { proof, exception };
        let done = self.act(id, event, "closed", line, by, now, to)?;
        if let Some((ticket, _)) = self.tickets.get_mut(id) {
            ticket.body.closed = Some(Deed { by: by.to_owned(), at: now.millis() });
            ticket.body.note = note;
            ticket.body.standing.clear();
            to.tickets.insert(id.to_owned(), ticket.clone());
            return Ok(Done::Ticket(Box::new(ticket.clone())));
        }
        Ok(done)
    }

    fn open(&mut self, decision: &Decision, owner: &Owner, to: &mut Changes) {
        let (gateway, point) = place(&decision.subject);
        let now = decision.arrived;
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
            life: ticket::Ticket::opened(decision.severity, now, decision.marks.historical),
            body: TicketBody {
                marks: marks(decision),
                reason_zh: decision.reason.zh(),
                reason_en: decision.reason.to_string(),
                first_raised_t: match decision.at {
                    At::Gateway(time) => Some(time.millis()),
                    At::Centre(_) => None,
                },
                standing: vec![standing(decision)],
                ..TicketBody::default()
            },
            changed: now,
        };
        let id = ticket.id.clone();
        self.cases.insert((ticket.subject.clone(), ticket.kind.clone()), id.clone());
        self.tickets.insert(id.clone(), (ticket, 0));
        self.write_line(&id, now, None, "opened", told(decision), to);
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
    fn raised_again(&mut self, id: &str, decision: &Decision, to: &mut Changes) {
        let Some((ticket, _)) = self.tickets.get_mut(id) else { return };
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
        if ticket.severity < decision.severity {
            ticket.severity = decision.severity;
            let graver = decision.severity.terms().from(decision.arrived);
            ticket.life.due = Due {
                accept: ticket.life.due.accept.min(graver.accept),
                rectify: ticket.life.due.rectify.min(graver.rectify),
            };
        }
        if is_further_step && ticket.life.state != State::Recheck {
            ticket.changed = decision.arrived;
            self.write_line(id, decision.arrived, None, "further-step", told(decision), to);
            return;
        }
        let reopened = ticket.life.closed.is_some();
        if reopened {
            (ticket.body.closed, ticket.body.note) = (None, None);
        }
        let what = if reopened { "reopened" } else { "raised-again" };
        self.happened(id, Event::RaisedAgain, what, decision, to);
    }

    /// Calm was broken. On a ticket that was closed meanwhile this is the hazard once more.
    fn relapsed(&mut self, id: &str, decision: &Decision, to: &mut Changes) {
        let state = self.tickets.get(id).map(|(ticket, _)| ticket.life.state);
        match state {
            Some(State::Closed | State::Recheck) => self.raised_again(id, decision, to),
            Some(
                State::Verify
                | State::Dispatch
                | State::Accept
                | State::Rectifying
                | State::Suspended,
            ) => {
                self.happened(id, Event::Relapsed, "relapsed", decision, to);
            }
            Some(State::Void) | None => {}
        }
    }

    /// Calm was proven for one step; the ticket is proven when no step stands any more.
    fn cleared(&mut self, id: &str, decision: &Decision, to: &mut Changes) {
        let Some((ticket, _)) = self.tickets.get_mut(id) else { return };
        ticket.body.standing.retain(|stands| stands.step != decision.step);
        if ticket.body.standing.is_empty() {
            self.happened(id, Event::Cleared, "cleared", decision, to);
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
        to: &mut Changes,
    ) {
        let Some((ticket, _)) = self.tickets.get_mut(id) else { return };
        let deed = lifecycle::Deed { who: Actor::Judgement, when: decision.arrived };
        match ticket.life.step(event, deed) {
            Answer::Done(life, _) => {
                ticket.life = life;
                ticket.changed = decision.arrived;
                self.write_line(id, decision.arrived, None, what, told(decision), to);
            }
            Answer::AlreadySo | Answer::Refused(_) => {
                to.tickets.insert(id.to_owned(), ticket.clone());
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a deed is who, when, what, and what was said")]
    fn act(
        &mut self,
        id: &str,
        event: Event,
        what: &'static str,
        line: Value,
        by: &str,
        now: CentreTime,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        let (ticket, _) = self.tickets.get_mut(id).ok_or(Refused::NotFound)?;
        let deed = lifecycle::Deed { who: Actor::Person(by.to_owned()), when: now };
        match ticket.life.step(event, deed) {
            Answer::Done(life, _) => {
                ticket.life = life;
                ticket.changed = now;
                let done = Done::Ticket(Box::new(ticket.clone()));
                self.write_line(id, now, Some(by), what, line, to);
                Ok(done)
            }
            Answer::AlreadySo => {
                let accepted = ticket
                    .life
                    .accepted
                    .as_ref()
                    .map(|deed| Deed { by: deed.who.to_string(), at: deed.when.millis() });
                Err(Refused::AlreadySo {
                    by: ticket.body.closed.clone().or(accepted),
                    state: ticket.life.state.as_str(),
                })
            }
            Answer::Refused(refusal) => {
                Err(Refused::NotAllowed { code: refusal.code, zh: refusal.zh, en: refusal.en })
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
        let Some((ticket, last)) = self.tickets.get_mut(id) else { return };
        *last += 1;
        let line =
            HistoryLine { n: *last, at, who: who.map(str::to_owned), what: what.to_owned(), body };
        to.ticket_lines.push((id.to_owned(), line));
        to.tickets.insert(id.to_owned(), ticket.clone());
        let body = json!({
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
        });
        to.events.push(NewEvent { kind: "ticket", body, at });
    }
}

fn standing(decision: &Decision) -> Standing {
    Standing { step: decision.step.clone(), occurrence: occurrence_words(decision.occurrence) }
}

fn marks(decision: &Decision) -> Vec<String> {
    decision.marks.words().into_iter().map(str::to_owned).collect()
}

/// What a ticket is about, in the words of the rules.
fn subject_of(ticket: &Ticket) -> Option<Subject> {
    match FullPointId::parse(&ticket.subject) {
        Ok(point) => Some(Subject::Point(point)),
        Err(_) => GatewayId::parse(&ticket.subject).ok().map(Subject::Gateway),
    }
}
