//! Random histories, what makes them into calls, and a witness that checks proofs of calm.

#![expect(unreachable_pub, reason = "shared by the laws only")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use firegrid_rules::decision::{At, Decision};
use firegrid_rules::engine::{
    Admitted, ClearHold, Engine, HeadStanding, HeardBeat, PointView, Standing, StateKey,
};
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{Catalogue, DeviceEntry, PointEntry};
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, SpanEnd};
use firegrid_wire::names::{DeviceId, FullPointId, GatewayId, PointId};
use firegrid_wire::pack::{After, Head, Pack, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use proptest::prelude::*;

/// Where histories begin, in whole milliseconds since 1970.
const BEGIN: i64 = 1_795_000_000_000;

const POINTS: [(&str, Lane); 5] = [
    ("d1/f1", Lane::Urgent),
    ("d1/f2", Lane::Urgent),
    ("d2/pump", Lane::Urgent),
    ("d1/p1", Lane::Routine),
    ("d2/p2", Lane::Routine),
];

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
    id = "POWER"
    kind = "power"
    name = { zh = "电", en = "power" }
    basis = "[D]"
    advice = { zh = "电", en = "power" }
    applies_to = { parts = [91] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { has_state = "supply-fault" }, for = "10s", clear_for = "25s" }]

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
        u: (*lane == Lane::Routine).then_some(Unit::Pascal),
        system: 0,
        part: if *name == "d2/pump" { 91 } else { 40 },
        zone: String::new(),
        tags: Vec::new(),
        limits: BTreeMap::new(),
        source: if which == 1 && *name == "d1/f1" { "other".into() } else { (*name).into() },
    });
    // The second has another source of one point, the third lacks one.
    let points = points.filter(|point| which != 2 || point.n.as_str() != "d1/f2").collect();
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

/// Makes calls of a history, as a box that behaves and an admission that takes all would.
pub fn calls(deeds: &[Deed]) -> Vec<Call> {
    let mut writer = Writer {
        calls: vec![Call::Listening(CentreTime::from_millis(BEGIN), true)],
        now: BEGIN,
        ahead: 0,
        span: SpanId::from_bits(1),
        spans: 1,
        which: 0,
        heads: PerLane::default(),
        until: PerLane::default(),
        fallen: None,
    };
    writer.refresh();
    deeds.iter().for_each(|deed| writer.write(deed));
    writer.calls
}

struct Writer {
    calls: Vec<Call>,
    now: i64,
    ahead: i64,
    span: SpanId,
    spans: u32,
    which: usize,
    heads: PerLane<Option<BatchName>>,
    until: PerLane<Option<i64>>,
    fallen: Option<usize>,
}

