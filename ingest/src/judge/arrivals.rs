//! What becomes of a message: read, admitted, judged, or set aside with a reason.

use firegrid_rules::engine::{Admitted, ClearHold, HeadStanding, HeardBeat};
use firegrid_wire::beat::Beat;
use firegrid_wire::catalogue::{Catalogue, CatalogueHash, Page};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::MESSAGE_BYTES;
use firegrid_wire::marker::{Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::GatewayId;
use firegrid_wire::pack::{self, Head, Pack};
use firegrid_wire::presence::Presence;
use firegrid_wire::reading::Value;
use firegrid_wire::span::{BatchName, Lane, PerLane};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::events::{BeatNow, Content, Message};
use super::findings::Missing;
use super::gateway::{Gateway, PageBrought};
use super::judgement::Judgement;
use crate::intake::admission::{Admission, Candidate, Kind};
use crate::intake::identity::Identity;
use crate::storage;
use crate::storage::catalogues::CataloguePage;
use crate::storage::events::NewEvent;
use crate::storage::inbox::{InboxBatch, InboxName};
use crate::storage::readings::StoredReading;

/// Gateways kept that the registry does not know. A broker without access rules could be made to
/// tell of any number; beyond this a stranger is not heard. Those of the registry always are.
pub const STRANGERS_KEPT: usize = 1_000;

/// Pages of catalogues that may wait for a commit that fails: 64 MiB. They are retained, so one
/// that is not taken comes again only with the next connection; readings need not wait for them.
const PAGES_WAITING: usize = 1_000;

/// A batch on its way through admission.
pub(super) struct Arriving<'a> {
    pub(super) gateway: &'a GatewayId,
    pub(super) lane: Lane,
    pub(super) envelope: Envelope,
    pub(super) arrived: CentreTime,
    pub(super) body: &'a [u8],
}

impl Judgement {
    /// Takes in a message. Nothing that a network can send makes it fail.
    pub fn message(&mut self, message: &Message) {
        let (gateway, arrived) = (&message.gateway, message.arrived);
        if !self.is_known(gateway, arrived) {
            return;
        }
        if message.content.is_batch() && self.changes.is_full() {
            // The commit fails. The box keeps the batch and sends it again.
            self.unadmitted += 1;
            return;
        }
        match &message.content {
            Content::Batch { lane, envelope: Some(envelope), body } => {
                let (lane, envelope) = (*lane, *envelope);
                self.batch(message, Arriving { gateway, lane, envelope, arrived, body });
            }
            Content::Batch { lane, envelope: None, body } => {
                let why = "the envelope is missing or cannot be read";
                self.nameless(message, *lane, why, body);
            }
            Content::Beat { envelope, body } => match (envelope, Beat::from_bytes(body)) {
                (Some(envelope), Ok(beat)) => self.beat(gateway, envelope, &beat, arrived),
                (None, _) => {
                    let why = "the envelope is missing or cannot be read";
                    self.set_aside(message, "beat", None, why, body);
                }
                (Some(_), Err(error)) => {
                    self.set_aside(message, "beat", None, &error.to_string(), body);
                }
            },
            Content::CataloguePage { hash, page, body } => {
                self.catalogue_page(message, hash, *page, body);
            }
            Content::Presence { body } => {
                if let Some(known) = self.gateways.get_mut(gateway) {
                    known.presence = Presence::from_bytes(body).ok();
                }
            }
            Content::TooLong { topic, lane, envelope, bytes, beginning } => {
                let why = format!("{bytes} bytes are more than {MESSAGE_BYTES}");
                match (lane, envelope) {
                    (Some(lane), Some(envelope)) => {
                        let (lane, envelope) = (*lane, *envelope);
                        let arriving =
                            Arriving { gateway, lane, envelope, arrived, body: beginning };
                        self.unreadable(message, &arriving, &why);
                    }
                    (Some(lane), None) => self.nameless(message, *lane, &why, beginning),
                    (None, _) => self.set_aside(message, topic, None, &why, beginning),
                }
            }
        }
    }

