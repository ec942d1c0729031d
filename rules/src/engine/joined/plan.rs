//! How the points of a catalogue stand together in the steps that look at more than one.
//!
//! Each such step is taken apart: what it says of single points are **parts**, bound to the
//! points like a step of their own. A **group** is the points on which one part is asked together;
//! a **join** is the step on one of its points, with the groups that it asks.

use std::collections::{BTreeMap, HashMap};

use firegrid_wire::catalogue::{CatalogueHash, PointEntry};
use firegrid_wire::names::PointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::span::{Lane, PerLane};

use crate::beside::{Beside, On, Share};
use crate::condition::{self, Bar, Condition, Verdict};
use crate::engine::binding::{BoundPoint, StepRef, fnv, steps};
use crate::engine::counting::BoundCount;
use crate::phase::Timing;
use crate::rulebook::{Rule, Rulebook, Step};

/// The part that is the step's own `when`.
const WHEN: u16 = 0;

/// The part that is the step's own `clear_when`.
const CALM: u16 = 1;

/// The part that is the first of those that stand beside.
const BESIDE: u16 = 2;

/// A part of a step, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::engine) struct PartRef {
    pub(in crate::engine) step: StepRef,
    pub(in crate::engine) part: u16,
}

/// A part with the limits of its point.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Part {
    pub(in crate::engine) of: PartRef,
    pub(in crate::engine) condition: Condition<Bar>,
}

/// The joins of a catalogue.
#[derive(Debug)]
pub(in crate::engine) struct Plan {
    pub(super) hash: CatalogueHash,
    pub(super) joins: Vec<Join>,
    pub(super) groups: Vec<Group>,
    /// The group in which a point is asked for a part.
    pub(super) members: HashMap<(PointId, PartRef), u32>,
    pub(super) of_subject: BTreeMap<(PointId, StepRef), u32>,
    /// In which lanes they live.
    pub(super) lanes: PerLane<bool>,
}

/// A step on one point.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) step: StepRef,
    pub(super) subject: PointId,
    pub(super) lane: Lane,
    pub(super) timing: Timing,
    when: u32,
    calm: Option<u32>,
    beside: Vec<(On, u32)>,
    /// Changes with everything that it looks at and by what.
    pub(super) source: u64,
}

/// Points on which a part is asked together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) size: u32,
    pub(super) joins: Vec<u32>,
    lanes: PerLane<bool>,
    source: u64,
}

/// The parts of all such steps that look at a point.
pub(in crate::engine) fn parts(entry: &PointEntry, rulebook: &Rulebook) -> Vec<Part> {
    let unit = entry.u.unwrap_or(Unit::Count);
    let mut parts = Vec::new();
    for (rule, id, step) in joined(rulebook) {
        let part = |part, condition: &Condition| {
            let condition = condition.bound(&entry.limits, unit)?;
            Some(Part { of: PartRef { step: id, part }, condition })
        };
        if rule.applies_to.selects(entry) {
            let calm = step.clear_when.as_ref().map(|calm| part(CALM, calm));
            // A step that lacks a limit on a point does not apply to it.
            if let (Some(when), None | Some(Some(_))) = (part(WHEN, &step.when), &calm) {
                parts.push(when);
                parts.extend(calm.flatten());
            }
        }
        let beside = step.beside.iter().zip(BESIDE..);
        // A point that can never decide the condition would hold it up for ever.
        let decides = |beside: &Beside| beside.when.can_be_said_by(entry.u.is_some());
        let beside = beside.filter(|(beside, _)| beside.points.hold(entry) && decides(beside));
        parts.extend(beside.filter_map(|(beside, place)| part(place, &beside.when)));
    }
    parts
}

/// The parts of the steps that count a point.
pub(in crate::engine) fn counted(entry: &PointEntry, rulebook: &Rulebook) -> Vec<Part> {
    let unit = entry.u.unwrap_or(Unit::Count);
    let parts = counting(rulebook).filter_map(|((rule, step), of, _)| {
        // Only those are programmed to meet it that could ever say so.
        let counts = rule.applies_to.selects(entry) && step.when.can_be_said_by(entry.u.is_some());
        let condition = step.when.bound(&entry.limits, unit).filter(|_| counts)?;
        Some(Part { of, condition })
    });
    parts.collect()
}

/// The steps that count.
pub(in crate::engine) fn counting(
    rulebook: &Rulebook,
) -> impl Iterator<Item = ((&Rule, &Step), PartRef, Share)> {
    steps(rulebook, |_| true).filter_map(|(id, step)| {
        let rule = rulebook.rules().get(usize::from(id.rule))?;
        Some(((rule, step), PartRef { step: id, part: WHEN }, step.share?))
    })
}

fn joined(rulebook: &Rulebook) -> impl Iterator<Item = (&Rule, StepRef, &Step)> {
    let steps = steps(rulebook, |_| true).filter(|(_, step)| !step.beside.is_empty());
    steps.filter_map(|(id, step)| Some((rulebook.rules().get(usize::from(id.rule))?, id, step)))
}

impl Plan {
    /// The joins of a catalogue whose points are bound.
    pub(in crate::engine) fn of(
        hash: &CatalogueHash,
        entries: &HashMap<&PointId, &PointEntry>,
        points: &[BoundPoint],
        counts: &[BoundCount],
        rulebook: &Rulebook,
    ) -> Plan {
        let mut plan = Plan {
            hash: hash.clone(),
            joins: Vec::new(),
            groups: Vec::new(),
            members: HashMap::new(),
            of_subject: BTreeMap::new(),
            lanes: PerLane::default(),
        };
        for (_, id, step) in joined(rulebook) {
            plan.add(id, step, points, entries);
        }
        for ((_, step), count) in counting(rulebook).map(|(of, ..)| of).zip(counts) {
            plan.add_count(step, count, points);
        }
        let Plan { groups, members, .. } = &mut plan;
        members.retain(|_, group| !groups[*group as usize].joins.is_empty());
        plan
    }

