//! The thread of one lane, and the handle by which others speak with it.
//!
//! It takes whatever has come in, appends all of it, and flushes once: while a slow disk
//! flushes, the next group gathers. Reads and receipts are served between two flushes.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::span::BatchName;
use firegrid_wire::time::{GatewayTime, Millis};
use tokio::sync::{oneshot, watch};

use super::damage::MarkerLabels;
use super::lane::{Entry, Lane};
use super::storage::Storage;
use crate::clock::Clock;
use crate::recorder::{Batch, Recovered};

/// What could not be flushed is tried again this often.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// A receipted position is written down with the next batch, or after this long without one.
const POSITION_AFTER: Duration = Duration::from_secs(5);

/// A flush that takes longer means that the disk fails.
const SLOWEST_FLUSH: Millis = Millis::seconds(1);

/// A lane that runs. Cloning it gives another handle of the same lane.
#[derive(Debug, Clone)]
pub struct LaneSpool {
    /// What waits in it is bounded by who sends: the recorder holds back when too many batches
    /// are outstanding, and the uplink waits for its answer before it asks again.
    commands: Sender<Command>,
    standing: watch::Receiver<Standing>,
}

/// How a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The last durable name.
    pub durable: Option<BatchName>,
    /// Durable batches without a receipt.
    pub depth: u64,
    /// The newest time in the oldest of them.
    pub oldest: Option<GatewayTime>,
    /// Whether the last flush failed, or took over a second.
    pub failing: bool,
    /// Whether something durable has not been read for sending.
    pub unread: bool,
    /// Bytes of batches that find room before the oldest become a marker.
    pub room: u64,
    /// Batches that the broker refused in this run, so that markers stand in their place.
    pub dead_letters: u32,
}

/// What is read for sending next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What follows the last reading.
    Onward,
    /// What follows the last receipt.
    FromReceipt,
}

#[derive(Debug)]
enum Command {
    Append(Batch),
    Receipt(BatchName),
    Asked(BatchName),
    Refused(BatchName),
    Exchange { catalogue: CatalogueHash, quota: u64 },
    Read { reading: Reading, most_bytes: usize, answer: oneshot::Sender<io::Result<Vec<Entry>>> },
    Stop { done: oneshot::Sender<()> },
}

impl LaneSpool {
    /// Opens a lane and starts its thread, which holds `guard` until it ends.
    pub fn start<S: Storage>(
        storage: S,
        labels: MarkerLabels,
        quota: u64,
        guard: impl Send + 'static,
    ) -> io::Result<(LaneSpool, Recovered)> {
        let name = format!("spool-{}", labels.lane);
        let lane = Lane::open(storage, labels, quota)?;
        let recovered = lane.recovered();
        let (commands, inbox) = channel();
        let (tell, standing) = watch::channel(lane.standing(false));
        let writer = Writer { lane, inbox, tell, clock: Clock::begin(), failing: false };
        let _: JoinHandle<()> = std::thread::Builder::new().name(name).spawn(move || {
            let done = writer.run();
            drop(guard);
            // Whoever asked may have gone away.
            let _ = done.map(|done| done.send(()));
        })?;
        Ok((LaneSpool { commands, standing }, recovered))
    }

    /// Gives a batch to the lane. It is durable when [`Standing::durable`] says so.
    pub fn append(&self, batch: Batch) {
        self.command(Command::Append(batch));
    }

    /// The centre has committed everything up to this name.
    pub fn receipt(&self, name: BatchName) {
        self.command(Command::Receipt(name));
    }

    /// The centre asks to send again from this name; a reading from the last receipt then
    /// begins there, or at a marker that says what is forgotten.
    pub fn asked(&self, name: BatchName) {
        self.command(Command::Asked(name));
    }

    /// The broker refuses this very batch for good: a reading from the last receipt then finds
    /// a marker in its place.
    pub fn refused(&self, name: BatchName) {
        self.command(Command::Refused(name));
    }

    /// Markers name this catalogue from now on, and batches may take so many bytes.
    pub fn exchange(&self, catalogue: CatalogueHash, quota: u64) {
        self.command(Command::Exchange { catalogue, quota });
    }

