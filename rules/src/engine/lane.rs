//! One lane of one gateway: its horizon, its holes, and its points in gateway time.
//!
//! This is PROTOCOL §5. The horizon says how far the lane is vouched for; deadlines fire at
//! their own time as it moves. A hole suspends the lane: no timer runs until time is vouched
//! for again. Centre time is only passed through.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::PointId;
use firegrid_wire::pack::Pack;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::state::StateSet;
use firegrid_wire::time::{GatewayTime, Millis};

use super::HeadStanding;
use super::binding::BoundCatalogue;
use super::counting::Counting;
use super::joined::Told;
use super::names::{NOWHERE, Names};
use super::point::{Point, Stranded};
use super::row::Numbers;
use super::scene::{Cause, Scene, Turned, passing};
use super::timers::Timers;
use crate::condition::{Evidence, Said};
use crate::decision::Marks;
use crate::phase::{Onset, Phase};
use crate::sight::{Listened, patience};

/// Spans of which the order is remembered. An older one is earlier than all of these.
const SPANS_REMEMBERED: usize = 16;

/// One lane of one gateway.
#[derive(Debug)]
pub(super) struct LaneState {
    pub(super) lane: Lane,
    /// The newest admitted span, and its order.
    pub(super) span: Option<SpanId>,
    pub(super) order: u32,
    /// How far the lane is vouched for and judged, in that span.
    pub(super) horizon: Option<GatewayTime>,
    /// Where the stretch that ends at the horizon began; none if it began before a restart.
    pub(super) vouched_since: Option<GatewayTime>,
    /// Whether there is a hole in which no timer runs.
    pub(super) suspended: bool,
    /// Counts what makes points forgotten; a point counts as read since then if its stamp is
    /// at least the lane's and its device's.
    pub(super) stamp: u32,
    pub(super) forgot: u32,
    /// The catalogue that the last batch named.
    pub(super) named: Option<CatalogueHash>,
    /// The catalogue by which the points are described, and whether they are bound by it.
    pub(super) adopted: Option<CatalogueHash>,
    pub(super) bound: bool,
    pub(super) orders: VecDeque<(SpanId, u32)>,
    /// Up to when the lane was seen.
    pub(super) seen: Option<Listened>,
    pub(super) patience: Millis,
    pub(super) names: Names,
    /// Where the points of the batch in hand stand.
    pub(super) found: Vec<u32>,
    pub(super) points: Vec<Option<Point>>,
    pub(super) devices: Vec<Device>,
    pub(super) device_index: HashMap<Box<str>, u32>,
    pub(super) timers: Timers,
    /// What was raised on points that are other ones now or are gone.
    pub(super) retired: BTreeMap<PointId, Vec<Stranded>>,
    pub(super) unlisted: u32,
    /// Places of points that are gone.
    pub(super) free: Vec<u32>,
    /// Places whose rows must be written, and what else must be.
    pub(super) dirty: Vec<u32>,
    pub(super) removed: Vec<PointId>,
    pub(super) retired_dirty: Vec<PointId>,
    pub(super) numbers: Numbers,
    /// What is told to the steps that look at several points.
    pub(super) told: Vec<Told>,
    /// What it counts.
    pub(super) counting: Counting,
}

/// A device, as far as a lane knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: Box<str>,
    /// Whether its `comm` says fault here.
    pub(super) blind: bool,
    pub(super) forgot: u32,
    /// Whether this lane's `comm` speaks for the device.
    pub(super) home: bool,
}

impl LaneState {
    pub(super) fn new(lane: Lane) -> LaneState {
        LaneState {
            lane,
            span: None,
            order: 0,
            horizon: None,
            vouched_since: None,
            suspended: true,
            stamp: 1,
            forgot: 1,
            named: None,
            adopted: None,
            bound: false,
            orders: VecDeque::new(),
            seen: None,
            patience: patience(Millis::ZERO),
            names: Names::new(),
            found: Vec::new(),
            points: Vec::new(),
            devices: Vec::new(),
            device_index: HashMap::new(),
            timers: Timers::default(),
            retired: BTreeMap::new(),
            unlisted: 0,
            free: Vec::new(),
            dirty: Vec::new(),
            removed: Vec::new(),
            retired_dirty: Vec::new(),
            numbers: Numbers::default(),
            told: Vec::new(),
            counting: Counting::default(),
        }
    }

    /// Judges a batch or a marker.
    pub(super) fn judge(
        &mut self,
        pack: &Pack,
        order: u32,
        hole: bool,
        catalogues: &[Arc<BoundCatalogue>],
        scene: &mut Scene<'_>,
    ) {
        let span = pack.head.name.span;
        if pack.head.marker.is_some() {
            // What stood here is gone, and with it everything known.
            self.suspend(true);
        }
        if self.span != Some(span) {
            self.change_span(span, order);
        } else if hole {
            self.suspend(true);
        }
        if pack.head.marker.is_none() {
            let by_words = !self.choose_catalogue(&pack.head.catalogue, catalogues, scene);
            self.judge_readings(pack, by_words, scene);
        }
    }

    /// The lane was seen up to here.
    pub(super) fn see(&mut self, until: Listened) {
        self.seen = Some(self.seen.map_or(until, |before| before.max(until)));
    }

    /// Lets a beat move the horizon, if it may.
    pub(super) fn vouched(
        &mut self,
        until: GatewayTime,
        head: HeadStanding,
        scene: &mut Scene<'_>,
    ) {
        match (head, self.suspended) {
            (HeadStanding::NotJudged | HeadStanding::JudgedInOlderSpan, _)
            | (HeadStanding::Judged { is_position: false }, true) => {}
            (HeadStanding::Judged { .. }, false) => self.advance(until, scene),
            (HeadStanding::Judged { is_position: true }, true) => self.resume(until, scene),
        }
    }

