//! What a line shows of itself: to the status page, to the metrics, to whoever watches over it.
//!
//! The line writes the report where it stands, at most once a second and when something becomes
//! of a device; who looks takes a copy. Nothing of it is needed for reading, and nobody who looks
//! can hold a line up: the last readings are made up between two questions, when they are wished.

use std::time::Duration;

use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::PerLane;
use firegrid_wire::time::Millis;
use tokio::sync::{mpsc, oneshot, watch};

use super::plan::Read;
use crate::clock::Uptime;
use crate::inventory::{DeviceIndex, PointIndex};

/// Wishes for readings that wait for a line; who finds no room is told nothing.
const WISHES_WAITING: usize = 4;

/// What a line shows of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What people call the line.
    pub line: String,
    /// When the line last did anything: it does every second, so an old report is the report of
    /// a line that hangs.
    pub at: Uptime,
    /// Whether it is connected.
    pub state: State,
    /// Since when that is so.
    pub since: Uptime,
    /// Its devices, in the order of the settings.
    pub devices: Vec<DeviceReport>,
}

/// Whether a line is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has a connection, or will make one with the next question.
    Reachable,
    /// Nobody takes its connection. It is tried again.
    Unreachable,
}

/// What a line shows of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceReport {
    /// Its number in the inventory.
    pub index: DeviceIndex,
    /// Its name in the box.
    pub name: String,
    /// The address of the slave.
    pub unit_id: u8,
    /// Whether it answers.
    pub standing: Standing,
    /// When it last gave registers.
    pub answered: Option<Uptime>,
    /// How long its next answer is waited for, and on a serial wire the bytes' own time.
    pub deadline: Duration,
    /// How long its answers have taken.
    pub response_times: ResponseTimes,
    /// Turns of its areas that were left out because they came too late, or failed.
    pub missed_turns: PerLane<u64>,
    /// Questions that brought no usable answer in time.
    pub unanswered: u64,
    /// Questions that it answered with an exception.
    pub exceptions: u64,
    /// What it refuses or does not answer while the rest of it does. Points there are unknown.
    pub refused: Vec<Read>,
}

/// Whether a device answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last poll was complete.
    Answers,
    /// So many of its polls have failed in a row.
    Failing {
        /// How many.
        polls: u32,
    },
    /// It has been told as lost, and is probed.
    Lost {
        /// Since when.
        since: Uptime,
        /// The next probe, if the line has slack for it then.
        probe: Uptime,
    },
}

/// How long answers have taken, counted by fixed bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseTimes {
    /// How many took no longer than each bound of [`ResponseTimes::BOUNDS`], and longer than the
    /// bound before; the last ones took longer than any.
    pub counts: [u64; ResponseTimes::BOUNDS.len() + 1],
    /// The sum of all of them, in microseconds.
    pub sum_us: u64,
}

impl ResponseTimes {
    /// Upper bounds in milliseconds.
    pub const BOUNDS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

    /// Counts one answer.
    pub fn count(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = Self::BOUNDS.partition_point(|bound| bound * 1_000 < took);
        self.counts[place] += 1;
        self.sum_us = self.sum_us.saturating_add(took);
    }

    /// How many answers were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound in milliseconds that this share of the answers kept; `None` if it is beyond the
    /// last bound, or nothing was counted.
    pub fn kept_by(&self, share: f64) -> Option<u64> {
        let wanted = (self.total() as f64 * share).ceil() as u64;
        let mut kept = 0;
        Self::BOUNDS.into_iter().zip(self.counts).find_map(|(bound, count)| {
            kept += count;
            (0 < kept && wanted <= kept).then_some(bound)
        })
    }
}

/// What was last read of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct LastReading {
    /// The point.
    pub point: PointIndex,
    /// Where its registers lie.
    pub read: Read,
    /// What they held; empty if they have not been read, or are refused.
    pub raw: Vec<u16>,
    /// What that means.
    pub value: Value,
    /// How far to believe it.
    pub quality: Quality,
}

/// Looks at a line from outside.
#[derive(Debug, Clone)]
pub struct View {
    reports: watch::Receiver<Report>,
    wishes: mpsc::Sender<Wish>,
}

impl View {
    /// The latest report.
    pub fn report(&self) -> Report {
        self.reports.borrow().clone()
    }

    /// What was last read of a device; `None` if it is not of this line, or the line is too busy
    /// to say so within `patience`.
    pub async fn readings(
        &self,
        device: DeviceIndex,
        patience: Duration,
    ) -> Option<Vec<LastReading>> {
        let (reply, readings) = oneshot::channel();
        self.wishes.try_send(Wish { device, reply }).ok()?;
        tokio::time::timeout(patience, readings).await.ok()?.ok()
    }
}

/// Somebody wishes to see what was last read of a device.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) device: DeviceIndex,
    pub(super) reply: oneshot::Sender<Vec<LastReading>>,
}

/// The line's side of a [`View`].
#[derive(Debug)]
pub struct Shown {
    pub(super) report: watch::Sender<Report>,
    pub(super) wishes: mpsc::Receiver<Wish>,
    again: Uptime,
}

/// The report is written anew so often while nothing becomes of any device.
const EVERY: Millis = Millis::seconds(1);

/// What a line writes, and what others see of it. Until the line begins that is nothing.
pub fn shown() -> (Shown, View) {
    let (report, reports) = watch::channel(Report {
        line: String::new(),
        at: Uptime::default(),
        state: State::Reachable,
        since: Uptime::default(),
        devices: Vec::new(),
    });
    let (sender, wishes) = mpsc::channel(WISHES_WAITING);
    (Shown { report, wishes, again: Uptime::default() }, View { reports, wishes: sender })
}

impl Shown {
    /// The line begins.
    pub(super) fn begin(&mut self, line: &str, now: Uptime, devices: Vec<DeviceReport>) {
        let (line, state) = (line.to_owned(), State::Reachable);
        self.report.send_replace(Report { line, at: now, state, since: now, devices });
    }

    /// Whether the report is to be written anew.
    pub(super) fn is_due(&mut self, now: Uptime) -> bool {
        let due = self.again <= now;
        if due {
            self.again = now.plus(EVERY);
        }
        due
    }

    /// Something has become of a device or of the line: the next step writes it.
    pub(super) fn hurry(&mut self) {
        self.again = Uptime::default();
    }

    /// When it is due.
    pub(super) fn due(&self) -> Uptime {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_times_are_counted_by_their_bounds() {
        let mut times = ResponseTimes::default();
        [900, 1_000, 1_001, 49_000, 3_000_000]
            .into_iter()
            .for_each(|micros| times.count(Duration::from_micros(micros)));
        assert_eq!(times.counts, [2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!((times.total(), times.sum_us), (5, 3_051_901));
        assert_eq!(
            [0.4, 0.6, 0.8, 1.0].map(|share| times.kept_by(share)),
            [Some(1), Some(2), Some(50), None]
        );
        assert_eq!(ResponseTimes::default().kept_by(0.5), None);
    }
}
