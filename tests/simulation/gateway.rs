//! A box: the project's recorder, spool and sender on a simulated disk, clock and link.

mod outgoing;

use std::sync::Arc;

use firegrid_gateway::clock::Uptime;
use firegrid_gateway::poll::News;
use firegrid_gateway::recorder::{Labels, Recorder};
use firegrid_gateway::spool::{Lane as SpoolLane, MarkerLabels, Standing};
use firegrid_gateway::uplink::sender::{Input, Sender};
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::{GatewayTime, Millis};
use system_tests::disk::{Disk, Failing};

use super::centre::gateway_id;
use super::panel::{self, DEVICES, PERIOD_MS, POINTS, Panel, Said};
use super::plan::Fault;
use super::world::{Event, OfGateway, World};

/// The wall clock at the begin of the run.
pub(crate) const BEGIN_MS: i64 = 1_795_000_000_000;

/// When the program was built.
const BUILT_MS: i64 = 1_790_000_000_000;

/// Bytes that are read ahead of the link.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// What the service does too: a flush that failed is tried again after this long, a position
/// is written down after that long, and the wall clock is looked at so often.
const FLUSH_AGAIN_MS: u64 = 500;
const POSITION_AFTER_MS: u64 = 5_000;
const WALL_EVERY_MS: u64 = 1_000;
const SLOWEST_FLUSH_MS: u64 = 1_000;

/// A box and what outlives its runs.
pub(crate) struct Gateway {
    /// How far its wall clock is off.
    pub(crate) wall: i64,
    /// Which catalogue it has.
    pub(crate) generation: u32,
    /// Whether its cable stands.
    pub(crate) linked: bool,
    /// Whether its link swallows what it sends and is sent.
    pub(crate) swallowed: bool,
    /// When its link has room again, and when what it sent last arrives.
    pub(crate) link_free: u64,
    pub(crate) link_last: u64,
    /// Watches another site, where all is calm.
    elsewhere: bool,
    disks: PerLane<Disk>,
    image: Option<PerLane<Disk>>,
    hangs_until: u64,
    hung_since: PerLane<Option<u64>>,
    frozen: Option<Vec<OfGateway>>,
    runs: u64,
    run: Option<Run>,
}

/// What the points of a device said last.
type Heard = Vec<(usize, Said)>;

/// One run of its process.
struct Run {
    begin: u64,
    recorder: Recorder,
    sender: Sender,
    lanes: PerLane<SpoolLane<Disk>>,
    failing: PerLane<bool>,
    flush_due: PerLane<bool>,
    connection: Option<u64>,
    wake: u64,
    heard: PerLane<[Option<Heard>; DEVICES]>,
    missed: [u32; DEVICES],
    hash: CatalogueHash,
    pages: Vec<Vec<u8>>,
}

impl Run {
    fn uptime(&self, now: u64) -> Uptime {
        Uptime::after(Millis::new(now - self.begin))
    }

    fn at(&self, uptime: Uptime) -> u64 {
        self.begin + uptime.since_begin().get()
    }
}

impl Gateway {
    fn new(disks: PerLane<Disk>, elsewhere: bool) -> Gateway {
        Gateway {
            wall: 0,
            generation: 0,
            linked: true,
            swallowed: false,
            link_free: 0,
            link_last: 0,
            elsewhere,
            disks,
            image: None,
            hangs_until: 0,
            hung_since: PerLane::default(),
            frozen: None,
            runs: 0,
            run: None,
        }
    }

    /// Whether its process runs.
    pub(crate) fn is_up(&self) -> bool {
        self.run.is_some()
    }

    /// The number of its run, or of the last one.
    pub(crate) fn run_number(&self) -> u64 {
        self.runs
    }

    /// Whether this is its connection.
    pub(crate) fn has(&self, connection: u64) -> bool {
        self.run.as_ref().is_some_and(|run| run.connection == Some(connection))
    }

