//! The town: seven units with a panel and a pump each, one broker, one centre, and a proxy on
//! every link between them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use system_tests::oracle::{History, Watched};
use system_tests::{Broker, Centre, Gateway, Part, Proxy, Site, World};
use toml::Value;

use crate::blow::{Between, Blow, Target, Trouble};

/// How many gateways there are, each with a panel of 159 detectors.
pub(crate) const GATEWAYS: usize = 7;
const DETECTORS: u16 = 159;

/// So many detectors of each panel may burn; the others change.
const MAY_BURN: u16 = 10;

const NORMAL: u16 = 1 << 10;
const SHIELDED: u16 = 1 << 9;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;
const PUMP_ALARMS: u16 = 1_000;
const POWER_LOSS: u16 = 1 << 7;

/// The unit of a gateway's pump on the Modbus server; its panel has unit 1 and up.
const FIRST_PUMP: u8 = 11;

/// About 20,000 changes in ten minutes.
const BETWEEN_CHANGES: Duration = Duration::from_millis(28);

/// A point changes at most 8 times a minute: the gateway bounds what chatters.
const POINT_RESTS: Duration = Duration::from_millis(7_600);

/// After a link or a process has gone on, a gateway may take so long until it polls again.
const RECOVERS: i64 = 8_000;

/// Everything that runs, and what was done so far.
pub(crate) struct Town {
    world: World,
    broker: Broker,
    site: Site,
    centre: Centre,
    centre_link: Proxy,
    units: Vec<Unit>,
    random: fastrand::Rng,
    /// Detectors that change, in the order in which they change next.
    turns: std::collections::VecDeque<(usize, u16, Option<Instant>)>,
    /// How many changes were made.
    pub(crate) changed: u64,
    fires: u16,
    pumps: usize,
}

struct Unit {
    gateway: Gateway,
    to_broker: Proxy,
    to_site: Proxy,
    history: History,
}

/// What was counted at the end.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) arrived: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) fires: usize,
    pub(crate) falsely_cleared: usize,
    pub(crate) tickets: usize,
    pub(crate) wrong: Vec<String>,
}

impl Town {
    /// Starts everything and waits until the centre shows every register.
    pub(crate) fn begin(mut random: fastrand::Rng) -> Town {
        let world = World::new();
        let broker = Broker::start(&world);
        let site = Site::start(&world);
        let centre_link = Proxy::to(&broker.address());
        let centre = Centre::start(&world, &broker, |settings| {
            settings["broker"][0]["address"] = Value::from(centre_link.address());
            let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/system/short_holds.toml");
            settings.insert("rules".into(), toml::toml! { overlay = overlay }.into());
            // The shipped devices are those of a gateway that is not among these.
            settings["registry"].as_table_mut().and_then(|registry| registry.remove("devices"));
            let gateways: String =
                (0..GATEWAYS).map(|unit| format!("{},mall\n", id(unit))).collect();
            std::fs::write(world.path("gateways.csv"), format!("gateway,unit\n{gateways}"))
                .expect("the registry can be written");
        });
        let units = (0..GATEWAYS).map(|unit| Unit::start(unit, &world, &broker, &site)).collect();
        let mut turns: Vec<(usize, u16, Option<Instant>)> = (0..GATEWAYS)
            .flat_map(|unit| (MAY_BURN..DETECTORS).map(move |detector| (unit, detector, None)))
            .collect();
        random.shuffle(&mut turns);
        let turns = turns.into();
        let (changed, fires, pumps) = (0, 0, 0);
        let town = Town {
            world,
            broker,
            site,
            centre,
            centre_link,
            units,
            random,
            turns,
            changed,
            fires,
            pumps,
        };
        town.all_arrives();
        town
    }

    /// Detectors change, one after the other, for so many milliseconds.
    pub(crate) fn changes(&mut self, milliseconds: u64) {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(milliseconds) {
            self.change_one();
            std::thread::sleep(BETWEEN_CHANGES);
        }
    }

    fn change_one(&mut self) {
        let rested = |since: &Option<Instant>| since.is_none_or(|at| POINT_RESTS < at.elapsed());
        let Some((unit, detector, _)) = self.turns.pop_front_if(|(_, _, since)| rested(since))
        else {
            return;
        };
        let register = (panel(unit), detector);
        let now = self.units[unit].history.watched[&register].held.last().copied();
        self.set(unit, register, if now == Some(NORMAL) { SHIELDED } else { NORMAL });
        self.changed += 1;
        // Somewhere in the second half, so that the order changes too.
        let place = self.random.usize(self.turns.len() / 2..=self.turns.len());
        self.turns.insert(place, (unit, detector, Some(Instant::now())));
    }

    /// Every fire burns at a detector of its own and goes on.
    pub(crate) fn one_more_fire(&mut self) {
        let (unit, detector) = (usize::from(self.fires) % GATEWAYS, self.fires / GATEWAYS as u16);
        assert!(detector < MAY_BURN, "more fires than detectors that may burn");
        self.set(unit, (panel(unit), detector), FIRE);
        self.fires += 1;
    }

