//! The whole way with its tables in PostgreSQL: the centre killed, the database killed, and
//! nothing lost, doubled or hidden.

use std::process::Command;

use system_tests::{Broker, Centre, Gateway, PANEL, PUMP, Postgres, Site, World, program};

/// A Notifier word: enabled, and nothing else.
const NORMAL: u16 = 1 << 10;
/// Enabled, active, event type fire.
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;
/// 41001, on the wire 1000; bit 7 is power loss.
const PUMP_ALARMS: u16 = 1_000;
const POWER_LOSS: u16 = 1 << 7;

/// The database of the test.
const NAME: &str = "firegrid";

struct Whole {
    world: World,
    site: Site,
    server: Postgres,
    centre: Centre,
    fires: u16,
    /// They run as long as the test holds them.
    _rest: (Broker, Gateway),
}

impl Whole {
    fn start() -> Whole {
        let world = World::new();
        let server = Postgres::start();
        let url = server.database(NAME);
        let broker = Broker::start(&world);
        let site = Site::start(&world);
        site.set(PANEL, 0, &[NORMAL; 159]);
        let centre = Centre::start(&world, &broker, |settings| {
            settings.insert("storage".into(), toml::toml! { url = url }.into());
        });
        let gateway = Gateway::start(&world, &broker, &site, |_| {});
        let seen = || centre.point("mall-01/facp1/L1D001")["sight"]["state"] == "seen";
        world.until("the panel is seen", seen);
        Whole { world, site, server, centre, fires: 0, _rest: (broker, gateway) }
    }

    /// The next detector reports fire, and keeps reporting it.
    fn one_more_fire(&mut self) {
        self.site.set(PANEL, self.fires, &[FIRE]);
        self.fires += 1;
    }

    /// Every fire so far is an alarm, and is one.
    fn all_fires_are_raised(&self) {
        let wanted: Vec<String> =
            (1..=self.fires).map(|number| format!("mall-01/facp1/L1D{number:03}")).collect();
        self.world.until("every fire is raised, and once", || self.raised() == wanted);
    }

    fn raised(&self) -> Vec<String> {
        let fires = self.centre.alarms("fire");
        let mut points: Vec<String> =
            fires.iter().filter_map(|fire| fire["point"].as_str().map(str::to_owned)).collect();
        points.sort();
        points
    }

    /// What the tables themselves say, past everything of ours.
    fn ask(&self, statement: &str) -> String {
        self.server.ask(NAME, statement)
    }

    fn nothing_is_lost_or_doubled(&self) {
        self.all_fires_are_raised();
        let recorded = "SELECT COUNT(DISTINCT point) FROM urgent_reading WHERE words = 'fire'";
        self.world.until("every fire is recorded", || self.ask(recorded) == self.fires.to_string());
        let twice = "SELECT COUNT(*) FROM (SELECT point FROM urgent_reading WHERE words = 'fire' \
                     GROUP BY point, reading_t HAVING COUNT(*) > 1) AS twice";
        assert_eq!(self.ask(twice), "0");
        let told = "SELECT COUNT(DISTINCT alarm.id) - COUNT(*) FROM alarm JOIN alarm_history \
                    ON alarm.id = alarm WHERE alarm.kind = 'fire' AND what = 'raised'";
        assert_eq!(self.ask(told), "0", "an alarm is raised once in its history");
        let ids = "SELECT COUNT(*) = MAX(id) AND MIN(id) = 1 FROM event";
        assert_eq!(self.ask(ids), "t", "{}", self.ask("SELECT * FROM event ORDER BY id"));
    }
}

#[test]
fn kills_of_the_centre_and_of_its_database_lose_and_double_nothing() {
    let mut whole = Whole::start();
    whole.one_more_fire();
    whole.all_fires_are_raised();
    for round in 0..6 {
        whole.one_more_fire();
        if round % 2 == 0 {
            whole.centre.kill();
            whole.one_more_fire();
            whole.centre.start_again();
        } else {
            whole.server.kill();
            whole.one_more_fire();
            whole.server.start_again();
        }
        whole.one_more_fire();
        whole.all_fires_are_raised();
    }
    whole.site.set(PUMP, PUMP_ALARMS, &[POWER_LOSS]);
    whole.world.until("there is a ticket", || whole.centre.tickets("pump-power").len() == 1);
    whole.nothing_is_lost_or_doubled();
}

#[test]
fn a_fire_shows_while_the_database_is_dead() {
    let mut whole = Whole::start();
    whole.one_more_fire();
    whole.all_fires_are_raised();
    whole.server.kill();
    whole.one_more_fire();
    whole.world.until("the fire is shown as not yet recorded", || {
        let fires = whole.centre.alarms("fire");
        fires
            .iter()
            .any(|fire| fire["point"] == "mall-01/facp1/L1D002" && fire["recorded"] == false)
    });
    let health = whole.centre.try_get("health").expect("it answers");
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(health["problems"].to_string().contains("not-recorded"), "{health}");
    whole.server.start_again();
    whole.world.until("commits succeed again", || {
        let health = whole.centre.try_get("health").unwrap_or_default();
        health["commit_failing_since"].is_null() && health["now"].is_string()
    });
    whole.nothing_is_lost_or_doubled();
}

#[test]
fn a_second_centre_on_the_same_database_is_refused() {
    let whole = Whole::start();
    let mut settings: toml::Table = std::fs::read_to_string(whole.world.path("ingest.toml"))
        .expect("the settings")
        .parse()
        .expect("TOML");
    settings["data"] = toml::Value::from(whole.world.path("other-data").display().to_string());
    settings["listen"] = toml::Value::from("127.0.0.1:0");
    let path = whole.world.path("other.toml");
    std::fs::write(&path, settings.to_string()).expect("settings can be written");
    let refused = Command::new(program("firegrid-ingest"))
        .args(["run", "--settings"])
        .arg(&path)
        .output()
        .expect("make test has built the programs");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("another centre writes in this database"), "{told}");
}
