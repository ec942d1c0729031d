//! Many boxes on one task: each with a connection of its own, a window, and its receipts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use firegrid_wire::envelope::Envelope;
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::time::GatewayTime;
use firegrid_wire::topic::{Channel, Topic};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

use crate::load::{Packed, Site};

/// What a box has in flight at most: what a link of 64 KiB/s would let it.
const WINDOW_BYTES: usize = 128 * 1024;

/// A batch without a receipt for this long is sent again, with all after it.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(5);

/// A box on the broker.
pub(crate) struct BoxOnline {
    pub(crate) site: Site,
    region: RegionId,
    lane: Lane,
    client: AsyncClient,
    events: EventLoop,
}

/// What a run has shown.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) readings: u64,
    pub(crate) bytes: u64,
    pub(crate) sent_again: u64,
    pub(crate) receipts_ms: Vec<f64>,
}

impl BoxOnline {
    /// Connects, subscribes to its receipts and tells its catalogue.
    pub(crate) async fn connect(
        region: &RegionId,
        broker: &str,
        site: Site,
        lane: Lane,
    ) -> BoxOnline {
        let (host, port) = broker.rsplit_once(':').expect("host:port");
        let port = port.parse().expect("a port");
        let mut options = MqttOptions::new(site.gateway.as_str(), host, port);
        options.set_clean_start(true).set_keep_alive(Duration::from_secs(60));
        options.set_outgoing_inflight_upper_limit(64);
        let (client, events) = AsyncClient::new(options, 1_024);
        let mut online = BoxOnline { site, region: region.clone(), lane, client, events };
        let receipts = online.topic(Channel::Receipt);
        online.client.try_subscribe(receipts, QoS::AtLeastOnce).expect("room for a request");
        let pages: Vec<Vec<u8>> = std::mem::take(&mut online.site.pages);
        let mut open = pages.len();
        for (place, page) in pages.into_iter().enumerate() {
            let channel = Channel::Catalogue(online.site.hash.clone(), place as u32 + 1);
            let topic = online.topic(channel);
            online.client.try_publish(topic, QoS::AtLeastOnce, true, page).expect("room");
        }
        while 0 < open {
            if let Event::Incoming(Packet::PubAck(_)) = online.event().await {
                open -= 1;
            }
        }
        online
    }

    /// Sends everything and waits for its last receipt.
    pub(crate) async fn send_all(&mut self, packs: Vec<Packed>) -> Run {
        let mut run = Run::default();
        let mut flight: VecDeque<(usize, Instant)> = VecDeque::new();
        let (mut next, mut done, mut bytes) = (0, 0, 0);
        let mut first_sent = vec![None; packs.len()];
        while done < packs.len() {
            while next < packs.len() && (flight.is_empty() || bytes < WINDOW_BYTES) {
                if !self.publish(&packs[next]) {
                    break;
                }
                first_sent[next].get_or_insert_with(Instant::now);
                flight.push_back((next, Instant::now()));
                bytes += packs[next].body.len();
                next += 1;
            }
            let event = tokio::time::timeout(Duration::from_secs(1), self.event()).await;
            if let Ok(Event::Incoming(Packet::Publish(message))) = event {
                let receipt = Receipt::from_bytes(&message.payload).expect("a receipt");
                let position = receipt.lanes[self.lane].position;
                let span = self.site.span();
                let seq = position.filter(|at| at.span == span).map_or(0, |at| at.seq);
                while flight.front().is_some_and(|(place, _)| packs[*place].name.seq <= seq) {
                    let (place, _) = flight.pop_front().expect("it is there");
                    let took = first_sent[place].map_or(Duration::ZERO, |sent| sent.elapsed());
                    run.receipts_ms.push(took.as_secs_f64() * 1e3);
                    run.readings += u64::from(packs[place].readings);
                    run.bytes += packs[place].body.len() as u64;
                    bytes -= packs[place].body.len();
                    done = done.max(place + 1);
                }
            }
            if flight.front().is_some_and(|(_, sent)| RECEIPT_PATIENCE < sent.elapsed()) {
                run.sent_again += flight.len() as u64;
                (next, bytes) = (done, 0);
                flight.clear();
            }
        }
        run
    }

    fn publish(&self, pack: &Packed) -> bool {
        let topic = self.topic(Channel::Lane(self.lane));
        let properties = properties(Some(pack.name), self.site.until(), self.site.span());
        let body = pack.body.clone();
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, false, body, properties)
            .is_ok()
    }

    /// The next event; the bench has no use for a connection that breaks.
    pub(crate) async fn event(&mut self) -> Event {
        self.events.poll().await.expect("the connection to the broker stands")
    }

    fn topic(&self, channel: Channel) -> String {
        topic(&self.region, &self.site.gateway, channel)
    }
}

fn topic(region: &RegionId, gateway: &GatewayId, channel: Channel) -> String {
    Topic::new(region, gateway, channel).to_string()
}

fn properties(name: Option<BatchName>, sent: GatewayTime, current: SpanId) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: Some(firegrid_wire::limits::MESSAGE_EXPIRY_S),
        user_properties: Envelope { name, sent, current }.to_properties(),
        ..PublishProperties::default()
    }
}
