//! The engine: readings, beats and silence in, decisions out.
//!
//! Deterministic: the same calls in the same order give the same decisions, on every machine
//! and across a restart at any point between two calls ([`Engine::changed`],
//! [`Engine::restore`]). Order is the order of admission, never a timestamp. Conditions run in
//! gateway time up to the horizon of their lane; sight and silence run in centre time.
//! Admits nothing, writes nothing, and reads no clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use firegrid_wire::beat::Beat;
use firegrid_wire::catalogue::{Catalogue, CatalogueHash};
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::pack::Pack;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use self::binding::{Bindings, BoundCatalogue};
use self::gateway::Gateway;
use self::scene::Scene;
use crate::decision::{Decision, Subject};
use crate::rulebook::{RuleId, Rulebook};
use crate::sight::{Ear, Listened};

pub use view::{NotYet, PhaseView, PointView, Standing, Voice};

mod adoption;
mod binding;
mod closing;
mod counting;
mod gateway;
mod joined;
mod lane;
mod names;
mod places;
mod point;
mod row;
mod scene;
mod timers;
mod view;
mod weighing;

/// The judgement of everything that one centre watches.
#[derive(Debug)]
pub struct Engine {
    rulebook: Arc<Rulebook>,
    bindings: Bindings,
    ear: Ear,
    ear_written: Ear,
    gateways: Vec<Gateway>,
    index: HashMap<GatewayId, usize>,
    /// Gateways by the next moment at which their silence changes something.
    due: BTreeSet<(Listened, usize)>,
    /// Decided where nobody could be told: the next call tells it.
    untold: Vec<Decision>,
}

/// A batch that admission let in.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    /// Whose it is.
    pub gateway: &'a GatewayId,
    /// What it holds; a marker is a pack too.
    pub pack: &'a Pack,
    /// The order in which the pack's span was first admitted in its lane, counted from any
    /// number upwards.
    pub span_order: u32,
    /// Whether it was admitted as "new, with hole".
    pub hole: bool,
    /// When it was sent, in the time of the sender's current span.
    pub sent: GatewayTime,
    /// The sender's current span.
    pub current: SpanId,
    /// When it arrived.
    pub arrived: CentreTime,
}

/// A heartbeat as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct HeardBeat<'a> {
    /// Whose it is.
    pub gateway: &'a GatewayId,
    /// What it says.
    pub beat: &'a Beat,
    /// When it was sent, in the beat's span.
    pub sent: GatewayTime,
    /// When it arrived.
    pub arrived: CentreTime,
    /// The order of the beat's span in the urgent lane; none: not admitted yet, so later than
    /// all that were.
    pub urgent_order: Option<u32>,
    /// Where each lane's `head` stands.
    pub heads: PerLane<HeadStanding>,
}

/// Where the `head` that a beat names stands, as admission knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadStanding {
    /// The beat names none, or it is not judged yet: what the beat vouches for has a gap.
    NotJudged,
    /// It is judged, but its span is no longer the newest of its lane.
    JudgedInOlderSpan,
    /// It is judged, in the newest span of its lane.
    Judged {
        /// Whether it is the lane's position itself.
        is_position: bool,
    },
}

/// The stretch of gateway time up to a lane's horizon that was vouched for without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VouchedStretch {
    /// The lane's newest span.
    pub span: SpanId,
    /// Where it began; none if it began before this engine was restored.
    pub since: Option<GatewayTime>,
    /// The horizon.
    pub until: GatewayTime,
}

/// How long nothing of a gateway may clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearHold {
    /// Until this moment.
    Until(CentreTime),
    /// Until a person lifts it ([`Engine::lift_hold`]).
    UntilLifted,
}

/// The name of one row of state: `{gateway}`, `{gateway}/{lane}/{device}/{point}`, what stands
/// together behind an `@` below a gateway or a lane, or one beginning with `@` for what belongs
/// to no gateway. Opaque to whoever stores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateKey(pub String);

/// A row that is not what the engine wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state row {key:?} cannot be read: {reason}")]
pub struct RestoreError {
    /// The row.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Engine {
    /// An engine that knows nothing yet. It is deaf until [`Engine::listening`] says otherwise.
    pub fn new(rulebook: Arc<Rulebook>) -> Engine {
        Engine {
            bindings: Bindings::of(&rulebook),
            rulebook,
            ear: Ear::default(),
            ear_written: Ear::default(),
            gateways: Vec::new(),
            index: HashMap::new(),
            due: BTreeSet::new(),
            untold: Vec::new(),
        }
    }

