//! What the gateway shows of itself: to a person, to Prometheus, to whoever asks if it is well.
//!
//! ```text
//!  http ─┐                      ┌─ state: made up by the service's loop between two wakes
//!        ├─► Desk ──questions──►┤
//! socket ┘                      └─ readings: made up by the line between two requests
//! ```
//!
//! Everything here looks and nothing acts: no question changes what the gateway does, and none
//! is waited for. A service that does not answer in time is told as not well.

pub mod health;
mod http;
mod metrics;
mod page;
pub mod socket;
mod words;

use std::sync::Arc;
use std::time::Duration;

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{PerLane, SpanId};
use firegrid_wire::time::GatewayTime;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Uptime;
use crate::inventory::{Inventory, PointIndex};
use crate::line::report::{LastReading, Report};
use crate::service::LastReload;
use crate::{spool, uplink};

pub use http::serve;

/// Questions that wait for the service; who finds no room is told that it does not answer.
pub const QUESTIONS_WAITING: usize = 8;

/// A service that works answers within microseconds. One that does not is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the gateway stands.
#[derive(Debug, Clone)]
pub struct State {
    /// Its name.
    pub gateway: GatewayId,
    /// The moment of the answer, on the clock of everything else here.
    pub now: Uptime,
    /// The same moment in the time of the span.
    pub time: GatewayTime,
    /// What the clock of the machine says then.
    pub wall: GatewayTime,
    /// The current span.
    pub span: SpanId,
    /// How often the clock of the machine was set by more than a span allows.
    pub clock_steps: u64,
    /// How many devices and points there are.
    pub size: (usize, usize),
    /// The points that are fire-class now: their number, and the first of them by name.
    pub alarms: (u32, Vec<String>),
    /// Each line.
    pub lines: Vec<LineState>,
    /// Each lane of the spool.
    pub spool: PerLane<LaneState>,
    /// The way to the centre.
    pub uplink: uplink::Standing,
    /// How the last reload went.
    pub last_reload: Option<LastReload>,
    /// How many reloads were taken up, and how many refused.
    pub reloads: (u64, u64),
}

/// How a line stands.
#[derive(Debug, Clone)]
pub struct LineState {
    /// What it shows of itself.
    pub report: Report,
    /// Whether it has not stirred as it promised.
    pub stuck: bool,
}

/// How a lane of the spool stands.
#[derive(Debug, Clone, Copy)]
pub struct LaneState {
    /// What it says.
    pub standing: spool::Standing,
    /// The bytes of batches that it may hold.
    pub quota: u64,
}

/// What was last read of a device.
#[derive(Debug, Clone)]
pub struct Readings {
    /// Its name.
    pub device: String,
    /// Name and label of each point, and what it said, in the order of the settings.
    pub points: Vec<(String, String, LastReading)>,
}

/// A question to the service.
#[derive(Debug)]
pub enum Question {
    /// How does it stand?
    State(oneshot::Sender<State>),
    /// Where is what was last read of this device?
    Readings(String, oneshot::Sender<Option<Source>>),
}

/// Where readings are.
#[derive(Debug)]
pub struct Source {
    /// The line's side.
    pub view: crate::line::report::View,
    /// The device in the numbers of the line.
    pub device: crate::inventory::DeviceIndex,
    /// What is added to a point's number there, to be its number in the inventory.
    pub renumber: i64,
    /// The names of points.
    pub inventory: Arc<Inventory>,
}

/// Where questions are asked. Cloning it gives another way to the same service.
#[derive(Debug, Clone)]
pub struct Desk {
    questions: mpsc::Sender<Question>,
}

impl Desk {
    /// A desk, and where its questions come out.
    pub fn new() -> (Desk, mpsc::Receiver<Question>) {
        let (questions, asked) = mpsc::channel(QUESTIONS_WAITING);
        (Desk { questions }, asked)
    }

    /// How the gateway stands; `None` if it does not answer.
    pub async fn state(&self) -> Option<State> {
        self.ask(Question::State).await
    }

    /// What was last read of a device; `None` if there is none of that name, or its line is too
    /// busy to say.
    pub async fn readings(&self, device: &str) -> Option<Readings> {
        let Source { view, device: index, renumber, inventory } =
            self.ask(|answer| Question::Readings(device.to_owned(), answer)).await??;
        let readings = view.readings(index, PATIENCE).await?;
        let points = readings.into_iter().filter_map(|reading| {
            let number = u32::try_from(i64::from(reading.point.0) + renumber).ok()?;
            let entry = &inventory.points().nth(number as usize)?.1.entry;
            let point = PointIndex(number);
            Some((entry.n.to_string(), entry.label.clone(), LastReading { point, ..reading }))
        });
        Some(Readings { device: device.to_owned(), points: points.collect() })
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(question(answer)).ok()?;
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }
}
