//! A recorder on a small box: panel `facp` (urgent), risers `riser1` and `riser2` (routine),
//! and `pump`, which has points in both lanes.

mod exchange;
mod laws;

use firegrid_wire::catalogue::{DeviceEntry, PointEntry};
use firegrid_wire::names::DeviceId;
use firegrid_wire::pack::{self, After, Pack, RefreshPiece, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::state::{State, StateSet};

use super::*;
use crate::inventory::PointIndex;

const FACP: DeviceIndex = DeviceIndex(0);
const RISER1: DeviceIndex = DeviceIndex(1);
const RISER2: DeviceIndex = DeviceIndex(2);
const PUMP: DeviceIndex = DeviceIndex(3);

const SMOKE1: u32 = 0;
const SMOKE2: u32 = 1;
const PRESSURE1: u32 = 2;
const PRESSURE2: u32 = 3;
const RUNNING: u32 = 4;
const CURRENT: u32 = 5;

/// The wall clock when the run began, in seconds.
const WALL: i64 = 1_795_000_000;

fn inventory() -> Arc<Inventory> {
    let device = |name: &str, alarm: Option<u64>, analog: Option<u64>| DeviceEntry {
        n: DeviceId::parse(name).expect("a device"),
        label: String::new(),
        profile: "test".into(),
        alarm_period: alarm.map(Millis::new),
        analog_period: analog.map(Millis::new),
    };
    let point = |name: &str, unit: Option<Unit>| PointEntry {
        n: name.parse().expect("a point"),
        label: String::new(),
        lane: if unit.is_some() { Lane::Routine } else { Lane::Urgent },
        u: unit,
        system: 0,
        part: 0,
        zone: String::new(),
        tags: Vec::new(),
        limits: Default::default(),
        elevation: None,
        source: name.into(),
    };
    let pascal = Some(Unit::Pascal);
    let mut inventory = Inventory::default();
    inventory.add(
        device("facp", Some(500), None),
        [(point("facp/smoke1", None), 0.0), (point("facp/smoke2", None), 0.0)],
    );
    let risers = [("riser1", "riser1/pressure"), ("riser2", "riser2/pressure")];
    for (name, pressure) in risers {
        inventory.add(device(name, None, Some(1_000)), [(point(pressure, pascal), 1_000.0)]);
    }
    inventory.add(
        device("pump", Some(500), Some(3_000)),
        [(point("pump/running", None), 0.0), (point("pump/current", Some(Unit::Ampere)), 0.5)],
    );
    Arc::new(inventory)
}

fn state(point: u32, states: &[State]) -> Observation {
    let set: StateSet = states.iter().copied().collect();
    let value = Value::States(set.into());
    Observation { point: PointIndex(point), value, quality: Quality::Good }
}

fn number(point: u32, number: f64) -> Observation {
    let unit = if point == CURRENT { Unit::Ampere } else { Unit::Pascal };
    let value = Value::number(number, unit);
    Observation { point: PointIndex(point), value, quality: Quality::Good }
}

fn span(bits: u64) -> SpanId {
    SpanId::from_bits(bits)
}

/// A recorder, the time that passes for it, and what came out of it.
struct Run {
    recorder: Recorder,
    now: Uptime,
    /// How far the wall clock was set since the begin.
    set_by_ms: i64,
    spans: u64,
    /// Whether the disk makes everything durable at once.
    disk_works: bool,
    waiting: Vec<(Lane, BatchName)>,
    packs: Vec<Pack>,
    beats: Vec<OutgoingBeat>,
    let_go: Vec<Lane>,
    durable: PerLane<Option<BatchName>>,
    bodies: Vec<(Lane, usize)>,
}

impl Run {
    fn new() -> Run {
        Run::after(PerLane::default())
    }

    fn after(recovered: PerLane<Recovered>) -> Run {
        let labels = Labels {
            gateway: GatewayId::parse("mall-01").expect("a gateway"),
            catalogue: inventory().catalogue().hash(),
        };
        let wall = GatewayTime::from_millis(WALL * 1_000);
        let floor = GatewayTime::from_millis(0);
        let now = Uptime::default();
        let mut recorder = Recorder::new(inventory(), labels, recovered, floor, now, wall, span(1));
        // What is cut, and what it vouches for, is shown with points that change at will.
        recorder.points.most_changes = u32::MAX;
        Run {
            recorder,
            now,
            set_by_ms: 0,
            spans: 1,
            disk_works: true,
            waiting: Vec::new(),
            packs: Vec::new(),
            beats: Vec::new(),
            let_go: Vec::new(),
            durable: PerLane::default(),
            bodies: Vec::new(),
        }
    }

    /// A run whose devices have all said once what they have to say.
    fn started() -> Run {
        let mut run = Run::new();
        run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[]), state(SMOKE2, &[])]);
        run.poll(RISER1, Lane::Routine, vec![number(PRESSURE1, 400_000.0)]);
        run.poll(RISER2, Lane::Routine, vec![number(PRESSURE2, 500_000.0)]);
        run.poll(PUMP, Lane::Urgent, vec![state(RUNNING, &[])]);
        run.poll(PUMP, Lane::Routine, vec![number(CURRENT, 0.0)]);
        run.pass(0);
        run.packs.clear();
        run.beats.clear();
        run
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now.plus(Millis::new(millis));
        loop {
            let next = self.recorder.deadline().min(until);
            self.now = self.now.max(next);
            let mut outputs = Vec::new();
            self.recorder.tick(self.now, &mut outputs);
            self.take(outputs);
            if self.now == until {
                return;
            }
        }
    }

    fn news(&mut self, news: News) {
        let mut outputs = Vec::new();
        self.recorder.news(news, self.now, &mut outputs);
        self.take(outputs);
    }

    fn poll(&mut self, device: DeviceIndex, lane: Lane, changed: Vec<Observation>) {
        self.news(News::Polled { device, lane, at: self.now, changed });
    }

    /// Every device that is not in the list is polled without a change.
    fn poll_all_but(&mut self, without: &[DeviceIndex]) {
        for (device, lane) in [
            (FACP, Lane::Urgent),
            (RISER1, Lane::Routine),
            (RISER2, Lane::Routine),
            (PUMP, Lane::Urgent),
            (PUMP, Lane::Routine),
        ] {
            if !without.contains(&device) {
                self.poll(device, lane, vec![]);
            }
        }
    }

    fn lose(&mut self, device: DeviceIndex) {
        self.news(News::Lost { device, at: self.now });
    }

    fn want(&mut self, lane: Lane, number: u64) {
        let mut outputs = Vec::new();
        self.recorder.want(lane, number, self.now, &mut outputs);
        self.take(outputs);
    }

    /// Someone sets the wall clock.
    fn set_wall(&mut self, by_ms: i64) -> WallClock {
        self.set_by_ms += by_ms;
        self.spans += 1;
        let wall = self.now.since_begin().get() as i64 + WALL * 1_000 + self.set_by_ms;
        let mut outputs = Vec::new();
        let wall = GatewayTime::from_millis(wall);
        let answer = self.recorder.wall(self.now, wall, span(self.spans), &mut outputs);
        self.take(outputs);
        answer
    }

    fn beat(&mut self) -> Beat {
        let mut outputs = Vec::new();
        self.recorder.connected(self.now, &mut outputs);
        self.take(outputs);
        self.beats.last().expect("a beat").beat.clone()
    }

    /// The disk makes the oldest batches durable, so many of them.
    fn flush(&mut self, count: usize) {
        for _ in 0..count {
            if self.waiting.is_empty() {
                return;
            }
            let (lane, name) = self.waiting.remove(0);
            self.durable[lane] = Some(name);
            let mut outputs = Vec::new();
            self.recorder.durable(lane, name, self.now, &mut outputs);
            self.note(outputs);
        }
    }

    fn take(&mut self, outputs: Vec<Output>) {
        self.note(outputs);
        if self.disk_works {
            self.flush(usize::MAX);
        }
    }

    fn note(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append(batch) => {
                    let pack = pack::decode(&batch.body).expect("a batch");
                    assert_eq!(pack.faults, []);
                    assert_eq!((pack.head.lane, pack.head.name), (batch.lane, batch.name));
                    self.bodies.push((batch.lane, batch.body.len()));
                    self.packs.push(pack);
                    self.waiting.push((batch.lane, batch.name));
                }
                Output::Beat(beat) => self.beats.push(beat),
                Output::LetGo(lane) => self.let_go.push(lane),
            }
        }
    }

    /// What was cut since the last call, as text.
    fn told(&mut self) -> Vec<String> {
        self.packs.drain(..).map(|pack| text(&pack)).collect()
    }
}

