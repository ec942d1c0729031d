//! One connection, from opening to leaving: the task that owns the link.

use std::collections::VecDeque;
use std::time::Duration;

use firegrid_wire::envelope::Envelope;
use firegrid_wire::presence::Connection;
use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;
use firegrid_wire::topic::Channel;
use tokio::sync::watch;

use super::feed::Feed;
use super::mqtt::{Link, LinkEvent, Loss, Ticket};
use super::window::Window;
use super::{FromUplink, Left, Uplink, presence};
use crate::clock::Uptime;
use crate::recorder::{Occasion, OutgoingBeat};

/// Messages that the broker has not taken. Below what Mosquitto lets be under way by default
/// (20), so that a beat never waits for an acknowledgement.
const MOST_UNACKNOWLEDGED: usize = 16;

/// After so many regular beats without an answer the connection is left.
const UNANSWERED_BEATS: u32 = 2;

/// Opening, and subscribing, take no longer.
const READY_WITHIN: Millis = Millis::seconds(15);

/// How long a good-bye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// The connection and what is known on it.
pub(super) struct Session<'a> {
    uplink: &'a mut Uplink,
    link: Link,
    stage: Stage,
    window: Window,
    feeds: PerLane<Feed>,
    topics: PerLane<String>,
    beat_topic: String,
    /// Retained messages that go out before the batches, one after the other.
    preamble: VecDeque<(String, Vec<u8>)>,
    retained_under_way: bool,
    most_unacknowledged: usize,
    beat_waits: Option<OutgoingBeat>,
    unanswered: u32,
    answered: bool,
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Neither accepted nor subscribed.
    Opening { until: Uptime },
    /// Receipts will come: sending.
    Ready,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// It was left; another one is due.
    Left {
        /// Why.
        why: Left,
        /// Whether the centre had answered on it.
        answered: bool,
    },
}

/// What can wake the session.
enum Wake {
    Link(LinkEvent),
    Feed,
    Beat,
    Time,
    Stop,
}