    /// Its process stands still, or goes on.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        if self.run.is_some() && frozen && self.frozen.is_none() {
            self.frozen = Some(Vec::new());
        }
    }

    /// The power goes in the middle of so many writing calls of the urgent lane.
    pub(crate) fn cut_after(&mut self, calls: u64) {
        self.disks.urgent.cut_after(calls);
    }

    /// Its disks suffer.
    pub(crate) fn disk_suffers(&mut self, fault: Fault, until: u64) {
        for lane in Lane::ALL {
            let disk = &self.disks[lane];
            if matches!(fault, Fault::DiskFails(_)) {
                disk.fail(Failing { sync: true, ..Failing::default() });
            }
            if matches!(fault, Fault::DiskFull(_)) {
                disk.capacity(Some(disk.used()));
            }
        }
        if matches!(fault, Fault::DiskHangs(_)) {
            self.hangs_until = until;
        }
    }

    /// Its disks are well again.
    pub(crate) fn disk_recovers(&mut self, fault: Fault) {
        for lane in Lane::ALL {
            if matches!(fault, Fault::DiskFails(_)) {
                self.disks[lane].fail(Failing::default());
            }
            if matches!(fault, Fault::DiskFull(_)) {
                self.disks[lane].capacity(None);
            }
        }
    }

    /// How many batches of a lane have no receipt.
    pub(crate) fn depth(&self, lane: Lane) -> u64 {
        self.run.as_ref().map_or(0, |run| run.lanes[lane].standing(false).depth)
    }

    /// The last durable name of a lane.
    pub(crate) fn head(&self, lane: Lane) -> Option<firegrid_wire::span::BatchName> {
        self.run.as_ref().and_then(|run| run.lanes[lane].standing(false).durable)
    }

    fn panel<'a>(&self, site: &'a Panel, calm: &'a Panel) -> &'a Panel {
        if self.elsewhere { calm } else { site }
    }
}

impl World {
    /// The first box.
    pub(crate) fn add_gateway(&mut self) {
        self.boxes.push(Gateway::new(PerLane::default(), false));
        self.start_gateway(0);
    }

    /// A second box with the same identity.
    pub(crate) fn add_twin(&mut self, copied: bool, elsewhere: bool) {
        if 1 < self.boxes.len() {
            return;
        }
        self.oracle.has_twin = true;
        let image = self.boxes[0].image.as_ref().filter(|_| copied);
        let disks = image.map(|disks| PerLane::from_fn(|lane| disks[lane].image()));
        self.boxes.push(Gateway::new(disks.unwrap_or_default(), elsewhere));
        self.start_gateway(1);
    }

    /// An image of the box is taken.
    pub(crate) fn take_image(&mut self) {
        let gateway = &mut self.boxes[0];
        if gateway.run.is_none() {
            return;
        }
        gateway.image = Some(PerLane::from_fn(|lane| {
            let image = gateway.disks[lane].image();
            image.cut_after(u64::MAX);
            image.fail(Failing::default());
            image.capacity(None);
            image
        }));
        self.oracle.takes_image();
    }

    /// The box is restored from it.
    pub(crate) fn restore_gateway(&mut self, lasting: u64, fault: Fault, number: usize) {
        let gateway = &mut self.boxes[0];
        if gateway.run.is_none() {
            return;
        }
        let Some(image) = &gateway.image else { return };
        let image = PerLane::from_fn(|lane| image[lane].image());
        self.gateway_goes(true, lasting, fault, number);
        self.boxes[0].disks = image;
        self.oracle.restores_gateway();
    }

    /// The process of the box ends, with the power or without.
    pub(crate) fn gateway_goes(&mut self, power: bool, lasting: u64, fault: Fault, number: usize) {
        if self.boxes[0].run.is_none() {
            return;
        }
        self.drop_connection(0);
        let gateway = &mut self.boxes[0];
        gateway.run = None;
        gateway.frozen = None;
        gateway.hung_since = PerLane::default();
        if power {
            self.oracle.seen.count("box: power cut", 1);
            let cut = PerLane::from_fn(|lane| gateway.disks[lane].power_cut(&mut self.rng));
            gateway.disks = cut;
        }
        if matches!(fault, Fault::PowerAfter(..)) {
            return;
        }
        self.goes_wrong(lasting, fault, number);
    }

