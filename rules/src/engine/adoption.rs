//! A lane adopts the catalogue that its batches name.
//!
//! A point whose source or lane changed is another point: it inherits nothing, and what its
//! predecessor had raised stays raised and waits for a person. The same for a point that is
//! gone, and for a rule that no longer looks at a point. A changed rule or limit clears nothing:
//! what was only suspected begins anew, and so does every proof of calm; what is raised keeps
//! the rule and limits that raised it, and must be calm by those too.

use std::collections::HashSet;
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::PointId;
use firegrid_wire::time::GatewayTime;

use super::binding::{Binding, BoundCatalogue, BoundStep, StepRef};
use super::joined::Told;
use super::lane::LaneState;
use super::point::{Elder, Point, Stranded};
use super::scene::{self, Scene};
use crate::decision::{Change, Marks, Reason};
use crate::phase::{Onset, Phase};
use crate::rulebook::RuleId;

/// What is kept as retired of one point. What is older gives way: its alarms and tickets stand
/// elsewhere and stay open.
const MOST_RETIRED: usize = 32;

impl LaneState {
    /// Takes up the catalogue that a batch names. `false`: it is not known, and the batch is
    /// judged by its words.
    pub(super) fn choose_catalogue(
        &mut self,
        hash: &CatalogueHash,
        catalogues: &[Arc<BoundCatalogue>],
        scene: &mut Scene<'_>,
    ) -> bool {
        if self.named.as_ref() != Some(hash) {
            if self.named.is_some() {
                // Every catalogue begins with a refresh: until then nothing is known.
                self.suspend(true);
            }
            self.named = Some(hash.clone());
            if let Some(span) = self.span {
                let (left, catalogue) = (self.horizon, self.named.clone());
                self.told.push(Told::Begins { left, span, catalogue });
            }
        }
        let adopted = self.adopted.as_ref() == Some(hash);
        if self.bound && adopted {
            return true;
        }
        if let Some(catalogue) = catalogues.iter().find(|known| known.hash == *hash) {
            self.adopt(catalogue, scene);
            return true;
        }
        if adopted {
            // Restored, and nobody gave the catalogue again: what it bound stands still.
            self.suspend(true);
            self.adopted = None;
        }
        false
    }

    /// Describes the lane's points by a catalogue.
    pub(super) fn adopt(&mut self, catalogue: &BoundCatalogue, scene: &mut Scene<'_>) {
        let mut listed: HashSet<&PointId> = HashSet::new();
        let lane = self.lane;
        if self.points.is_empty() {
            let count = catalogue.points.iter().filter(|entry| entry.lane == lane).count();
            self.points.reserve_exact(count);
            self.names.reserve(count);
        }
        for entry in catalogue.points.iter().filter(|entry| entry.lane == lane) {
            listed.insert(&entry.id);
            self.list(&entry.id, entry.source, &entry.binding, scene);
        }
        let mut answering: HashSet<&str> = HashSet::new();
        for device in &catalogue.devices {
            let (name, home) = (device.name.as_str(), device.home == self.lane);
            answering.insert(name);
            let place = self.device(name);
            self.devices[place as usize].home = home;
            let binding = if home { &scene.bindings.comm } else { &scene.bindings.none };
            let binding = Arc::clone(binding);
            if let Some(place) = self.names.find(&PointId::comm(&device.name)) {
                self.rebind(place, &binding, scene);
            }
        }
        let gone: Vec<u32> = self
            .points
            .iter()
            .zip(0..)
            .filter_map(|(point, place)| Some((point.as_ref()?, self.names.name(place)?, place)))
            .filter(|(point, id, _)| match (point.comm, point.source) {
                (true, _) => !answering.contains(id.device()),
                (false, 0) => false,
                (false, _) => !listed.contains(id),
            })
            .map(|(_, _, place)| place)
            .collect();
        for place in gone {
            self.retire(place, &Reason::Vanished, scene);
            self.remove(place);
        }
        self.forget_devices(&answering);
        // A part may ask something else of what is known.
        let now = self.horizon.unwrap_or(scene.sent);
        for place in self.timers.watched() {
            self.tell_parts(place, now);
        }
        self.take_up_counts(catalogue, now);
        self.patience = catalogue.patience[self.lane];
        self.adopted = Some(catalogue.hash.clone());
        self.bound = true;
    }