impl Writer {
    fn write(&mut self, deed: &Deed) {
        match deed {
            Deed::Batch { lane, pass, said, vouched, pause } => {
                self.now += pass.cast_signed();
                let gateway = self.now + self.ahead;
                let mut readings: Vec<Reading> = said
                    .iter()
                    .filter(|(place, ..)| POINTS[*place].1 == *lane)
                    .map(|(place, what, before)| {
                        let (value, quality) = value(*lane, *what);
                        let time = gateway - (before % (pass + 1)).cast_signed();
                        let time = GatewayTime::from_millis(time);
                        Reading { point: point(*place), time, value, quality }
                    })
                    .collect();
                readings.sort_by_key(|reading| reading.time);
                let from = self.until[*lane].filter(|_| !pause).unwrap_or(gateway);
                self.batch(*lane, vouched.then_some((from, gateway)), None, readings);
            }
            Deed::Device { device, answers, pass, retold } => {
                self.now += pass.cast_signed();
                let name = ["d1", "d2"][*device];
                for lane in Lane::ALL {
                    let time = GatewayTime::from_millis(self.now + self.ahead);
                    let mut readings = Vec::new();
                    for (place, (id, at)) in POINTS.iter().enumerate() {
                        if *answers && *retold && *at == lane && id.starts_with(name) {
                            let (value, quality) = value(lane, self.calls.len() + place);
                            readings.push(Reading { point: point(place), time, value, quality });
                        }
                    }
                    let words = if *answers { "normal" } else { "fault" };
                    let comm = PointId::parse(&format!("{name}/comm")).expect("a point");
                    let value = Value::States(States::from_words(words).expect("states"));
                    readings.push(Reading { point: comm, time, value, quality: Quality::Good });
                    self.fallen = (!answers).then_some(*device);
                    self.batch(lane, None, None, readings);
                }
            }
            Deed::Beat { pass, lost, fires } => {
                self.now += pass.cast_signed();
                self.beat(*lost, fires);
            }
            Deed::Span { jump, catalogue } => {
                self.ahead += jump;
                self.spans += 1;
                self.span = SpanId::from_bits(u64::from(self.spans));
                self.which = (*catalogue).min(KNOWN);
                self.heads = PerLane::default();
                self.until = PerLane::default();
                self.refresh();
            }
            Deed::Marker { lane, fires } => {
                let name = self.next(*lane);
                let lost = fires.iter().map(|(place, before)| LostFire {
                    n: point(*place),
                    span: self.span,
                    t: GatewayTime::from_millis(self.now + self.ahead - before.cast_signed()),
                    vs: "fire".into(),
                });
                let marker = Marker {
                    first: name,
                    ends: vec![SpanEnd { span: self.span, seq: name.seq }],
                    since: None,
                    until: None,
                    reason: MarkerReason::Quota,
                    fires: lost.collect(),
                };
                self.batch(*lane, None, Some(marker), Vec::new());
            }
            Deed::Heard { pass } => {
                self.now += pass.cast_signed();
                self.calls.push(Call::Heard(self.centre()));
            }
            Deed::Tick { pass } => {
                self.now += pass.cast_signed();
                self.calls.push(Call::Tick(self.centre()));
            }
            Deed::Listening(listening) => {
                self.calls.push(Call::Tick(self.centre()));
                self.calls.push(Call::Listening(self.centre(), *listening));
            }
            Deed::Hold(true) => self.calls.push(Call::Hold),
            Deed::Hold(false) => self.calls.push(Call::Lift),
        }
    }

    fn refresh(&mut self) {
        let time = GatewayTime::from_millis(self.now + self.ahead);
        for lane in Lane::ALL {
            let places = (0..POINTS.len()).filter(|place| POINTS[*place].1 == lane);
            let readings = places.map(|place| {
                let (value, quality) = value(lane, self.calls.len() * 7 + place);
                Reading { point: point(place), time, value, quality }
            });
            self.batch(lane, None, None, readings.collect());
        }
    }

    fn next(&self, lane: Lane) -> BatchName {
        self.heads[lane].map_or(BatchName { span: self.span, seq: 1 }, BatchName::next)
    }

    fn batch(
        &mut self,
        lane: Lane,
        stretch: Option<(i64, i64)>,
        marker: Option<Marker>,
        readings: Vec<Reading>,
    ) {
        let name = self.next(lane);
        self.heads[lane] = Some(name);
        let stretch = stretch.map(|(from, until)| Stretch {
            from: GatewayTime::from_millis(from.min(until)),
            until: GatewayTime::from_millis(until),
        });
        if let Some(stretch) = stretch {
            self.until[lane] = Some(stretch.until.millis());
        }
        let hash = if self.which == KNOWN {
            firegrid_wire::catalogue::CatalogueHash::parse("00000000000000ff").expect("a hash")
        } else {
            catalogue(self.which).hash()
        };
        let head = Head {
            gateway: gateway(),
            lane,
            name,
            after: (name.seq == 1).then_some(After::Nothing),
            stretch,
            catalogue: hash,
            refresh: None,
            marker,
        };
        let pack = Pack { head, readings: (1..).zip(readings).collect(), faults: Vec::new() };
        self.calls.push(Call::Batch(Batch {
            pack,
            order: self.spans,
            hole: false,
            sent: GatewayTime::from_millis(self.now + self.ahead),
            current: self.span,
            arrived: self.centre(),
        }));
    }

