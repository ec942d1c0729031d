//! Binding: which steps of which rules look at a point, with the point's own limits in them.
//!
//! A hundred thousand detectors share one binding. A catalogue is bound when it becomes known,
//! and kept only until every lane that has points in it has adopted it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use firegrid_wire::catalogue::{Catalogue, CatalogueHash, PointEntry};
use firegrid_wire::names::{DeviceId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::state::StateSet;
use firegrid_wire::time::Millis;

use super::counting::BoundCount;
use super::joined::{Part, Plan, counted, counting, parts};
use crate::condition::{Bar, Condition, Evidence, Past, Said, Verdict};
use crate::phase::Timing;
use crate::rulebook::{Rule, Rulebook, Selector, Step};
use crate::sight;

/// A step of a rule, by its places in the rulebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StepRef {
    pub(super) rule: u16,
    pub(super) step: u16,
}

impl StepRef {
    /// Before all others.
    pub(super) const FIRST: StepRef = StepRef { rule: 0, step: 0 };
}

/// The steps that look at a point.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Binding {
    pub(super) steps: Vec<BoundStep>,
    /// The states of which a good reading must say one for any of them to hold, where that can be
    /// told beforehand.
    pub(super) needs: Option<StateSet>,
    /// Whether the rules on every discrete point are among them.
    pub(super) words: bool,
    /// What steps that look at several points ask of it.
    pub(super) parts: Vec<Part>,
    /// And what those that count ask.
    pub(super) counted: Vec<Part>,
}

/// A step with the limits of its point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BoundStep {
    pub(super) id: StepRef,
    pub(super) timing: Timing,
    pub(super) when: Condition<Bar>,
    pub(super) clear_when: Option<Condition<Bar>>,
    /// Whether it looks for a fire-class state: such a step is never kept back.
    pub(super) fire_class: bool,
    /// Whether its rule looks at every discrete point: words are enough to raise it.
    pub(super) by_words: bool,
}

/// The bindings that need no catalogue.
#[derive(Debug, Clone)]
pub(super) struct Bindings {
    /// Of a discrete point, in the catalogue or not.
    pub(super) words: Arc<Binding>,
    /// Of a device's `comm` point, in the lane that speaks for the device.
    pub(super) comm: Arc<Binding>,
    /// Of a point that no rule looks at.
    pub(super) none: Arc<Binding>,
    /// The steps on gateways, in centre time.
    pub(super) silence: Vec<StepRef>,
}

/// A catalogue, bound to the rulebook.
#[derive(Debug)]
pub(super) struct BoundCatalogue {
    pub(super) hash: CatalogueHash,
    pub(super) points: Vec<BoundPoint>,
    pub(super) devices: Vec<BoundDevice>,
    /// After how long a point of a lane is blind.
    pub(super) patience: PerLane<Millis>,
    /// Whether a lane has points in it.
    pub(super) has: PerLane<bool>,
    /// Its steps that count.
    pub(super) counts: Vec<BoundCount>,
    /// Its steps that look at several points.
    pub(super) plan: Arc<Plan>,
}

#[derive(Debug)]
pub(super) struct BoundPoint {
    pub(super) id: PointId,
    pub(super) lane: Lane,
    pub(super) source: u64,
    pub(super) binding: Arc<Binding>,
}

#[derive(Debug)]
pub(super) struct BoundDevice {
    pub(super) name: DeviceId,
    /// The lane whose `comm` speaks for the device: one device, one hazard.
    pub(super) home: Lane,
}

impl Binding {
    /// Whether none of its steps holds by what a point says alone.
    pub(super) fn is_quiet_under(&self, evidence: Evidence) -> bool {
        let settled = match (evidence.said, evidence.quality, self.needs) {
            (Said::States(states), Quality::Good, Some(needs)) => !states.intersects(needs),
            (Said::States(_) | Said::Number(..) | Said::Unknown, _, _) => false,
        };
        settled || self.steps.iter().all(|step| step.when.of(evidence) != Verdict::Met)
    }
}

/// What all of these steps need.
fn needs(steps: &[BoundStep]) -> Option<StateSet> {
    let all = steps.iter().map(|step| step.when.needs());
    all.reduce(|one, other| Some(one?.union(other?))).flatten()
}

impl BoundStep {
    /// What a reading says of `when` and of calm, with what the point did before.
    pub(super) fn verdicts(&self, evidence: Evidence, past: Past<'_>) -> (Verdict, Verdict) {
        let when = self.when.amid(evidence, past);
        let calm = self.clear_when.as_ref().map_or(when.not(), |calm| calm.amid(evidence, past));
        (when, calm)
    }

    /// What it holds a reading against.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition<Bar>> {
        std::iter::once(&self.when).chain(&self.clear_when)
    }
}

impl Bindings {
    pub(super) fn of(rulebook: &Rulebook) -> Bindings {
        let of = |wanted: Selector| {
            steps(rulebook, |rule| rule.applies_to == wanted)
                .filter_map(|(id, step)| bound(id, step, &Default::default(), Unit::Count))
                .map(|step| BoundStep { by_words: wanted == Selector::Discrete, ..step })
                .collect::<Vec<BoundStep>>()
        };
        let words = of(Selector::Discrete);
        let silence = steps(rulebook, Rule::is_on_silence).map(|(id, _)| id).collect();
        Bindings {
            words: Arc::new(Binding {
                needs: needs(&words),
                steps: words,
                words: true,
                parts: Vec::new(),
                counted: Vec::new(),
            }),
            comm: Arc::new(Binding { steps: of(Selector::Devices), ..Binding::default() }),
            none: Arc::new(Binding::default()),
            silence,
        }
    }
}