/// A batch as a line: lane and number, labels, readings with the time since the run began.
fn text(pack: &Pack) -> String {
    let since = |time: GatewayTime| time.millis() - WALL * 1_000;
    let mut text = format!("{} {}", pack.head.lane, pack.head.name.seq);
    if let Some(after) = pack.head.after {
        text += &match after {
            After::Nothing => " after nothing".to_owned(),
            After::Batch(name) => format!(" after {}/{}", name.span.bits(), name.seq),
        };
    }
    if let Some(Stretch { from, until }) = pack.head.stretch {
        text += &format!(" [{}..{}]", since(from), since(until));
    }
    text += match pack.head.refresh {
        Some(RefreshPiece::More) => " more",
        Some(RefreshPiece::Last) => " last",
        None => "",
    };
    for (_, reading) in &pack.readings {
        text += &format!(" | {} {} {}", reading.point, since(reading.time), reading.value);
    }
    text
}

#[track_caller]
fn check(run: &mut Run, told: &[&str]) {
    assert_eq!(run.told(), told);
}

#[test]
fn a_span_begins_with_a_refresh_that_vouches_when_every_device_has_spoken() {
    let mut run = Run::new();
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[]), state(SMOKE2, &[State::Fire])]);
    check(
        &mut run,
        &["urgent 1 after nothing more | facp/smoke2 0 fire | facp/smoke1 0 normal \
           | facp/comm 0 normal"],
    );
    run.pass(300);
    run.poll(PUMP, Lane::Urgent, vec![state(RUNNING, &[])]);
    check(&mut run, &["urgent 2 [0..0] last | pump/running 300 normal | pump/comm 300 normal"]);
}

