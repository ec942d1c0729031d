//! A site for the line tests: settings, a running line, and the news it tells.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use firegrid_gateway::clock::Clock;
use firegrid_gateway::inventory::{DeviceIndex, PointIndex};
use firegrid_gateway::line;
use firegrid_gateway::line::endpoint::Endpoint;
use firegrid_gateway::line::memory::Memory;
use firegrid_gateway::line::pulse::Pulse;
use firegrid_gateway::line::report::{self, View};
use firegrid_gateway::poll::{News, Observation};
use firegrid_gateway::settings::Settings;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::peer::held;

/// After this long something that should have happened is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A profile of plain registers: 40 discrete words that are always normal but for bit 15, which
/// is fire, and 40 counters. Two requests for each.
const PLAIN: &str = r#"
name = "plain"
label = "plain registers"
manual = "this test"
reads = { registers = 20 }
[[point]]
source = "this test"
name = "W{n}"
label = "word {n}"
each = { n = { from = 0, to = 39, step = 1 } }
register = 500
bits = { 15 = "fire" }
system = 1
part = 25
[[point]]
source = "this test"
name = "C{n}"
label = "counter {n}"
each = { n = { from = 0, to = 39, step = 1 } }
register = 100
number = { type = "u16", unit = "count", plausible = [0.0, 65535.0] }
system = 1
part = 0
"#;

/// The first register of the words.
pub(crate) const WORDS: u16 = 500;
/// The first register of the counters.
pub(crate) const COUNTERS: u16 = 100;
/// Requests of one poll of a lane.
pub(crate) const REQUESTS: usize = 2;

pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) view: View,
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

/// Settings of one line with plain devices of these unit ids.
pub(crate) fn settings(address: SocketAddr, units: &[u8], timeout: &str) -> Settings {
    let keys = "alarm_period = \"100ms\"\nanalog_period = \"200ms\"\n";
    settings_of(PLAIN, keys, address, units, timeout)
}

/// Settings of one line with plain devices that have these keys.
pub(crate) fn settings_with(
    address: SocketAddr,
    units: &[u8],
    keys: &str,
    timeout: &str,
) -> Settings {
    settings_of(PLAIN, keys, address, units, timeout)
}

/// Plain devices with a change probe at this register, whose words are read every five seconds.
pub(crate) fn watched_settings(address: SocketAddr, probe: u16) -> Settings {
    let profile = PLAIN.replacen(
        "[[point]]",
        &format!("[probe]\nsource = \"this test\"\nregister = {probe}\n[[point]]"),
        1,
    );
    let keys = "alarm_period = \"5s\"\nanalog_period = \"100ms\"\nprobe_period = \"50ms\"\n";
    settings_of(&profile, keys, address, &[1], "60ms")
}

fn settings_of(
    profile: &str,
    keys: &str,
    address: SocketAddr,
    units: &[u8],
    timeout: &str,
) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let profiles = folder.path().join("profiles");
    std::fs::create_dir(&profiles).expect("a folder");
    std::fs::write(profiles.join("plain.toml"), profile).expect("a profile");
    let devices: String = units
        .iter()
        .map(|unit| {
            format!(
                "[[line.device]]\nname = \"d{unit}\"\nunit_id = {unit}\nprofile = \"plain\"\n{keys}"
            )
        })
        .collect();
    let text = format!(
        "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nprofiles = \"profiles\"\n\
         broker = {{ address = \"127.0.0.1:1883\" }}\n[[line]]\nname = \"l\"\n\
         address = \"{address}\"\ntimeout = \"{timeout}\"\n{devices}"
    );
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    Settings::read(&file).unwrap_or_else(|told| panic!("{told}"))
}

fn audience(news: mpsc::Sender<News>) -> (line::Audience, View) {
    let (shown, view) = report::shown();
    (line::Audience { news, pulse: Pulse::default(), shown, memory: Memory::default() }, view)
}

impl Site {
    /// Starts the line; its news waits in a channel of this size.
    pub(crate) fn start(settings: Settings, room: usize) -> Site {
        let (sender, news) = mpsc::channel(room);
        let line = settings.lines[0].clone();
        let (audience, view) = audience(sender);
        let task = tokio::spawn(line::run(line, Clock::begin(), audience));
        Site { settings, view, news, task }
    }