    /// Every pump loses its power once and for good.
    pub(crate) fn one_more_pump_loses_power(&mut self) {
        if self.pumps < GATEWAYS {
            self.set(self.pumps, (pump(self.pumps), PUMP_ALARMS), POWER_LOSS);
            self.pumps += 1;
        }
    }

    pub(crate) fn fires_lit(&self) -> u64 {
        u64::from(self.fires)
    }

    pub(crate) fn pumps_lost(&self) -> usize {
        self.pumps
    }

    fn set(&mut self, unit: usize, register: (u8, u16), value: u16) {
        let watched = self.units[unit].history.watched.get_mut(&register).expect("it is watched");
        watched.held.push(value);
        self.site.set(register.0, register.1, &[value]);
    }

    /// Strikes, goes on for a while with so many fires in it, and makes it good again.
    pub(crate) fn strike(&mut self, blow: Blow, milliseconds: u64, fires: u64) {
        let begin = now();
        match blow {
            Blow::Kill(Target::Gateway(unit)) => self.units[unit].gateway.kill(),
            Blow::Kill(Target::Ingest) => self.centre.kill(),
            Blow::Kill(Target::Broker) => self.broker.kill(),
            Blow::Freeze(target) => self.part(target).freeze(),
            Blow::Disturb(between, Trouble::Cut) => self.link(between).cut(),
            Blow::Disturb(between, Trouble::Like(link)) => self.link(between).set(link),
        }
        (0..fires).for_each(|_| self.one_more_fire());
        self.changes(milliseconds);
        match blow {
            Blow::Kill(Target::Gateway(unit)) => self.units[unit].gateway.start_again(),
            Blow::Kill(Target::Ingest) => self.centre.start_again(),
            Blow::Kill(Target::Broker) => self.broker.start_again(),
            Blow::Freeze(target) => self.part(target).thaw(),
            Blow::Disturb(_, Trouble::Cut) => {}
            Blow::Disturb(between, Trouble::Like(_)) => {
                self.link(between).set(system_tests::Link::Sound);
                self.link(between).cut();
            }
        }
        let hurt = match blow {
            Blow::Kill(Target::Gateway(unit)) | Blow::Freeze(Target::Gateway(unit)) => Some(unit),
            Blow::Disturb(Between::GatewayAndSite(unit), _) => Some(unit),
            Blow::Kill(Target::Ingest | Target::Broker) => None,
            Blow::Freeze(Target::Ingest | Target::Broker) => None,
            Blow::Disturb(Between::GatewayAndBroker(_) | Between::IngestAndBroker, _) => None,
        };
        if let Some(unit) = hurt {
            self.units[unit].history.disturbed.push((begin, now() + RECOVERS));
        }
    }

    fn part(&self, target: Target) -> &Part {
        match target {
            Target::Gateway(unit) => self.units[unit].gateway.part(),
            Target::Ingest => self.centre.part(),
            Target::Broker => self.broker.part(),
        }
    }

    fn link(&self, between: Between) -> &Proxy {
        match between {
            Between::GatewayAndBroker(unit) => &self.units[unit].to_broker,
            Between::IngestAndBroker => &self.centre_link,
            Between::GatewayAndSite(unit) => &self.units[unit].to_site,
        }
    }

    fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.units.iter().flat_map(|unit| unit.history.watched.values())
    }

    /// Waits until the centre shows what every register holds now.
    pub(crate) fn all_arrives(&self) {
        let mut last = String::new();
        self.world.until("the centre shows what every register holds", || {
            let points: std::collections::HashMap<String, String> = self
                .centre
                .list("points?limit=10000")
                .into_iter()
                .filter_map(|entry| {
                    let text = entry["value"]["text"].as_str()?.to_owned();
                    Some((entry["point"].as_str()?.to_owned(), text))
                })
                .collect();
            let differs = |watched: &&Watched| {
                let held = watched.held.last().map(|value| (watched.meaning)(*value));
                points.get(&watched.point) != held.as_ref()
            };
            let missing: Vec<&str> =
                self.watched().filter(differs).map(|watched| watched.point.as_str()).collect();
            let told = format!("{} differ, {:?}", missing.len(), missing.first());
            if !missing.is_empty() && told != last {
                println!("not yet: {told}");
                last = told;
            }
            missing.is_empty()
        });
    }

    /// Compares what was answered, what burns and what has no power with what the centre says.
    pub(crate) fn count(&self) -> Found {
        let wanted: Vec<String> = (0..GATEWAYS)
            .flat_map(|unit| {
                (0..self.fires_of(unit)).map(move |detector| detector_id(unit, detector))
            })
            .collect();
        self.world
            .until("every fire is raised", || self.centre.alarms("fire").len() >= wanted.len());
        self.world.until("every lost pump has its ticket", || {
            self.centre.tickets("pump-power").len() >= self.pumps
        });
        let answered = self.site.answered();
        let stored = self.world.until_some("the series has drained", || {
            let counts: Vec<_> =
                self.units.iter().map(|unit| unit.history.count(&answered, &self.centre)).collect();
            let settled = counts.iter().all(|(_, wrong)| wrong.is_empty());
            let drained = self.centre.try_get("health").is_some();
            (settled || (drained && self.has_waited())).then_some(counts)
        });
        let mut found = Found::default();
        for (count, wrong) in stored {
            found.arrived += count.counted - count.lost;
            found.lost += count.lost;
            found.doubled += count.doubled;
            found.wrong.extend(wrong);
        }
        // What a register held before its first change has arrived too.
        found.arrived = found.arrived.saturating_sub(self.watched().count());
        let alarms = self.centre.alarms("fire");
        found.fires = alarms.len();
        for alarm in &alarms {
            let point = alarm["point"].as_str().unwrap_or_default();
            if !wanted.iter().any(|wanted| wanted == point) {
                found.wrong.push(format!("a fire that never burned: {alarm}"));
            }
            if !alarm["state"].as_str().is_some_and(|state| state.starts_with("active")) {
                found.falsely_cleared += 1;
                found.wrong.push(format!("falsely cleared: {alarm}"));
            }
        }
        for point in &wanted {
            let raised = alarms.iter().filter(|alarm| alarm["point"] == point.as_str()).count();
            if raised != 1 {
                found.wrong.push(format!("{point} burns and was raised {raised} times"));
            }
        }
        found.tickets = self.centre.tickets("pump-power").len();
        if !self.site.writes().is_empty() {
            found.wrong.push("somebody wrote to a fire panel".to_owned());
        }
        found
    }

    /// What is still wrong a while after everything is shown will stay wrong.
    fn has_waited(&self) -> bool {
        let since = self.world.path("counted-since");
        let first = std::fs::read_to_string(&since).ok().and_then(|text| text.parse::<i64>().ok());
        match first {
            Some(first) => first + 60_000 < now(),
            None => {
                std::fs::write(since, now().to_string()).expect("the world's folder");
                false
            }
        }
    }

    fn fires_of(&self, unit: usize) -> u16 {
        (usize::from(self.fires) + GATEWAYS - 1 - unit).div_euclid(GATEWAYS) as u16
    }

    /// Copies the logs of all parts to where they outlive the test; where, and their ends.
    pub(crate) fn keep_logs(&self) -> String {
        let kept = std::env::temp_dir().join(format!("firegrid-chaos-{}", std::process::id()));
        let names =
            (0..GATEWAYS).map(id).chain(["ingest", "mosquitto", "pymodbus"].map(str::to_owned));
        std::fs::create_dir_all(&kept).expect("a folder for the logs");
        for name in names {
            let log = format!("{name}.log");
            // A part that never said anything has no log.
            let _ = std::fs::copy(self.world.path(&log), kept.join(&log));
        }
        format!("{}\nall logs: {}", self.world.state(), kept.display())
    }
}

impl Unit {
    fn start(unit: usize, world: &World, broker: &Broker, site: &Site) -> Unit {
        let (to_broker, to_site) = (Proxy::to(&broker.address()), Proxy::to(&site.address()));
        let mut history = History::default();
        let mut watch = |unit: u8, register: u16, point: String, meaning, first: u16| {
            let watched = Watched { unit, register, point, meaning, held: vec![first] };
            history.watched.insert((unit, register), watched);
        };
        site.set(panel(unit), 0, &[NORMAL; DETECTORS as usize]);
        for detector in 0..DETECTORS {
            watch(panel(unit), detector, detector_id(unit, detector), state_words, NORMAL);
        }
        let power = format!("{}/pump1/power", id(unit));
        watch(pump(unit), PUMP_ALARMS, power, power_words, 0);
        let gateway = Gateway::named(&id(unit), world, |settings| {
            settings["gateway"] = Value::from(id(unit));
            settings["broker"]["address"] = Value::from(to_broker.address());
            settings["line"][0]["address"] = Value::from(to_site.address());
            let devices = settings["line"][0]["device"].as_array_mut().expect("devices");
            devices.remove(1);
            devices[0]["unit_id"] = Value::from(i64::from(panel(unit)));
            devices[1]["unit_id"] = Value::from(i64::from(pump(unit)));
        });
        Unit { gateway, to_broker, to_site, history }
    }
}

fn id(unit: usize) -> String {
    format!("mall-{:02}", unit + 1)
}

fn panel(unit: usize) -> u8 {
    unit as u8 + 1
}

fn pump(unit: usize) -> u8 {
    unit as u8 + FIRST_PUMP
}

fn detector_id(unit: usize, detector: u16) -> String {
    format!("{}/facp1/L1D{:03}", id(unit), detector + 1)
}

fn state_words(word: u16) -> String {
    match word {
        FIRE => "fire",
        SHIELDED => "disabled",
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
