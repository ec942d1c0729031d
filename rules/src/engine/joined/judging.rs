//! Judges what the lanes have told, up to the lower horizon.

use std::collections::BTreeSet;
use std::sync::Arc;

use firegrid_wire::names::PointId;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::GatewayTime;

use super::plan::Plan;
use super::{Finding, Joined};
use crate::condition::Verdict;
use crate::decision::{At, Marks, Reason};
use crate::engine::adoption::raised;
use crate::engine::binding::StepRef;
use crate::engine::gateway::Lanes;
use crate::engine::scene::{Scene, Turned};
use crate::phase::{Look, Onset, Phase, Timer, Timing, Turn};

/// What is judged now, by a plan.
#[derive(Debug)]
pub(super) struct Standing {
    plan: Arc<Plan>,
    span: SpanId,
    counts: Vec<Count>,
    /// When, and of which join.
    deadlines: BTreeSet<(GatewayTime, u32)>,
}

/// What the points of a group say.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    met: u32,
    unmet: u32,
}

impl Joined {
    /// Judges as far as all lanes are vouched for.
    pub(in crate::engine) fn run(&mut self, lanes: &mut Lanes, scene: &mut Scene<'_>) {
        if self.is_idle() {
            return;
        }
        while self.begin(lanes, scene) {
            let Some(era) = self.era else { return };
            let ended = |lane: Lane| match era[lane] {
                Some(number) => self.sides[lane].eras.back().is_some_and(|e| e.number != number),
                None => true,
            };
            let ended = PerLane::from_fn(ended);
            let horizon = |lane: Lane| {
                era[lane]?;
                let left = self.sides[lane].eras.front().and_then(|era| era.end);
                let horizon = if ended[lane] { left } else { lanes[lane].horizon };
                Some(horizon.unwrap_or(GatewayTime::from_millis(i64::MIN)))
            };
            let horizon = Lane::ALL.into_iter().filter_map(horizon).min();
            let horizon = horizon.unwrap_or(GatewayTime::from_millis(i64::MIN));
            self.judge(horizon, scene);
            if !Lane::ALL.into_iter().all(|lane| ended[lane]) {
                return;
            }
            self.leave(horizon);
        }
    }

    /// Begins with the next eras of one name, if none are being judged. Whether there are any.
    fn begin(&mut self, lanes: &mut Lanes, scene: &mut Scene<'_>) -> bool {
        if self.era.is_none() {
            let Some(found) = self.next_eras() else { return false };
            for lane in Lane::ALL {
                self.skip_to(lane, found[lane]);
            }
            self.era = Some(found);
            self.dirty = true;
        }
        if self.standing.is_none() {
            let Some((plan, span)) = self.plan_in_force() else {
                // Its catalogue may still come, unless all has gone on.
                return self.all_ended();
            };
            self.stand(plan, span, lanes, scene);
        }
        true
    }

    /// The oldest eras that can be judged together, by the lanes that their plan looks at.
    fn next_eras(&self) -> Option<PerLane<Option<u32>>> {
        let [urgent, routine] = Lane::ALL.map(|lane| &self.sides[lane].eras);
        for lane in Lane::ALL {
            let front = self.sides[lane].eras.front();
            let plan = front.and_then(|era| self.plan(era.catalogue.as_ref()));
            let alone = |other| other == lane;
            if let (Some(era), Some(plan)) = (front, plan)
                && Lane::ALL.into_iter().all(|other| alone(other) || !plan.lanes[other])
            {
                return Some(PerLane::from_fn(|other| alone(other).then_some(era.number)));
            }
        }
        let both = urgent.iter().find_map(|one| {
            let same = routine
                .iter()
                .find(|other| (one.span, &one.catalogue) == (other.span, &other.catalogue));
            Some((one.number, same?.number))
        });
        both.map(|(urgent, routine)| {
            PerLane::from_fn(|lane| match lane {
                Lane::Urgent => Some(urgent),
                Lane::Routine => Some(routine),
            })
        })
    }

    fn plan(&self, hash: Option<&firegrid_wire::catalogue::CatalogueHash>) -> Option<&Arc<Plan>> {
        self.plans.iter().find(|plan| Some(&plan.hash) == hash)
    }