    fn beat(&mut self, lost: bool, fires: &[usize]) {
        let now = GatewayTime::from_millis(self.now + self.ahead);
        let heads = self.heads;
        let alarms: Vec<BeatAlarm> = fires
            .iter()
            .map(|place| BeatAlarm {
                n: point(*place),
                vs: States::from_words("fire").expect("states"),
                t: now,
            })
            .collect();
        if !lost {
            for lane in Lane::ALL {
                self.until[lane] = heads[lane].and(self.until[lane]).map(|_| now.millis());
            }
        }
        let beat = Beat {
            span: self.span,
            clock: Clock::Synced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes: PerLane::from_fn(|lane| LaneBeat {
                head: heads[lane],
                until: heads[lane].map(|_| now),
            }),
            alarm_count: alarms.len() as u32,
            alarms,
        };
        let standing = |lane: Lane| match heads[lane] {
            Some(_) if !lost => HeadStanding::Judged { is_position: true },
            Some(_) | None => HeadStanding::NotJudged,
        };
        self.calls.push(Call::Beat {
            beat,
            sent: now,
            arrived: self.centre(),
            order: Some(self.spans),
            heads: PerLane::from_fn(standing),
        });
    }

    fn centre(&self) -> CentreTime {
        CentreTime::from_millis(self.now)
    }
}

/// Calls that no box and no admission would make: any times, any order, any names.
pub fn wild_calls() -> impl Strategy<Value = Vec<Call>> {
    let time = || {
        prop_oneof![
            any::<i64>(),
            0..100_000_i64,
            Just(0),
            Just(i64::MAX),
            Just(i64::MIN),
            (BEGIN..BEGIN + 100_000),
        ]
    };
    let reading = (0..8_usize, time(), 0..60_usize).prop_map(|(place, time, what)| {
        let id = match place {
            5 => PointId::parse("d1/comm"),
            6 => PointId::parse("d7/comm"),
            7 => PointId::parse("d7/new"),
            known => PointId::parse(POINTS[known].0),
        };
        let (value, quality) =
            value(if what.is_multiple_of(3) { Lane::Routine } else { Lane::Urgent }, what);
        let time = GatewayTime::from_millis(time);
        Reading { point: id.expect("a point"), time, value, quality }
    });
    let marker = prop::option::weighted(
        0.1,
        (0..5_usize, time(), 0..4_u64).prop_map(|(place, time, span)| Marker {
            first: BatchName { span: SpanId::from_bits(span), seq: 1 },
            ends: Vec::new(),
            since: None,
            until: None,
            reason: MarkerReason::Damaged,
            fires: vec![LostFire {
                n: point(place),
                span: SpanId::from_bits(span),
                t: GatewayTime::from_millis(time),
                vs: "fire test".into(),
            }],
        }),
    );
    let batch = (
        (any::<bool>(), 0..4_u64, 0..9_u32, any::<bool>(), 0..5_usize),
        prop::option::of((time(), time())),
        prop::collection::vec(reading, 0..6),
        marker,
        (time(), time(), 0..4_u64),
    )
        .prop_map(|((urgent, span, order, hole, which), stretch, readings, marker, rest)| {
            let (sent, arrived, current) = rest;
            let lane = if urgent { Lane::Urgent } else { Lane::Routine };
            let head = Head {
                gateway: gateway(),
                lane,
                name: BatchName { span: SpanId::from_bits(span), seq: 1 },
                after: None,
                stretch: stretch.map(|(one, other)| Stretch {
                    from: GatewayTime::from_millis(one),
                    until: GatewayTime::from_millis(other),
                }),
                catalogue: catalogue(which).hash(),
                refresh: None,
                marker,
            };
            Call::Batch(Batch {
                pack: Pack { head, readings: (1..).zip(readings).collect(), faults: Vec::new() },
                order,
                hole,
                sent: GatewayTime::from_millis(sent),
                current: SpanId::from_bits(current),
                arrived: CentreTime::from_millis(arrived),
            })
        });
    let head = || {
        prop_oneof![
            Just(HeadStanding::NotJudged),
            Just(HeadStanding::JudgedInOlderSpan),
            any::<bool>().prop_map(|is_position| HeadStanding::Judged { is_position }),
        ]
    };
    let beat = (
        (0..4_u64, time(), time(), time(), time()),
        prop::option::of(0..9_u32),
        (head(), head()),
        prop::collection::vec((0..5_usize, 0..9_usize, time()), 0..3),
    )
        .prop_map(|((span, urgent, routine, sent, arrived), order, heads, alarms)| {
            let lane =
                |until| LaneBeat { head: None, until: Some(GatewayTime::from_millis(until)) };
            let alarms: Vec<BeatAlarm> = alarms
                .into_iter()
                .map(|(place, words, time)| BeatAlarm {
                    n: point(place),
                    vs: States::from_words(WORDS[words]).unwrap_or_default(),
                    t: GatewayTime::from_millis(time),
                })
                .collect();
            Call::Beat {
                beat: Beat {
                    span: SpanId::from_bits(span),
                    clock: Clock::Unsynced,
                    spool: SpoolHealth::Failing,
                    depth: 0,
                    age: Millis::ZERO,
                    lanes: PerLane { urgent: lane(urgent), routine: lane(routine) },
                    alarm_count: alarms.len() as u32,
                    alarms,
                },
                sent: GatewayTime::from_millis(sent),
                arrived: CentreTime::from_millis(arrived),
                order,
                heads: PerLane { urgent: heads.0, routine: heads.1 },
            }
        });
    let centre = || time().prop_map(CentreTime::from_millis);
    let call = prop_oneof![
        10 => batch,
        6 => beat,
        1 => centre().prop_map(Call::Heard),
        2 => centre().prop_map(Call::Tick),
        1 => (centre(), any::<bool>()).prop_map(|(at, on)| Call::Listening(at, on)),
        1 => Just(Call::Hold),
        1 => Just(Call::Lift),
    ];
    prop::collection::vec(call, 1..40)
}

