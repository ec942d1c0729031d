//! Steps that look at several points, in whichever lane they live (PROTOCOL §5, "a condition over
//! both lanes").
//!
//! Each lane is judged by itself and tells here what its points say of the parts they are asked
//! for. All such steps of a catalogue are judged at the **lower horizon** of the lanes that they
//! look at: up to there all that will ever be told is told, so it does not matter which lane came
//! first.
//!
//! ```text
//!   urgent    ├──────────x────x─────────┤ horizon        x: a part says something else
//!   routine   ├────x─────────────┤ horizon
//!   judged    ├──────────────────┤  what is told of later waits
//! ```
//!
//! What the lanes tell within one span and one catalogue is an **era**; only eras of the same
//! name are judged together. Of what waits a point keeps its last changes ([`KEPT`]); what stood
//! before those is unknown and changes nothing. A hole, a blind device and a reading that proves
//! nothing are all the same here: the part says nothing from then on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::PointId;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::GatewayTime;

use super::binding::StepRef;
use super::gateway::Lanes;
use crate::condition::Verdict;
use crate::phase::Phase;

use self::judging::InForce;
pub(super) use self::plan::{Part, PartRef, Plan, counted, counting, parts};

mod judging;
mod plan;

/// Changes of one part on one point that wait, at least. Twice as many are cut to these.
const KEPT: usize = 64;

/// Eras of one lane that wait for the other: a box that starts ten times a day is a month behind.
/// Of more the oldest give way.
const MOST_ERAS: usize = 300;

/// What a lane tells.
#[derive(Debug)]
pub(super) enum Told {
    /// What a point says of a part from this moment on.
    Says { point: PointId, part: PartRef, at: GatewayTime, says: Verdict },
    /// From the horizon on no point says anything.
    Silent { at: Option<GatewayTime> },
    /// Another span or catalogue begins where this horizon was left.
    Begins { left: Option<GatewayTime>, span: SpanId, catalogue: Option<CatalogueHash> },
}

/// The steps of one gateway that look at several points.
#[derive(Debug, Default)]
pub(super) struct Joined {
    plans: Vec<Arc<Plan>>,
    pub(super) sides: PerLane<Side>,
    /// The eras that are being judged, by their numbers.
    pub(super) era: Option<PerLane<Option<u32>>>,
    in_force: Option<InForce>,
    /// Every step that is not quiet, by its point.
    pub(super) findings: BTreeMap<(PointId, StepRef), Finding>,
    /// Points of which findings must be written.
    pub(super) changed: BTreeSet<PointId>,
    /// Whether what was told is forgotten, because other rules ask now.
    pub(super) forgot: bool,
    /// Whether the eras must be written, and whether they are.
    pub(super) dirty: bool,
    pub(super) written: bool,
}

/// What one lane has told.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// The last one is open.
    pub(super) eras: VecDeque<Era>,
    pub(super) next: u32,
    pub(super) points: BTreeMap<PointId, Asked>,
    /// The moments of what waits, in their order.
    pub(super) order: BTreeSet<(u32, GatewayTime, PointId)>,
    /// Points that must be written.
    pub(super) changed: BTreeSet<PointId>,
}

/// One span under one catalogue, as one lane tells it.
#[derive(Debug, Clone)]
pub(super) struct Era {
    pub(super) number: u32,
    pub(super) span: SpanId,
    pub(super) catalogue: Option<CatalogueHash>,
    /// Where its horizon was left; only of one that is not open.
    pub(super) end: Option<GatewayTime>,
}

/// What a point says of the parts that it is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Up to where it is judged.
    pub(super) says: BTreeMap<PartRef, Verdict>,
    /// What it has told of later.
    pub(super) ahead: VecDeque<Change>,
}

/// From a moment on a point says something else of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) era: u32,
    pub(super) at: GatewayTime,
    pub(super) part: PartRef,
    pub(super) says: Verdict,
}