    /// Whether a gateway is known; one that is not yet is from now on, if there is room.
    fn is_known(&mut self, id: &GatewayId, arrived: CentreTime) -> bool {
        if self.gateways.contains_key(id) {
            return true;
        }
        if STRANGERS_KEPT <= self.strangers {
            self.unadmitted += 1;
            return false;
        }
        self.strangers += 1;
        self.gateways.insert(id.clone(), Gateway::new(None));
        let row = storage::gateways::Gateway { id: id.clone(), unit: None, known: arrived };
        self.changes.gateways.push(row);
        let body = json!({ "gateway": id, "what": "unassigned" });
        self.changes.events.push(NewEvent { kind: "gateway", body, at: arrived });
        true
    }

    fn batch(&mut self, message: &Message, arriving: Arriving<'_>) {
        let Some(name) = arriving.envelope.name else {
            self.nameless(message, arriving.lane, "the envelope names no batch", arriving.body);
            return;
        };
        match pack::decode(arriving.body) {
            Err(error) => self.unreadable(message, &arriving, &error.to_string()),
            Ok(pack) if pack.head.gateway != *arriving.gateway => {
                let why = format!("it says that it comes from {}", pack.head.gateway);
                self.unreadable(message, &arriving, &why);
            }
            Ok(pack) if pack.head.name != name || pack.head.lane != arriving.lane => {
                let Head { lane, name, .. } = pack.head;
                let why = format!("it says that it is {name} of the lane {lane}");
                self.unreadable(message, &arriving, &why);
            }
            Ok(pack) => {
                let candidate = Candidate::of(&pack.head);
                let admission = self.admit(&arriving, &candidate);
                self.admitted(message, &arriving, &pack, admission);
            }
        }
    }

    /// A batch of which only the name can be read. The lane goes on behind it.
    fn unreadable(&mut self, message: &Message, arriving: &Arriving<'_>, why: &str) {
        let lane = arriving.lane;
        let Some(name) = arriving.envelope.name else {
            self.nameless(message, lane, why, arriving.body);
            return;
        };
        match self.admit(arriving, &Candidate { name, kind: Kind::Unreadable }) {
            Admission::New { hole } => {
                self.set_aside(message, lane.as_str(), Some(name), why, arriving.body);
                let missing = Missing::before(hole).unwrap_or(Missing::Unreadable);
                self.record_hole(arriving, name, missing, json!({ "reason": why }));
                let pack = blank(arriving, name);
                self.observe(arriving, &pack, hole.is_some());
                if let Some(gateway) = self.gateways.get_mut(arriving.gateway) {
                    gateway.wishes[lane] = gateway.wishes[lane].judged(None);
                    gateway.want(lane, arriving.arrived);
                }
                self.tell_dead_letter(message, lane, Some(name), why);
                self.owed.to(arriving.gateway);
            }
            Admission::Conflict { keep } => {
                self.conflict(arriving, Some(name).filter(|_| keep));
            }
            Admission::Duplicate | Admission::Gap { .. } | Admission::Hole { .. } => {}
        }
    }

    /// A batch without a name: no receipt can speak of it, and its lane waits for it. If it is
    /// urgent, a person must know, and a refresh may tell what it held.
    fn nameless(&mut self, message: &Message, lane: Lane, why: &str, body: &[u8]) {
        self.set_aside(message, lane.as_str(), None, why, body);
        self.tell_dead_letter(message, lane, None, why);
        let Some(gateway) = self.gateways.get_mut(&message.gateway) else { return };
        let told = gateway.lanes[lane].position().is_some();
        if lane == Lane::Urgent && told && gateway.wishes[lane].wanted().is_none() {
            gateway.want(lane, message.arrived);
            self.touched.insert(message.gateway.clone());
            self.owed.to(&message.gateway);
        }
    }

