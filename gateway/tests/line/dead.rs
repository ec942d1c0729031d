//! Dead devices on a bus that is not even half busy: those that answer keep their periods.
//!
//! Eight devices, three of which die: one falls silent, one refuses everything, one answers
//! later than the line's `timeout`. What counts is how far the time between two polls of an area
//! is from its period, from when the three have been told as lost. The bus without dead ones is
//! measured in the same run. In virtual time it is asserted, over real wires only printed; what
//! is read must be right everywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firegrid_gateway::clock::Uptime;
use firegrid_gateway::line::endpoint::{Endpoint, Stream};
use firegrid_gateway::line::report::Standing;
use firegrid_gateway::line::wire::Wire;
use firegrid_gateway::poll::News;
use firegrid_gateway::settings::{Leads, Parity, Serial, Settings};
use firegrid_wire::span::Lane;
use tokio_serial::{SerialPort as _, SerialStream};

use crate::bus;
use crate::peer::{Peer, Question, Reaction, in_memory};
use crate::site::{Site, settings_with};

const UNITS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const SILENT: u8 = 2;
const REFUSES: u8 = 4;
const LATE: u8 = 6;
const DEAD: [u8; 3] = [SILENT, REFUSES, LATE];

const ALARM_PERIOD: u64 = 1_000;
const ANALOG_PERIOD: u64 = 2_000;

/// Later than the line's `timeout`.
const TOO_LATE: Duration = Duration::from_millis(1_200);

/// The most that the time between two polls may be off, as a part of the period, at p99.
const OFF_AT_MOST: f64 = 0.10;

fn eight() -> Settings {
    let keys =
        format!("alarm_period = \"{ALARM_PERIOD}ms\"\nanalog_period = \"{ANALOG_PERIOD}ms\"\n");
    settings_with(([127, 0, 0, 1], 1).into(), &UNITS, &keys, "1s")
}

/// 48 questions in two seconds, each with its answer 18.6 ms and 1.75 ms of silence: 49 %.
fn wire() -> Serial {
    Serial {
        path: "/dev/null".into(),
        baud: 38_400,
        parity: Parity::None,
        stop_bits: 1,
        silence: None,
    }
}

/// What a device needs besides the wire: with 48 questions in two seconds, less than half of it.
const RTU_THINKS: Duration = Duration::from_millis(3);
const TCP_THINKS: Duration = Duration::from_millis(18);

/// All answer until the three die.
fn react(
    thinks: Duration,
    dying: &Arc<AtomicBool>,
) -> impl Fn(Question) -> Reaction + Clone + use<> {
    let dying = Arc::clone(dying);
    move |question| match (dying.load(Ordering::Relaxed), question.unit) {
        (true, SILENT) => Reaction::Silence,
        (true, REFUSES) => Reaction::Except(2),
        (true, LATE) => Reaction::AnswerAfter(TOO_LATE),
        (true | false, _) => Reaction::AnswerAfter(thinks),
    }
}

/// How long which part of a run takes.
struct Length {
    before: Duration,
    measured: Duration,
}

/// Runs the line, healthy first and then with the three dead; the worst part of its period that
/// an area of the others was off, at p99, in both.
async fn measure(name: &str, mut site: Site, dying: &AtomicBool, length: Length) -> (f64, f64) {
    // The line learns how fast its devices are.
    let learning = site.during(length.before).await;
    site.check(&learning);
    let alive = site.during(length.measured).await;
    site.check(&alive);
    dying.store(true, Ordering::Relaxed);
    for _ in DEAD {
        site.until(|news| matches!(news, News::Lost { .. })).await;
    }
    // What the last failed poll has delayed comes late, and the next turn in time.
    let catching_up = site.during(Duration::from_secs(2)).await;
    site.check(&catching_up);
    let dead = site.during(length.measured).await;
    site.check(&dead);
    let report = site.view.report();
    for device in &report.devices {
        let lost = matches!(device.standing, Standing::Lost { .. });
        assert_eq!(lost, DEAD.contains(&device.unit_id), "{name}: {device:#?}");
    }
    let healthy = |device: u32| !DEAD.contains(&UNITS[device as usize]);
    let (before, with) = (off_at_p99(&alive, healthy), off_at_p99(&dead, healthy));
    let probes: u64 = report.devices.iter().map(|device| device.unanswered).sum();
    println!(
        "{name}: p99 off the period by {:.2} % with all alive, by {:.2} % with three dead; \
         {probes} questions in vain",
        before * 100.0,
        with * 100.0
    );
    (before, with)
}

