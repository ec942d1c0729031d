//! Start and stop order of the gateway.
//!
//! ```text
//!  start   spool ──► recorder ──► uplink ──► lines
//!  stop    lines ──► recorder (cuts what is collected) ──► spool (flushes) ──► uplink (says
//!          good-bye) ──► spool (writes down what is receipted)
//! ```
//!
//! New settings are taken up without a restart: lines that are meant as before go on, the rest is
//! exchanged, and with other devices or points a span begins. Settings with mistakes change
//! nothing.
//!
//! One loop owns the recorder and does what it says. It never waits for the disk and never
//! for the network: a fire reaches the uplink whatever those two do. Several services may run
//! in one process, each with a data folder of its own.

mod exchange;
mod lines;
mod reload;
mod sending;
mod show;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use anyhow::Context as _;
use firegrid_wire::beat::{Beat, BeatAlarm};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::time::Millis;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::{Clock, Uptime, built};
use crate::hook::{Event, Teller};
use crate::recorder::{Labels, Occasion, OutgoingBeat, Output, Recorder, SpanClock, WallClock};
use crate::settings::Settings;
use crate::spool::{self, Spool};
use crate::status::{Desk, Question};
use crate::systemd::{Systemd, Told};
use crate::uplink::{self, FromUplink, Place, Target, Uplink};
use lines::{Heard, Lines};
use reload::{Fresh, Reload, Step};
use sending::{Sending, hook};
use show::{listen, show};

pub use lines::NEWS_WAITING;
pub use reload::{LastReload, Outcome, Reloads};

/// Wishes of the uplink that wait for the recorder. What finds no room is asked for again.
pub const WISHES_WAITING: usize = 16;

/// The wall clock is looked at this often.
const LOOK_AT_WALL: Millis = Millis::seconds(1);

/// How long a disk may take to flush what is left when the service stops.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// How long the uplink may take to say good-bye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// Runs a gateway until `shutdown` is ready. Everything that was read by then is durable when
/// it returns, if the disk lets it.
///
/// Fails if the data folder cannot be used, or if one of its parts ends on its own.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let service = Service::start(settings).await?;
    service.run(shutdown).await
}

/// Like [`run`], and takes up new settings when it is asked to; systemd is told how it goes.
pub async fn run_operated(
    settings: Settings,
    reloads: Reloads,
    systemd: Systemd,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut service = Service::start(settings).await?;
    service.reload = Reload::Idle(reloads);
    service.watchdog = systemd.watchdog().map(|every| (every, service.clock.uptime()));
    service.systemd = systemd;
    service.run(shutdown).await
}

/// A gateway at work.
struct Service {
    clock: Clock,
    /// What is in force, without the lines.
    settings: Settings,
    recorder: Recorder,
    spool: Spool,
    standing: PerLane<watch::Receiver<spool::Standing>>,
    appended: PerLane<Option<BatchName>>,
    lines: Lines,
    uplink: JoinSet<()>,
    wishes: mpsc::Receiver<FromUplink>,
    spans: watch::Sender<SpanClock>,
    beats: watch::Sender<Option<OutgoingBeat>>,
    target: watch::Sender<Target>,
    stop_uplink: watch::Sender<bool>,
    look_at_wall: Uptime,
    reload: Reload,
    last_reload: Option<LastReload>,
    /// How many were taken up, and how many refused.
    reloads: (u64, u64),
    clock_steps: u64,
    uplink_standing: watch::Receiver<uplink::Standing>,
    desk: Desk,
    questions: mpsc::Receiver<Question>,
    sending: Sending,
    hook: Option<Teller>,
    _socket: JoinSet<()>,
    /// The task of the status page, if there is one.
    status: JoinSet<()>,
    systemd: Systemd,
    /// How often systemd wants a sign of life, and when the next one is due.
    watchdog: Option<(Millis, Uptime)>,
}