impl BoundCatalogue {
    pub(super) fn of(
        hash: &CatalogueHash,
        catalogue: &Catalogue,
        rulebook: &Rulebook,
        bindings: &Bindings,
    ) -> BoundCatalogue {
        let mut known: HashMap<String, Arc<Binding>> = HashMap::new();
        let mut urgent: BTreeSet<&str> = BTreeSet::new();
        let profiles: HashMap<&str, &str> = catalogue
            .devices
            .iter()
            .map(|device| (device.n.as_str(), device.profile.as_str()))
            .collect();
        let mut points = Vec::with_capacity(catalogue.points.len());
        for entry in catalogue.points.iter().filter(|entry| !entry.n.is_comm()) {
            if entry.lane == Lane::Urgent {
                urgent.insert(entry.n.device());
            }
            let kind = (entry.u, entry.system, entry.part, &entry.tags, &entry.limits);
            let binding = known
                .entry(format!("{kind:?}"))
                .or_insert_with(|| Arc::new(binding(entry, rulebook, bindings)));
            points.push(BoundPoint {
                id: entry.n.clone(),
                lane: entry.lane,
                source: fingerprint(
                    entry,
                    profiles.get(entry.n.device()).copied().unwrap_or_default(),
                ),
                binding: Arc::clone(binding),
            });
        }
        let home = |name: &DeviceId| {
            if urgent.contains(name.as_str()) { Lane::Urgent } else { Lane::Routine }
        };
        let devices = catalogue
            .devices
            .iter()
            .map(|device| BoundDevice { name: device.n.clone(), home: home(&device.n) })
            .collect();
        let longest = |lane| catalogue.devices.iter().filter_map(|d| d.period(lane)).max();
        let patience =
            PerLane::from_fn(|lane| sight::patience(longest(lane).unwrap_or(Millis::ZERO)));
        let has = PerLane::from_fn(|lane| points.iter().any(|point| point.lane == lane));
        let entries: HashMap<&PointId, &PointEntry> =
            catalogue.points.iter().map(|entry| (&entry.n, entry)).collect();
        let counts: Vec<BoundCount> = counting(rulebook)
            .map(|(_, part, share)| BoundCount::of(part, share, &points, &entries))
            .collect();
        let plan = Arc::new(Plan::of(hash, &entries, &points, &counts, rulebook));
        BoundCatalogue { hash: hash.clone(), points, devices, patience, has, counts, plan }
    }
}

fn binding(entry: &PointEntry, rulebook: &Rulebook, bindings: &Bindings) -> Binding {
    let words = entry.u.is_none();
    let discrete = if words { bindings.words.steps.as_slice() } else { &[] };
    let unit = entry.u.unwrap_or(Unit::Count);
    let special = steps(rulebook, |rule| rule.applies_to.selects(entry))
        .filter(|(_, step)| !step.is_joined())
        .filter_map(|(id, step)| bound(id, step, &entry.limits, unit));
    let (parts, counted) = (parts(entry, rulebook), counted(entry, rulebook));
    let steps: Vec<BoundStep> = discrete.iter().cloned().chain(special).collect();
    Binding { needs: needs(&steps), steps, words, parts, counted }
}

/// The steps of the chosen rules, with their places. The rulebook holds fewer than 2^16.
pub(super) fn steps(
    rulebook: &Rulebook,
    chosen: impl Fn(&Rule) -> bool,
) -> impl Iterator<Item = (StepRef, &Step)> {
    let rules = rulebook.rules().iter().zip(0..=u16::MAX).filter(move |(rule, _)| chosen(rule));
    rules.flat_map(|(rule, place)| {
        rule.steps
            .iter()
            .zip(0..=u16::MAX)
            .map(move |(step, inner)| (StepRef { rule: place, step: inner }, step))
    })
}

fn bound(
    id: StepRef,
    step: &Step,
    limits: &std::collections::BTreeMap<String, f64>,
    unit: Unit,
) -> Option<BoundStep> {
    let clear_when = match &step.clear_when {
        Some(calm) => Some(calm.bound(limits, unit)?),
        None => None,
    };
    Some(BoundStep {
        id,
        timing: Timing { held_for: step.held_for, clear_for: step.clear_for },
        when: step.when.bound(limits, unit)?,
        clear_when,
        fire_class: step.when.is_fire_class(),
        by_words: false,
    })
}

/// What a point is: its address and scaling, its device's profile, its lane and unit, and its
/// place in the building. A point of which any of these changed is another point. Never 0: that
/// is the mark of a point that is in no catalogue.
fn fingerprint(entry: &PointEntry, profile: &str) -> u64 {
    let unit = entry.u.map_or("", Unit::as_str);
    let texts = [&entry.source, profile, entry.lane.as_str(), unit, &entry.label, &entry.zone];
    // A byte that no text holds stands between them.
    fnv(texts.iter().flat_map(|text| text.bytes().chain([0xff]))).max(1)
}

/// FNV-1a, so that 8 bytes are kept instead of texts.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