    /// Lists one point of the catalogue.
    fn list(&mut self, id: &PointId, source: u64, binding: &Arc<Binding>, scene: &mut Scene<'_>) {
        let known = self.names.find(id);
        let before =
            known.and_then(|place| self.points[place as usize].as_ref()).map(|point| point.source);
        match (known, before) {
            (Some(place), Some(before)) if before == source || before == 0 => {
                if before == 0 {
                    self.unlisted = self.unlisted.saturating_sub(1);
                    if let Some(point) = self.points[place as usize].as_mut() {
                        point.source = source;
                    }
                    self.mark(place);
                }
                self.rebind(place, binding, scene);
            }
            (Some(place), Some(_)) => {
                self.retire(place, &Reason::Replaced, scene);
                self.remove(place);
                self.list_new(id, source, binding);
            }
            (Some(_), None) | (None, _) => self.list_new(id, source, binding),
        }
    }

    fn list_new(&mut self, id: &PointId, source: u64, binding: &Arc<Binding>) {
        let device = self.device(id.device());
        let point = Point::new(id, Arc::clone(binding), source, device);
        self.add_new(id, point);
    }

    /// Other steps, or the same with other limits, look at a point.
    fn rebind(&mut self, place: u32, binding: &Arc<Binding>, scene: &mut Scene<'_>) {
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let old = std::mem::replace(&mut point.binding, Arc::clone(binding));
        if Arc::ptr_eq(&old, binding) {
            return;
        }
        let Some(name) = self.names.name(place) else { return };
        let mut stranded = Vec::new();
        let mut changed = false;
        let span = Onset { span: self.span, at: self.horizon.unwrap_or(scene.sent) };
        for (id, phase) in point.phases().to_vec() {
            let before = old.steps.iter().find(|step| step.id == id);
            let after = binding.steps.iter().find(|step| step.id == id);
            match (before, after) {
                (Some(before), Some(after)) if before == after => {}
                // Restored: its deadline waited for this.
                (None, Some(after)) => {
                    changed |= resume_elder((point, &name), after, span, scene);
                    self.timers.start(place, point, after);
                }
                (Some(before), Some(after)) => {
                    changed = true;
                    self.timers.stop(place, point, before);
                    inherit_elder((point, &name), before, after, span, scene);
                    self.timers.start(place, point, after);
                }
                // A fire that an analog point reported: no rule of its own looks for it.
                (None, None) if scene.bindings.words.steps.iter().any(|step| step.id == id) => {}
                (before, None) => {
                    changed = true;
                    if let Some(before) = before {
                        self.timers.stop(place, point, before);
                    }
                    point.set_phase(id, Phase::Quiet);
                    stranded.extend(raised(phase).map(|onset| (id, onset)));
                }
            }
        }
        self.timers.settle(place, point);
        point.keep_windows();
        self.look_again(place);
        if changed {
            self.mark(place);
        }
        self.strand(&name, stranded, &Reason::Unwatched, scene);
    }

    /// What was restored is held against the rules that need no catalogue.
    pub(super) fn recall(&mut self, scene: &mut Scene<'_>) {
        let now = Onset { span: self.span, at: self.horizon.unwrap_or(scene.sent) };
        for place in self.timers.active() {
            let Some(point) = self.points[place as usize].as_mut() else { continue };
            let Some(name) = self.names.name(place) else { continue };
            let binding = Arc::clone(&point.binding);
            let mut changed = false;
            for step in &binding.steps {
                if point.phase(step.id) != Phase::Quiet {
                    self.timers.stop(place, point, step);
                    changed |= resume_elder((point, &name), step, now, scene);
                    self.timers.start(place, point, step);
                }
            }
            if changed {
                self.mark(place);
            }
        }
    }

    /// What is raised on a point stays raised, and nothing will clear it.
    fn retire(&mut self, place: u32, reason: &Reason, scene: &mut Scene<'_>) {
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let binding = Arc::clone(&point.binding);
        for step in &binding.steps {
            self.timers.stop(place, point, step);
        }
        let phases = point.phases().to_vec();
        phases.iter().for_each(|(id, _)| point.set_phase(*id, Phase::Quiet));
        self.timers.settle(place, point);
        let Some(name) = self.names.name(place) else { return };
        let stranded =
            phases.into_iter().filter_map(|(id, phase)| raised(phase).map(|onset| (id, onset)));
        self.strand(&name, stranded.collect(), reason, scene);
    }

    pub(super) fn strand(
        &mut self,
        point: &PointId,
        stranded: Vec<(StepRef, Onset<GatewayTime>)>,
        reason: &Reason,
        scene: &mut Scene<'_>,
    ) {
        let now = Onset { span: self.span, at: self.horizon.unwrap_or(scene.sent) };
        for (id, onset) in stranded {
            if let Some((rule, step)) = scene::step(scene.rulebook, id) {
                let (rule, step) = (rule.id.clone(), step.name.clone());
                self.keep_retired(point, Stranded { rule, step, onset });
            }
            let marks = Marks::default();
            scene.tell_beside(point, id, Change::Retired, onset, now, reason.clone(), marks);
        }
    }

