//! One connection, from opening to leaving: carries out on a link and a spool what the sender
//! decides.

use std::io;
use std::time::Duration;

use firegrid_wire::envelope::Envelope;
use firegrid_wire::presence::Connection;
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::topic::Channel;
use tokio::sync::{oneshot, watch};

use super::mqtt::{Link, LinkEvent};
use super::sender::{Input, Left, Output, Sender, Ticket};
use super::{FromUplink, Pages, Route, Uplink, presence};
use crate::recorder::OutgoingBeat;
use crate::settings::Address;
use crate::spool::{Entry, Standing};

/// Bytes that are read ahead of the link.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// How long a good-bye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// The connection, and the spool's answers that are awaited on it.
pub(super) struct Session<'a> {
    uplink: &'a mut Uplink,
    broker: Address,
    sender: &'a mut Sender,
    link: Link,
    standing: PerLane<watch::Receiver<Standing>>,
    readings: PerLane<Option<Awaited>>,
    topics: PerLane<String>,
    beat_topic: String,
    catalogue: Pages,
}

/// A reading that was asked for.
struct Awaited {
    number: u64,
    answer: oneshot::Receiver<io::Result<Vec<Entry>>>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// It was left, because it leads elsewhere from now on, or begins with something else.
    OtherTarget,
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
    Read(Lane, u64, io::Result<Vec<Entry>>),
    Standing,
    Beat,
    Time,
    OtherTarget,
    Stop,
}