    /// Asks admission, and does what is the same for every batch.
    fn admit(&mut self, arriving: &Arriving<'_>, candidate: &Candidate<'_>) -> Admission {
        let Arriving { gateway: id, lane, envelope, arrived, .. } = *arriving;
        let Some(gateway) = self.gateways.get_mut(id) else {
            return Admission::Gap { ask: None };
        };
        gateway.heard = Some(arrived);
        let is_older = gateway.is_older(envelope.current);
        gateway.voices.batch(envelope.current, is_older, arrived);
        let admission = gateway.lanes[lane].admit(candidate, arrived);
        tracing::debug!(gateway = %id, %lane, name = %candidate.name, ?admission, "Batch arrived.");
        let mut decisions = Vec::new();
        match admission {
            Admission::New { .. } | Admission::Hole { .. } => {
                self.touched.insert(id.clone());
            }
            Admission::Duplicate => {
                self.owed.duplicate(id, lane, candidate.name);
                self.engine.heard(id, arrived, &mut decisions);
            }
            Admission::Gap { ask } => {
                if ask.is_some() {
                    self.owed.to(id)[lane].ask = ask;
                }
                self.engine.heard(id, arrived, &mut decisions);
            }
            Admission::Conflict { .. } => {
                self.touched.insert(id.clone());
                self.engine.heard(id, arrived, &mut decisions);
            }
        }
        self.decided(&decisions);
        admission
    }

    fn admitted(
        &mut self,
        message: &Message,
        arriving: &Arriving<'_>,
        pack: &Pack,
        admission: Admission,
    ) {
        let name = pack.head.name;
        match admission {
            Admission::New { hole } => {
                if let Some(missing) = Missing::before(hole) {
                    let body = json!({ "after": pack.head.after.map(after_words) });
                    self.record_hole(arriving, name, missing, body);
                }
                self.observe(arriving, pack, hole.is_some());
                self.keep(arriving, pack);
                let bad = self.set_records_aside(message, arriving, pack);
                if let Some(gateway) = self.gateways.get_mut(arriving.gateway) {
                    let wish = gateway.wishes[arriving.lane];
                    gateway.wishes[arriving.lane] = wish.judged(pack.head.refresh);
                    // A refresh with a bad record would only bring the same record again.
                    if bad && arriving.lane == Lane::Urgent && pack.head.refresh.is_none() {
                        gateway.want(arriving.lane, arriving.arrived);
                    }
                }
                self.owed.to(arriving.gateway);
            }
            Admission::Hole { notice } => {
                let reason = pack.head.marker.as_ref().map(|marker| marker.reason);
                let missing = match (reason, notice) {
                    (Some(MarkerReason::Forgotten), _) => Missing::RestoredCentre,
                    (_, true) => Missing::RestoredSpool,
                    (_, false) => Missing::Marker,
                };
                self.record_hole(arriving, name, missing, json!({ "marker": pack.head.marker }));
                let unlisted = pack.head.marker.as_ref().map_or(0, |marker| marker.more.fires);
                if unlisted != 0 {
                    self.tell_unlisted_fires(arriving, name, unlisted);
                }
                self.observe(arriving, pack, notice);
                if let Some(gateway) = self.gateways.get_mut(arriving.gateway) {
                    gateway.want(arriving.lane, arriving.arrived);
                    // A fire may be told of a point of the other lane: it is unknown now too.
                    let fires = pack.head.marker.iter().flat_map(|marker| &marker.fires);
                    let lanes = fires.filter_map(|fire| gateway.catalogues.entry(&fire.n));
                    let lanes: Vec<Lane> = lanes.map(|entry| entry.lane).collect();
                    for lane in Lane::ALL {
                        if lane != arriving.lane && lanes.contains(&lane) {
                            gateway.want(lane, arriving.arrived);
                        }
                    }
                }
                self.owed.to(arriving.gateway);
            }
            Admission::Conflict { keep } => {
                self.conflict(arriving, Some(name).filter(|_| keep));
            }
            Admission::Duplicate | Admission::Gap { .. } => {}
        }
    }

