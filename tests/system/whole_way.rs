//! The whole way, once: from a Modbus register to a ticket of the owning grid.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::{Broker, Centre, Gateway, PANEL, PRESSURE, PUMP, Site, World};

/// A Notifier word: enabled, and nothing else.
const NORMAL: u16 = 1 << 10;
/// Enabled, active, event type fire.
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;
/// Switched off at the panel.
const SHIELDED: u16 = 1 << 9;
/// Detector 17 of loop 1: 40017, on the wire 16.
const L1D017: u16 = 16;
/// 41001, on the wire 1000; bit 7 is power loss.
const PUMP_ALARMS: u16 = 1_000;
const POWER_LOSS: u16 = 1 << 7;

struct Whole {
    world: World,
    site: Site,
    centre: Centre,
    /// They run as long as the test holds them.
    rest: (Broker, Gateway),
}

/// Everything running on the shipped settings, with all points of the site seen as normal.
fn whole(change_centre: impl FnOnce(&mut toml::Table)) -> Whole {
    let world = World::new();
    let broker = Broker::start(&world);
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    site.set_pressure(350.0);
    let centre = Centre::start(&world, &broker, change_centre);
    let gateway = Gateway::start(&world, &broker, &site, |_| {});
    world.until("all three devices are seen", || {
        ["facp1/L1D017", "riser1/pressure", "pump1/power"]
            .iter()
            .all(|point| centre.point(&format!("mall-01/{point}"))["sight"]["state"] == "seen")
    });
    Whole { world, site, centre, rest: (broker, gateway) }
}

/// Holds shortened so that a test need not wait for hours; everything else as shipped.
fn short_holds(settings: &mut toml::Table) {
    let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/system/short_holds.toml");
    settings.insert("rules".into(), toml::toml! { overlay = overlay }.into());
}

#[test]
fn a_fire_reaches_the_wall_and_is_acknowledged_by_one() {
    let Whole { world, site, centre, rest: _running } = whole(|_| {});
    site.set(PANEL, L1D017, &[FIRE]);
    let alarm = world.until_some("the fire is raised", || centre.alarms("fire").pop());
    assert_eq!(alarm["point"], "mall-01/facp1/L1D017");
    assert_eq!(alarm["unit"], "mall", "{alarm}");
    assert_eq!(alarm["state"], "active-unacked");
    let path = format!("alarms/{}/acknowledge", alarm["id"].as_str().expect("an id"));
    assert_eq!(centre.act(&path, json!({})).0, 200);
    let (status, second) = centre.act(&path, json!({}));
    assert_eq!(status, 409, "{second}");
    assert!(second.to_string().contains("王网格员"), "the second is told who was first: {second}");
    assert_eq!(centre.alarms("fire")[0]["state"], "active-acked");
}

#[test]
fn a_lost_pump_is_a_ticket_of_the_owning_grid_after_the_shipped_hold() {
    let Whole { world, site, centre, rest: _running } = whole(|_| {});
    site.set(PUMP, PUMP_ALARMS, &[POWER_LOSS]);
    let ticket = world.until_some("there is a ticket", || centre.tickets("pump-power").pop());
    assert_eq!(ticket["unit"], "mall", "{ticket}");
    assert_eq!(ticket["grid"], "dongmen-01");
    let path = &ticket["grid_path"];
    let ids = ["region", "large", "middle", "small"].map(|level| path[level]["id"].clone());
    assert_eq!(
        ids.map(|id| id.as_str().map(str::to_owned)),
        ["demo-county", "chengguan", "dongmen", "dongmen-01"].map(|id| Some(id.to_owned()))
    );
    let of_grid = |grid: &str| centre.list(&format!("tickets?grid={grid}")).len();
    assert_eq!((of_grid("chengguan"), of_grid("dongmen-02")), (1, 0));
}

/// Tries to close a ticket; the status and what was said.
fn close(centre: &Centre, ticket: &Value) -> (u16, String) {
    let id = ticket["id"].as_str().expect("an id");
    let (status, answer) = centre.act(&format!("tickets/{id}/close"), json!({}));
    (status, answer.to_string())
}

