//! What the engine remembers over restarts, changed rulebooks and changed catalogues, and what
//! it shows of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use firegrid_rules::decision::{Change, Decision, Reason, Subject};
use firegrid_rules::engine::{
    Admitted, ClearHold, Engine, HeadStanding, HeardBeat, NotYet, Standing, StateKey, Voice,
};
use firegrid_rules::rulebook::{RuleId, Rulebook};
use firegrid_rules::sight::{Blindness, Sight};
use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{Catalogue, DeviceEntry, PointEntry};
use firegrid_wire::names::{DeviceId, FullPointId, GatewayId, PointId};
use firegrid_wire::pack::{self, Head, Pack, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

const BEGIN: i64 = 1_795_305_600_000;

const FAULT: &str = r#"
    [[rule]]
    id = "F1"
    kind = "point-fault"
    name = { zh = "故障", en = "fault" }
    basis = "[D]"
    advice = { zh = "修", en = "mend" }
    applies_to = { parts = [40] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { has_state = "fault" }, for = "30s", clear_for = "60s" }]
"#;

fn rulebook(more: &str) -> Arc<Rulebook> {
    let fire = include_str!("../rulebook/fire.toml");
    let files = [("fire.toml".into(), fire.into()), ("more.toml".into(), more.into())];
    Arc::new(Rulebook::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}")))
}

fn gateway() -> GatewayId {
    GatewayId::parse("box").expect("a gateway")
}

fn subject(id: &str) -> Subject {
    Subject::Point(full(id))
}

fn full(id: &str) -> FullPointId {
    FullPointId { gateway: gateway(), point: PointId::parse(id).expect("a point") }
}

fn rule(id: &str) -> RuleId {
    RuleId::parse(id).expect("a rule")
}

fn entry(id: &str, lane: Lane, part: u8) -> PointEntry {
    PointEntry {
        n: PointId::parse(id).expect("a point"),
        label: String::new(),
        lane,
        u: (lane == Lane::Routine).then_some(Unit::Pascal),
        system: 1,
        part,
        zone: String::new(),
        tags: Vec::new(),
        limits: BTreeMap::new(),
        elevation: None,
        source: id.to_owned(),
    }
}

fn catalogue(points: Vec<PointEntry>) -> Catalogue {
    let device = DeviceEntry {
        n: DeviceId::parse("facp1").expect("a device"),
        label: String::new(),
        profile: "test".into(),
        alarm_period: Some(Millis::new(500)),
        analog_period: Some(Millis::seconds(20)),
    };
    Catalogue { devices: vec![device], points }
}

struct Centre {
    engine: Engine,
    catalogue: Catalogue,
    rows: BTreeMap<String, Vec<u8>>,
    now: i64,
    /// How far each lane is vouched for, where the lanes are told apart.
    until: Option<PerLane<i64>>,
    seq: u64,
    span: u64,
}

impl Centre {
    fn new(rulebook: Arc<Rulebook>, catalogue: Catalogue) -> Centre {
        let mut engine = Engine::new(rulebook);
        let begin = CentreTime::from_millis(BEGIN);
        engine.catalogue(&gateway(), &catalogue.hash(), &catalogue, begin, &mut Vec::new());
        engine.listening(CentreTime::from_millis(BEGIN), true);
        Centre { engine, catalogue, rows: BTreeMap::new(), now: 0, until: None, seq: 0, span: 1 }
    }

    /// A batch that vouches for everything since the one before.
    fn says(&mut self, seconds: i64, lane: Lane, said: &[(&str, &str)]) -> Vec<Decision> {
        self.reads(seconds, lane, said, Quality::Good)
    }

    fn reads(
        &mut self,
        seconds: i64,
        lane: Lane,
        said: &[(&str, &str)],
        quality: Quality,
    ) -> Vec<Decision> {
        let at = |seconds: i64| GatewayTime::from_millis(BEGIN + seconds * 1_000);
        let readings = said.iter().map(|(id, words)| Reading {
            point: PointId::parse(id).expect("a point"),
            time: at(seconds),
            value: match words.parse::<f64>() {
                Ok(number) => Value::number(number, Unit::Pascal),
                Err(_) => States::from_words(words).map_or(Value::Unknown, Value::States),
            },
            quality,
            changes: None,
        });
        self.seq += 1;
        let from = match &mut self.until {
            Some(until) => std::mem::replace(&mut until[lane], seconds),
            None => self.now,
        };
        let head = Head {
            gateway: gateway(),
            lane,
            name: BatchName { span: SpanId::from_bits(self.span), seq: self.seq },
            after: (self.seq == 1).then_some(pack::After::Nothing),
            stretch: Some(Stretch { from: at(from.min(seconds)), until: at(seconds) }),
            catalogue: self.catalogue.hash(),
            refresh: None,
            marker: None,
        };
        self.now = seconds;
        let pack = Pack { head, readings: (1..).zip(readings).collect(), faults: Vec::new() };
        let mut out = Vec::new();
        let admitted = Admitted {
            gateway: &gateway(),
            pack: &pack,
            span_order: self.span as u32,
            hole: false,
            sent: at(seconds),
            current: SpanId::from_bits(self.span),
            arrived: self.centre(),
        };
        self.engine.observe(admitted, &mut out);
        out
    }

