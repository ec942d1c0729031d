//! One gateway: its two lanes, and its silence in centre time.

use std::collections::VecDeque;
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::limits::BLIND_AFTER_MS;
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::binding::{BoundCatalogue, StepRef};
use super::joined::Joined;
use super::lane::LaneState;
use super::scene::{self, Scene, parts};
use super::{Admitted, ClearHold, HeadStanding, HeardBeat};
use crate::condition::Condition;
use crate::decision::{At, Change, Reason};
use crate::phase::{Instant, Look, Onset, Phase, Timer, Timing};
use crate::sight::{Ear, Listened, seen};

/// Catalogues that are known but not adopted by every lane yet. More means that a box changes
/// its catalogue faster than it sends; the oldest gives way and its batches are judged by words.
const MOST_CATALOGUES: usize = 4;

/// Spans of which it is remembered that they were heard.
const SPANS_HEARD: usize = 16;

/// Everything the engine keeps of one gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) id: GatewayId,
    pub(super) lanes: Lanes,
    /// What is judged over both.
    pub(super) joined: Joined,
    pub(super) catalogues: Vec<Arc<BoundCatalogue>>,
    /// The sender's current span, as far as was heard, and the spans heard before.
    pub(super) current: Option<SpanId>,
    pub(super) spans: VecDeque<SpanId>,
    /// The last message of any kind.
    pub(super) heard: Option<Listened>,
    /// Up to when silence was judged.
    pub(super) looked: Option<Listened>,
    pub(super) silence: Vec<(StepRef, Phase<Listened>)>,
    pub(super) hold: Option<ClearHold>,
    /// The next moment at which silence changes something.
    pub(super) due: Option<Listened>,
    pub(super) dirty: bool,
}

/// The two lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    urgent: LaneState,
    routine: LaneState,
}

impl std::ops::Index<Lane> for Lanes {
    type Output = LaneState;
    fn index(&self, lane: Lane) -> &LaneState {
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Routine => &self.routine,
        }
    }
}

impl std::ops::IndexMut<Lane> for Lanes {
    fn index_mut(&mut self, lane: Lane) -> &mut LaneState {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Routine => &mut self.routine,
        }
    }
}

impl Gateway {
    pub(super) fn new(id: GatewayId, silence: &[StepRef]) -> Gateway {
        let lane = LaneState::new;
        Gateway {
            id,
            lanes: Lanes { urgent: lane(Lane::Urgent), routine: lane(Lane::Routine) },
            joined: Joined::default(),
            catalogues: Vec::new(),
            current: None,
            spans: VecDeque::new(),
            heard: None,
            looked: None,
            silence: silence.iter().map(|step| (*step, Phase::Quiet)).collect(),
            hold: None,
            due: None,
            dirty: false,
        }
    }

    /// Goes on after a restart.
    pub(super) fn recall(&mut self, scene: &mut Scene<'_>) {
        for lane in Lane::ALL {
            self.lanes[lane].recall(scene);
        }
        self.joined.recall(&self.lanes);
        self.reckon(scene);
    }

    /// Takes in a catalogue; at once where a restored lane waits for just this one, where the
    /// last batch named it, and where nothing was judged yet: its points are known, though never
    /// seen. Answers of which lanes a refresh is wanted: they were judged by their words.
    pub(super) fn catalogue(
        &mut self,
        catalogue: BoundCatalogue,
        scene: &mut Scene<'_>,
    ) -> PerLane<bool> {
        let catalogue = Arc::new(catalogue);
        let wanted = PerLane::from_fn(|lane| {
            let state = &mut self.lanes[lane];
            let adopted = state.adopted.as_ref() == Some(&catalogue.hash);
            let by_words = !adopted && state.named.as_ref() == Some(&catalogue.hash);
            if by_words || (adopted && !state.bound) || state.span.is_none() {
                state.adopt(&catalogue, scene);
            }
            by_words && catalogue.has[lane]
        });
        self.joined.learn(Arc::clone(&catalogue.plan));
        self.catalogues.retain(|known| known.hash != catalogue.hash);
        self.catalogues.push(catalogue);
        if MOST_CATALOGUES < self.catalogues.len() {
            self.catalogues.remove(0);
        }
        self.drop_adopted();
        self.join(scene);
        self.dirty = true;
        wanted
    }

