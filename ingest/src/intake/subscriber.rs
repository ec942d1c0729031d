//! The subscriber: two connections to the broker, and nothing else that knows MQTT.
//!
//! One connection hears urgent batches, beats, catalogues and presence, and sends receipts; the
//! other hears routine batches, so that no backlog of theirs stands before a fire. Both connect
//! clean-start with session expiry 0: the gateways' spools are the only queue. After any error
//! a fresh client is made, because an old one may still hold what the broker has forgotten.
//!
//! A message is acknowledged when it is read off the connection. If the runner cannot take it,
//! it is refused and counted: its gateway sends it again, because no receipt comes. A page of a
//! catalogue is receipted by nobody; the connection is made anew then, and the broker tells it
//! again. One that the broker itself has dropped on the way is asked for by a subscription of its
//! own, when the judgement has waited for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::{MESSAGE_BYTES, MESSAGE_EXPIRY_S};
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::Lane;
use firegrid_wire::topic::{Channel, ChannelKind, Topic};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, PublishProperties, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::judge::events::{ConnectionName, Content, Message, Wake};

/// The longest message a connection takes off the wire: far more than any of ours, so that one
/// that is too long can still be shown as a dead letter instead of breaking the connection.
const LONGEST_READ: u32 = 1024 * 1024;

/// How much of a message that is too long is kept.
const BEGINNING_KEPT: usize = 1_024;

/// Requests that may wait inside a client: receipts and subscriptions.
const REQUESTS_WAITING: usize = 64;

/// A silent connection is noticed after one and a half of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long the runner may take to make room before a message is refused.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);

/// How long until the next try after a connection broke: between these, at random, so that
/// many do not come back in one moment.
const RECONNECT_MS: std::ops::Range<u64> = 500..5_000;

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPlace {
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// One connection: what it hears, and where that goes.
#[derive(Debug)]
pub struct Subscriber {
    /// Which of the two it is.
    pub connection: ConnectionName,
    /// The region whose gateways it hears.
    pub region: RegionId,
    /// The broker.
    pub broker: BrokerPlace,
    /// Where messages go.
    pub messages: mpsc::Sender<Message>,
    /// Where it tells whether it listens.
    pub runner: mpsc::Sender<Wake>,
    /// Receipts to send; only on the urgent connection.
    pub receipts: Option<mpsc::Receiver<(GatewayId, Receipt)>>,
    /// Catalogues to ask for again; only on the urgent connection.
    pub catalogues: Option<mpsc::Receiver<(GatewayId, CatalogueHash)>>,
    /// Counts messages that found no room.
    pub refused: Arc<AtomicU64>,
    /// The centre's clock.
    pub clock: Clock,
}

impl Subscriber {
    /// Connects, listens and connects again until it is told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut receipts = self.receipts.take();
        let mut catalogues = self.catalogues.take();
        while !*stop.borrow() {
            let (client, events) = AsyncClient::new(self.options(), REQUESTS_WAITING);
            let why = tokio::select! {
                why = self.listen(&client, events) => why,
                () = send_receipts(&client, &self.region, receipts.as_mut()) => {
                    "the queue of receipts is closed".to_owned()
                }
                () = ask_for(&client, &self.region, catalogues.as_mut()) => {
                    "the queue of catalogues is closed".to_owned()
                }
                _ = stop.changed() => "the program ends".to_owned(),
            };
            self.tell(false).await;
            if *stop.borrow() {
                let _ = client.try_disconnect();
                return;
            }
            tracing::warn!(connection = ?self.connection, reason = why, "Broker lost.");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(fastrand::u64(RECONNECT_MS))) => {}
                _ = stop.changed() => {}
            }
        }
    }

    fn options(&self) -> MqttOptions {
        let name = match self.connection {
            ConnectionName::Urgent => "urgent",
            ConnectionName::Routine => "routine",
        };
        let id = format!("{}-{}-{name}", GatewayId::CENTRE, self.region);
        let BrokerPlace { host, port } = self.broker.clone();
        let mut options = MqttOptions::new(id, host, port);
        options
            .set_clean_start(true)
            .set_session_expiry_interval(Some(0))
            .set_keep_alive(KEEP_ALIVE)
            .set_max_packet_size(Some(LONGEST_READ));
        options
    }

    fn filters(&self) -> Vec<Filter> {
        let kinds: &[(ChannelKind, QoS)] = match self.connection {
            ConnectionName::Urgent => &[
                (ChannelKind::Catalogue, QoS::AtLeastOnce),
                (ChannelKind::Lane(Lane::Urgent), QoS::AtLeastOnce),
                (ChannelKind::Beat, QoS::AtMostOnce),
                (ChannelKind::Presence, QoS::AtLeastOnce),
            ],
            ConnectionName::Routine => &[(ChannelKind::Lane(Lane::Routine), QoS::AtLeastOnce)],
        };
        kinds
            .iter()
            .map(|(kind, qos)| Filter::new(Topic::filter(&self.region, kind), *qos))
            .collect()
    }

    /// Listens until the connection breaks; says why it broke.
    async fn listen(&self, client: &AsyncClient, mut events: EventLoop) -> String {
        let mut listening = false;
        loop {
            match events.poll().await {
                Err(error) => return error.to_string(),
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if let Err(error) = client.try_subscribe_many(self.filters()) {
                        return error.to_string();
                    }
                }
                // The answer to a later subscription changes nothing.
                Ok(Event::Incoming(Packet::SubAck(answer))) if !listening => {
                    let granted = |code: &SubscribeReasonCode| {
                        matches!(code, SubscribeReasonCode::Success(_))
                    };
                    if !answer.return_codes.iter().all(granted) {
                        return format!("the broker refuses a subscription: {answer:?}");
                    }
                    tracing::info!(connection = ?self.connection, "Listening.");
                    listening = true;
                    self.tell(true).await;
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if self.take(&publish).await == Taken::NotAndComesNotAgain {
                        return "there was no room for what the broker retains".to_owned();
                    }
                }
                Ok(Event::Incoming(Packet::Disconnect(said))) => {
                    return format!("the broker disconnects: {:?}", said.reason_code);
                }
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            }
        }
    }

    async fn tell(&self, listening: bool) {
        let (connection, at) = (self.connection, self.clock.now());
        // If the runner is gone, the program ends.
        let _ = self.runner.send(Wake::Listening { connection, listening, at }).await;
    }

    /// Hands a message to the runner.
    async fn take(&self, publish: &Publish) -> Taken {
        let Some(message) = self.read(publish) else {
            tracing::debug!(topic = ?publish.topic, "Message on a topic of nobody.");
            return Taken::OrComesAgain;
        };
        let room = tokio::time::timeout(ROOM_PATIENCE, self.messages.reserve()).await;
        match (room, message.content) {
            (Ok(Ok(room)), content) => room.send(Message { content, ..message }),
            (Ok(Err(_)) | Err(_), content) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if matches!(content, Content::CataloguePage { .. }) {
                    return Taken::NotAndComesNotAgain;
                }
            }
        }
        Taken::OrComesAgain
    }

    fn read(&self, publish: &Publish) -> Option<Message> {
        let topic = Topic::parse(std::str::from_utf8(&publish.topic).ok()?)?;
        if topic.region != self.region {
            return None;
        }
        let properties = publish.properties.as_ref().map(|it| it.user_properties.as_slice());
        let envelope = properties.and_then(Envelope::from_properties);
        let body = &publish.payload;
        let content = if MESSAGE_BYTES < body.len() {
            too_long(&topic.channel, envelope, body)?
        } else {
            let body = body.to_vec();
            match topic.channel {
                Channel::Lane(lane) => Content::Batch { lane, envelope, body },
                Channel::Beat => Content::Beat { envelope, body },
                Channel::Catalogue(hash, page) => Content::CataloguePage { hash, page, body },
                Channel::Presence => Content::Presence { body },
                Channel::Receipt => return None,
            }
        };
        Some(Message { gateway: topic.gateway, content, arrived: self.clock.now() })
    }
}