    /// A heartbeat whose head is judged tells of points, each with its onset.
    fn beats(&mut self, span: u64, sent: i64, said: &[(&str, &str, i64)]) -> Vec<Decision> {
        self.beats_until(span, sent, sent, said)
    }

    fn beats_until(
        &mut self,
        span: u64,
        sent: i64,
        until: i64,
        said: &[(&str, &str, i64)],
    ) -> Vec<Decision> {
        let at = |seconds: i64| GatewayTime::from_millis(BEGIN + seconds * 1_000);
        let alarms = said.iter().map(|(id, words, onset)| BeatAlarm {
            n: PointId::parse(id).expect("a point"),
            vs: States::from_words(words).expect("states"),
            t: at(*onset),
        });
        let id = SpanId::from_bits(span);
        let head = Some(BatchName { span: id, seq: self.seq }).filter(|_| span == self.span);
        let beat = Beat {
            span: id,
            clock: Clock::Synced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes: PerLane::from_fn(|_| LaneBeat { head, until: Some(at(until)) }),
            alarm_count: said.len() as u32,
            dead_letters: 0,
            taken_over: 0,
            alarms: alarms.collect(),
        };
        // What lies between it and the last batch may be lost.
        let standing = if span == self.span {
            HeadStanding::NotJudged
        } else {
            HeadStanding::JudgedInOlderSpan
        };
        let judged = HeadStanding::Judged { is_position: true };
        let heads = PerLane {
            urgent: if until == sent { standing } else { judged },
            routine: HeadStanding::NotJudged,
        };
        let arrived = CentreTime::from_millis(BEGIN + sent * 1_000);
        let urgent_order = Some(span as u32);
        let mut out = Vec::new();
        let heard = HeardBeat {
            gateway: &gateway(),
            beat: &beat,
            sent: at(sent),
            arrived,
            urgent_order,
            heads,
        };
        self.engine.beat(heard, &mut out);
        out
    }

    /// Writes what has changed. The keys of a lane's points, in order.
    fn commit(&mut self) -> Vec<String> {
        let mut keys = Vec::new();
        for (StateKey(key), row) in self.engine.changed() {
            keys.extend(Some(key.clone()).filter(|key| key.contains('/')));
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        keys.sort();
        keys
    }

    /// The program ends and goes on with this rulebook. What it decides by that alone.
    fn restart(&mut self, rulebook: Arc<Rulebook>) -> Vec<Decision> {
        self.commit();
        let rows = self.rows.iter().map(|(key, row)| (StateKey(key.clone()), row.clone()));
        self.engine = Engine::restore(rulebook, rows).expect("its own rows");
        let (_, decisions) = self.describe();
        self.engine.listening(self.centre(), true);
        decisions
    }

    /// The catalogue becomes known. Of which lanes a refresh is wanted, and what is decided.
    fn describe(&mut self) -> (PerLane<bool>, Vec<Decision>) {
        let (now, hash, mut out) = (self.centre(), self.catalogue.hash(), Vec::new());
        let wanted = self.engine.catalogue(&gateway(), &hash, &self.catalogue, now, &mut out);
        (wanted, out)
    }

    fn centre(&self) -> CentreTime {
        CentreTime::from_millis(BEGIN + self.now * 1_000)
    }

    fn may_close(&self, id: &str, of: &str) -> Result<(), NotYet> {
        self.engine.may_close(&subject(id), &rule(of), self.centre())
    }
}

fn told(decisions: &[Decision]) -> Vec<(&str, Change)> {
    decisions.iter().map(|decision| (decision.rule.as_str(), decision.change)).collect()
}

fn faulty() -> Centre {
    let points = vec![entry("facp1/L1D001", Lane::Urgent, 40)];
    let mut centre = Centre::new(rulebook(FAULT), catalogue(points));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "fault")]);
    centre
}

