//! The judgement: messages, deeds and time in; changes to commit and receipts owed out.
//!
//! Owns the rules' engine, what is admitted, and the books of the desk. Everything it decides
//! goes into [`Changes`]; nothing is said to a gateway or a person before those are committed.
//! Writes nothing itself, sends nothing, and reads no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firegrid_rules::decision::{Decision, Subject};
use firegrid_rules::engine::{self, ClearHold, Engine, StateKey};
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::{Effect, Rulebook, Severity};
use firegrid_rules::ticket::{REVIEW_WINDOW, TermsOf};
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::{GatewayId, NameError, RegionId};
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::time::{CentreTime, Millis};
use serde_json::json;

use super::changes::Changes;
use super::events::ConnectionName;
use super::gateway::Gateway;
use super::receipts::Owed;
use super::vouched::{Growing, Stretches};
use crate::desk::alarms::{AlarmBook, Lasts, OwnAlarm};
use crate::desk::case::{Owner, place};
use crate::desk::tickets::{Causes, TicketBook};
use crate::intake::admission::{LaneState, Place};
use crate::intake::wish::{Stage, Wish};
use crate::storage::events::NewEvent;
use crate::storage::holes::Hole;
use crate::storage::inbox::InboxName;
use crate::storage::positions::{LanePosition, LaneSpan};
use crate::storage::vouched::Vouched;
use crate::storage::{
    Reader, StorageError, alarms, backup, catalogues, conflicts, dead_letters, events, gateways,
    holes, inbox, positions, rule_state, tickets, vouched,
};

/// How long the centre may be deaf before that is an alarm of its own.
const DEAF_PATIENCE: Millis = Millis::seconds(60);

/// How often it is written down that the centre is alive.
const ALIVE_EVERY: Millis = Millis::seconds(10);

/// Everything the runner owns but its connections.
#[derive(Debug)]
pub struct Judgement {
    pub(super) engine: Engine,
    pub(super) routing: Routing,
    pub(super) region: RegionId,
    pub(super) centre: GatewayId,
    pub(super) gateways: BTreeMap<GatewayId, Gateway>,
    pub(super) alarms: AlarmBook,
    pub(super) tickets: TicketBook,
    pub(super) changes: Changes,
    pub(super) owed: Owed,
    /// Gateways of whose lanes something must be written.
    pub(super) touched: BTreeSet<GatewayId>,
    /// Gateways whose beats are not answered yet.
    pub(super) beats: BTreeSet<GatewayId>,
    /// Catalogues to ask the broker for again.
    pub(super) unknown: Vec<(GatewayId, CatalogueHash)>,
    pub(super) series_waiting: u64,
    pub(super) unadmitted: u64,
    /// Gateways that the registry does not know.
    pub(super) strangers: usize,
    ears: Ears,
    alive: CentreTime,
}

/// Which connections listen, and since when nothing urgent can be heard.
#[derive(Debug, Clone, Copy)]
struct Ears {
    urgent: bool,
    routine: bool,
    deaf_since: Option<CentreTime>,
    told: bool,
}

