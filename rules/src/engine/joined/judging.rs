//! Judges what the lanes have told, up to the lower horizon.

use std::collections::BTreeSet;
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::PointId;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::GatewayTime;

use super::plan::Plan;
use super::{Finding, Joined, PartRef};
use crate::condition::Verdict;
use crate::decision::{At, Marks, Reason};
use crate::engine::adoption::raised;
use crate::engine::binding::StepRef;
use crate::engine::gateway::Lanes;
use crate::engine::scene::{Scene, Turned};
use crate::phase::{Look, Onset, Phase, Timer, Timing, Turn};

/// What is judged now, by a plan.
#[derive(Debug)]
pub(super) struct InForce {
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
            let horizon = self.lower_horizon(lanes);
            self.judge(horizon, scene);
            if !self.all_ended() {
                return;
            }
            self.leave(horizon);
        }
    }

    /// How far all lanes that are judged together are vouched for.
    pub(super) fn lower_horizon(&self, lanes: &Lanes) -> GatewayTime {
        const NEVER: GatewayTime = GatewayTime::from_millis(i64::MIN);
        let horizon = |lane: Lane| {
            let number = self.era?[lane]?;
            let horizon = if self.has_ended(lane, number) {
                self.sides[lane].eras.front().and_then(|era| era.end)
            } else {
                lanes[lane].horizon
            };
            Some(horizon.unwrap_or(NEVER))
        };
        Lane::ALL.into_iter().filter_map(horizon).min().unwrap_or(NEVER)
    }

    fn has_ended(&self, lane: Lane, number: u32) -> bool {
        self.sides[lane].eras.back().is_some_and(|last| last.number != number)
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
        if self.in_force.is_none() {
            let Some((plan, span)) = self.plan_in_force() else {
                // Its catalogue may still come, unless all has gone on.
                return self.all_ended();
            };
            self.take_up(plan, span, lanes, scene);
        }
        true
    }

    /// The oldest eras that can be judged together, by the lanes that their plan looks at.
    fn next_eras(&self) -> Option<PerLane<Option<u32>>> {
        let [urgent, routine] = Lane::ALL.map(|lane| &self.sides[lane].eras);
        for lane in Lane::ALL {
            // An era that ended before its catalogue was known is not waited for: a lane's first
            // span begins before it has named one.
            let mut eras = self.sides[lane].eras.iter();
            let known = eras.find_map(|era| Some((era, self.plan(era.catalogue.as_ref())?)));
            let alone = |other| other == lane;
            if let Some((era, plan)) = known
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

    fn plan(&self, hash: Option<&CatalogueHash>) -> Option<&Arc<Plan>> {
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
        let ended = |lane: Lane| era[lane].is_none_or(|number| self.has_ended(lane, number));
        Lane::ALL.into_iter().all(ended)
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
    fn take_up(&mut self, plan: Arc<Plan>, span: SpanId, lanes: &mut Lanes, scene: &mut Scene<'_>) {
        let mut in_force = InForce {
            counts: vec![Count::default(); plan.groups.len()],
            plan,
            span,
            deadlines: BTreeSet::new(),
        };
        let plan = &in_force.plan;
        let mut gone = Vec::new();
        for (key, finding) in &self.findings {
            let join = plan.of_subject.get(key).copied();
            match join.filter(|join| plan.joins[*join as usize].source == finding.source) {
                Some(join) => {
                    let due = finding.phase.deadline(plan.joins[join as usize].timing);
                    in_force.deadlines.extend(due.map(|due| (due, join)));
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
                        in_force.counts[*group as usize].count(*says, true);
                    }
                    group.is_some()
                });
                if before != asked.says.len() {
                    side.changed.insert(point.clone());
                }
            }
        }
        self.in_force = Some(in_force);
    }

    /// Judges up to a horizon. What is told of just this moment may not be all of it yet: a
    /// deadline comes before it, as it does in each lane.
    fn judge(&mut self, horizon: GatewayTime, scene: &mut Scene<'_>) {
        let mut withheld = Vec::new();
        loop {
            let Some(in_force) = &mut self.in_force else { return };
            let due = in_force.deadlines.first().copied().filter(|(at, _)| *at <= horizon);
            let told = self.next_told().filter(|at| *at < horizon);
            match (due, told) {
                (Some((due, join)), told) if told.is_none_or(|told| due <= told) => {
                    if self.pass(due, join, scene) {
                        withheld.push(join);
                    }
                }
                (_, Some(told)) => self.apply(told, scene),
                (_, None) => break,
            }
        }
        // A proof that is complete waits until something may clear.
        for join in withheld {
            let phase = self.phase(join);
            if let Some(in_force) = &mut self.in_force {
                let timing = in_force.plan.joins[join as usize].timing;
                in_force.deadlines.extend(phase.deadline(timing).map(|due| (due, join)));
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

    /// Takes in all that is told of one moment, and looks. A hole of no length is a hole: what
    /// was unknown at that moment is looked at before what is said at its end.
    fn apply(&mut self, at: GatewayTime, scene: &mut Scene<'_>) {
        let told = self.told_at(at);
        let holes = told.iter().filter(|(.., says)| *says == Verdict::Undecided).cloned();
        let holes: Vec<(Lane, PointId, PartRef, Verdict)> = holes.collect();
        for changes in [holes, told] {
            let touched: BTreeSet<u32> = changes
                .into_iter()
                .flat_map(|(lane, point, part, says)| self.says(lane, point, part, says))
                .collect();
            touched.into_iter().for_each(|join| self.look(join, at, scene));
        }
    }

    /// Takes out what is told of one moment, in the order in which each lane told it.
    fn told_at(&mut self, at: GatewayTime) -> Vec<(Lane, PointId, PartRef, Verdict)> {
        let mut told = Vec::new();
        let Some(era) = self.era else { return told };
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
                    told.push((lane, point.clone(), change.part, change.says));
                }
                side.changed.insert(point);
            }
        }
        told
    }

    /// A point says this of a part now; the joins whose group says something else by that.
    fn says(&mut self, lane: Lane, point: PointId, part: PartRef, says: Verdict) -> Vec<u32> {
        let (Some(asked), Some(in_force)) =
            (self.sides[lane].points.get_mut(&point), &mut self.in_force)
        else {
            return Vec::new();
        };
        let before = match says {
            Verdict::Undecided => asked.says.remove(&part),
            Verdict::Met | Verdict::Unmet => asked.says.insert(part, says),
        };
        let Some(group) = in_force.plan.members.get(&(point, part)).copied() else {
            return Vec::new();
        };
        let said = in_force.group(group);
        let count = &mut in_force.counts[group as usize];
        count.count(before.unwrap_or(Verdict::Undecided), false);
        count.count(says, true);
        let same = said == in_force.group(group);
        if same { Vec::new() } else { in_force.plan.groups[group as usize].joins.clone() }
    }

    /// Holds a step against what its groups say.
    fn look(&mut self, join: u32, at: GatewayTime, scene: &mut Scene<'_>) {
        let old = self.phase(join);
        let Some(in_force) = &self.in_force else { return };
        let (when, calm) = in_force.verdicts(join);
        if old == Phase::Quiet && when != Verdict::Met {
            return;
        }
        let now = Onset { span: Some(in_force.span), at };
        let look = Look { when, calm, now, vouched: at, runs: true, at_once: false };
        let timing = in_force.plan.joins[join as usize].timing;
        let (next, turn) = old.look(look, timing);
        self.turn(join, (old, next), turn, now, Reason::Together { lasting: None }, scene);
    }

    /// A deadline has come. Whether it is withheld because nothing may clear.
    fn pass(&mut self, at: GatewayTime, join: u32, scene: &mut Scene<'_>) -> bool {
        let old = self.phase(join);
        let Some(in_force) = &mut self.in_force else { return false };
        in_force.deadlines.remove(&(at, join));
        if matches!(old, Phase::Clearing { .. }) && !scene.may_clear {
            return true;
        }
        let timing = in_force.plan.joins[join as usize].timing;
        let now = Onset { span: Some(in_force.span), at };
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
        let Some(in_force) = &mut self.in_force else { return };
        let of = &in_force.plan.joins[join as usize];
        if old != next {
            in_force.deadlines.extend(next.deadline(of.timing).map(|due| (due, join)));
            if let Some(due) = old.deadline(of.timing)
                && next.deadline(of.timing) != Some(due)
            {
                in_force.deadlines.remove(&(due, join));
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

    /// All lanes have gone on: nothing is known any more.
    fn leave(&mut self, horizon: GatewayTime) {
        self.interrupt(horizon);
        let Some(era) = self.era.take() else { return };
        self.in_force = None;
        self.dirty = true;
        for lane in Lane::ALL {
            let Some(number) = era[lane] else { continue };
            let side = &mut self.sides[lane];
            side.eras.retain(|era| era.number != number);
            side.forget(number);
            side.points.retain(|point, asked| {
                if !asked.says.is_empty() || asked.ahead.is_empty() {
                    side.changed.insert(point.clone());
                }
                asked.says.clear();
                !asked.ahead.is_empty()
            });
        }
    }

    /// All proof begins anew: what was told counts no more, and no timer runs until the lanes say
    /// again what they say.
    pub(in crate::engine) fn doubt(&mut self, lanes: &Lanes) {
        self.interrupt(self.lower_horizon(lanes));
        for lane in Lane::ALL {
            let side = &mut self.sides[lane];
            side.order.clear();
            side.changed.extend(std::mem::take(&mut side.points).into_keys());
        }
        if let Some(in_force) = &mut self.in_force {
            in_force.counts.fill(Count::default());
        }
    }

    /// No timer runs from here on.
    pub(super) fn interrupt(&mut self, horizon: GatewayTime) {
        for ((point, _), finding) in &mut self.findings {
            let next = finding.phase.interrupt(horizon);
            if next != finding.phase {
                finding.phase = next;
                self.changed.insert(point.clone());
            }
        }
        if let Some(in_force) = &mut self.in_force {
            in_force.deadlines.clear();
        }
    }

    fn phase(&self, join: u32) -> Phase<GatewayTime> {
        let Some(in_force) = &self.in_force else { return Phase::Quiet };
        let join = &in_force.plan.joins[join as usize];
        let found = self.findings.get(&(join.subject.clone(), join.step));
        found.map_or(Phase::Quiet, |finding| finding.phase)
    }

    /// The steps that look at a point beside others, and whether each is calm as far as it is
    /// judged.
    pub(in crate::engine) fn asked(
        &self,
        point: &PointId,
    ) -> impl Iterator<Item = (StepRef, Verdict)> {
        let in_force = self.in_force.iter();
        let point = point.clone();
        in_force.flat_map(move |in_force| {
            let joins = in_force.plan.of_subject.range((point.clone(), StepRef::FIRST)..);
            let own = joins.take_while({
                let point = point.clone();
                move |((subject, _), _)| *subject == point
            });
            own.map(|((_, step), join)| (*step, in_force.verdicts(*join).1))
        })
    }

    /// The lanes that are looked at together.
    pub(in crate::engine) fn lanes(&self) -> PerLane<bool> {
        self.in_force.as_ref().map_or(PerLane::default(), |in_force| in_force.plan.lanes)
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

impl InForce {
    fn verdicts(&self, join: u32) -> (Verdict, Verdict) {
        self.plan.joins[join as usize].verdicts(|group| self.group(group))
    }

    /// What a group says: some point does, every point does not, or it is not known.
    fn group(&self, group: u32) -> Verdict {
        let (count, size) = (self.counts[group as usize], self.plan.groups[group as usize].size);
        match (count.met, count.unmet) {
            (0, unmet) if unmet == size => Verdict::Unmet,
            (0, _) => Verdict::Undecided,
            (_, _) => Verdict::Met,
        }
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