#[test]
fn a_changed_rule_clears_nothing_and_its_proof_begins_anew() {
    let mut centre = faulty();
    assert_eq!(told(&centre.says(30, Lane::Urgent, &[])), [("F1", Change::Raised)]);
    centre.says(40, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    centre.restart(rulebook(&FAULT.replace("30s", "31s")));
    // The proof had run for 50 s; under the changed rule it stands still until it is read again.
    assert_eq!(told(&centre.says(110, Lane::Urgent, &[])), []);
    assert!(matches!(centre.may_close("facp1/L1D001", "F1"), Err(NotYet::Calm { .. })));
    let again = centre.says(120, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(told(&again), [("F1", Change::Calmed)]);
    assert_eq!(told(&centre.says(180, Lane::Urgent, &[])), [("F1", Change::Cleared)]);
}

#[test]
fn what_was_only_suspected_under_another_revision_begins_anew() {
    let mut centre = faulty();
    centre.restart(rulebook(&FAULT.replace("60s", "61s")));
    assert_eq!(told(&centre.says(35, Lane::Urgent, &[])), []);
    centre.says(40, Lane::Urgent, &[("facp1/L1D001", "fault")]);
    assert_eq!(told(&centre.says(70, Lane::Urgent, &[])), [("F1", Change::Raised)]);
}

#[test]
fn what_a_rule_that_is_gone_had_raised_waits_for_a_person() {
    let mut centre = faulty();
    centre.says(30, Lane::Urgent, &[]);
    centre.restart(rulebook(""));
    centre.says(40, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    centre.restart(rulebook(FAULT));
    centre.says(200, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(centre.may_close("facp1/L1D001", "F1"), Err(NotYet::Retired));
    let view = centre.engine.point(&full("facp1/L1D001"), centre.centre()).expect("a point");
    assert!(matches!(view.phases[0].standing, Standing::Retired { .. }), "{view:?}");
    centre.engine.release(&subject("facp1/L1D001"), &rule("F1"));
    assert_eq!(centre.may_close("facp1/L1D001", "F1"), Ok(()));
    centre.restart(rulebook(FAULT));
    centre.says(210, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(centre.may_close("facp1/L1D001", "F1"), Ok(()));
}

#[test]
fn a_point_that_moved_to_another_lane_is_another_point() {
    let mut centre = faulty();
    let raised = centre.says(30, Lane::Urgent, &[]);
    let other =
        vec![entry("facp1/L1D001", Lane::Routine, 40), entry("facp1/L1D002", Lane::Urgent, 40)];
    centre.catalogue = catalogue(other);
    centre.describe();
    (centre.span, centre.seq) = (2, 0);
    let retired = centre.says(40, Lane::Urgent, &[("facp1/L1D002", "normal")]);
    assert_eq!(told(&retired), [("F1", Change::Retired)]);
    assert_eq!(retired[0].occurrence, raised[0].occurrence);
    assert_eq!(retired[0].reason, Reason::Vanished);
    assert_eq!(centre.may_close("facp1/L1D001", "F1"), Err(NotYet::Retired));
}

#[test]
fn a_rule_that_no_longer_looks_at_a_point_clears_nothing_there() {
    let mut centre = faulty();
    centre.says(30, Lane::Urgent, &[]);
    centre.catalogue = catalogue(vec![entry("facp1/L1D001", Lane::Urgent, 41)]);
    centre.describe();
    (centre.span, centre.seq) = (2, 0);
    let retired = centre.says(40, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(told(&retired), [("F1", Change::Retired)]);
    assert_eq!(retired[0].reason, Reason::Unwatched);
}

#[test]
fn a_hold_that_ends_lets_clear_what_was_proven_meanwhile() {
    let mut centre = faulty();
    centre.says(30, Lane::Urgent, &[]);
    let until = CentreTime::from_millis(BEGIN + 200_000);
    centre.engine.hold_clears(&gateway(), ClearHold::Until(until));
    centre.says(40, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(told(&centre.says(150, Lane::Urgent, &[])), []);
    assert_eq!(centre.may_close("facp1/L1D001", "F1"), Err(NotYet::TwoBoxes));
    centre.restart(rulebook(FAULT));
    assert_eq!(told(&centre.says(199, Lane::Urgent, &[])), []);
    assert_eq!(told(&centre.says(200, Lane::Urgent, &[])), [("F1", Change::Cleared)]);
}

#[test]
fn an_unlisted_box_full_of_names_stays_bounded_and_its_fires_are_raised() {
    let mut centre = Centre::new(rulebook(""), catalogue(Vec::new()));
    for hundred in 0..101 {
        let names: Vec<String> = (0..100).map(|one| format!("d{hundred}/p{one}")).collect();
        let said: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "normal")).collect();
        centre.says(hundred, Lane::Urgent, &said);
    }
    assert_eq!(centre.engine.points(&gateway(), centre.centre()).len(), 10_000);
    let raised = centre.says(200, Lane::Urgent, &[("last/one", "fire"), ("no/one", "normal")]);
    assert_eq!(told(&raised), [("FIRE", Change::Raised)]);
    assert_eq!(centre.engine.points(&gateway(), centre.centre()).len(), 10_001);
}

#[test]
fn an_analog_point_that_says_fire_is_believed() {
    let points = vec![entry("facp1/pressure", Lane::Routine, 0)];
    let mut centre = Centre::new(rulebook(""), catalogue(points));
    centre.says(0, Lane::Routine, &[("facp1/pressure", "1000")]);
    let raised = centre.says(1, Lane::Routine, &[("facp1/pressure", "fire")]);
    assert_eq!(told(&raised), [("FIRE", Change::Raised)]);
    assert_eq!(told(&centre.says(2, Lane::Routine, &[("facp1/pressure", "1000")])), []);
    assert_eq!(told(&centre.says(99, Lane::Routine, &[])), []);
}

#[test]
fn a_point_shows_what_it_says_whether_it_is_seen_and_whether_it_can_speak() {
    let points = vec![
        entry("facp1/L1D001", Lane::Urgent, 40),
        entry("facp1/L1D002", Lane::Urgent, 40),
        entry("facp1/pressure", Lane::Routine, 0),
    ];
    let mut centre = Centre::new(rulebook(FAULT), catalogue(points));
    let view = |centre: &Centre, id: &str, after: i64| {
        let now = centre.centre().plus(Millis::seconds(after.unsigned_abs()));
        centre.engine.point(&full(id), now).expect("a point")
    };
    assert_eq!(view(&centre, "facp1/L1D001", 0).sight, Sight::Never);
    centre.says(10, Lane::Urgent, &[("facp1/L1D001", "fault disabled flooded")]);
    let shielded = view(&centre, "facp1/L1D001", 0);
    assert_eq!(
        shielded.value.map(|value| value.to_string()),
        Some("fault disabled flooded".into())
    );
    assert_eq!(shielded.sight, Sight::Seen { last: centre.centre() });
    assert!(matches!(shielded.voice, Voice::Mute(_)));
    assert_eq!(view(&centre, "facp1/L1D002", 0).sight, Sight::Never);
    let last = Some(centre.centre());
    let silent = Sight::Blind { last, cause: Blindness::Silence };
    assert_eq!(view(&centre, "facp1/L1D001", 30).sight, silent);
    centre.says(20, Lane::Urgent, &[("facp1/comm", "fault")]);
    let last = Some(centre.centre());
    let dead = Sight::Blind { last, cause: Blindness::Device };
    assert_eq!(view(&centre, "facp1/L1D001", 0).sight, dead);
    // The analog points of the device are read every 20 s: blind after three of them.
    (centre.now, centre.seq) = (20, 0);
    centre.reads(21, Lane::Routine, &[("facp1/pressure", "7")], Quality::Stuck);
    assert!(matches!(view(&centre, "facp1/pressure", 59).sight, Sight::Seen { .. }));
    assert!(matches!(view(&centre, "facp1/pressure", 60).sight, Sight::Blind { .. }));
    assert_eq!(view(&centre, "facp1/pressure", 0).voice, Voice::Doubtful(Quality::Stuck));
    let names: Vec<String> = centre
        .engine
        .points(&gateway(), centre.centre())
        .iter()
        .map(|view| view.point.point.to_string())
        .collect();
    assert_eq!(names, ["facp1/L1D001", "facp1/L1D002", "facp1/comm", "facp1/pressure"]);
}

#[test]
fn only_what_changed_is_written() {
    let points = (1..=50).map(|one| entry(&format!("facp1/L1D{one:03}"), Lane::Urgent, 40));
    let mut centre = Centre::new(rulebook(FAULT), catalogue(points.collect()));
    let said: Vec<String> = (1..=50).map(|one| format!("facp1/L1D{one:03}")).collect();
    let said: Vec<(&str, &str)> = said.iter().map(|id| (&**id, "normal")).collect();
    centre.says(0, Lane::Urgent, &said);
    assert_eq!(centre.engine.changed().len(), 52);
    assert_eq!(centre.engine.changed().len(), 0);
    centre.says(1, Lane::Urgent, &[("facp1/L1D007", "fault")]);
    let mut keys: Vec<String> =
        centre.engine.changed().into_iter().map(|(StateKey(key), _)| key).collect();
    keys.sort();
    assert_eq!(keys, ["@listening", "box", "box/urgent/facp1/L1D007"]);
}

#[test]
fn the_numbers_of_a_lane_are_written_together() {
    let ids: Vec<String> = (1..=50).map(|one| format!("facp1/A{one:03}")).collect();
    let points = ids.iter().map(|id| entry(id, Lane::Routine, 40)).collect();
    let book = rulebook(LOW);
    let mut centre = Centre::new(Arc::clone(&book), catalogue(points));
    let tells = |centre: &mut Centre, now: i64, number: &str| -> Vec<String> {
        let said: Vec<(&str, &str)> = ids.iter().map(|id| (&**id, number)).collect();
        centre.says(now, Lane::Routine, &said);
        centre.commit()
    };
    let (ground, own) = ("box/routine/@numbers/0", "box/routine/facp1/A007");
    assert_eq!(tells(&mut centre, 0, "100"), [ground]);
    assert_eq!(tells(&mut centre, 1, "101"), ["box/routine/@numbers/1"]);
    let views = centre.engine.points(&gateway(), centre.centre());
    centre.restart(Arc::clone(&book));
    assert_eq!(centre.engine.points(&gateway(), centre.centre()), views);
    // What is found has a row of its own until it is over; the numbers without it are one more.
    assert_eq!(tells(&mut centre, 2, "102"), [ground]);
    centre.says(3, Lane::Routine, &[("facp1/A007", "5")]);
    assert_eq!(centre.commit(), [own]);
    centre.restart(Arc::clone(&book));
    let found = centre.engine.point(&full("facp1/A007"), centre.centre()).expect("a point");
    assert!(!found.phases.is_empty() && found.value == Some(Value::Number(5.0, Unit::Pascal)));
    // In whatever order and however often they are written, a restart finds the last of all.
    let mut grounds = 0;
    for now in 4..900 {
        let keys = tells(&mut centre, now, &(100 + now).to_string());
        grounds += keys.iter().filter(|key| **key == ground).count();
    }
    assert!((3..90).contains(&grounds), "{grounds}");
    assert!(!centre.rows.contains_key(own), "nothing is found on it any more");
    let views = centre.engine.points(&gateway(), centre.centre());
    centre.restart(book);
    assert_eq!(centre.engine.points(&gateway(), centre.centre()), views);
    assert!(views.iter().all(|view| view.value == Some(Value::Number(999.0, Unit::Pascal))));
}

#[test]
fn numbers_that_are_cut_short_are_refused_with_their_row() {
    let points = vec![entry("facp1/A001", Lane::Routine, 40)];
    let mut centre = Centre::new(rulebook(""), catalogue(points));
    for now in 0..2 {
        centre.says(now, Lane::Routine, &[("facp1/A001", "100")]);
        centre.commit();
    }
    for key in ["box/routine/@numbers/0", "box/routine/@numbers/1"] {
        let whole = centre.rows[key].clone();
        for length in [0, 5, whole.len() - 1] {
            let mut rows = centre.rows.clone();
            rows.insert(key.to_owned(), whole[..length].to_vec());
            let rows = rows.into_iter().map(|(key, row)| (StateKey(key), row));
            let error = Engine::restore(rulebook(""), rows).expect_err("refused");
            assert_eq!(error.key, key, "{length} bytes");
        }
    }
}

#[test]
fn a_row_that_is_not_its_own_is_refused_with_its_name() {
    for key in ["box", "box/urgent/facp1/L1D001", "@listening"] {
        let rows = [(StateKey(key.into()), b"{\"no\":1}".to_vec())];
        let error = Engine::restore(rulebook(""), rows).expect_err("refused");
        assert_eq!(error.key, key);
    }
    let rows = [(StateKey("box/sideways/a/b".into()), b"{}".to_vec())];
    assert!(Engine::restore(rulebook(""), rows).is_err());
}

const LOW: &str = r#"
    [[rule]]
    id = "L1"
    kind = "low"
    name = { zh = "低", en = "low" }
    basis = "[D]"
    advice = { zh = "查", en = "look" }
    applies_to = { unit = "Pa" }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { below = "limit.low", or = "100 Pa" }, clear_for = "60s" }]
"#;

/// A point with this limit says 50 Pa, which is too low.
fn low(limit: f64) -> Centre {
    let mut point = entry("facp1/pressure", Lane::Routine, 0);
    point.limits.insert("low".into(), limit);
    let mut centre = Centre::new(rulebook(LOW), catalogue(vec![point]));
    let raised = centre.says(0, Lane::Routine, &[("facp1/pressure", "50")]);
    assert_eq!(told(&raised), [("L1", Change::Raised)]);
    centre
}

#[test]
fn evidence_counts_under_the_limits_that_raised_it() {
    let mut centre = low(100.0);
    centre.catalogue.points[0].limits.insert("low".into(), 40.0);
    centre.describe();
    let changed = centre.says(10, Lane::Routine, &[("facp1/pressure", "60")]);
    assert_eq!(told(&changed), [("L1", Change::Revised)]);
    assert!(matches!(changed[0].reason, Reason::OtherRule { .. }), "{changed:?}");
    assert_eq!(told(&centre.says(200, Lane::Routine, &[("facp1/pressure", "60")])), []);
    assert!(matches!(centre.may_close("facp1/pressure", "L1"), Err(NotYet::Holds { .. })));
    assert_eq!(centre.restart(rulebook(LOW)), []);
    let calm = centre.says(210, Lane::Routine, &[("facp1/pressure", "100")]);
    assert_eq!(told(&calm), [("L1", Change::Calmed)]);
    assert_eq!(told(&centre.says(270, Lane::Routine, &[])), [("L1", Change::Cleared)]);
    // From now on the new limit alone counts.
    assert_eq!(told(&centre.says(280, Lane::Routine, &[("facp1/pressure", "50")])), []);
    let again = centre.says(290, Lane::Routine, &[("facp1/pressure", "39")]);
    assert_eq!(told(&again), [("L1", Change::Raised)]);
}

#[test]
fn evidence_counts_under_the_rule_revision_that_raised_it() {
    let point = entry("facp1/pressure", Lane::Routine, 0);
    let mut centre = Centre::new(rulebook(LOW), catalogue(vec![point]));
    let raised = centre.says(0, Lane::Routine, &[("facp1/pressure", "50")]);
    let loose = rulebook(&LOW.replace("100 Pa", "40 Pa"));
    let changed = centre.restart(Arc::clone(&loose));
    assert_eq!(told(&changed), [("L1", Change::Revised)]);
    assert_eq!(changed[0].occurrence, raised[0].occurrence);
    assert_eq!(centre.restart(loose), []);
    assert_eq!(told(&centre.says(200, Lane::Routine, &[("facp1/pressure", "60")])), []);
    assert_eq!(told(&centre.says(300, Lane::Routine, &[])), []);
    centre.says(310, Lane::Routine, &[("facp1/pressure", "100")]);
    let cleared = centre.says(370, Lane::Routine, &[]);
    assert_eq!(told(&cleared), [("L1", Change::Cleared)]);
    assert_eq!(cleared[0].revision, raised[0].revision);
}

const DRY: &str = r#"
    [[rule]]
    id = "DRY"
    kind = "dry"
    name = { zh = "干", en = "dry" }
    basis = "[D]"
    advice = { zh = "查", en = "look" }
    applies_to = { unit = "Pa" }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { below = "100 Pa" }, beside = [{ parts = [91], shares = "gateway", any = { has_state = "active" } }], for = "30s", clear_for = "60s" }]
"#;

/// A pump runs and the pressure is too low: raised over both lanes.
fn dry() -> Centre {
    let points =
        vec![entry("facp1/pump", Lane::Urgent, 91), entry("facp1/pressure", Lane::Routine, 0)];
    let mut centre = Centre::new(rulebook(DRY), catalogue(points));
    centre.until = Some(PerLane::default());
    centre.says(0, Lane::Urgent, &[("facp1/pump", "active")]);
    centre.says(0, Lane::Routine, &[("facp1/pressure", "50")]);
    assert_eq!(told(&centre.says(40, Lane::Urgent, &[])), [], "the other lane is behind");
    assert_eq!(told(&centre.says(41, Lane::Routine, &[])), [("DRY", Change::Raised)]);
    centre
}

#[test]
fn a_changed_rule_over_both_lanes_looks_again_at_what_still_holds() {
    let mut centre = dry();
    let other = rulebook(&DRY.replace("30s", "45s"));
    assert_eq!(told(&centre.restart(Arc::clone(&other))), [("DRY", Change::Retired)]);
    assert_eq!(centre.restart(other), []);
    centre.says(80, Lane::Urgent, &[]);
    assert_eq!(told(&centre.says(80, Lane::Routine, &[])), []);
    centre.says(90, Lane::Urgent, &[]);
    assert_eq!(told(&centre.says(90, Lane::Routine, &[])), [("DRY", Change::Raised)]);
    assert_eq!(centre.may_close("facp1/pressure", "DRY"), Err(NotYet::Retired));
}

#[test]
fn a_changed_rulebook_runs_no_timer_on_what_was_told_before() {
    let points = vec![
        entry("facp1/pump", Lane::Urgent, 91),
        entry("facp1/valve", Lane::Urgent, 40),
        entry("facp1/pressure", Lane::Routine, 0),
    ];
    let valve = DRY
        .replace("\"DRY\"", "\"VALVE\"")
        .replace("{ unit = \"Pa\" }", "{ parts = [40] }")
        .replace("{ below = \"100 Pa\" }", "{ has_state = \"fault\" }");
    let mut centre = Centre::new(rulebook(&format!("{DRY}{valve}")), catalogue(points));
    centre.until = Some(PerLane::default());
    centre.says(0, Lane::Urgent, &[("facp1/pump", "active"), ("facp1/valve", "fault")]);
    centre.says(0, Lane::Routine, &[("facp1/pressure", "500")]);
    centre.says(10, Lane::Urgent, &[]);
    centre.says(10, Lane::Routine, &[]);
    // The pump stops in the lane that is ahead; then the rulebook becomes another one.
    centre.says(12, Lane::Urgent, &[("facp1/pump", "normal")]);
    centre.says(60, Lane::Urgent, &[]);
    assert_eq!(centre.restart(rulebook(&format!("{DRY}{valve}{FAULT}"))), []);
    assert_eq!(told(&centre.says(61, Lane::Routine, &[])), []);
    centre.says(70, Lane::Urgent, &[]);
    assert_eq!(told(&centre.says(71, Lane::Routine, &[])), []);
}

#[test]
fn a_lifted_hold_forgets_what_was_told_over_both_lanes() {
    let mut centre = dry();
    // The urgent lane is far ahead, and the pump stands still in it.
    centre.says(50, Lane::Urgent, &[("facp1/pump", "normal")]);
    centre.says(500, Lane::Urgent, &[]);
    centre.engine.hold_clears(&gateway(), ClearHold::UntilLifted);
    centre.engine.lift_hold(&gateway());
    assert_eq!(told(&centre.says(400, Lane::Routine, &[])), []);
    let read = [("facp1/pressure", "50")];
    assert_eq!(told(&centre.says(510, Lane::Routine, &read)), [], "no proof from before the hold");
    // What the lane says again counts from where it was vouched for when the hold was lifted.
    let mut calm = centre.says(511, Lane::Urgent, &[("facp1/pump", "normal")]);
    calm.extend(centre.says(520, Lane::Routine, &[]));
    calm.extend(centre.says(580, Lane::Urgent, &[]));
    calm.extend(centre.says(581, Lane::Routine, &[]));
    assert_eq!(told(&calm), [("DRY", Change::Calmed), ("DRY", Change::Cleared)]);
    assert!(calm.iter().all(|decision| BEGIN + 500_000 <= decision.at.millis()), "{calm:?}");
}

#[test]
fn a_stricter_rule_keeps_what_the_milder_one_would_clear() {
    let mut centre = low(100.0);
    centre.catalogue.points[0].limits.insert("low".into(), 200.0);
    centre.describe();
    centre.says(10, Lane::Routine, &[("facp1/pressure", "150")]);
    assert_eq!(told(&centre.says(200, Lane::Routine, &[])), []);
    centre.says(210, Lane::Routine, &[("facp1/pressure", "200")]);
    assert_eq!(told(&centre.says(270, Lane::Routine, &[])), [("L1", Change::Cleared)]);
}

#[test]
fn a_changed_fire_rule_is_written_on_the_alarm_at_once() {
    let mut centre = Centre::new(rulebook(""), catalogue(Vec::new()));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "fire")]);
    let fire = include_str!("../rulebook/fire.toml").replace("20s", "21s");
    let files = [("fire.toml".to_owned(), fire)];
    let changed = centre.restart(Arc::new(Rulebook::read(&files).expect("a rulebook")));
    assert_eq!(told(&changed), [("FIRE", Change::Revised)]);
}

