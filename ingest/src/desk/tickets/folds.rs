//! What hides what: effects fold under their cause, and unfold when it is over and they are not.
//!
//! A ticket is folded into the root of its causes: what hides it is never hidden itself.

use std::collections::BTreeMap;

use firegrid_rules::decision::Subject;
use firegrid_rules::escalation::Chain;
use firegrid_rules::folding::{PATIENCE, covers, rank};
use firegrid_rules::lifecycle::{Actor, Answer, Deed};
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::ticket::{Event, Folded, Setting};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::{Kept, TicketBook, subject, subject_of};
use crate::judge::changes::Changes;
use crate::storage::tickets::Ticket;

/// Which kinds of hazards hide which: from the hidden kind to those that hide it.
#[derive(Debug, Clone, Default)]
pub struct Causes(BTreeMap<String, Vec<String>>);

impl FromIterator<(String, Vec<String>)> for Causes {
    fn from_iter<T: IntoIterator<Item = (String, Vec<String>)>>(hidden: T) -> Causes {
        Causes(hidden.into_iter().collect())
    }
}

impl Causes {
    /// As the rules say.
    pub fn of(rulebook: &Rulebook) -> Causes {
        let mut causes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rule in rulebook.rules() {
            // Rules of one kind share their causes.
            causes.entry(rule.kind.clone()).or_default().extend(rule.caused_by.iter().cloned());
        }
        Causes(causes)
    }

    fn of_kind(&self, kind: &str) -> &[String] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }
}

impl TicketBook {
    /// Hides a ticket under the cause that stands for it, if one does; and with it what it hid.
    pub(super) fn fold_under_causes(&mut self, id: &str, now: CentreTime, to: &mut Changes) {
        let Some(into) = self.standing_cause(id) else { return };
        if !self.change(id, Event::Folded { into: into.clone() }, now) {
            return;
        }
        self.write_line(id, now, None, "folded", json!({ "into": into }), to);
        for hidden in self.hidden_by(id) {
            self.refold(&hidden, &into, now, to);
        }
    }

    /// A cause that is told late adopts the tickets of its effects, with their clocks.
    pub(super) fn adopt_effects(&mut self, id: &str, now: CentreTime, to: &mut Changes) {
        let Some(Kept { ticket: cause, .. }) = self.tickets.get(id) else { return };
        let Some(covering) = subject_of(cause) else { return };
        let effects: Vec<String> = self
            .tickets
            .values()
            .map(|kept| &kept.ticket)
            .filter(|ticket| {
                !ticket.life.state.is_over()
                    && ticket.life.folded.is_none()
                    && self.causes.of_kind(&ticket.kind).contains(&cause.kind)
                    && subject_of(ticket).is_some_and(|effect| covers(&covering, &effect))
            })
            .map(|ticket| ticket.id.clone())
            .collect();
        for effect in effects {
            self.fold_under_causes(&effect, now, to);
        }
    }

    /// It is calm: soon what is still wrong of that which it hides unfolds.
    pub(super) fn calm(&mut self, id: &str, now: CentreTime) {
        let hides = !self.hidden_by(id).is_empty();
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        ticket.body.calm_since.get_or_insert(now.millis());
        if hides {
            ticket.body.unfolds.get_or_insert(now.plus(PATIENCE).millis());
        }
    }

    /// The cause is over, or somebody has closed its ticket: what is still wrong is a ticket of
    /// its own, or goes under the next cause that stands.
    pub(super) fn unfold_effects(&mut self, id: &str, now: CentreTime, to: &mut Changes) {
        for effect in self.hidden_by(id) {
            match self.standing_cause(&effect).filter(|cause| cause != id) {
                Some(other) => self.refold(&effect, &other, now, to),
                None => {
                    if self.change(&effect, Event::Unfolded, now) {
                        self.write_line(&effect, now, None, "unfolded", json!({ "from": id }), to);
                    }
                }
            }
        }
    }

    /// The open tickets that one hides, the highest first: they may be causes of the others.
    fn hidden_by(&self, id: &str) -> Vec<String> {
        let tickets = self.tickets.values().map(|kept| &kept.ticket);
        let hidden = tickets.filter(|ticket| {
            !ticket.life.state.is_over()
                && ticket.life.folded.as_ref().is_some_and(|folded| folded.into == id)
        });
        let mut hidden: Vec<&Ticket> = hidden.collect();
        hidden.sort_by_key(|ticket| subject_of(ticket).map(|subject| rank(&subject)));
        hidden.into_iter().map(|ticket| ticket.id.clone()).collect()
    }

    fn refold(&mut self, id: &str, into: &str, now: CentreTime, to: &mut Changes) {
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        let Some(Folded { into: under, .. }) = &mut ticket.life.folded else { return };
        into.clone_into(under);
        self.write_line(id, now, None, "folded", json!({ "into": into }), to);
    }

    /// The highest cause of a ticket whose hazard stands now.
    fn standing_cause(&self, id: &str) -> Option<String> {
        let effect = &self.tickets.get(id)?.ticket;
        let effect_subject = subject_of(effect)?;
        let kinds = self.causes.of_kind(&effect.kind);
        let mut found: Option<(u8, &str)> = None;
        for above in above(&effect_subject) {
            for kind in kinds {
                let case = (above.to_string(), kind.clone());
                let Some(cause) = self.cases.get(&case).and_then(|id| self.tickets.get(id)) else {
                    continue;
                };
                let rank = rank(&above);
                if cause.stands() && found.is_none_or(|(best, _)| rank < best) {
                    found = Some((rank, &cause.ticket.id));
                }
            }
        }
        let (_, id) = found?;
        // What hides it may be hidden itself: then both have one root.
        let folded = self.tickets.get(id)?.ticket.life.folded.as_ref();
        Some(folded.map_or(id, |folded| &folded.into).to_owned())
    }

    fn change(&mut self, id: &str, event: Event, now: CentreTime) -> bool {
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return false };
        let deed = Deed { who: Actor::Judgement, when: now };
        let terms = self.terms.severity(ticket.severity);
        // Neither folding nor unfolding asks for the way up.
        let chain = Chain::of(&Routing::default(), &ticket.grid);
        match ticket.life.step(event, deed, Setting { terms, chain: &chain }) {
            Answer::Done(life, _) => {
                ticket.life = life;
                true
            }
            Answer::AlreadySo | Answer::Refused(_) => false,
        }
    }
}

impl Kept {
    /// Whether what it is about holds, or is calm for so short that its effects may still heal.
    fn stands(&self) -> bool {
        let Kept { ticket, .. } = self;
        let holds = ticket.body.calm_since.is_none() || ticket.body.unfolds.is_some();
        !ticket.life.state.is_over() && !ticket.body.standing.is_empty() && holds
    }
}

/// Everything that can cover a subject: its gateway, the `comm` of its device, and the points
/// whose names its own name begins with.
fn above(effect: &Subject) -> Vec<Subject> {
    let Subject::Point(point) = effect else { return Vec::new() };
    let mut found = vec![Subject::Gateway(point.gateway.clone())];
    let name = point.point.as_str();
    let device = name.split('/').next().unwrap_or_default();
    let begins = name.char_indices().map(|(end, _)| &name[..end]).filter(|it| it.contains('/'));
    for candidate in std::iter::once(format!("{device}/comm")).chain(begins.map(str::to_owned)) {
        let candidate = subject(&format!("{}/{candidate}", point.gateway));
        found.extend(candidate.filter(|cause| covers(cause, effect)));
    }
    found
}
