//! The lines that run, and how they are exchanged for others without stopping the rest.
//!
//! ```text
//!             unchanged: goes on, its numbers are told anew
//!  running ──────────────────────────────────────────────────► running
//!     │      changed or gone: stopped, its last news taken
//!     └──────────────────────────────────────────────────────► (changed, new: begun)
//! ```
//!
//! A line numbers devices and points as the inventory did when it began. When devices in front
//! of it come or go, it is not disturbed: what it says is renumbered here.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::{Clock, Uptime};
use crate::inventory::{DeviceIndex, Inventory, PointIndex};
use crate::line::memory::Memory;
use crate::line::pulse::Pulse;
use crate::line::report::{self, View};
use crate::line::{self, Audience};
use crate::poll::{News, Observation};
use crate::settings::Line;
use crate::status::{LineState, Source};

/// News of a line that waits for the recorder. It takes them as fast as they come; when this is
/// full the line waits, because old readings in order beat new ones with holes.
pub const NEWS_WAITING: usize = 64;

/// A line that is told to stop does so at its next await. One that hangs is left behind.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// All lines of a box.
#[derive(Debug)]
pub(super) struct Lines {
    clock: Clock,
    /// The folder in which lines remember what is refused.
    memories: PathBuf,
    running: Vec<Running>,
    /// Whose news is taken next, so that a busy line does not push out the others.
    turn: usize,
}

/// A line as it is meant.
#[derive(Debug)]
pub(super) struct Meant {
    line: Line,
    /// Of everything the settings say of it, but for where it stands in the inventory. A line
    /// may have tens of thousands of points: while it runs this is all that is kept of them.
    fingerprint: u64,
}

/// One line at work.
#[derive(Debug)]
struct Running {
    name: String,
    fingerprint: u64,
    devices: u32,
    /// The first numbers it began with.
    began_as: Numbers,
    /// Its first numbers in the inventory of now.
    first: Numbers,
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
    pulse: Pulse,
    view: View,
}

/// The first device and the first point of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    device: u32,
    point: u32,
}

/// What comes from the lines.
#[derive(Debug)]
pub(super) enum Heard {
    /// News, in the numbers of now.
    News(News),
    /// A line has ended, which none does on its own.
    Ended(String),
}

/// Lines as they are meant from now on, and what becomes of those that run.
#[derive(Debug)]
pub(super) struct Plan {
    lines: Vec<Meant>,
    /// For each line that runs, the place among the new ones it goes on as.
    becomes: Vec<Option<usize>>,
    /// The devices of lines that go on: their number so far, and from now on.
    pub(super) kept: Vec<(DeviceIndex, DeviceIndex)>,
}

impl Lines {
    /// Begins all lines.
    pub(super) fn begin(lines: Vec<Meant>, clock: Clock, memories: PathBuf) -> Lines {
        let running =
            lines.into_iter().map(|line| Running::begin(line, clock, &memories)).collect();
        Lines { clock, memories, running, turn: 0 }
    }

