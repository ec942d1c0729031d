//! One connection to a broker. The only file of the gateway that knows the MQTT client.
//!
//! ```text
//!  open ──► Connected ──► subscribe ──► Subscribed ──► publish … Acknowledged, Receipt …
//!    │                                                     │
//!    └────────────────────────► Lost ◄─────────────────────┘   the link is dropped, for good
//! ```
//!
//! A link lives for one connection. The client would keep what it has not delivered and lose
//! it silently when it reconnects; here its memory ends with the connection, and the spool is
//! asked again. It runs in a task of its own that is never interrupted in the middle of a
//! write. "Published" means: handed to the client. What the broker has taken is told by
//! [`LinkEvent::Acknowledged`].

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::{MESSAGE_BYTES, MESSAGE_EXPIRY_S};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, DisconnectReasonCode, LastWill, Packet, PubAckReason, PublishProperties,
    SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::sender::{Loss, Refusal, Ticket};
use super::tls::{Blame, Tls, blame};
use crate::settings::Address;

/// The broker says within one and a half of these that the connection is dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Opening a connection takes no longer, in seconds.
const CONNECT_WITHIN_S: u64 = 10;

/// Topic, properties and fixed header of a message, beyond its body.
const FRAME_BYTES: usize = 1_024;

/// Messages the client may have under way. Small, because its table is as long as this.
const MOST_IN_FLIGHT: u16 = 64;

/// Requests that wait for the client. More than may be unacknowledged, so that a beat always
/// finds room.
const REQUESTS_WAITING: usize = 32;

/// Events that wait for the session. When they are full the client waits.
const EVENTS_WAITING: usize = 64;

/// What the body of a batch is.
const BATCH_CONTENT: &str = "application/senml+json";

/// Where to connect, and what the broker says when the connection breaks.
#[derive(Debug, Clone)]
pub(super) struct LinkSettings {
    pub(super) client_id: String,
    pub(super) broker: Address,
    pub(super) tls: Option<Tls>,
    pub(super) will_topic: String,
    pub(super) will: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    task: JoinHandle<()>,
    tickets: Tickets,
}

/// What happens on a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkEvent {
    /// The broker has accepted the client. It takes so many messages at once.
    Connected { receive_most: u16 },
    /// Receipts will come.
    Subscribed,
    /// The broker has taken it.
    Acknowledged(Ticket),
    /// The broker does not take it.
    Refused(Ticket, Refusal, String),
    /// A message on the topic of the subscription.
    Message(Vec<u8>),
    /// It is over.
    Lost(Loss),
}

impl Link {
    /// Begins to connect.
    pub(super) fn open(settings: &LinkSettings) -> Link {
        let (client, eventloop) = AsyncClient::new(options(settings), REQUESTS_WAITING);
        let (tell, events) = mpsc::channel(EVENTS_WAITING);
        let task = tokio::spawn(drive(eventloop, tell));
        Link { client, events, task, tickets: Tickets::default() }
    }

    /// The next thing that happens. May be dropped and called again without loss.
    pub(super) async fn next(&mut self) -> LinkEvent {
        loop {
            let Some(event) = self.events.recv().await else {
                return LinkEvent::Lost(Loss::Broken("the client has ended".into()));
            };
            match event {
                Ok(event) => {
                    if let Some(event) = self.tickets.take(event) {
                        return event;
                    }
                }
                Err(error) => return LinkEvent::Lost(loss(&error)),
            }
        }
    }

    /// Asks for messages on a topic; whether the client could take the request.
    pub(super) fn subscribe(&self, topic: &str) -> bool {
        self.client.try_subscribe(topic, QoS::AtLeastOnce).is_ok()
    }

    /// Publishes a batch; whether the client could take it.
    pub(super) fn publish_batch(
        &mut self,
        ticket: Ticket,
        topic: &str,
        envelope: &Envelope,
        body: Vec<u8>,
    ) -> bool {
        let mut properties = passing(envelope);
        properties.content_type = Some(BATCH_CONTENT.to_owned());
        self.publish(ticket, topic, QoS::AtLeastOnce, properties, body)
    }

    /// Publishes a beat; whether the client could take it.
    pub(super) fn publish_beat(&mut self, topic: &str, envelope: &Envelope, body: Vec<u8>) -> bool {
        self.publish(Ticket::Beat, topic, QoS::AtMostOnce, passing(envelope), body)
    }

    /// Publishes what the broker shall keep; whether the client could take it.
    pub(super) fn publish_retained(&mut self, topic: &str, body: Vec<u8>) -> bool {
        let published = self.client.try_publish(topic, QoS::AtLeastOnce, true, body).is_ok();
        self.tickets.note(published, Ticket::Retained)
    }

