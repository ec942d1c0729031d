//! What one reading, one beat and one marker do to a point.
//!
//! Fire-class states are raised whatever else is known or not known. Everything else needs
//! time that is vouched for, a device that answers and a point that can speak.

use std::sync::Arc;

use firegrid_wire::beat::BeatAlarm;
use firegrid_wire::marker::LostFire;
use firegrid_wire::reading::{Quality, Reading};
use firegrid_wire::span::SpanId;
use firegrid_wire::state::{StateSet, States};
use firegrid_wire::time::GatewayTime;

use super::binding::BoundStep;
use super::joined::Told;
use super::lane::LaneState;
use super::point::{Point, Provisional, Read};
use super::scene::{Cause, Scene, Turned};
use crate::condition::{Evidence, Said, Verdict};
use crate::decision::{Change, Marks, Reason};
use crate::phase::{Look, Onset, Phase};

impl LaneState {
    /// Takes in one reading.
    pub(super) fn take(
        &mut self,
        place: u32,
        reading: &Reading,
        by_words: bool,
        cause: Cause,
        scene: &mut Scene<'_>,
    ) {
        let (span, order, stamp) = (self.span, self.order, self.stamp);
        let Some(point) = self.points[place as usize].as_ref() else { return };
        let settled = point.provisional().filter(|told| self.settles(*told, reading.time, scene));
        let Some(point) = self.points[place as usize].as_mut() else { return };
        if settled.is_some() {
            point.set_provisional(None);
        }
        point.set_evidence(Evidence::of(reading));
        point.set_foreign(reading.value.states().map_or(&[], |states| &states.foreign));
        (point.time, point.order) = (reading.time, order);
        point.stamp = stamp;
        // A device's `comm` is the gateway's own word and needs no catalogue.
        point.read = if by_words && !point.comm { Read::ByWords } else { Read::ByCatalogue };
        let (comm, device) = (point.comm, point.device);
        self.mark(place);
        let now = Onset { span, at: self.effective(reading.time) };
        self.weigh(place, now, cause, scene);
        if let Some(told) = settled {
            self.confirm(place, told, now, cause, scene);
        }
        if comm {
            let answers = Evidence::of(reading).said == Said::States(StateSet::NORMAL)
                && reading.quality == Quality::Good;
            self.answers(device, answers, now, scene);
        }
    }

    /// Whether a numbered reading of the present span at `time` comes after a provisional one.
    fn settles(&self, told: Provisional, time: GatewayTime, scene: &Scene<'_>) -> bool {
        if self.span == Some(told.span) {
            return told.onset <= time;
        }
        match self.order_of(told.span) {
            Some(order) => order < self.order,
            None => self.span.is_some() && self.span == scene.current,
        }
    }

    /// A numbered reading still says what a heartbeat had told.
    fn confirm(
        &mut self,
        place: u32,
        told: Provisional,
        now: Onset<GatewayTime>,
        cause: Cause,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points[place as usize].as_ref() else { return };
        let (Some(evidence), Some(name)) = (point.evidence(), self.names.name(place)) else {
            return;
        };
        let told = Evidence::states(told.states);
        let words = Arc::clone(&scene.bindings.words);
        for step in words.steps.iter().filter(|step| step.fire_class) {
            let both = step.when.of(told) == Verdict::Met && step.when.of(evidence) == Verdict::Met;
            if let (true, Phase::Raised { onset }) = (both, point.phase(step.id)) {
                let marks = Marks::of_states(evidence.state_set());
                let reason = cause.reason(evidence.said);
                scene.tell_beside(&name, step.id, Change::Confirmed, onset, now, reason, marks);
            }
        }
    }

    /// A device answers, or does not: while it does not, its points are blind.
    fn answers(
        &mut self,
        device: u32,
        answers: bool,
        now: Onset<GatewayTime>,
        scene: &mut Scene<'_>,
    ) {
        let stamp = if answers { self.stamp } else { self.next_stamp() };
        let Some(known) = self.devices.get_mut(device as usize) else { return };
        known.blind = !answers;
        if !answers {
            known.forgot = stamp;
        }
        for place in self.timers.watched() {
            let of_device = self.points[place as usize]
                .as_ref()
                .is_some_and(|point| point.device == device && !point.comm);
            match (of_device, answers) {
                (true, true) => self.weigh_known(place, now, scene),
                (true, false) => self.interrupt(place),
                (false, _) => {}
            }
        }
        self.count_device(device, now.at);
    }

