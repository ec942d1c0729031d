//! What a line knows of one of its devices: its areas, its response times, its change probe.

use std::time::Duration;

use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;

use crate::clock::Uptime;
use crate::inventory::DeviceIndex;
use crate::line::area::Area;
use crate::line::connection::{Answer, Connection, NoAnswer};
use crate::line::deadline::Deadline;
use crate::line::plan::Read;
use crate::line::report::{DeviceReport, ResponseTimes, Standing};

/// A poll in which everything was refused is complete all the same if another area of the
/// device has brought registers within so many of its longest periods.
const PERIODS_OF_LIFE: u64 = 2;

pub(super) struct Device {
    pub(super) index: DeviceIndex,
    pub(super) name: String,
    pub(super) unit_id: u8,
    pub(super) longest_period: Millis,
    /// When it last gave registers.
    pub(super) answered: Option<Uptime>,
    pub(super) deadline: Deadline,
    pub(super) response_times: ResponseTimes,
    /// Questions without a usable answer in time.
    pub(super) unanswered: u64,
    /// Questions that it answered with an exception.
    pub(super) exceptions: u64,
    pub(super) areas: PerLane<Option<Polled>>,
    pub(super) watched: Option<Watched>,
}

/// A change probe, and what it held when it was last seen.
pub(super) struct Watched {
    pub(super) read: Read,
    pub(super) seen: Option<Vec<u16>>,
}

/// An area and how far its poll has come.
pub(super) struct Polled {
    pub(super) area: Area,
    /// Where a poll begins. Each probe in vain asks for another part, so that no single one can
    /// hide a device that is back.
    pub(super) first_part: usize,
    pub(super) next_part: usize,
    /// How many of the poll's parts were refused since the last registers.
    pub(super) refusals: u8,
    /// When the poll's last answer came in; `None` if it has brought no registers yet.
    pub(super) at: Option<Uptime>,
    pub(super) moved: bool,
}

impl Device {
    pub(super) fn new(device: crate::settings::Device, longest: Duration) -> Device {
        let periods = [device.alarm_period, device.analog_period];
        let longest_period = periods.into_iter().flatten().max().unwrap_or_default();
        let areas = PerLane::from_fn(|lane: Lane| {
            device.period(lane)?;
            let points = device.points.iter().filter(|point| point.format.lane() == lane);
            Some(Polled::new(Area::new(points.cloned(), device.reads)))
        });
        Device {
            index: device.index,
            name: device.name.to_string(),
            unit_id: device.unit_id,
            longest_period,
            answered: None,
            deadline: Deadline::new(longest, longest_period),
            response_times: ResponseTimes::default(),
            unanswered: 0,
            exceptions: 0,
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

    /// Sets aside what it is remembered to refuse.
    pub(super) fn recall(&mut self, refused: Read, now: Uptime) {
        for lane in Lane::ALL {
            self.areas[lane].iter_mut().for_each(|polled| polled.area.recall(refused, now));
        }
    }

    /// Learns from an answer, or from its absence, how long to wait for the next one.
    pub(super) fn learn(
        &mut self,
        answer: Result<&Answer, &NoAnswer>,
        connection: &Connection,
        now: Uptime,
    ) {
        match answer {
            Ok(answer) => {
                self.exceptions += match answer {
                    Answer::Registers(_) => 0,
                    Answer::Refused(_) | Answer::NotNow(_) => 1,
                };
                let took = connection.took();
                self.deadline.answered(took, now);
                self.response_times.count(took);
            }
            Err(NoAnswer::TooLate) => {
                self.deadline.in_vain();
                self.unanswered += 1;
            }
            Err(
                NoAnswer::ConnectedTooLate
                | NoAnswer::NobodyDialledIn
                | NoAnswer::Unconnected(_)
                | NoAnswer::NeverSilent
                | NoAnswer::Doubtful(_),
            ) => self.unanswered += 1,
        }
    }

    /// Whether it has given registers of late, of any area.
    pub(super) fn is_alive(&self, now: Uptime) -> bool {
        let lately = self.longest_period.times(PERIODS_OF_LIFE);
        self.answered.is_some_and(|at| now.since(at) <= lately)
    }

    pub(super) fn unread(&self) -> DeviceReport {
        DeviceReport {
            index: self.index,
            name: self.name.clone(),
            unit_id: self.unit_id,
            standing: Standing::Answers,
            answered: None,
            deadline: self.deadline.now(),
            response_times: self.response_times,
            missed_turns: PerLane::default(),
            unanswered: 0,
            exceptions: 0,
            refused: Vec::new(),
        }
    }

    /// Writes what it knows of itself over what was shown before.
    pub(super) fn show(&self, shown: &mut DeviceReport) {
        shown.answered = self.answered;
        shown.deadline = self.deadline.now();
        shown.response_times = self.response_times;
        shown.unanswered = self.unanswered;
        shown.exceptions = self.exceptions;
        shown.refused.clear();
        let areas = Lane::ALL.into_iter().filter_map(|lane| self.areas[lane].as_ref());
        shown.refused.extend(areas.flat_map(|polled| polled.area.set_aside_parts()));
    }
}

impl Polled {
    pub(super) fn new(area: Area) -> Polled {
        Polled { area, first_part: 0, next_part: 0, refusals: 0, at: None, moved: false }
    }

    pub(super) fn begin(&mut self) {
        (self.next_part, self.refusals, self.at, self.moved) = (self.first_part, 0, None, false);
    }

    /// A part has brought registers.
    pub(super) fn taken(&mut self, part: usize, now: Uptime) {
        // A probe that began amid the area is a poll from its begin, now that it is answered.
        self.next_part = if self.first_part == 0 { part + 1 } else { 0 };
        (self.first_part, self.refusals, self.at) = (0, 0, Some(now));
    }
}