/// Why the judgement cannot go on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// The database cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The rules cannot read their own rows: another version has written them.
    #[error(transparent)]
    Rules(#[from] engine::RestoreError),
    /// A constant of the program is wrong.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// When the centre last wrote that it is alive: the clock must not begin before.
pub async fn last_alive(reader: &Reader) -> Result<Option<CentreTime>, StorageError> {
    events::alive(reader).await
}

impl Judgement {
    /// Goes on where the last commit stands.
    pub async fn restore(
        reader: &Reader,
        rulebook: Arc<Rulebook>,
        routing: Routing,
        region: RegionId,
        terms: TermsOf,
        now: CentreTime,
    ) -> Result<Judgement, NotRestored> {
        let desk = TicketBook::new(Causes::of(&rulebook), terms);
        let rows = rule_state::load(reader).await?;
        let rows = rows.into_iter().map(|(key, body)| (StateKey(key), body));
        let mut engine = Engine::restore(rulebook, rows)?;
        let mut decisions = Vec::new();
        let known = restore_gateways(reader, &mut engine, now, &mut decisions).await?;
        let reviewed = now.minus(REVIEW_WINDOW);
        let alive = events::alive(reader).await?;
        let (series_waiting, _) = inbox::waiting(reader).await?;
        let strangers = known.values().filter(|gateway| gateway.unit.is_none()).count();
        let mut judgement = Judgement {
            engine,
            region,
            centre: GatewayId::parse(GatewayId::CENTRE)?,
            gateways: known,
            alarms: AlarmBook::restored(
                alarms::load_open(reader).await?,
                alarms::load_lines(reader).await?,
            ),
            tickets: desk.restored(
                tickets::load(reader, reviewed).await?,
                tickets::load_lines(reader, reviewed).await?,
                &routing,
                now,
            ),
            routing,
            changes: Changes::default(),
            owed: Owed::default(),
            touched: BTreeSet::new(),
            beats: BTreeSet::new(),
            unknown: Vec::new(),
            series_waiting,
            unadmitted: 0,
            strangers,
            ears: Ears {
                urgent: false,
                routine: false,
                deaf_since: Some(alive.unwrap_or(now)),
                told: false,
            },
            alive: now,
        };
        judgement.follow_registry(now);
        // A changed rule or limit is told of what it finds raised.
        judgement.decided(&decisions);
        if let Some(copied) = backup::restored(reader).await? {
            judgement.tell_restored(copied, now);
        }
        Ok(judgement)
    }

    /// A connection begins or stops to listen.
    pub fn listening(&mut self, connection: ConnectionName, listening: bool, now: CentreTime) {
        match connection {
            ConnectionName::Urgent => self.ears.urgent = listening,
            ConnectionName::Routine => self.ears.routine = listening,
        }
        let hears = self.ears.urgent && self.ears.routine;
        self.tick(now);
        self.engine.listening(now, hears);
        self.ears.deaf_since = match (hears, self.ears.deaf_since) {
            (true, _) => None,
            (false, Some(since)) => Some(since),
            (false, None) => Some(now),
        };
        if hears {
            self.ears.told = false;
            let centre = self.centre.clone();
            self.alarms.own_over("centre-deaf", &centre, now, &mut self.changes);
        }
        if listening {
            for gateway in self.gateways.keys() {
                self.owed.to(gateway);
            }
        }
    }

    /// Whether each connection listens: urgent, routine.
    pub fn hears(&self) -> (bool, bool) {
        (self.ears.urgent, self.ears.routine)
    }

    /// Centre time comes so far.
    pub fn tick(&mut self, now: CentreTime) {
        let mut decisions = Vec::new();
        self.engine.tick(now, &mut decisions);
        self.decided(&decisions);
        self.tickets.tick(now, &self.routing, &mut self.changes);
        if ALIVE_EVERY <= now.since(self.alive) {
            self.alive = now;
            self.changes.alive = Some(now);
        }
        let Some(since) = self.ears.deaf_since else { return };
        if !self.ears.told && DEAF_PATIENCE <= now.since(since) {
            self.ears.told = true;
            let lasting = Millis::seconds(now.since(since).get() / 1_000);
            let own = OwnAlarm {
                kind: "centre-deaf",
                cause: since.millis().to_string(),
                severity: Severity::Serious,
                gateway: &self.centre.clone(),
                zh: (
                    "监控中心失聪",
                    format!("中心已 {lasting} 未接入消息代理，期间无法得知现场情况"),
                ),
                en: (
                    "The centre hears nothing",
                    format!("the centre has not listened to its broker for {lasting}"),
                ),
                lasts: Lasts::UntilOver,
            };
            self.own_alarm(own, now);
        }
    }

    /// The next moment at which [`Judgement::tick`] changes something.
    pub fn deadline(&self) -> CentreTime {
        let alive = self.alive.plus(ALIVE_EVERY);
        let deaf = self.ears.deaf_since.filter(|_| !self.ears.told);
        let deaf = deaf.map_or(alive, |since| since.plus(DEAF_PATIENCE));
        let due = self.tickets.deadline().unwrap_or(alive);
        alive.min(deaf).min(due).min(self.engine.deadline().unwrap_or(alive))
    }

    /// What must be committed now, and who is to be told afterwards: everything decided since
    /// the last call, and where every lane stands.
    pub fn to_commit(&mut self) -> (Changes, Owed) {
        for (StateKey(key), body) in self.engine.changed() {
            self.changes.rule_state.insert(key, body);
        }
        for id in std::mem::take(&mut self.touched) {
            let Some(gateway) = self.gateways.get_mut(&id) else { continue };
            for lane in Lane::ALL {
                write_lane(&id, lane, gateway, &mut self.changes);
            }
        }
        self.beats.clear();
        (std::mem::take(&mut self.changes), std::mem::take(&mut self.owed))
    }

    /// What was to be committed is committed.
    pub fn committed(&mut self, changes: &Changes) {
        for ((id, lane), position) in &changes.positions {
            if let Some(gateway) = self.gateways.get_mut(id) {
                gateway.committed[*lane] = Some(position.name);
            }
        }
        let gone = changes.stored.len() as u64;
        self.series_waiting =
            (self.series_waiting + changes.inbox.len() as u64).saturating_sub(gone);
    }

    /// The inbox is full: the oldest batches go without having reached the series store. Their
    /// readings were judged; only the curves have a hole.
    pub fn series_overflow(&mut self, names: Vec<InboxName>, now: CentreTime) {
        let count = names.len();
        tracing::error!(count, "Series inbox full: oldest batches dropped.");
        let mut dropped: BTreeMap<&GatewayId, Vec<BatchName>> = BTreeMap::new();
        for name in &names {
            dropped.entry(&name.gateway).or_default().push(name.batch);
        }
        for (id, batches) in dropped {
            let (Some(first), Some(last)) = (batches.first(), batches.last()) else { continue };
            let body = json!({ "first": first, "last": last, "batches": batches.len() });
            let kind = "series-overflow".to_owned();
            let (gateway, lane, told_by) = (id.clone(), Lane::Routine, *last);
            let event = json!({ "kind": kind, "gateway": id, "lane": lane, "told_by": last });
            self.changes.events.push(NewEvent { kind: "hole", body: event, at: now });
            self.changes.holes.push(Hole { gateway, lane, told_by, kind, body, arrived: now });
            if let Some(gateway) = self.gateways.get_mut(id) {
                gateway.holes += 1;
            }
        }
        self.changes.stored.extend(names);
        let own = OwnAlarm {
            kind: "series-overflow",
            cause: now.millis().to_string(),
            severity: Severity::General,
            gateway: &self.centre.clone(),
            zh: (
                "曲线存储积压溢出",
                "时序存储长时间无法写入，最早的模拟量读数已被舍弃（不影响研判与报警）".to_owned(),
            ),
            en: (
                "The curves' store is full",
                "the series store has not written for long; its oldest readings are dropped".into(),
            ),
            lasts: Lasts::Once,
        };
        self.own_alarm(own, now);
    }

    /// The series store holds these batches.
    pub fn stored(&mut self, names: Vec<InboxName>) {
        self.changes.stored.extend(names);
    }

    /// Batches that wait for the series store.
    pub fn series_waiting(&self) -> u64 {
        self.series_waiting
    }

    /// Messages that were not taken in: too many strangers, or a commit that fails for long.
    pub fn unadmitted(&self) -> u64 {
        self.unadmitted
    }

    /// Decisions become alarms and tickets of whoever owns their subject.
    pub(super) fn decided(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            let (gateway, _) = place(&decision.subject);
            let owner = self.owner(gateway);
            match decision.effect {
                Effect::Alarm => {
                    let zone = self.zone(&decision.subject);
                    self.alarms.decided(decision, &owner, zone.as_deref(), &mut self.changes);
                }
                Effect::Hazard => {
                    let zone = self.zone(&decision.subject);
                    self.tickets.decided(decision, &owner, zone.as_deref(), &mut self.changes);
                }
                Effect::Note => self.changes.events.push(NewEvent {
                    kind: "note",
                    body: json!({
                        "subject": decision.subject.to_string(),
                        "kind": decision.kind,
                        "rule": decision.rule.as_str(),
                        "step": decision.step,
                        "what": decision.change.as_str(),
                        "gateway": gateway,
                        "unit": owner.unit,
                        "grid": owner.grid,
                        "zh": decision.reason.zh(),
                        "en": decision.reason.to_string(),
                    }),
                    at: decision.arrived,
                }),
            }
        }
    }

    /// Open alarms and tickets are those of whom the registry names now.
    pub(super) fn follow_registry(&mut self, now: CentreTime) {
        let Judgement { gateways, routing, region, tickets, alarms, changes, .. } = self;
        let owner_of = |id: &GatewayId| {
            let unit = gateways.get(id).and_then(|gateway| gateway.unit.as_deref());
            Owner::of(routing, region.as_str(), unit)
        };
        tickets.moved(owner_of, now, changes);
        alarms.moved(owner_of, now, changes);
    }

    /// The centre found something out about itself or about a box.
    pub(super) fn own_alarm(&mut self, own: OwnAlarm<'_>, now: CentreTime) {
        let owner = self.owner(own.gateway);
        self.alarms.own(own, &owner, now, &mut self.changes);
    }

    fn owner(&self, gateway: &GatewayId) -> Owner {
        let unit = self.gateways.get(gateway).and_then(|gateway| gateway.unit.as_deref());
        Owner::of(&self.routing, self.region.as_str(), unit)
    }

    /// The zone of a point, as its catalogue says.
    fn zone(&self, subject: &Subject) -> Option<String> {
        let Subject::Point(point) = subject else { return None };
        let entry = self.gateways.get(&point.gateway)?.catalogues.entry(&point.point)?;
        (!entry.zone.is_empty()).then(|| entry.zone.clone())
    }
}

