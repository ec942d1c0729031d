//! The deadlines of a lane, the points on which any rule is not quiet, and those with windows.
//!
//! What it costs to let time pass depends on what falls due, not on how many points there are.

use std::collections::BTreeSet;

use firegrid_wire::time::GatewayTime;

use super::binding::{BoundStep, StepRef};
use super::point::Point;
use crate::phase::Phase;

/// A deadline: when, on the point at which place, of which step.
pub(super) type Deadline = (GatewayTime, u32, StepRef);

/// The deadlines and the places of points that are not quiet.
#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: BTreeSet<Deadline>,
    /// Proofs that were complete while nothing might clear.
    withheld: BTreeSet<Deadline>,
    active: BTreeSet<u32>,
    /// Points with windows, and when these next change by themselves; and those that are asked
    /// for beside others.
    windowed: BTreeSet<u32>,
    reviews: BTreeSet<(GatewayTime, u32)>,
}

impl Timers {
    /// Gives a step of a point another phase.
    pub(super) fn turn(
        &mut self,
        place: u32,
        point: &mut Point,
        step: &BoundStep,
        phase: Phase<GatewayTime>,
    ) {
        self.stop(place, point, step);
        point.set_phase(step.id, phase);
        self.start(place, point, step);
    }

    /// The deadline that a step of a point now has.
    pub(super) fn start(&mut self, place: u32, point: &Point, step: &BoundStep) {
        if let Some(due) = point.phase(step.id).deadline(point.timing(step)) {
            self.deadlines.insert((due, place, step.id));
        }
        self.settle(place, point);
    }

    /// Forgets the deadline that a step of a point had.
    pub(super) fn stop(&mut self, place: u32, point: &Point, step: &BoundStep) {
        if let Some(due) = point.phase(step.id).deadline(point.timing(step)) {
            let deadline = (due, place, step.id);
            if !self.deadlines.remove(&deadline) {
                self.withheld.remove(&deadline);
            }
        }
    }

    /// Notes whether any step of a point is not quiet.
    pub(super) fn settle(&mut self, place: u32, point: &Point) {
        if point.phases().is_empty() {
            self.active.remove(&place);
        } else {
            self.active.insert(place);
        }
    }

    /// Notes when the windows of a point next change by themselves.
    pub(super) fn look_again(&mut self, place: u32, point: &mut Point, now: GatewayTime) {
        self.look_no_more(place, point);
        if !point.is_watched() {
            self.windowed.remove(&place);
            return;
        }
        self.windowed.insert(place);
        let review = point.windows().iter().filter_map(|window| window.deadline(now)).min();
        point.set_review(review);
        self.reviews.extend(review.map(|review| (review, place)));
    }

    /// The windows of a point no longer change by themselves.
    pub(super) fn look_no_more(&mut self, place: u32, point: &mut Point) {
        if let Some(review) = point.review() {
            self.reviews.remove(&(review, place));
            point.set_review(None);
        }
    }

    /// The point is no longer there.
    pub(super) fn forget(&mut self, place: u32, point: &mut Point) {
        self.look_no_more(place, point);
        self.windowed.remove(&place);
    }

    /// The next point whose windows change by themselves by then, before any deadline.
    pub(super) fn review(&mut self, until: GatewayTime) -> Option<(GatewayTime, u32)> {
        let first = *self.reviews.first()?;
        let comes_first = self.deadlines.first().is_none_or(|deadline| first.0 < deadline.0);
        (first.0 <= until && comes_first).then(|| {
            self.reviews.pop_first();
            first
        })
    }

    /// The places of all points that are not quiet, have windows or are asked for beside others.
    pub(super) fn watched(&self) -> Vec<u32> {
        self.active.union(&self.windowed).copied().collect()
    }

    /// The next deadline that has come by then.
    pub(super) fn due(&mut self, until: GatewayTime) -> Option<Deadline> {
        let first = *self.deadlines.first()?;
        (first.0 <= until).then(|| {
            self.deadlines.pop_first();
            first
        })
    }

    /// Keeps a proof that is complete until something may clear.
    pub(super) fn withhold(&mut self, deadline: Deadline) {
        self.withheld.insert(deadline);
    }

    /// What was withheld falls due now.
    pub(super) fn release(&mut self) {
        self.deadlines.append(&mut self.withheld);
    }

    /// No timer of the lane runs any more.
    pub(super) fn clear(&mut self) {
        self.deadlines.clear();
        self.withheld.clear();
    }

    /// The places of all points that are not quiet.
    pub(super) fn active(&self) -> Vec<u32> {
        self.active.iter().copied().collect()
    }
}