#[test]
fn a_point_whose_address_profile_scaling_lane_or_place_changed_is_a_new_point() {
    let changes: [fn(&mut Catalogue); 5] = [
        |catalogue| catalogue.points[0].source = "line 2 slave 1 input 7 x0.1".into(),
        |catalogue| catalogue.devices[0].profile = "another".into(),
        |catalogue| catalogue.points[0].label = "3F corridor".into(),
        |catalogue| catalogue.points[0].zone = "zone 9".into(),
        |catalogue| catalogue.points[0].lane = Lane::Routine,
    ];
    for (which, change) in changes.iter().enumerate() {
        let mut points = vec![entry("facp1/L1D001", Lane::Urgent, 40)];
        points.push(entry("facp1/L1D002", Lane::Urgent, 40));
        let mut centre = Centre::new(rulebook(FAULT), catalogue(points));
        centre.says(0, Lane::Urgent, &[("facp1/L1D001", "fire fault")]);
        change(&mut centre.catalogue);
        centre.describe();
        let retired = centre.says(10, Lane::Urgent, &[("facp1/L1D002", "normal")]);
        assert_eq!(told(&retired), [("FIRE", Change::Retired)], "change {which}");
        // No fire and no timer is inherited, and nothing that the new one says clears the old.
        assert_eq!(told(&centre.says(50, Lane::Urgent, &[])), [], "change {which}");
        assert_eq!(centre.may_close("facp1/L1D001", "FIRE"), Err(NotYet::Retired));
    }
}