fn write_lane(id: &GatewayId, lane: Lane, gateway: &mut Gateway, to: &mut Changes) {
    let wish = gateway.wishes[lane];
    let state = &mut gateway.lanes[lane];
    for (span, place) in state.changed_spans() {
        let row = LaneSpan { span, ordinal: place.order, end: place.end };
        to.spans.insert((id.clone(), lane, span), row);
    }
    for (span, end) in state.changed_apart() {
        let row = conflicts::ConflictSpan { lane, span, end };
        to.apart.insert((id.clone(), lane, span), row);
    }
    if let Some(name) = state.position() {
        let row = LanePosition {
            gateway: id.clone(),
            lane,
            name,
            want: Some(wish.last()),
            want_body: serde_json::to_string(&wish.stage()).ok(),
        };
        to.positions.insert((id.clone(), lane), row);
    }
}

async fn restore_gateways(
    reader: &Reader,
    engine: &mut Engine,
    now: CentreTime,
    decisions: &mut Vec<Decision>,
) -> Result<BTreeMap<GatewayId, Gateway>, StorageError> {
    let mut known: BTreeMap<GatewayId, Gateway> = gateways::load(reader)
        .await?
        .into_iter()
        .map(|row| (row.id, Gateway::new(row.unit)))
        .collect();
    let mut spans: BTreeMap<(GatewayId, Lane), Vec<LaneSpan>> = BTreeMap::new();
    for (gateway, lane, span) in positions::load_spans(reader).await? {
        spans.entry((gateway, lane)).or_default().push(span);
    }
    let mut apart: BTreeMap<(GatewayId, Lane), Vec<conflicts::ConflictSpan>> = BTreeMap::new();
    for (gateway, span) in conflicts::load_spans(reader).await? {
        apart.entry((gateway, span.lane)).or_default().push(span);
    }
    for row in positions::load(reader).await? {
        let gateway = known.entry(row.gateway.clone()).or_insert_with(|| Gateway::new(None));
        let key = (row.gateway, row.lane);
        let spans = spans.remove(&key).unwrap_or_default().into_iter();
        let places = spans.map(|s| (s.span, Place { order: s.ordinal, end: s.end }));
        let apart = apart.remove(&key).unwrap_or_default().into_iter().map(|s| (s.span, s.end));
        gateway.lanes[row.lane] = LaneState::restored(row.name, places, apart);
        gateway.committed[row.lane] = Some(row.name);
        let stage = row.want_body.and_then(|body| serde_json::from_str::<Stage>(&body).ok());
        gateway.wishes[row.lane] = Wish::restored(row.want.unwrap_or(0), stage.unwrap_or_default());
    }
    for row in vouched::load(reader).await? {
        let gateway = known.entry(row.gateway.clone()).or_insert_with(|| Gateway::new(None));
        let Vouched { lane, span, from, until, gap, .. } = row;
        gateway.stretches[lane] = Stretches::restored(Growing { span, from, until, gap });
    }
    for (id, since) in conflicts::load(reader).await? {
        let gateway = known.entry(id.clone()).or_insert_with(|| Gateway::new(None));
        gateway.conflict = Some(since);
        engine.hold_clears(&id, ClearHold::UntilLifted);
    }
    for row in catalogues::load(reader).await? {
        let gateway = known.entry(row.gateway.clone()).or_insert_with(|| Gateway::new(None));
        let (brought, _) = gateway.catalogues.take(&row.page);
        if let super::gateway::PageBrought::Whole { catalogue, .. } = brought {
            let unbound =
                engine.catalogue(&row.gateway, &row.page.hash, &catalogue, now, decisions);
            Lane::ALL
                .into_iter()
                .filter(|lane| unbound[*lane])
                .for_each(|lane| gateway.want(lane, now));
        }
    }
    for (id, count) in holes::counts(reader).await? {
        known.entry(id).or_insert_with(|| Gateway::new(None)).holes = count;
    }
    for (id, count) in dead_letters::counts(reader).await? {
        known.entry(id).or_insert_with(|| Gateway::new(None)).dead_letters = count;
    }
    Ok(known)
}
