//! Random histories, what makes them into calls, and a witness that checks proofs of calm.

#![expect(unreachable_pub, reason = "shared by the laws only")]

mod box_and_link;
mod run;
mod wild;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;

use firegrid_rules::engine::HeadStanding;
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::beat::Beat;
use firegrid_wire::catalogue::{Catalogue, DeviceEntry, PointEntry};
use firegrid_wire::names::{DeviceId, GatewayId, PointId};
use firegrid_wire::pack::Pack;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use proptest::prelude::*;

pub use box_and_link::calls;
pub use run::Run;
pub use wild::wild_calls;
pub use witness::Witness;

/// Where histories begin, in whole milliseconds since 1970.
const BEGIN: i64 = 1_795_000_000_000;

const POINTS: [(&str, Lane); 7] = [
    ("d1/f1", Lane::Urgent),
    ("d1/f2", Lane::Urgent),
    ("d2/pump", Lane::Urgent),
    ("d1/p1", Lane::Routine),
    ("d2/p2", Lane::Routine),
    // No rule looks at these: what they say stands among the numbers of their lane.
    ("d1/t1", Lane::Routine),
    ("d2/t2", Lane::Routine),
];

/// The points in metres.
const METRES: [&str; 2] = ["d1/t1", "d2/t2"];

/// What a discrete point can say.
const WORDS: [&str; 10] = [
    "normal",
    "normal",
    "fire",
    "fire disabled",
    "disabled",
    "test fire",
    "unknown",
    "supply-fault",
    "supply-fault fault",
    "normal",
];

const RULES: &str = r#"
    [[rule]]
    id = "LOW"
    kind = "low"
    name = { zh = "低", en = "low" }
    basis = "[D]"
    advice = { zh = "低", en = "low" }
    applies_to = { unit = "Pa" }
    step = [
        { name = "note", severity = "info", effect = "note", when = { below = "20 Pa" }, clear_for = "0s" },
        { name = "hazard", severity = "general", effect = "hazard", when = { below = "10 Pa" }, clear_when = { above = "12 Pa" }, for = "30s", clear_for = "40s" },
    ]

    [[rule]]
    id = "FALL"
    kind = "fall"
    name = { zh = "降", en = "fall" }
    basis = "[D]"
    advice = { zh = "降", en = "fall" }
    applies_to = { unit = "Pa" }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { falls_by = "5 Pa", within = "20s" }, clear_for = "10s" }]

    [[rule]]
    id = "STARTS"
    kind = "starts"
    name = { zh = "启", en = "starts" }
    basis = "[D]"
    advice = { zh = "启", en = "starts" }
    applies_to = { parts = [91] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { starts_more_than = 0, of = "supply-fault", per = "30s" }, clear_for = "5s" }]

    [[rule]]
    id = "POWER"
    kind = "power"
    name = { zh = "电", en = "power" }
    basis = "[D]"
    advice = { zh = "电", en = "power" }
    applies_to = { parts = [91] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { has_state = "supply-fault" }, for = "10s", clear_for = "25s" }]

    [[rule]]
    id = "DRY"
    kind = "dry"
    name = { zh = "干", en = "dry" }
    basis = "[D]"
    advice = { zh = "干", en = "dry" }
    applies_to = { unit = "Pa" }
    step = [
        { name = "now", severity = "general", effect = "hazard", when = { below = "20 Pa" }, beside = [{ parts = [91], shares = "gateway", any = { has_state = "supply-fault" } }], clear_for = "3s" },
        { name = "held", severity = "general", effect = "hazard", when = { below = "25 Pa" }, clear_when = { above = "25 Pa" }, beside = [{ parts = [91], shares = "gateway", none = { has_state = "supply-fault" } }], for = "8s", clear_for = "5s" },
    ]

    [[rule]]
    id = "LEAK"
    kind = "leak"
    name = { zh = "漏", en = "leak" }
    basis = "[D]"
    advice = { zh = "漏", en = "leak" }
    applies_to = { parts = [91] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { starts_more_than = 0, of = "supply-fault", per = "15s" }, beside = [{ unit = "Pa", shares = "device", any = { falls_by = "2 Pa", within = "10s" } }], clear_for = "4s" }]

    [[rule]]
    id = "C1-DEVICE"
    kind = "device-silent"
    name = { zh = "断", en = "silent" }
    basis = "[D]"
    advice = { zh = "断", en = "silent" }
    applies_to = { what = "devices" }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { has_state = "fault" }, for = "15s", clear_for = "20s" }]

    [[rule]]
    id = "C1-GATEWAY"
    kind = "gateway-silent"
    name = { zh = "断", en = "silent" }
    basis = "[D]"
    advice = { zh = "断", en = "silent" }
    applies_to = { what = "gateways" }
    step = [
        { name = "blind", severity = "info", effect = "note", when = { blind_for = "20s" }, clear_for = "21s" },
        { name = "hazard", severity = "general", effect = "hazard", when = { blind_for = "15s" }, for = "5s", clear_for = "35s" },
    ]
"#;

pub fn rulebook() -> Arc<Rulebook> {
    let fire = include_str!("../../rulebook/fire.toml");
    let files = [("fire.toml".into(), fire.into()), ("laws.toml".into(), RULES.into())];
    Arc::new(Rulebook::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}")))
}