    /// Says good-bye, so that the broker does not publish the will.
    pub(super) fn disconnect(&self) {
        // A client that cannot take the request is gone anyway, or soon will be.
        let _ = self.client.try_disconnect();
    }

    fn publish(
        &mut self,
        ticket: Ticket,
        topic: &str,
        qos: QoS,
        properties: PublishProperties,
        body: Vec<u8>,
    ) -> bool {
        let published =
            self.client.try_publish_with_properties(topic, qos, false, body, properties).is_ok();
        self.tickets.note(published, ticket)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lets the client work until the connection is over. It is not polled again after an error:
/// that would reconnect.
async fn drive(mut eventloop: EventLoop, tell: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = eventloop.poll().await;
        let over = event.is_err();
        if tell.send(event).await.is_err() || over {
            return;
        }
    }
}

fn options(settings: &LinkSettings) -> MqttOptions {
    let broker = &settings.broker;
    let mut options = MqttOptions::new(&settings.client_id, broker.host(), broker.port());
    let will =
        LastWill::new(&*settings.will_topic, settings.will.clone(), QoS::AtLeastOnce, true, None);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(0);
    properties.max_packet_size = u32::try_from(MESSAGE_BYTES + FRAME_BYTES).ok();
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options
        .set_clean_start(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT_WITHIN_S)
        .set_last_will(will)
        .set_connect_properties(properties)
        .set_outgoing_inflight_upper_limit(MOST_IN_FLIGHT)
        .set_network_options(network);
    if let Some(tls) = &settings.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.config())));
    }
    options
}

/// A message that is not retained: with its envelope, and forgotten when it is late.
fn passing(envelope: &Envelope) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: Some(MESSAGE_EXPIRY_S),
        user_properties: envelope.to_properties(),
        ..PublishProperties::default()
    }
}

fn loss(error: &ConnectionError) -> Loss {
    if let ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) = error {
        return if *reason_code == DisconnectReasonCode::SessionTakenOver {
            Loss::TakenOver
        } else if *reason_code == DisconnectReasonCode::PacketTooLarge {
            Loss::TooLarge
        } else {
            Loss::Broken(format!("the broker has disconnected: {reason_code:?}"))
        };
    }
    if let ConnectionError::MqttState(StateError::OutgoingPacketTooLarge { .. }) = error {
        return Loss::TooLarge;
    }
    if let ConnectionError::ConnectionRefused(code) = error {
        return Loss::Refused(format!("{code:?}"));
    }
    // The client names no source of what it could not decode.
    let cause: &(dyn std::error::Error + 'static) =
        if let ConnectionError::MqttState(StateError::Deserialization(cause)) = error {
            cause
        } else {
            error
        };
    match blame(cause) {
        Some(Blame::Broker(reason)) => Loss::Untrusted(reason),
        Some(Blame::Gateway(reason)) => Loss::Refused(reason),
        None => Loss::Broken(error.to_string()),
    }
}

/// Which acknowledgement belongs to what was published. The client numbers messages only when
/// it writes them; it says so in the order in which they were given to it.
#[derive(Debug, Default)]
struct Tickets {
    given: VecDeque<Ticket>,
    /// Numbered, but its number is still taken by an earlier message.
    held: Option<Ticket>,
    numbered: HashMap<u16, Ticket>,
}

impl Tickets {
    fn note(&mut self, published: bool, ticket: Ticket) -> bool {
        if published {
            self.given.push_back(ticket);
        }
        published
    }