/// An engine, and the rows that a centre would keep of it.
pub struct Run {
    engine: Engine,
    rulebook: Arc<Rulebook>,
    rows: BTreeMap<String, Vec<u8>>,
    now: CentreTime,
    listening: bool,
}

impl Run {
    pub fn new() -> Run {
        let rulebook = rulebook();
        let mut engine = Engine::new(Arc::clone(&rulebook));
        describe(&mut engine);
        let now = CentreTime::from_millis(0);
        Run { engine, rulebook, rows: BTreeMap::new(), now, listening: false }
    }

    pub fn make(&mut self, call: &Call) -> Vec<Decision> {
        let mut out = Vec::new();
        let gateway = gateway();
        match call {
            Call::Batch(batch) => {
                self.now = batch.arrived;
                let admitted = Admitted {
                    gateway: &gateway,
                    pack: &batch.pack,
                    span_order: batch.order,
                    hole: batch.hole,
                    sent: batch.sent,
                    current: batch.current,
                    arrived: batch.arrived,
                };
                if !self.engine.knows(&gateway, &batch.pack.head.catalogue) {
                    describe(&mut self.engine);
                }
                self.engine.observe(admitted, &mut out);
            }
            Call::Beat { beat, sent, arrived, order, heads } => {
                self.now = *arrived;
                let heard = HeardBeat {
                    gateway: &gateway,
                    beat,
                    sent: *sent,
                    arrived: *arrived,
                    urgent_order: *order,
                    heads: *heads,
                };
                self.engine.beat(heard, &mut out);
            }
            Call::Heard(arrived) => {
                self.now = *arrived;
                self.engine.heard(&gateway, *arrived, &mut out);
            }
            Call::Tick(now) => {
                self.now = *now;
                self.engine.tick(*now, &mut out);
            }
            Call::Listening(now, listening) => {
                (self.now, self.listening) = (*now, *listening);
                self.engine.listening(*now, *listening);
            }
            Call::Hold => self.engine.hold_clears(&gateway, ClearHold::UntilLifted),
            Call::Lift => self.engine.lift_hold(&gateway),
        }
        out
    }

