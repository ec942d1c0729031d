//! `make bench-gateway`: what the gateway takes, beside a bare loop that reads the same blocks.
//!
//! ```text
//!   devices ──► gateway ──► tap ──► Mosquitto ──► ingest        what is measured: gateway
//!      └─────► bare loop                                        beside it: bare loop
//! ```
//!
//! Gateway, bare loop, broker and ingest are processes of their own; devices and tap live in
//! this one. CPU time and memory are what the kernel counts for the gateway's process. Prints
//! what it does, and as its last line one JSON object. Run by `cargo test` it does the same with
//! little, so that it cannot rot, and judges no figure.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod bare;
mod devices;
mod flips;
mod site;
mod tap;

use std::time::{Duration, Instant};

use devices::Devices;
use serde_json::json;
use system_tests::{Broker, Centre, Gateway, Part, World};
use tap::Tap;

/// What is read, and how often.
#[derive(Debug, Clone, Copy)]
struct Shape {
    devices: usize,
    /// Analog and alarm registers of each device.
    analogs: usize,
    alarms: usize,
    /// The most registers of one request.
    longest: u16,
    /// No period: without a pause.
    analog_period: Option<Duration>,
    alarm_period: Option<Duration>,
}

/// How much is done.
struct Size {
    large: Shape,
    small: Shape,
    fast: Shape,
    /// How long a box settles after its centre knows it, and how long it is looked at.
    settle: Duration,
    watch: Duration,
    flips: usize,
}

const SECOND: Duration = Duration::from_secs(1);

const FULL: Size = Size {
    large: Shape {
        devices: 10,
        analogs: 8_000,
        alarms: 1_000,
        longest: 125,
        analog_period: Some(SECOND),
        alarm_period: Some(Duration::from_millis(500)),
    },
    small: Shape {
        devices: 8,
        analogs: 1_000,
        alarms: 0,
        longest: 125,
        analog_period: Some(SECOND),
        alarm_period: None,
    },
    // So many requests that the shortest period of the settings is over before the last answer.
    fast: Shape {
        devices: 1,
        analogs: 60_000,
        alarms: 0,
        longest: 8,
        analog_period: None,
        alarm_period: None,
    },
    settle: Duration::from_secs(5),
    watch: Duration::from_secs(30),
    flips: 200,
};

const SMALL: Size = Size {
    large: Shape { devices: 2, analogs: 200, alarms: 100, ..FULL.large },
    small: Shape { devices: 1, analogs: 100, ..FULL.small },
    fast: Shape { analogs: 4_000, ..FULL.fast },
    settle: Duration::from_millis(500),
    watch: Duration::from_secs(2),
    flips: 4,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(bare::ARGUMENT) {
        return bare::run(arguments);
    }
    // Everything that is started from here on keeps to this core too, but for the readers.
    keep_to(OTHERS, std::process::id());
    let size = if std::env::args().any(|argument| argument == "--bench") { FULL } else { SMALL };
    // `make bench-gateway ONLY=small` measures a part; what was not measured is null.
    let only = std::env::var("ONLY").unwrap_or_default();
    let measures = |part: &str| only.is_empty() || only.split(',').any(|asked| asked == part);
    let large = measures("large").then(|| Run::of(size.large, &size, size.flips));
    let small = measures("small").then(|| Run::of(size.small, &size, 0));
    let fast = measures("fast").then(|| Run::of(size.fast, &size, 0));
    let figures = [
        figure("registers_per_second", &large, |run| run.gateway.per_second, At::Least(99_000.0)),
        figure("cpu_s_per_million_registers", &large, |run| run.gateway.cpu, At::Any),
        figure("bare_loop_cpu_ratio", &large, |run| run.gateway.cpu / run.bare.cpu, At::Most(2.0)),
        figure("rss_mib", &large, |run| run.rss_mib, At::Most(40.0)),
        figure("change_to_puback_p50_ms", &large, |run| run.puback(50), At::Any),
        figure("change_to_puback_p99_ms", &large, |run| run.puback(99), At::Most(550.0)),
        figure("bytes_on_wire_per_second", &large, |run| run.bytes_per_second, At::Any),
        figure("small_rss_mib", &small, |run| run.rss_mib, At::Most(12.0)),
        figure("small_cpu_s_per_million_registers", &small, |run| run.gateway.cpu, At::Most(0.5)),
        figure(
            "max_rate_ratio",
            &fast,
            |run| run.gateway.per_second / run.bare.per_second,
            At::Least(0.9),
        ),
    ];
    let mut object = serde_json::Map::new();
    for (name, measured, target) in figures {
        println!("{name:<36}{}", target.judged(measured));
        object.insert(name.to_owned(), json!(measured));
    }
    println!("{}", serde_json::Value::Object(object));
}

/// The core of whoever reads, and that of everybody else: by themselves they meet on one core or
/// on two as it comes, and the one asks and answers three times as fast as the other.
const READER: &str = "0";
const OTHERS: &str = "1";

/// Keeps a process and its threads to a core, if there are two.
fn keep_to(core: &str, process: u32) {
    if std::thread::available_parallelism().map_or(1, |cores| cores.get()) < 2 && core == OTHERS {
        return println!("There is one core: readers share it with all others.");
    }
    let mut taskset = std::process::Command::new("taskset");
    let taskset = taskset.args(["-a", "-c", "-p", core, &process.to_string()]).output();
    if !taskset.is_ok_and(|done| done.status.success()) {
        println!("Process {process} keeps to no core: taskset cannot be run.");
    }
}