    /// Reads for sending. The answer never comes if the lane has stopped.
    pub fn read(
        &self,
        reading: Reading,
        most_bytes: usize,
    ) -> oneshot::Receiver<io::Result<Vec<Entry>>> {
        let (answer, answered) = oneshot::channel();
        self.command(Command::Read { reading, most_bytes, answer });
        answered
    }

    /// Makes everything durable, if the disk lets it, ends the thread and frees its guard.
    pub async fn stop(&self) {
        let (done, is_done) = oneshot::channel();
        self.command(Command::Stop { done });
        // An error means that the thread has ended before.
        let _ = is_done.await;
    }

    /// How the lane stands, and how that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// A thread that has ended takes no commands; there is nobody left to tell.
    fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

/// The thread's own.
struct Writer<S> {
    lane: Lane<S>,
    inbox: Receiver<Command>,
    tell: watch::Sender<Standing>,
    clock: Clock,
    failing: bool,
}

/// Whether the thread goes on.
enum Then {
    Continue,
    Stop(Option<oneshot::Sender<()>>),
}

impl<S: Storage> Writer<S> {
    /// Works until it is told to stop; whom to tell that it has.
    fn run(mut self) -> Option<oneshot::Sender<()>> {
        // What recovery could not make durable is pending already.
        self.flush();
        loop {
            let then = self.take_commands();
            match then {
                Then::Continue => {
                    if self.lane.is_pending() {
                        self.flush();
                    }
                    self.tell_standing();
                }
                Then::Stop(done) => {
                    self.flush();
                    self.tell_standing();
                    return done;
                }
            }
        }
    }

    /// Waits for a command and takes all that are there.
    fn take_commands(&mut self) -> Then {
        let patience = if self.lane.is_pending() {
            TRY_AGAIN
        } else if self.lane.position_moved() {
            POSITION_AFTER
        } else {
            Duration::MAX
        };
        let first = match self.inbox.recv_timeout(patience) {
            Ok(command) => command,
            Err(RecvTimeoutError::Timeout) => {
                self.flush();
                return Then::Continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Then::Stop(None),
        };
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Append(batch) => self.lane.append(&batch),
                Command::Receipt(name) => {
                    self.lane.receipt(name);
                }
                Command::Asked(name) => {
                    let asked = self.lane.asked(name).map(|_| ());
                    self.complain(asked);
                }
                Command::Refused(name) => {
                    let refused = self.lane.refused(name).map(|_| ());
                    self.complain(refused);
                }
                Command::Exchange { catalogue, quota } => {
                    self.lane.labels.catalogue = catalogue;
                    self.lane.quota = quota;
                }
                Command::Read { reading, most_bytes, answer } => {
                    match reading {
                        Reading::Onward => {}
                        Reading::FromReceipt => self.lane.rewind(),
                    }
                    // Whoever asked may have lost its connection meanwhile.
                    let _ = answer.send(self.lane.read(most_bytes));
                }
                Command::Stop { done } => return Then::Stop(Some(done)),
            }
            next = self.inbox.try_recv().ok();
        }
        Then::Continue
    }

    /// Says that the disk failed; whoever asked will ask again.
    fn complain(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            if !self.failing {
                let lane = self.lane.labels.lane;
                tracing::error!(%lane, %error, "The spool cannot make batches durable.");
            }
            self.failing = true;
        }
    }

    fn flush(&mut self) {
        let begin = self.clock.uptime();
        let flushed = self.lane.commit();
        let took = self.clock.uptime().since(begin);
        let lane = self.lane.labels.lane;
        match flushed {
            Ok(()) => {
                if self.failing {
                    tracing::info!(%lane, "The spool is durable again.");
                }
                self.failing = SLOWEST_FLUSH < took;
                if self.failing {
                    tracing::warn!(%lane, %took, "The disk is slow.");
                }
            }
            Err(error) => {
                self.complain(Err(error));
            }
        }
    }

    fn tell_standing(&self) {
        let standing = self.lane.standing(self.failing);
        self.tell.send_if_modified(|told| std::mem::replace(told, standing) != standing);
    }
}
