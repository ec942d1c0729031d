//! `make bench-ingest`: what the centre bears, through a real Mosquitto on the same machine.
//!
//! Prints what it does, and as its last line one JSON object. Run by `cargo test` it does the
//! same with little, so that it cannot rot, and judges no figure.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod backlog;
mod boxes;
mod load;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use boxes::{BoxOnline, Run};
use firegrid_wire::names::RegionId;
use firegrid_wire::span::Lane;
use firegrid_wire::state::State;
use firegrid_wire::time::{GatewayTime, Millis};
use load::{Packed, Site};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde_json::json;
use system_tests::{Broker, Centre, World};

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Size {
    boxes: usize,
    points_per_box: usize,
    rounds: usize,
    fires: usize,
    /// Boxes of a small and of a large county, with `many_points_per_box` points each.
    few: usize,
    many: usize,
    many_points_per_box: usize,
    backlog: usize,
}

const FULL: Size = Size {
    boxes: 20,
    points_per_box: 5_000,
    rounds: 30,
    fires: 200,
    few: 2,
    many: 200,
    many_points_per_box: 5_000,
    backlog: 200_000,
};

const SMALL: Size = Size {
    boxes: 2,
    points_per_box: 300,
    rounds: 3,
    fires: 3,
    few: 1,
    many: 2,
    many_points_per_box: 300,
    backlog: 2_000,
};

/// Batches under way to the bare subscriber at most: a tenth of what Mosquitto lets wait.
const BARE_UNDER_WAY: usize = 100;

fn main() {
    let size = if std::env::args().any(|argument| argument == "--bench") { FULL } else { SMALL };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    // `make bench-ingest ONLY=loaded` measures a part; what was not measured is null.
    let only = std::env::var("ONLY").unwrap_or_default();
    let measures = |part: &str| only.is_empty() || only.split(',').any(|asked| asked == part);
    let loaded = measures("loaded").then(|| runtime.block_on(loaded(size)));
    let bare = measures("bare").then(|| runtime.block_on(bare(size)));
    let ratio = measures("cost").then(|| {
        let few = cost_per_reading(&runtime, size, size.few);
        cost_per_reading(&runtime, size, size.many) / few
    });
    let behind_ms = measures("backlog").then(|| backlog::fire_behind(size.backlog));
    let rounded = |figure: f64| (figure * 100.0).round() / 100.0;
    let of_loaded = |figure: fn(&Loaded) -> f64| loaded.as_ref().map(figure).map(rounded);
    let per_second = of_loaded(|loaded| loaded.readings_per_second);
    println!(
        "{}",
        json!({
            "readings_per_second": per_second.map(f64::round),
            "bare_subscriber_ratio": per_second.zip(bare).map(|(one, other)| rounded(one / other)),
            "receipt_p99_ms": of_loaded(|loaded| loaded.receipt_p99_ms),
            "urgent_p99_ms": of_loaded(|loaded| loaded.urgent_p99_ms),
            "fire_behind_backlog_ms": behind_ms.map(rounded),
            "mib_per_100k_points": of_loaded(|loaded| loaded.mib_per_100k_points),
            "cost_ratio_1m_to_10k": ratio.map(rounded),
        })
    );
}

struct Loaded {
    readings_per_second: f64,
    receipt_p99_ms: f64,
    urgent_p99_ms: f64,
    mib_per_100k_points: f64,
}