/// What a figure is to be.
enum At {
    Least(f64),
    Most(f64),
    Any,
}

impl At {
    fn judged(&self, measured: Option<f64>) -> String {
        let (target, met) = match (self, measured) {
            (_, None) => return format!("{:>12}", "not measured"),
            (At::Any, Some(measured)) => return format!("{measured:>12}"),
            (At::Least(least), Some(measured)) => (format!("at least {least}"), *least <= measured),
            (At::Most(most), Some(measured)) => (format!("at most {most}"), measured <= *most),
        };
        let measured = measured.unwrap_or_default();
        format!("{measured:>12}   {target:<18} {}", if met { "met" } else { "NOT MET" })
    }
}

type Figure = (&'static str, Option<f64>, At);

fn figure(name: &'static str, run: &Option<Run>, of: fn(&Run) -> f64, target: At) -> Figure {
    let rounded = |figure: f64| {
        let steps = if figure < 1_000.0 { 1_000.0 } else { 1.0 };
        (figure * steps).round() / steps
    };
    (name, run.as_ref().map(of).map(rounded), target)
}

/// What one shape has shown.
struct Run {
    gateway: Reader,
    bare: Reader,
    rss_mib: f64,
    bytes_per_second: f64,
    puback_ms: Vec<f64>,
}

/// What a reader of the devices has done.
#[derive(Debug, Clone, Copy)]
struct Reader {
    /// Registers that the devices have answered to it in a second.
    per_second: f64,
    /// CPU seconds per million of them.
    cpu: f64,
}

impl Run {
    fn of(shape: Shape, size: &Size, flips: usize) -> Run {
        println!("{shape:?}");
        let world = World::new();
        let broker = Broker::start(&world);
        let centre = Centre::start(&world, &broker, |_| {});
        let devices = Devices::start(shape.devices, shape.alarms);
        let tap = Tap::start(broker.address());
        let gateway = site::start(&world, tap.address(), devices.addresses(), shape);
        keep_to(READER, gateway.part().process());
        settled(&world, &centre, shape);
        std::thread::sleep(size.settle);
        let (bytes, begin) = (tap.bytes(), Instant::now());
        let read = watch("gateway", gateway.part(), &devices, size.watch);
        let bytes_per_second = (tap.bytes() - bytes) as f64 / begin.elapsed().as_secs_f64();
        let puback_ms = flips::until_puback(&devices, &tap, shape, flips);
        let rss_mib = gateway.part().resident_mib();
        println!(
            "gateway: {rss_mib:.1} MiB resident, {:.1} MiB at most; {bytes_per_second:.0} bytes/s \
             to and from the broker; {} fires acknowledged",
            gateway.part().most_resident_mib(),
            puback_ms.len()
        );
        receipted(&world, &centre, gateway);
        let bare = bare::start(&world, devices.addresses(), shape);
        keep_to(READER, bare.process());
        world.until("the bare loop reads", || bare_reads(&devices));
        let bare = watch("bare loop", &bare, &devices, size.watch);
        Run { gateway: read, bare, rss_mib, bytes_per_second, puback_ms }
    }

    fn puback(&self, percent: usize) -> f64 {
        let place = (self.puback_ms.len() * percent).div_ceil(100).saturating_sub(1);
        self.puback_ms.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// Looks at a reader for a while.
fn watch(name: &str, part: &Part, devices: &Devices, lasting: Duration) -> Reader {
    let (before, cpu, begin) = (devices.answered(), part.cpu_seconds(), Instant::now());
    std::thread::sleep(lasting);
    let (after, took) = (devices.answered(), begin.elapsed().as_secs_f64());
    let cpu = part.cpu_seconds() - cpu;
    let (registers, answers) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{name}: {registers} registers in {answers} answers in {took:.1} s with {cpu:.2} CPU s"
    );
    Reader { per_second: registers as f64 / took, cpu: cpu * 1e6 / registers as f64 }
}

fn bare_reads(devices: &Devices) -> bool {
    let before = devices.answered();
    std::thread::sleep(Duration::from_millis(200));
    before < devices.answered()
}

/// Waits until the centre knows every point and has stored what they said first.
fn settled(world: &World, centre: &Centre, shape: Shape) {
    let points = (shape.devices * (shape.analogs + shape.alarms)) as u64;
    world.until("the centre knows every point", || {
        let health = centre.try_get("health").unwrap_or_default();
        let known = health["points"]["total"].as_u64();
        // 2 % of them move in every second, and wait for the next write of the series.
        let waiting = health["series_waiting"].as_u64();
        known.is_some_and(|known| points <= known) && waiting.is_some_and(|few| few <= points / 10)
    });
}

/// Stops the gateway: what it has told has been taken by then, if the uplink works at all.
fn receipted(world: &World, centre: &Centre, mut gateway: Gateway) {
    assert!(gateway.stop(), "it stops well\n{}", world.state());
    world.until("everything is stored", || {
        centre.try_get("health").unwrap_or_default()["series_waiting"] == 0
    });
}
