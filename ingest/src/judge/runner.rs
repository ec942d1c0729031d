//! The runner: one task that takes what waits, judges it, has it committed, and only then
//! answers.
//!
//! ```text
//!   questions, actions ─┐
//!   urgent messages ────┼─► take a group ─► judge ─► changes ─► scribe ─► receipts, answers
//!   routine messages ───┘        ▲                     ▲           │ fails or hangs
//!                                └── goes on meanwhile ┘           └─► the same once more
//! ```
//!
//! One commit is under way at a time; what is judged meanwhile is the next. While a commit fails
//! nothing is receipted beyond what was committed before; beats are answered with that, fires
//! are judged and shown as not yet recorded (未入库), and the very same changes are tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::GatewayId;
use firegrid_wire::receipt::Receipt;
use firegrid_wire::time::{CentreTime, Millis};
use tokio::sync::{mpsc, oneshot, watch};

use super::alert::{ALERT_AFTER, Alert, Matter};
use super::changes::Changes;
use super::events::{Content, Done, Health, Message, Question, Refused, Wake};
use super::judgement::Judgement;
use super::receipts::Owed;
use super::scribe::Scribe;
use super::sweep::Sweep;
use crate::clock::Clock;
use crate::storage::alarms::Alarm;
use crate::storage::retention::Retention;
use crate::storage::{StorageError, Writer};

/// Messages committed together at most: enough to make one flush cheap for many, and few
/// enough that the first of them waits only some ten milliseconds.
const GROUP_MESSAGES: usize = 256;

/// Bytes of messages committed together at most.
const GROUP_BYTES: usize = 1024 * 1024;

/// Urgent messages that may wait. Beyond it they are refused and sent again by their gateways.
pub const URGENT_WAITING: usize = 1_024;

/// Routine messages that may wait.
pub const ROUTINE_WAITING: usize = 512;

/// Receipts that may wait for a connection. A receipt that is lost is asked for again.
pub const RECEIPTS_WAITING: usize = 4_096;

/// Catalogues that may wait to be asked for. One that finds no room is asked for again.
pub const CATALOGUES_WAITING: usize = 64;

/// How long after a failed commit it is tried again.
const RETRY_AFTER: Millis = Millis::seconds(1);

/// How long a commit may take before the walls are told that nothing can be recorded. It takes
/// milliseconds; a group that waited for a failed one some hundred.
const COMMIT_PATIENCE: Millis = Millis::seconds(3);

/// How long a stopping program waits for its last commit.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the runner listens to and speaks to.
#[derive(Debug)]
pub struct Lines {
    /// Questions, actions, and what else is rare.
    pub control: mpsc::Receiver<Wake>,
    /// Urgent batches, beats, catalogues and presence.
    pub urgent: mpsc::Receiver<Message>,
    /// Routine batches.
    pub routine: mpsc::Receiver<Message>,
    /// Receipts on their way out.
    pub receipts: mpsc::Sender<(GatewayId, Receipt)>,
    /// Catalogues to ask the broker for again.
    pub catalogues: mpsc::Sender<(GatewayId, CatalogueHash)>,
    /// The id of the last committed event.
    pub last_event: watch::Sender<u64>,
    /// Messages that were refused because a queue was full.
    pub refused: Arc<AtomicU64>,
}

/// The task that owns the judgement.
#[derive(Debug)]
pub struct Runner {
    judgement: Judgement,
    scribe: Scribe,
    lines: Lines,
    clock: Clock,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    under_way: Option<Group>,
    failing: Option<Failing>,
    committed: Option<CentreTime>,
    alert: Alert,
}

/// What becomes of an action.
type Answer = Result<Done, Refused>;

/// What is being committed, and what is to be said when it stands.
#[derive(Debug)]
struct Group {
    changes: Arc<Changes>,
    owed: Owed,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    began: CentreTime,
}

/// A commit that fails, or hangs.
#[derive(Debug, Clone)]
struct Failing {
    since: CentreTime,
    reason: String,
    /// When it is tried again; none while the try is under way.
    retry_at: Option<CentreTime>,
}