/// Where a step stands, and by what it got there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    /// The lane of its point.
    pub(super) lane: Lane,
    pub(super) source: u64,
    pub(super) phase: Phase<GatewayTime>,
}

impl Joined {
    /// A catalogue is known.
    pub(super) fn learn(&mut self, plan: Arc<Plan>) {
        self.dirty |= !plan.joins.is_empty();
        self.plans.retain(|known| known.hash != plan.hash);
        self.plans.push(plan);
    }

    /// Keeps the plans of these catalogues, and those by which something waits to be judged.
    pub(super) fn keep(&mut self, wanted: impl Fn(&CatalogueHash) -> bool) {
        let sides = &self.sides;
        let waits = |hash: &CatalogueHash| {
            Lane::ALL
                .into_iter()
                .any(|lane| sides[lane].eras.iter().any(|era| era.catalogue.as_ref() == Some(hash)))
        };
        self.plans.retain(|plan| wanted(&plan.hash) || waits(&plan.hash));
    }

    /// Whether there is nothing to judge.
    pub(super) fn is_idle(&self) -> bool {
        self.findings.is_empty()
            && Lane::ALL.into_iter().all(|lane| self.sides[lane].points.is_empty())
            && self.plans.iter().all(|plan| plan.joins.is_empty())
    }

    /// Whether a plan is judged by now.
    pub(super) fn is_in_force(&self) -> bool {
        self.in_force.is_some()
    }

    /// Goes on after a restart where nothing was written: what the lanes judge now is all there is.
    /// Where other rules ask now no timer runs until the lanes say again what they say.
    pub(super) fn recall(&mut self, lanes: &Lanes) {
        if std::mem::take(&mut self.forgot) {
            self.interrupt(self.lower_horizon(lanes));
        }
        for lane in Lane::ALL {
            if let (Some(span), true) = (lanes[lane].span, self.sides[lane].eras.is_empty()) {
                self.sides[lane].begin(None, span, lanes[lane].named.clone());
            }
        }
    }

    /// Takes in what a lane tells.
    pub(super) fn hear(&mut self, lane: Lane, told: &mut Vec<Told>) {
        for told in told.drain(..) {
            match told {
                Told::Begins { left, span, catalogue } => {
                    if self.is_idle() {
                        self.sides[lane].eras.clear();
                    }
                    self.sides[lane].begin(left, span, catalogue);
                    let judged = self.era.and_then(|era| era[lane]);
                    self.sides[lane].make_room(judged);
                    self.dirty = true;
                }
                Told::Silent { at } => self.silence(lane, at),
                Told::Says { point, part, at, says } => self.tell(lane, &point, part, at, says),
            }
        }
    }

    fn silence(&mut self, lane: Lane, at: Option<GatewayTime>) {
        let Some(at) = at else { return };
        let mut speaking = BTreeSet::new();
        for (point, asked) in &self.sides[lane].points {
            let parts = asked.says.keys().chain(asked.ahead.iter().map(|change| &change.part));
            speaking.extend(parts.map(|part| (point.clone(), *part)));
        }
        for (point, part) in speaking {
            self.tell(lane, &point, part, at, Verdict::Undecided);
        }
    }

    fn tell(&mut self, lane: Lane, point: &PointId, part: PartRef, at: GatewayTime, says: Verdict) {
        let side = &mut self.sides[lane];
        let Some(era) = side.eras.back() else { return };
        let plan = self.plans.iter().find(|plan| Some(&plan.hash) == era.catalogue.as_ref());
        let asks = plan.is_some_and(|plan| plan.members.contains_key(&(point.clone(), part)));
        if !asks && !side.points.contains_key(point) {
            return;
        }
        let number = era.number;
        let judged = self.era.is_some_and(|era| era[lane] == Some(number));
        let asked = side.points.entry(point.clone()).or_default();
        if asked.latest(part, number, judged) == says {
            return;
        }
        // What a lane says later counts, also of a moment that it had told of before.
        asked.take_back(part, point, (number, at), &mut side.order);
        if asked.latest(part, number, judged) != says {
            let place =
                asked.ahead.partition_point(|change| (change.era, change.at) <= (number, at));
            asked.ahead.insert(place, Change { era: number, at, part, says });
            side.order.insert((number, at, point.clone()));
        }
        asked.cut(part, point, &mut side.order);
        side.changed.insert(point.clone());
    }

