//! The task of one line: it owns the connection, asks whoever's turn it is, and tells the news.
//!
//! News waits in a bounded channel. When it is half full no analog poll begins any more; when
//! it is full the line waits until its news is taken, so nothing that was read is dropped.

mod device;

use std::time::Duration;

use device::Device;
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;
use tokio::sync::mpsc;

use super::area::Setback;
use super::connection::{Answer, Connection};
use super::endpoint::Endpoint;
use super::memory::Memory;
use super::plan::Read;
use super::pulse::Pulse;
use super::report;
use super::report::{Shown, Standing, State, Wish};
use super::schedule::{Cost, Failure, Periods, Schedule, Seat, Sighting, Turn};
use crate::clock::{Clock, Uptime};
use crate::poll::{News, Observation};
use crate::settings::Line;

/// The pause between two attempts to connect to a line that refuses.
const CONNECT_AGAIN: Millis = Millis::new(500);

/// A poll that has brought nothing but so many refusals in a row has failed, unless the device
/// is alive otherwise. To find one bad register among the most that a request holds takes twelve.
const REFUSALS_UNTIL_FAILED: u8 = 16;

/// Whom a line tells what.
#[derive(Debug)]
pub struct Audience {
    /// The recorder.
    pub news: mpsc::Sender<News>,
    /// Whoever watches that the line lives.
    pub pulse: Pulse,
    /// Whoever looks at the line.
    pub shown: Shown,
    /// What outlasts the line.
    pub memory: Memory,
}

impl From<mpsc::Sender<News>> for Audience {
    /// The recorder alone.
    fn from(news: mpsc::Sender<News>) -> Audience {
        let (shown, _nobody_looks) = report::shown();
        Audience { news, pulse: Pulse::default(), shown, memory: Memory::default() }
    }
}

/// Reads a line until nobody listens to its news any more.
pub async fn run(line: Line, clock: Clock, audience: impl Into<Audience>) {
    let endpoint = Endpoint::new(&line.name, &line.leads, clock);
    run_over(endpoint, line, clock, audience).await;
}

/// Reads a line over whatever opens its streams, not over what its settings say.
pub async fn run_over(endpoint: Endpoint, line: Line, clock: Clock, audience: impl Into<Audience>) {
    let audience: Audience = audience.into();
    let audience = Audience { memory: audience.memory.recall().await, ..audience };
    let mut poller = Poller::new(endpoint, line, clock, audience);
    while poller.step().await == Going::On {}
}

/// Whether there is somebody left to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    NobodyListens,
}

struct Poller {
    name: String,
    clock: Clock,
    news: mpsc::Sender<News>,
    pulse: Pulse,
    connection: Connection,
    /// How long an answer is waited for at most.
    longest: Duration,
    line: LineState,
    schedule: Schedule,
    devices: Vec<Device>,
    shown: Shown,
    memory: Memory,
}

/// Whether the line's endpoint takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Reachable,
    Unreachable { again: Uptime },
}

impl Poller {
    fn new(endpoint: Endpoint, line: Line, clock: Clock, audience: Audience) -> Poller {
        let Audience { news, pulse, mut shown, memory } = audience;
        let periods = |device: &crate::settings::Device| Periods {
            areas: PerLane::from_fn(|lane| device.period(lane)),
            look: device.watch.map(|watch| watch.period),
        };
        let (longest, now) = (line.timeout.duration(), clock.uptime());
        let periods: Vec<Periods> = line.devices.iter().map(periods).collect();
        let mut devices: Vec<Device> =
            line.devices.into_iter().map(|device| Device::new(device, longest)).collect();
        for device in &mut devices {
            let refused: Vec<Read> = memory.refused_by(&device.name).collect();
            refused.into_iter().for_each(|refused| device.recall(refused, now));
        }
        shown.begin(&line.name, now, devices.iter().map(Device::unread).collect());
        let mut poller = Poller {
            name: line.name,
            clock,
            news,
            connection: Connection::new(endpoint, longest, devices.len(), clock),
            pulse,
            longest,
            line: LineState::Reachable,
            schedule: Schedule::new(periods, line.timeout, fastrand::Rng::new(), now),
            devices,
            shown,
            memory,
        };
        (0..poller.devices.len()).for_each(|device| poller.weigh_cost(device));
        poller
    }