    /// Goes on where the engine that wrote the rows stopped. It was deaf since, until
    /// [`Engine::listening`] says otherwise. Every gateway's catalogue must be given again
    /// ([`Engine::catalogue`]) before its first batch, or its points are judged by their words.
    pub fn restore(
        rulebook: Arc<Rulebook>,
        rows: impl IntoIterator<Item = (StateKey, Vec<u8>)>,
    ) -> Result<Engine, RestoreError> {
        let mut engine = Engine::new(rulebook);
        row::restore(&mut engine, rows)?;
        let mut untold = Vec::new();
        let now = engine.ear.remembered().1.unwrap_or(CentreTime::from_millis(0));
        for place in 0..engine.gateways.len() {
            engine.with(place, now, None, &mut untold, |gateway, scene, _| {
                gateway.recall(scene);
            });
        }
        engine.untold = untold;
        Ok(engine)
    }

    /// The rulebook by which it judges.
    pub fn rulebook(&self) -> &Arc<Rulebook> {
        &self.rulebook
    }

    /// A catalogue is known. It takes effect in each lane with the first batch that names it;
    /// at once in a lane whose last batch named it, that waits for it after a restart, or that
    /// never had a batch. Answers of which lanes a refresh is wanted: what they said under this
    /// catalogue was judged by its words alone.
    pub fn catalogue(
        &mut self,
        gateway: &GatewayId,
        hash: &CatalogueHash,
        catalogue: &Catalogue,
        now: CentreTime,
        out: &mut Vec<Decision>,
    ) -> PerLane<bool> {
        let bound = BoundCatalogue::of(hash, catalogue, &self.rulebook, &self.bindings);
        let place = self.place(gateway);
        let mut wanted = PerLane::default();
        self.with(place, now, None, out, |gateway, scene, _| {
            wanted = gateway.catalogue(bound, scene);
        });
        wanted
    }

    /// Whether the catalogue that a batch of this lane names is known; if not, its states are
    /// judged by their words alone and clear nothing. A catalogue by which both lanes have judged
    /// is not kept: give it again when a box comes back to it.
    pub fn knows(&self, gateway: &GatewayId, lane: Lane, hash: &CatalogueHash) -> bool {
        self.get(gateway).is_some_and(|gateway| {
            let lane = &gateway.lanes[lane];
            gateway.catalogues.iter().any(|known| known.hash == *hash)
                || (lane.bound && lane.adopted.as_ref() == Some(hash))
        })
    }

    /// Judges a batch: New, New with hole, or a marker.
    pub fn observe(&mut self, admitted: Admitted<'_>, out: &mut Vec<Decision>) {
        let place = self.place(admitted.gateway);
        let sent = Some(admitted.sent);
        self.with(place, admitted.arrived, sent, out, |gateway, scene, ear| {
            gateway.observe(&admitted, ear, scene);
        });
    }

    /// Takes in a heartbeat.
    pub fn beat(&mut self, heard: HeardBeat<'_>, out: &mut Vec<Decision>) {
        let place = self.place(heard.gateway);
        self.with(place, heard.arrived, Some(heard.sent), out, |gateway, scene, ear| {
            gateway.beat(&heard, ear, scene);
        });
    }

    /// Something came from a gateway that is not judged: a duplicate, a gap, a conflict.
    pub fn heard(&mut self, gateway: &GatewayId, arrived: CentreTime, out: &mut Vec<Decision>) {
        let place = self.place(gateway);
        self.with(place, arrived, None, out, |gateway, scene, ear| gateway.listen(ear, scene));
    }

    /// Lets centre time come so far. Call it when [`Engine::deadline`] has passed.
    pub fn tick(&mut self, now: CentreTime, out: &mut Vec<Decision>) {
        out.append(&mut self.untold);
        self.ear.reach(now);
        if !self.ear.listens() {
            return;
        }
        let until = self.ear.listened(now);
        // Each is judged once per tick; what falls due again is in the future.
        let mut places = Vec::new();
        while let Some((moment, place)) = self.due.first().copied().filter(|due| due.0 <= until) {
            self.due.remove(&(moment, place));
            places.push((moment, place));
        }
        for (moment, place) in places {
            self.due.insert((moment, place));
            self.with(place, now, None, out, |gateway, scene, ear| gateway.pass(ear, scene));
        }
    }

    /// The next moment at which silence alone changes something; none while deaf.
    pub fn deadline(&self) -> Option<CentreTime> {
        let (moment, _) = self.due.first().filter(|_| self.ear.listens())?;
        Some(self.ear.retold(*moment).at())
    }

