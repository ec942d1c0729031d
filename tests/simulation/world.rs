//! One run: virtual time, what is due in it, and everything that takes part.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use fastrand::Rng;
use firegrid_gateway::uplink::sender::Input;
use firegrid_wire::span::Lane;

use super::broker::{Broker, Packet, Refuses};
use super::centre::Centre;
use super::gateway::Gateway;
use super::oracle::Oracle;
use super::panel::Panel;
use super::plan::{END_MS, Fault, Plan};
use super::tally::Seen;
use firegrid_ingest::judge::events::Message;

/// Lines of the trace that a failure shows.
const LINES_KEPT: usize = 80;

/// After a fault is mended, so much is forgiven.
const FORGIVEN_MS: u64 = 60_000;

/// A fire that can be seen and told must stand at the centre after so long.
const FIRE_WITHIN_MS: u64 = 45_000;

/// Something that is due at a moment.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Of a box and its run.
    Gateway(usize, u64, OfGateway),
    /// A packet reaches the broker on a connection.
    AtBroker(u64, Packet),
    /// A message reaches the centre; of the broker's and the centre's run.
    AtCentre(u64, u64, Lane, Box<Message>),
    /// The centre takes what waits.
    CentreWork(u64),
    /// The judgement wants to be woken.
    CentreTick(u64),
    /// What is being committed is done.
    CentreCommit(u64),
    /// The centre's connections to the broker stand.
    CentreListens(u64),
    /// The centre drains its inbox into the series store.
    CentreDrains(u64),
    /// Something of the plan happens.
    Fault(usize),
    /// What lasted is mended.
    Mended(Fault, usize),
    /// It is looked whether what burns is known.
    Watch,
}

/// Something that is due in a box.
#[derive(Debug, Clone)]
pub(crate) enum OfGateway {
    /// A device is polled.
    Poll(usize),
    /// A lane is flushed.
    Flush(Lane),
    /// The wall clock is looked at.
    Wall,
    /// The recorder or the sender wanted to be woken.
    Wake,
    /// A connection is opened.
    Connect,
    /// Something reaches the box on a connection.
    Hear(u64, Input),
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) panel: Panel,
    pub(crate) boxes: Vec<Gateway>,
    pub(crate) broker: Broker,
    pub(crate) centre: Centre,
    pub(crate) oracle: Oracle,
    queue: BTreeMap<(u64, u64), Event>,
    number: u64,
    /// Faults that are not mended, and when the last one was.
    bad: u32,
    bad_until: u64,
    burning: BTreeMap<usize, u64>,
    lines: VecDeque<String>,
    shows: bool,
}

/// A run that kept every promise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Played {
    /// The same run has the same one.
    pub(crate) fingerprint: u64,
    /// What happened in it.
    pub(crate) seen: Seen,
}

/// A promise that was broken.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The seed.
    pub(crate) seed: u64,
    /// Which promise.
    pub(crate) property: &'static str,
    /// How.
    pub(crate) why: String,
    /// When.
    pub(crate) at: u64,
    /// What happened before.
    pub(crate) lines: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.lines.join("\n"))?;
        writeln!(f, "seed {}: {} at {} ms: {}", self.seed, self.property, self.at, self.why)?;
        write!(f, "all of it: make simulate SEEDS=1 FROM={} SHOW=1", self.seed)
    }
}

impl World {
    /// Runs a seed to its end.
    pub(crate) fn run(seed: u64, shows: bool) -> Result<Played, Box<Failure>> {
        let plan = Plan::of(seed);
        let mut world = World {
            now: 0,
            rng: Rng::with_seed(seed),
            panel: Panel::default(),
            boxes: Vec::new(),
            broker: Broker::default(),
            centre: Centre::new(),
            oracle: Oracle::default(),
            queue: BTreeMap::new(),
            number: 0,
            bad: 0,
            bad_until: 0,
            burning: BTreeMap::new(),
            lines: VecDeque::new(),
            shows,
            plan,
        };
        world.say(|| format!("seed {seed}: {:?}", world_theme(seed)));
        world.begin();
        let mut fingerprint = seed;
        while let Some(((at, number), event)) = world.queue.pop_first() {
            if END_MS < at {
                break;
            }
            world.now = at;
            fingerprint = fingerprint.rotate_left(5) ^ at ^ number;
            world.happens(event);
            if world.oracle.broken.is_some() {
                break;
            }
        }
        if world.oracle.broken.is_none() {
            world.check_the_end();
        }
        world.centre.close();
        match world.oracle.broken.take() {
            None => Ok(Played {
                fingerprint: fingerprint ^ world.oracle.fingerprint(),
                seen: world.oracle.seen,
            }),
            Some((property, why)) => Err(Box::new(Failure {
                seed,
                property,
                why,
                at: world.now,
                lines: world.lines.into_iter().collect(),
            })),
        }
    }