/// Whether a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It was; or its gateway sends it again, because no receipt comes.
    OrComesAgain,
    /// It was not, and only a new subscription brings it again.
    NotAndComesNotAgain,
}

fn too_long(channel: &Channel, envelope: Option<Envelope>, body: &[u8]) -> Option<Content> {
    let (topic, lane) = match channel {
        Channel::Lane(lane) => (lane.as_str(), Some(*lane)),
        Channel::Beat => ("beat", None),
        Channel::Catalogue(_, _) => ("catalogue", None),
        Channel::Presence => ("presence", None),
        Channel::Receipt => return None,
    };
    let beginning = body[..BEGINNING_KEPT.min(body.len())].to_vec();
    Some(Content::TooLong { topic, lane, envelope, bytes: body.len(), beginning })
}

/// Subscribes to the catalogues that are asked for, so that the broker tells what it keeps of
/// them; without a queue it waits for ever.
async fn ask_for(
    client: &AsyncClient,
    region: &RegionId,
    catalogues: Option<&mut mpsc::Receiver<(GatewayId, CatalogueHash)>>,
) {
    let Some(catalogues) = catalogues else { return std::future::pending().await };
    while let Some((gateway, hash)) = catalogues.recv().await {
        tracing::info!(%gateway, %hash, "A catalogue is asked for again.");
        let first = Topic::new(region, &gateway, Channel::Catalogue(hash, 1)).to_string();
        let Some((pages, _)) = first.rsplit_once('/') else { continue };
        if client.subscribe(format!("{pages}/+"), QoS::AtLeastOnce).await.is_err() {
            return;
        }
    }
}

/// Sends receipts as long as there is a queue of them; without one it waits for ever.
async fn send_receipts(
    client: &AsyncClient,
    region: &RegionId,
    receipts: Option<&mut mpsc::Receiver<(GatewayId, Receipt)>>,
) {
    let Some(receipts) = receipts else { return std::future::pending().await };
    while let Some((gateway, receipt)) = receipts.recv().await {
        let topic = Topic::new(region, &gateway, Channel::Receipt).to_string();
        let properties = PublishProperties {
            message_expiry_interval: Some(MESSAGE_EXPIRY_S),
            ..PublishProperties::default()
        };
        let sent = client.publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            false,
            receipt.to_bytes(),
            properties,
        );
        if sent.await.is_err() {
            return;
        }
    }
}
