//! The task of one line: it owns the connection, asks whoever's turn it is, and tells the news.
//!
//! News waits in a bounded channel. When it is half full no analog poll begins any more; when
//! it is full the line waits until its news is taken, so nothing that was read is dropped.

use std::time::Duration;

use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;
use tokio::sync::mpsc;

use super::area::{Area, Setback};
use super::connection::{Answer, Connection};
use super::endpoint::Endpoint;
use super::plan::Read;
use super::pulse::Pulse;
use super::schedule::{Failure, Periods, Schedule, Seat, Sighting, Turn};
use crate::clock::{Clock, Uptime};
use crate::inventory::DeviceIndex;
use crate::poll::{News, Observation};
use crate::settings::Line;

/// The pause between two attempts to connect to a line that refuses.
const CONNECT_AGAIN: Millis = Millis::new(500);

/// A poll in which everything was refused is complete all the same if another area of the
/// device has brought registers within so many of its longest periods.
const PERIODS_OF_LIFE: u64 = 2;

/// Whom a line tells what.
#[derive(Debug, Clone)]
pub struct Audience {
    /// The recorder.
    pub news: mpsc::Sender<News>,
    /// Whoever watches that the line lives.
    pub pulse: Pulse,
}

impl From<mpsc::Sender<News>> for Audience {
    /// The recorder alone.
    fn from(news: mpsc::Sender<News>) -> Audience {
        Audience { news, pulse: Pulse::default() }
    }
}

/// Reads a line until nobody listens to its news any more.
pub async fn run(line: Line, clock: Clock, audience: impl Into<Audience>) {
    let endpoint = Endpoint::new(&line.name, &line.leads, clock);
    run_over(endpoint, line, clock, audience).await;
}

/// Reads a line over whatever opens its streams, not over what its settings say.
pub async fn run_over(endpoint: Endpoint, line: Line, clock: Clock, audience: impl Into<Audience>) {
    let mut poller = Poller::new(endpoint, line, clock, audience.into());
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
    /// How long an answer is waited for.
    patience: Duration,
    line: LineState,
    schedule: Schedule,
    devices: Vec<Device>,
}

/// Whether the line's endpoint takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Reachable,
    Unreachable { again: Uptime },
}

struct Device {
    index: DeviceIndex,
    name: String,
    unit_id: u8,
    longest_period: Millis,
    /// When it last gave registers.
    answered: Option<Uptime>,
    areas: PerLane<Option<Polled>>,
    watched: Option<Watched>,
}

/// A change probe, and what it held when it was last seen.
struct Watched {
    read: Read,
    seen: Option<Vec<u16>>,
}

/// An area and how far its poll has come.
struct Polled {
    area: Area,
    next_part: usize,
    /// When the poll's last answer came in; `None` if it has brought no registers yet.
    at: Option<Uptime>,
    moved: bool,
}

impl Poller {
    fn new(endpoint: Endpoint, line: Line, clock: Clock, audience: Audience) -> Poller {
        let Audience { news, pulse } = audience;
        let periods = |device: &crate::settings::Device| Periods {
            areas: PerLane::from_fn(|lane| device.period(lane)),
            look: device.watch.map(|watch| watch.period),
        };
        let periods: Vec<Periods> = line.devices.iter().map(periods).collect();
        let devices: Vec<Device> = line.devices.into_iter().map(Device::new).collect();
        Poller {
            name: line.name,
            clock,
            news,
            connection: Connection::new(endpoint, line.timeout.duration(), devices.len(), clock),
            pulse,
            patience: line.timeout.duration(),
            line: LineState::Reachable,
            schedule: Schedule::new(periods, clock.uptime()),
            devices,
        }
    }

