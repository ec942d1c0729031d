//! The alert: a command of the operator's that tells people what no database can.
//!
//! When nothing has been recorded for ten seconds, the command of the settings is run with what
//! is the matter as JSON on its standard input: an SMS, a siren, a pager. It is run by a thread
//! of its own, one at a time, for at most half a minute; the judgement never waits for it.
//! Needs no database, no broker and no runtime. What it prints goes nowhere.

use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use firegrid_wire::time::{CentreTime, Millis};
use serde_json::json;

use crate::calendar::iso;
use crate::storage::alarms::Alarm;

/// How long nothing may be recorded before the command is run.
pub const ALERT_AFTER: Millis = Millis::seconds(10);

/// How often it is run again while that lasts; at once if another alarm was raised meanwhile,
/// but never more often than every [`ALERT_AFTER`].
const ALERT_AGAIN: Millis = Millis::seconds(60);

/// How long the command may take before it is ended.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What may wait while a command is under way. What finds no room is told with the next.
const ALERTS_WAITING: usize = 4;

/// Alarms that one alert names: together less than a pipe holds.
const ALARMS_NAMED: usize = 100;

/// What is the matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Matter {
    /// Whose centre.
    pub region: String,
    /// Since when nothing could be recorded.
    pub since: CentreTime,
    /// Now.
    pub now: CentreTime,
    /// What the database said.
    pub reason: String,
    /// Alarms that are raised and not recorded.
    pub unrecorded: Vec<Alarm>,
    /// Whether it is over.
    pub over: bool,
}

/// When the command is due, and the way to the thread that runs it.
#[derive(Debug)]
pub struct Alert {
    after: Millis,
    matters: Option<SyncSender<Matter>>,
    told: Option<Told>,
}

/// What was told of a trouble that lasts.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// When it was told last.
    at: CentreTime,
    /// How many alarms were not recorded then.
    count: usize,
    /// When it was last looked at, told or not.
    looked: CentreTime,
}

impl Alert {
    /// With the command of the settings, if there is one: the program and its arguments.
    pub fn with(command: Vec<String>, after: Millis) -> Alert {
        let matters = (!command.is_empty()).then(|| {
            let (matters, waiting) = sync_channel(ALERTS_WAITING);
            std::thread::spawn(move || run(&command, &waiting));
            matters
        });
        Alert { after, matters, told: None }
    }

    /// When something is to be told of what has lasted since then.
    pub fn due(&self, since: CentreTime) -> CentreTime {
        self.told.map_or(since, |told| told.looked).plus(self.after)
    }

    /// Nothing can be recorded, and it is due to be told.
    pub fn failing(&mut self, matter: Matter) {
        let count = matter.unrecorded.len();
        let now = matter.now;
        let (at, count) = match self.told {
            None => {
                tracing::error!(
                    reason = matter.reason,
                    unrecorded = count,
                    "Nothing has been recorded for long."
                );
                self.tell(matter);
                (now, count)
            }
            Some(told) if told.count < count || ALERT_AGAIN <= now.since(told.at) => {
                self.tell(matter);
                (now, count)
            }
            Some(told) => (told.at, told.count),
        };
        self.told = Some(Told { at, count, looked: now });
    }

    /// Things are recorded again. Told only if the trouble was.
    pub fn over(&mut self, matter: impl FnOnce() -> Matter) {
        if self.told.take().is_some() {
            self.tell(matter());
        }
    }

    fn tell(&self, matter: Matter) {
        if let Some(matters) = &self.matters
            && matters.try_send(matter).is_err()
        {
            tracing::warn!("The alert command is still busy with the last alert.");
        }
    }
}

impl Matter {
    fn to_json(&self) -> Vec<u8> {
        let alarm = |alarm: &Alarm| {
            json!({
                "id": alarm.id,
                "kind": alarm.kind,
                "severity": alarm.severity,
                "gateway": alarm.gateway,
                "point": alarm.point,
                "unit": alarm.unit,
                "raised": iso(alarm.raised.millis()),
                "reason_zh": alarm.body.reason_zh.chars().take(100).collect::<String>(),
            })
        };
        let alarms: Vec<_> = self.unrecorded.iter().take(ALARMS_NAMED).map(alarm).collect();
        let (what, zh, en) = if self.over {
            ("recorded-again", "监控中心恢复入库", "the centre records again")
        } else {
            ("not-recorded", "监控中心数据无法入库", "the centre cannot record anything")
        };
        let body = json!({
            "what": what,
            "zh": zh,
            "en": en,
            "region": self.region,
            "since": iso(self.since.millis()),
            "now": iso(self.now.millis()),
            "reason": self.reason.chars().take(500).collect::<String>(),
            "unrecorded_count": self.unrecorded.len(),
            "unrecorded": alarms,
        });
        let mut bytes = body.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }
}

/// Runs the command for each matter, until nobody tells any more.
fn run(command: &[String], waiting: &Receiver<Matter>) {
    while let Ok(matter) = waiting.recv() {
        match run_once(command, &matter.to_json()) {
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => tracing::error!(%status, "The alert command failed."),
            Ok(None) => tracing::error!("The alert command did not end and was stopped."),
            Err(error) => tracing::error!(%error, "The alert command cannot be run."),
        }
    }
}

/// None: it did not end in time.
fn run_once(command: &[String], input: &[u8]) -> std::io::Result<Option<ExitStatus>> {
    let Some((program, arguments)) = command.split_first() else { return Ok(None) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut to) = child.stdin.take() {
        // A command that needs no words may close its ears.
        let _ = to.write_all(input);
    }
    let looks = COMMAND_PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_looked_at_again_after_a_while_whether_it_was_told_or_not() {
        let at = |seconds: i64| CentreTime::from_millis(seconds * 1_000);
        let mut alert = Alert::with(Vec::new(), ALERT_AFTER);
        assert_eq!(alert.due(at(0)), at(10));
        for now in [10, 20, 30] {
            alert.failing(Matter {
                region: "r".into(),
                since: at(0),
                now: at(now),
                reason: "the disk is full".into(),
                unrecorded: Vec::new(),
                over: false,
            });
            assert_eq!(alert.due(at(0)), at(now + 10), "not at once, over and over");
        }
    }
}
