//! The runner: one task that takes what waits, judges it, commits it, and only then answers.
//!
//! ```text
//!   questions, actions ─┐
//!   urgent messages ────┼─► take a group ─► judge ─► one commit ─► receipts, answers, events
//!   routine messages ───┘                              │ fails
//!                                                      └─► keep everything, try again
//! ```
//!
//! While a commit fails nothing is receipted beyond what was committed before; fires are still
//! judged and shown as not yet recorded (未入库), and the very same changes are tried again.

use std::time::Duration;

use firegrid_wire::names::GatewayId;
use firegrid_wire::receipt::Receipt;
use firegrid_wire::time::{CentreTime, Millis};
use tokio::sync::{mpsc, oneshot, watch};

use super::events::{Action, Content, Done, Health, Message, Question, Refused, Wake};
use super::judgement::Judgement;
use crate::clock::Clock;
use crate::storage::Writer;

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

/// How long after a failed commit it is tried again.
const RETRY_AFTER: Millis = Millis::seconds(1);

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
    /// The id of the last committed event.
    pub last_event: watch::Sender<u64>,
    /// Messages that were refused because a queue was full.
    pub refused: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

/// The task that owns the judgement and the connection that writes.
#[derive(Debug)]
pub struct Runner {
    judgement: Judgement,
    writer: Writer,
    lines: Lines,
    clock: Clock,
    failing: Option<Failing>,
    committed: Option<CentreTime>,
    answers: Vec<(oneshot::Sender<Result<Done, Refused>>, Result<Done, Refused>)>,
}

/// A commit that does not succeed.
#[derive(Debug, Clone)]
struct Failing {
    since: CentreTime,
    reason: String,
    retry_at: CentreTime,
}

/// Whether the runner goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl Runner {
    /// A runner that has not begun.
    pub fn new(judgement: Judgement, writer: Writer, lines: Lines, clock: Clock) -> Runner {
        Runner {
            judgement,
            writer,
            lines,
            clock,
            failing: None,
            committed: None,
            answers: Vec::new(),
        }
    }

    /// Runs until it is told to stop, or nobody can tell it anything any more.
    pub async fn run(mut self) {
        while let Some(wake) = self.next_wake().await {
            let next = self.take_group(wake);
            if self.is_time_to_commit() {
                self.commit().await;
            }
            if next == Next::Stop {
                break;
            }
        }
        self.commit().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "Database not closed in order.");
        }
    }

    /// Waits for whatever comes first; of what waits already, control before urgent before
    /// routine.
    async fn next_wake(&mut self) -> Option<Wake> {
        let now = self.clock.now();
        let deadline = self.judgement.deadline();
        let deadline = self.failing.as_ref().map_or(deadline, |it| deadline.min(it.retry_at));
        let sleep = Duration::from_millis(deadline.since(now).get());
        tokio::select! {
            biased;
            wake = self.lines.control.recv() => wake,
            Some(message) = self.lines.urgent.recv() => Some(Wake::Message(message)),
            Some(message) = self.lines.routine.recv() => Some(Wake::Message(message)),
            () = tokio::time::sleep(sleep) => Some(Wake::Deadline),
        }
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
            Wake::Action(asked) => {
                let done = self.act(&asked.action, &asked.by, now);
                self.answers.push((asked.answer, done));
            }
            Wake::Stored(names) => self.judgement.stored(names),
            Wake::Deadline => self.judgement.tick(now),
            Wake::Stop => return Next::Stop,
        }
        Next::GoOn
    }

    /// While nothing can be recorded nobody is told that something was done.
    fn act(&mut self, action: &Action, by: &str, now: CentreTime) -> Result<Done, Refused> {
        if self.failing.is_some() {
            return Err(Refused::NotRecorded);
        }
        self.judgement.act(action, by, now)
    }

    fn is_time_to_commit(&self) -> bool {
        self.failing.as_ref().is_none_or(|failing| failing.retry_at <= self.clock.now())
            || !self.answers.is_empty()
    }

    async fn commit(&mut self) {
        let changes = self.judgement.changes();
        let committed =
            if changes.is_empty() { Ok(None) } else { changes.commit(&mut self.writer).await };
        let now = self.clock.now();
        match committed {
            Ok(last_event) => {
                if let Some(failing) = self.failing.take() {
                    let lasted = now.since(failing.since).get();
                    tracing::info!(lasted_ms = lasted, "Commits succeed again.");
                }
                self.judgement.committed();
                self.committed = Some(now);
                self.send(true);
                if let Some(last) = last_event {
                    self.lines.last_event.send_replace(last);
                }
                for (answer, done) in self.answers.drain(..) {
                    let _ = answer.send(done);
                }
            }
            Err(error) => self.commit_failed(&error.to_string(), now),
        }
    }

    fn commit_failed(&mut self, reason: &str, now: CentreTime) {
        if self.failing.is_none() {
            tracing::error!(reason, "Nothing can be recorded.");
        }
        let since = self.failing.as_ref().map_or(now, |failing| failing.since);
        let retry_at = now.plus(RETRY_AFTER);
        self.failing = Some(Failing { since, reason: reason.to_owned(), retry_at });
        // A refusal is answered at once; what was done is answered when it is recorded.
        for (answer, done) in std::mem::take(&mut self.answers) {
            match done {
                Err(refused) => {
                    let _ = answer.send(Err(refused));
                }
                Ok(done) => self.answers.push((answer, Ok(done))),
            }
        }
        self.send(false);
    }

    /// Sends the receipts that are owed. One that finds the queue full is not missed: the box
    /// asks again with its next beat.
    fn send(&mut self, committed: bool) {
        for (gateway, receipt) in self.judgement.receipts(committed) {
            if self.lines.receipts.try_send((gateway, receipt)).is_err() {
                tracing::debug!("Receipt dropped: the queue is full.");
            }
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
            Question::Unrecorded(answer) => {
                let _ = answer.send(self.judgement.unrecorded());
            }
        }
    }

    fn health(&self, now: CentreTime) -> Health {
        let (listening_urgent, listening_routine) = self.judgement.hears();
        let (gateways, unassigned) = self.judgement.gateway_counts();
        let refused = self.lines.refused.load(std::sync::atomic::Ordering::Relaxed);
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
            unrecorded: self.judgement.unrecorded().len(),
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
        | Wake::Deadline
        | Wake::Stop => 0,
    }
}