    /// Sends one request, or sleeps until one is due.
    async fn step(&mut self) -> Going {
        let now = self.clock.uptime();
        self.pulse.stirs(now);
        let analog_may_begin = self.news.max_capacity() <= self.news.capacity() * 2;
        match self.schedule.turn(now, analog_may_begin) {
            Turn::WaitUntil(until) => self.sleep(until.since(now)).await,
            Turn::Ask(seat) => match self.connect(now).await {
                Connected::Yes => self.ask(seat).await,
                Connected::NotBefore(again) => self.sleep(again.since(now)).await,
                Connected::No => {
                    let now = self.clock.uptime();
                    for device in self.schedule.disconnected(now) {
                        if self.tell_lost(device, now).await == Going::NobodyListens {
                            return Going::NobodyListens;
                        }
                    }
                    Going::On
                }
            },
            Turn::Look(device) => {
                self.look(device).await;
                Going::On
            }
        }
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
                Some(self.connection.ask(device.unit_id, watched.read, self.patience).await)
            }
            Some(_) | None => None,
        };
        let now = self.clock.uptime();
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

    async fn sleep(&mut self, lasting: Millis) -> Going {
        self.pulse.rests(self.clock.uptime(), lasting);
        tokio::select! {
            () = tokio::time::sleep(lasting.duration()) => Going::On,
            () = self.news.closed() => Going::NobodyListens,
        }
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
                self.schedule.connected_again(now);
                Connected::Yes
            }
            (Err(cause), state) => {
                if state == LineState::Reachable {
                    tracing::warn!(line = self.name, %cause, "Line not reachable.");
                }
                self.line = LineState::Unreachable { again: now.plus(CONNECT_AGAIN) };
                Connected::No
            }
        }
    }

    async fn ask(&mut self, seat: Seat) -> Going {
        let begins = self.schedule.begin(seat);
        let now = self.clock.uptime();
        let device = &mut self.devices[seat.device];
        let Some(polled) = device.areas[seat.lane].as_mut() else { return Going::On };
        if begins {
            (polled.next_part, polled.at, polled.moved) = (0, None, false);
        }
        let Some((part, read)) = polled.area.next_part(polled.next_part, now) else {
            return self.end(seat).await;
        };
        let answer = self.connection.ask(device.unit_id, read, self.patience).await;
        let now = self.clock.uptime();
        let setback = match answer {
            Ok(Answer::Registers(registers)) => {
                let ahead = polled.area.take(part, &registers);
                (polled.next_part, polled.at) = (part + 1, Some(now));
                polled.moved |= !ahead.is_empty();
                device.answered = Some(now);
                let ended = polled.area.next_part(polled.next_part, now).is_none();
                return self.go_on(seat, now, ahead, ended).await;
            }
            Ok(Answer::Refused(exception)) => {
                let setback = polled.area.refuse(part, now);
                if setback == Setback::SetAside {
                    let device = device.name.as_str();
                    tracing::debug!(device, ?read, ?exception, "Registers refused.");
                }
                setback
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
                polled.area.unanswered(part, now, device.answered)
            }
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
            Setback::Failed => self.failed(seat, now).await,
        }
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
        let alive = device
            .answered
            .is_some_and(|at| now.since(at) <= device.longest_period.times(PERIODS_OF_LIFE));
        let index = device.index;
        let Some(polled) = device.areas[seat.lane].as_mut() else { return Going::On };
        if polled.at.is_none() && !alive {
            polled.area.plan_anew();
            return self.failed(seat, now).await;
        }
        let changed = polled.area.complete(now);
        let (at, moved) = (polled.at.unwrap_or(now), polled.moved);
        if self.schedule.complete(seat, now, moved) {
            let device = device.name.as_str();
            tracing::info!(line = self.name, device, "Device answers again.");
        }
        self.tell(News::Polled { device: index, lane: seat.lane, at, changed }).await
    }

    async fn failed(&mut self, seat: Seat, now: Uptime) -> Going {
        match self.schedule.failed(seat, now) {
            Failure::Again | Failure::StillLost => Going::On,
            Failure::Lost => self.tell_lost(seat.device, now).await,
        }
    }

    async fn tell_lost(&mut self, device: usize, at: Uptime) -> Going {
        let device = &self.devices[device];
        let name = device.name.as_str();
        tracing::warn!(line = self.name, device = name, "Device lost.");
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

impl Device {
    fn new(device: crate::settings::Device) -> Device {
        let periods = [device.alarm_period, device.analog_period];
        let areas = PerLane::from_fn(|lane: Lane| {
            device.period(lane)?;
            let points = device.points.iter().filter(|point| point.format.lane() == lane);
            let area = Area::new(points.cloned(), device.reads);
            Some(Polled { area, next_part: 0, at: None, moved: false })
        });
        Device {
            index: device.index,
            name: device.name.to_string(),
            unit_id: device.unit_id,
            longest_period: periods.into_iter().flatten().max().unwrap_or_default(),
            answered: None,
            areas,
            watched: device.watch.map(|watch| Watched {
                read: Read {
                    table: watch.probe.table,
                    first: watch.probe.register,
                    count: watch.probe.count,
                },
                seen: None,
            }),
        }
    }
}