    /// Judges a batch.
    pub(super) fn observe(&mut self, admitted: &Admitted<'_>, ear: &Ear, scene: &mut Scene<'_>) {
        self.listen(ear, scene);
        self.hear_span(admitted.current);
        scene.current = self.current;
        let head = &admitted.pack.head;
        let lane = &mut self.lanes[head.lane];
        if let Some(stretch) = head.stretch.filter(|_| Some(head.name.span) == self.current) {
            lane.see(seen_until(admitted.arrived, admitted.sent, stretch.until, ear));
        }
        lane.judge(admitted.pack, admitted.span_order, admitted.hole, &self.catalogues, scene);
        let fires = head.marker.iter().flat_map(|marker| &marker.fires);
        for fire in fires {
            // A point lives in one lane, whichever lane tells of it.
            let other = match head.lane {
                Lane::Urgent => Lane::Routine,
                Lane::Routine => Lane::Urgent,
            };
            let here = self.lanes[head.lane].names.find(&fire.n).is_some();
            let there = !here && self.lanes[other].names.find(&fire.n).is_some();
            let lane = if there { other } else { head.lane };
            self.lanes[lane].lost([fire], scene);
        }
        self.drop_adopted();
        self.join(scene);
        self.dirty = true;
    }

    /// Takes in a heartbeat.
    pub(super) fn beat(&mut self, heard: &HeardBeat<'_>, ear: &Ear, scene: &mut Scene<'_>) {
        self.listen(ear, scene);
        let beat = heard.beat;
        self.hear_span(beat.span);
        scene.current = self.current;
        for lane in Lane::ALL {
            let Some(until) = beat.lanes[lane].until else { continue };
            let head = heard.heads[lane];
            let state = &mut self.lanes[lane];
            match head {
                HeadStanding::NotJudged => {}
                HeadStanding::JudgedInOlderSpan | HeadStanding::Judged { .. } => {
                    // Only the sender's current span tells what is seen now.
                    if self.current == Some(beat.span) {
                        state.see(seen_until(heard.arrived, heard.sent, until, ear));
                    }
                }
            }
            state.vouched(until, head, scene);
        }
        for alarm in &beat.alarms {
            self.lanes.urgent.told(alarm, beat.span, heard.urgent_order, scene);
        }
        self.join(scene);
        self.dirty = true;
    }

    /// Something was heard: what silence did until now is judged first.
    pub(super) fn listen(&mut self, ear: &Ear, scene: &mut Scene<'_>) {
        self.pass(ear, scene);
        let now = ear.listened(scene.arrived);
        self.heard = Some(self.heard.map_or(now, |before| before.max(now)));
        self.look(now, ear, scene);
        self.reckon(scene);
        self.dirty = true;
    }

    /// Lets silence last until now.
    pub(super) fn pass(&mut self, ear: &Ear, scene: &mut Scene<'_>) {
        let Some(heard) = self.heard else { return };
        let now = ear.listened(scene.arrived);
        // A clock that was set back cannot take silence back.
        let now = self.looked.map_or(now, |looked| looked.max(now));
        let mut moments: Vec<Listened> = thresholds(&self.silence, scene)
            .map(|threshold| heard.after(threshold))
            .chain(self.silence.iter().filter_map(|(id, phase)| due(*id, *phase, scene)))
            .filter(|moment| self.looked.is_none_or(|looked| looked < *moment) && *moment <= now)
            .collect();
        moments.push(now);
        moments.sort();
        for moment in moments {
            self.look(moment, ear, scene);
        }
        self.reckon(scene);
        self.dirty = true;
    }

    /// Judges silence at one moment; what had fallen due by then comes first.
    fn look(&mut self, moment: Listened, ear: &Ear, scene: &mut Scene<'_>) {
        let Some(heard) = self.heard else { return };
        let now = Onset { span: None, at: ear.retold(moment) };
        for (id, phase) in &mut self.silence {
            let Some((_, step)) = scene::step(scene.rulebook, *id) else { continue };
            let timing = Timing { held_for: step.held_for, clear_for: step.clear_for };
            let mut turns = Vec::new();
            let pass = |phase: &mut Phase<Listened>| {
                let due = phase.deadline(timing).filter(|due| *due <= moment)?;
                let due = Onset { span: None, at: ear.retold(due) };
                let reason = silent_or_calm(*phase, timing, heard);
                let (next, turn) = phase.pass(due);
                *phase = next;
                turn.map(|turn| (turn, due, reason))
            };
            turns.extend(pass(phase));
            let silent = moment.elapsed_since(heard);
            let when = step.when.of_silence(silent);
            let calm = step.clear_when.as_ref().map_or(when.not(), |calm| calm.of_silence(silent));
            let look = Look { when, calm, now, vouched: now.at, runs: true, at_once: true };
            let (next, turn) = phase.look(look, timing);
            *phase = next;
            turns.extend(turn.map(|turn| {
                let reason = match parts(turn).0 {
                    Change::Raised | Change::Relapsed => {
                        Reason::Silent { last: heard.at(), lasting: silent }
                    }
                    Change::Calmed
                    | Change::Cleared
                    | Change::Confirmed
                    | Change::Revised
                    | Change::Retired => Reason::Heard,
                };
                (turn, now, reason)
            }));
            turns.extend(pass(phase));
            for (turn, at, reason) in turns {
                let (change, onset) = parts(turn);
                scene.tell_gateway(*id, change, onset.at.at(), at.at.at(), reason);
            }
        }
        self.looked = Some(self.looked.map_or(moment, |before| before.max(moment)));
    }

