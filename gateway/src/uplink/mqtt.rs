//! One connection to the broker: the only file of the gateway that knows the MQTT client.
//!
//! A [`Connection`] lives as long as its TCP connection and never reconnects: after any error
//! it tells its loss and is over, and whoever owns it opens another. What the client held is
//! gone with it, and that is right, because the spool is the only queue. Acknowledgements can
//! therefore never be those of an earlier connection.
//!
//! Nothing here waits for room: [`Connection::batch`] and [`Connection::beat`] say whether the
//! client took it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::{MESSAGE_BYTES, MESSAGE_EXPIRY_S};
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::presence::{Connection as Standing, Presence};
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::topic::{Channel, Topic};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    DisconnectReasonCode, LastWill, Packet, PubAck, PubAckReason, PublishProperties,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Requests that the client holds before it writes them. The window bounds what is in flight;
/// this only bridges a moment, so that a beat waits behind few.
const REQUESTS_WAITING: usize = 16;

/// What has happened on a connection and is not looked at yet. When it is full the connection
/// is read no further, which the broker understands.
const HAPPENINGS_WAITING: usize = 64;

/// A connection that answers nothing for so long is broken. Two missed beats end it earlier.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Seconds until an attempt to connect is given up.
const CONNECT_PATIENCE_S: u64 = 5;

/// Room for topic, properties and framing of a message beside its body.
const FRAME_BYTES: usize = 4 * 1024;

/// Where a connection goes, and whose it is.
#[derive(Debug, Clone)]
pub struct Target {
    /// The broker's host.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// The first level of the topics.
    pub region: RegionId,
    /// The client id.
    pub gateway: GatewayId,
}

/// What happens on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// The broker has taken us, and will send us receipts.
    Connected,
    /// The broker has taken a batch. It may forget it all the same.
    Acknowledged(Lane, BatchName),
    /// The broker refuses this very batch.
    Refused(Lane, BatchName, String),
    /// The centre tells what is safe.
    Receipt(Receipt),
    /// The connection is over.
    Lost(Loss),
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Another client with our id has connected: two boxes have one identity.
    TakenOver,
    /// Anything else, in the words of the client.
    Broken(String),
}

/// The client is full or gone; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken;

/// An open connection, or one that is being opened. Dropping it ends it.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    client: AsyncClient,
    sent: mpsc::UnboundedSender<Sent>,
    happenings: mpsc::Receiver<Happening>,
    pump: JoinHandle<()>,
}

/// What was handed to the client, in order. Bounded by what the client takes.
#[derive(Debug, Clone, Copy)]
enum Sent {
    Batch(Lane, BatchName),
    Other,
}

impl Connection {
    /// Begins to connect. [`Happening::Connected`] or [`Happening::Lost`] follows.
    pub fn open(target: Target) -> Connection {
        let topic = |channel| Topic::new(&target.region, &target.gateway, channel).to_string();
        let will = LastWill::new(
            topic(Channel::Presence),
            presence(Standing::Offline),
            QoS::AtLeastOnce,
            true,
            None,
        );
        let mut options =
            MqttOptions::new(target.gateway.as_str(), target.host.as_str(), target.port);
        let longest = u32::try_from(MESSAGE_BYTES + FRAME_BYTES).ok();
        options
            .set_clean_start(true)
            .set_session_expiry_interval(Some(0))
            .set_keep_alive(KEEP_ALIVE)
            .set_connection_timeout(CONNECT_PATIENCE_S)
            .set_max_packet_size(longest)
            .set_last_will(will);
        let (client, events) = AsyncClient::new(options, REQUESTS_WAITING);
        let (sent, was_sent) = mpsc::unbounded_channel();
        let (happening, happenings) = mpsc::channel(HAPPENINGS_WAITING);
        let pump = Pump {
            events,
            client: client.clone(),
            receipts: topic(Channel::Receipt),
            was_sent,
            handed_over: VecDeque::new(),
            in_flight: HashMap::new(),
            happening,
        };
        Connection { target, client, sent, happenings, pump: tokio::spawn(pump.run()) }
    }

    /// What happens next. After a loss, and only then, nothing follows.
    pub async fn happening(&mut self) -> Happening {
        let ended = || Happening::Lost(Loss::Broken("the connection has ended".to_owned()));
        self.happenings.recv().await.unwrap_or_else(ended)
    }

    /// Sends a batch, QoS 1.
    pub fn batch(
        &self,
        lane: Lane,
        name: BatchName,
        envelope: &Envelope,
        body: Vec<u8>,
    ) -> Result<(), NotTaken> {
        let properties = passing(envelope, Some("application/senml+json"));
        self.send(
            Channel::Lane(lane),
            QoS::AtLeastOnce,
            false,
            body,
            properties,
            Sent::Batch(lane, name),
        )
    }