    fn plan_in_force(&self) -> Option<(Arc<Plan>, SpanId)> {
        let era = self.era?;
        let lane = Lane::ALL.into_iter().find(|lane| era[*lane].is_some())?;
        let front = self.sides[lane].eras.front()?;
        Some((Arc::clone(self.plan(front.catalogue.as_ref())?), front.span))
    }

    fn all_ended(&self) -> bool {
        let Some(era) = self.era else { return false };
        Lane::ALL.into_iter().all(|lane| match era[lane] {
            Some(number) => self.sides[lane].eras.back().is_some_and(|last| last.number != number),
            None => true,
        })
    }

    /// Drops the eras before this one.
    fn skip_to(&mut self, lane: Lane, number: Option<u32>) {
        let Some(number) = number else { return };
        let side = &mut self.sides[lane];
        while side.eras.front().is_some_and(|era| era.number != number) {
            let Some(gone) = side.eras.pop_front() else { break };
            side.forget(gone.number);
        }
    }

    /// Takes up a plan: what was found by other points, limits or rules waits for a person.
    fn stand(&mut self, plan: Arc<Plan>, span: SpanId, lanes: &mut Lanes, scene: &mut Scene<'_>) {
        let mut standing = Standing {
            counts: vec![Count::default(); plan.groups.len()],
            plan,
            span,
            deadlines: BTreeSet::new(),
        };
        let plan = &standing.plan;
        let mut gone = Vec::new();
        for (key, finding) in &self.findings {
            let join = plan.of_subject.get(key).copied();
            match join.filter(|join| plan.joins[*join as usize].source == finding.source) {
                Some(join) => {
                    let due = finding.phase.deadline(plan.joins[join as usize].timing);
                    standing.deadlines.extend(due.map(|due| (due, join)));
                }
                None => gone.push(key.clone()),
            }
        }
        for key in gone {
            let Some(finding) = self.findings.remove(&key) else { continue };
            self.changed.insert(key.0.clone());
            if let (Some(onset), (point, step)) = (raised(finding.phase), key) {
                let lane = &mut lanes[finding.lane];
                lane.strand(&point, vec![(step, onset)], &Reason::Regrouped, scene);
            }
        }
        for lane in Lane::ALL {
            let side = &mut self.sides[lane];
            for (point, asked) in &mut side.points {
                let before = asked.says.len();
                asked.says.retain(|part, says| {
                    let group = plan.members.get(&(point.clone(), *part));
                    if let Some(group) = group {
                        standing.counts[*group as usize].count(*says, true);
                    }
                    group.is_some()
                });
                if before != asked.says.len() {
                    side.changed.insert(point.clone());
                }
            }
        }
        self.standing = Some(standing);
    }

    /// Judges up to a horizon. What is told of just this moment may not be all of it yet: a
    /// deadline comes before it, as it does in each lane.
    fn judge(&mut self, horizon: GatewayTime, scene: &mut Scene<'_>) {
        let mut withheld = Vec::new();
        loop {
            let Some(standing) = &mut self.standing else { return };
            let due = standing.deadlines.first().copied().filter(|(at, _)| *at <= horizon);
            let told = self.next_told().filter(|at| *at < horizon);
            match (due, told) {
                (Some((due, join)), told) if told.is_none_or(|told| due <= told) => {
                    if self.pass(due, join, scene) {
                        withheld.push(join);
                    }
                }
                (_, Some(told)) => {
                    let touched = self.apply(told);
                    touched.into_iter().for_each(|join| self.look(join, told, scene));
                }
                (_, None) => break,
            }
        }
        // A proof that is complete waits until something may clear.
        for join in withheld {
            let phase = self.phase(join);
            if let Some(standing) = &mut self.standing {
                let timing = standing.plan.joins[join as usize].timing;
                standing.deadlines.extend(phase.deadline(timing).map(|due| (due, join)));
            }
        }
    }

    /// The next moment of which anything is told.
    fn next_told(&self) -> Option<GatewayTime> {
        let era = self.era?;
        let next = |lane: Lane| {
            let (number, at, _) = self.sides[lane].order.first()?;
            (Some(*number) == era[lane]).then_some(*at)
        };
        Lane::ALL.into_iter().filter_map(next).min()
    }

