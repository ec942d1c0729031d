//! Nothing is lost and nothing doubled, whatever dies: gateway, ingest, broker.
#![expect(clippy::print_stdout, reason = "a seed and what was counted belong to a test's output")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use system_tests::oracle::{History, Watched};
use system_tests::{Broker, Centre, Gateway, PANEL, PRESSURE, Site, World};
use toml::Value;

const NORMAL: u16 = 1 << 10;
const FAULT: u16 = 1 << 10 | 1 << 13;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;

/// Pump controllers, each losing its power once.
const PUMPS: [u8; 5] = [3, 4, 5, 6, 7];
const PUMP_ALARMS: u16 = 1_000;
const POWER_LOSS: u16 = 1 << 7;

/// Detectors whose trouble comes and goes: 101 to 130 of loop 1.
const TROUBLED: std::ops::Range<u16> = 100..130;

/// What changes more often than ten times a minute is bounded at its source.
const CHANGES_PER_MINUTE: usize = 8;

/// The high word of the float pressure.
const PRESSURE_WORD: u16 = 0x16;

/// The world with its story so far.
struct Story {
    world: World,
    broker: Broker,
    site: Site,
    centre: Centre,
    gateway: Gateway,
    history: History,
    random: fastrand::Rng,
    fires: u16,
    pumps_lost: usize,
    /// When which detector's trouble came or went.
    changes: Vec<(u16, Instant)>,
}

/// What is done to the parts.
#[derive(Clone, Copy)]
enum Blow {
    Gateway,
    Ingest,
    Broker,
}