    /// Starts the line over whatever opens its streams.
    pub(crate) fn start_over(endpoint: Endpoint, settings: Settings, room: usize) -> Site {
        Site::start_remembering(endpoint, settings, room, Memory::default())
    }

    /// The same line with a memory.
    pub(crate) fn start_remembering(
        endpoint: Endpoint,
        settings: Settings,
        room: usize,
        memory: Memory,
    ) -> Site {
        let (sender, news) = mpsc::channel(room);
        let line = settings.lines[0].clone();
        let (audience, view) = audience(sender);
        let audience = line::Audience { memory, ..audience };
        let task = tokio::spawn(line::run_over(endpoint, line, Clock::begin(), audience));
        Site { settings, view, news, task }
    }

    /// The next news.
    pub(crate) async fn next(&mut self) -> News {
        timeout(PATIENCE, self.news.recv()).await.expect("there is news").expect("the line lives")
    }

    /// The next news that fits; what it passes over is dropped.
    pub(crate) async fn until(&mut self, mut fits: impl FnMut(&News) -> bool) -> News {
        let begin = Instant::now();
        let mut passed = Vec::new();
        while begin.elapsed() < PATIENCE {
            let news = self.next().await;
            if fits(&news) {
                return news;
            }
            passed.push(news);
        }
        let shown = self.view.report();
        panic!("the news did not come; the last was {:?}; {shown:#?}", passed.last());
    }

    /// All news of a stretch of time.
    pub(crate) async fn during(&mut self, lasting: Duration) -> Vec<News> {
        let end = Instant::now() + lasting;
        let mut all = Vec::new();
        while let Ok(news) = tokio::time::timeout_at(end, self.news.recv()).await {
            all.push(news.expect("the line lives"));
        }
        all
    }

    /// Whether the line's task has ended.
    pub(crate) async fn ended(self) -> bool {
        drop(self.news);
        timeout(PATIENCE, self.task).await.is_ok()
    }

    /// The value that a point of a plain device must have while nothing is reported.
    pub(crate) fn right(&self, point: PointIndex) -> Value {
        let entry = &self.settings.inventory.point(point).entry;
        let unit: u8 = entry.n.device()[1..].parse().expect("a unit id");
        let number: u16 = entry.n.point()[1..].parse().expect("a number");
        match entry.u {
            None => Value::States(Default::default()),
            Some(of) => Value::Number(f64::from(held(unit, COUNTERS + number)), of),
        }
    }

    /// Every value that was told is right, or unknown and marked so.
    #[track_caller]
    pub(crate) fn check(&self, all: &[News]) {
        for said in all.iter().flat_map(observations) {
            let unknown = said.value == Value::Unknown && said.quality == Quality::SensorFault;
            assert!(
                unknown || said.value == self.right(said.point),
                "{} instead of {}",
                said.value,
                self.right(said.point)
            );
        }
    }
}

/// The device with a unit id.
pub(crate) fn device(settings: &Settings, unit: u8) -> DeviceIndex {
    settings.lines[0].devices.iter().find(|device| device.unit_id == unit).expect("it").index
}

pub(crate) fn observations(news: &News) -> &[Observation] {
    match news {
        News::Polled { changed, .. } | News::Ahead { changed, .. } => changed,
        News::Lost { .. } => &[],
    }
}

pub(crate) fn is_polled(news: &News, wanted: DeviceIndex, of: Lane) -> bool {
    matches!(news, News::Polled { device, lane, .. } if *device == wanted && *lane == of)
}

pub(crate) fn is_lost(news: &News, wanted: DeviceIndex) -> bool {
    matches!(news, News::Lost { device, .. } if *device == wanted)
}

/// How often each device was polled completely in the urgent lane.
pub(crate) fn polls(all: &[News]) -> BTreeMap<u32, usize> {
    let mut polls = BTreeMap::new();
    for news in all {
        if let News::Polled { device, lane: Lane::Urgent, .. } = news {
            *polls.entry(device.0).or_default() += 1;
        }
    }
    polls
}
