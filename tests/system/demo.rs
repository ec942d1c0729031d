//! The demo tells its story by itself, and a restart in the middle neither loses nor doubles it.

use serde_json::Value;
use system_tests::{Demo, World};

#[test]
fn the_demo_tells_a_fire_and_a_ticket_and_survives_a_kill() {
    let world = World::new();
    let mut demo = Demo::start(&world);
    let alarm = world.until_some("a detector reports fire", || demo.alarms("fire").pop());
    let ticket = world.until_some("a pump has a ticket", || demo.tickets("pump-power").pop());
    assert_eq!(alarm["point"], "hospital-01/facp1/L1D017", "{alarm}");
    assert_eq!(ticket["unit"], "mall-01", "{ticket}");
    assert_eq!(ticket["grid"], "chengguan-dongmen-1");
    let path = ["region", "large", "middle", "small"]
        .map(|level| ticket["grid_path"][level]["id"].clone());
    let wanted = ["demo-county", "chengguan", "chengguan-dongmen", "chengguan-dongmen-1"];
    assert_eq!(path, wanted.map(Value::from));
    assert_eq!(demo.list("grids?level=small&limit=2000").len(), 1_094);

    demo.kill_and_start_again();
    world.until("every gateway is back", || {
        let health = demo.try_get("health").unwrap_or_default();
        health["gateways"]["online"] == 12
    });
    let ids = |entries: Vec<Value>| -> Vec<Value> {
        entries.into_iter().map(|entry| entry["id"].clone()).collect()
    };
    assert_eq!(ids(demo.alarms("fire")), [alarm["id"].clone()]);
    assert_eq!(ids(demo.tickets("pump-power")), [ticket["id"].clone()]);
}