    /// Sends one request, or sleeps until one is due.
    async fn step(&mut self) -> Going {
        let now = self.clock.uptime();
        self.pulse.stirs(now);
        self.show(now);
        let analog_may_begin = self.news.max_capacity() <= self.news.capacity() * 2;
        match self.schedule.turn(now, analog_may_begin) {
            Turn::WaitUntil(_) if self.wants_connection() => match self.connect(now).await {
                Connected::Yes | Connected::NotBefore(_) => Going::On,
                Connected::No => self.disconnected().await,
            },
            Turn::WaitUntil(until) => self.sleep(until, now).await,
            Turn::Ask(seat) => match self.connect(now).await {
                Connected::Yes => self.ask(seat, None).await,
                Connected::NotBefore(again) => self.sleep(again, now).await,
                Connected::No => self.disconnected().await,
            },
            Turn::Probe { seat, within } => match self.connect(now).await {
                Connected::Yes => {
                    self.schedule.probed(seat.device, within, now);
                    self.ask(seat, Some(within)).await
                }
                Connected::NotBefore(again) => self.sleep(again, now).await,
                Connected::No => self.disconnected().await,
            },
            Turn::Look(device) => {
                self.look(device).await;
                Going::On
            }
        }
    }

    /// Whether a connection should be made now, between two turns, for those who answer: what a
    /// probe in vain has closed must not cost its neighbours a part of their turn.
    fn wants_connection(&self) -> bool {
        let is_reachable = self.line == LineState::Reachable;
        let answers = |device| !matches!(self.schedule.standing(device), Standing::Lost { .. });
        is_reachable && !self.connection.is_open() && (0..self.devices.len()).any(answers)
    }

    async fn disconnected(&mut self) -> Going {
        let now = self.clock.uptime();
        for device in self.schedule.disconnected(now) {
            if self.tell_lost(device, now).await == Going::NobodyListens {
                return Going::NobodyListens;
            }
        }
        Going::On
    }

    /// Looks at the change probe of a device. It opens no connection and loses no device: what
    /// is out of order is found by the polls.
    async fn look(&mut self, number: usize) {
        let now = self.clock.uptime();
        let device = &mut self.devices[number];
        let ready =
            self.connection.is_open() && self.connection.quiet_until(device.unit_id, now).is_none();
        let answer = match &device.watched {
            Some(watched) if ready => {
                let patience = device.deadline.now();
                Some(self.connection.ask(device.unit_id, watched.read, patience).await)
            }
            Some(_) | None => None,
        };
        let now = self.clock.uptime();
        if let Some(answer) = &answer {
            device.learn(answer.as_ref(), &self.connection, now);
        }
        let sighting = match (answer, &mut device.watched) {
            (Some(Ok(Answer::Registers(registers))), Some(watched)) => {
                device.answered = Some(now);
                // What moved before the first look is in no poll for certain.
                let moved = watched.seen.as_ref() != Some(&registers);
                watched.seen = Some(registers);
                if moved { Sighting::Moved } else { Sighting::Still }
            }
            (Some(Ok(Answer::Refused(exception) | Answer::NotNow(exception))), _) => {
                tracing::debug!(device = device.name, ?exception, "Change probe refused.");
                Sighting::Nothing
            }
            (Some(Err(cause)), _) => {
                tracing::debug!(device = device.name, %cause, "Change probe not answered.");
                Sighting::Nothing
            }
            (Some(Ok(Answer::Registers(_))) | None, _) => Sighting::Nothing,
        };
        self.schedule.looked(number, now, sighting);
    }

    async fn sleep(&mut self, until: Uptime, now: Uptime) -> Going {
        let lasting = until.min(self.shown.due()).since(now);
        self.pulse.rests(now, lasting);
        tokio::select! {
            () = tokio::time::sleep(lasting.duration()) => Going::On,
            () = self.news.closed() => Going::NobodyListens,
            Some(wish) = self.shown.wishes.recv() => {
                self.grant(wish);
                Going::On
            }
        }
    }