/// What can wake the loop.
enum Wake {
    Shutdown,
    Line(Heard),
    Wish(Option<FromUplink>),
    Spool(Lane),
    Reload(Step),
    Question(Question),
    Time,
    Ended(&'static str),
}

impl Service {
    async fn start(settings: Settings) -> anyhow::Result<Service> {
        let clock = Clock::begin();
        let Fresh { settings, lines, catalogue } = settings.into();
        let labels =
            Labels { gateway: settings.gateway.clone(), catalogue: catalogue.hash().clone() };
        let spool = open_spool(&settings, &labels).await?;
        let recorder = Recorder::new(
            settings.inventory.clone(),
            labels,
            spool.recovered,
            built(),
            clock.uptime(),
            clock.wall(),
            fresh_span(),
        );
        let (spans, current_span) = watch::channel(recorder.clock());
        let (beats, latest_beat) = watch::channel(None);
        let (wish, wishes) = mpsc::channel(WISHES_WAITING);
        let (stop_uplink, stop) = watch::channel(false);
        let (target, targets) =
            watch::channel(Target { broker: settings.broker.clone(), catalogue });
        let (uplink_stands, uplink_standing) = watch::channel(uplink::Standing::default());
        let uplink = Uplink {
            place: Place { region: settings.region.clone(), gateway: settings.gateway.clone() },
            target: targets,
            spool: spool.lanes.clone(),
            clock,
            spans: current_span,
            beats: latest_beat,
            recorder: wish,
            standing: uplink_stands,
        };
        let (desk, questions) = Desk::new();
        let hook = hook(&settings);
        let socket = listen(&settings.data, &desk);
        let status = show(settings.status, &desk);
        let lines = Lines::begin(lines, clock, settings.data.join("refused"));
        tracing::info!(
            gateway = %settings.gateway,
            span = %recorder.clock().span(),
            devices = settings.inventory.devices().count(),
            points = settings.inventory.points().count(),
            "Gateway started."
        );
        let mut uplinks = JoinSet::new();
        uplinks.spawn(uplink.run(stop));
        Ok(Service {
            clock,
            settings,
            recorder,
            standing: PerLane::from_fn(|lane| spool.lanes[lane].standing()),
            spool,
            appended: PerLane::default(),
            lines,
            uplink: uplinks,
            wishes,
            spans,
            beats,
            target,
            stop_uplink,
            look_at_wall: clock.uptime().plus(LOOK_AT_WALL),
            reload: Reload::Never,
            last_reload: None,
            reloads: (0, 0),
            clock_steps: 0,
            uplink_standing,
            desk,
            questions,
            sending: Sending::Works,
            hook,
            _socket: socket,
            status,
            systemd: Systemd::Absent,
            watchdog: None,
        })
    }

    async fn run(mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        self.systemd.tell(Told::Ready);
        let ended = self.work(shutdown).await;
        self.systemd.tell(Told::Stopping);
        self.stop().await;
        ended
    }

    /// Does whatever comes until it is told to stop, or a part of it ends.
    async fn work(&mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut shutdown = std::pin::pin!(shutdown);
        // What the spool could not make durable at its opening may be durable by now.
        Lane::ALL.into_iter().for_each(|lane| self.take_standing(lane));
        loop {
            let wake = self.wait(shutdown.as_mut()).await;
            let now = self.clock.uptime();
            let mut outputs = Vec::new();
            match wake {
                Wake::Shutdown => return Ok(()),
                Wake::Line(Heard::News(news)) => self.recorder.news(news, now, &mut outputs),
                Wake::Line(Heard::Ended(line)) => anyhow::bail!("line {line} has ended on its own"),
                Wake::Wish(Some(FromUplink::Connected)) => {
                    self.recorder.connected(now, &mut outputs);
                }
                Wake::Wish(Some(FromUplink::Want(lane, number))) => {
                    self.recorder.want(lane, number, now, &mut outputs);
                }
                // The uplink has said so in the log.
                Wake::Wish(Some(FromUplink::TakenOver)) => self.recorder.taken_over(),
                Wake::Wish(None) => anyhow::bail!("the uplink has ended"),
                Wake::Spool(lane) => self.take_standing(lane),
                Wake::Reload(Step::Asked) => {
                    self.systemd.tell(Told::Reloading);
                    self.reload.begin();
                }
                Wake::Reload(Step::Read(read)) => self.reloaded(read).await,
                Wake::Question(question) => self.answer(question),
                Wake::Time => {}
                Wake::Ended(part) => anyhow::bail!("{part} has ended on its own"),
            }
            if self.look_at_wall <= now {
                self.look_at_wall(now, &mut outputs);
            }
            if self.recorder.deadline() <= now {
                self.recorder.tick(now, &mut outputs);
            }
            self.show_life(now);
            self.carry_out(outputs);
        }
    }