#[test]
fn no_beat_vouches_for_a_lane_before_every_device_has_spoken() {
    let mut run = Run::new();
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[]), state(SMOKE2, &[])]);
    assert_eq!(run.beat().lanes.urgent.until, None);
    run.pass(100);
    run.poll(PUMP, Lane::Urgent, vec![state(RUNNING, &[])]);
    assert_eq!(run.beat().lanes.urgent.until, Some(GatewayTime::from_millis(WALL * 1_000)));
}

#[test]
fn an_urgent_change_is_cut_at_once_and_a_routine_change_within_200_ms() {
    let mut run = Run::started();
    run.pass(400);
    run.poll(RISER1, Lane::Routine, vec![number(PRESSURE1, 350_000.0)]);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fault])]);
    check(&mut run, &["urgent 3 [0..0] | facp/smoke1 400 fault"]);
    run.pass(150);
    run.poll(RISER2, Lane::Routine, vec![number(PRESSURE2, 450_000.0)]);
    check(&mut run, &[]);
    run.pass(50);
    check(
        &mut run,
        &["routine 4 [0..0] | riser1/pressure 400 350000 Pa | riser2/pressure 550 450000 Pa"],
    );
}

#[test]
fn a_stretch_goes_on_where_the_last_one_ended() {
    let mut run = Run::started();
    run.pass(500);
    run.poll_all_but(&[]);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fault])]);
    run.pass(500);
    run.poll_all_but(&[]);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[])]);
    check(
        &mut run,
        &[
            "urgent 3 [0..500] | facp/smoke1 500 fault",
            "urgent 4 [500..1000] | facp/smoke1 1000 normal",
        ],
    );
}