    /// Shows the line to whoever looks at it.
    fn show(&mut self, now: Uptime) {
        while let Ok(wish) = self.shown.wishes.try_recv() {
            self.grant(wish);
        }
        if !self.shown.is_due(now) {
            return;
        }
        let state = match self.line {
            LineState::Reachable => State::Reachable,
            LineState::Unreachable { .. } => State::Unreachable,
        };
        let (devices, schedule, memory) = (&self.devices, &self.schedule, &mut self.memory);
        self.shown.report.send_modify(|report| {
            report.at = now;
            if report.state != state {
                (report.state, report.since) = (state, now);
            }
            for (number, (shown, device)) in report.devices.iter_mut().zip(devices).enumerate() {
                shown.standing = schedule.standing(number);
                shown.missed_turns = schedule.missed_turns(number, now);
                device.show(shown);
                // What a device that is failing refuses says nothing of its registers.
                if shown.standing == Standing::Answers {
                    for read in memory.note(&device.name, &shown.refused) {
                        tracing::info!(
                            device = device.name,
                            ?read,
                            "Registers refused, their points are unknown."
                        );
                    }
                }
            }
        });
        self.memory.keep(now);
    }

    fn grant(&self, wish: Wish) {
        let Some(device) = self.devices.iter().find(|device| device.index == wish.device) else {
            return;
        };
        let areas = Lane::ALL.into_iter().filter_map(|lane| device.areas[lane].as_ref());
        let readings = areas.flat_map(|polled| polled.area.last_readings()).collect();
        // Whoever wished may have gone away.
        let _nobody_waits = wish.reply.send(readings);
    }

    async fn connect(&mut self, now: Uptime) -> Connected {
        if self.connection.is_open() {
            return Connected::Yes;
        }
        if let LineState::Unreachable { again } = self.line
            && now < again
        {
            return Connected::NotBefore(again);
        }
        let opened = self.connection.open().await;
        let now = self.clock.uptime();
        match (opened, self.line) {
            (Ok(()), LineState::Reachable) => Connected::Yes,
            (Ok(()), LineState::Unreachable { .. }) => {
                tracing::info!(line = self.name, "Line connected again.");
                self.line = LineState::Reachable;
                self.shown.hurry();
                self.schedule.connected_again(now);
                Connected::Yes
            }
            (Err(cause), state) => {
                if state == LineState::Reachable {
                    tracing::warn!(line = self.name, %cause, "Line not reachable.");
                    self.shown.hurry();
                }
                self.line = LineState::Unreachable { again: now.plus(CONNECT_AGAIN) };
                Connected::No
            }
        }
    }

    /// Sends the next request of an area; a probe may hold up the line `within` that time.
    async fn ask(&mut self, seat: Seat, within: Option<Millis>) -> Going {
        let begins = self.schedule.begin(seat);
        let now = self.clock.uptime();
        let device = &mut self.devices[seat.device];
        let Some(polled) = device.areas[seat.lane].as_mut() else { return Going::On };
        if begins {
            polled.begin();
        }
        let Some((part, read)) = polled.area.next_part(polled.next_part, now) else {
            return self.end(seat).await;
        };
        let patience = match within {
            None => device.deadline.now(),
            Some(within) => self
                .connection
                .patience_within(device.unit_id, read, within.duration())
                .clamp(device.deadline.least(), self.longest),
        };
        let answer = self.connection.ask(device.unit_id, read, patience).await;
        let now = self.clock.uptime();
        device.learn(answer.as_ref(), &self.connection, now);
        let Some(polled) = device.areas[seat.lane].as_mut() else { return Going::On };
        let is_first_of_probe = within.is_some() && polled.at.is_none();
        let setback = match answer {
            Ok(Answer::Registers(registers)) => {
                let ahead = polled.area.take(part, &registers);
                polled.taken(part, now);
                polled.moved |= !ahead.is_empty();
                device.answered = Some(now);
                self.schedule.answered(seat.device);
                let ended = polled.area.next_part(polled.next_part, now).is_none();
                return self.go_on(seat, now, ahead, ended).await;
            }
            Ok(Answer::Refused(exception)) if is_first_of_probe => {
                tracing::debug!(device = device.name, ?read, ?exception, "Probe refused.");
                Setback::Failed
            }
            Ok(Answer::Refused(exception)) => {
                polled.refusals = polled.refusals.saturating_add(1);
                let in_vain = polled.refusals == REFUSALS_UNTIL_FAILED && polled.at.is_none();
                let setback = polled.area.refuse(part, now);
                if setback == Setback::SetAside {
                    let device = device.name.as_str();
                    tracing::debug!(device, ?read, ?exception, "Registers refused.");
                }
                if in_vain && !device.is_alive(now) { Setback::Failed } else { setback }
            }
            Ok(Answer::NotNow(exception)) => {
                let device_name = device.name.as_str();
                tracing::debug!(
                    device = device_name,
                    ?read,
                    ?exception,
                    "Device cannot answer now."
                );
                polled.area.unanswered(part, now, device.answered)
            }
            Err(cause) => {
                let device_name = device.name.as_str();
                tracing::debug!(device = device_name, ?read, %cause, "Request failed.");
                if let Some(until) = self.connection.quiet_until(device.unit_id, now) {
                    self.schedule.rests(seat.device, until);
                }
                polled.area.unanswered(part, now, device.answered)
            }
        };
        let Some(polled) = self.devices[seat.device].areas[seat.lane].as_mut() else {
            return Going::On;
        };
        match setback {
            Setback::Cut => Going::On,
            Setback::SetAside => {
                polled.next_part = part + 1;
                if polled.area.next_part(polled.next_part, now).is_none() {
                    return self.end(seat).await;
                }
                Going::On
            }
            Setback::Failed => {
                if is_first_of_probe {
                    polled.first_part = (part + 1) % polled.area.part_count().max(1);
                }
                self.failed(seat, now).await
            }
        }
    }