    /// A person has decided what a rule had raised on a former point.
    pub(super) fn release(&mut self, point: &PointId, rule: &RuleId) {
        let Some(kept) = self.retired.get_mut(point) else { return };
        kept.retain(|stranded| stranded.rule != *rule);
        if kept.is_empty() {
            self.retired.remove(point);
        }
        self.retired_dirty.push(point.clone());
    }

    pub(super) fn keep_retired(&mut self, point: &PointId, stranded: Stranded) {
        let kept = self.retired.entry(point.clone()).or_default();
        if kept.len() == MOST_RETIRED {
            kept.remove(0);
        }
        kept.push(stranded);
        self.retired_dirty.push(point.clone());
    }

    /// Drops the devices that neither the catalogue nor a point names any more.
    fn forget_devices(&mut self, listed: &HashSet<&str>) {
        let mut used: Vec<bool> =
            self.devices.iter().map(|device| listed.contains(&*device.name)).collect();
        for point in self.points.iter().flatten() {
            if let Some(used) = used.get_mut(point.device as usize) {
                *used = true;
            }
        }
        let mut places = vec![0; used.len()];
        let before = std::mem::take(&mut self.devices);
        self.device_index.clear();
        for ((device, used), place) in before.into_iter().zip(used).zip(&mut places) {
            if used {
                *place = self.devices.len() as u32;
                self.device_index.insert(device.name.clone(), *place);
                self.devices.push(device);
            }
        }
        for point in self.points.iter_mut().flatten() {
            point.device = places.get(point.device as usize).copied().unwrap_or_default();
        }
    }

    /// The point is no longer there.
    fn remove(&mut self, place: u32) {
        let Some(mut point) = self.points[place as usize].take() else { return };
        self.timers.forget(place, &mut point);
        self.unlisted -= u32::from(point.is_unlisted()).min(self.unlisted);
        self.dirty.retain(|dirty| *dirty != place);
        self.removed.extend(self.names.remove(place));
        self.free.push(place);
    }
}

/// A step has other limits now: what it has raised keeps those that raised it.
fn inherit_elder(
    (point, name): (&mut Point, &PointId),
    before: &BoundStep,
    after: &BoundStep,
    now: Onset<GatewayTime>,
    scene: &mut Scene<'_>,
) {
    let phase = point.phase(before.id);
    if raised(phase).is_some() && point.elder(before.id).is_none() {
        let Some((rule, _)) = scene::step(scene.rulebook, before.id) else { return };
        let elder = Elder { revision: rule.revision, step: before.clone(), told: false };
        point.set_elder(before.id, Some(elder));
    }
    point.set_phase(after.id, doubted(phase));
    tell_elder((point, name), after.id, now, scene);
}

/// What was raised before a restart keeps what raised it, unless that is what stands now.
fn resume_elder(
    (point, name): (&mut Point, &PointId),
    after: &BoundStep,
    now: Onset<GatewayTime>,
    scene: &mut Scene<'_>,
) -> bool {
    let Some((rule, _)) = scene::step(scene.rulebook, after.id) else { return false };
    let Some(elder) = point.elder(after.id) else { return false };
    if elder.revision == rule.revision && elder.step == *after {
        point.set_elder(after.id, None);
        return false;
    }
    if elder.told {
        return false;
    }
    point.set_phase(after.id, doubted(point.phase(after.id)));
    tell_elder((point, name), after.id, now, scene);
    true
}

/// Tells that a rule or its limits are other ones now than those that raised something.
fn tell_elder(
    (point, name): (&mut Point, &PointId),
    step: StepRef,
    now: Onset<GatewayTime>,
    scene: &mut Scene<'_>,
) {
    let Some((rule, _)) = scene::step(scene.rulebook, step) else { return };
    let Some(onset) = raised(point.phase(step)) else { return };
    let Some(elder) = point.elder(step).cloned() else { return };
    let reason = Reason::OtherRule { raised_under: elder.revision, now: rule.revision };
    point.set_elder(step, Some(Elder { told: true, ..elder }));
    let marks = Marks::default();
    scene.tell_beside(name, step, Change::Revised, onset, now, reason, marks);
}

/// What a phase becomes when the limits of its step change.
pub(super) fn doubted<T>(phase: Phase<T>) -> Phase<T> {
    match phase {
        Phase::Quiet | Phase::Suspected { .. } => Phase::Quiet,
        Phase::Raised { .. } => phase,
        Phase::Clearing { onset, .. } => {
            Phase::Clearing { onset, proof: crate::phase::Timer::Standing }
        }
    }
}

pub(super) fn raised<T>(phase: Phase<T>) -> Option<Onset<T>> {
    match phase {
        Phase::Quiet | Phase::Suspected { .. } => None,
        Phase::Raised { onset } | Phase::Clearing { onset, .. } => Some(onset),
    }
}