    async fn wait(&mut self, shutdown: std::pin::Pin<&mut impl Future<Output = ()>>) -> Wake {
        let life = self.watchdog.map_or(self.look_at_wall, |(_, due)| due);
        let deadline = self.recorder.deadline().min(self.look_at_wall).min(life);
        let left = deadline.since(self.clock.uptime()).duration();
        let PerLane { urgent, routine } = &mut self.standing;
        tokio::select! {
            biased;
            () = shutdown => Wake::Shutdown,
            heard = self.lines.next() => Wake::Line(heard),
            wish = self.wishes.recv() => Wake::Wish(wish),
            told = urgent.changed() => told.map_or(Wake::Ended("the urgent spool"), |()| Wake::Spool(Lane::Urgent)),
            told = routine.changed() => told.map_or(Wake::Ended("the routine spool"), |()| Wake::Spool(Lane::Routine)),
            Some(_) = self.uplink.join_next() => Wake::Ended("the uplink"),
            step = self.reload.next() => Wake::Reload(step),
            Some(question) = self.questions.recv() => Wake::Question(question),
            () = tokio::time::sleep(left) => Wake::Time,
        }
    }

    fn take_standing(&mut self, lane: Lane) {
        let standing = *self.standing[lane].borrow_and_update();
        let spool::Standing { durable, depth, oldest, failing, unread: _, room, dead_letters } =
            standing;
        let told =
            crate::recorder::Standing { failing, depth, oldest, room: Some(room), dead_letters };
        self.recorder.standing(lane, told);
        if let Some(name) = durable {
            let mut outputs = Vec::new();
            self.recorder.durable(lane, name, self.clock.uptime(), &mut outputs);
            self.carry_out(outputs);
        }
    }

    fn look_at_wall(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        self.look_at_wall = now.plus(LOOK_AT_WALL);
        let compared = self.recorder.wall(now, self.clock.wall(), fresh_span(), outputs);
        match compared {
            WallClock::Follows => {}
            WallClock::Stepped => {
                self.clock_steps += 1;
                tracing::warn!(
                    span = %self.recorder.clock().span(),
                    "The wall clock was set, a new span begins."
                );
            }
        }
        self.tell_span();
        self.look_at_sending(now);
    }

    fn tell_span(&self) {
        self.spans.send_if_modified(|told| {
            std::mem::replace(told, self.recorder.clock()) != self.recorder.clock()
        });
    }

    /// Tells systemd that all parts live, if it is due and they do.
    fn show_life(&mut self, now: Uptime) {
        let Some((every, due)) = self.watchdog else { return };
        if now < due {
            return;
        }
        self.watchdog = Some((every, now.plus(every)));
        let stuck = self.lines.stuck(now);
        if stuck.is_empty() {
            self.systemd.tell(Told::Alive);
        } else {
            let lines = stuck.join(", ");
            tracing::error!(lines, "A line is stuck, the watchdog is left to restart the gateway.");
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append(batch) => {
                    self.appended[batch.lane] = Some(batch.name);
                    self.spool.lanes[batch.lane].append(batch);
                }
                Output::Beat(beat) => {
                    match beat.occasion {
                        Occasion::Regular => tracing::debug!(
                            depth = beat.beat.depth,
                            age = %beat.beat.age,
                            spool = ?beat.beat.spool,
                            alarms = beat.beat.alarm_count,
                            "Beat."
                        ),
                        Occasion::Immediate => {
                            tracing::info!(
                                alarms = beat.beat.alarm_count,
                                "A fire-class state has changed."
                            );
                            self.tell_hook(fire(&beat.beat));
                        }
                    }
                    self.beats.send_replace(Some(beat));
                }
                Output::LetGo(lane) => tracing::error!(
                    %lane,
                    "The disk stands still, changes were let go until it takes a refresh."
                ),
            }
        }
    }

    async fn stop(mut self) {
        let mut outputs = Vec::new();
        for news in self.lines.stop().await {
            self.recorder.news(news, self.clock.uptime(), &mut outputs);
        }
        self.recorder.finish(self.clock.uptime(), &mut outputs);
        self.carry_out(outputs);
        for lane in Lane::ALL {
            let last = self.appended[lane];
            let flushed =
                self.standing[lane].wait_for(|told| last.is_none() || told.durable == last);
            if !matches!(tokio::time::timeout(FLUSH_WITHIN, flushed).await, Ok(Ok(_))) {
                tracing::error!(%lane, "The last batches could not be made durable.");
            }
        }
        self.stop_uplink.send_replace(true);
        if tokio::time::timeout(GOODBYE_WITHIN, self.uplink.join_next()).await.is_err() {
            self.uplink.abort_all();
        }
        for lane in Lane::ALL {
            // A disk that hangs was complained about above.
            let _ = tokio::time::timeout(FLUSH_WITHIN, self.spool.lanes[lane].stop()).await;
        }
        tracing::info!("Gateway stopped.");
    }
}