/// One thing that happens in a history.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Time passes, and the points of a lane say something.
    Batch { lane: Lane, pass: u64, said: Vec<(usize, usize, u64)>, vouched: bool, pause: bool },
    /// A device stops or begins to answer.
    Device { device: usize, answers: bool, pass: u64, retold: bool },
    /// A beat; with fires, and with a head that is judged or not.
    Beat { pass: u64, lost: bool, fires: Vec<usize> },
    /// The box begins a span; its clock may jump, its catalogue may change.
    Span { jump: i64, catalogue: usize },
    /// What a box no longer has.
    Marker { lane: Lane, fires: Vec<(usize, u64)> },
    /// Something that is not judged.
    Heard { pass: u64 },
    /// Only time passes.
    Tick { pass: u64 },
    /// The centre stops or begins to listen.
    Listening(bool),
    /// Nothing may clear, or may again.
    Hold(bool),
}

pub fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let lane = || prop_oneof![Just(Lane::Urgent), Just(Lane::Routine)];
    let place = prop_oneof![2 => 0..POINTS.len(), 1 => Just(2)];
    let said = prop::collection::vec((place, 0..60_usize, 0..5_000_u64), 0..4);
    let deed = prop_oneof![
        12 => (lane(), 0..12_000_u64, said, prop::bool::weighted(0.9), prop::bool::weighted(0.05))
            .prop_map(|(lane, pass, said, vouched, pause)| {
                Deed::Batch { lane, pass, said, vouched, pause }
            }),
        3 => (0..2_usize, any::<bool>(), 0..8_000_u64, any::<bool>())
            .prop_map(|(device, answers, pass, retold)| {
                Deed::Device { device, answers, pass, retold }
            }),
        10 => (
            0..12_000_u64,
            prop::bool::weighted(0.15),
            prop::collection::vec(0..3_usize, 0..2),
        )
            .prop_map(|(pass, lost, fires)| {
                let fires = if pass < 8_000 { Vec::new() } else { fires };
                Deed::Beat { pass, lost, fires }
            }),
        1 => (-20_000..90_000_i64, 0..8_usize)
            .prop_map(|(jump, catalogue)| Deed::Span { jump, catalogue }),
        1 => (lane(), prop::collection::vec((0..3_usize, 0..30_000_u64), 0..2))
            .prop_map(|(lane, fires)| Deed::Marker { lane, fires }),
        1 => (0..30_000_u64).prop_map(|pass| Deed::Heard { pass }),
        3 => (0..40_000_u64).prop_map(|pass| Deed::Tick { pass }),
        1 => prop::bool::weighted(0.8).prop_map(Deed::Listening),
        1 => prop::bool::weighted(0.3).prop_map(Deed::Hold),
    ];
    prop::collection::vec(deed, 1..80)
}

/// A call of the engine, ready to be made more than once.
#[derive(Debug, Clone)]
pub enum Call {
    Batch(Batch),
    Beat {
        beat: Beat,
        sent: GatewayTime,
        arrived: CentreTime,
        order: Option<u32>,
        heads: PerLane<HeadStanding>,
    },
    Heard(CentreTime),
    Tick(CentreTime),
    Listening(CentreTime, bool),
    Hold,
    Lift,
}

#[derive(Debug, Clone)]
pub struct Batch {
    pub pack: Pack,
    pub order: u32,
    pub hole: bool,
    pub sent: GatewayTime,
    pub current: SpanId,
    pub arrived: CentreTime,
}

fn catalogue(which: usize) -> Catalogue {
    let device = |name: &str| DeviceEntry {
        n: DeviceId::parse(name).expect("a device"),
        label: String::new(),
        profile: "laws".into(),
        alarm_period: Some(Millis::new(500)),
        analog_period: Some(Millis::seconds(1)),
    };
    let points = POINTS.iter().map(|(name, lane)| PointEntry {
        n: PointId::parse(name).expect("a point"),
        label: String::new(),
        lane: *lane,
        u: (*lane == Lane::Routine).then_some(match METRES.contains(name) {
            true => Unit::Metre,
            false => Unit::Pascal,
        }),
        system: 0,
        part: if *name == "d2/pump" { 91 } else { 40 },
        zone: String::new(),
        tags: Vec::new(),
        limits: BTreeMap::new(),
        elevation: None,
        source: if which == 1 && ["d1/f1", "d1/p1", "d2/t2"].contains(name) {
            "other".into()
        } else {
            (*name).into()
        },
    });
    // The second has another source of a point of each lane, the third lacks one of each.
    let lacks = ["d1/f2", "d1/t1"];
    let points = points.filter(|point| which != 2 || !lacks.contains(&point.n.as_str())).collect();
    Catalogue { devices: vec![device("d1"), device("d2")], points }
}

/// Catalogues that the centre knows; a further one it does not.
const KNOWN: usize = 3;

fn gateway() -> GatewayId {
    GatewayId::parse("box").expect("a gateway")
}

fn point(place: usize) -> PointId {
    PointId::parse(POINTS[place].0).expect("a point")
}

/// What a point of its lane says.
fn value(lane: Lane, what: usize) -> (Value, Quality) {
    match lane {
        Lane::Urgent => {
            let states = States::from_words(WORDS[what % WORDS.len()]);
            (states.map_or(Value::Unknown, Value::States), Quality::Good)
        }
        Lane::Routine => {
            let quality = if what.is_multiple_of(11) { Quality::Stuck } else { Quality::Good };
            (Value::number((what % 30) as f64, Unit::Pascal), quality)
        }
    }
}
