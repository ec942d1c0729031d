//! A story as it is meant: what happens when, and what must be decided.

use firegrid_wire::catalogue::Catalogue;
use firegrid_wire::names::PointId;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::States;
use firegrid_wire::time::Millis;

use super::shows::Shows;
use crate::rulebook::RuleId;

/// One story.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) title: String,
    /// What it shows, and of which rule.
    pub(super) shows: Option<(RuleId, Shows)>,
    pub(super) catalogue: Catalogue,
    /// Whether the centre knows the catalogue.
    pub(super) known: bool,
    pub(super) steps: Vec<Step>,
    /// Every decision, as it is written.
    pub(super) expected: Vec<String>,
}

/// What happens at one moment, in this order.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) at: Millis,
    pub(super) deeds: Vec<Deed>,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Points have other sources from the next start on.
    Sources(Vec<(PointId, String)>),
    /// Points are gone from the next start on.
    Vanish(Vec<PointId>),
    /// The box begins a span; its clock shows this.
    Start { span: u64, clock: Option<Millis> },
    /// The box is off.
    Stop,
    /// The link is cut, or mended.
    Cut(bool),
    /// Points say something.
    Read(Read),
    /// A beat beside the regular ones.
    Beat { alarms: Vec<(PointId, States)>, onset: Option<Millis>, lost: bool },
    /// What the box no longer has.
    Marker { lane: Lane, fires: Vec<(PointId, String)>, onset: Millis },
    /// Something came that is not judged.
    Heard,
    /// The centre's program ends and goes on.
    Restart,
    /// The centre hears nothing, or hears again.
    Deaf(bool),
    /// Nothing clears, or clears again.
    Hold(bool),
    /// Somebody asks whether it may be closed.
    MayClose { point: Option<PointId>, rule: RuleId, answer: String },
}

/// A batch for each lane in which a point says something.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) said: Vec<(PointId, Value)>,
    pub(super) quality: Quality,
    /// When it was read, on the box's clock; none: now.
    pub(super) time: Option<Millis>,
    /// Whether the batch vouches for a stretch.
    pub(super) vouched: bool,
    /// The begin of the stretch; none: where the last one ended.
    pub(super) from: Option<Millis>,
}
