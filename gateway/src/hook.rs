//! A command of the operator's on the box itself: a siren, a lamp, a call.
//!
//! ```text
//!  told ──► waits (the newest of its kind) ──► runs, with JSON on its standard input
//!                                               └── killed when it takes too long
//! ```
//!
//! It is started when a fire-class state changes and when sending fails or works again. Each
//! kind has one place to wait: what is told says how things stand, so a newer one replaces an
//! older one and none is lost for good. Telling never waits, and what the command does or prints
//! changes nothing here.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use firegrid_wire::names::GatewayId;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A command that takes longer is killed.
pub const COMMAND_WITHIN: Duration = Duration::from_secs(10);

/// What the command is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A fire-class state has come, changed or gone.
    Fire,
    /// Nothing reaches the centre, or something does again.
    Sending,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The fire-class states as they stand now.
    Fire {
        /// How many points are fire-class; none: it is over.
        count: u32,
        /// The first of them: point and states.
        points: Vec<(String, String)>,
    },
    /// Nothing has reached the centre for so many seconds.
    SendingFailed {
        /// How long.
        seconds: u64,
        /// What the last connection ended with.
        trouble: String,
    },
    /// The centre answers again.
    SendingWorks,
}

/// The command and its occasions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The program, and its arguments.
    pub command: Vec<String>,
    /// When it is started.
    pub on: Vec<Kind>,
}

/// Where events are told. When it is dropped, commands under way are killed.
#[derive(Debug)]
pub struct Teller {
    hook: Hook,
    fire: watch::Sender<Option<Event>>,
    sending: watch::Sender<Option<Event>>,
    _tasks: JoinSet<()>,
}

impl Event {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Event::Fire { .. } => Kind::Fire,
            Event::SendingFailed { .. } | Event::SendingWorks => Kind::Sending,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Event::Fire { count: 0, .. } => "fire-over",
            Event::Fire { .. } => "fire",
            Event::SendingFailed { .. } => "sending-failed",
            Event::SendingWorks => "sending-works",
        }
    }

    fn to_json(&self, gateway: &GatewayId) -> Value {
        let (event, gateway) = (self.name(), gateway.as_str());
        match self {
            Event::Fire { count, points } => {
                let points: Vec<Value> = points
                    .iter()
                    .map(|(point, states)| json!({ "point": point, "states": states }))
                    .collect();
                json!({ "event": event, "gateway": gateway, "count": count, "points": points })
            }
            Event::SendingFailed { seconds, trouble } => json!({
                "event": event, "gateway": gateway, "seconds": seconds, "trouble": trouble,
            }),
            Event::SendingWorks => json!({ "event": event, "gateway": gateway }),
        }
    }
}

impl Teller {
    /// Begins to wait for events. At most one command of each kind is under way.
    pub fn begin(hook: Hook, gateway: GatewayId) -> Teller {
        Teller::begin_with(hook, gateway, COMMAND_WITHIN)
    }

    fn begin_with(hook: Hook, gateway: GatewayId, within: Duration) -> Teller {
        let mut tasks = JoinSet::new();
        let mut waiting = || {
            let (tell, told) = watch::channel(None);
            tasks.spawn(run(hook.command.clone(), gateway.clone(), within, told));
            tell
        };
        let (fire, sending) = (waiting(), waiting());
        Teller { hook, fire, sending, _tasks: tasks }
    }

    /// Tells, if the command is meant for it.
    pub fn tell(&self, event: Event) {
        let kind = event.kind();
        if self.hook.on.contains(&kind) {
            let place = match kind {
                Kind::Fire => &self.fire,
                Kind::Sending => &self.sending,
            };
            place.send_replace(Some(event));
        }
    }
}

async fn run(
    command: Vec<String>,
    gateway: GatewayId,
    within: Duration,
    mut told: watch::Receiver<Option<Event>>,
) {
    while told.changed().await.is_ok() {
        let Some(event) = told.borrow_and_update().clone() else { continue };
        let ran = tokio::time::timeout(within, run_once(&command, &gateway, &event));
        match ran.await {
            Ok(Ok(status)) if status.success() => tracing::info!(event = event.name(), "Hook ran."),
            Ok(Ok(status)) => tracing::error!(%status, event = event.name(), "The hook failed."),
            Ok(Err(error)) => tracing::error!(%error, "The hook cannot be run."),
            Err(_) => tracing::error!(event = event.name(), "The hook did not end and was killed."),
        }
    }
}

async fn run_once(
    command: &[String],
    gateway: &GatewayId,
    event: &Event,
) -> std::io::Result<ExitStatus> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(std::io::Error::other("there is no command"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("FIREGRID_EVENT", event.name())
        .env("FIREGRID_GATEWAY", gateway.as_str())
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut ear) = child.stdin.take() {
        // A command that needs no words may close its ears.
        let _ = ear.write_all(format!("{}\n", event.to_json(gateway)).as_bytes()).await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// A hook that runs a script of these lines in a folder.
    fn script(folder: &Path, lines: &str, on: &[Kind], within: Duration) -> Teller {
        let program = folder.join("script");
        std::fs::write(&program, format!("#!/bin/sh\ncd {}\n{lines}\n", folder.display()))
            .expect("a script");
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&program, mode).expect("a script that runs");
        let hook = Hook { command: vec![program.display().to_string()], on: on.to_vec() };
        let gateway = GatewayId::parse("mall-01").expect("a gateway");
        Teller::begin_with(hook, gateway, within)
    }

    fn fire(count: u32) -> Event {
        Event::Fire { count, points: vec![("facp/smoke".into(), "fire".into())] }
    }

    /// Waits until the file of a folder holds so many lines.
    async fn lines(folder: &Path, file: &str, count: usize) -> Vec<String> {
        for _ in 0..2_000 {
            let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            if count <= text.lines().count() {
                return text.lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{file} never had {count} lines");
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_command_hears_in_its_environment_and_on_its_standard_input_what_is_the_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = "echo $FIREGRID_EVENT $FIREGRID_GATEWAY >>told; cat >>told";
        let teller = script(folder.path(), told, &[Kind::Fire, Kind::Sending], LONG);
        teller.tell(fire(3));
        let said = lines(folder.path(), "told", 2).await;
        assert_eq!(said[0], "fire mall-01");
        let json: Value = serde_json::from_str(&said[1]).expect("JSON");
        assert_eq!(json["count"], 3);
        assert_eq!(json["points"][0]["point"], "facp/smoke");
        teller.tell(Event::SendingFailed { seconds: 61, trouble: "refused".into() });
        let said = lines(folder.path(), "told", 4).await;
        assert_eq!(said[2], "sending-failed mall-01");
    }

    #[tokio::test]
    async fn it_is_not_run_for_what_it_is_not_meant_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let teller = script(folder.path(), "cat >>told", &[Kind::Sending], LONG);
        teller.tell(fire(1));
        teller.tell(Event::SendingWorks);
        let said = lines(folder.path(), "told", 1).await;
        assert!(said[0].contains("sending-works"), "{said:?}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_and_the_newest_event_is_told_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let hang = "cat >>told; [ -f hung ] && exit 0; touch hung; exec sleep 1000";
        let within = Duration::from_millis(500);
        let teller = script(folder.path(), hang, &[Kind::Fire], within);
        teller.tell(fire(1));
        lines(folder.path(), "told", 1).await;
        for count in 2..=9 {
            teller.tell(fire(count));
        }
        let said = lines(folder.path(), "told", 2).await;
        assert!(said[1].contains("\"count\":9"), "{said:?}");
    }
}