#[test]
fn a_number_inside_its_deadband_is_not_sent_but_a_refresh_tells_it() {
    let mut run = Run::started();
    run.pass(500);
    run.poll(RISER1, Lane::Routine, vec![number(PRESSURE1, 400_900.0)]);
    run.pass(500);
    check(&mut run, &[]);
    run.want(Lane::Routine, 7);
    let told = run.told();
    assert!(told[0].contains("riser1/pressure 500 400900 Pa"), "{told:?}");
}

/// PROTOCOL §6.18.
#[test]
fn each_wanted_refresh_is_answered_once() {
    let mut run = Run::started();
    run.pass(500);
    run.want(Lane::Urgent, 7);
    let answer = "urgent 3 [0..0] last | facp/smoke1 0 normal | facp/smoke2 0 normal \
                  | pump/running 0 normal | facp/comm 0 normal | pump/comm 0 normal";
    check(&mut run, &[answer]);
    run.want(Lane::Urgent, 7);
    check(&mut run, &[]);
    run.want(Lane::Urgent, 8);
    check(&mut run, &[&answer.replacen('3', "4", 1)]);
}

#[test]
fn a_wanted_refresh_waits_until_every_device_has_spoken() {
    let mut run = Run::new();
    run.want(Lane::Urgent, 1);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[]), state(SMOKE2, &[])]);
    assert_eq!(run.told().len(), 1, "the span's own refresh");
    run.lose(PUMP);
    let told = run.told();
    assert!(told[0].ends_with("last | pump/comm 0 fault"), "{told:?}");
    assert!(told.iter().any(|text| text.starts_with("urgent 3 ") && text.contains("smoke1")));
}

#[test]
fn a_dead_device_is_one_record_in_each_of_its_lanes_with_the_time_of_its_last_poll() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[]);
    run.pass(2_000);
    run.poll_all_but(&[PUMP]);
    run.lose(PUMP);
    run.lose(PUMP);
    run.pass(200);
    check(
        &mut run,
        &[
            "urgent 3 [0..3000] | pump/comm 1000 fault",
            "routine 4 [0..3000] | pump/comm 1000 fault",
        ],
    );
}

#[test]
fn a_dead_device_does_not_hold_the_others_back() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[PUMP]);
    assert_eq!(run.beat().lanes.urgent.until, Some(GatewayTime::from_millis(WALL * 1_000)));
    run.lose(PUMP);
    let until = GatewayTime::from_millis(WALL * 1_000 + 1_000);
    assert_eq!(run.beat().lanes.urgent.until, Some(until));
}

#[test]
fn a_returned_device_tells_its_points_and_then_that_it_is_back() {
    let mut run = Run::started();
    run.pass(1_000);
    run.lose(PUMP);
    run.told();
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![]);
    run.poll(PUMP, Lane::Urgent, vec![state(RUNNING, &[State::Active])]);
    check(
        &mut run,
        &[
            "routine 4 [0..0] | pump/comm 0 fault",
            "urgent 4 [0..2000] more | pump/running 2000 active | pump/comm 2000 normal",
        ],
    );
}

#[test]
fn a_pause_between_two_polls_is_a_batch_and_is_not_vouched_for() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[]);
    let before = run.beat().lanes.urgent.until;
    run.pass(9_000);
    run.poll(FACP, Lane::Urgent, vec![]);
    assert_eq!(run.beat().lanes.urgent.until, before, "nothing later before the batch");
    run.pass(100);
    run.poll(PUMP, Lane::Urgent, vec![]);
    check(&mut run, &["urgent 3 [10000..10000]"]);
    let until = GatewayTime::from_millis(WALL * 1_000 + 10_000);
    assert_eq!(run.beat().lanes.urgent.until, Some(until));
}