    fn take(&mut self, event: Event) -> Option<LinkEvent> {
        match event {
            Event::Outgoing(outgoing) => {
                self.take_outgoing(&outgoing);
                None
            }
            Event::Incoming(packet) => self.take_incoming(packet),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the client's list of events, not ours")]
    fn take_outgoing(&mut self, outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Publish(number) => {
                let ticket = self.held.take().or_else(|| self.given.pop_front());
                if let Some(ticket) = ticket.filter(|_| *number != 0) {
                    self.numbered.insert(*number, ticket);
                }
            }
            Outgoing::AwaitAck(_) => self.held = self.given.pop_front(),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the client's list of packets, not ours")]
    fn take_incoming(&mut self, packet: Packet) -> Option<LinkEvent> {
        match packet {
            Packet::ConnAck(accepted) => {
                let most = accepted.properties.and_then(|properties| properties.receive_max);
                Some(LinkEvent::Connected { receive_most: most.unwrap_or(u16::MAX) })
            }
            Packet::SubAck(answer) => {
                let refused = answer
                    .return_codes
                    .iter()
                    .find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
                Some(match refused {
                    None => LinkEvent::Subscribed,
                    Some(code) => LinkEvent::Lost(Loss::Refused(format!("receipts: {code:?}"))),
                })
            }
            Packet::PubAck(answer) => {
                let ticket = self.numbered.remove(&answer.pkid)?;
                Some(match answer.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
                        LinkEvent::Acknowledged(ticket)
                    }
                    PubAckReason::PayloadFormatInvalid => {
                        LinkEvent::Refused(ticket, Refusal::OfThis, "its payload".to_owned())
                    }
                    reason @ (PubAckReason::UnspecifiedError
                    | PubAckReason::ImplementationSpecificError
                    | PubAckReason::NotAuthorized
                    | PubAckReason::TopicNameInvalid
                    | PubAckReason::PacketIdentifierInUse
                    | PubAckReason::QuotaExceeded) => {
                        LinkEvent::Refused(ticket, Refusal::ForNow, format!("{reason:?}"))
                    }
                })
            }
            Packet::Publish(message) => Some(LinkEvent::Message(message.payload.to_vec())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use firegrid_wire::span::{BatchName, Lane, SpanId};
    use rumqttc::v5::mqttbytes::v5::{PubAck, Publish};
    use rumqttc::v5::{MqttState, Request};

    use super::*;

    fn batch(seq: u64) -> Ticket {
        Ticket::Batch(Lane::Urgent, BatchName { span: SpanId::from_bits(1), seq })
    }

    /// The client's own state machine beside our tickets.
    struct Both {
        state: MqttState,
        tickets: Tickets,
        told: Vec<LinkEvent>,
    }

    impl Both {
        fn new(most_in_flight: u16) -> Both {
            let state = MqttState::new(most_in_flight, false);
            Both { state, tickets: Tickets::default(), told: Vec::new() }
        }

        fn publish(&mut self, ticket: Ticket) {
            let qos = match ticket {
                Ticket::Batch(..) | Ticket::Retained => QoS::AtLeastOnce,
                Ticket::Beat => QoS::AtMostOnce,
            };
            self.tickets.note(true, ticket);
            let publish = Publish::new("a/topic", qos, "body", None);
            self.state.handle_outgoing_packet(Request::Publish(publish)).expect("a packet");
            self.take_events();
        }

        fn acknowledge(&mut self, number: u16, reason: PubAckReason) {
            let mut ack = PubAck::new(number, None);
            ack.reason = reason;
            self.state.handle_incoming_packet(Packet::PubAck(ack)).expect("an answer");
            self.take_events();
        }

        fn take_events(&mut self) {
            for event in self.state.events.drain(..) {
                self.told.extend(self.tickets.take(event));
            }
        }
    }

    #[test]
    fn an_acknowledgement_finds_its_batch_among_beats() {
        let mut both = Both::new(10);
        both.publish(batch(1));
        both.publish(Ticket::Beat);
        both.publish(Ticket::Retained);
        both.publish(batch(2));
        for number in [1, 2, 3] {
            both.acknowledge(number, PubAckReason::Success);
        }
        assert_eq!(both.told, [batch(1), Ticket::Retained, batch(2)].map(LinkEvent::Acknowledged));
    }

    #[test]
    fn nobody_listening_is_no_refusal_but_a_quota_is() {
        let mut both = Both::new(10);
        both.publish(batch(1));
        both.publish(batch(2));
        both.acknowledge(1, PubAckReason::NoMatchingSubscribers);
        both.acknowledge(2, PubAckReason::QuotaExceeded);
        assert_eq!(
            both.told,
            [
                LinkEvent::Acknowledged(batch(1)),
                LinkEvent::Refused(batch(2), Refusal::ForNow, "QuotaExceeded".into())
            ]
        );
    }

    #[test]
    fn a_number_that_is_still_taken_is_not_mixed_up() {
        let mut both = Both::new(2);
        both.publish(batch(1));
        both.publish(batch(2));
        // The numbers are used up; an answer out of order frees the second one only.
        both.acknowledge(2, PubAckReason::Success);
        both.publish(batch(3));
        both.acknowledge(1, PubAckReason::Success);
        both.acknowledge(1, PubAckReason::Success);
        assert_eq!(both.told, [batch(2), batch(1), batch(3)].map(LinkEvent::Acknowledged));
    }

    #[test]
    fn being_taken_over_is_told_apart_from_a_broken_connection() {
        let disconnected = |reason_code| {
            let reason_string = None;
            loss(&StateError::ServerDisconnect { reason_code, reason_string }.into())
        };
        assert_eq!(disconnected(DisconnectReasonCode::SessionTakenOver), Loss::TakenOver);
        let broken = disconnected(DisconnectReasonCode::ServerShuttingDown);
        assert!(matches!(broken, Loss::Broken(_)), "{broken:?}");
    }
}