#[test]
fn when_the_catalogue_becomes_known_a_refresh_is_wanted_and_its_decisions_are_told_at_once() {
    let words = FAULT.replace("{ parts = [40] }", "{ what = \"discrete\" }");
    let mut centre =
        Centre::new(rulebook(&words), catalogue(vec![entry("facp1/L1D001", Lane::Urgent, 40)]));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "fire")]);
    let mut other = entry("facp1/L1D001", Lane::Urgent, 40);
    other.source = "another register".into();
    centre.catalogue = catalogue(vec![other, entry("facp1/p", Lane::Routine, 0)]);
    // Unknown yet: states are judged by their words, whatever rule looks for them, and nothing
    // is calm.
    assert_eq!(told(&centre.says(10, Lane::Urgent, &[("facp1/L1D001", "fault")])), []);
    assert_eq!(told(&centre.says(45, Lane::Urgent, &[])), [("F1", Change::Raised)]);
    assert_eq!(told(&centre.says(200, Lane::Urgent, &[("facp1/L1D001", "normal")])), []);
    let (wanted, decisions) = centre.describe();
    assert_eq!((wanted.urgent, wanted.routine), (true, false));
    assert_eq!(told(&decisions), [("FIRE", Change::Retired), ("F1", Change::Retired)]);
    assert!(decisions.iter().all(|decision| decision.arrived == centre.centre()));
    assert_eq!(centre.describe(), (PerLane::default(), Vec::new()));
}

