//! Everything that can wake the judge's runner, and what it answers.
//!
//! The runner is one task; it owns the engine and the connection that writes. Whatever wants
//! something of it sends one of these. Urgent messages and routine messages wait in queues of
//! their own, so that urgent is served strictly first; questions and actions are few and go
//! before both. The API does not build events itself: it calls [`super::door::Door`].

use std::sync::Arc;

use firegrid_rules::alarm::Verdict;
use firegrid_rules::decision::Subject;
use firegrid_rules::engine::{NotYet, PointView};
use firegrid_rules::lifecycle::Refusal;
use firegrid_rules::rulebook::RuleId;
use firegrid_wire::beat::{Clock, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{CatalogueHash, PointEntry};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::presence::Presence;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use tokio::sync::oneshot;

use crate::desk::tickets::deeds::TicketDeed;
use crate::registry::Import;
use crate::storage::alarms::{Alarm, Deed};
use crate::storage::history::LastLine;
use crate::storage::inbox::InboxName;
use crate::storage::tickets::Ticket;

/// What can wake the runner.
#[derive(Debug)]
pub enum Wake {
    /// Something arrived from a gateway.
    Message(Message),
    /// A connection to the broker began or stopped to listen.
    Listening {
        /// Which connection.
        connection: ConnectionName,
        /// Whether its subscriptions stand.
        listening: bool,
        /// Since when.
        at: CentreTime,
    },
    /// The API asks.
    Question(Question),
    /// A person does something.
    Action(Asked),
    /// The series store holds these batches durably; the inbox may forget them.
    Stored(Vec<InboxName>),
    /// The inbox is full because the series store does not write: these, the oldest, go.
    SeriesOverflow(Vec<InboxName>),
    /// The moment that the engine, or a retry, asked to be woken at.
    Deadline,
    /// The program ends: commit what waits, and go.
    Stop,
}

/// The two connections to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionName {
    /// For urgent batches, beats, catalogues and presence.
    Urgent,
    /// For routine batches.
    Routine,
}

/// A message of a gateway, as it came off the connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The gateway in whose topic it came.
    pub gateway: GatewayId,
    /// What came.
    pub content: Content,
    /// When.
    pub arrived: CentreTime,
}

/// What a message holds. Bodies are not read yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A batch of a lane.
    Batch {
        /// The lane of its topic.
        lane: Lane,
        /// What travelled beside it; none if that was missing or unreadable.
        envelope: Option<Envelope>,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// A heartbeat.
    Beat {
        /// What travelled beside it.
        envelope: Option<Envelope>,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// A page of a catalogue.
    CataloguePage {
        /// The hash in its topic.
        hash: CatalogueHash,
        /// The number in its topic.
        page: u32,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// Birth or last will.
    Presence {
        /// Its bytes; none when a retained presence was deleted.
        body: Vec<u8>,
    },
    /// More than 64 KiB: only its name and its beginning are kept.
    TooLong {
        /// The last part of its topic.
        topic: &'static str,
        /// The lane, if it came as a batch.
        lane: Option<Lane>,
        /// What travelled beside it.
        envelope: Option<Envelope>,
        /// How long it was.
        bytes: usize,
        /// Its first bytes.
        beginning: Vec<u8>,
    },
}

impl Content {
    /// Whether it is a batch, whatever else is wrong with it.
    pub fn is_batch(&self) -> bool {
        match self {
            Content::Batch { .. } | Content::TooLong { lane: Some(_), .. } => true,
            Content::Beat { .. }
            | Content::CataloguePage { .. }
            | Content::Presence { .. }
            | Content::TooLong { lane: None, .. } => false,
        }
    }
}

/// A question of the API, with the way back. An answer that nobody waits for is dropped.
#[derive(Debug)]
pub enum Question {
    /// Points as they stand.
    Points(PointsAsked, oneshot::Sender<Vec<PointNow>>),
    /// Every gateway as it stands, in the order of the names.
    Gateways(oneshot::Sender<Vec<GatewayNow>>),
    /// How the centre is.
    Health(oneshot::Sender<Health>),
    /// Whether what a rule found on a subject is proven to be over, or why not.
    Proof(Subject, RuleId, oneshot::Sender<Result<(), NotYet>>),
    /// Alarms that are raised but could not be committed yet (未入库).
    Unrecorded(oneshot::Sender<Vec<Alarm>>),
}

/// Which points are asked for, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PointsAsked {
    /// Only of this gateway.
    pub gateway: Option<GatewayId>,
    /// Only this one.
    pub point: Option<FullPointId>,
    /// Only behind this one: the next page.
    pub after: Option<FullPointId>,
    /// At most so many, and never more than [`POINTS_PER_ANSWER`].
    pub limit: usize,
}

/// At most so many points are in one answer.
pub const POINTS_PER_ANSWER: usize = 10_000;

/// A point as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PointNow {
    /// What the engine knows of it: value, quality, time, sight, voice, phases.
    pub view: PointView,
    /// What the catalogue says of it; none while the catalogue is not known.
    pub entry: Option<Arc<PointEntry>>,
    /// The unit it belongs to; none while its gateway belongs to nobody.
    pub unit: Option<String>,
}