    /// Takes in all that is told of one moment; the joins that it concerns.
    fn apply(&mut self, at: GatewayTime) -> BTreeSet<u32> {
        let mut touched = BTreeSet::new();
        let (Some(era), Some(standing)) = (self.era, &mut self.standing) else { return touched };
        for lane in Lane::ALL {
            let Some(number) = era[lane] else { continue };
            let side = &mut self.sides[lane];
            while side.order.first().is_some_and(|(of, when, _)| (*of, *when) == (number, at)) {
                let Some((_, _, point)) = side.order.pop_first() else { break };
                let Some(asked) = side.points.get_mut(&point) else { continue };
                while let Some(change) = asked.ahead.front().copied()
                    && (change.era, change.at) == (number, at)
                {
                    asked.ahead.pop_front();
                    let before = match change.says {
                        Verdict::Undecided => asked.says.remove(&change.part),
                        Verdict::Met | Verdict::Unmet => {
                            asked.says.insert(change.part, change.says)
                        }
                    };
                    let member = (point.clone(), change.part);
                    let Some(group) = standing.plan.members.get(&member) else { continue };
                    let count = &mut standing.counts[*group as usize];
                    count.count(before.unwrap_or(Verdict::Undecided), false);
                    count.count(change.says, true);
                    touched.extend(&standing.plan.groups[*group as usize].joins);
                }
                side.changed.insert(point);
            }
        }
        touched
    }

    /// Holds a step against what its groups say.
    fn look(&mut self, join: u32, at: GatewayTime, scene: &mut Scene<'_>) {
        let old = self.phase(join);
        let Some(standing) = &self.standing else { return };
        let (when, calm) = standing.verdicts(join);
        if old == Phase::Quiet && when != Verdict::Met {
            return;
        }
        let now = Onset { span: Some(standing.span), at };
        let look = Look { when, calm, now, vouched: at, runs: true, at_once: false };
        let timing = standing.plan.joins[join as usize].timing;
        let (next, turn) = old.look(look, timing);
        self.turn(join, (old, next), turn, now, Reason::Together { lasting: None }, scene);
    }

    /// A deadline has come. Whether it is withheld because nothing may clear.
    fn pass(&mut self, at: GatewayTime, join: u32, scene: &mut Scene<'_>) -> bool {
        let old = self.phase(join);
        let Some(standing) = &mut self.standing else { return false };
        standing.deadlines.remove(&(at, join));
        if matches!(old, Phase::Clearing { .. }) && !scene.may_clear {
            return true;
        }
        let timing = standing.plan.joins[join as usize].timing;
        let now = Onset { span: Some(standing.span), at };
        let (next, turn) = old.pass(now);
        self.turn(join, (old, next), turn, now, passing(old, timing), scene);
        false
    }

    /// Gives a step another phase, and tells it.
    fn turn(
        &mut self,
        join: u32,
        (old, next): (Phase<GatewayTime>, Phase<GatewayTime>),
        turn: Option<Turn<GatewayTime>>,
        now: Onset<GatewayTime>,
        reason: Reason,
        scene: &mut Scene<'_>,
    ) {
        let Some(standing) = &mut self.standing else { return };
        let of = &standing.plan.joins[join as usize];
        if old != next {
            standing.deadlines.extend(next.deadline(of.timing).map(|due| (due, join)));
            if let Some(due) = old.deadline(of.timing)
                && next.deadline(of.timing) != Some(due)
            {
                standing.deadlines.remove(&(due, join));
            }
            let key = (of.subject.clone(), of.step);
            match next {
                Phase::Quiet => self.findings.remove(&key),
                Phase::Suspected { .. } | Phase::Raised { .. } | Phase::Clearing { .. } => {
                    let (lane, source) = (of.lane, of.source);
                    self.findings.insert(key, Finding { lane, source, phase: next })
                }
            };
            self.changed.insert(of.subject.clone());
        }
        if let Some(turn) = turn {
            let (point, step) = (&of.subject, of.step);
            let marks = Marks::default();
            scene.tell(Turned { point, step, revision: None, turn, now, reason, marks });
        }
    }