#[test]
fn the_mark_told_by_a_heartbeat_leaves_with_the_numbered_reading() {
    let mut centre = Centre::new(rulebook(""), catalogue(Vec::new()));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    let raised = centre.beats(1, 11, &[("facp1/L1D001", "fire", 10)]);
    assert_eq!(told(&raised), [("FIRE", Change::Raised)]);
    assert!(raised[0].marks.provisional);
    let confirmed = centre.says(10, Lane::Urgent, &[("facp1/L1D001", "fire")]);
    assert_eq!(told(&confirmed), [("FIRE", Change::Confirmed)]);
    assert_eq!(confirmed[0].occurrence, raised[0].occurrence);
    assert!(!confirmed[0].marks.provisional);
    assert_eq!(told(&centre.says(11, Lane::Urgent, &[("facp1/L1D001", "fire")])), []);
}

#[test]
fn only_a_numbered_reading_after_that_onset_clears_what_a_heartbeat_told() {
    let mut centre = Centre::new(rulebook(""), catalogue(Vec::new()));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    centre.beats(1, 11, &[("facp1/L1D001", "fire", 10)]);
    // The backlog's old "normal" clears nothing; one after the onset does.
    assert_eq!(told(&centre.says(9, Lane::Urgent, &[("facp1/L1D001", "normal")])), []);
    assert_eq!(told(&centre.says(60, Lane::Urgent, &[])), []);
    let calm = centre.says(61, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    assert_eq!(told(&calm), [("FIRE", Change::Calmed)]);
    // What is not later than the last judged reading is no news.
    assert_eq!(told(&centre.beats(1, 70, &[("facp1/L1D001", "fire", 61)])), []);
}

#[test]
fn what_is_seen_is_told_by_the_current_span_alone_and_never_later_than_it_arrived() {
    let mut centre = Centre::new(rulebook(""), catalogue(Vec::new()));
    centre.says(0, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    (centre.span, centre.seq) = (2, 0);
    centre.says(10, Lane::Urgent, &[("facp1/L1D001", "normal")]);
    let sight = |centre: &Centre| {
        let now = centre.centre().plus(Millis::seconds(1));
        centre.engine.point(&full("facp1/L1D001"), now).expect("a point").sight
    };
    let at = |seconds: i64| CentreTime::from_millis(BEGIN + seconds * 1_000);
    assert_eq!(sight(&centre), Sight::Seen { last: at(10) });
    centre.now = 20;
    centre.beats(1, 20, &[]);
    assert_eq!(sight(&centre), Sight::Seen { last: at(10) }, "an earlier span spoke");
    // The box's `until` leads its own sending: it is still seen only when it arrived.
    centre.beats_until(2, 20, 500, &[]);
    assert_eq!(sight(&centre), Sight::Seen { last: at(20) });
}