/// The worst area's time between two polls, less its period, as a part of the period, at p99.
fn off_at_p99(all: &[News], counts: impl Fn(u32) -> bool) -> f64 {
    let mut last: BTreeMap<(u32, &str), Uptime> = BTreeMap::new();
    let mut off: BTreeMap<(u32, &str), Vec<f64>> = BTreeMap::new();
    for news in all {
        let News::Polled { device, lane, at, .. } = news else { continue };
        let (name, period) = match lane {
            Lane::Urgent => ("alarm", ALARM_PERIOD),
            Lane::Routine => ("analog", ANALOG_PERIOD),
        };
        if let Some(before) = last.insert((device.0, name), *at)
            && counts(device.0)
        {
            let took = at.since(before).get() as f64 / period as f64;
            off.entry((device.0, name)).or_default().push((took - 1.0).abs());
        }
    }
    assert_eq!(off.len(), 2 * UNITS.iter().filter(|unit| counts(u32::from(**unit) - 1)).count());
    let p99 = off.into_values().map(|mut off| {
        off.sort_by(f64::total_cmp);
        off[(off.len() * 99).div_ceil(100) - 1]
    });
    p99.fold(0.0, f64::max)
}

const HALF_AN_HOUR: Length =
    Length { before: Duration::from_secs(60), measured: Duration::from_secs(1_800) };

#[track_caller]
fn keeps_its_periods((before, with): (f64, f64)) {
    assert!(before <= OFF_AT_MOST, "not even with all alive: {before}");
    assert!(with <= OFF_AT_MOST, "off by {with}");
}

/// A bus in memory at the far end of a serial wire.
fn rtu_in_memory(dying: &Arc<AtomicBool>) -> Endpoint {
    let react = react(RTU_THINKS, dying);
    let opener = Box::new(move || {
        let (ours, theirs) = tokio::io::duplex(1_024);
        tokio::spawn(bus::serve(theirs, wire(), react.clone()));
        Ok(Box::new(ours) as Box<dyn Stream>)
    });
    Endpoint::in_memory(Wire::serial(wire()), opener)
}

#[tokio::test(start_paused = true)]
async fn on_rtu_the_healthy_keep_their_periods_beside_three_dead() {
    let dying = Arc::new(AtomicBool::new(false));
    let site = Site::start_over(rtu_in_memory(&dying), eight(), 256);
    keeps_its_periods(measure("RTU, virtual time", site, &dying, HALF_AN_HOUR).await);
}

#[tokio::test(start_paused = true)]
async fn on_tcp_the_healthy_keep_their_periods_beside_three_dead() {
    let dying = Arc::new(AtomicBool::new(false));
    let site = Site::start_over(in_memory(react(TCP_THINKS, &dying)), eight(), 256);
    keeps_its_periods(measure("TCP, virtual time", site, &dying, HALF_AN_HOUR).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_back_from_the_dead_is_found() {
    let dying = Arc::new(AtomicBool::new(true));
    let mut site = Site::start_over(rtu_in_memory(&dying), eight(), 256);
    for _ in DEAD {
        site.until(|news| matches!(news, News::Lost { .. })).await;
    }
    site.during(Duration::from_secs(3_600)).await;
    dying.store(false, Ordering::Relaxed);
    // The longest pause, and the longest that a probe waits for slack.
    let all = site.during(Duration::from_secs(30 + 60 + 5)).await;
    site.check(&all);
    let report = site.view.report();
    let back = report.devices.iter().filter(|device| device.standing == Standing::Answers);
    assert_eq!(back.count(), UNITS.len(), "{report:#?}");
    assert!(!all.iter().any(|news| matches!(news, News::Lost { .. })), "told once");
}

/// Over a real wire a run is short: it is for the values, and to be looked at.
const SHORT: Length = Length { before: Duration::from_secs(3), measured: Duration::from_secs(6) };

#[tokio::test]
async fn over_real_tcp_what_is_read_beside_three_dead_is_right() {
    let dying = Arc::new(AtomicBool::new(false));
    let peer = Peer::start(react(TCP_THINKS, &dying)).await;
    let site = Site::start(at_address(eight(), &peer), 256);
    measure("TCP, real socket", site, &dying, SHORT).await;
}

fn at_address(mut settings: Settings, peer: &Peer) -> Settings {
    let address = peer.address.to_string().parse().expect("an address");
    let to = firegrid_gateway::settings::Dialled { address, backup: None };
    settings.lines[0].leads = Leads::Tcp(to);
    settings
}

#[tokio::test]
async fn over_a_pseudo_terminal_what_is_read_beside_three_dead_is_right() {
    let dying = Arc::new(AtomicBool::new(false));
    let (far, near) = SerialStream::pair().expect("a pseudo terminal");
    let path = PathBuf::from(near.name().expect("a name"));
    // As long as it is held, the far end does not hang up while the line opens it anew.
    let _held = File::options().read(true).write(true).open(&path).expect("a second hand on it");
    drop(near);
    tokio::spawn(bus::serve(far, wire(), react(RTU_THINKS, &dying)));
    let mut settings = eight();
    settings.lines[0].leads = Leads::Serial(Serial { path, ..wire() });
    measure("RTU, pseudo terminal", Site::start(settings, 256), &dying, SHORT).await;
}