    /// All lanes have gone on: no timer runs from here, and nothing is known any more.
    fn leave(&mut self, horizon: GatewayTime) {
        let Some(era) = self.era.take() else { return };
        self.standing = None;
        self.dirty = true;
        for ((point, _), finding) in &mut self.findings {
            let next = finding.phase.interrupt(horizon);
            if next != finding.phase {
                finding.phase = next;
                self.changed.insert(point.clone());
            }
        }
        for lane in Lane::ALL {
            let Some(number) = era[lane] else { continue };
            let side = &mut self.sides[lane];
            side.eras.retain(|era| era.number != number);
            side.forget(number);
            for (point, asked) in &mut side.points {
                if !asked.says.is_empty() {
                    asked.says.clear();
                    side.changed.insert(point.clone());
                }
            }
            side.points.retain(|_, asked| !asked.ahead.is_empty());
        }
    }

    /// All proof of calm begins anew, when the lanes say again what they say.
    pub(in crate::engine) fn doubt(&mut self) {
        let mut doubted = BTreeSet::new();
        for ((point, step), finding) in &mut self.findings {
            if let Phase::Clearing { onset, .. } = finding.phase {
                finding.phase = Phase::Clearing { onset, proof: Timer::Standing };
                self.changed.insert(point.clone());
                doubted.insert((point.clone(), *step));
            }
        }
        if let Some(Standing { plan, deadlines, .. }) = &mut self.standing {
            deadlines.retain(|(_, join)| {
                let join = &plan.joins[*join as usize];
                !doubted.contains(&(join.subject.clone(), join.step))
            });
        }
    }

    fn phase(&self, join: u32) -> Phase<GatewayTime> {
        let Some(standing) = &self.standing else { return Phase::Quiet };
        let join = &standing.plan.joins[join as usize];
        let found = self.findings.get(&(join.subject.clone(), join.step));
        found.map_or(Phase::Quiet, |finding| finding.phase)
    }

    /// The steps that look at a point beside others, and whether each is calm as far as it is
    /// judged.
    pub(in crate::engine) fn asked(
        &self,
        point: &PointId,
    ) -> impl Iterator<Item = (StepRef, Verdict)> {
        let standing = self.standing.iter();
        let point = point.clone();
        standing.flat_map(move |standing| {
            let joins = standing.plan.of_subject.range((point.clone(), StepRef::FIRST)..);
            let own = joins.take_while({
                let point = point.clone();
                move |((subject, _), _)| *subject == point
            });
            own.map(|((_, step), join)| (*step, standing.verdicts(*join).1))
        })
    }

    /// The lanes that are looked at together.
    pub(in crate::engine) fn lanes(&self) -> PerLane<bool> {
        self.standing.as_ref().map_or(PerLane::default(), |standing| standing.plan.lanes)
    }
}

/// Why a deadline that passes changes something.
fn passing(phase: Phase<GatewayTime>, timing: Timing) -> Reason {
    match phase {
        Phase::Clearing { proof: Timer::Running(since), .. } => {
            Reason::CalmSince { since: At::Gateway(since), lasting: timing.clear_for }
        }
        Phase::Quiet | Phase::Suspected { .. } | Phase::Raised { .. } | Phase::Clearing { .. } => {
            Reason::Together { lasting: Some(timing.held_for) }
        }
    }
}

impl Standing {
    fn verdicts(&self, join: u32) -> (Verdict, Verdict) {
        self.plan.joins[join as usize].verdicts(|group| {
            let (count, size) =
                (self.counts[group as usize], self.plan.groups[group as usize].size);
            match (count.met, count.unmet) {
                (0, unmet) if unmet == size => Verdict::Unmet,
                (0, _) => Verdict::Undecided,
                (_, _) => Verdict::Met,
            }
        })
    }
}

impl Count {
    /// One more point says this, or one less.
    fn count(&mut self, says: Verdict, more: bool) {
        let of = match says {
            Verdict::Met => &mut self.met,
            Verdict::Unmet => &mut self.unmet,
            Verdict::Undecided => return,
        };
        *of = if more { *of + 1 } else { of.saturating_sub(1) };
    }
}
