//! A fire behind a backlog: a real gateway that has a long urgent lane to tell, on a link of
//! 64 kbit/s, and a detector that reports fire now.

use std::path::Path;
use std::time::Instant;

use firegrid_gateway::recorder::{Batch, Labels};
use firegrid_gateway::spool::Spool;
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::pack::{After, Head, PackWriter, Stretch};
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::{GatewayTime, Millis};
use system_tests::{Broker, Centre, Gateway, Link, PANEL, Proxy, Site, World};

/// 64 kbit/s.
const BYTES_PER_SECOND: u32 = 8_000;

/// More than the backlog needs.
const QUOTA: u64 = 1 << 30;

const NORMAL: u16 = 1 << 10;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;

/// From the register's change to the alarm in the API, in milliseconds.
pub(crate) fn fire_behind(readings: usize) -> f64 {
    let world = World::new();
    fill(&world.path("gateway-data/spool"), readings);
    let broker = Broker::start(&world);
    let link = Proxy::to(&broker.address());
    link.set(Link::Narrow { bytes_per_second: BYTES_PER_SECOND });
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    let centre = Centre::start(&world, &broker, |_| {});
    let _gateway = Gateway::start(&world, &broker, &site, |settings| {
        settings["broker"]["address"] = toml::Value::from(link.address());
    });
    // Its old states reach the centre: the backlog is under way.
    world.until("the backlog comes in", || {
        centre.point("mall-01/facp1/L1D001")["value"]["text"].is_string()
    });
    let begin = Instant::now();
    site.set(PANEL, 16, &[FIRE]);
    world.until("the fire is shown", || !centre.alarms("fire").is_empty());
    let took = begin.elapsed().as_secs_f64() * 1e3;
    println!("{readings} urgent readings wait at 64 kbit/s, a fire is shown after {took:.0} ms");
    took
}

/// What an outage has left in the spool: detectors whose trouble came and went.
fn fill(folder: &Path, readings: usize) {
    let labels = Labels {
        gateway: GatewayId::parse("mall-01").expect("a gateway"),
        catalogue: CatalogueHash::parse("00112233aabbccdd").expect("a hash"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let spool =
            Spool::open(folder, &labels, &PerLane::from_fn(|_| QUOTA)).expect("a free folder");
        let lane = &spool.lanes[Lane::Urgent];
        let span = SpanId::from_bits(fastrand::u64(..));
        let begin = crate::now();
        let (mut writer, mut seq, mut from) = (PackWriter::default(), 1, begin);
        let mut cut = |writer: &mut PackWriter, until: GatewayTime| {
            let name = BatchName { span, seq };
            let head = Head {
                gateway: labels.gateway.clone(),
                lane: Lane::Urgent,
                name,
                after: (seq == 1).then_some(After::Nothing),
                stretch: Some(Stretch { from, until }),
                catalogue: labels.catalogue.clone(),
                refresh: None,
                marker: None,
            };
            let body = writer.finish(&head);
            lane.append(Batch {
                lane: Lane::Urgent,
                name,
                before_span: None,
                newest: Some(until),
                body,
            });
            (seq, from) = (seq + 1, until);
            name
        };
        for count in 0..readings {
            let detector = count % 159 + 1;
            let trouble = (count / 159) % 2 == 0;
            let states: &[State] = if trouble { &[State::Fault] } else { &[] };
            let reading = Reading {
                point: PointId::parse(&format!("facp1/L1D{detector:03}")).expect("a point"),
                time: begin.plus(Millis::new(10 * count as u64)),
                value: Value::States(StateSet::from_iter(states.iter().copied()).into()),
                quality: Quality::Good,
                changes: None,
            };
            if !writer.push(&reading) {
                cut(&mut writer, reading.time);
                writer.push(&reading);
            }
        }
        let last = cut(&mut writer, begin.plus(Millis::new(10 * readings as u64)));
        let mut standing = lane.standing();
        let durable = standing.wait_for(|standing| standing.durable == Some(last));
        durable.await.expect("the lane lives");
        for lane in Lane::ALL {
            spool.lanes[lane].stop().await;
        }
    });
}