#[test]
fn what_was_collected_before_a_pause_is_vouched_for_as_it_was() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[]);
    run.poll(RISER1, Lane::Routine, vec![number(PRESSURE1, 100_000.0)]);
    // The whole box freezes: no deadline is met.
    run.now = run.now.plus(Millis::seconds(60));
    run.poll(RISER1, Lane::Routine, vec![]);
    check(&mut run, &["routine 4 [0..1000] | riser1/pressure 1000 100000 Pa"]);
    run.poll_all_but(&[RISER1]);
    check(&mut run, &["urgent 3 [61000..61000]", "routine 5 [61000..61000]"]);
}

#[test]
fn a_slow_device_has_made_no_pause() {
    let mut run = Run::started();
    run.pass(8_000);
    run.poll(PUMP, Lane::Routine, vec![]);
    run.pass(1_000);
    check(&mut run, &[]);
}

#[test]
fn no_beat_tells_what_is_not_durable() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[]);
    let durable = run.beat().lanes.urgent;
    run.disk_works = false;
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    run.poll_all_but(&[FACP]);
    let beat = run.beat();
    assert_eq!(beat.lanes.urgent, durable);
    assert_eq!(beat.alarm_count, 1);
    run.flush(1);
    let later = run.beat().lanes.urgent;
    assert_eq!(later.head.map(|head| head.seq), durable.head.map(|head| head.seq + 1));
    assert!(durable.until < later.until);
}

/// PROTOCOL §6.14.
#[test]
fn a_fire_sends_a_beat_at_once_even_if_the_disk_stands_still() {
    let mut run = Run::started();
    run.disk_works = false;
    run.pass(700);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    let beat = run.beats.pop().expect("a beat");
    assert_eq!(beat.occasion, Occasion::Immediate);
    assert_eq!(beat.beat.alarms.len(), 1);
    assert_eq!(beat.beat.alarms[0].t, GatewayTime::from_millis(WALL * 1_000 + 700));
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[])]);
    let beat = run.beats.pop().expect("a beat");
    assert_eq!((beat.occasion, beat.beat.alarm_count), (Occasion::Immediate, 0));
}

#[test]
fn a_fire_that_runs_ahead_of_its_poll_is_cut_and_told_once() {
    let mut run = Run::started();
    run.pass(700);
    let changed = vec![state(SMOKE1, &[State::Fire])];
    run.news(News::Ahead { device: FACP, at: run.now, changed: changed.clone() });
    check(&mut run, &["urgent 3 [0..0] | facp/smoke1 700 fire"]);
    assert_eq!(run.beats.len(), 1);
    run.poll(FACP, Lane::Urgent, changed);
    check(&mut run, &[]);
    assert_eq!(run.beats.len(), 1);
}

#[test]
fn a_fire_of_a_device_that_is_reported_as_failed_is_told_all_the_same() {
    let mut run = Run::started();
    run.pass(700);
    run.lose(FACP);
    run.told();
    run.news(News::Ahead {
        device: FACP,
        at: run.now,
        changed: vec![state(SMOKE1, &[State::Fire])],
    });
    check(&mut run, &["urgent 4 [0..0] | facp/smoke1 700 fire"]);
}

#[test]
fn a_prealarm_that_becomes_a_fire_is_a_new_onset() {
    let mut run = Run::started();
    run.pass(700);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Prealarm])]);
    run.pass(500);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire, State::Prealarm])]);
    assert_eq!(run.beat().alarms[0].t, GatewayTime::from_millis(WALL * 1_000 + 1_200));
    run.pass(500);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    assert_eq!(run.beat().alarms[0].t, GatewayTime::from_millis(WALL * 1_000 + 1_200));
}

#[test]
fn alarms_are_listed_fire_first_and_newest_first() {
    let mut run = Run::started();
    run.pass(100);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    run.pass(100);
    run.poll(PUMP, Lane::Urgent, vec![state(RUNNING, &[State::Supervisory])]);
    run.pass(100);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE2, &[State::Fire])]);
    let listed: Vec<String> = run.beat().alarms.iter().map(|alarm| alarm.n.to_string()).collect();
    assert_eq!(listed, ["facp/smoke2", "facp/smoke1", "pump/running"]);
}

