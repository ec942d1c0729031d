//! What is found out about a box beside its readings: holes, second boxes, and what cannot be
//! read. Each is recorded, and told to an operator where it could hide a fire.

use std::hash::{DefaultHasher, Hash, Hasher};

use firegrid_rules::engine::ClearHold;
use firegrid_rules::rulebook::Severity;
use firegrid_wire::limits::MESSAGE_BYTES;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::pack::{self, Pack};
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::time::{CentreTime, Millis};
use serde_json::json;

use super::arrivals::Arriving;
use super::events::Message;
use super::judgement::Judgement;
use crate::desk::alarms::{Lasts, OwnAlarm};
use crate::intake::admission::HoleKind;
use crate::storage::conflicts::ConflictBatch;
use crate::storage::dead_letters::DeadLetter;
use crate::storage::events::NewEvent;
use crate::storage::holes::Hole;

/// Dead letters kept of one gateway until somebody has looked.
pub const LETTERS_KEPT: u64 = 1_000;

/// Fires of a second box that are told of one message, beside those that are known.
const SECOND_FIRES_TOLD: usize = 20;

/// A fire that a second box goes on to report, and that somebody has taken, rings again after so
/// long: nobody judges whether it went out meanwhile.
const SECOND_FIRE_AGAIN: Millis = Millis::seconds(600);

/// What is missing in a lane, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The spool stands behind what it had delivered, or is new.
    RestoredSpool,
    /// The box has long been sending from a later batch on.
    Forgotten,
    /// A marker says so.
    Marker,
    /// The box had forgotten it on our own receipts: the centre was restored from a backup.
    RestoredCentre,
    /// It is here and cannot be read.
    Unreadable,
}

impl Missing {
    /// What admission found missing before a batch.
    pub(super) fn before(hole: Option<HoleKind>) -> Option<Missing> {
        hole.map(|hole| match hole {
            HoleKind::RestoredSpool => Missing::RestoredSpool,
            HoleKind::Forgotten => Missing::Forgotten,
        })
    }

    /// The word of the tables and of the API.
    const fn as_str(self) -> &'static str {
        match self {
            Missing::RestoredSpool => "restored-spool",
            Missing::Forgotten => "forgotten",
            Missing::Marker => "marker",
            Missing::RestoredCentre => "restored-centre",
            Missing::Unreadable => "unreadable",
        }
    }
}

impl Judgement {
    /// A batch of a second box: kept apart, and receipted by its name.
    pub(super) fn conflict(&mut self, arriving: &Arriving<'_>, keep: Option<BatchName>) {
        let Arriving { gateway, lane, arrived, body, .. } = *arriving;
        self.two_boxes(gateway, arrived);
        let pack = pack::decode(body).ok().filter(|pack| pack.head.gateway == *gateway);
        let readings = pack.iter().flat_map(|pack| &pack.readings);
        let burning = readings
            .filter(|(_, reading)| reading.value.is_fire_class())
            .filter_map(|(_, reading)| Some((&reading.point, reading.value.states()?.to_string())));
        self.tell_second_fire(gateway, burning, arrived);
        if let Some(name) = keep {
            self.owed.duplicate(gateway, lane, name);
            let batch = ConflictBatch {
                gateway: gateway.clone(),
                lane,
                name,
                body: body.to_vec(),
                arrived,
            };
            self.changes.apart_batches.push(batch);
        }
    }

    pub(super) fn two_boxes(&mut self, id: &GatewayId, arrived: CentreTime) {
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        if gateway.conflict.is_some() {
            return;
        }
        gateway.conflict = Some(arrived);
        tracing::error!(gateway = %id, "Two boxes use one identity.");
        self.engine.hold_clears(id, ClearHold::UntilLifted);
        self.changes.conflicts.insert(id.clone(), Some(arrived));
        let own = OwnAlarm {
            kind: "two-boxes",
            cause: arrived.millis().to_string(),
            severity: Severity::Serious,
            gateway: id,
            zh: (
                "两台网关使用同一身份",
                format!("网关 {id} 的早先时段在其后继之后仍在发送，确认前该网关的报警不会恢复"),
            ),
            en: (
                "Two boxes use one identity",
                format!("an earlier span of {id} speaks after its successor; nothing clears"),
            ),
            lasts: Lasts::UntilOver,
        };
        self.own_alarm(own, arrived);
    }