impl<'a> Session<'a> {
    /// Begins to connect.
    pub(super) fn open(uplink: &'a mut Uplink) -> Session<'a> {
        let place = uplink.place.clone();
        let retained = uplink.catalogue.pages.iter().enumerate().map(|(number, page)| {
            let channel = Channel::Catalogue(uplink.catalogue.hash.clone(), number as u32 + 1);
            (place.topic(channel), page.clone())
        });
        let birth = (place.topic(Channel::Presence), presence(Connection::Online));
        let preamble = std::iter::once(birth).chain(retained).collect();
        Session {
            link: Link::open(&uplink.link_settings()),
            stage: Stage::Opening { until: uplink.clock.uptime().plus(READY_WITHIN) },
            window: Window::default(),
            feeds: PerLane::from_fn(|lane| Feed::from_receipt(uplink.spool[lane].clone())),
            topics: PerLane::from_fn(|lane| place.topic(Channel::Lane(lane))),
            beat_topic: place.topic(Channel::Beat),
            preamble,
            retained_under_way: false,
            most_unacknowledged: MOST_UNACKNOWLEDGED,
            beat_waits: None,
            unanswered: 0,
            answered: false,
            uplink,
        }
    }

    /// Delivers until the connection ends.
    pub(super) async fn run(mut self, stop: &mut watch::Receiver<bool>) -> Ended {
        loop {
            let wake = self.wait(stop).await;
            let now = self.uplink.clock.uptime();
            let left = match wake {
                Wake::Link(event) => self.take(event, now).await,
                Wake::Beat => self.take_beat(),
                Wake::Feed | Wake::Time => None,
                Wake::Stop => {
                    self.say_goodbye().await;
                    return Ended::Stopped;
                }
            };
            if let Some(left) = left.or_else(|| self.too_late(now)) {
                return Ended::Left { why: left, answered: self.answered };
            }
            match self.stage {
                Stage::Opening { .. } => {}
                Stage::Ready => self.send(now),
            }
        }
    }

    async fn wait(&mut self, stop: &mut watch::Receiver<bool>) -> Wake {
        let now = self.uplink.clock.uptime();
        let deadline = self.deadline().map(|deadline| deadline.since(now).duration());
        let ready = self.stage == Stage::Ready;
        let PerLane { urgent, routine } = &mut self.feeds;
        tokio::select! {
            biased;
            // Without the other end nobody could ever stop it.
            _ = stop.wait_for(|stop| *stop) => Wake::Stop,
            changed = self.uplink.beats.changed(), if ready => match changed {
                Ok(()) => Wake::Beat,
                Err(_) => Wake::Stop,
            },
            event = self.link.next() => Wake::Link(event),
            () = urgent.changed(now), if ready => Wake::Feed,
            () = routine.changed(now), if ready => Wake::Feed,
            () = sleep(deadline) => Wake::Time,
        }
    }

    fn deadline(&self) -> Option<Uptime> {
        match self.stage {
            Stage::Opening { until } => Some(until),
            Stage::Ready => {
                let feeds = Lane::ALL.into_iter().filter_map(|lane| self.feeds[lane].deadline());
                feeds.chain(self.window.deadline()).min()
            }
        }
    }

    fn too_late(&self, now: Uptime) -> Option<Left> {
        match self.stage {
            Stage::Opening { until } if until <= now => {
                Some(Left::Lost(Loss::Broken("no answer to connecting and subscribing".into())))
            }
            Stage::Opening { .. } | Stage::Ready => None,
        }
    }

    async fn take(&mut self, event: LinkEvent, now: Uptime) -> Option<Left> {
        match event {
            LinkEvent::Connected { receive_most } => {
                // One place is left free for the subscription and whatever else is answered.
                let most = usize::from(receive_most).saturating_sub(1).max(1);
                self.most_unacknowledged = MOST_UNACKNOWLEDGED.min(most);
                self.link.subscribe(&self.uplink.place.topic(Channel::Receipt));
            }
            LinkEvent::Subscribed => {
                tracing::info!(broker = %self.uplink.broker, "Connected to the broker.");
                self.stage = Stage::Ready;
                // Beats of before are old; the recorder makes a new one.
                self.uplink.beats.mark_unchanged();
                if self.uplink.recorder.send(FromUplink::Connected).await.is_err() {
                    tracing::debug!("The recorder has ended.");
                }
            }
            LinkEvent::Acknowledged(ticket) => self.acknowledged(ticket, now),
            LinkEvent::Refused(ticket, reason) => {
                tracing::warn!(?ticket, reason, "The broker does not take a message.");
                match ticket {
                    Ticket::Batch(lane, _) => self.window.refused(lane),
                    Ticket::Retained => self.retained_under_way = false,
                    Ticket::Beat => {}
                }
            }
            LinkEvent::Message(body) => self.take_receipt(&body),
            LinkEvent::Lost(loss) => return Some(Left::Lost(loss)),
        }
        None
    }

    fn acknowledged(&mut self, ticket: Ticket, now: Uptime) {
        match ticket {
            Ticket::Batch(lane, _) => self.window.acknowledged(lane, now),
            Ticket::Retained => self.retained_under_way = false,
            Ticket::Beat => {}
        }
    }

    fn take_receipt(&mut self, body: &[u8]) {
        let receipt = match Receipt::from_bytes(body) {
            Ok(receipt) => receipt,
            Err(error) => {
                tracing::warn!(%error, "A receipt cannot be read.");
                return;
            }
        };
        (self.unanswered, self.answered) = (0, true);
        for lane in Lane::ALL {
            let LaneReceipt { position, duplicate, ask, want } = receipt.lanes[lane];
            for name in [position, duplicate].into_iter().flatten() {
                self.window.receipted(lane, name);
                self.feeds[lane].receipt(name);
            }
            if ask.is_some_and(|name| self.window.asked(lane, name)) {
                self.go_back(lane);
            }
            if let Some(number) = want {
                // It stands in every receipt until it is answered: one that finds the
                // recorder's door full comes again.
                let _ = self.uplink.recorder.try_send(FromUplink::Want(lane, number));
            }
        }
    }

    fn take_beat(&mut self) -> Option<Left> {
        let beat = self.uplink.beats.borrow_and_update().clone()?;
        match beat.occasion {
            Occasion::Regular => {
                if UNANSWERED_BEATS <= self.unanswered {
                    return Some(Left::Unanswered);
                }
                self.unanswered += 1;
            }
            Occasion::Immediate => {}
        }
        self.beat_waits = Some(beat);
        None
    }

    /// Sends whatever may be sent: a beat, then what is retained, then urgent, then routine.
    fn send(&mut self, now: Uptime) {
        self.send_beat();
        self.send_preamble();
        for lane in Lane::ALL {
            if self.window.is_overdue(lane, now) {
                tracing::debug!(%lane, "No receipt, sending again.");
                self.go_back(lane);
            }
            self.feeds[lane].ask(now);
        }
        while self.preamble.is_empty() && self.window.open_messages() < self.most_unacknowledged {
            let ready = PerLane::from_fn(|lane| {
                self.feeds[lane].next().map(|entry| entry.body.len() as u64)
            });
            let Some(lane) = self.window.next(now, ready) else { return };
            if !self.send_batch(lane, now) {
                return;
            }
            self.feeds[lane].ask(now);
        }
    }

    fn send_beat(&mut self) {
        if let Some(beat) = self.beat_waits.take() {
            let span = beat.beat.span;
            let envelope = Envelope { name: None, sent: beat.sent, current: span };
            let body = beat.beat.to_bytes();
            if !self.link.publish_beat(&self.beat_topic, &envelope, body) {
                self.beat_waits = Some(beat);
            }
        }
    }

    /// One after the other: on a slow link a beat never waits behind more than one page.
    fn send_preamble(&mut self) {
        if self.retained_under_way {
            return;
        }
        if let Some((topic, body)) = self.preamble.front()
            && self.link.publish_retained(topic, body.clone())
        {
            self.preamble.pop_front();
            self.retained_under_way = true;
        }
    }

    fn send_batch(&mut self, lane: Lane, now: Uptime) -> bool {
        let Some(entry) = self.feeds[lane].take() else { return false };
        let clock = *self.uplink.spans.borrow();
        let envelope =
            Envelope { name: Some(entry.name), sent: clock.at(now), current: clock.span() };
        let ticket = Ticket::Batch(lane, entry.name);
        let bytes = entry.body.len() as u64;
        if !self.link.publish_batch(ticket, &self.topics[lane], &envelope, entry.body.clone()) {
            self.feeds[lane].put_back(entry);
            return false;
        }
        self.window.sent(lane, entry.name, bytes, now);
        true
    }

    fn go_back(&mut self, lane: Lane) {
        self.window.go_back(lane);
        self.feeds[lane].go_back();
    }

    /// Tells the broker that this is no accident.
    async fn say_goodbye(&mut self) {
        if self.stage != Stage::Ready {
            return;
        }
        let topic = self.uplink.place.topic(Channel::Presence);
        self.link.publish_retained(&topic, presence(Connection::Offline));
        self.link.disconnect();
        let over = async { while !matches!(self.link.next().await, LinkEvent::Lost(_)) {} };
        // A broker that does not close within the time is left alone.
        let _ = tokio::time::timeout(GOODBYE_WITHIN, over).await;
    }
}

async fn sleep(lasting: Option<Duration>) {
    match lasting {
        Some(lasting) => tokio::time::sleep(lasting).await,
        None => std::future::pending().await,
    }
}
