//! From the spool to the broker, and the centre's receipts back.
//!
//! ```text
//!  wait 0.5–5 s ◄───────────────────────────────── lost, or two beats without an answer
//!      │                                                  ▲
//!      ▼                                                  │
//!  open a link ──► subscribe to receipts ──► beat ──► presence, catalogue, batches …
//! ```
//!
//! Every connection begins afresh: a new client, nothing in flight, each lane from its last
//! receipt. It trusts no PUBACK, forgets nothing on its own, never gives up on silence, and
//! knows nothing of readings: a batch is bytes with a name. What is sent when is decided in
//! [`sender`], which knows no broker; the session carries it out.

mod feed;
mod mqtt;
mod pages;
pub mod sender;
mod session;
mod standing;
mod tls;
mod window;

use std::time::Duration;

use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::presence::{Connection, Presence};
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::topic::{Channel, Topic};
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::recorder::{OutgoingBeat, SpanClock};
use crate::settings::{Address, Broker};
use crate::spool::LaneSpool;
use mqtt::LinkSettings;
use sender::{Left, Loss, Sender};
use session::{Ended, Session};

pub use pages::Pages;
pub use standing::Standing;
pub use tls::{Identity, Tls, TlsFiles, TlsMistake};

/// The shortest wait before connecting again, in milliseconds.
const SHORTEST_WAIT_MS: u64 = 500;

/// The longest wait before connecting again, in milliseconds. With jitter between the two,
/// the boxes of a county do not all come back in the same moment.
const LONGEST_WAIT_MS: u64 = 5_000;

/// Everything the uplink needs.
#[derive(Debug)]
pub struct Uplink {
    /// Where to publish, and as whom.
    pub place: Place,
    /// Whom to connect to, and what to tell there first. When it changes the connection is left
    /// and another one is opened at once.
    pub target: watch::Receiver<Target>,
    /// Both lanes.
    pub spool: PerLane<LaneSpool>,
    /// Monotonic time.
    pub clock: Clock,
    /// The clock of the current span.
    pub spans: watch::Receiver<SpanClock>,
    /// The latest beat.
    pub beats: watch::Receiver<Option<OutgoingBeat>>,
    /// What the recorder must know.
    pub recorder: mpsc::Sender<FromUplink>,
    /// How it stands, for whoever looks.
    pub standing: watch::Sender<Standing>,
}

/// What a connection is opened to, and begins with.
#[derive(Debug, Clone)]
pub struct Target {
    /// The broker.
    pub broker: Broker,
    /// What is published before anything else.
    pub catalogue: Pages,
}

/// The topics of one gateway.
#[derive(Debug, Clone)]
pub struct Place {
    /// The region it belongs to.
    pub region: RegionId,
    /// Its id, which is its MQTT client id too.
    pub gateway: GatewayId,
}

/// Which of the broker's addresses is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Primary,
    Backup,
}

/// The way to a broker.
#[derive(Debug, Clone)]
struct Route {
    address: Address,
    tls: Option<Tls>,
}

/// What the uplink tells the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromUplink {
    /// A connection stands and receipts will come: it begins with a beat.
    Connected,
    /// The centre wants a refresh of this lane, under this number.
    Want(Lane, u64),
    /// Another box has taken this one's place at the broker: two use one id.
    TakenOver,
}

impl Target {
    /// Becomes another target; whether that is different.
    pub fn exchange(&mut self, other: Target) -> bool {
        let differs =
            self.broker != other.broker || self.catalogue.hash() != other.catalogue.hash();
        *self = other;
        differs
    }
}

impl Way {
    fn other(self) -> Way {
        match self {
            Way::Primary => Way::Backup,
            Way::Backup => Way::Primary,
        }
    }
}

impl Place {
    fn topic(&self, channel: Channel) -> String {
        Topic::new(&self.region, &self.gateway, channel).to_string()
    }
}

impl Uplink {
    /// Connects and delivers until `stop` turns true, or whoever holds its other end is gone.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut told = None;
        let mut sender = Sender::default();
        let mut way = Way::Primary;
        while !*stop.borrow() {
            let route = self.route(way).await;
            let broker = route.address.clone();
            self.standing.send_modify(|told| told.broker = Some(broker.clone()));
            match Session::open(&mut self, route, &mut sender).run(&mut stop).await {
                Ended::Stopped => return,
                Ended::OtherTarget => {
                    (told, way) = (None, Way::Primary);
                    continue;
                }
                Ended::Left { why, answered } => {
                    if answered {
                        told = None;
                    }
                    self.standing.send_modify(|told| told.left(why.to_string()));
                    self.tell(&broker, why, &mut told);
                    way = way.other();
                }
            }
            let wait = Duration::from_millis(fastrand::u64(SHORTEST_WAIT_MS..=LONGEST_WAIT_MS));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = self.target.changed() => told = None,
                // Without the other end nobody could ever stop it.
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// The next connection's way, with its certificates as they are now.
    async fn route(&self, way: Way) -> Route {
        let Broker { address, backup, tls } = self.target.borrow().broker.clone();
        let address = match (way, backup) {
            (Way::Backup, Some(backup)) => backup,
            (Way::Primary, Some(_)) | (Way::Primary | Way::Backup, None) => address,
        };
        let tls = match tls {
            Some(tls) => Some(tls.again().await),
            None => None,
        };
        Route { address, tls }
    }

    /// Says why a connection ended; the same reason again and again is said once.
    fn tell(&self, broker: &Address, why: Left, told: &mut Option<Left>) {
        let again = told.as_ref() == Some(&why);
        match &why {
            Left::Lost(Loss::TakenOver) => tracing::error!(
                gateway = %self.place.gateway,
                %broker,
                "Another client uses the id of this gateway."
            ),
            Left::Lost(Loss::Refused(reason)) if !again => {
                tracing::error!(%broker, reason, "The broker refuses this gateway.");
            }
            Left::Lost(Loss::Untrusted(reason)) if !again => {
                tracing::error!(%broker, reason, "The broker cannot be trusted, nothing is sent to it.");
            }
            Left::Lost(Loss::Broken(reason)) if !again => {
                tracing::warn!(%broker, reason, "The connection to the broker is lost.");
            }
            Left::Unanswered if !again => {
                tracing::warn!(%broker, "The centre has not answered, the connection is left.");
            }
            Left::Lost(Loss::TooLarge) => {
                tracing::error!(%broker, "The broker does not take a message of this length.");
            }
            Left::Lost(Loss::Refused(_) | Loss::Untrusted(_) | Loss::Broken(_))
            | Left::Unanswered => {
                tracing::debug!(%broker, ?why, "Still not connected.");
            }
        }
        *told = Some(why);
    }

    fn link_settings(&self, broker: &Route) -> LinkSettings {
        LinkSettings {
            client_id: self.place.gateway.to_string(),
            broker: broker.address.clone(),
            tls: broker.tls.clone(),
            will_topic: self.place.topic(Channel::Presence),
            will: presence(Connection::Offline),
        }
    }
}

fn presence(state: Connection) -> Vec<u8> {
    Presence { state, version: env!("CARGO_PKG_VERSION").to_owned() }.to_bytes()
}
