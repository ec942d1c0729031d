//! The series on a server elsewhere, which may be dead.

use system_tests::{Broker, Centre, Gateway, PANEL, Site, VictoriaMetrics, World, settings_from};

/// A Notifier word: enabled, and nothing else.
const NORMAL: u16 = 1 << 10;
/// Enabled, active, event type fire.
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;

const PRESSURE_POINT: &str = "mall-01/riser1/pressure";

/// PROTOCOL §6.9: the series store is dead for the whole run. Alarms come in time, and the
/// series are complete afterwards, also past a `kill -9` of the centre and of the store.
#[test]
fn a_dead_series_store_delays_no_alarm_and_costs_no_reading() {
    assert!(settings_from("ingest.toml")["series"].get("influx").is_none());
    let world = World::new();
    let broker = Broker::start(&world);
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    site.set_pressure(300.0);
    let mut store = VictoriaMetrics::dead(&world);
    let url = store.url();
    let mut centre = Centre::start(&world, &broker, |settings| {
        let series = settings["series"].as_table_mut().expect("a table");
        let influx = toml::toml! {
            url = url
            org = "fire"
            bucket = "series"
            token = "very-secret"
            durable_after = "10s"
        };
        series.insert("influx".into(), influx.into());
    });
    let _gateway = Gateway::start(&world, &broker, &site, |_| {});
    let pressure = |centre: &Centre| centre.point(PRESSURE_POINT)["value"]["number"].as_f64();
    let mut told = Vec::new();
    for (detector, kilopascal) in [300.0, 400.0, 500.0, 350.0, 450.0].into_iter().enumerate() {
        site.set_pressure(kilopascal);
        told.push(f64::from(kilopascal) * 1_000.0);
        world.until("the pressure is seen", || pressure(&centre) == told.last().copied());
        site.set(PANEL, detector as u16, &[FIRE]);
        let raised = || centre.alarms("fire").len() == detector + 1;
        world.until("a fire is raised while the series store is dead", raised);
        if detector == 2 {
            centre.kill();
            centre.start_again();
            centre.wait();
        }
    }
    let waiting =
        |centre: &Centre| centre.try_get("health").and_then(|now| now["series_waiting"].as_u64());
    assert!(waiting(&centre).is_some_and(|count| 0 < count), "{:?}", centre.try_get("health"));

    store.start();
    let arrived = |store: &VictoriaMetrics| {
        let mut numbers: Vec<f64> =
            store.export("number", "riser1/pressure").into_values().collect();
        numbers.dedup();
        numbers
    };
    world.until("the series are complete", || arrived(&store) == told);
    world.until("the inbox is empty", || waiting(&centre) == Some(0));
    assert_eq!(arrived(&store), told);
    let (numbers, seqs, indexes) = (
        store.export("number", "riser1/pressure"),
        store.export("seq", "riser1/pressure"),
        store.export("index", "riser1/pressure"),
    );
    assert!(numbers.keys().eq(seqs.keys()) && seqs.keys().eq(indexes.keys()), "{seqs:?}");
    assert_eq!(store.invalid(), 0.0);
    assert_eq!(centre.alarms("fire").len(), told.len());
    let log = std::fs::read_to_string(world.path("ingest.log")).expect("the log");
    assert!(!log.contains("very-secret"), "the token stands in the log");

    store.kill();
    site.set_pressure(250.0);
    told.push(250_000.0);
    world.until("the pressure is seen", || pressure(&centre) == Some(250_000.0));
    store.start();
    world.until("the series are complete again", || arrived(&store) == told);
}