    /// Finds the next moment at which silence alone changes something.
    pub(super) fn reckon(&mut self, scene: &Scene<'_>) {
        let Some(heard) = self.heard else { return };
        let looked = self.looked;
        let flips = thresholds(&self.silence, scene).map(|threshold| heard.after(threshold));
        let deadlines = self.silence.iter().filter_map(|(id, phase)| due(*id, *phase, scene));
        self.due = flips
            .chain(deadlines)
            .filter(|moment| looked.is_none_or(|looked| looked < *moment))
            .min();
    }

    /// Whether nothing was heard for so long that the gateway is blind.
    pub(super) fn is_silent(&self, now: Listened) -> bool {
        self.heard.is_none_or(|heard| Millis::new(BLIND_AFTER_MS) <= now.elapsed_since(heard))
    }

    /// Whether anything may clear at this moment.
    pub(super) fn may_clear(&self, now: CentreTime) -> bool {
        match self.hold {
            None => true,
            Some(ClearHold::Until(until)) => until <= now,
            Some(ClearHold::UntilLifted) => false,
        }
    }

    /// All proof of calm begins anew.
    pub(super) fn lift_hold(&mut self) {
        self.hold = None;
        for lane in Lane::ALL {
            self.lanes[lane].suspend(false);
        }
        self.hear_lanes();
        self.joined.doubt(&self.lanes);
        self.dirty = true;
    }

    /// Judges what the lanes have told of each other.
    fn join(&mut self, scene: &mut Scene<'_>) {
        self.hear_lanes();
        self.joined.run(&mut self.lanes, scene);
    }

    fn hear_lanes(&mut self) {
        for lane in Lane::ALL {
            self.joined.hear(lane, &mut self.lanes[lane].told);
        }
    }

    /// The newest span that was heard is the sender's current one.
    fn hear_span(&mut self, span: SpanId) {
        if self.spans.contains(&span) {
            return;
        }
        if self.spans.len() == SPANS_HEARD {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
        self.current = Some(span);
    }

    /// A catalogue by which every lane judges is kept no longer.
    fn drop_adopted(&mut self) {
        let lanes = &self.lanes;
        let judges = |lane: Lane, hash: &CatalogueHash| {
            let lane = &lanes[lane];
            lane.bound && lane.adopted.as_ref() == Some(hash) && lane.named == lane.adopted
        };
        self.catalogues.retain(|known| {
            Lane::ALL.into_iter().any(|lane| {
                (known.has[lane] || lanes[lane].span.is_some()) && !judges(lane, &known.hash)
            })
        });
        let catalogues = &self.catalogues;
        self.joined.keep(|hash| {
            catalogues.iter().any(|known| known.hash == *hash)
                || Lane::ALL.into_iter().any(|lane| lanes[lane].adopted.as_ref() == Some(hash))
        });
    }
}

fn seen_until(arrived: CentreTime, sent: GatewayTime, until: GatewayTime, ear: &Ear) -> Listened {
    ear.listened(seen(arrived, sent, until))
}

/// Every length of silence at which the condition of a step may change.
fn thresholds<'a>(
    silence: &'a [(StepRef, Phase<Listened>)],
    scene: &Scene<'a>,
) -> impl Iterator<Item = Millis> {
    let rulebook = scene.rulebook;
    silence.iter().filter_map(move |(id, _)| scene::step(rulebook, *id)).flat_map(|(_, step)| {
        let mut found = Vec::new();
        let mut look = |condition: &Condition| match condition {
            Condition::BlindFor(patience) => found.push(*patience),
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. }
            | Condition::AllOf(_)
            | Condition::AnyOf(_)
            | Condition::Not(_) => {}
        };
        step.when.visit(&mut look);
        step.clear_when.iter().for_each(|calm| calm.visit(&mut look));
        found
    })
}

fn due(id: StepRef, phase: Phase<Listened>, scene: &Scene<'_>) -> Option<Listened> {
    let (_, step) = scene::step(scene.rulebook, id)?;
    phase.deadline(Timing { held_for: step.held_for, clear_for: step.clear_for })
}

fn silent_or_calm(phase: Phase<Listened>, timing: Timing, heard: Listened) -> Reason {
    match phase {
        Phase::Clearing { proof: Timer::Running(since), .. } => {
            Reason::CalmSince { since: At::Centre(since.at()), lasting: timing.clear_for }
        }
        Phase::Quiet | Phase::Suspected { .. } | Phase::Raised { .. } | Phase::Clearing { .. } => {
            Reason::Silent { last: heard.at(), lasting: timing.held_for }
        }
    }
}