    /// What a second box says is not judged, because nobody knows whose points they are. But a
    /// fire of it must not wait until a person has settled that.
    pub(super) fn tell_second_fire<'a>(
        &mut self,
        id: &GatewayId,
        burning: impl Iterator<Item = (&'a PointId, String)>,
        arrived: CentreTime,
    ) {
        let mut told = 0;
        for (point, words) in burning {
            let own = OwnAlarm {
                kind: "second-box-fire",
                cause: format!("{point}~{words}"),
                severity: Severity::Serious,
                gateway: id,
                zh: (
                    "同一身份的另一台网关报告火警",
                    format!("使用 {id} 身份的另一台设备报告 {point} 为 {words}，请立即核实现场"),
                ),
                en: (
                    "The other box of one identity reports fire",
                    format!("the other box that uses {id} says that {point} is {words}"),
                ),
                lasts: Lasts::Repeated(SECOND_FIRE_AGAIN),
            };
            if told == SECOND_FIRES_TOLD {
                return;
            }
            if !self.alarms.knows(&own, arrived) {
                told += 1;
                self.own_alarm(own, arrived);
            }
        }
    }

    /// Records what is missing before a batch, or with it.
    pub(super) fn record_hole(
        &mut self,
        arriving: &Arriving<'_>,
        told_by: BatchName,
        missing: Missing,
        body: serde_json::Value,
    ) {
        let Arriving { gateway: id, lane, arrived, .. } = *arriving;
        let kind = missing.as_str();
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        let before = gateway.committed[lane].map(|name| name.to_string());
        gateway.holes += 1;
        let body = json!({ "before": before, "told": body });
        let kind_text = kind.to_owned();
        self.changes.holes.push(Hole {
            gateway: id.clone(),
            lane,
            told_by,
            kind: kind_text,
            body,
            arrived,
        });
        let event = json!({ "gateway": id, "lane": lane, "kind": kind, "told_by": told_by });
        self.changes.events.push(NewEvent { kind: "hole", body: event, at: arrived });
        let (kind, zh, en) = match missing {
            Missing::Marker | Missing::Unreadable => return,
            Missing::RestoredSpool | Missing::Forgotten => {
                tracing::warn!(gateway = %id, %lane, batch = %told_by, kind, "Spool restored or lost.");
                let why = format!("网关 {id} 的存储早于已送达的数据，其间的读数可能缺失");
                let en = format!("the spool of {id} stands behind what it had delivered");
                (
                    "restored-spool",
                    ("网关数据存储被还原或丢失", why),
                    ("Spool restored or lost", en),
                )
            }
            Missing::RestoredCentre => {
                tracing::warn!(gateway = %id, %lane, batch = %told_by, "The centre knew less than a box had forgotten.");
                let why = format!(
                    "网关 {id} 已按回执删除的数据，中心却没有：中心可能由备份恢复，其间的读数缺失"
                );
                let en = format!("the centre knew less than {id} had forgotten on its receipts");
                (
                    "restored-centre",
                    ("中心所知少于网关已删除的数据", why),
                    ("The centre knew less than a box", en),
                )
            }
        };
        let own = OwnAlarm {
            kind,
            cause: format!("{lane}~{told_by}"),
            severity: Severity::General,
            gateway: id,
            zh,
            en,
            lasts: Lasts::Once,
        };
        self.own_alarm(own, arrived);
    }

    /// A marker counts fires that it has no room to list: where they were nobody can say.
    pub(super) fn tell_unlisted_fires(
        &mut self,
        arriving: &Arriving<'_>,
        told_by: BatchName,
        count: u64,
    ) {
        let Arriving { gateway: id, lane, arrived, .. } = *arriving;
        let own = OwnAlarm {
            kind: "fires-not-listed",
            cause: format!("{lane}~{told_by}"),
            severity: Severity::Serious,
            gateway: id,
            zh: (
                "丢失的数据中另有火警",
                format!("网关 {id} 丢失的数据中另有 {count} 条火警类状态未能列出，请立即核实现场"),
            ),
            en: (
                "More fires in what was lost",
                format!("{count} fire-class states in what {id} lost are not listed: look on site"),
            ),
            lasts: Lasts::Once,
        };
        self.own_alarm(own, arrived);
    }