    /// The steps that are not quiet on a point.
    pub(super) fn of_point(&self, point: &PointId) -> impl Iterator<Item = (StepRef, &Finding)> {
        let found = self.findings.range((point.clone(), StepRef::FIRST)..);
        let point = point.clone();
        found
            .take_while(move |((subject, _), _)| *subject == point)
            .map(|((_, step), finding)| (*step, finding))
    }
}

impl Side {
    fn begin(&mut self, left: Option<GatewayTime>, span: SpanId, catalogue: Option<CatalogueHash>) {
        if let Some(era) = self.eras.back_mut() {
            era.end = left;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.eras.push_back(Era { number, span, catalogue, end: None });
    }

    /// The oldest eras that wait and are not judged now give way.
    fn make_room(&mut self, judged: Option<u32>) {
        while MOST_ERAS < self.eras.len() {
            let keeps_first = self.eras.front().map(|era| era.number) == judged;
            let Some(gone) = self.eras.remove(usize::from(keeps_first)) else { break };
            self.forget(gone.number);
        }
    }

    /// Forgets what waits of an era that is gone.
    fn forget(&mut self, era: u32) {
        let gone: Vec<_> = self.order.iter().filter(|(of, ..)| *of == era).cloned().collect();
        for key in gone {
            self.order.remove(&key);
            if let Some(asked) = self.points.get_mut(&key.2) {
                asked.ahead.retain(|change| change.era != era);
            }
            self.changed.insert(key.2);
        }
    }
}

impl Asked {
    /// What it says of a part at the end of an era.
    fn latest(&self, part: PartRef, era: u32, judged: bool) -> Verdict {
        let mut waits = self.ahead.iter().rev().take_while(|change| change.era == era);
        let waits = waits.find(|change| change.part == part).map(|change| change.says);
        let now = judged.then(|| self.says.get(&part).copied()).flatten();
        waits.or(now).unwrap_or(Verdict::Undecided)
    }

    /// Takes back what it has told of a part behind a moment.
    fn take_back(
        &mut self,
        part: PartRef,
        point: &PointId,
        behind: (u32, GatewayTime),
        order: &mut BTreeSet<(u32, GatewayTime, PointId)>,
    ) {
        let is_behind = |change: &Change| change.part == part && behind < (change.era, change.at);
        if self.ahead.iter().any(is_behind) {
            self.rearrange(point, order, |ahead| ahead.retain(|change| !is_behind(change)));
        }
    }

    /// Changes what waits, and the order of its moments with it.
    fn rearrange(
        &mut self,
        point: &PointId,
        order: &mut BTreeSet<(u32, GatewayTime, PointId)>,
        change: impl FnOnce(&mut VecDeque<Change>),
    ) {
        let key = |change: &Change| (change.era, change.at, point.clone());
        for waiting in &self.ahead {
            order.remove(&key(waiting));
        }
        change(&mut self.ahead);
        order.extend(self.ahead.iter().map(key));
    }

    /// Cuts what waits of a part to its last changes: from the first that is lost on nothing is
    /// known, until the first that is left.
    fn cut(
        &mut self,
        part: PartRef,
        point: &PointId,
        order: &mut BTreeSet<(u32, GatewayTime, PointId)>,
    ) {
        let waiting = self.ahead.iter().filter(|change| change.part == part).count();
        if waiting < 2 * KEPT {
            return;
        }
        self.rearrange(point, order, |ahead| {
            let mut place = 0;
            ahead.retain_mut(|change| {
                if change.part != part {
                    return true;
                }
                place += 1;
                if place == 1 {
                    change.says = Verdict::Undecided;
                }
                place == 1 || waiting - KEPT < place
            });
        });
    }
}
