//! What is sent when, and again, on one connection after the other: the uplink without its
//! input and output.
//!
//! ```text
//!  begin ──► Opening ──connected, subscribed──► Ready ──► beat, retained, urgent, routine …
//!    ▲          │                                 │
//!    └──────────┴── Leave: lost, too late, two regular beats without an answer
//! ```
//!
//! [`Sender::take`] is told what happens, [`Sender::next`] answers what is to be done, one
//! thing after the other. Every connection begins afresh: nothing in flight, each lane from its
//! last receipt. Only what the broker refused of its own accord is remembered beyond a
//! connection. It trusts no PUBACK, forgets nothing on its own, never gives up on silence, and
//! never looks into a batch.

use std::collections::VecDeque;
use std::fmt;

use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{BatchName, Lane, PerLane};
use firegrid_wire::time::Millis;

use super::feed::Feed;
use super::window::Window;
use crate::clock::Uptime;
use crate::recorder::{Occasion, OutgoingBeat};
use crate::spool::{Entry, Reading};

/// Messages that the broker has not taken. Below what Mosquitto lets be under way by default
/// (20), so that a beat never waits for an acknowledgement.
const MOST_UNACKNOWLEDGED: usize = 16;

/// After so many regular beats without an answer the connection is left.
const UNANSWERED_BEATS: u32 = 2;

/// Opening, and subscribing, take no longer.
const READY_WITHIN: Millis = Millis::seconds(15);

/// A batch that the broker has refused so often for what it is will never be taken.
const REFUSALS: u32 = 3;

/// Decides everything that is sent. One per box; it outlives its connections.
#[derive(Debug)]
pub struct Sender {
    stage: Stage,
    window: Window,
    feeds: PerLane<Feed>,
    /// Retained messages that go out before the batches, one after the other.
    retained: std::ops::Range<usize>,
    retained_under_way: bool,
    most_unacknowledged: usize,
    beat_waits: Option<OutgoingBeat>,
    unanswered: u32,
    answered: bool,
    due: VecDeque<Output>,
    /// The batch that the broker refused last, and how often.
    refused: PerLane<Option<(BatchName, u32)>>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The broker has accepted the client. It takes so many messages at once.
    Connected {
        /// At least one.
        receive_most: u16,
    },
    /// Receipts will come.
    Subscribed,
    /// The broker has taken it.
    Acknowledged(Ticket),
    /// The broker does not take it.
    Refused(Ticket, Refusal),
    /// The centre has answered.
    Receipt(Receipt),
    /// The connection is over.
    Lost(Loss),
    /// There is a newer beat.
    Beat(OutgoingBeat),
    /// Whether a lane of the spool has something durable that was not read.
    Standing {
        /// The lane.
        lane: Lane,
        /// Whether it has.
        unread: bool,
    },
    /// What a reading has brought.
    Read {
        /// The lane.
        lane: Lane,
        /// The number under which it was asked for.
        number: u64,
        /// The batches; nothing if the disk could not be read.
        entries: Option<Vec<Entry>>,
    },
    /// Time has passed.
    Time,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Subscribe to receipts.
    Subscribe,
    /// Tell the recorder that the connection stands: it begins with a beat.
    Begin,
    /// Tell the recorder that the centre wants a refresh of the lane, under this number.
    Want(Lane, u64),
    /// Tell the recorder that another box has taken this one's place at the broker.
    TakenOver,
    /// Tell the spool that everything up to this batch is committed.
    Receipt(Lane, BatchName),
    /// Tell the spool that the centre asks for this batch, which was not sent lately.
    Asked(Lane, BatchName),
    /// Tell the spool that the broker will never take this batch.
    Refused(Lane, BatchName),
    /// Read the lane; answer under this number.
    Read {
        /// The lane.
        lane: Lane,
        /// From where.
        reading: Reading,
        /// The number of the answer. It makes all earlier readings of the lane void.
        number: u64,
    },
    /// Publish this beat.
    Beat(OutgoingBeat),
    /// Publish the retained message with this number.
    Retained(usize),
    /// Publish this batch.
    Batch(Lane, Entry),
    /// Leave the connection.
    Leave(Left),
}

/// What was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticket {
    /// A batch of a lane.
    Batch(Lane, BatchName),
    /// Something retained: a page of the catalogue, or presence.
    Retained,
    /// A beat; the broker acknowledges none.
    Beat,
}

/// What a broker means by not taking a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This very message: its payload is not what the broker lets pass.
    OfThis,
    /// Not now, or nothing of the kind: the next attempt may succeed.
    ForNow,
}

