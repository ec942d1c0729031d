//! Whether the gateway does what it is there for, and if not, why.

use std::fmt;

use firegrid_wire::span::Lane;
use firegrid_wire::time::Millis;
use serde_json::{Value, json};

use super::State;
use crate::line::report::{self, Standing};

/// The centre answers a beat every ten seconds. After so long without an answer something is
/// in the way.
pub const UNANSWERED: Millis = Millis::seconds(60);

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The service's loop does not answer.
    Silent,
    /// A line has not stirred as it promised.
    LineStuck(String),
    /// Nobody takes the connection of a line.
    LineUnreachable(String),
    /// A device is lost: the line, and its name. The centre knows.
    DeviceLost(String, String),
    /// A lane of the spool cannot be made durable, or only slowly.
    Disk(Lane),
    /// The centre has not answered for so long.
    Unanswered(Millis),
}

impl Trouble {
    /// Everything that is out of order.
    pub fn of(state: Option<&State>) -> Vec<Trouble> {
        let Some(state) = state else { return vec![Trouble::Silent] };
        let mut found = Vec::new();
        for line in &state.lines {
            let name = line.report.line.clone();
            match (line.stuck, line.report.state) {
                (true, report::State::Reachable | report::State::Unreachable) => {
                    found.push(Trouble::LineStuck(name));
                }
                (false, report::State::Unreachable) => found.push(Trouble::LineUnreachable(name)),
                (false, report::State::Reachable) => {}
            }
            let name = &line.report.line;
            let lost = line.report.devices.iter().filter(|device| match device.standing {
                Standing::Lost { .. } => true,
                Standing::Answers | Standing::Failing { .. } => false,
            });
            found.extend(lost.map(|lost| Trouble::DeviceLost(name.clone(), lost.name.clone())));
        }
        let failing = |lane: &Lane| state.spool[*lane].standing.failing;
        found.extend(Lane::ALL.into_iter().filter(failing).map(Trouble::Disk));
        let silence = state.uplink.silence(state.now);
        if UNANSWERED < silence {
            found.push(Trouble::Unanswered(silence));
        }
        found
    }
}

impl Trouble {
    /// Whether the gateway itself is not well. A device that is dead is not mended by whoever
    /// watches over processes.
    pub fn is_of_gateway(&self) -> bool {
        match self {
            Trouble::Silent
            | Trouble::LineStuck(_)
            | Trouble::LineUnreachable(_)
            | Trouble::Disk(_)
            | Trouble::Unanswered(_) => true,
            Trouble::DeviceLost(..) => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Silent => f.write_str("the service does not answer"),
            Trouble::LineStuck(line) => write!(f, "line {line} is stuck"),
            Trouble::LineUnreachable(line) => write!(f, "line {line} is not reachable"),
            Trouble::DeviceLost(line, device) => {
                write!(f, "device {device} of line {line} is lost")
            }
            Trouble::Disk(lane) => write!(f, "the disk fails or is slow, {lane}"),
            Trouble::Unanswered(silence) => write!(f, "the centre has not answered for {silence}"),
        }
    }
}

/// The answer to whoever asks if it is well.
pub(super) fn told(troubles: &[Trouble]) -> Value {
    let healthy = !troubles.iter().any(Trouble::is_of_gateway);
    let reasons: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    json!({ "healthy": healthy, "reasons": reasons })
}
