//! The demo tells its story by itself, and a restart in the middle neither loses nor doubles it.

use serde_json::Value;
use system_tests::{Demo, World};

#[test]
fn the_demo_tells_a_fire_and_a_ticket_and_survives_a_kill() {
    let world = World::new();
    let mut demo = Demo::start(&world);
    let alarm = world.until_some("a detector reports fire", || {
        demo.alarms("fire").into_iter().find(|alarm| alarm["incident"]["first"] == true)
    });
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
    // The story begins anew on the same data: what stood still stands, once.
    let times =
        |entries: &[Value], id: &Value| entries.iter().filter(|entry| entry["id"] == *id).count();
    assert_eq!(times(&demo.alarms("fire"), &alarm["id"]), 1);
    let tickets = demo.tickets("pump-power");
    assert_eq!(times(&tickets, &ticket["id"]), 1);
    assert_eq!(tickets.iter().filter(|other| other["subject"] == ticket["subject"]).count(), 1);
}
