//! What people do with a ticket.

use firegrid_rules::decision::Subject;
use firegrid_rules::engine::NotYet;
use firegrid_rules::escalation::Chain;
use firegrid_rules::lifecycle::{self, Actor, Answer};
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::RuleId;
use firegrid_rules::ticket::{Event, Exception, Setting};
use firegrid_wire::time::CentreTime;
use serde_json::{Value, json};

use super::{Kept, TicketBook, subject_of};
use crate::desk::case::check_latest;
use crate::judge::changes::Changes;
use crate::judge::events::{Done, Refused};
use crate::storage::alarms::Deed;

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketDeed {
    /// Takes it, and begins.
    Accept,
    /// Says that it is done.
    Submit {
        /// What was done.
        note: Option<String>,
    },
    /// Says that it is not theirs, or not mended.
    Return {
        /// Why.
        reason: String,
    },
    /// Gives it to somebody else.
    HandOver {
        /// A person's id; none: one level up.
        to: Option<String>,
        /// Why.
        reason: String,
    },
    /// Says that it was none.
    Void {
        /// Why.
        reason: String,
    },
    /// Closes it.
    Close {
        /// What is to be said.
        note: Option<String>,
        /// What stands in for the proof where there can be none.
        exception: Option<Exception>,
    },
}

/// Who does it, when, and which line of its history was seen last.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    /// Who.
    pub by: &'a str,
    /// When.
    pub now: CentreTime,
    /// The last line that was seen; none: whatever stands.
    pub seen: Option<u32>,
}

impl TicketBook {
    /// A person does something. `may_close` says what the engine knows of a subject and rule.
    pub fn act(
        &mut self,
        id: &str,
        deed: &TicketDeed,
        doing: Doing<'_>,
        may_close: impl FnOnce(&Subject, &RuleId) -> Result<(), NotYet>,
        routing: &Routing,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        let Doing { by, now, seen } = doing;
        let Kept { ticket, last, .. } = self.tickets.get_mut(id).ok_or(Refused::NotFound)?;
        check_latest(seen, last.as_ref())?;
        let proof = || match (subject_of(ticket), ticket.rule.parse::<RuleId>()) {
            (Some(subject), Ok(rule)) => may_close(&subject, &rule),
            (None, _) | (Some(_), Err(_)) => Err(NotYet::Unknown),
        };
        let event = event_of(deed, proof);
        let chain = Chain::of(routing, &ticket.grid);
        let setting = Setting { terms: self.terms.severity(ticket.severity), chain: &chain };
        let who = lifecycle::Deed { who: Actor::Person(by.to_owned()), when: now };
        match ticket.life.step(event, who, setting) {
            Answer::Done(life, _) => ticket.life = life,
            Answer::AlreadySo => {
                let first = ticket.life.submitted.as_ref().or(ticket.life.accepted.as_ref());
                let first =
                    first.map(|deed| Deed { by: deed.who.to_string(), at: deed.when.millis() });
                return Err(Refused::AlreadySo {
                    by: ticket.body.closed.clone().or(first),
                    state: ticket.life.state.as_str(),
                });
            }
            Answer::Refused(refusal) => return Err(refusal.into()),
        }
        let is_over = ticket.life.state.is_over();
        if is_over {
            ticket.body.closed = Some(Deed { by: by.to_owned(), at: now.millis() });
            ticket.body.note = note_of(deed);
            ticket.body.standing.clear();
            ticket.body.unfolds = None;
        }
        let (what, line) = self.told_deed(id, deed);
        self.write_line(id, now, Some(by), what, line, to);
        if is_over {
            self.unfold_effects(id, now, to);
        }
        let kept = self.tickets.get(id).ok_or(Refused::NotFound)?;
        Ok(Done::Ticket(Box::new(kept.ticket.clone())))
    }

    fn told_deed(&self, id: &str, deed: &TicketDeed) -> (&'static str, Value) {
        match deed {
            TicketDeed::Accept => ("accepted", json!({})),
            TicketDeed::Submit { note } => ("submitted", json!({ "note": note })),
            TicketDeed::Return { reason } => {
                ("returned", json!({ "reason": reason, "charge": self.charge_words(id) }))
            }
            TicketDeed::HandOver { reason, .. } => {
                ("handed-over", json!({ "reason": reason, "charge": self.charge_words(id) }))
            }
            TicketDeed::Void { reason } => ("voided", json!({ "reason": reason })),
            TicketDeed::Close { note, exception } => {
                let exception = exception.as_ref();
                let exception =
                    exception.map(|it| json!({ "reason": it.reason, "second": it.second }));
                ("closed", json!({ "note": note, "exception": exception }))
            }
        }
    }
}

fn event_of(deed: &TicketDeed, proof: impl FnOnce() -> Result<(), NotYet>) -> Event {
    match deed {
        TicketDeed::Accept => Event::Accept,
        TicketDeed::Submit { .. } => Event::Submit,
        TicketDeed::Return { reason } => Event::Return { reason: reason.clone() },
        TicketDeed::HandOver { to, reason } => {
            Event::HandOver { to: to.clone(), reason: reason.clone() }
        }
        TicketDeed::Void { reason } => Event::Void { reason: reason.clone(), proof: proof() },
        TicketDeed::Close { exception, .. } => {
            Event::Close { proof: proof(), exception: exception.clone() }
        }
    }
}

fn note_of(deed: &TicketDeed) -> Option<String> {
    match deed {
        TicketDeed::Close { note, .. } => note.clone(),
        TicketDeed::Void { reason } => Some(reason.clone()),
        TicketDeed::Accept
        | TicketDeed::Submit { .. }
        | TicketDeed::Return { .. }
        | TicketDeed::HandOver { .. } => None,
    }
}