#[test]
fn a_ticket_closes_only_when_the_sensor_proves_the_repair() {
    let Whole { world, site, centre, rest: _running } = whole(short_holds);
    site.set(PUMP, PUMP_ALARMS, &[POWER_LOSS]);
    let ticket = world.until_some("there is a ticket", || centre.tickets("pump-power").pop());
    let id = ticket["id"].as_str().expect("an id").to_owned();
    assert_eq!(centre.act(&format!("tickets/{id}/accept"), json!({})).0, 200);
    assert_eq!(close(&centre, &ticket).0, 409, "its condition holds");

    site.silence(PUMP, true);
    world.until("the pump is blind", || {
        centre.point("mall-01/pump1/power")["sight"]["state"] == "blind"
    });
    assert_eq!(close(&centre, &ticket).0, 409, "its point is blind");
    site.set(PUMP, PUMP_ALARMS, &[0]);
    site.silence(PUMP, false);
    world.until("the pump is seen", || {
        centre.point("mall-01/pump1/power")["sight"]["state"] == "seen"
    });
    assert_eq!(close(&centre, &ticket).0, 409, "it has not stayed clear for its proof time");

    world.until("the repair is proven and the ticket closes", || close(&centre, &ticket).0 == 200);
    let closed = centre.try_get(&format!("tickets/{id}")).expect("the ticket");
    assert_eq!(closed["state"], "closed", "{closed}");
    assert!(closed["history"].as_array().is_some_and(|history| history.len() >= 4), "{closed}");
}

/// PROTOCOL §6.8.
#[test]
fn shielding_proves_nothing() {
    let Whole { world, site, centre, rest: _running } = whole(short_holds);
    let (fire, shielded, faulty) = (16, 17, 18);

    site.set(PANEL, fire, &[FIRE]);
    world.until("the fire is raised", || centre.alarms("fire").len() == 1);
    site.set(PANEL, fire, &[SHIELDED]);
    let seen = |number: u16| {
        centre.point(&format!("mall-01/facp1/L1D{number:03}"))["value"]["states"].clone()
    };
    world.until("the shield is seen", || seen(17) == json!(["disabled"]));

    site.set(PANEL, shielded, &[SHIELDED | 1 << 11 | 0x10]);
    world.until("a fire of a shielded detector is raised", || centre.alarms("fire").len() == 2);

    site.set(PANEL, faulty, &[NORMAL | 1 << 13]);
    let ticket = world.until_some("there is a ticket", || centre.tickets("test-fault").pop());
    site.set(PANEL, faulty, &[SHIELDED]);
    world.until("the shield is seen", || seen(19) == json!(["disabled"]));

    // Three times the proof time of the shortened rules.
    world.stays("a shield clears nothing", Duration::from_secs(9), || {
        let fires = centre.alarms("fire");
        fires.len() == 2
            && fires.iter().all(|alarm| alarm["state"] == "active-unacked")
            && close(&centre, &ticket).0 == 409
    });
}

#[test]
fn pressure_is_a_curve_and_a_silent_device_is_blind() {
    let Whole { world, site, centre, rest: _running } = whole(|_| {});
    site.set_pressure(347.5);
    let raw = "series?point=mall-01/riser1/pressure&from=0";
    world.until("both pressures are in the series", || {
        let rows = centre.list(raw);
        let values: Vec<f64> =
            rows.iter().filter_map(|row| row["value"]["number"].as_f64()).collect();
        values.contains(&350_000.0) && values.contains(&347_500.0)
    });
    // Without `from` it is the last hour.
    let curve = "series?point=mall-01/riser1/pressure&step=1h";
    let curve = centre.try_get(curve).unwrap_or_default();
    let buckets = curve["buckets"].as_array().cloned().unwrap_or_default();
    let numbers = |key: &str| -> Vec<f64> {
        buckets.iter().filter_map(|bucket| bucket[key].as_f64()).collect()
    };
    let lowest = numbers("min").into_iter().fold(f64::INFINITY, f64::min);
    let highest = numbers("max").into_iter().fold(0.0, f64::max);
    assert_eq!((lowest, highest), (347_500.0, 350_000.0), "{curve}\n{}", world.state());

    site.silence(PRESSURE, true);
    world.until("the transmitter is blind", || {
        centre.point("mall-01/riser1/pressure")["sight"]["state"] == "blind"
    });
    assert_eq!(
        centre.point("mall-01/facp1/L1D017")["sight"]["state"],
        "seen",
        "its neighbours are not"
    );
}