    fn observe(&mut self, arriving: &Arriving<'_>, pack: &Pack, hole: bool) {
        let Arriving { gateway: id, lane, envelope, arrived, .. } = *arriving;
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        let span_order = gateway.lanes[lane].order(pack.head.name.span).unwrap_or(0);
        if pack.head.marker.is_none() {
            let hash = &pack.head.catalogue;
            gateway.catalogues.name(hash);
            // A box may come back to a catalogue that the rules have put away.
            if !self.engine.knows(id, lane, hash)
                && let Some(catalogue) = gateway.catalogues.whole(hash)
            {
                self.take_up(id, hash, &catalogue, false, arrived);
            }
        }
        let mut decisions = Vec::new();
        let admitted = Admitted {
            gateway: id,
            pack,
            span_order,
            hole,
            sent: envelope.sent,
            current: envelope.current,
            arrived,
        };
        self.engine.observe(admitted, &mut decisions);
        self.decided(&decisions);
        self.vouched(id, lane, hole || pack.head.marker.is_some(), arrived);
    }

    /// Keeps the readings: discrete ones as rows, routine batches for the series store.
    fn keep(&mut self, arriving: &Arriving<'_>, pack: &Pack) {
        let Arriving { gateway, lane, arrived, body, .. } = *arriving;
        let batch = pack.head.name;
        let is_row = |value: &Value| match (lane, value) {
            (Lane::Urgent, Value::Number(..) | Value::States(_) | Value::Unknown)
            | (Lane::Routine, Value::States(_)) => true,
            (Lane::Routine, Value::Number(..) | Value::Unknown) => false,
        };
        for (index, reading) in &pack.readings {
            if is_row(&reading.value) {
                self.changes.readings.push(StoredReading {
                    gateway: gateway.clone(),
                    lane,
                    batch,
                    index: *index,
                    reading: reading.clone(),
                    arrived,
                });
            }
        }
        if pack.readings.iter().any(|(_, reading)| !is_row(&reading.value)) {
            let name = InboxName { gateway: gateway.clone(), batch };
            self.changes.inbox.push(InboxBatch { name, body: body.to_vec(), arrived });
        }
    }

    fn beat(&mut self, id: &GatewayId, envelope: &Envelope, beat: &Beat, arrived: CentreTime) {
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        gateway.heard = Some(arrived);
        let identity = gateway.voices.beat(beat.span, arrived);
        gateway.beat = Some(BeatNow {
            arrived,
            span: beat.span,
            clock: beat.clock,
            spool: beat.spool,
            depth: beat.depth,
            age: beat.age,
            sent: envelope.sent,
            lanes: beat.lanes,
            alarms: beat.alarm_count,
            dead_letters: beat.dead_letters,
            taken_over: beat.taken_over,
        });
        self.beats.insert(id.clone());
        let unknown = gateway.catalogues.to_ask_for(arrived);
        self.unknown.extend(unknown.map(|hash| (id.clone(), hash)));
        let owed = self.owed.to(id);
        let heads = PerLane::from_fn(|lane| {
            let head = beat.lanes[lane].head;
            let standing = gateway.lanes[lane].standing(head);
            match (standing, head) {
                (HeadStanding::NotJudged, Some(head)) if gateway.committed[lane].is_some() => {
                    let ask = gateway.lanes[lane].ask_behind(head, arrived);
                    owed[lane].ask = ask.or(owed[lane].ask);
                }
                (HeadStanding::NotJudged, _)
                | (HeadStanding::JudgedInOlderSpan | HeadStanding::Judged { .. }, _) => {}
            }
            standing
        });
        let urgent_order = gateway.lanes[Lane::Urgent].order(beat.span);
        match identity {
            Identity::One => {}
            Identity::Doubtful(until) => self.engine.hold_clears(id, ClearHold::Until(until)),
            Identity::Two => {
                self.two_boxes(id, arrived);
                let burning = beat.alarms.iter().map(|alarm| (&alarm.n, alarm.vs.to_string()));
                self.tell_second_fire(id, burning, arrived);
            }
        }
        let mut decisions = Vec::new();
        let heard =
            HeardBeat { gateway: id, beat, sent: envelope.sent, arrived, urgent_order, heads };
        self.engine.beat(heard, &mut decisions);
        self.decided(&decisions);
        Lane::ALL.into_iter().for_each(|lane| self.vouched(id, lane, false, arrived));
    }