#[test]
fn a_beat_comes_every_ten_seconds_and_after_connecting() {
    let mut run = Run::started();
    run.pass(30_500);
    assert_eq!(run.beats.len(), 3);
    run.beat();
    run.pass(9_900);
    assert_eq!(run.beats.len(), 4);
}

#[test]
fn a_spool_that_does_not_flush_within_a_second_is_failing() {
    let mut run = Run::started();
    run.disk_works = false;
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fault])]);
    assert_eq!(run.beat().spool, SpoolHealth::Ok);
    run.pass(1_001);
    assert_eq!(run.beat().spool, SpoolHealth::Failing);
    assert_eq!((run.beat().depth, run.beat().age), (1, Millis::new(1_001)));
    run.flush(1);
    assert_eq!(run.beat().spool, SpoolHealth::Ok);
    let failing = Standing { failing: true, ..Standing::default() };
    run.recorder.standing(Lane::Routine, failing);
    assert_eq!(run.beat().spool, SpoolHealth::Failing);
}

#[test]
fn a_step_of_the_wall_clock_begins_a_span_with_a_refresh_after_the_last_batch() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll_all_but(&[]);
    run.poll(RISER1, Lane::Routine, vec![number(PRESSURE1, 100_000.0)]);
    assert_eq!(run.set_wall(60_000), WallClock::Stepped);
    check(&mut run, &["routine 4 [0..1000] | riser1/pressure 1000 100000 Pa"]);
    assert_eq!(run.beat().lanes, PerLane::default(), "nothing of the new span is durable");
    run.poll_all_but(&[]);
    check(
        &mut run,
        &[
            "urgent 1 after 1/2 more | facp/smoke1 61000 normal | facp/smoke2 61000 normal \
             | facp/comm 61000 normal",
            "routine 1 after 1/4 more | riser1/pressure 61000 100000 Pa | riser1/comm 61000 normal",
            "routine 2 more | riser2/pressure 61000 500000 Pa | riser2/comm 61000 normal",
            "urgent 2 [61000..61000] last | pump/running 61000 normal | pump/comm 61000 normal",
            "routine 3 [61000..61000] last | pump/current 61000 0 A | pump/comm 61000 normal",
        ],
    );
}

#[test]
fn a_clock_that_goes_back_begins_at_the_newest_time_of_the_spool() {
    let mut run = Run::started();
    run.pass(20_000);
    run.poll_all_but(&[]);
    run.told();
    assert_eq!(run.set_wall(-300_000), WallClock::Stepped);
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![]);
    let told = run.told();
    // The pause of 20 s was told up to 20000; the new span goes on from there.
    assert!(told[0].contains("facp/smoke1 21000 normal"), "{told:?}");
}

#[test]
fn a_small_step_of_the_wall_clock_keeps_the_span() {
    let mut run = Run::started();
    assert_eq!(run.set_wall(4_000), WallClock::Follows);
    run.pass(500);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fault])]);
    check(&mut run, &["urgent 3 [0..0] | facp/smoke1 502 fault"]);
}

#[test]
fn a_fire_that_burns_on_in_a_new_span_began_with_it() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    run.pass(1_000);
    run.set_wall(60_000);
    let beat = run.beat();
    assert_eq!(beat.span, span(2));
    assert_eq!(beat.alarms[0].t, GatewayTime::from_millis(WALL * 1_000 + 62_000));
}

#[test]
fn a_device_that_was_dead_is_dead_in_the_new_span_until_it_answers() {
    let mut run = Run::started();
    run.pass(1_000);
    run.lose(PUMP);
    run.told();
    run.set_wall(60_000);
    let told = run.told();
    assert!(
        told.contains(&"urgent 1 after 1/3 more | pump/comm 61000 fault".to_owned()),
        "{told:?}"
    );
}

