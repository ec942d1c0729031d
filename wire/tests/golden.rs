//! Old bytes stay readable: every message of the contract has a file below `wire/golden`.
//!
//! A test reads the file and writes the value again; both must agree to the byte. Existing
//! files are never edited: a change of the contract adds files beside them. A file that does
//! not exist yet is written by `FIREGRID_GOLDEN=write cargo test -p firegrid-wire`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{Catalogue, CatalogueHash, DeviceEntry, Page, PointEntry};
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::{DeviceId, GatewayId, PointId};
use firegrid_wire::pack::{After, Head, RefreshPiece, Stretch, decode, encode};
use firegrid_wire::presence::{Connection, Presence};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::{State, StateSet, States};
use firegrid_wire::time::{GatewayTime, Millis};

const SPAN: SpanId = SpanId::from_bits(0x0123_4567_89ab_cdef);
const EARLIER: SpanId = SpanId::from_bits(0xfedc_ba98_7654_3210);

/// The bytes of the golden file, which must be what the value is written as today.
#[track_caller]
fn golden(name: &str, today: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/firegrid-1").join(name);
    if !path.exists() && std::env::var_os("FIREGRID_GOLDEN").is_some() {
        std::fs::write(&path, today).expect("the golden file can be written");
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let texts = [&golden, today].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(texts[1], texts[0], "{name} is written otherwise than it was");
    golden
}

fn at(millis: i64) -> GatewayTime {
    GatewayTime::from_millis(1_795_384_870_000 + millis)
}

fn point(name: &str) -> PointId {
    PointId::parse(name).expect("a point")
}

fn head() -> Head {
    Head {
        gateway: GatewayId::parse("mall-01").expect("a gateway"),
        lane: Lane::Urgent,
        name: BatchName { span: SPAN, seq: 7 },
        after: None,
        stretch: Some(Stretch { from: at(0), until: at(1_500) }),
        catalogue: CatalogueHash::parse("00112233aabbccdd").expect("a hash"),
        refresh: None,
        marker: None,
    }
}

fn states(states: &[State]) -> Value {
    Value::States(StateSet::from_iter(states.iter().copied()).into())
}

fn reading(name: &str, millis: i64, value: Value, quality: Quality) -> Reading {
    Reading { point: point(name), time: at(millis), value, quality, changes: None }
}

#[track_caller]
fn check_batch(name: &str, head: Head, readings: &[Reading]) {
    let pack = decode(&golden(name, &encode(&head, readings))).expect("a batch");
    assert_eq!(pack.head, head);
    assert_eq!(pack.readings.into_iter().map(|(_, read)| read).collect::<Vec<_>>(), readings);
    assert_eq!(pack.faults, []);
}

#[test]
fn an_urgent_batch() {
    let readings = [
        reading("facp1/L1D017", 250, states(&[State::Fire]), Quality::Good),
        reading("facp1/L1D018", 250, states(&[State::Fire, State::Disabled]), Quality::Good),
        reading("facp1/L1M003", 750, states(&[]), Quality::Good),
        reading("pump1/power", 1_001, states(&[State::SupplyFault]), Quality::Good),
        reading("facp1/L1D019", 1_500, Value::Unknown, Quality::Good),
    ];
    check_batch("batch-urgent.json", head(), &readings);
}

#[test]
fn a_routine_batch_with_every_quality() {
    let readings = [
        reading("riser2/pressure", 0, Value::number(412_000.0, Unit::Pascal), Quality::Good),
        reading("riser2/pressure", 500, Value::number(-3.25, Unit::Pascal), Quality::OutOfRange),
        reading("riser2/temperature", 501, Value::number(4.5, Unit::Celsius), Quality::Stuck),
        reading("tank1/level", 999, Value::Unknown, Quality::SensorFault),
    ];
    check_batch("batch-routine.json", Head { lane: Lane::Routine, ..head() }, &readings);
}

#[test]
fn the_end_of_a_minute_in_which_a_point_changed_too_often() {
    let last = reading("facp1/L1D018", 700, states(&[State::Fault]), Quality::Good);
    let last = Reading { changes: Some(39), ..last };
    check_batch("batch-chatter.json", head(), &[last]);
}

#[test]
fn the_first_refresh_of_a_new_spool_and_of_a_restarted_box() {
    let first = Head {
        name: BatchName { span: SPAN, seq: 1 },
        after: Some(After::Nothing),
        stretch: None,
        refresh: Some(RefreshPiece::More),
        ..head()
    };
    let readings = [
        reading("facp1/L1D017", 0, states(&[]), Quality::Good),
        reading("facp1/comm", 0, states(&[]), Quality::Good),
    ];
    check_batch("batch-refresh-new-spool.json", first.clone(), &readings);
    let restarted = Head {
        after: Some(After::Batch(BatchName { span: EARLIER, seq: 1_234 })),
        stretch: Some(Stretch { from: at(0), until: at(0) }),
        refresh: Some(RefreshPiece::Last),
        ..first
    };
    check_batch("batch-refresh-restart.json", restarted, &readings);
}

#[test]
fn a_pause() {
    check_batch("batch-pause.json", head(), &[]);
}

#[test]
fn a_marker() {
    let marker = Marker {
        first: BatchName { span: EARLIER, seq: 1 },
        ends: vec![SpanEnd { span: EARLIER, seq: 40 }, SpanEnd { span: SPAN, seq: 7 }],
        since: Some(at(-60_000)),
        until: Some(at(0)),
        reason: MarkerReason::Quota,
        fires: vec![LostFire {
            n: point("facp1/L1D017"),
            span: EARLIER,
            t: at(-30_000),
            vs: "fire".into(),
        }],
        more: More::default(),
    };
    let of = |marker: &Marker| Head {
        after: Some(After::Nothing),
        stretch: None,
        marker: Some(marker.clone()),
        ..head()
    };
    check_batch("marker.json", of(&marker), &[]);
    let longer = Marker { more: More { spans: 2, fires: 31 }, ..marker.clone() };
    check_batch("marker-longer.json", of(&longer), &[]);
    let forgotten = Marker {
        reason: MarkerReason::Forgotten,
        since: None,
        until: None,
        fires: Vec::new(),
        ..marker
    };
    check_batch("marker-forgotten.json", of(&forgotten), &[]);
}

#[test]
fn a_beat() {
    let beat = Beat {
        span: SPAN,
        clock: Clock::Synced,
        spool: SpoolHealth::Ok,
        depth: 3,
        age: Millis::new(1_500),
        lanes: PerLane {
            urgent: LaneBeat { head: Some(head().name), until: Some(at(1_500)) },
            routine: LaneBeat::default(),
        },
        alarms: vec![BeatAlarm {
            n: point("facp1/L1D018"),
            vs: States::from(StateSet::from_iter([State::Fire, State::Disabled])),
            t: at(250),
        }],
        alarm_count: 1,
        dead_letters: 0,
        taken_over: 0,
    };
    assert_eq!(Beat::from_bytes(&golden("beat.json", &beat.to_bytes())).expect("a beat"), beat);
    let troubled = Beat { spool: SpoolHealth::Failing, dead_letters: 2, taken_over: 1, ..beat };
    let read = Beat::from_bytes(&golden("beat-troubled.json", &troubled.to_bytes()));
    assert_eq!(read.expect("a beat"), troubled);
}

#[test]
fn a_receipt() {
    let receipt = Receipt {
        lanes: PerLane {
            urgent: LaneReceipt {
                position: Some(head().name),
                duplicate: Some(BatchName { span: EARLIER, seq: 9 }),
                ask: Some(head().name.next()),
                want: Some(2),
            },
            routine: LaneReceipt::default(),
        },
    };
    let read = Receipt::from_bytes(&golden("receipt.json", &receipt.to_bytes()));
    assert_eq!(read.expect("a receipt"), receipt);
}

#[test]
fn presence() {
    let presence = Presence { state: Connection::Online, version: "0.1.0".into() };
    let read = Presence::from_bytes(&golden("presence.json", &presence.to_bytes()));
    assert_eq!(read.expect("presence"), presence);
}

#[test]
fn a_catalogue_page() {
    let catalogue = Catalogue {
        devices: vec![DeviceEntry {
            n: DeviceId::parse("riser2").expect("a device"),
            label: "2 号立管".into(),
            profile: "pressure-transmitter-float".into(),
            alarm_period: None,
            analog_period: Some(Millis::seconds(1)),
        }],
        points: vec![PointEntry {
            n: point("riser2/pressure"),
            label: "末端试水压力".into(),
            lane: Lane::Routine,
            u: Some(Unit::Pascal),
            system: 12,
            part: 99,
            zone: "3F".into(),
            tags: vec!["sprinkler-end".into()],
            limits: BTreeMap::from([("low".into(), 100_000.0)]),
            elevation: None,
            source: "192.168.1.20:502#1 holding 22".into(),
        }],
    };
    let pages = catalogue.pages();
    assert_eq!(pages.len(), 1);
    let page: Page =
        serde_json::from_slice(&golden("catalogue-page.json", &pages[0])).expect("a page");
    assert_eq!(Catalogue::from_pages([&page]), Some(catalogue));
}

/// Heights were added later: a page without one is as it was.
#[test]
fn a_catalogue_page_with_a_height() {
    let point = PointEntry {
        n: point("tank1/level"),
        label: "高位消防水箱水位".into(),
        lane: Lane::Routine,
        u: Some(Unit::Metre),
        system: 11,
        part: 92,
        zone: String::new(),
        tags: vec!["water-tank".into()],
        limits: BTreeMap::new(),
        elevation: Some(62.5),
        source: "192.168.1.20:502#3 holding 3".into(),
    };
    let catalogue = Catalogue { devices: Vec::new(), points: vec![point] };
    let pages = catalogue.pages();
    let page = golden("catalogue-page-height.json", &pages[0]);
    let page: Page = serde_json::from_slice(&page).expect("a page");
    assert_eq!(Catalogue::from_pages([&page]), Some(catalogue));
}

#[test]
fn the_page_for_readers_of_other_languages_shows_every_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(folder.join("README.md")).expect("the page");
    for file in std::fs::read_dir(folder.join("golden/firegrid-1")).expect("the folder") {
        let path = file.expect("a file").path();
        let golden = std::fs::read_to_string(&path).expect("text");
        assert!(page.contains(golden.trim_end()), "{} is not on the page", path.display());
    }
}
