//! The pages in a real browser: `ingest/web/browser`, against a real centre that a real gateway
//! feeds, and against the demo that tells its story.

use system_tests::{Broker, Browser, Centre, Demo, Gateway, PANEL, PUMP, Site, World};

const NORMAL: u16 = 1 << 10;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;
const FAULT: u16 = 1 << 13;
const L1D017: u16 = 16;
const L1D018: u16 = 17;
const PUMP_ALARMS: u16 = 1_000;
const POWER_LOSS: u16 = 1 << 7;

/// Runs a file of browser tests against a centre whose site and process the tests can move.
fn look_with(file: &str) {
    let world = World::new();
    let broker = Broker::start(&world);
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    site.set_pressure(350.0);
    let mut centre = Centre::start(&world, &broker, |settings| {
        let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/system/short_holds.toml");
        settings.insert("rules".into(), toml::toml! { overlay = overlay }.into());
    });
    let _gateway = Gateway::start(&world, &broker, &site, |_| {});
    world.until("the site is seen", || {
        ["facp1/L1D017", "pump1/power"]
            .iter()
            .all(|point| centre.point(&format!("mall-01/{point}"))["sight"]["state"] == "seen")
    });
    let mut browser = Browser::look(&world, file, centre.port());
    browser.until_done(|step| {
        match step {
            "fire/on" => site.set(PANEL, L1D017, &[FIRE]),
            "fire/off" => site.set(PANEL, L1D017, &[NORMAL]),
            "fault/on" => site.set(PUMP, PUMP_ALARMS, &[POWER_LOSS]),
            "fault/off" => site.set(PUMP, PUMP_ALARMS, &[0]),
            "detector/on" => site.set(PANEL, L1D018, &[NORMAL | FAULT]),
            "detector/off" => site.set(PANEL, L1D018, &[NORMAL]),
            "centre/kill" => centre.kill(),
            "centre/start" => centre.start_again(),
            other => return Err(format!("there is no step {other}")),
        }
        Ok(())
    });
}

#[test]
fn the_wall_shows_and_sounds_a_fire_and_says_when_it_has_lost_the_centre() {
    look_with("wall.test.js");
}

#[test]
fn a_fault_is_a_ticket_that_closes_only_by_proof() {
    look_with("ticket.test.js");
}

#[test]
fn the_demo_tells_its_whole_story_while_a_browser_watches() {
    let world = World::new();
    let demo = Demo::start(&world);
    let mut browser = Browser::look(&world, "demo.test.js", demo.port());
    browser.until_done(|step| Err(format!("nobody touches the demo: {step}")));
}