#[test]
fn a_run_goes_on_after_the_last_batch_of_the_spool_and_never_before_its_newest_time() {
    let last = BatchName { span: span(99), seq: 41 };
    let newest = GatewayTime::from_millis((WALL + 3_600) * 1_000);
    let urgent = Recovered { last: Some(last), newest: Some(newest) };
    let recovered = PerLane { urgent, routine: Recovered::default() };
    let mut run = Run::after(recovered);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[]), state(SMOKE2, &[])]);
    let told = run.told();
    assert!(
        told[0].starts_with("urgent 1 after 99/41 more | facp/smoke1 3600000 normal"),
        "{told:?}"
    );
}

#[test]
fn a_batch_is_cut_at_eight_kib_and_only_its_last_piece_vouches() {
    let mut run = Run::started();
    run.pass(1_000);
    // The disk stands still long enough for many changes to be collected.
    run.disk_works = false;
    for round in 0..lane::OUTSTANDING_BATCHES as u64 + 400 {
        run.pass(20);
        let states: &[State] = if round % 2 == 0 { &[State::Fault] } else { &[] };
        run.poll_all_but(&[FACP]);
        run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, states)]);
    }
    run.packs.clear();
    run.disk_works = true;
    run.flush(usize::MAX);
    let urgent: Vec<&Pack> =
        run.packs.iter().filter(|pack| pack.head.lane == Lane::Urgent).collect();
    let count: usize = urgent.iter().map(|pack| pack.readings.len()).sum();
    assert_eq!(count, 400, "every change exactly once");
    assert!(1 < urgent.len());
    let (last, others) = urgent.split_last().expect("pieces");
    assert!(last.head.stretch.is_some());
    assert!(others.iter().all(|pack| pack.head.stretch.is_none()));
    let longest = run.bodies.iter().map(|(_, bytes)| *bytes).max();
    assert!(longest <= Some(firegrid_wire::limits::BATCH_BYTES), "{longest:?}");
}

#[test]
fn a_disk_that_stands_still_for_long_costs_memory_up_to_a_bound_and_then_the_stretch() {
    let mut run = Run::started();
    run.pass(1_000);
    run.disk_works = false;
    for round in 0..(lane::OUTSTANDING_BATCHES + lane::COLLECTED_READINGS + 1) as u64 {
        run.pass(1);
        let states: &[State] = if round % 2 == 0 { &[State::Fault] } else { &[] };
        run.poll_all_but(&[FACP]);
        run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, states)]);
    }
    assert_eq!(run.let_go, [Lane::Urgent]);
    let before = run.beat().lanes.urgent.until;
    run.packs.clear();
    run.disk_works = true;
    run.flush(usize::MAX);
    run.pass(500);
    run.poll_all_but(&[]);
    let told: Vec<String> =
        run.told().into_iter().filter(|text| text.starts_with("urgent")).collect();
    assert!(told.iter().any(|text| text.contains(" last ") && text.contains("smoke2")), "{told:?}");
    let resumed = run.beat().lanes.urgent.until;
    assert!(before < resumed, "{before:?} {resumed:?}");
}

#[test]
fn a_point_that_chatters_is_told_as_unknown_and_with_its_last_state_when_the_minute_is_over() {
    let mut run = Run::started();
    // What it said first counts too.
    run.recorder.points.most_changes = 3;
    for states in [&[State::Fault][..], &[], &[State::Fault], &[], &[State::Fault]] {
        run.pass(1_000);
        run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, states)]);
    }
    let words = |told: Vec<String>| -> Vec<String> {
        let last = |text: &String| text.rsplit("facp/smoke1 ").next().map(str::to_owned);
        told.iter().filter(|text| text.contains("facp/smoke1")).filter_map(last).collect()
    };
    let told = words(run.told());
    assert_eq!(told, ["1000 fault", "2000 normal", "3000 unknown"]);
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[State::Fire])]);
    assert_eq!(words(run.told()), ["6000 fire"], "a fire is never held");
    run.pass(1_000);
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE1, &[])]);
    assert_eq!(words(run.told()), ["7000 unknown"]);
    for _ in 0..54 {
        run.pass(1_000);
        run.poll(FACP, Lane::Urgent, vec![]);
    }
    assert_eq!(words(run.told()), ["60000 normal"], "the last state gets out");
}