impl<'a> Session<'a> {
    /// Begins to connect.
    pub(super) fn open(
        uplink: &'a mut Uplink,
        route: Route,
        sender: &'a mut Sender,
    ) -> Session<'a> {
        let place = uplink.place.clone();
        let catalogue = uplink.target.borrow_and_update().catalogue.clone();
        sender.begin(1 + catalogue.count(), uplink.clock.uptime());
        Session {
            link: Link::open(&uplink.link_settings(&route)),
            broker: route.address,
            standing: PerLane::from_fn(|lane| uplink.spool[lane].standing()),
            readings: PerLane::default(),
            topics: PerLane::from_fn(|lane| place.topic(Channel::Lane(lane))),
            beat_topic: place.topic(Channel::Beat),
            catalogue,
            uplink,
            sender,
        }
    }

    /// Delivers until the connection ends.
    pub(super) async fn run(mut self, stop: &mut watch::Receiver<bool>) -> Ended {
        loop {
            let wake = self.wait(stop).await;
            let now = self.uplink.clock.uptime();
            let input = match wake {
                Wake::Link(event) => self.input(event),
                Wake::Beat => self.latest_beat().map(Input::Beat),
                Wake::Read(lane, number, read) => {
                    let told = |error: &io::Error| {
                        tracing::error!(%error, "The spool cannot be read for sending.");
                    };
                    let entries = read.inspect_err(told).ok();
                    Some(Input::Read { lane, number, entries })
                }
                Wake::Standing | Wake::Time => None,
                Wake::OtherTarget => {
                    self.say_goodbye().await;
                    return Ended::OtherTarget;
                }
                Wake::Stop => {
                    self.say_goodbye().await;
                    return Ended::Stopped;
                }
            };
            self.sender.take(input.unwrap_or(Input::Time), now);
            for lane in Lane::ALL {
                let unread = self.standing[lane].borrow_and_update().unread;
                self.sender.take(Input::Standing { lane, unread }, now);
            }
            if let Some(why) = self.carry_out().await {
                return Ended::Left { why, answered: self.sender.is_answered() };
            }
        }
    }

    async fn wait(&mut self, stop: &mut watch::Receiver<bool>) -> Wake {
        let now = self.uplink.clock.uptime();
        let deadline = self.sender.deadline().map(|deadline| deadline.since(now).duration());
        let ready = self.sender.is_ready();
        let PerLane { urgent, routine } = &mut self.readings;
        let standing = &mut self.standing;
        tokio::select! {
            biased;
            // Without the other end nobody could ever stop it.
            _ = stop.wait_for(|stop| *stop) => Wake::Stop,
            Ok(()) = self.uplink.target.changed() => Wake::OtherTarget,
            changed = self.uplink.beats.changed(), if ready => match changed {
                Ok(()) => Wake::Beat,
                Err(_) => Wake::Stop,
            },
            event = self.link.next() => Wake::Link(event),
            (number, read) = answer(urgent) => Wake::Read(Lane::Urgent, number, read),
            (number, read) = answer(routine) => Wake::Read(Lane::Routine, number, read),
            () = moved(&mut standing.urgent), if ready => Wake::Standing,
            () = moved(&mut standing.routine), if ready => Wake::Standing,
            () = sleep(deadline) => Wake::Time,
        }
    }

    /// What a thing that happens on the link means to the sender.
    fn input(&mut self, event: LinkEvent) -> Option<Input> {
        Some(match event {
            LinkEvent::Connected { receive_most } => Input::Connected { receive_most },
            LinkEvent::Subscribed => {
                tracing::info!(broker = %self.broker, "Connected to the broker.");
                let now = self.uplink.clock.uptime();
                self.uplink.standing.send_modify(|told| told.connected_to(now));
                Input::Subscribed
            }
            LinkEvent::Acknowledged(ticket) => Input::Acknowledged(ticket),
            LinkEvent::Refused(ticket, refusal, reason) => {
                tracing::warn!(?ticket, reason, "The broker does not take a message.");
                Input::Refused(ticket, refusal)
            }
            LinkEvent::Message(body) => match Receipt::from_bytes(&body) {
                Ok(receipt) => {
                    let now = self.uplink.clock.uptime();
                    self.uplink.standing.send_modify(|told| told.answered(now));
                    Input::Receipt(receipt)
                }
                Err(error) => {
                    tracing::warn!(%error, "A receipt cannot be read.");
                    return None;
                }
            },
            LinkEvent::Lost(loss) => Input::Lost(loss),
        })
    }

    fn latest_beat(&mut self) -> Option<OutgoingBeat> {
        self.uplink.beats.borrow_and_update().clone()
    }

    /// Does what the sender decides; why the connection is to be left, if it is.
    async fn carry_out(&mut self) -> Option<Left> {
        let now = self.uplink.clock.uptime();
        while let Some(output) = self.sender.next(now) {
            match output {
                Output::Subscribe => {
                    self.link.subscribe(&self.uplink.place.topic(Channel::Receipt));
                }
                Output::Begin => {
                    // Beats of before are old; the recorder makes a new one.
                    self.uplink.beats.mark_unchanged();
                    if self.uplink.recorder.send(FromUplink::Connected).await.is_err() {
                        tracing::debug!("The recorder has ended.");
                    }
                }
                // It stands in every receipt until it is answered: one that finds the
                // recorder's door full comes again.
                Output::Want(lane, number) => {
                    let _ = self.uplink.recorder.try_send(FromUplink::Want(lane, number));
                }
                // It is told again by the next one who does the same.
                Output::TakenOver => {
                    let _ = self.uplink.recorder.try_send(FromUplink::TakenOver);
                }
                Output::Receipt(lane, name) => self.uplink.spool[lane].receipt(name),
                Output::Asked(lane, name) => self.uplink.spool[lane].asked(name),
                Output::Refused(lane, name) => self.uplink.spool[lane].refused(name),
                Output::Read { lane, reading, number } => {
                    let answer = self.uplink.spool[lane].read(reading, READ_AHEAD_BYTES);
                    self.readings[lane] = Some(Awaited { number, answer });
                }
                Output::Leave(why) => return Some(why),
                Output::Beat(_) | Output::Retained(_) | Output::Batch(..) => {
                    if !self.publish(&output) {
                        self.sender.put_back(output);
                        return None;
                    }
                }
            }
        }
        None
    }

    /// What goes out before the batches: first that the gateway is there, then its catalogue.
    fn retained(&self, number: usize) -> (String, Vec<u8>) {
        let place = &self.uplink.place;
        let Some(page) = number.checked_sub(1) else {
            return (place.topic(Channel::Presence), presence(Connection::Online));
        };
        let channel = Channel::Catalogue(self.catalogue.hash().clone(), number as u32);
        (place.topic(channel), self.catalogue.page(page))
    }

    /// Publishes what is to be published; whether the link could take it.
    fn publish(&mut self, output: &Output) -> bool {
        match output {
            Output::Beat(OutgoingBeat { beat, sent, .. }) => {
                let envelope = Envelope { name: None, sent: *sent, current: beat.span };
                self.link.publish_beat(&self.beat_topic, &envelope, beat.to_bytes())
            }
            Output::Retained(number) => {
                let (topic, body) = self.retained(*number);
                self.link.publish_retained(&topic, body)
            }
            Output::Batch(lane, entry) => {
                let clock = *self.uplink.spans.borrow();
                let sent = clock.at(self.uplink.clock.uptime());
                let envelope = Envelope { name: Some(entry.name), sent, current: clock.span() };
                let ticket = Ticket::Batch(*lane, entry.name);
                let topic = &self.topics[*lane];
                self.link.publish_batch(ticket, topic, &envelope, entry.body.clone())
            }
            Output::Subscribe
            | Output::Begin
            | Output::Want(..)
            | Output::TakenOver
            | Output::Receipt(..)
            | Output::Asked(..)
            | Output::Refused(..)
            | Output::Read { .. }
            | Output::Leave(_) => true,
        }
    }

    /// Tells the broker that this is no accident.
    async fn say_goodbye(&mut self) {
        if !self.sender.is_ready() {
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

/// The spool's answer. May be dropped and called again without loss.
async fn answer(awaited: &mut Option<Awaited>) -> (u64, io::Result<Vec<Entry>>) {
    let Some(Awaited { number, answer }) = awaited else {
        return std::future::pending().await;
    };
    let answered = (*number, answer.await);
    *awaited = None;
    match answered {
        (number, Ok(read)) => (number, read),
        // The lane has stopped: nothing will ever be ready again.
        (_, Err(_)) => std::future::pending().await,
    }
}

/// Waits until a lane stands otherwise than it did.
async fn moved(standing: &mut watch::Receiver<Standing>) {
    if standing.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn sleep(lasting: Option<Duration>) {
    match lasting {
        Some(lasting) => tokio::time::sleep(lasting).await,
        None => std::future::pending().await,
    }
}
