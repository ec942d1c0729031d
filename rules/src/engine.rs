//! The engine: readings, beats and silence in, decisions out.
//!
//! Deterministic: the same calls in the same order give the same decisions, on every machine
//! and across a restart at any point between two calls ([`Engine::changed`],
//! [`Engine::restore`]). Order is the order of admission, never a timestamp. Conditions run in
//! gateway time up to the horizon of their lane; sight and silence run in centre time.
//! Admits nothing, writes nothing, and reads no clock.

use std::sync::Arc;

use firegrid_wire::beat::Beat;
use firegrid_wire::catalogue::{Catalogue, CatalogueHash};
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::pack::Pack;
use firegrid_wire::span::{PerLane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use crate::decision::{Decision, Subject};
use crate::rulebook::{RuleId, Rulebook};
use crate::sight::Ear;

pub use view::{NotYet, PhaseView, PointView, Standing, Voice};

mod view;

/// The judgement of everything that one centre watches.
#[derive(Debug)]
pub struct Engine {
    rulebook: Arc<Rulebook>,
    ear: Ear,
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

/// How long nothing of a gateway may clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ClearHold {
    /// Until this moment.
    Until(CentreTime),
    /// Until a person lifts it ([`Engine::lift_hold`]).
    UntilLifted,
}

/// The name of one row of state: `{gateway}` or `{gateway}/{lane}/{device}/{point}`, or one
/// beginning with `@` for what belongs to no gateway. Opaque to whoever stores it.
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
        Engine { rulebook, ear: Ear::default() }
    }

    /// Goes on where the engine that wrote the rows stopped. It was deaf since, until
    /// [`Engine::listening`] says otherwise; and every gateway's catalogue must be given again
    /// ([`Engine::catalogue`]) before its first batch, or its points are judged by their words.
    pub fn restore(
        rulebook: Arc<Rulebook>,
        rows: impl IntoIterator<Item = (StateKey, Vec<u8>)>,
    ) -> Result<Engine, RestoreError> {
        let _ = rows.into_iter().count();
        Ok(Engine::new(rulebook))
    }

    /// The rulebook by which it judges.
    pub fn rulebook(&self) -> &Arc<Rulebook> {
        &self.rulebook
    }

    /// A catalogue is known. It takes effect in each lane with the first batch that names it.
    pub fn catalogue(
        &mut self,
        _gateway: &GatewayId,
        _hash: &CatalogueHash,
        _catalogue: &Catalogue,
    ) {
    }

    /// Whether the catalogue that a batch names is known; if not, its states are judged by
    /// their words alone and clear nothing.
    pub fn knows(&self, _gateway: &GatewayId, _hash: &CatalogueHash) -> bool {
        false
    }

    /// Judges a batch: New, New with hole, or a marker.
    pub fn observe(&mut self, admitted: Admitted<'_>, _out: &mut Vec<Decision>) {
        self.ear.reach(admitted.arrived);
    }

    /// Takes in a heartbeat.
    pub fn beat(&mut self, heard: HeardBeat<'_>, _out: &mut Vec<Decision>) {
        self.ear.reach(heard.arrived);
    }

    /// Something came from a gateway that is not judged: a duplicate, a gap, a conflict.
    pub fn heard(&mut self, _gateway: &GatewayId, arrived: CentreTime, _out: &mut Vec<Decision>) {
        self.ear.reach(arrived);
    }

    /// Lets centre time come so far. Call it when [`Engine::deadline`] has passed.
    pub fn tick(&mut self, now: CentreTime, _out: &mut Vec<Decision>) {
        self.ear.reach(now);
    }

    /// The next moment at which silence alone changes something; none while deaf.
    pub fn deadline(&self) -> Option<CentreTime> {
        None
    }

    /// The centre begins or stops to listen: patience runs only meanwhile. Call `tick` with the
    /// same moment before, so that nothing that had already fallen due is put off.
    pub fn listening(&mut self, now: CentreTime, listening: bool) {
        self.ear.listening(now, listening);
    }

    /// Nothing of this gateway clears meanwhile: two boxes seem to use one identity.
    pub fn hold_clears(&mut self, _gateway: &GatewayId, _hold: ClearHold) {}

    /// A person said which box is the true one. All proof of calm begins anew.
    pub fn lift_hold(&mut self, _gateway: &GatewayId) {}

    /// The rows to write (none: delete) since the last call.
    pub fn changed(&mut self) -> Vec<(StateKey, Option<Vec<u8>>)> {
        Vec::new()
    }

    /// One point as it stands.
    pub fn point(&self, _point: &FullPointId, _now: CentreTime) -> Option<PointView> {
        None
    }

    /// All points of a gateway as they stand.
    pub fn points(&self, _gateway: &GatewayId, _now: CentreTime) -> Vec<PointView> {
        Vec::new()
    }

    /// Whether what a rule found on a subject is proven to be over.
    pub fn may_close(
        &self,
        _subject: &Subject,
        _rule: &RuleId,
        _now: CentreTime,
    ) -> Result<(), NotYet> {
        Err(NotYet::Unknown)
    }
}