    /// The program ends and goes on from its rows at the same moment.
    pub fn restart(&mut self) {
        for (StateKey(key), row) in self.engine.changed() {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        let rows = self.rows.iter().map(|(key, row)| (StateKey(key.clone()), row.clone()));
        self.engine = Engine::restore(Arc::clone(&self.rulebook), rows).expect("its own rows");
        describe(&mut self.engine);
        if self.listening {
            self.engine.listening(self.now, true);
        }
    }

    pub fn deadline(&self) -> Option<CentreTime> {
        self.engine.deadline()
    }

    pub fn views(&self) -> Vec<PointView> {
        let views = self.engine.points(&gateway(), self.now).into_iter();
        // A point that the catalogue lists and that never spoke has no row.
        views.filter(|view| view.value.is_some() || !view.phases.is_empty()).collect()
    }

    pub fn standing(&self, id: &str, rule: &str) -> Option<Standing> {
        let id = PointId::parse(id).expect("a point");
        let view = self.engine.point(&FullPointId { gateway: gateway(), point: id }, self.now)?;
        let mut phases = view.phases.into_iter();
        phases.find(|phase| phase.rule.as_str() == rule).map(|phase| phase.standing)
    }
}

fn describe(engine: &mut Engine) {
    for which in 0..KNOWN {
        let catalogue = catalogue(which);
        engine.catalogue(&gateway(), &catalogue.hash(), &catalogue);
    }
}

/// Hears every call and knows, by itself, what was vouched for and what was said.
#[derive(Default)]
pub struct Witness {
    lanes: HashMap<Lane, LaneWitness>,
}

#[derive(Default)]
struct LaneWitness {
    span: Option<SpanId>,
    /// How far time is vouched for, and since when in one piece; none: a hole.
    piece: Option<(i64, i64)>,
    horizon: Option<i64>,
    said: HashMap<PointId, Vec<Said>>,
}

/// What a point said: when it counts, and whether that proves calm of each rule.
struct Said {
    at: i64,
    value: Option<(Value, Quality)>,
}

impl LaneWitness {
    fn breaks(&mut self, forget: bool) {
        self.piece = None;
        if forget {
            for said in self.said.values_mut() {
                said.push(Said { at: i64::MIN, value: None });
            }
        }
    }

    fn vouched(&mut self, from: i64, until: i64) {
        let horizon = self.horizon.unwrap_or(from);
        if self.piece.is_some() && horizon < from {
            self.piece = None;
        }
        let begin = self.piece.map_or(from.max(horizon), |(begin, _)| begin);
        let end = until.max(horizon).max(begin);
        (self.piece, self.horizon) = (Some((begin, end)), Some(end));
    }
}

impl Witness {
    pub fn hears(&mut self, call: &Call) {
        match call {
            Call::Batch(batch) => self.hears_batch(batch),
            Call::Beat { beat, heads, .. } => {
                for lane in Lane::ALL {
                    let judged = matches!(heads[lane], HeadStanding::Judged { .. });
                    let witness = self.lanes.entry(lane).or_default();
                    if let (true, Some(until)) = (judged, beat.lanes[lane].until) {
                        let from = if witness.piece.is_some() { witness.horizon } else { None };
                        witness.vouched(from.unwrap_or(until.millis()), until.millis());
                    }
                }
                for alarm in &beat.alarms {
                    let urgent = self.lanes.entry(Lane::Urgent).or_default();
                    let said = urgent.said.entry(alarm.n.clone()).or_default();
                    let value = Some((Value::States(alarm.vs.clone()), Quality::Good));
                    said.push(Said { at: alarm.t.millis(), value });
                }
            }
            Call::Lift => self.lanes.values_mut().for_each(|lane| lane.breaks(false)),
            Call::Heard(_) | Call::Tick(_) | Call::Listening(..) | Call::Hold => {}
        }
    }