    /// The centre was put back on a copy of its tables. Boxes have forgotten, on receipts, what
    /// it does not hold; each says so itself with a marker, and is asked for a refresh.
    pub(super) fn tell_restored(&mut self, copied: CentreTime, now: CentreTime) {
        tracing::warn!(copied_ms = copied.millis(), "Centre restored from a backup.");
        self.changes.restored_told = Some(now);
        let lost = Millis::seconds(now.since(copied).get() / 1_000);
        let own = OwnAlarm {
            kind: "centre-restored",
            cause: copied.millis().to_string(),
            severity: Severity::Serious,
            gateway: &self.centre.clone(),
            zh: (
                "中心数据自备份恢复",
                format!("所用备份距今 {lost}；其后的确认、工单处理与读数可能缺失，请逐一核实"),
            ),
            en: (
                "The centre stands on a backup",
                format!(
                    "the tables are those of a backup made {lost} ago; what was done since is missing"
                ),
            ),
            lasts: Lasts::Once,
        };
        self.own_alarm(own, now);
    }

    /// Sets single bad records aside. Whether there were any.
    pub(super) fn set_records_aside(
        &mut self,
        message: &Message,
        arriving: &Arriving<'_>,
        pack: &Pack,
    ) -> bool {
        // The batch is kept once, with the first of them.
        let bodies = std::iter::once(arriving.body).chain(std::iter::repeat(&[][..]));
        for (fault, body) in pack.faults.iter().zip(bodies) {
            let name = Some(pack.head.name);
            let lane = arriving.lane.as_str();
            self.write_letter(message, lane, name, Some(fault.index), &fault.reason, body);
        }
        if let Some(first) = pack.faults.first() {
            self.tell_dead_letter(message, arriving.lane, Some(pack.head.name), &first.reason);
        }
        !pack.faults.is_empty()
    }

    /// An urgent batch or record that cannot be read may have been a fire.
    pub(super) fn tell_dead_letter(
        &mut self,
        message: &Message,
        lane: Lane,
        name: Option<BatchName>,
        why: &str,
    ) {
        let (id, arrived) = (&message.gateway, message.arrived);
        let name = name.map_or_else(|| "无名".to_owned(), |name| name.to_string());
        match lane {
            Lane::Routine => {}
            Lane::Urgent => {
                let own = OwnAlarm {
                    kind: "dead-letter",
                    cause: format!("{lane}~{name}"),
                    severity: Severity::Serious,
                    gateway: id,
                    zh: (
                        "紧急数据无法读取",
                        format!("网关 {id} 的紧急数据 {name} 无法读取：{why}"),
                    ),
                    en: (
                        "Urgent data cannot be read",
                        format!("urgent batch {name} of {id} cannot be read: {why}"),
                    ),
                    lasts: Lasts::Once,
                };
                self.own_alarm(own, arrived);
            }
        }
    }

    pub(super) fn set_aside(
        &mut self,
        message: &Message,
        topic: &str,
        name: Option<BatchName>,
        why: &str,
        body: &[u8],
    ) {
        let gateway = &message.gateway;
        tracing::warn!(%gateway, topic, reason = why, "Message set aside as a dead letter.");
        self.write_letter(message, topic, name, None, why, body);
    }

    pub(super) fn write_letter(
        &mut self,
        message: &Message,
        topic: &str,
        name: Option<BatchName>,
        index: Option<u32>,
        why: &str,
        body: &[u8],
    ) {
        let (id, arrived) = (&message.gateway, message.arrived);
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        gateway.dead_letters += 1;
        if LETTERS_KEPT < gateway.dead_letters || self.changes.is_full() {
            return;
        }
        let mut what = DefaultHasher::new();
        (topic, name, index, body).hash(&mut what);
        self.changes.dead_letters.push(DeadLetter {
            id: format!("{id}~{topic}~{:016x}", what.finish()),
            gateway: id.clone(),
            topic: topic.to_owned(),
            name,
            index,
            reason: why.to_owned(),
            body: body[..body.len().min(MESSAGE_BYTES)].to_vec(),
            arrived,
        });
    }
}