    /// A new span: nothing is known, no device is blind, and the horizon is the span's own.
    fn change_span(&mut self, span: SpanId, order: u32) {
        self.suspend(true);
        for device in &mut self.devices {
            device.blind = false;
        }
        self.span = Some(span);
        self.order = order;
        self.told.push(Told::Begins { left: self.horizon, span, catalogue: self.named.clone() });
        self.horizon = None;
        self.vouched_since = None;
        if self.orders.len() == SPANS_REMEMBERED {
            self.orders.pop_front();
        }
        self.orders.push_back((span, order));
    }

    fn judge_readings(&mut self, pack: &Pack, by_words: bool, scene: &mut Scene<'_>) {
        let seq = pack.head.name.seq;
        let from = pack.head.stretch.map(|stretch| stretch.from);
        let until = pack.head.stretch.map(|stretch| stretch.until);
        let paused =
            !self.suspended && from.zip(self.horizon).is_some_and(|(from, horizon)| horizon < from);
        if paused {
            self.suspend(false);
        }
        let mut resume_at = from.filter(|_| self.suspended);
        let mut found = std::mem::take(&mut self.found);
        let ids = pack.readings.iter().map(|(_, reading)| &reading.point);
        // What the rows hold is fetched for all of them together.
        self.names.find_all(ids, &mut found, |place| match &self.points[place as usize] {
            Some(point) => point.time.millis().cast_unsigned() ^ u64::from(point.device),
            None => 0,
        });
        for ((index, reading), known) in pack.readings.iter().zip(&found) {
            if let Some(from) = resume_at.take_if(|from| *from <= reading.time) {
                self.resume(from, scene);
            }
            if let Some(until) = until {
                self.advance(reading.time.min(until), scene);
            }
            let fire_class = reading.value.is_fire_class();
            let known = Some(*known).filter(|known| *known != NOWHERE);
            let place = known.or_else(|| self.place(&reading.point, fire_class, scene));
            if let Some(place) = place {
                let cause = Cause::Reading { seq, index: *index };
                self.take(place, reading, by_words, cause, scene);
            }
        }
        self.found = found;
        if let Some(from) = resume_at {
            self.resume(from, scene);
        }
        if let Some(until) = until {
            self.advance(until, scene);
        }
    }

    /// A hole: no timer runs, and if it forgets, no point is known until it is read again.
    pub(super) fn suspend(&mut self, forget: bool) {
        self.suspended = true;
        self.told.push(Told::Silent { at: self.horizon });
        self.counting.forget();
        for place in self.timers.watched() {
            self.interrupt(place);
        }
        self.timers.clear();
        if forget {
            self.forgot = self.next_stamp();
        }
    }

    /// Time is vouched for again, from here on.
    fn resume(&mut self, from: GatewayTime, scene: &mut Scene<'_>) {
        self.suspended = false;
        let from = self.effective(from);
        self.horizon = Some(from);
        self.vouched_since = Some(from);
        let now = Onset { span: self.span, at: from };
        for place in self.timers.watched() {
            self.weigh_known(place, now, scene);
        }
        self.count_all(from);
    }

    /// Moves the horizon; what falls due on the way does so at its own time.
    fn advance(&mut self, until: GatewayTime, scene: &mut Scene<'_>) {
        if self.suspended || self.horizon.is_none_or(|horizon| until <= horizon) {
            return;
        }
        if scene.may_clear {
            self.timers.release();
        }
        loop {
            if let Some((moment, place)) = self.timers.review(until) {
                self.horizon = Some(self.effective(moment));
                let now = Onset { span: self.span, at: moment };
                self.weigh(place, now, Cause::Window, scene);
                continue;
            }
            let Some((due, place, id)) = self.timers.due(until) else { break };
            let Some(point) = self.points[place as usize].as_mut() else { continue };
            let phase = point.phase(id);
            if matches!(phase, Phase::Clearing { .. }) && !scene.may_clear {
                self.timers.withhold((due, place, id));
                continue;
            }
            let binding = Arc::clone(&point.binding);
            let Some(step) = binding.steps.iter().find(|step| step.id == id) else { continue };
            let now = Onset { span: self.span, at: due };
            let revision = point.elder(id).map(|elder| elder.revision);
            let timing = point.timing(step);
            let (next, turn) = phase.pass(now);
            self.timers.turn(place, point, step, next);
            if let Some(turn) = turn {
                let said = point.evidence().map_or(Said::Unknown, |evidence| evidence.said);
                let states = point.evidence().map_or(StateSet::NORMAL, Evidence::state_set);
                let (reason, marks) = (passing(phase, timing, said), Marks::of_states(states));
                let Some(name) = self.names.name(place) else { continue };
                let (point, step) = (&name, id);
                scene.tell(Turned { point, step, revision, turn, now, reason, marks });
            }
            self.mark(place);
        }
        self.horizon = Some(until);
    }

    /// Inside a span a reading at or before the horizon counts at the horizon.
    pub(super) fn effective(&self, time: GatewayTime) -> GatewayTime {
        self.horizon.map_or(time, |horizon| horizon.max(time))
    }

    pub(super) fn runs(&self, place: u32) -> bool {
        !self.suspended && self.horizon.is_some() && !self.is_blind(place)
    }

    pub(super) fn order_of(&self, span: SpanId) -> Option<u32> {
        self.orders.iter().rev().find(|(known, _)| *known == span).map(|(_, order)| *order)
    }

    pub(super) fn next_stamp(&mut self) -> u32 {
        self.stamp = self.stamp.saturating_add(1);
        self.stamp
    }
}