    /// A beat names a point that is fire-class now.
    pub(super) fn told(
        &mut self,
        alarm: &BeatAlarm,
        span: SpanId,
        order: Option<u32>,
        scene: &mut Scene<'_>,
    ) {
        let states = alarm.vs.set;
        if !states.is_fire_class() || alarm.n.is_comm() {
            return;
        }
        let Some(place) = self.place(&alarm.n, true, scene) else { return };
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let newer = match order {
            _ if !point.is_numbered() => true,
            None => true,
            Some(order) if order == point.order => point.time < alarm.t,
            Some(order) => point.order < order,
        };
        if !newer {
            return;
        }
        let provisional = Provisional { span, onset: alarm.t, states };
        if point.provisional() == Some(provisional) {
            return;
        }
        point.set_provisional(Some(provisional));
        self.mark(place);
        let marks = Marks { provisional: true, ..Marks::of_states(states) };
        let now = Onset { span: Some(span), at: alarm.t };
        self.raise(place, now, states, &Reason::Beat { states }, marks, scene);
        // What the numbered readings proved of other rules may be in doubt now.
        let here = Onset { span: self.span, at: self.horizon.unwrap_or(alarm.t) };
        self.weigh_known(place, here, scene);
    }

    /// Raises what was fire-class in what a box no longer has, unless something later is known.
    pub(super) fn lost<'a>(
        &mut self,
        fires: impl IntoIterator<Item = &'a LostFire>,
        scene: &mut Scene<'_>,
    ) {
        for fire in fires {
            let states = States::from_words(&fire.vs).unwrap_or_default().set;
            if !states.is_fire_class() || fire.n.is_comm() {
                continue;
            }
            let Some(place) = self.place(&fire.n, true, scene) else { continue };
            let order = self.order_of(fire.span);
            let Some(point) = self.points[place as usize].as_mut() else { continue };
            let newer = match order {
                _ if !point.is_numbered() => true,
                None => true,
                // Of the same moment both may be true: a fire is never held back by doubt.
                Some(order) => (point.order, point.time) <= (order, fire.t),
            };
            if !newer {
                continue;
            }
            point.set_evidence(Evidence::states(states));
            point.stamp = 0;
            self.mark(place);
            // What it says now nobody knows until it is read again.
            self.interrupt(place);
            let marks = Marks { historical: true, ..Marks::of_states(states) };
            let now = Onset { span: Some(fire.span), at: fire.t };
            self.raise(place, now, states, &Reason::Lost { states }, marks, scene);
        }
    }

    /// Holds every step of a point's rules against what it says.
    pub(super) fn weigh(
        &mut self,
        place: u32,
        now: Onset<GatewayTime>,
        cause: Cause,
        scene: &mut Scene<'_>,
    ) {
        self.count(place, now.at);
        let runs = self.runs(place);
        let vouched = self.horizon.unwrap_or(now.at);
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let (Some(evidence), Some(name)) = (point.evidence(), self.names.name(place)) else {
            return;
        };
        if point.is_quiet_under(evidence) {
            return;
        }
        let mut changed = !point.windows().is_empty();
        if changed {
            let proves = runs && point.read != Read::ByWords;
            point.move_windows(proves.then_some(evidence), now.at);
            self.timers.look_again(place, point, now.at);
        }
        self.tell_parts(place, now.at);
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let binding = Arc::clone(&point.binding);
        for step in steps(&binding.steps, binding.words, evidence, &scene.bindings.words.steps) {
            let (when, calm) = point.verdicts(step, evidence, now.at);
            let old = point.phase(step.id);
            if old == Phase::Quiet && when != Verdict::Met {
                continue;
            }
            let look = Look { when, calm, now, vouched, runs, at_once: step.fire_class };
            let revision = point.elder(step.id).map(|elder| elder.revision);
            let (next, turn) = old.look(look, point.timing(step));
            if next != old {
                self.timers.turn(place, point, step, next);
                changed = true;
            }
            if let Some(turn) = turn {
                let marks = Marks::of_states(evidence.state_set());
                let reason = cause.reason(evidence.said);
                let (point, step) = (&name, step.id);
                scene.tell(Turned { point, step, revision, turn, now, reason, marks });
            }
        }
        if changed {
            self.mark(place);
        }
    }

    /// Tells what a point says of the parts that it is asked for, from this moment on.
    pub(super) fn tell_parts(&mut self, place: u32, at: GatewayTime) {
        self.count(place, at);
        let proves = self.runs(place) && self.is_known(place);
        let Some(point) = &self.points[place as usize] else { return };
        if point.binding.parts.is_empty() {
            return;
        }
        let Some(name) = self.names.name(place) else { return };
        let at = if proves { self.not_before_it_was_read(point, at) } else { at };
        for part in &point.binding.parts {
            let says = if proves { point.says_of(&part.condition, at) } else { Verdict::Undecided };
            self.told.push(Told::Says { point: name.clone(), part: part.of, at, says });
        }
    }

    /// The same for what it said before, if that is still known and the device answers.
    pub(super) fn weigh_known(
        &mut self,
        place: u32,
        now: Onset<GatewayTime>,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = &self.points[place as usize] else { return };
        if self.is_known(place) && !self.is_blind(place) {
            let now = Onset { at: self.not_before_it_was_read(point, now.at), ..now };
            self.weigh(place, now, Cause::Resumed, scene);
        }
    }

    /// What was read later than time is vouched for says nothing of the time before.
    pub(super) fn not_before_it_was_read(&self, point: &Point, at: GatewayTime) -> GatewayTime {
        if point.order == self.order { at.max(point.time) } else { at }
    }

    /// Raises what fire-class states ask for, whatever is known of the time between.
    fn raise(
        &mut self,
        place: u32,
        now: Onset<GatewayTime>,
        states: StateSet,
        reason: &Reason,
        marks: Marks,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let Some(name) = self.names.name(place) else { return };
        let mut changed = false;
        for step in scene.bindings.words.steps.iter().filter(|step| step.fire_class) {
            let old = point.phase(step.id);
            if step.when.of(Evidence::states(states)) != Verdict::Met {
                continue;
            }
            let (when, calm) = (Verdict::Met, Verdict::Unmet);
            let look = Look { when, calm, now, vouched: now.at, runs: false, at_once: true };
            let (next, turn) = old.look(look, point.timing(step));
            if next != old {
                self.timers.turn(place, point, step, next);
                changed = true;
            }
            if let Some(turn) = turn {
                let (reason, revision) = (reason.clone(), None);
                let (point, step) = (&name, step.id);
                scene.tell(Turned { point, step, revision, turn, now, reason, marks });
            }
        }
        if changed {
            self.mark(place);
        }
    }

    /// Stops every timer of a point.
    pub(super) fn interrupt(&mut self, place: u32) {
        let vouched = self.horizon.unwrap_or(GatewayTime::from_millis(i64::MIN));
        let Some(point) = self.points[place as usize].as_mut() else { return };
        let binding = Arc::clone(&point.binding);
        let mut changed = !point.windows().is_empty();
        point.move_windows(None, vouched);
        self.timers.look_no_more(place, point);
        self.tell_parts(place, vouched);
        let Some(point) = self.points[place as usize].as_mut() else { return };
        for (id, old) in point.phases().to_vec() {
            let next = old.interrupt(vouched);
            if next == old {
                continue;
            }
            changed = true;
            match binding.steps.iter().find(|step| step.id == id) {
                Some(step) => self.timers.turn(place, point, step, next),
                None => point.set_phase(id, next),
            }
        }
        if changed {
            self.mark(place);
        }
    }
}

/// The steps that look at a reading. Fire is believed from an analog point too.
fn steps<'a>(
    bound: &'a [BoundStep],
    has_words: bool,
    evidence: Evidence,
    words: &'a [BoundStep],
) -> impl Iterator<Item = &'a BoundStep> {
    let also = !has_words && evidence.state_set().is_fire_class();
    bound.iter().chain(if also { words } else { &[] })
}