/// All boxes send what they can; a box of its own reports fires meanwhile.
async fn loaded(size: Size) -> Loaded {
    let world = World::new();
    let broker = Broker::start(&world);
    let centre = Centre::start(&world, &broker, |_| {});
    let before_mib = centre.resident_mib();
    let mut boxes = connect(&broker, size.boxes, size.points_per_box, Lane::Routine).await;
    known(&world, &centre, size.boxes * size.points_per_box);
    // Every point has told once: what is measured is a county at work, not one that begins.
    send_rounds(&mut boxes, 1).await;
    drained(&world, &centre).await;
    let points = (size.boxes * size.points_per_box) as f64;
    let grown_mib = centre.resident_mib() - before_mib;
    println!("{points} points known and read: {grown_mib:.1} MiB");

    let urgent = Site::new(9_999, size.fires, Lane::Urgent, now());
    let urgent = BoxOnline::connect(&region(), &broker.address(), urgent, Lane::Urgent).await;
    known(&world, &centre, size.boxes * size.points_per_box + size.fires);
    let packs: Vec<Vec<Packed>> =
        boxes.iter_mut().map(|online| online.site.rounds(size.rounds)).collect();
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let fires = tokio::task::spawn_blocking({
        let (stop, port) = (stop.clone(), centre.port());
        let runtime = tokio::runtime::Handle::current();
        move || report_fires(urgent, &runtime, port, size.fires, &stop)
    });
    let cpu = centre.cpu_seconds();
    let begin = Instant::now();
    let run = send(&mut boxes, packs).await;
    let receipted = begin.elapsed();
    drained(&world, &centre).await;
    let took = begin.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut urgent_ms = fires.await.expect("the fires are reported");
    let cpu = centre.cpu_seconds() - cpu;
    println!(
        "{} readings, {:.1} MiB in {:.1} s, receipted after {:.1} s; sent again: {} batches; \
         ingest used {:.2} CPU s; {} fires seen under it",
        run.readings,
        run.bytes as f64 / 1048576.0,
        took.as_secs_f64(),
        receipted.as_secs_f64(),
        run.sent_again,
        cpu,
        urgent_ms.len(),
    );
    let mut receipts_ms = run.receipts_ms;
    Loaded {
        readings_per_second: run.readings as f64 / took.as_secs_f64(),
        receipt_p99_ms: p99(&mut receipts_ms),
        urgent_p99_ms: p99(&mut urgent_ms),
        mib_per_100k_points: grown_mib * 100_000.0 / points,
    }
}

/// From the publishing of a fire to its alarm in the API, in milliseconds.
fn report_fires(
    mut online: BoxOnline,
    runtime: &tokio::runtime::Handle,
    port: u16,
    fires: usize,
    stop: &AtomicBool,
) -> Vec<f64> {
    let api = system_tests::Api::on(port);
    let mut took = Vec::new();
    for place in 0..fires {
        if stop.load(Ordering::Relaxed) && !took.is_empty() {
            break;
        }
        let pack = online.site.state(place, &[State::Fire]);
        let point = format!("{}/{}", online.site.gateway, online.site.point(place));
        let begin = Instant::now();
        let sender = runtime.spawn(async move {
            online.send_all(vec![pack]).await;
            online
        });
        loop {
            let newest = api.list("alarms?limit=5");
            if newest.iter().any(|alarm| alarm["point"] == point) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "a fire is not shown: {point}");
            std::thread::sleep(Duration::from_millis(5));
        }
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        online = runtime.block_on(sender).expect("it is sent");
        std::thread::sleep(Duration::from_millis(50));
    }
    took
}

/// Readings a second that a subscriber takes which only parses the same packs.
async fn bare(size: Size) -> f64 {
    let world = World::new();
    let broker = Broker::start(&world);
    let mut sites: Vec<Site> = (0..size.boxes)
        .map(|number| Site::new(number, size.points_per_box, Lane::Routine, now()))
        .collect();
    let packs: Vec<Packed> = sites.iter_mut().flat_map(|site| site.rounds(size.rounds)).collect();
    let total: u64 = packs.iter().map(|pack| u64::from(pack.readings)).sum();
    let address = broker.address();
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let connect = |name: &str| {
        let mut options = MqttOptions::new(name, host, port.parse().expect("a port"));
        options.set_keep_alive(Duration::from_secs(60)).set_max_packet_size(Some(1 << 20));
        options.set_outgoing_inflight_upper_limit(16);
        AsyncClient::new(options, 64)
    };
    let (subscriber, mut events) = connect("bare");
    subscriber.try_subscribe("bench", QoS::AtLeastOnce).expect("room for a request");
    while !matches!(events.poll().await.expect("a connection"), Event::Incoming(Packet::SubAck(_)))
    {
    }
    let begin = Instant::now();
    // A broker drops what a subscriber leaves waiting: no more than that is under way.
    let room = std::sync::Arc::new(tokio::sync::Semaphore::new(BARE_UNDER_WAY));
    let sending = std::thread::spawn({
        let (client, mut events) = connect("sender");
        let room = room.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let publishing = async {
                    for pack in packs {
                        room.acquire().await.expect("it stays open").forget();
                        let sent = client.publish("bench", QoS::AtLeastOnce, false, pack.body);
                        sent.await.expect("the client lives");
                    }
                    client.disconnect().await.expect("the client lives");
                };
                let driving = async { while events.poll().await.is_ok() {} };
                tokio::join!(publishing, driving);
            });
        }
    });
    let mut seen = 0;
    while seen < total {
        if let Event::Incoming(Packet::Publish(message)) = events.poll().await.expect("a link") {
            let pack = firegrid_wire::pack::decode(&message.payload).expect("a batch");
            seen += pack.readings.len() as u64;
            room.add_permits(1);
        }
    }
    let per_second = total as f64 / begin.elapsed().as_secs_f64();
    sending.join().expect("the sender ends");
    println!("a bare subscriber that parses the same packs: {per_second:.0} readings/s");
    per_second
}