    /// Sends a beat, QoS 0.
    pub fn beat(&self, envelope: &Envelope, body: Vec<u8>) -> Result<(), NotTaken> {
        let properties = passing(envelope, Some("application/json"));
        self.send(Channel::Beat, QoS::AtMostOnce, false, body, properties, Sent::Other)
    }

    /// Publishes a page of the catalogue, retained.
    pub fn catalogue_page(
        &self,
        hash: &CatalogueHash,
        page: u32,
        body: Vec<u8>,
    ) -> Result<(), NotTaken> {
        let channel = Channel::Catalogue(hash.clone(), page);
        self.send(channel, QoS::AtLeastOnce, true, body, PublishProperties::default(), Sent::Other)
    }

    /// Publishes that the box is online, retained. The last will takes it back.
    pub fn online(&self) -> Result<(), NotTaken> {
        let body = presence(Standing::Online);
        let properties = PublishProperties::default();
        self.send(Channel::Presence, QoS::AtLeastOnce, true, body, properties, Sent::Other)
    }

    fn send(
        &self,
        channel: Channel,
        qos: QoS,
        retain: bool,
        body: Vec<u8>,
        properties: PublishProperties,
        sent: Sent,
    ) -> Result<(), NotTaken> {
        let topic = Topic::new(&self.target.region, &self.target.gateway, channel).to_string();
        self.client
            .try_publish_with_properties(topic, qos, retain, body, properties)
            .map_err(|_| NotTaken)?;
        self.sent.send(sent).map_err(|_| NotTaken)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Properties of a message that is not retained: it expires, because the spool is the queue.
fn passing(envelope: &Envelope, content_type: Option<&str>) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: Some(MESSAGE_EXPIRY_S),
        user_properties: envelope.to_properties(),
        content_type: content_type.map(str::to_owned),
        ..PublishProperties::default()
    }
}

fn presence(state: Standing) -> Vec<u8> {
    Presence { state, version: env!("CARGO_PKG_VERSION").to_owned() }.to_bytes()
}

/// Drives the client and tells what happens, until the connection is lost.
struct Pump {
    events: EventLoop,
    client: AsyncClient,
    receipts: String,
    was_sent: mpsc::UnboundedReceiver<Sent>,
    handed_over: VecDeque<Sent>,
    in_flight: HashMap<u16, (Lane, BatchName)>,
    happening: mpsc::Sender<Happening>,
}

impl Pump {
    async fn run(mut self) {
        loop {
            let told = match self.events.poll().await {
                Ok(event) => self.took(event),
                Err(error) => Some(Happening::Lost(loss(&error))),
            };
            let is_over = matches!(told, Some(Happening::Lost(_)));
            if let Some(told) = told
                && self.happening.send(told).await.is_err()
            {
                return;
            }
            if is_over {
                return;
            }
        }
    }

    fn took(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                // The subscription is the first request of the connection: it always fits.
                let asked = self.client.try_subscribe(self.receipts.clone(), QoS::AtLeastOnce);
                asked.err().map(|error| Happening::Lost(Loss::Broken(error.to_string())))
            }
            Event::Incoming(Packet::SubAck(_)) => Some(Happening::Connected),
            Event::Incoming(Packet::PubAck(ack)) => self.acknowledged(&ack),
            Event::Incoming(Packet::Publish(publish)) => {
                match Receipt::from_bytes(&publish.payload) {
                    Ok(receipt) => Some(Happening::Receipt(receipt)),
                    Err(error) => {
                        tracing::warn!(%error, "Receipt not understood.");
                        None
                    }
                }
            }
            Event::Outgoing(Outgoing::Publish(packet)) => {
                self.written(packet);
                None
            }
            Event::Incoming(_) | Event::Outgoing(_) => None,
        }
    }

    /// The client writes in the order in which it was handed messages.
    fn written(&mut self, packet: u16) {
        while let Ok(sent) = self.was_sent.try_recv() {
            self.handed_over.push_back(sent);
        }
        match self.handed_over.pop_front() {
            Some(Sent::Batch(lane, name)) => {
                self.in_flight.insert(packet, (lane, name));
            }
            Some(Sent::Other) | None => {}
        }
    }

    fn acknowledged(&mut self, ack: &PubAck) -> Option<Happening> {
        let (lane, name) = self.in_flight.remove(&ack.pkid)?;
        Some(match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
                Happening::Acknowledged(lane, name)
            }
            PubAckReason::UnspecifiedError
            | PubAckReason::ImplementationSpecificError
            | PubAckReason::NotAuthorized
            | PubAckReason::TopicNameInvalid
            | PubAckReason::PacketIdentifierInUse
            | PubAckReason::QuotaExceeded
            | PubAckReason::PayloadFormatInvalid => {
                Happening::Refused(lane, name, format!("{:?}", ack.reason))
            }
        })
    }
}

fn loss(error: &ConnectionError) -> Loss {
    let taken_over = matches!(
        error,
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        })
    );
    if taken_over { Loss::TakenOver } else { Loss::Broken(error.to_string()) }
}
