//! A simulated device and the line that reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use firegrid_gateway::clock::Clock;
use firegrid_gateway::line;
use firegrid_gateway::poll::News;
use firegrid_gateway::profile::number::Layout;
use firegrid_gateway::profile::{Format, Table};
use firegrid_gateway::settings::Settings;
use firegrid_gateway::simulate::Simulator;
use firegrid_wire::reading::Quality;
use firegrid_wire::state::StateSet;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// After this long something that should have been read is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Wide enough for any device of these tests: its first news lists all points.
const ROOM: usize = 16;

const UNIT: u8 = 1;

pub(crate) const HOLDING: Table = Table::HoldingRegisters;
pub(crate) const INPUT: Table = Table::InputRegisters;
pub(crate) const COILS: Table = Table::Coils;
pub(crate) const DISCRETE: Table = Table::DiscreteInputs;

/// One device `d` of a profile, simulated and read.
pub(crate) struct Bench {
    settings: Settings,
    simulator: Simulator,
    news: mpsc::Receiver<News>,
    /// What each point said last.
    said: BTreeMap<String, (String, Quality)>,
    task: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Settings of one device with this profile; `more` are further keys of the device.
pub(crate) fn settings(address: &str, profile: &str, more: &str) -> Settings {
    let text = |periods: &str| {
        format!(
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
             [[line]]\nname = \"l\"\naddress = \"{address}\"\n[[line.device]]\nname = \"d\"\n\
             unit_id = {UNIT}\nprofile = \"{profile}\"\n{periods}{more}\n"
        )
    };
    // A key that has no effect on a device is a mistake, so every device gets those it can have.
    let keys = ["alarm_period = \"100ms\"\n", "analog_period = \"100ms\"\n"];
    let tries = [keys.concat(), keys[0].to_owned(), keys[1].to_owned()];
    let read = tries.iter().map(|periods| Settings::parse("site", &text(periods)));
    let mut told = None;
    for read in read {
        match read {
            Ok(settings) => return settings,
            Err(mistakes) => told = told.or(Some(mistakes)),
        }
    }
    panic!("{}", told.expect("mistakes"))
}

impl Bench {
    pub(crate) async fn start(profile: &str, more: &str) -> Bench {
        let quiet = settings("127.0.0.1:1", profile, more);
        let simulator = Simulator::start(
            "127.0.0.1:0".parse().expect("an address"),
            &quiet.lines[0],
            &quiet.inventory,
        );
        let simulator = simulator.await.expect("a simulator");
        let settings = settings(&simulator.address().to_string(), profile, more);
        let (sender, news) = mpsc::channel(ROOM);
        let task = tokio::spawn(line::run(settings.lines[0].clone(), Clock::begin(), sender));
        Bench { settings, simulator, news, said: BTreeMap::new(), task }
    }

    /// Puts words into registers, and expects the points to say so.
    pub(crate) async fn check(
        &mut self,
        table: Table,
        registers: &[(u16, u16)],
        expected: &[(&str, &str)],
    ) {
        for (register, word) in registers {
            self.simulator.set_register(UNIT, table, *register, *word);
        }
        let expected =
            expected.iter().map(|(point, said)| ((*point).to_owned(), (*said).to_owned()));
        self.until(&format!("{table} {registers:04x?}"), &expected.collect()).await;
    }

    /// How far a point is believed.
    pub(crate) fn quality(&self, point: &str) -> Quality {
        self.said[point].1
    }

    /// Lets every point report each of its states, and every number stand in the middle.
    pub(crate) async fn play(mut self) {
        let of_points = self.settings.lines[0].devices[0].points.clone();
        let mut words: Vec<(String, Vec<StateSet>)> = Vec::new();
        let mut numbers = BTreeMap::new();
        for point in &of_points {
            let id = self.settings.inventory.point(point.index).entry.n.clone();
            match &point.format {
                Format::Word(word) | Format::Inputs { word, .. } => {
                    let each = word.vocabulary().iter().map(StateSet::from);
                    let mut states: Vec<StateSet> =
                        each.filter(|states| word.raw(*states).is_some()).collect();
                    if states.is_empty() {
                        states.push(word.vocabulary());
                    }
                    states.push(StateSet::NORMAL);
                    words.push((id.to_string(), states));
                }
                Format::Number(number) => {
                    let middle = match &number.layout {
                        Layout::Choice(choices) => choices[0].1,
                        Layout::U16
                        | Layout::I16
                        | Layout::F32 { .. }
                        | Layout::Described(_)
                        | Layout::Linear(_) => (number.plausible.0 + number.plausible.1) / 2.0,
                    };
                    self.simulator.show(id.as_str(), middle).expect("a number");
                    let raw = number.raw(middle).expect("registers");
                    let heard = point.format.decode(&raw).0.to_string();
                    numbers.insert(id.point().to_owned(), heard);
                }
            }
        }
        self.until("numbers", &numbers).await;
        let rounds = words.iter().map(|(_, states)| states.len()).max().unwrap_or(0);
        for round in 0..rounds {
            let mut expected = BTreeMap::new();
            for (id, states) in &words {
                let states = states[round % states.len()];
                self.simulator.report(id, states).expect("a word");
                expected.insert(id.replacen("d/", "", 1), states.to_string());
            }
            self.until(&format!("round {round}"), &expected).await;
        }
        assert_eq!(self.simulator.not_reads(), [0_u8; 0], "it was only read");
    }

    async fn until(&mut self, what: &str, expected: &BTreeMap<String, String>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let missing = |point: &&String| {
                self.said.get(*point).map(|(said, _)| said) != expected.get(*point)
            };
            let missing: Vec<&String> = expected.keys().filter(missing).collect();
            let Some(first) = missing.first() else { return };
            let Ok(news) = timeout_at(end, self.news.recv()).await else {
                let (said, wanted) = (self.said.get(*first), &expected[*first]);
                panic!(
                    "{what}: {first} says {said:?} instead of {wanted}; {} differ",
                    missing.len()
                );
            };
            match news.expect("the line lives") {
                News::Polled { changed, .. } | News::Ahead { changed, .. } => {
                    for said in changed {
                        let id = &self.settings.inventory.point(said.point).entry.n;
                        let value = (said.value.to_string(), said.quality);
                        self.said.insert(id.point().to_owned(), value);
                    }
                }
                News::Lost { .. } => {}
            }
        }
    }
}