    fn hears_batch(&mut self, batch: &Batch) {
        let head = &batch.pack.head;
        let witness = self.lanes.entry(head.lane).or_default();
        if head.marker.is_some() {
            witness.breaks(true);
        }
        if witness.span != Some(head.name.span) {
            witness.breaks(true);
            witness.span = Some(head.name.span);
            witness.horizon = None;
        }
        let stretch = head.stretch.map(|s| (s.from.millis(), s.until.millis()));
        if let (Some((from, _)), Some(horizon)) = (stretch, witness.horizon)
            && horizon < from
        {
            witness.breaks(false);
        }
        for (_, reading) in &batch.pack.readings {
            let (id, time) = (&reading.point, reading.time.millis());
            let known = stretch.map_or(time, |(_, until)| time.min(until));
            let horizon = witness.horizon.map(|horizon| horizon.max(known));
            let at = horizon.map_or(time, |horizon| horizon.max(time)).max(time);
            if id.is_comm() && reading.value != Value::States(States::default()) {
                let points = witness.said.iter_mut();
                let fallen = points.filter(|(p, _)| p.device() == id.device() && !p.is_comm());
                fallen.for_each(|(_, said)| said.push(Said { at: i64::MIN, value: None }));
            }
            let value = Some((reading.value.clone(), reading.quality));
            witness.said.entry(id.clone()).or_default().push(Said { at, value });
        }
        if let Some((from, until)) = stretch {
            witness.vouched(from, until);
        }
    }

    /// Whether the calm was vouched for in one piece by good readings of a point that speaks.
    pub fn proves(&self, id: &PointId, decision: &Decision) -> Result<(), String> {
        let proof = match (decision.rule.as_str(), decision.step.as_str()) {
            ("LOW", "hazard") => 40_000,
            ("LOW", _) => 0,
            ("POWER", _) => 25_000,
            ("FIRE" | "PREALARM" | "SUPERVISORY" | "C1-DEVICE", _) => 20_000,
            other => return Err(format!("no such rule: {other:?}")),
        };
        let At::Gateway(end) = decision.at else { return Err("in centre time".into()) };
        let (begin, end) = (end.millis() - proof, end.millis());
        // A device's `comm` is judged in the lane that speaks for the device.
        let home = POINTS.iter().find(|(name, _)| *name == id.as_str());
        let home = home.map_or(Lane::Urgent, |(_, lane)| *lane);
        let lane = self.lanes.get(&home).filter(|lane| lane.said.contains_key(id));
        let lane = lane.filter(|lane| lane.span == decision.span).ok_or("never heard of")?;
        match lane.piece {
            Some((from, until)) if from <= begin && end <= until => {}
            piece => return Err(format!("[{begin}, {end}] is not inside {piece:?}")),
        }
        let said = &lane.said[id];
        // The last thing said by the begin of the proof, and everything until its end.
        let last = said.iter().rposition(|said| said.at <= begin && said.value.is_some());
        let last = last.ok_or("nothing was said by the begin of the proof")?;
        for said in said[last..].iter().filter(|said| said.at < end) {
            let calm = said.value.as_ref().is_some_and(|(value, quality)| {
                *quality == Quality::Good && is_calm(value, decision)
            });
            if !calm {
                return Err(format!("at {} it said {:?}", said.at, said.value));
            }
        }
        Ok(())
    }
}

fn is_calm(value: &Value, decision: &Decision) -> bool {
    match value {
        Value::Number(number, _) if decision.step == "note" => 20.0 <= *number,
        Value::Number(number, _) => 12.0 < *number,
        Value::States(states) => {
            let words = states.to_string();
            let kind = if decision.rule.as_str() == "POWER" { "supply-fault" } else { "fire" };
            let kind = if decision.rule.as_str() == "C1-DEVICE" { "fault" } else { kind };
            let mute = ["disabled", "test", "absent"];
            !words.split(' ').any(|word| word == kind || mute.contains(&word))
        }
        Value::Unknown => false,
    }
}