    /// Gives the rules a catalogue. What was judged without it is wanted again.
    fn take_up(
        &mut self,
        id: &GatewayId,
        hash: &CatalogueHash,
        catalogue: &Catalogue,
        missed: bool,
        arrived: CentreTime,
    ) {
        let mut decisions = Vec::new();
        let unbound = self.engine.catalogue(id, hash, catalogue, arrived, &mut decisions);
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        for lane in Lane::ALL {
            if unbound[lane] || (missed && gateway.lanes[lane].position().is_some()) {
                gateway.want(lane, arrived);
                self.touched.insert(id.clone());
                self.owed.to(id);
            }
        }
        self.decided(&decisions);
    }

    fn catalogue_page(
        &mut self,
        message: &Message,
        hash: &CatalogueHash,
        number: u32,
        body: &[u8],
    ) {
        let (id, arrived) = (&message.gateway, message.arrived);
        let page = match serde_json::from_slice::<Page>(body) {
            Ok(page) if page.hash == *hash && page.page == number => page,
            // A retained page that its gateway has taken back.
            Err(_) if body.is_empty() => return,
            Ok(page) => {
                let why = format!("it says that it is page {} of {}", page.page, page.hash);
                return self.set_aside(message, "catalogue", None, &why, body);
            }
            Err(error) => {
                return self.set_aside(message, "catalogue", None, &error.to_string(), body);
            }
        };
        if PAGES_WAITING <= self.changes.pages.len() {
            self.unadmitted += 1;
            return;
        }
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        let (brought, gone) = gateway.catalogues.take(&page);
        let is_new = brought != PageBrought::Nothing;
        if let PageBrought::Whole { catalogue, missed } = brought {
            tracing::info!(gateway = %id, %hash, points = catalogue.points.len(), "Catalogue known.");
            self.take_up(id, hash, &catalogue, missed, arrived);
        }
        if is_new {
            self.changes.pages.push(CataloguePage { gateway: id.clone(), page, arrived });
        }
        self.changes.old_catalogues.extend(gone.into_iter().map(|hash| (id.clone(), hash)));
    }
}

/// What the rules are told of a batch that cannot be read: it is a hole of its own length.
fn blank(arriving: &Arriving<'_>, name: BatchName) -> Pack {
    let marker = Marker {
        first: name,
        ends: vec![SpanEnd { span: name.span, seq: name.seq }],
        since: None,
        until: None,
        reason: MarkerReason::Damaged,
        fires: Vec::new(),
        more: More::default(),
    };
    let head = Head {
        gateway: arriving.gateway.clone(),
        lane: arriving.lane,
        name,
        after: None,
        stretch: None,
        catalogue: no_catalogue(),
        refresh: None,
        marker: Some(marker),
    };
    Pack { head, readings: Vec::new(), faults: Vec::new() }
}

/// The hash of a catalogue without content; no gateway has it.
fn no_catalogue() -> CatalogueHash {
    firegrid_wire::catalogue::Catalogue::default().hash()
}

fn after_words(after: pack::After) -> String {
    match after {
        pack::After::Nothing => "none".to_owned(),
        pack::After::Batch(name) => name.to_string(),
    }
}