impl Failing {
    fn matter(
        &self,
        region: String,
        now: CentreTime,
        unrecorded: Vec<Alarm>,
        over: bool,
    ) -> Matter {
        Matter { region, since: self.since, now, reason: self.reason.clone(), unrecorded, over }
    }
}

/// What woke the runner.
enum Woken {
    By(Wake),
    Written(Result<Option<u64>, StorageError>),
    /// Nobody can tell it anything any more.
    Alone,
}

/// Whether the runner goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl Runner {
    /// A runner that has not begun.
    pub fn new(
        judgement: Judgement,
        writer: Writer,
        retention: Retention,
        lines: Lines,
        clock: Clock,
    ) -> Runner {
        let sweep = Sweep::new(retention, clock.clone());
        Runner {
            judgement,
            scribe: Scribe::start(writer, sweep),
            lines,
            clock,
            answers: Vec::new(),
            under_way: None,
            failing: None,
            committed: None,
            alert: Alert::with(Vec::new(), ALERT_AFTER),
        }
    }

    /// The same, with a way to tell people that nothing can be recorded.
    pub fn alerting(self, alert: Alert) -> Runner {
        Runner { alert, ..self }
    }

    /// Runs until it is told to stop, or nobody can tell it anything any more.
    pub async fn run(mut self) {
        loop {
            match self.next().await {
                Woken::By(wake) => {
                    if self.take_group(wake) == Next::Stop {
                        break;
                    }
                }
                Woken::Written(Err(StorageError::Replaced)) => {
                    tracing::error!("Another centre has taken over the database: this one ends.");
                    self.scribe.close().await;
                    return;
                }
                Woken::Written(written) => self.written(written),
                Woken::Alone => break,
            }
            self.watch_the_commit();
            self.commit();
            self.ask_for_catalogues();
        }
        self.commit_the_rest().await;
        self.scribe.close().await;
    }

    /// Waits for whatever comes first; of what waits already, a commit's end before control
    /// before urgent before routine.
    async fn next(&mut self) -> Woken {
        let sleep = Duration::from_millis(self.deadline().since(self.clock.now()).get());
        tokio::select! {
            biased;
            written = self.scribe.written() => written.map_or(Woken::Alone, Woken::Written),
            wake = self.lines.control.recv() => wake.map_or(Woken::Alone, Woken::By),
            Some(message) = self.lines.urgent.recv() => Woken::By(Wake::Message(message)),
            Some(message) = self.lines.routine.recv() => Woken::By(Wake::Message(message)),
            () = tokio::time::sleep(sleep) => Woken::By(Wake::Deadline),
        }
    }

    fn deadline(&self) -> CentreTime {
        let judgement = self.judgement.deadline();
        let hangs = self.under_way.as_ref().filter(|_| self.failing.is_none());
        let hangs = hangs.map_or(judgement, |group| group.began.plus(COMMIT_PATIENCE));
        let retry = self.failing.as_ref().and_then(|failing| failing.retry_at);
        let alert = self.failing.as_ref().map(|failing| self.alert.due(failing.since));
        judgement.min(hangs).min(retry.unwrap_or(judgement)).min(alert.unwrap_or(judgement))
    }

    /// Takes what waits into one group: the first wake, then control, urgent and routine.
    fn take_group(&mut self, first: Wake) -> Next {
        let mut bytes = 0;
        let mut wake = Some(first);
        for _ in 0..GROUP_MESSAGES {
            let Some(taken) = wake.take().or_else(|| self.waiting()) else { break };
            bytes += size(&taken);
            if self.take(taken) == Next::Stop {
                return Next::Stop;
            }
            if GROUP_BYTES <= bytes {
                break;
            }
        }
        Next::GoOn
    }

    fn waiting(&mut self) -> Option<Wake> {
        let Lines { control, urgent, routine, .. } = &mut self.lines;
        control
            .try_recv()
            .ok()
            .or_else(|| urgent.try_recv().ok().map(Wake::Message))
            .or_else(|| routine.try_recv().ok().map(Wake::Message))
    }

    fn take(&mut self, wake: Wake) -> Next {
        let now = self.clock.now();
        match wake {
            Wake::Message(message) => self.judgement.message(&message),
            Wake::Listening { connection, listening, at } => {
                self.judgement.listening(connection, listening, at);
            }
            Wake::Question(question) => self.answer(question, now),
            Wake::Action(asked) if self.failing.is_some() => {
                // Nobody is told that something was done which cannot be recorded.
                let _ = asked.answer.send(Err(Refused::NotRecorded));
            }
            Wake::Action(asked) => {
                let done = self.judgement.act(&asked.action, &asked.by, now);
                self.answers.push((asked.answer, done));
            }
            Wake::Stored(names) => self.judgement.stored(names),
            Wake::SeriesOverflow(names) => self.judgement.series_overflow(names, now),
            Wake::Deadline => self.judgement.tick(now),
            Wake::Stop => return Next::Stop,
        }
        Next::GoOn
    }

    /// Begins the next commit, or the failed one again when its time has come.
    fn commit(&mut self) {
        let now = self.clock.now();
        let retry_at = self.failing.as_ref().and_then(|failing| failing.retry_at);
        match (&self.under_way, retry_at) {
            (Some(group), Some(retry_at)) if retry_at <= now => {
                self.scribe.order(group.changes.clone());
                if let Some(failing) = &mut self.failing {
                    failing.retry_at = None;
                }
            }
            (Some(_), _) => {}
            (None, _) => {
                let (changes, owed) = self.judgement.to_commit();
                let answers = std::mem::take(&mut self.answers);
                let group = Group { changes: Arc::new(changes), owed, answers, began: now };
                if group.changes.is_empty() {
                    self.say(group, None);
                } else {
                    self.scribe.order(group.changes.clone());
                    self.under_way = Some(group);
                }
            }
        }
    }

    /// What became of the commit that is under way.
    fn written(&mut self, written: Result<Option<u64>, StorageError>) {
        let now = self.clock.now();
        match (written, self.under_way.take()) {
            (Ok(last_event), Some(group)) => {
                if let Some(failing) = self.failing.take() {
                    let lasted_ms = now.since(failing.since).get();
                    tracing::info!(lasted_ms, "Commits succeed again.");
                    let region = self.judgement.region.to_string();
                    self.alert.over(|| failing.matter(region, now, Vec::new(), true));
                }
                self.judgement.committed(&group.changes);
                self.committed = Some(now);
                self.say(group, last_event);
            }
            (Err(error), group) => {
                self.under_way = group;
                self.fails(&error.to_string(), Some(now.plus(RETRY_AFTER)), now);
            }
            (Ok(_), None) => {}
        }
    }

    /// A commit that hangs is one that fails, until it ends.
    fn watch_the_commit(&mut self) {
        let now = self.clock.now();
        let hangs = |group: &Group| COMMIT_PATIENCE <= now.since(group.began);
        if self.failing.is_none() && self.under_way.as_ref().is_some_and(hangs) {
            self.fails("the database does not answer", None, now);
        }
        if self.failing.is_some() {
            let receipts = self.judgement.answers_to_beats();
            self.send(receipts);
        }
        if let Some(failing) = self.failing.clone()
            && self.alert.due(failing.since) <= now
        {
            let region = self.judgement.region.to_string();
            self.alert.failing(failing.matter(region, now, self.unrecorded(), false));
        }
    }

    fn fails(&mut self, reason: &str, retry_at: Option<CentreTime>, now: CentreTime) {
        if self.failing.is_none() {
            tracing::error!(reason, "Nothing can be recorded.");
        }
        let began = self.under_way.as_ref().map_or(now, |group| group.began);
        let since = self.failing.as_ref().map_or(began, |failing| failing.since);
        self.failing = Some(Failing { since, reason: reason.to_owned(), retry_at });
    }

    /// Says what may be said now that a group stands.
    fn say(&mut self, group: Group, last_event: Option<u64>) {
        let receipts = self.judgement.receipts(group.owed);
        self.send(receipts);
        if let Some(last) = last_event {
            self.lines.last_event.send_replace(last);
        }
        for (answer, done) in group.answers {
            // Who asked may have gone meanwhile.
            let _ = answer.send(done);
        }
    }

    /// Asks the broker again for catalogues that have not come.
    fn ask_for_catalogues(&mut self) {
        for (gateway, hash) in self.judgement.catalogues_to_ask_for() {
            if self.lines.catalogues.try_send((gateway, hash)).is_err() {
                tracing::debug!("Catalogue not asked for: the queue is full.");
            }
        }
    }

    /// Sends receipts. One that finds the queue full is not missed: the box asks again with its
    /// next beat.
    fn send(&self, receipts: Vec<(GatewayId, Receipt)>) {
        for (gateway, receipt) in receipts {
            if self.lines.receipts.try_send((gateway, receipt)).is_err() {
                tracing::debug!("Receipt dropped: the queue is full.");
            }
        }
    }

    /// Commits what waits, as long as that takes no longer than a stopping program may take.
    async fn commit_the_rest(&mut self) {
        let rest = async {
            if self.under_way.is_none() {
                self.commit();
            }
            while self.under_way.is_some() {
                let Some(written) = self.scribe.written().await else { return };
                let failed = written.is_err();
                self.written(written);
                if failed {
                    return;
                }
                self.commit();
            }
        };
        if tokio::time::timeout(STOP_PATIENCE, rest).await.is_err() {
            tracing::error!("Stopped before everything was recorded.");
        }
    }

    fn answer(&self, question: Question, now: CentreTime) {
        // Who asked may have gone meanwhile; then the answer is dropped.
        match question {
            Question::Points(asked, answer) => {
                let _ = answer.send(self.judgement.points(&asked, now));
            }
            Question::Gateways(answer) => {
                let _ = answer.send(self.judgement.gateways_now(now));
            }
            Question::Health(answer) => {
                let _ = answer.send(self.health(now));
            }
            Question::Proof(subject, rule, answer) => {
                let _ = answer.send(self.judgement.proof(&subject, &rule, now));
            }
            Question::Unrecorded(answer) => {
                let _ = answer.send(self.unrecorded());
            }
        }
    }

    /// Alarms that are raised while nothing can be recorded, the newest first.
    fn unrecorded(&self) -> Vec<Alarm> {
        if self.failing.is_none() {
            return Vec::new();
        }
        let under_way = self.under_way.as_ref().map(|group| &*group.changes);
        self.judgement.unrecorded(under_way)
    }

    fn health(&self, now: CentreTime) -> Health {
        let (listening_urgent, listening_routine) = self.judgement.hears();
        let (gateways, unassigned) = self.judgement.gateway_counts();
        let refused = self.lines.refused.load(Ordering::Relaxed);
        Health {
            now,
            listening_urgent,
            listening_routine,
            commit_failing_since: self.failing.as_ref().map(|failing| failing.since),
            commit_failure: self.failing.as_ref().map(|failing| failing.reason.clone()),
            committed: self.committed,
            last_event: *self.lines.last_event.borrow(),
            series_waiting: self.judgement.series_waiting(),
            gateways,
            unassigned,
            unrecorded: self.unrecorded().len(),
            refused_messages: refused + self.judgement.unadmitted(),
        }
    }
}

fn size(wake: &Wake) -> usize {
    match wake {
        Wake::Message(message) => match &message.content {
            Content::Batch { body, .. }
            | Content::Beat { body, .. }
            | Content::CataloguePage { body, .. }
            | Content::Presence { body } => body.len(),
            Content::TooLong { beginning, .. } => beginning.len(),
        },
        Wake::Listening { .. }
        | Wake::Question(_)
        | Wake::Action(_)
        | Wake::Stored(_)
        | Wake::SeriesOverflow(_)
        | Wake::Deadline
        | Wake::Stop => 0,
    }
}