    /// Puts something into the queue.
    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.number += 1;
        self.queue.insert((at.max(self.now), self.number), event);
    }

    /// Puts something into the queue, so much later.
    pub(crate) fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + millis, event);
    }

    /// Writes a line into the trace.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>7} {}", self.now, line());
        if self.shows {
            eprintln!("{line}");
        }
        self.lines.push_back(line);
        if LINES_KEPT < self.lines.len() {
            self.lines.pop_front();
        }
    }

    /// Something goes wrong that is mended later.
    pub(crate) fn goes_wrong(&mut self, lasting: u64, fault: Fault, number: usize) {
        self.bad += 1;
        self.after(lasting, Event::Mended(fault, number));
    }

    fn begin(&mut self) {
        use super::plan::Theme;
        let theme = self.plan.theme;
        self.oracle.may_forget =
            matches!(theme, Theme::SmallQuotas | Theme::CentreRestored | Theme::Refusing);
        self.start_centre();
        self.add_gateway();
        for (number, (at, _)) in self.plan.faults.clone().into_iter().enumerate() {
            self.at(at, Event::Fault(number));
        }
        self.at(5_000, Event::Watch);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Gateway(number, run, what) => self.in_gateway(number, run, what),
            Event::AtBroker(connection, packet) => self.at_broker(connection, packet),
            Event::AtCentre(broker, centre, lane, message) => {
                self.at_centre(broker, centre, lane, *message);
            }
            Event::CentreWork(run) => self.centre_works(run),
            Event::CentreTick(run) => self.centre_ticks(run),
            Event::CentreCommit(run) => self.centre_commits(run),
            Event::CentreListens(run) => self.centre_listens(run),
            Event::CentreDrains(run) => self.centre_drains(run),
            Event::Fault(number) => {
                let (_, fault) = self.plan.faults[number];
                self.say(|| format!("— {fault:?}"));
                self.goes(fault, number);
            }
            Event::Mended(fault, number) => {
                self.say(|| format!("— over: {fault:?}"));
                self.mend(fault, number);
                self.bad = self.bad.saturating_sub(1);
                self.bad_until = self.now;
            }
            Event::Watch => {
                self.watch();
                self.after(5_000, Event::Watch);
            }
        }
    }

    fn goes(&mut self, fault: Fault, number: usize) {
        let words = format!("{fault:?}");
        let kind = words.split(['(', ' ']).next().unwrap_or_default();
        self.oracle.seen.count(format!("fault: {kind}"), 1);
        match fault {
            Fault::Says(point, said) => {
                if let super::panel::Said::Words(words) = said {
                    self.oracle.seen.count(format!("site: {words}"), 1);
                }
                self.panel.say(point, said);
                if !said.is_alarming() {
                    self.burning.remove(&point);
                } else if matches!(said, super::panel::Said::Words(_)) {
                    self.burning.entry(point).or_insert(self.now);
                }
            }
            Fault::Dead(device, lasting) => {
                self.panel.dies(device, true);
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Kill(lasting) => self.gateway_goes(false, lasting, fault, number),
            Fault::Power(lasting, _) => self.gateway_goes(true, lasting, fault, number),
            Fault::PowerAfter(lasting, calls) => {
                self.boxes[0].cut_after(calls);
                self.goes_wrong(lasting + 20_000, fault, number);
            }
            Fault::Freeze(lasting) => {
                self.boxes[0].freeze(true);
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Jump(by) => {
                for gateway in &mut self.boxes {
                    gateway.wall += by;
                }
                self.bad_until = self.now;
            }
            Fault::DiskFails(lasting) | Fault::DiskFull(lasting) | Fault::DiskHangs(lasting) => {
                self.boxes[0].disk_suffers(fault, self.now + lasting);
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Image => self.take_image(),
            Fault::Restore(lasting) => self.restore_gateway(lasting, fault, number),
            Fault::Catalogue(lasting) => {
                self.boxes[0].generation += 1;
                self.oracle.changes_catalogue();
                self.gateway_goes(false, lasting, fault, number);
            }
            Fault::Twin { copied, elsewhere } => self.add_twin(copied, elsewhere),
            Fault::Cut(lasting) => {
                self.boxes[0].linked = false;
                self.drop_connection(0);
                self.goes_wrong(lasting, fault, number);
            }
            Fault::HalfOpen(lasting) => {
                self.boxes[0].swallowed = true;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Broker(lasting) => {
                self.broker_goes();
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Loss(lasting, percent) => {
                self.broker.loss = percent;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Double(lasting, percent) => {
                self.broker.double = percent;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Delay(lasting, lane, by) => {
                self.broker.delay[lane] = by;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::DelayDown(lasting, by) => {
                self.broker.delay_down = by;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::CentreKill(lasting) => self.centre_goes(lasting, fault, number),
            Fault::CentreImage => self.copy_centre(),
            Fault::CentreRestore(lasting) => self.restore_centre(lasting, fault, number),
            Fault::Refuses(lane) => self.broker.refuses[lane] = Refuses::Next,
            Fault::CentreFreeze(lasting) => {
                self.centre.frozen = true;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::Deaf(lasting) => {
                self.centre_goes_deaf();
                self.goes_wrong(lasting, fault, number);
            }
            Fault::CommitFails(lasting) => {
                self.centre.commit_fails = true;
                self.goes_wrong(lasting, fault, number);
            }
            Fault::SeriesFails(lasting) => {
                self.centre.series_fails = true;
                self.goes_wrong(lasting, fault, number);
            }
        }
    }

    fn mend(&mut self, fault: Fault, _number: usize) {
        match fault {
            Fault::Says(..)
            | Fault::Jump(_)
            | Fault::Image
            | Fault::Twin { .. }
            | Fault::CentreImage
            | Fault::Refuses(_) => {}
            Fault::Dead(device, _) => self.panel.dies(device, false),
            Fault::Kill(_) | Fault::Restore(_) | Fault::Catalogue(_) => self.start_gateway(0),
            Fault::Power(_, forgets) => {
                if forgets && !self.boxes[0].is_up() {
                    // The clock chip begins with 1970.
                    self.boxes[0].wall = -super::gateway::BEGIN_MS;
                }
                self.start_gateway(0);
            }
            Fault::PowerAfter(..) => {
                self.boxes[0].cut_after(u64::MAX);
                self.start_gateway(0);
            }
            Fault::Freeze(_) => self.thaw_gateway(),
            Fault::DiskFails(_) | Fault::DiskFull(_) | Fault::DiskHangs(_) => {
                self.boxes[0].disk_recovers(fault);
            }
            Fault::Cut(_) => self.boxes[0].linked = true,
            Fault::HalfOpen(_) => {
                // What was swallowed is missing in the stream: it cannot go on.
                self.boxes[0].swallowed = false;
                self.drop_connection(0);
            }
            Fault::Broker(_) => self.broker_comes(),
            Fault::Loss(..) => self.broker.loss = 0,
            Fault::Double(..) => self.broker.double = 0,
            Fault::Delay(_, lane, _) => self.broker.delay[lane] = 0,
            Fault::DelayDown(..) => self.broker.delay_down = 0,
            Fault::CentreKill(_) | Fault::CentreRestore(_) => self.start_centre(),
            Fault::CentreFreeze(_) => self.thaw_centre(),
            Fault::Deaf(_) => self.centre_hears_again(),
            Fault::CommitFails(_) => self.centre.commit_fails = false,
            Fault::SeriesFails(_) => self.centre.series_fails = false,
        }
    }

    /// What burns, can be seen and can be told must stand at the centre.
    fn watch(&mut self) {
        let since_bad = self.now.saturating_sub(self.bad_until);
        if self.bad != 0 || since_bad < FORGIVEN_MS || 1 < self.boxes.len() {
            return;
        }
        let begin = self.bad_until;
        let late: Vec<(usize, u64)> = self
            .burning
            .iter()
            .filter(|(_, since)| FIRE_WITHIN_MS < self.now - (**since).max(begin))
            .map(|(point, since)| (*point, *since))
            .collect();
        for (point, since) in late {
            if !self.centre_shows(point) {
                let name = super::panel::POINTS[point].0;
                self.oracle.broken("a fire is not raised", || format!("{name} since {since}"));
            }
        }
    }
}

fn world_theme(seed: u64) -> super::plan::Theme {
    Plan::of(seed).theme
}