    /// What a question to a device costs is weighed anew after each failure.
    fn weigh_cost(&mut self, number: usize) {
        let device = &self.devices[number];
        let mut areas = Lane::ALL.into_iter().filter_map(|lane| device.areas[lane].as_ref());
        let leading = areas.next();
        let read = leading.and_then(|polled| polled.area.read_of(polled.first_part));
        let Some(read) = read else { return };
        let cost = |patience| {
            let held_up = self.connection.holds_up(device.unit_id, read, patience);
            // Rounded up.
            Millis::from(held_up).plus(Millis::new(1))
        };
        let cost = Cost { least: cost(device.deadline.least()), full: cost(self.longest) };
        self.schedule.costs(number, cost);
    }

    /// Tells what cannot wait, and ends the poll if that was its last request.
    async fn go_on(
        &mut self,
        seat: Seat,
        at: Uptime,
        changed: Vec<Observation>,
        ended: bool,
    ) -> Going {
        if ended {
            return self.end(seat).await;
        }
        if changed.is_empty() {
            return Going::On;
        }
        let device = self.devices[seat.device].index;
        self.tell(News::Ahead { device, at, changed }).await
    }

    /// Every part has been read or is set aside.
    async fn end(&mut self, seat: Seat) -> Going {
        let now = self.clock.uptime();
        let device = &mut self.devices[seat.device];
        let alive = device.is_alive(now);
        let index = device.index;
        let Some(polled) = device.areas[seat.lane].as_mut() else { return Going::On };
        if polled.at.is_none() && !alive {
            polled.area.plan_anew();
            polled.first_part = 0;
            return self.failed(seat, now).await;
        }
        let changed = polled.area.complete(now);
        let (at, moved) = (polled.at.unwrap_or(now), polled.moved);
        if self.schedule.complete(seat, now, moved) {
            let device = device.name.as_str();
            tracing::info!(line = self.name, device, "Device answers again.");
            self.shown.hurry();
        }
        self.tell(News::Polled { device: index, lane: seat.lane, at, changed }).await
    }

    async fn failed(&mut self, seat: Seat, now: Uptime) -> Going {
        self.weigh_cost(seat.device);
        match self.schedule.failed(seat, now) {
            Failure::Again | Failure::StillLost => Going::On,
            Failure::Lost => self.tell_lost(seat.device, now).await,
        }
    }

    async fn tell_lost(&mut self, device: usize, at: Uptime) -> Going {
        let device = &self.devices[device];
        let name = device.name.as_str();
        tracing::warn!(line = self.name, device = name, "Device lost.");
        self.shown.hurry();
        self.tell(News::Lost { device: device.index, at }).await
    }

    async fn tell(&mut self, news: News) -> Going {
        match self.news.send(news).await {
            Ok(()) => Going::On,
            Err(_) => Going::NobodyListens,
        }
    }
}

enum Connected {
    Yes,
    No,
    NotBefore(Uptime),
}
