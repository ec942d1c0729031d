//! What one lane of the spool has ready for sending: a few batches, read ahead.

use std::collections::VecDeque;
use std::io;

use firegrid_wire::span::BatchName;
use firegrid_wire::time::Millis;
use tokio::sync::{oneshot, watch};

use crate::clock::Uptime;
use crate::spool::{Entry, LaneSpool, Reading, Standing};

/// Bytes that are read ahead of the link.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// A disk that could not be read is asked again after this long.
const READ_AGAIN: Millis = Millis::seconds(1);

/// One lane's batches on their way to the link.
#[derive(Debug)]
pub(super) struct Feed {
    spool: LaneSpool,
    standing: watch::Receiver<Standing>,
    ready: VecDeque<Entry>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is being read; what is read next.
    Resting(Reading),
    /// The answer is awaited.
    Waiting(oneshot::Receiver<io::Result<Vec<Entry>>>),
    /// The disk could not be read; it is asked again from the last receipt.
    Failed { again: Uptime },
}

impl Feed {
    /// Begins at the last receipt.
    pub(super) fn from_receipt(spool: LaneSpool) -> Feed {
        let standing = spool.standing();
        let state = State::Resting(Reading::FromReceipt);
        Feed { spool, standing, ready: VecDeque::new(), state }
    }

    /// Asks the spool for more, if there is more and nothing is ready.
    pub(super) fn ask(&mut self, now: Uptime) {
        if !self.ready.is_empty() {
            return;
        }
        let reading = match &self.state {
            State::Resting(Reading::FromReceipt) => Reading::FromReceipt,
            State::Resting(Reading::Onward) if self.standing.borrow().unread => Reading::Onward,
            State::Failed { again } if *again <= now => Reading::FromReceipt,
            State::Resting(Reading::Onward) | State::Failed { .. } | State::Waiting(_) => return,
        };
        self.state = State::Waiting(self.spool.read(reading, READ_AHEAD_BYTES));
    }

    /// Waits until there may be something to do: batches have become ready or durable. May be
    /// dropped and called again without loss.
    pub(super) async fn changed(&mut self, now: Uptime) {
        match &mut self.state {
            State::Waiting(answer) => {
                let answered = answer.await;
                match answered {
                    Ok(Ok(entries)) => {
                        self.ready.extend(entries);
                        self.state = State::Resting(Reading::Onward);
                    }
                    Ok(Err(error)) => {
                        tracing::error!(%error, "The spool cannot be read for sending.");
                        self.state = State::Failed { again: now.plus(READ_AGAIN) };
                    }
                    // The lane has stopped: nothing will ever be ready again.
                    Err(_) => {
                        self.state = State::Resting(Reading::Onward);
                        std::future::pending().await
                    }
                }
            }
            State::Resting(_) | State::Failed { .. } => {
                if self.standing.changed().await.is_err() {
                    std::future::pending().await
                }
            }
        }
    }

    /// When the disk is to be asked again.
    pub(super) fn deadline(&self) -> Option<Uptime> {
        match &self.state {
            State::Failed { again } => Some(*again),
            State::Resting(_) | State::Waiting(_) => None,
        }
    }

    /// The next batch.
    pub(super) fn next(&self) -> Option<&Entry> {
        self.ready.front()
    }

    /// The next batch, to be sent.
    pub(super) fn take(&mut self) -> Option<Entry> {
        self.ready.pop_front()
    }

    /// It could not be sent after all.
    pub(super) fn put_back(&mut self, entry: Entry) {
        self.ready.push_front(entry);
    }

    /// Everything up to this name is committed: the spool forgets it, and it is not sent.
    pub(super) fn receipt(&mut self, name: BatchName) {
        self.spool.receipt(name);
        let covers = |entry: &Entry| entry.name.span == name.span && entry.name.seq <= name.seq;
        if let Some(place) = self.ready.iter().rposition(covers) {
            self.ready.drain(..=place);
        }
    }

    /// Sends again from the last receipt.
    pub(super) fn go_back(&mut self) {
        self.ready.clear();
        self.state = State::Resting(Reading::FromReceipt);
    }
}