    /// The process of a box starts.
    pub(crate) fn start_gateway(&mut self, number: usize) {
        if self.boxes[number].run.is_some() {
            return;
        }
        let span = SpanId::from_bits(self.rng.u64(..));
        let quota = self.plan.quota;
        let gateway = &mut self.boxes[number];
        let inventory = panel::inventory(gateway.generation);
        let catalogue = inventory.catalogue();
        let hash = catalogue.hash();
        let pages: Vec<Vec<u8>> = catalogue.pages(&hash).collect();
        let open = |lane: Lane| {
            let labels = MarkerLabels { gateway: gateway_id(), lane, catalogue: hash.clone() };
            SpoolLane::open(gateway.disks[lane].clone(), labels, quota).expect("a disk with power")
        };
        let lanes = PerLane { urgent: open(Lane::Urgent), routine: open(Lane::Routine) };
        let recovered = PerLane::from_fn(|lane| lanes[lane].recovered());
        let labels = Labels { gateway: gateway_id(), catalogue: hash.clone() };
        let wall = GatewayTime::from_millis(BEGIN_MS + gateway.wall + self.now as i64);
        let floor = GatewayTime::from_millis(BUILT_MS);
        let recorder = Recorder::new(
            Arc::clone(&inventory),
            labels,
            recovered,
            floor,
            Uptime::default(),
            wall,
            span,
        );
        gateway.runs += 1;
        let run = gateway.runs;
        gateway.run = Some(Run {
            begin: self.now,
            recorder,
            sender: Sender::default(),
            lanes,
            failing: PerLane::default(),
            flush_due: PerLane::default(),
            connection: None,
            wake: u64::MAX,
            heard: PerLane::default(),
            missed: [0; DEVICES],
            hash,
            pages,
        });
        self.oracle.span_begins(span);
        self.oracle.starts(number, PerLane::from_fn(|lane| recovered[lane].last));
        self.say(|| format!("box {number} starts, span {span}, has {recovered:?}"));
        for device in 0..DEVICES {
            let first = self.rng.u64(10..PERIOD_MS);
            self.after(first, Event::Gateway(number, run, OfGateway::Poll(device)));
        }
        self.after(WALL_EVERY_MS, Event::Gateway(number, run, OfGateway::Wall));
        let connects = self.rng.u64(10..1_000);
        self.after(connects, Event::Gateway(number, run, OfGateway::Connect));
        for lane in Lane::ALL {
            self.flush_soon(number, lane, 1);
        }
        self.settle(number, Vec::new());
    }

    /// What was frozen happens now.
    pub(crate) fn thaw_gateway(&mut self) {
        let run = self.boxes[0].runs;
        for what in self.boxes[0].frozen.take().into_iter().flatten() {
            self.at(self.now, Event::Gateway(0, run, what));
        }
    }

    pub(crate) fn in_gateway(&mut self, number: usize, run: u64, what: OfGateway) {
        let gateway = &mut self.boxes[number];
        if gateway.runs != run || gateway.run.is_none() {
            return;
        }
        if let Some(frozen) = &mut gateway.frozen {
            return frozen.push(what);
        }
        match what {
            OfGateway::Poll(device) => self.poll(number, device),
            OfGateway::Flush(lane) => self.flush(number, lane),
            OfGateway::Wall => self.look_at_wall(number),
            OfGateway::Wake => self.wake(number),
            OfGateway::Connect => self.connect(number),
            OfGateway::Hear(connection, input) => self.hear(number, connection, input),
        }
        if self.boxes[number].disks.urgent.is_dead() && self.boxes[number].run.is_some() {
            self.say(|| "the power goes in the middle of writing".into());
            self.gateway_goes(true, 0, Fault::PowerAfter(0, 0), 0);
        }
    }