/// CPU seconds of the centre per reading, in random order over the points of so many boxes.
fn cost_per_reading(runtime: &tokio::runtime::Runtime, size: Size, boxes: usize) -> f64 {
    runtime.block_on(async {
        let world = World::new();
        let broker = Broker::start(&world);
        let centre = Centre::start(&world, &broker, |_| {});
        let points = boxes * size.many_points_per_box;
        let mut online = connect(&broker, boxes, size.many_points_per_box, Lane::Routine).await;
        known(&world, &centre, points);
        send_rounds(&mut online, 1).await;
        drained(&world, &centre).await;
        let rounds = (size.many / boxes).max(1);
        let before = centre.cpu_seconds();
        let readings = send_rounds(&mut online, rounds).await.readings;
        drained(&world, &centre).await;
        let cost = (centre.cpu_seconds() - before) / readings as f64;
        println!("{points} points: {:.2} µs of CPU per reading", cost * 1e6);
        cost
    })
}

async fn connect(broker: &Broker, boxes: usize, points: usize, lane: Lane) -> Vec<BoxOnline> {
    let mut online = Vec::new();
    for number in 0..boxes {
        let site = Site::new(number, points, lane, now());
        online.push(BoxOnline::connect(&region(), &broker.address(), site, lane).await);
    }
    online
}

async fn send_rounds(boxes: &mut Vec<BoxOnline>, rounds: usize) -> Run {
    let packs = boxes.iter_mut().map(|online| online.site.rounds(rounds)).collect();
    send(boxes, packs).await
}

/// Every box sends its packs; all at the same time.
async fn send(boxes: &mut Vec<BoxOnline>, packs: Vec<Vec<Packed>>) -> Run {
    let mut sending = tokio::task::JoinSet::new();
    for (mut online, packs) in boxes.drain(..).zip(packs) {
        sending.spawn(async move {
            let run = online.send_all(packs).await;
            (online, run)
        });
    }
    let mut whole = Run::default();
    while let Some(sent) = sending.join_next().await {
        let (online, run) = sent.expect("a box sends to the end");
        boxes.push(online);
        whole.readings += run.readings;
        whole.bytes += run.bytes;
        whole.sent_again += run.sent_again;
        whole.receipts_ms.extend(run.receipts_ms);
    }
    whole
}

/// Waits until the centre knows so many points.
fn known(world: &World, centre: &Centre, points: usize) {
    world.until("the catalogues are known", || {
        let health = centre.try_get("health").unwrap_or_default();
        health["points"]["total"].as_u64().is_some_and(|known| points as u64 <= known)
    });
}

/// Waits until the series store holds everything that was committed.
async fn drained(world: &World, centre: &Centre) {
    tokio::task::block_in_place(|| {
        world.until("the series store holds everything", || {
            let health = centre.try_get("health").unwrap_or_default();
            health["series_waiting"] == 0
        });
    });
}

fn region() -> RegionId {
    RegionId::parse("demo-county").expect("a region")
}

fn now() -> GatewayTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    GatewayTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
        .minus(Millis::seconds(3_600))
}

fn p99(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get((figures.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
