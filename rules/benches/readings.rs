//! What a reading costs: how many one core judges in a second, what a point weighs, and how the
//! cost grows with the number of points.
//!
//! An observed reading is one record of a parsed batch handed to [`Engine::observe`], exactly as
//! the centre does it: the point is addressed by its name, looked up, and held against every
//! step of the shipped rulebook that looks at it. Parsing the batch and writing the rows are the
//! centre's business; the rows are told apart. Points come in random order, so that nothing is
//! in a cache by chance. The last line is one JSON object.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firegrid_rules::engine::{Admitted, Engine};
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::catalogue::{Catalogue, CatalogueHash, DeviceEntry, PointEntry};
use firegrid_wire::names::{DeviceId, GatewayId, PointId};
use firegrid_wire::pack::{After, Head, Pack, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

/// As many points as the catalogue of one gateway describes.
const POINTS_OF_ONE: usize = 10_000;

/// Records in a batch: about what 8 KiB hold.
const RECORDS: usize = 80;

/// Batches between two looks at the clock: few, as the centre judges what it has just parsed.
const BATCHES: usize = 10;

/// Points of one device.
const POINTS_OF_DEVICE: usize = 200;

/// 2026-11-22 in whole milliseconds since 1970.
const BEGIN: i64 = 1_795_305_600_000;

fn main() {
    let few = run(1_000, 4_000_000);
    let many = run(100_000, 4_000_000);
    let most = run(1_000_000, 4_000_000);
    println!(
        "An observed reading: one record of a parsed batch of {RECORDS}, by its point's name,"
    );
    println!(
        "held against every step of the shipped rulebook; points in random order, 5 % analog,"
    );
    println!(
        "one core, release build. Cost: wall time inside Engine::observe alone, the median of"
    );
    println!("chunks of {} readings.", BATCHES * RECORDS);
    for run in [&few, &many, &most] {
        println!(
            "{:>9} points: {:>6.1} ns a reading, {:>6.1} ns with its row written, {} decisions",
            run.points, run.reading, run.with_row, run.decisions
        );
    }
    println!(
        "Bytes of a point: growth of resident memory (/proc/self/statm) over {} points with",
        most.points
    );
    println!("their names, index, bindings and one reading each, divided by their number.");
    println!(
        "{{\"readings_per_second\":{:.0},\"bytes_per_point\":{:.0},\"cost_ratio_1m_to_1k\":{:.2}}}",
        1e9 / many.reading,
        most.bytes,
        most.reading / few.reading
    );
}

/// What one size cost.
struct Measured {
    points: usize,
    /// Nanoseconds of one reading, and of one with its share of the rows.
    reading: f64,
    with_row: f64,
    bytes: f64,
    decisions: usize,
}

fn run(points: usize, readings: usize) -> Measured {
    let mut engine = Engine::new(Arc::new(Rulebook::shipped()));
    engine.listening(CentreTime::from_millis(BEGIN), true);
    let before = resident();
    let count = points.div_ceil(POINTS_OF_ONE);
    let mut boxes: Vec<Site> =
        (0..count).map(|one| Site::new(one, points / count, &mut engine)).collect();
    for site in &mut boxes {
        site.says_everything(&mut engine);
    }
    let bytes = (resident() - before) / points as f64;
    let mut random = Random(0x5eed_f12e_6a1d_0001);
    let (mut judged, mut written) = (Vec::new(), Vec::new());
    let (mut done, mut decisions) = (0, 0);
    let mut out = Vec::new();
    // The first tenth only warms up.
    while done < readings + readings / 10 {
        let batches: Vec<(usize, Pack)> = (0..BATCHES)
            .map(|_| {
                let which = random.below(count);
                let lane = if random.below(20) == 0 { Lane::Routine } else { Lane::Urgent };
                (which, boxes[which].batch(lane, &mut random))
            })
            .collect();
        let started = Instant::now();
        for (which, pack) in &batches {
            engine.observe(boxes[*which].admitted(pack), &mut out);
        }
        let took = started.elapsed();
        let started = Instant::now();
        let rows = engine.changed();
        let wrote = started.elapsed();
        drop(rows);
        done += BATCHES * RECORDS;
        if readings / 10 < done {
            judged.push(took);
            written.push(wrote);
            decisions += out.len();
        }
        out.clear();
    }
    let (reading, written) = (middle(judged), middle(written));
    Measured { points, reading, with_row: reading + written, bytes, decisions }
}

/// Nanoseconds of a reading in the middle one of all measured chunks: what else a busy machine
/// did meanwhile stands in the others.
fn middle(mut chunks: Vec<Duration>) -> f64 {
    chunks.sort();
    chunks[chunks.len() / 2].as_nanos() as f64 / (BATCHES * RECORDS) as f64
}

/// One box, and how far each of its lanes has come.
struct Site {
    id: GatewayId,
    hash: CatalogueHash,
    points: usize,
    sent: PerLane<u64>,
    /// How far each lane is vouched for: no hole lies between its batches.
    until: PerLane<i64>,
    now: i64,
}

impl Site {
    fn new(which: usize, points: usize, engine: &mut Engine) -> Site {
        let id = GatewayId::parse(&format!("unit-{which:04}")).expect("a gateway");
        let entries: Vec<PointEntry> = (0..points).map(entry).collect();
        let mut devices: Vec<DeviceId> = entries
            .iter()
            .map(|entry| DeviceId::parse(entry.n.device()).expect("a device"))
            .collect();
        devices.dedup();
        let devices = devices.into_iter().map(|n| DeviceEntry {
            n,
            label: String::new(),
            profile: "panel".into(),
            alarm_period: Some(Millis::new(500)),
            analog_period: Some(Millis::seconds(1)),
        });
        let catalogue = Catalogue { devices: devices.collect(), points: entries };
        let hash = catalogue.hash();
        let now = CentreTime::from_millis(BEGIN);
        engine.catalogue(&id, &hash, &catalogue, now, &mut Vec::new());
        Site {
            id,
            hash,
            points,
            sent: PerLane::default(),
            until: PerLane::from_fn(|_| BEGIN),
            now: BEGIN,
        }
    }

    /// Every point once, as a refresh would.
    fn says_everything(&mut self, engine: &mut Engine) {
        for lane in Lane::ALL {
            let places: Vec<usize> =
                (0..self.points).filter(|place| lane_of(*place) == lane).collect();
            for places in places.chunks(RECORDS) {
                let pack = self.pack(lane, places.iter().map(|place| (*place, calm(lane))));
                engine.observe(self.admitted(&pack), &mut Vec::new());
                engine.changed();
            }
        }
    }

    /// Points of a lane in random order; most say that all is well.
    fn batch(&mut self, lane: Lane, random: &mut Random) -> Pack {
        let said: Vec<(usize, Value)> = std::iter::repeat_with(|| random.below(self.points))
            .filter(|place| lane_of(*place) == lane)
            .take(RECORDS)
            .collect::<Vec<usize>>()
            .into_iter()
            .map(|place| (place, value(lane, random)))
            .collect();
        self.pack(lane, said)
    }

    fn pack(&mut self, lane: Lane, said: impl IntoIterator<Item = (usize, Value)>) -> Pack {
        self.now += 100;
        let from = GatewayTime::from_millis(std::mem::replace(&mut self.until[lane], self.now));
        let until = GatewayTime::from_millis(self.now);
        self.sent[lane] += 1;
        // A name of its own for every record, as parsing makes it.
        let reading = |(place, value): (usize, Value)| Reading {
            point: name(place),
            time: until,
            value,
            quality: Quality::Good,
            changes: None,
        };
        let head = Head {
            gateway: self.id.clone(),
            lane,
            name: BatchName { span: SpanId::from_bits(1), seq: self.sent[lane] },
            after: (self.sent[lane] == 1).then_some(After::Nothing),
            stretch: Some(Stretch { from, until }),
            catalogue: self.hash.clone(),
            refresh: None,
            marker: None,
        };
        let readings = (1..).zip(said.into_iter().map(reading)).collect();
        Pack { head, readings, faults: Vec::new() }
    }

    fn admitted<'a>(&'a self, pack: &'a Pack) -> Admitted<'a> {
        Admitted {
            gateway: &self.id,
            pack,
            span_order: 1,
            hole: false,
            sent: GatewayTime::from_millis(self.now),
            current: SpanId::from_bits(1),
            arrived: CentreTime::from_millis(self.now),
        }
    }
}

/// Detectors, a pump in a hundred, and an end-test pressure in twenty.
fn entry(place: usize) -> PointEntry {
    let device = place / POINTS_OF_DEVICE;
    let analog = lane_of(place) == Lane::Routine;
    PointEntry {
        n: name(place),
        label: format!("3F corridor {place}"),
        lane: lane_of(place),
        u: analog.then_some(Unit::Pascal),
        system: 1,
        part: if place % 100 == 3 { 91 } else { 40 },
        zone: "3F".into(),
        tags: if analog { vec!["sprinkler-end".into()] } else { Vec::new() },
        limits: BTreeMap::new(),
        elevation: None,
        source: format!("line 1 slave {device} input {place}"),
    }
}

fn lane_of(place: usize) -> Lane {
    if place % 20 == 7 { Lane::Routine } else { Lane::Urgent }
}

fn name(place: usize) -> PointId {
    let device = place / POINTS_OF_DEVICE;
    PointId::parse(&format!("facp{device:02}/L1D{place:04}")).expect("a point")
}

fn calm(lane: Lane) -> Value {
    match lane {
        Lane::Urgent => Value::States(States::default()),
        Lane::Routine => Value::number(300_000.0, Unit::Pascal),
    }
}

/// One in a thousand burns, one in fifty is faulty or shielded, one pressure in fifty is low.
fn value(lane: Lane, random: &mut Random) -> Value {
    let words = |words| Value::States(States::from_words(words).expect("states"));
    match (lane, random.below(1_000)) {
        (Lane::Urgent, 0) => words("fire"),
        (Lane::Urgent, 1..=10) => words("fault"),
        (Lane::Urgent, 11..=20) => words("disabled"),
        (Lane::Urgent, 21..=30) => words("supply-fault"),
        (Lane::Routine, 0..=20) => Value::number(40_000.0, Unit::Pascal),
        (Lane::Urgent | Lane::Routine, _) => calm(lane),
    }
}

/// Resident memory in bytes.
fn resident() -> f64 {
    /// Linux on every machine that runs this.
    const PAGE: f64 = 4_096.0;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("the resident pages") * PAGE
}

/// SplitMix64: a seed that is kept, so that every run does the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound as u64) as usize
    }
}