    fn poll(&mut self, number: usize, device: usize) {
        let run = self.boxes[number].runs;
        self.after(PERIOD_MS, Event::Gateway(number, run, OfGateway::Poll(device)));
        let calm = Panel::default();
        let read = self.boxes[number].panel(&self.panel, &calm).read(device);
        let early = self.rng.u8(0..3) == 0;
        let Some(run) = &mut self.boxes[number].run else { return };
        let at = run.uptime(self.now);
        let mut outputs = Vec::new();
        match read {
            None => {
                run.missed[device] += 1;
                if run.missed[device] == 2 {
                    let device = panel::device_index(device);
                    run.recorder.news(News::Lost { device, at }, at, &mut outputs);
                }
            }
            Some(says) => {
                run.missed[device] = 0;
                for lane in Lane::ALL {
                    let of_lane: Vec<(usize, Said)> = says
                        .iter()
                        .copied()
                        .filter(|(point, _)| POINTS[*point].2 == lane)
                        .collect();
                    let heard = run.heard[lane][device].replace(of_lane.clone());
                    let is_new = |said: &(usize, Said)| {
                        heard.as_ref().is_none_or(|heard| !heard.contains(said))
                    };
                    let changed: Vec<_> = of_lane
                        .into_iter()
                        .filter(is_new)
                        .map(|(point, said)| panel::observation(point, said))
                        .collect();
                    let index = panel::device_index(device);
                    let fires: Vec<_> = changed
                        .iter()
                        .filter(|observation| observation.value.is_fire_class())
                        .cloned()
                        .collect();
                    if early && heard.is_some() && !fires.is_empty() {
                        let ahead = News::Ahead { device: index, at, changed: fires };
                        run.recorder.news(ahead, at, &mut outputs);
                    }
                    let polled = News::Polled { device: index, lane, at, changed };
                    run.recorder.news(polled, at, &mut outputs);
                }
                let clock = run.recorder.clock();
                self.oracle.polled(clock.span(), device, clock.at(at), &says);
            }
        }
        self.settle(number, outputs);
    }

    fn look_at_wall(&mut self, number: usize) {
        let run = self.boxes[number].runs;
        self.after(WALL_EVERY_MS, Event::Gateway(number, run, OfGateway::Wall));
        let next = SpanId::from_bits(self.rng.u64(..));
        let wall = BEGIN_MS + self.boxes[number].wall + self.now as i64;
        let Some(run) = &mut self.boxes[number].run else { return };
        let mut outputs = Vec::new();
        let now = run.uptime(self.now);
        run.recorder.wall(now, GatewayTime::from_millis(wall), next, &mut outputs);
        let begins = run.recorder.clock().span() == next;
        if begins {
            self.oracle.span_begins(next);
            self.say(|| format!("box {number}: a new span {next}"));
        }
        self.settle(number, outputs);
    }

    fn wake(&mut self, number: usize) {
        let Some(run) = &mut self.boxes[number].run else { return };
        run.wake = u64::MAX;
        let now = run.uptime(self.now);
        let mut outputs = Vec::new();
        if run.recorder.deadline() <= now {
            run.recorder.tick(now, &mut outputs);
        }
        run.sender.take(Input::Time, now);
        self.settle(number, outputs);
    }

    fn flush(&mut self, number: usize, lane: Lane) {
        let gateway = &mut self.boxes[number];
        let run_number = gateway.runs;
        if self.now < gateway.hangs_until {
            gateway.hung_since[lane] = gateway.hung_since[lane].or(Some(self.now));
            let until = gateway.hangs_until;
            return self.at(until, Event::Gateway(number, run_number, OfGateway::Flush(lane)));
        }
        let took = gateway.hung_since[lane].take().map_or(0, |since| self.now - since);
        let Some(run) = &mut gateway.run else { return };
        run.flush_due[lane] = false;
        let flushed = run.lanes[lane].commit();
        run.failing[lane] = flushed.is_err() || SLOWEST_FLUSH_MS < took;
        let standing = run.lanes[lane].standing(run.failing[lane]);
        let mut outputs = Vec::new();
        if let Some(name) = standing.durable {
            self.oracle.durable(number, lane, name, self.now);
            let told = told(&standing);
            run.recorder.standing(lane, told);
            run.recorder.durable(lane, name, run.uptime(self.now), &mut outputs);
        }
        if flushed.is_err() {
            self.flush_soon(number, lane, FLUSH_AGAIN_MS);
        }
        self.settle(number, outputs);
    }

    fn flush_soon(&mut self, number: usize, lane: Lane, millis: u64) {
        let run_number = self.boxes[number].runs;
        let Some(run) = &mut self.boxes[number].run else { return };
        if !std::mem::replace(&mut run.flush_due[lane], true) {
            self.after(millis, Event::Gateway(number, run_number, OfGateway::Flush(lane)));
        }
    }
}

/// What the recorder is told of a lane.
fn told(standing: &Standing) -> firegrid_gateway::recorder::Standing {
    firegrid_gateway::recorder::Standing {
        failing: standing.failing,
        depth: standing.depth,
        oldest: standing.oldest,
        room: Some(standing.room),
        dead_letters: standing.dead_letters,
    }
}