/// Why a link is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Another client has connected with the same id.
    TakenOver,
    /// The broker does not want this client, or not what it asks for.
    Refused(String),
    /// The broker's certificate does not hold.
    Untrusted(String),
    /// The broker does not take a message of this length.
    TooLarge,
    /// The network, the broker or the protocol failed.
    Broken(String),
}

/// Why a connection was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It broke.
    Lost(Loss),
    /// Two beats in a row had no answer.
    Unanswered,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Lost(Loss::TakenOver) => {
                f.write_str("another client uses the id of this gateway")
            }
            Left::Lost(Loss::Refused(reason)) => write!(f, "the broker refuses: {reason}"),
            Left::Lost(Loss::Untrusted(reason)) => write!(f, "it cannot be trusted: {reason}"),
            Left::Lost(Loss::TooLarge) => f.write_str("a message is too long for the broker"),
            Left::Lost(Loss::Broken(reason)) => f.write_str(reason),
            Left::Unanswered => f.write_str("the centre has not answered"),
        }
    }
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Away,
    /// Neither accepted nor subscribed.
    Opening { until: Uptime },
    /// Receipts will come: sending.
    Ready,
}

impl Default for Sender {
    fn default() -> Sender {
        Sender {
            stage: Stage::Away,
            window: Window::default(),
            feeds: PerLane::default(),
            retained: 0..0,
            retained_under_way: false,
            most_unacknowledged: MOST_UNACKNOWLEDGED,
            beat_waits: None,
            unanswered: 0,
            answered: false,
            due: VecDeque::new(),
            refused: PerLane::default(),
        }
    }
}

impl Sender {
    /// A connection is being opened. So many retained messages go before the batches.
    pub fn begin(&mut self, retained: usize, now: Uptime) {
        *self = Sender {
            stage: Stage::Opening { until: now.plus(READY_WITHIN) },
            retained: 0..retained,
            refused: self.refused,
            ..Sender::default()
        };
    }

    /// Whether receipts will come on this connection: batches and beats may go out.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Whether the centre has answered on this connection.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// When it must be told that time has passed.
    pub fn deadline(&self) -> Option<Uptime> {
        match self.stage {
            Stage::Away => None,
            Stage::Opening { until } => Some(until),
            Stage::Ready => {
                let feeds = Lane::ALL.into_iter().filter_map(|lane| self.feeds[lane].deadline());
                feeds.chain(self.window.deadline()).min()
            }
        }
    }

    /// Takes what has happened.
    pub fn take(&mut self, input: Input, now: Uptime) {
        match input {
            Input::Connected { receive_most } => {
                // One place is left free for the subscription and whatever else is answered.
                let most = usize::from(receive_most).saturating_sub(1).max(1);
                self.most_unacknowledged = MOST_UNACKNOWLEDGED.min(most);
                self.due.push_back(Output::Subscribe);
            }
            Input::Subscribed => {
                self.stage = Stage::Ready;
                self.due.push_back(Output::Begin);
            }
            Input::Acknowledged(ticket) => self.acknowledged(ticket, now),
            Input::Refused(ticket, refusal) => self.refused(ticket, refusal),
            Input::Receipt(receipt) => self.receipt(&receipt),
            Input::Lost(loss) => self.lost(loss),
            Input::Beat(beat) => self.beat(beat),
            Input::Standing { lane, unread } => self.feeds[lane].standing(unread),
            Input::Read { lane, number, entries } => self.feeds[lane].read(number, entries, now),
            Input::Time => {}
        }
        match self.stage {
            Stage::Opening { until } if until <= now => {
                let late = "no answer to connecting and subscribing".to_owned();
                self.leave(Left::Lost(Loss::Broken(late)));
            }
            Stage::Away | Stage::Opening { .. } | Stage::Ready => {}
        }
    }

    /// What is to be done next; nothing until something else happens. What is to be published
    /// counts as published unless it is put back.
    pub fn next(&mut self, now: Uptime) -> Option<Output> {
        if let Some(due) = self.due.pop_front() {
            return Some(due);
        }
        if self.stage != Stage::Ready {
            return None;
        }
        if let Some(beat) = self.beat_waits.take() {
            return Some(Output::Beat(beat));
        }
        // One after the other: on a slow link a beat never waits behind more than one page.
        if !self.retained_under_way
            && let Some(number) = self.retained.next()
        {
            self.retained_under_way = true;
            return Some(Output::Retained(number));
        }
        for lane in Lane::ALL {
            if self.window.is_overdue(lane, now) {
                tracing::debug!(%lane, "No receipt, sending again.");
                self.go_back(lane);
            }
            if let Some((reading, number)) = self.feeds[lane].ask(now) {
                return Some(Output::Read { lane, reading, number });
            }
        }
        self.next_batch(now)
    }

