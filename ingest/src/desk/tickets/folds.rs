//! What hides what: effects fold under their cause, and unfold when it is over and they are not.
//!
//! A ticket is folded into the root of its causes: what hides it is never hidden itself.

use std::collections::{BTreeMap, BTreeSet};

use firegrid_rules::beside::Shares;
use firegrid_rules::decision::Subject;
use firegrid_rules::escalation::Chain;
use firegrid_rules::folding::{PATIENCE, covers, rank};
use firegrid_rules::lifecycle::{Actor, Answer, Deed};
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::{Rule, Rulebook};
use firegrid_rules::ticket::{Event, Folded, Setting};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::{Kept, TicketBook, subject, subject_of};
use crate::judge::changes::Changes;
use crate::storage::tickets::Ticket;

/// Which kinds of hazards hide which.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    /// From the hidden kind to those that hide it.
    of: BTreeMap<String, Vec<String>>,
    /// Kinds that are about a whole zone, told of one of its points.
    of_zones: BTreeSet<String>,
}

impl FromIterator<(String, Vec<String>)> for Causes {
    fn from_iter<T: IntoIterator<Item = (String, Vec<String>)>>(hidden: T) -> Causes {
        Causes { of: hidden.into_iter().collect(), of_zones: BTreeSet::new() }
    }
}

impl Causes {
    /// As the rules say.
    pub fn of(rulebook: &Rulebook) -> Causes {
        let rules = rulebook.rules().iter();
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rule in rules.clone() {
            // Rules of one kind open one ticket: what hides any of them hides it.
            of.entry(rule.kind.clone()).or_default().extend(rule.caused_by.iter().cloned());
        }
        let counts_zones = |rule: &&Rule| {
            let shares = rule.steps.iter().filter_map(|step| step.share.as_ref());
            shares.into_iter().any(|share| share.of == Shares::Zone)
        };
        Causes { of, of_zones: rules.filter(counts_zones).map(|rule| rule.kind.clone()).collect() }
    }

    /// Whether anything is ever hidden by tickets of this kind.
    fn hides(&self, kind: &str) -> bool {
        self.of.values().flatten().any(|cause| cause == kind)
    }

    fn of_kind(&self, kind: &str) -> &[String] {
        self.of.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Whether one ticket can hide another: by its kind, and by what it is about.
    fn can_hide(&self, cause: &Ticket, effect: &Ticket) -> bool {
        if cause.id == effect.id || !self.of_kind(&effect.kind).contains(&cause.kind) {
            return false;
        }
        if self.of_zones.contains(&cause.kind) {
            return cause.gateway == effect.gateway
                && cause.body.zone.is_some()
                && cause.body.zone == effect.body.zone;
        }
        match (subject_of(cause), subject_of(effect)) {
            (Some(cause), Some(effect)) => covers(&cause, &effect),
            (None, _) | (_, None) => false,
        }
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
        if !self.causes.hides(&cause.kind) {
            return;
        }
        let effects: Vec<String> = self
            .beside(cause)
            .filter(|ticket| {
                !ticket.life.state.is_over()
                    && ticket.life.folded.is_none()
                    && self.causes.can_hide(cause, ticket)
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
        let cause = self.tickets.get(id).map(|kept| &kept.ticket);
        // Also where the rules say no more that this kind hides anything.
        let hidden = cause.into_iter().flat_map(|cause| self.beside(cause)).filter(|ticket| {
            !ticket.life.state.is_over()
                && ticket.life.folded.as_ref().is_some_and(|folded| folded.into == id)
        });
        let mut hidden: Vec<&Ticket> = hidden.collect();
        hidden.sort_by_key(|ticket| subject_of(ticket).map(|subject| rank(&subject)));
        hidden.into_iter().map(|ticket| ticket.id.clone()).collect()
    }

    /// Every ticket about the same gateway and what it reads.
    fn beside(&self, ticket: &Ticket) -> impl Iterator<Item = &Ticket> {
        let ids = self.of_gateway.get(&ticket.gateway).into_iter().flatten();
        ids.filter_map(|id| self.tickets.get(id)).map(|kept| &kept.ticket)
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
        let kinds = self.causes.of_kind(&effect.kind);
        if kinds.is_empty() {
            return None;
        }
        let subjects = subject_of(effect).map_or_else(Vec::new, |subject| above(&subject));
        let cases = subjects
            .iter()
            .flat_map(|above| kinds.iter().map(move |kind| (above.to_string(), kind.clone())));
        let by_name = cases.filter_map(|case| self.cases.get(&case));
        let by_name = by_name.filter_map(|id| self.tickets.get(id));
        let zones = kinds.iter().any(|kind| self.causes.of_zones.contains(kind));
        let of_zone = zones.then(|| self.beside(effect)).into_iter().flatten();
        let of_zone = of_zone.filter(|ticket| self.causes.of_zones.contains(&ticket.kind));
        let of_zone = of_zone.filter_map(|ticket| self.tickets.get(&ticket.id));
        let found = by_name
            .chain(of_zone)
            .filter(|cause| cause.stands() && self.causes.can_hide(&cause.ticket, effect))
            .filter_map(|cause| Some((rank(&subject_of(&cause.ticket)?), &cause.ticket.id)))
            .min();
        let (_, id) = found?;
        // What hides it may be hidden itself: then both have one root.
        let folded = self.tickets.get(id)?.ticket.life.folded.as_ref();
        Some(folded.map_or(id, |folded| &folded.into).clone())
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
