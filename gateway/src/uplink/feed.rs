//! What one lane of the spool has ready for sending: a few batches, read ahead. Reads nothing
//! itself: it says when the spool is to be read, and takes what it is given.

use std::collections::VecDeque;

use firegrid_wire::span::BatchName;
use firegrid_wire::time::Millis;

use crate::clock::Uptime;
use crate::spool::{Entry, Reading};

/// A disk that could not be read is asked again after this long.
const READ_AGAIN: Millis = Millis::seconds(1);

/// One lane's batches on their way to the link.
#[derive(Debug)]
pub(super) struct Feed {
    ready: VecDeque<Entry>,
    state: State,
    /// Whether the spool says that something durable has not been read.
    unread: bool,
    /// The number of the last reading that was asked for. Answers to earlier ones are void.
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is being read; what is read next.
    Resting(Reading),
    /// The answer is awaited.
    Waiting,
    /// The disk could not be read; it is asked again from the last receipt.
    Failed { again: Uptime },
}

impl Default for Feed {
    /// Begins at the last receipt.
    fn default() -> Feed {
        let state = State::Resting(Reading::FromReceipt);
        Feed { ready: VecDeque::new(), state, unread: false, number: 0 }
    }
}

impl Feed {
    /// Whether the spool has something that was not read.
    pub(super) fn standing(&mut self, unread: bool) {
        self.unread = unread;
    }

    /// What is to be read now, under which number; nothing if enough is ready or nothing is
    /// there.
    pub(super) fn ask(&mut self, now: Uptime) -> Option<(Reading, u64)> {
        if !self.ready.is_empty() {
            return None;
        }
        let reading = match self.state {
            State::Resting(Reading::FromReceipt) => Reading::FromReceipt,
            State::Resting(Reading::Onward) if self.unread => Reading::Onward,
            State::Failed { again } if again <= now => Reading::FromReceipt,
            State::Resting(Reading::Onward) | State::Failed { .. } | State::Waiting => return None,
        };
        self.state = State::Waiting;
        self.number += 1;
        Some((reading, self.number))
    }

    /// What the reading with this number has brought; nothing if the disk could not be read.
    pub(super) fn read(&mut self, number: u64, entries: Option<Vec<Entry>>, now: Uptime) {
        if number != self.number || self.state != State::Waiting {
            return;
        }
        self.state = match entries {
            Some(entries) => {
                // There was nothing: until it is told again there is nothing.
                self.unread &= !entries.is_empty();
                self.ready.extend(entries);
                State::Resting(Reading::Onward)
            }
            None => State::Failed { again: now.plus(READ_AGAIN) },
        };
    }

    /// When the disk is to be asked again.
    pub(super) fn deadline(&self) -> Option<Uptime> {
        match self.state {
            State::Failed { again } => Some(again),
            State::Resting(_) | State::Waiting => None,
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

    /// Everything up to this name is committed: it is not sent.
    pub(super) fn receipt(&mut self, name: BatchName) {
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