    /// The centre begins or stops to listen: patience runs only meanwhile. Call `tick` with the
    /// same moment before, so that nothing that had already fallen due is put off.
    pub fn listening(&mut self, now: CentreTime, listening: bool) {
        self.ear.listening(now, listening);
    }

    /// Nothing of this gateway clears meanwhile: two boxes seem to use one identity. A hold
    /// until it is lifted is never shortened by one that ends.
    pub fn hold_clears(&mut self, gateway: &GatewayId, hold: ClearHold) {
        let place = self.place(gateway);
        let gateway = &mut self.gateways[place];
        gateway.hold = match (gateway.hold, hold) {
            (Some(ClearHold::UntilLifted), _) | (_, ClearHold::UntilLifted) => {
                Some(ClearHold::UntilLifted)
            }
            (Some(ClearHold::Until(one)), ClearHold::Until(other)) => {
                Some(ClearHold::Until(one.max(other)))
            }
            (None, ClearHold::Until(until)) => Some(ClearHold::Until(until)),
        };
        gateway.dirty = true;
    }

    /// A person said which box is the true one. All proof of calm begins anew.
    pub fn lift_hold(&mut self, gateway: &GatewayId) {
        if let Some(place) = self.index.get(gateway) {
            self.gateways[*place].lift_hold();
        }
    }

    /// A person has decided what was raised on a point that is another one now or is gone.
    pub fn release(&mut self, subject: &Subject, rule: &RuleId) {
        let Subject::Point(point) = subject else { return };
        let Some(place) = self.index.get(&point.gateway) else { return };
        for lane in Lane::ALL {
            self.gateways[*place].lanes[lane].release(&point.point, rule);
        }
    }

    /// The rows to write (none: delete) since the last call. A key stands in it once.
    pub fn changed(&mut self) -> Vec<(StateKey, Option<Vec<u8>>)> {
        row::changed(self)
    }

    /// One point as it stands.
    pub fn point(&self, point: &FullPointId, now: CentreTime) -> Option<PointView> {
        view::point(self, point, now)
    }

    /// Up to where each lane of a gateway is vouched for and judged; none: not yet.
    pub fn horizons(&self, gateway: &GatewayId) -> PerLane<Option<GatewayTime>> {
        view::horizons(self, gateway)
    }

    /// All points of a gateway as they stand, by name.
    pub fn points(&self, gateway: &GatewayId, now: CentreTime) -> Vec<PointView> {
        view::points(self, gateway, now)
    }

    /// Whether what a rule found on a subject is proven to be over: its alarm and hazard steps
    /// are quiet, and the subject can be seen and can speak.
    pub fn may_close(
        &self,
        subject: &Subject,
        rule: &RuleId,
        now: CentreTime,
    ) -> Result<(), NotYet> {
        closing::may_close(self, subject, rule, now)
    }

    /// How far a lane is vouched for now; nothing while it lies in a hole.
    pub fn vouched(&self, gateway: &GatewayId, lane: Lane) -> Option<VouchedStretch> {
        let lane = &self.get(gateway)?.lanes[lane];
        let (span, until) = (lane.span?, lane.horizon?);
        (!lane.suspended).then_some(VouchedStretch { span, since: lane.vouched_since, until })
    }

    fn get(&self, gateway: &GatewayId) -> Option<&Gateway> {
        self.index.get(gateway).map(|place| &self.gateways[*place])
    }

    fn place(&mut self, gateway: &GatewayId) -> usize {
        if let Some(place) = self.index.get(gateway) {
            return *place;
        }
        let place = self.gateways.len();
        self.gateways.push(Gateway::new(gateway.clone(), &self.bindings.silence));
        self.index.insert(gateway.clone(), place);
        place
    }

    /// Does something with a gateway at a moment, and keeps its next deadline in order.
    fn with(
        &mut self,
        place: usize,
        arrived: CentreTime,
        sent: Option<GatewayTime>,
        out: &mut Vec<Decision>,
        act: impl FnOnce(&mut Gateway, &mut Scene<'_>, &Ear),
    ) {
        out.append(&mut self.untold);
        self.ear.reach(arrived);
        let gateway = &mut self.gateways[place];
        let (id, before) = (gateway.id.clone(), gateway.due);
        let mut scene = Scene {
            gateway: &id,
            rulebook: &self.rulebook,
            bindings: &self.bindings,
            arrived,
            sent: sent.unwrap_or(GatewayTime::from_millis(0)),
            current: gateway.current,
            may_clear: gateway.may_clear(arrived),
            out,
        };
        act(gateway, &mut scene, &self.ear);
        if gateway.due != before {
            before.map(|due| self.due.remove(&(due, place)));
            gateway.due.map(|due| self.due.insert((due, place)));
        }
    }
}