fn fire(beat: &Beat) -> Event {
    let point = |alarm: &BeatAlarm| (alarm.n.to_string(), alarm.vs.to_string());
    Event::Fire { count: beat.alarm_count, points: beat.alarms.iter().map(point).collect() }
}

async fn open_spool(settings: &Settings, labels: &Labels) -> anyhow::Result<Spool> {
    let (folder, labels) = (settings.data.join("spool"), labels.clone());
    let quotas = settings.quotas;
    tokio::task::spawn_blocking(move || Spool::open(&folder, &labels, &quotas))
        .await
        .context("the spool could not be opened")?
        .context("the gateway cannot start")
}

/// 64 bits that no other run has: the keys of the standard library's hashers come from the
/// operating system's source of randomness.
fn fresh_span() -> SpanId {
    SpanId::from_bits(RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::News;

    /// The shipped settings with a data folder of the test's own. Nothing of them can be
    /// reached: neither panel nor broker.
    fn settings(folder: &std::path::Path) -> Settings {
        let shipped = include_str!("../../deploy/settings/gateway.toml");
        let nobody = "127.0.0.1:1";
        let text = shipped
            .replace("/var/lib/firegrid/gateway", &folder.display().to_string())
            .replace("127.0.0.1:502", nobody)
            .replace("127.0.0.1:1883", nobody);
        Settings::parse("gateway.toml", &text).expect("the shipped settings")
    }

    async fn shortly() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    #[tokio::test]
    async fn it_works_without_panel_and_broker_and_its_folder_is_free_when_it_has_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            run(settings(folder.path()), shortly()).await.expect("a run");
        }
    }

    #[tokio::test]
    async fn a_second_one_on_the_same_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Service::start(settings(folder.path())).await.expect("a service");
        let second = run(settings(folder.path()), std::future::ready(())).await;
        let refused = format!("{:#}", second.expect_err("a second one"));
        assert!(refused.contains("is used by another process"), "{refused}");
        first.stop().await;
        run(settings(folder.path()), std::future::ready(())).await.expect("a run");
    }

    #[tokio::test]
    async fn a_line_that_does_not_stir_lets_the_watchdog_bite() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut service = Service::start(settings(folder.path())).await.expect("a service");
        let (mouth, told) = std::sync::mpsc::sync_channel(1);
        let every = Millis::new(1);
        service.systemd = Systemd::Listens { watchdog: Some(every), mouth };
        let at = |seconds| Uptime::after(Millis::seconds(seconds));
        service.watchdog = Some((every, at(1)));
        service.show_life(at(0));
        assert!(told.try_recv().is_err(), "it is not due");
        service.show_life(at(1));
        assert!(told.try_recv().is_ok());
        service.lines.hang();
        service.show_life(at(2));
        assert!(told.try_recv().is_err());
        service.stop().await;
    }

    #[tokio::test]
    async fn what_was_read_is_durable_when_it_has_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut service = Service::start(settings(folder.path())).await.expect("a service");
        let device = crate::inventory::DeviceIndex(0);
        let at = service.clock.uptime();
        let mut outputs = Vec::new();
        service.recorder.news(News::Lost { device, at }, at, &mut outputs);
        service.carry_out(outputs);
        let given = service.appended.urgent.expect("a batch");
        service.stop().await;
        let settings = settings(folder.path());
        let labels =
            Labels { gateway: settings.gateway, catalogue: settings.inventory.catalogue().hash() };
        let folder = folder.path().join("spool");
        let spool = Spool::open(&folder, &labels, &settings.quotas).expect("a free folder");
        assert_eq!(spool.recovered.urgent.last, Some(given));
    }

    #[test]
    fn no_two_spans_are_the_same() {
        let spans: std::collections::HashSet<SpanId> = (0..1_000).map(|_| fresh_span()).collect();
        assert_eq!(spans.len(), 1_000);
    }
}