    fn add(
        &mut self,
        id: StepRef,
        step: &Step,
        points: &[BoundPoint],
        entries: &HashMap<&PointId, &PointEntry>,
    ) {
        let with = |part: u16| {
            points.iter().filter_map(move |point| {
                let of = PartRef { step: id, part };
                let found = point.binding.parts.iter().find(|found| found.of == of)?;
                Some((point, found, *entries.get(&point.id)?))
            })
        };
        let mut circles: HashMap<(u16, &str), u32> = HashMap::new();
        for (beside, place) in step.beside.iter().zip(BESIDE..) {
            for (point, part, entry) in with(place) {
                let Some(common) = beside.shares.of(entry) else { continue };
                let group = *circles.entry((place, common)).or_insert_with(|| self.group());
                self.join_group(group, point, part);
            }
        }
        for (point, part, entry) in with(WHEN) {
            let asked = step.beside.iter().zip(BESIDE..).map(|(beside, place)| {
                Some((beside.on, *circles.get(&(place, beside.shares.of(entry)?))?))
            });
            // Without any such points beside it the step does not apply.
            let Some(beside) = asked.collect::<Option<Vec<(On, u32)>>>() else { continue };
            let when = self.group();
            self.join_group(when, point, part);
            let calm =
                point.binding.parts.iter().find(|part| part.of == PartRef { step: id, part: CALM });
            let calm = calm.map(|part| {
                let group = self.group();
                self.join_group(group, point, part);
                group
            });
            let place = self.joins.len() as u32;
            let mut source = format!("{} {}", step.held_for, step.clear_for);
            for (group, on) in [(Some(when), ""), (calm, "calm")]
                .into_iter()
                .filter_map(|(group, word)| Some((group?, word)))
                .chain(beside.iter().map(|(on, group)| (*group, on.as_str())))
            {
                let asked = &mut self.groups[group as usize];
                asked.joins.push(place);
                source.push_str(&format!(" {on} {:x}", asked.source));
                for lane in Lane::ALL {
                    self.lanes[lane] |= asked.lanes[lane];
                }
            }
            self.of_subject.insert((point.id.clone(), id), place);
            self.joins.push(Join {
                step: id,
                subject: point.id.clone(),
                lane: point.lane,
                timing: Timing { held_for: step.held_for, clear_for: step.clear_for },
                when,
                calm,
                beside,
                source: fnv(source.bytes()),
            });
        }
    }

    /// A step that counts: one join for all points that share something, on the first of them,
    /// which says what they say together.
    fn add_count(&mut self, step: &Step, count: &BoundCount, points: &[BoundPoint]) {
        let BoundCount { of, share, groups } = count;
        for members in Lane::ALL.into_iter().flat_map(|lane| &groups[lane]) {
            let mut members = members.iter().map(|place| &points[*place as usize]);
            let Some(subject) = members.clone().next() else { continue };
            let (place, when) = (self.joins.len() as u32, self.group());
            let Share { of: shares, at_least, points } = share;
            let (held_for, clear_for) = (step.held_for, step.clear_for);
            let mut source = format!("{held_for} {clear_for} {shares} {at_least} {points}");
            members.by_ref().for_each(|member| {
                let asked = member.binding.counted.iter().find(|part| part.of == *of);
                let asked = asked.map(|part| serde_json::to_string(&part.condition));
                let asked = asked.and_then(Result::ok).unwrap_or_default();
                source.push_str(&format!(" {} {:x} {asked}", member.id, member.source));
            });
            let group = &mut self.groups[when as usize];
            group.size = 1;
            group.joins.push(place);
            group.lanes[subject.lane] = true;
            self.lanes[subject.lane] = true;
            self.members.insert((subject.id.clone(), *of), when);
            self.of_subject.insert((subject.id.clone(), of.step), place);
            self.joins.push(Join {
                step: of.step,
                subject: subject.id.clone(),
                lane: subject.lane,
                timing: Timing { held_for, clear_for },
                when,
                calm: None,
                beside: Vec::new(),
                source: fnv(source.bytes()),
            });
        }
    }

    fn group(&mut self) -> u32 {
        self.groups.push(Group::default());
        self.groups.len() as u32 - 1
    }

    fn join_group(&mut self, place: u32, point: &BoundPoint, part: &Part) {
        let group = &mut self.groups[place as usize];
        group.size += 1;
        group.lanes[point.lane] = true;
        let asked = serde_json::to_string(&part.condition).unwrap_or_default();
        let texts = format!("{} {:x} {asked}", point.id, point.source);
        // In whatever order the catalogue lists them.
        group.source = group.source.wrapping_add(fnv(texts.bytes()));
        self.members.insert((point.id.clone(), part.of), place);
    }
}

impl PartRef {
    /// Whether it is the step's own `when`.
    pub(in crate::engine) fn is_when(self) -> bool {
        self.part == WHEN
    }
}

impl Join {
    /// Whether the step holds, and whether it is calm, by what each group says.
    pub(super) fn verdicts(&self, says: impl Fn(u32) -> Verdict) -> (Verdict, Verdict) {
        let beside = self.beside.iter().map(|(on, group)| match on {
            On::Any => says(*group),
            On::None => says(*group).not(),
        });
        let when = condition::all(std::iter::once(says(self.when)).chain(beside));
        (when, self.calm.map_or(when.not(), &says))
    }
}