impl Story {
    fn begin() -> Story {
        let seed = std::env::var("FIREGRID_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("FIREGRID_SEED={seed}");
        let world = World::new();
        let broker = Broker::start(&world);
        let site = Site::start(&world);
        let centre = Centre::start(&world, &broker, |settings| {
            let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/system/short_holds.toml");
            settings.insert("rules".into(), toml::toml! { overlay = overlay }.into());
        });
        let mut history = History::default();
        let mut watch = |unit, register, point: String, meaning, first: u16| {
            let held = vec![first];
            let watched = Watched { unit, register, point, meaning, held };
            history.watched.insert((unit, register), watched);
            site.set(unit, register, &[first]);
        };
        for number in 0..159 {
            watch(
                PANEL,
                number,
                format!("mall-01/facp1/L1D{:03}", number + 1),
                state_words,
                NORMAL,
            );
        }
        watch(PRESSURE, PRESSURE_WORD, "mall-01/riser1/pressure".into(), pascal, kilopascal(200));
        for unit in PUMPS {
            watch(unit, PUMP_ALARMS, format!("mall-01/pump{}/power", unit - 2), power_words, 0);
        }
        let gateway = Gateway::start(&world, &broker, &site, |settings| {
            let devices = settings["line"][0]["device"].as_array_mut().expect("devices");
            let pump = devices.pop().expect("the pump");
            for unit in PUMPS {
                let mut device = pump.clone();
                device["name"] = Value::from(format!("pump{}", unit - 2));
                device["unit_id"] = Value::from(i64::from(unit));
                devices.push(device);
            }
        });
        let random = fastrand::Rng::with_seed(seed);
        let story = Story {
            world,
            broker,
            site,
            centre,
            gateway,
            history,
            random,
            fires: 0,
            pumps_lost: 0,
            changes: Vec::new(),
        };
        story.all_arrives();
        story
    }

    /// Changes registers for a while of random length, up to some milliseconds.
    fn registers_change(&mut self, longest: u64) {
        let until = SystemTime::now() + Duration::from_millis(self.random.u64(0..longest));
        while SystemTime::now() < until {
            self.change_one();
            std::thread::sleep(Duration::from_millis(self.random.u64(20..250)));
        }
    }

    fn change_one(&mut self) {
        match self.random.u8(0..10) {
            0..4 => {
                let kilopascals = 130 + 10 * self.random.u16(0..12);
                self.set(PRESSURE, PRESSURE_WORD, kilopascal(kilopascals));
            }
            4..9 => {
                let detector = self.random.u16(TROUBLED);
                self.changes.retain(|(_, at)| at.elapsed() < Duration::from_secs(60));
                let lately = self.changes.iter().filter(|(changed, _)| *changed == detector);
                if CHANGES_PER_MINUTE <= lately.count() {
                    return;
                }
                self.changes.push((detector, Instant::now()));
                let now = self.history.watched[&(PANEL, detector)].held.last().copied();
                self.set(PANEL, detector, if now == Some(FAULT) { NORMAL } else { FAULT });
            }
            _ => self.one_more_fire(),
        }
    }

    /// Every fire burns at a detector of its own and goes on, so that alarms can be counted.
    fn one_more_fire(&mut self) {
        if self.fires < TROUBLED.start {
            self.set(PANEL, self.fires, FIRE);
            self.fires += 1;
        }
    }

    fn one_more_pump_loses_power(&mut self) {
        if let Some(unit) = PUMPS.get(self.pumps_lost) {
            self.set(*unit, PUMP_ALARMS, POWER_LOSS);
            self.pumps_lost += 1;
        }
    }

    fn set(&mut self, unit: u8, register: u16, value: u16) {
        let watched = self.history.watched.get_mut(&(unit, register)).expect("a watched register");
        watched.held.push(value);
        self.site.set(unit, register, &[value]);
    }

    fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Gateway => {
                self.gateway.kill();
                self.history.deaths.push(now());
                self.registers_change(1_000);
                self.gateway.start_again();
            }
            Blow::Ingest => {
                self.centre.kill();
                self.registers_change(1_000);
                self.centre.start_again();
            }
            Blow::Broker => {
                self.broker.kill();
                self.registers_change(3_000);
                self.broker.start_again();
            }
        }
    }

    /// Waits until the centre shows what every register holds now.
    fn all_arrives(&self) {
        self.world.until("the centre shows what every register holds", || {
            let points = self.centre.list("points?limit=10000");
            self.history.watched.values().all(|watched| {
                let held = watched.held.last().map(|value| (watched.meaning)(*value));
                let point = points.iter().find(|entry| entry["point"] == watched.point.as_str());
                let shown = point.map(|entry| match entry["value"]["number"].as_f64() {
                    Some(number) => format!("{number:.0}"),
                    None => entry["value"]["text"].as_str().unwrap_or_default().to_owned(),
                });
                shown == held
            })
        });
    }

    fn must_hold(&self) {
        self.all_arrives();
        let mut last = String::new();
        let found = self.world.until_some("what was answered is stored", || {
            self.history
                .check(&self.site.answered(), &self.centre)
                .map_err(|wrong| {
                    if wrong != last {
                        println!("not yet: {wrong}");
                        last = wrong;
                    }
                })
                .ok()
        });
        println!("{found:?}, {} fires, {} pumps", self.fires, self.pumps_lost);
        assert!(self.fires > 0 && found.counted >= 30, "the story was too short: {found:?}");
        let points_of = |entries: Vec<serde_json::Value>| {
            let mut points: Vec<String> =
                entries.iter().map(|entry| entry["point"].to_string()).collect();
            points.sort();
            points
        };
        let fires = (0..self.fires).map(|number| format!("\"mall-01/facp1/L1D{:03}\"", number + 1));
        assert_eq!(points_of(self.centre.alarms("fire")), fires.collect::<Vec<_>>());
        let pumps: Vec<String> =
            (1..=self.pumps_lost).map(|number| format!("\"mall-01/pump{number}/power\"")).collect();
        self.world.until("every lost pump has its ticket", || {
            points_of(self.centre.tickets("pump-power")).len() >= pumps.len()
        });
        assert_eq!(points_of(self.centre.tickets("pump-power")), pumps);
        assert_eq!(self.site.writes(), Vec::<u64>::new(), "nobody writes to a fire panel");
    }
}

#[test]
fn ten_kills_of_gateway_and_ingest_lose_and_double_nothing() {
    let mut story = Story::begin();
    for round in 0..20 {
        story.registers_change(4_000);
        if round % 4 == 1 {
            story.one_more_pump_loses_power();
        }
        story.strike(if round % 2 == 0 { Blow::Gateway } else { Blow::Ingest });
    }
    story.one_more_fire();
    story.must_hold();
}

/// PROTOCOL §6.1.
#[test]
fn a_broker_that_forgets_everything_loses_and_doubles_nothing() {
    let mut story = Story::begin();
    for _ in 0..4 {
        story.registers_change(4_000);
        story.one_more_pump_loses_power();
        story.strike(Blow::Broker);
    }
    story.one_more_fire();
    story.must_hold();
}

/// Whole kilopascals below 256 need only the high word of a float.
fn kilopascal(kilopascal: u16) -> u16 {
    let bits = f32::from(kilopascal).to_bits();
    assert_eq!(bits & 0xFFFF, 0);
    (bits >> 16) as u16
}

fn pascal(high_word: u16) -> String {
    format!("{:.0}", f32::from_bits(u32::from(high_word) << 16) * 1_000.0)
}

fn state_words(word: u16) -> String {
    match word {
        FIRE => "fire",
        FAULT => "fault",
        _ => "normal",
    }
    .to_owned()
}

fn power_words(word: u16) -> String {
    if word & POWER_LOSS != 0 { "supply-fault" } else { "normal" }.to_owned()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}