    /// The link could not take this: it is published later.
    pub fn put_back(&mut self, output: Output) {
        match output {
            Output::Beat(beat) => self.beat_waits = Some(beat),
            Output::Retained(number) => {
                self.retained.start = number;
                self.retained_under_way = false;
            }
            Output::Batch(lane, entry) => {
                self.window.not_sent(lane);
                self.feeds[lane].put_back(entry);
            }
            Output::Subscribe
            | Output::Begin
            | Output::Want(..)
            | Output::TakenOver
            | Output::Receipt(..)
            | Output::Asked(..)
            | Output::Refused(..)
            | Output::Read { .. }
            | Output::Leave(_) => self.due.push_front(output),
        }
    }

    fn next_batch(&mut self, now: Uptime) -> Option<Output> {
        if !self.retained.is_empty() || self.most_unacknowledged <= self.window.open_messages() {
            return None;
        }
        let ready =
            PerLane::from_fn(|lane| self.feeds[lane].next().map(|entry| entry.body.len() as u64));
        let lane = self.window.next(now, ready)?;
        let entry = self.feeds[lane].take()?;
        self.window.sent(lane, entry.name, entry.body.len() as u64, now);
        Some(Output::Batch(lane, entry))
    }

    fn acknowledged(&mut self, ticket: Ticket, now: Uptime) {
        match ticket {
            Ticket::Batch(lane, _) => {
                self.window.acknowledged(lane, now);
                self.refused[lane] = None;
            }
            Ticket::Retained => self.retained_under_way = false,
            Ticket::Beat => {}
        }
    }

    fn refused(&mut self, ticket: Ticket, refusal: Refusal) {
        match (ticket, refusal) {
            (Ticket::Batch(lane, name), Refusal::OfThis) => {
                self.window.refused(lane);
                self.count_refusal(lane, name);
            }
            (Ticket::Batch(lane, _), Refusal::ForNow) => self.window.refused(lane),
            (Ticket::Retained, Refusal::OfThis | Refusal::ForNow) => {
                self.retained_under_way = false;
            }
            (Ticket::Beat, Refusal::OfThis | Refusal::ForNow) => {}
        }
    }

    fn count_refusal(&mut self, lane: Lane, name: BatchName) {
        let before = self.refused[lane].filter(|(refused, _)| *refused == name);
        let times = before.map_or(0, |(_, times)| times) + 1;
        if times < REFUSALS {
            self.refused[lane] = Some((name, times));
        } else {
            self.refused[lane] = None;
            self.due.push_back(Output::Refused(lane, name));
            self.go_back(lane);
        }
    }

    fn receipt(&mut self, receipt: &Receipt) {
        (self.unanswered, self.answered) = (0, true);
        for lane in Lane::ALL {
            let LaneReceipt { position, duplicate, ask, want } = receipt.lanes[lane];
            for name in [position, duplicate].into_iter().flatten() {
                self.window.receipted(lane, name);
                self.feeds[lane].receipt(name);
                self.due.push_back(Output::Receipt(lane, name));
            }
            match ask {
                Some(name) if self.window.asked(lane, name) => self.go_back(lane),
                Some(name) => self.due.push_back(Output::Asked(lane, name)),
                None => {}
            }
            if let Some(number) = want {
                self.due.push_back(Output::Want(lane, number));
            }
        }
    }

    fn lost(&mut self, loss: Loss) {
        match &loss {
            Loss::TakenOver => self.due.push_back(Output::TakenOver),
            // Whichever batch it was: the longest that is under way is too long as well.
            Loss::TooLarge => {
                if let Some((lane, name)) =
                    self.window.longest().filter(|_| !self.retained_under_way)
                {
                    self.count_refusal(lane, name);
                }
            }
            Loss::Refused(_) | Loss::Untrusted(_) | Loss::Broken(_) => {}
        }
        self.leave(Left::Lost(loss));
    }

    fn beat(&mut self, beat: OutgoingBeat) {
        match beat.occasion {
            Occasion::Regular if UNANSWERED_BEATS <= self.unanswered => {
                return self.leave(Left::Unanswered);
            }
            Occasion::Regular => self.unanswered += 1,
            Occasion::Immediate => {}
        }
        self.beat_waits = Some(beat);
    }

    fn leave(&mut self, why: Left) {
        self.stage = Stage::Away;
        self.due.push_back(Output::Leave(why));
    }

    fn go_back(&mut self, lane: Lane) {
        self.window.go_back(lane);
        self.feeds[lane].go_back();
    }
}

#[cfg(test)]
mod tests;