    /// The next thing that comes. May be dropped and called again without loss.
    pub(super) async fn next(&mut self) -> Heard {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        let count = self.running.len();
        for step in 0..count {
            let place = (self.turn + step) % count;
            let running = &mut self.running[place];
            match running.news.poll_recv(context) {
                Poll::Ready(Some(news)) => {
                    self.turn = place + 1;
                    return Poll::Ready(Heard::News(running.renumbered(news)));
                }
                Poll::Ready(None) => return Poll::Ready(Heard::Ended(running.name.clone())),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// What becomes of the lines if these are meant from now on.
    pub(super) fn plan(&self, lines: Vec<Meant>) -> Plan {
        let becomes: Vec<Option<usize>> = self
            .running
            .iter()
            .map(|running| lines.iter().position(|meant| running.is_as(meant)))
            .collect();
        let goes_on = self.running.iter().zip(&becomes);
        let goes_on = goes_on.filter_map(|(running, place)| Some((running, (*place)?)));
        let kept = goes_on
            .flat_map(|(running, place)| {
                let (old, new) = (running.first.device, Numbers::of(&lines[place].line).device);
                (0..running.devices)
                    .map(move |number| (DeviceIndex(old + number), DeviceIndex(new + number)))
            })
            .collect();
        Plan { lines, becomes, kept }
    }

    /// Stops the lines that do not go on; the last news they told.
    pub(super) async fn stop_what_ends(&mut self, plan: &Plan) -> Vec<News> {
        let ends: Vec<bool> = plan.becomes.iter().map(Option::is_none).collect();
        self.stop_those(&ends).await
    }

    /// Begins what is new. What ends must have been stopped.
    pub(super) fn carry_out(&mut self, plan: Plan) {
        let mut going_on: Vec<Option<Running>> = plan.lines.iter().map(|_| None).collect();
        for (running, place) in std::mem::take(&mut self.running).into_iter().zip(plan.becomes) {
            if let Some(place) = place {
                going_on[place] = Some(running);
            }
        }
        let clock = self.clock;
        let lines = plan.lines.into_iter().zip(going_on);
        self.running = lines
            .map(|(meant, going_on)| match going_on {
                Some(mut running) => {
                    running.first = Numbers::of(&meant.line);
                    running
                }
                None => Running::begin(meant, clock, &self.memories),
            })
            .collect();
    }

    /// Stops all lines; the last news they told.
    pub(super) async fn stop(&mut self) -> Vec<News> {
        let all = vec![true; self.running.len()];
        self.stop_those(&all).await
    }

    /// The lines that have not stirred as they promised.
    pub(super) fn stuck(&self, now: Uptime) -> Vec<&str> {
        let stuck = self.running.iter().filter(|running| running.pulse.is_stuck(now));
        stuck.map(|running| running.name.as_str()).collect()
    }

    /// How each line stands.
    pub(super) fn states(&self, now: Uptime) -> Vec<LineState> {
        let state = |running: &Running| LineState {
            report: running.view.report(),
            stuck: running.pulse.is_stuck(now),
        };
        self.running.iter().map(state).collect()
    }

    /// Where the last readings of a device are, by its number of now.
    pub(super) fn source(
        &self,
        DeviceIndex(device): DeviceIndex,
        inventory: &Arc<Inventory>,
    ) -> Option<Source> {
        let running = self.running.iter().find(|running| {
            let first = running.first.device;
            (first..first + running.devices).contains(&device)
        })?;
        let (from, to) = (running.began_as, running.first);
        Some(Source {
            view: running.view.clone(),
            device: DeviceIndex(device - to.device + from.device),
            renumber: i64::from(to.point) - i64::from(from.point),
            inventory: Arc::clone(inventory),
        })
    }

    async fn stop_those(&mut self, ends: &[bool]) -> Vec<News> {
        let mut last = Vec::new();
        let ending = || ends.iter().enumerate().filter(|(_, ends)| **ends).map(|(place, _)| place);
        ending().for_each(|place| self.running[place].task.abort());
        for place in ending() {
            let running = &mut self.running[place];
            // It was aborted: how it ended says nothing.
            let _ = tokio::time::timeout(STOPS_WITHIN, &mut running.task).await;
            running.news.close();
            while let Ok(news) = running.news.try_recv() {
                last.push(running.renumbered(news));
            }
        }
        last
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn begin(Meant { line, fingerprint }: Meant, clock: Clock, memories: &Path) -> Running {
        let (news, heard) = mpsc::channel(NEWS_WAITING);
        let pulse = Pulse::new(clock.uptime());
        let (name, devices) = (line.name.clone(), line.devices.len() as u32);
        let first = Numbers::of(&line);
        let (shown, view) = report::shown();
        let memory = Memory::of(memories, &line.name);
        let audience = Audience { news, pulse: pulse.clone(), shown, memory };
        let task = tokio::spawn(line::run(line, clock, audience));
        let began_as = first;
        Running { name, fingerprint, devices, began_as, first, news: heard, task, pulse, view }
    }

    /// Whether it would do the same if it were begun as this.
    fn is_as(&self, meant: &Meant) -> bool {
        self.name == meant.line.name && self.fingerprint == meant.fingerprint
    }

    fn renumbered(&self, news: News) -> News {
        let (from, to) = (self.began_as, self.first);
        if from == to {
            return news;
        }
        let device = |DeviceIndex(number)| DeviceIndex(number - from.device + to.device);
        let points = |observations: Vec<Observation>| -> Vec<Observation> {
            let point = |PointIndex(number)| PointIndex(number - from.point + to.point);
            observations
                .into_iter()
                .map(|observation| Observation { point: point(observation.point), ..observation })
                .collect()
        };
        match news {
            News::Polled { device: of, lane, at, changed } => {
                News::Polled { device: device(of), lane, at, changed: points(changed) }
            }
            News::Ahead { device: of, at, changed } => {
                News::Ahead { device: device(of), at, changed: points(changed) }
            }
            News::Lost { device: of, at } => News::Lost { device: device(of), at },
        }
    }
}

impl Numbers {
    /// A line has at least one device, and that at least one point.
    fn of(line: &Line) -> Numbers {
        let device = line.devices.first();
        let point = device.and_then(|device| device.points.first());
        Numbers {
            device: device.map_or(0, |device| device.index.0),
            point: point.map_or(0, |point| point.index.0),
        }
    }
}

impl Meant {
    /// A line of the settings. Looks at every point: not for a task that others wait for.
    pub(super) fn of(mut line: Line) -> Meant {
        let first = Numbers::of(&line);
        let mut text = Hashed(DefaultHasher::new());
        renumber(&mut line, |number| number - first.device, |number| number - first.point);
        // A hasher takes every text.
        let _ = write!(text, "{line:?}");
        renumber(&mut line, |number| number + first.device, |number| number + first.point);
        Meant { line, fingerprint: text.0.finish() }
    }
}

fn renumber(line: &mut Line, device: impl Fn(u32) -> u32, point: impl Fn(u32) -> u32) {
    for known in &mut line.devices {
        known.index.0 = device(known.index.0);
        known.points.iter_mut().for_each(|known| known.index.0 = point(known.index.0));
    }
}

/// Text that is hashed and not kept.
struct Hashed(DefaultHasher);

impl std::fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use firegrid_wire::span::Lane;

    use super::*;
    use crate::settings::Settings;

    impl Lines {
        /// Takes the pulse of the first line away, as if it stirred no more.
        pub(crate) fn hang(&mut self) {
            self.running[0].pulse = Pulse::default();
        }
    }

    /// Lines with a pump each, in this order and with these periods.
    fn meant(lines: &[(&str, u32)]) -> Vec<Meant> {
        let mut text = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\n\
                        broker = { address = \"127.0.0.1:1\" }\n"
            .to_owned();
        for (name, period) in lines {
            let port = name.as_bytes()[0];
            text += &format!(
                "[[line]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n\
                 [[line.device]]\nname = \"pump-{name}\"\nunit_id = 1\n\
                 profile = \"fire-pump-controller\"\nalarm_period = \"{period}ms\"\n"
            );
        }
        let settings = Settings::parse("test", &text).unwrap_or_else(|told| panic!("{told}"));
        settings.lines.into_iter().map(Meant::of).collect()
    }

    #[tokio::test]
    async fn only_what_is_meant_as_before_goes_on_wherever_it_stands() {
        let lines = Lines::begin(
            meant(&[("a", 500), ("b", 500), ("c", 500)]),
            Clock::begin(),
            PathBuf::from("nowhere"),
        );
        let plan = lines.plan(meant(&[("c", 500), ("d", 500), ("b", 400), ("a", 500)]));
        assert_eq!(plan.becomes, [Some(3), None, Some(0)]);
        let kept: Vec<(u32, u32)> = plan.kept.iter().map(|(old, new)| (old.0, new.0)).collect();
        assert_eq!(kept, [(0, 3), (2, 0)]);
    }

    #[tokio::test]
    async fn what_a_line_says_is_renumbered_when_others_came_or_went_in_front_of_it() {
        let mut lines = Lines::begin(
            meant(&[("a", 500), ("b", 500)]),
            Clock::begin(),
            PathBuf::from("nowhere"),
        );
        let points = lines.running[1].began_as.point;
        let plan = lines.plan(meant(&[("b", 500), ("a", 500)]));
        assert!(lines.stop_what_ends(&plan).await.is_empty());
        lines.carry_out(plan);
        let said = |device, point| News::Polled {
            device: DeviceIndex(device),
            lane: Lane::Urgent,
            at: Uptime::default(),
            changed: vec![Observation {
                point: PointIndex(point),
                value: firegrid_wire::reading::Value::States(Default::default()),
                quality: firegrid_wire::reading::Quality::Good,
            }],
        };
        assert_eq!(lines.running[0].name, "b");
        assert_eq!(lines.running[0].renumbered(said(1, points + 3)), said(0, 3));
        assert_eq!(lines.running[1].renumbered(said(0, 3)), said(1, points + 3));
    }
}