/// A gateway as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayNow {
    /// Its name.
    pub id: GatewayId,
    /// The unit it belongs to; none: 待归属.
    pub unit: Option<String>,
    /// Whether it vouches for anything now: a beat came within the last 30 s.
    pub online: bool,
    /// The last time anything of it came.
    pub heard: Option<CentreTime>,
    /// What its last beat said.
    pub beat: Option<BeatNow>,
    /// Its lanes.
    pub lanes: PerLane<LaneNow>,
    /// The catalogue of its last batch, and whether the centre knows it.
    pub catalogue: Option<CatalogueNow>,
    /// How many holes are recorded.
    pub holes: u64,
    /// How many dead letters were written.
    pub dead_letters: u64,
    /// Since when two boxes seem to use its identity; nothing of it clears meanwhile.
    pub conflict: Option<CentreTime>,
    /// What the broker keeps of its connection: decorative.
    pub presence: Option<Presence>,
}

/// What a gateway's last beat said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatNow {
    /// When it came.
    pub arrived: CentreTime,
    /// The gateway's current span.
    pub span: SpanId,
    /// Whether its clock can be believed.
    pub clock: Clock,
    /// Whether its spool can make things durable.
    pub spool: SpoolHealth,
    /// Batches in its spool without a receipt.
    pub depth: u64,
    /// How old the oldest of them is.
    pub age: Millis,
    /// When it was sent, on the gateway's clock.
    pub sent: GatewayTime,
    /// What it vouches for.
    pub lanes: PerLane<LaneBeat>,
    /// How many points are fire-class.
    pub alarms: u32,
    /// Batches of its run that the broker refused for good.
    pub dead_letters: u32,
    /// How often in its run another client took its connection.
    pub taken_over: u32,
}

/// A lane of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LaneNow {
    /// Up to where everything is committed.
    pub position: Option<BatchName>,
    /// The refresh that is wanted of it.
    pub want: Option<u64>,
    /// Up to where it is vouched for and judged.
    pub horizon: Option<GatewayTime>,
    /// Its newest spans with their last numbers, the newest first.
    pub spans: Vec<BatchName>,
}

/// A catalogue of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueNow {
    /// Its hash.
    pub hash: CatalogueHash,
    /// How many points it has; none while the centre does not know it.
    pub points: Option<usize>,
}

/// How the centre is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Now, on the centre's clock.
    pub now: CentreTime,
    /// Whether each connection to the broker listens.
    pub listening_urgent: bool,
    /// Whether the connection for routine batches listens.
    pub listening_routine: bool,
    /// Since when nothing could be committed; none if all is well.
    pub commit_failing_since: Option<CentreTime>,
    /// What the database said last when it failed.
    pub commit_failure: Option<String>,
    /// When something was committed last.
    pub committed: Option<CentreTime>,
    /// The id of the last event.
    pub last_event: u64,
    /// Batches that wait for the series store, as far as the runner knows.
    pub series_waiting: u64,
    /// How many gateways are known.
    pub gateways: usize,
    /// How many of them belong to no unit (待归属).
    pub unassigned: usize,
    /// How many alarms are not recorded yet (未入库).
    pub unrecorded: usize,
    /// How many messages were refused because a queue was full. Nothing is lost by it: the
    /// gateways send them again.
    pub refused_messages: u64,
}

/// An action and the way back. It is answered after its commit.
#[derive(Debug)]
pub struct Asked {
    /// What is to be done.
    pub action: Action,
    /// Who does it.
    pub by: String,
    /// The way back.
    pub answer: oneshot::Sender<Result<Done, Refused>>,
}

/// What a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Takes an alarm.
    AcknowledgeAlarm {
        /// Its id.
        alarm: String,
        /// The last line of its history that was seen.
        seen: Option<u32>,
    },
    /// Takes every alarm of an incident that sounds.
    AcknowledgeIncident {
        /// Its id.
        incident: String,
    },
    /// Says what an alarm was.
    CloseAlarm {
        /// Its id.
        alarm: String,
        /// What it was.
        verdict: Verdict,
        /// Why it is closed although nothing has proven that it is over.
        exception: Option<String>,
        /// The last line of its history that was seen.
        seen: Option<u32>,
    },
    /// Does something with a ticket.
    Ticket {
        /// Its id.
        ticket: String,
        /// What.
        deed: TicketDeed,
        /// The last line of its history that was seen.
        seen: Option<u32>,
    },
    /// Says that the box which speaks now is the right one of two with one identity.
    SettleConflict {
        /// The identity.
        gateway: GatewayId,
    },
    /// Puts another registry in the place of the one that stands.
    ImportRegistry(Arc<Import>),
    /// Says whose a gateway is.
    AssignGateway {
        /// The gateway.
        gateway: GatewayId,
        /// The unit it watches.
        unit: String,
    },
}

/// What was done, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// An alarm.
    Alarm(Box<Alarm>),
    /// The alarms of an incident that were taken.
    Incident(Vec<Alarm>),
    /// A ticket.
    Ticket(Box<Ticket>),
    /// A gateway clears again.
    Settled(GatewayId),
    /// The registry is another one.
    Registered,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::NotAllowed { code: refusal.code, zh: refusal.zh, en: refusal.en }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no such alarm, ticket or conflict. (404)
    NotFound,
    /// It is so already. (409)
    AlreadySo {
        /// Who was first, if a person was.
        by: Option<Deed>,
        /// Where it stands, in the word of its state.
        state: &'static str,
    },
    /// Somebody or something was first. (409)
    NotLatest(LastLine),
    /// It may not be. (409)
    NotAllowed {
        /// A word for programs, for example `not-proven`.
        code: &'static str,
        /// For Chinese pages.
        zh: String,
        /// For English pages.
        en: String,
    },
    /// It cannot be recorded now; nothing was done. (503)
    NotRecorded,
    /// The judge is gone: the program ends. (503)
    Gone,
}
