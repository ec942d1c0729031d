//! The durable batch and its bytes: a SenML pack (RFC 8428, `application/senml+json`).
//!
//! ```text
//! [{"bn":"mall-01/","span":"…","lane":"urgent","seq":1,"after":"none","from":…,"until":…,"cat":"…"},
//!  {"n":"facp1/L1D017","t":1795384870.123,"vs":"fire"},
//!  {"n":"riser2/pressure","t":1795384870.2,"v":412000.0,"u":"Pa","q":"stuck"}]
//! ```
//!
//! Record 0 carries the labels, every further record one reading, sorted by time. A reading's
//! *index* is its record's place in the pack, so that (gateway, span, lane, seq, index) names
//! it for ever, also when a record before it cannot be read.

use std::borrow::Cow;

use crate::catalogue::CatalogueHash;
use crate::limits::{BATCH_BYTES, MESSAGE_BYTES};
use crate::marker::Marker;
use crate::names::{GatewayId, PointId};
use crate::quantity::Unit;
use crate::reading::{Quality, Reading, Value};
use crate::span::{BatchName, Lane, Seq, SpanId};
use crate::state::States;
use crate::time::GatewayTime;

/// The labels of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Whose batch it is.
    pub gateway: GatewayId,
    /// The lane it stands in.
    pub lane: Lane,
    /// Its name in that lane.
    pub name: BatchName,
    /// What stood before it in the spool's lane; present exactly when seq is 1, and on a
    /// marker whose first seq is 1.
    pub after: Option<After>,
    /// The stretch of gateway time it vouches for.
    pub stretch: Option<Stretch>,
    /// The catalogue under which it was made.
    pub catalogue: CatalogueHash,
    /// Whether it is a piece of a refresh.
    pub refresh: Option<RefreshPiece>,
    /// What the box no longer has, if this is a marker. A marker has no readings.
    pub marker: Option<Marker>,
}

/// What stood before the first batch of a span in this spool's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing: the spool is new.
    Nothing,
    /// This batch, receipted and forgotten or not.
    Batch(BatchName),
}

/// A stretch of gateway time in which every point of the lane that is not in the batch did
/// not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its begin.
    pub from: GatewayTime,
    /// Its end.
    pub until: GatewayTime,
}

/// A refresh may need several batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshPiece {
    /// More pieces follow.
    More,
    /// With this piece the refresh is complete.
    Last,
}

/// A batch as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// Its labels.
    pub head: Head,
    /// The readings that could be read, each with its index.
    pub readings: Vec<(u32, Reading)>,
    /// The records that could not.
    pub faults: Vec<RecordFault>,
}

/// A single record that could not be read. It does not take its pack with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// Its place in the pack.
    pub index: u32,
    /// What is wrong with it.
    pub reason: String,
}

/// A body that could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is no batch: {reason}")]
pub struct Unreadable {
    /// What is wrong with it.
    pub reason: String,
}

/// Collects readings for one batch until it is full.
///
/// The head is given at the end, because what a batch vouches for is known only then.
#[derive(Debug, Default)]
pub struct PackWriter {
    records: Vec<u8>,
    count: u32,
}

/// Room kept for the labels: the longest gateway name, five times, two names.
const HEAD_BYTES: usize = 512;

impl PackWriter {
    /// Adds a reading; `false`, and nothing added, if the batch would become too long.
    /// The first reading always fits.
    pub fn push(&mut self, reading: &Reading) -> bool {
        let before = self.records.len();
        self.records.push(b',');
        write_record(&mut self.records, reading);
        if self.count != 0 && BATCH_BYTES - HEAD_BYTES < self.records.len() {
            self.records.truncate(before);
            return false;
        }
        self.count += 1;
        true
    }

    /// How many readings it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes its records take.
    pub fn bytes(&self) -> usize {
        self.records.len()
    }

    /// The bytes of the batch. The writer is empty afterwards.
    pub fn finish(&mut self, head: &Head) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.records.len());
        bytes.push(b'[');
        write_json(&mut bytes, &HeadRecord::of(head));
        bytes.append(&mut self.records);
        bytes.push(b']');
        self.count = 0;
        bytes
    }
}

/// The bytes of a batch that holds exactly these readings.
pub fn encode<'a>(head: &Head, readings: impl IntoIterator<Item = &'a Reading>) -> Vec<u8> {
    let mut records = Vec::new();
    for reading in readings {
        records.push(b',');
        write_record(&mut records, reading);
    }
    PackWriter { records, count: 0 }.finish(head)
}

/// Reads a batch. Single bad records become faults; a bad head makes the whole unreadable.
pub fn decode(body: &[u8]) -> Result<Pack, Unreadable> {
    if MESSAGE_BYTES < body.len() {
        return Err(refused(format_args!("{} bytes are more than {MESSAGE_BYTES}", body.len())));
    }
    let records: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(body).map_err(|error| refused(format_args!("{error}")))?;
    let (head, records) =
        records.split_first().ok_or_else(|| refused(format_args!("it holds no record")))?;
    let head: HeadRecord<'_> = serde_json::from_str(head.get())
        .map_err(|error| refused(format_args!("record 0: {error}")))?;
    let head = head.check()?;
    let mut pack = Pack { head, readings: Vec::with_capacity(records.len()), faults: Vec::new() };
    for (place, record) in records.iter().enumerate() {
        let index = place as u32 + 1;
        match read_record(record.get()) {
            Ok(reading) => pack.readings.push((index, reading)),
            Err(reason) => pack.faults.push(RecordFault { index, reason }),
        }
    }
    Ok(pack)
}

/// Record 0 as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
struct HeadRecord<'a> {
    #[serde(borrow)]
    bn: Cow<'a, str>,
    span: SpanId,
    lane: Lane,
    seq: Seq,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    after: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<GatewayTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<GatewayTime>,
    #[serde(borrow)]
    cat: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<RefreshPiece>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marker: Option<Cow<'a, Marker>>,
}

/// The word for "nothing stood before it".
const AFTER_NOTHING: &str = "none";

impl<'a> HeadRecord<'a> {
    fn of(head: &'a Head) -> HeadRecord<'a> {
        HeadRecord {
            bn: format!("{}/", head.gateway).into(),
            span: head.name.span,
            lane: head.lane,
            seq: head.name.seq,
            after: head.after.map(|after| match after {
                After::Nothing => AFTER_NOTHING.into(),
                After::Batch(name) => name.to_string().into(),
            }),
            from: head.stretch.map(|stretch| stretch.from),
            until: head.stretch.map(|stretch| stretch.until),
            cat: head.catalogue.as_str().into(),
            refresh: head.refresh,
            marker: head.marker.as_ref().map(Cow::Borrowed),
        }
    }

    fn check(self) -> Result<Head, Unreadable> {
        let gateway =
            self.bn.strip_suffix('/').and_then(|name| GatewayId::parse(name).ok()).ok_or_else(
                || refused(format_args!("bn {:?} is no gateway and a stroke", self.bn)),
            )?;
        let name = format!("{}/{}", self.span, self.seq)
            .parse::<BatchName>()
            .map_err(|_| refused(format_args!("seq {} is no batch number", self.seq)))?;
        let after = match self.after.as_deref() {
            None => None,
            Some(AFTER_NOTHING) => Some(After::Nothing),
            Some(text) => Some(After::Batch(
                text.parse().map_err(|error| refused(format_args!("after: {error}")))?,
            )),
        };
        let first_seq = self.marker.as_ref().map_or(self.seq, |marker| marker.first.seq);
        if after.is_some() != (first_seq == 1) {
            return Err(refused(format_args!("`after` belongs to seq 1, and only there")));
        }
        let stretch = match (self.from, self.until) {
            (None, None) => None,
            (Some(from), Some(until)) if from <= until => Some(Stretch { from, until }),
            (Some(_), Some(_)) => {
                return Err(refused(format_args!("`until` is earlier than `from`")));
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(refused(format_args!("`from` and `until` go together")));
            }
        };
        Ok(Head {
            gateway,
            lane: self.lane,
            name,
            after,
            stretch,
            catalogue: CatalogueHash::parse(&self.cat)
                .ok_or_else(|| refused(format_args!("cat {:?} is no catalogue hash", self.cat)))?,
            refresh: self.refresh,
            marker: self.marker.map(Cow::into_owned),
        })
    }
}

/// A reading's record as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    n: Cow<'a, str>,
    t: GatewayTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<f64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    u: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    vs: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    q: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u32>,
}

fn write_record(to: &mut Vec<u8>, reading: &Reading) {
    let (v, u, vs) = match &reading.value {
        Value::Number(number, unit) => (Some(*number), Some(unit.as_str().into()), None),
        Value::States(states) => (None, None, Some(states.to_string().into())),
        Value::Unknown => (None, None, Some(crate::state::UNKNOWN_WORD.into())),
    };
    let q = (reading.quality != Quality::Good).then(|| reading.quality.as_str().into());
    let n = reading.point.as_str().into();
    write_json(to, &Record { n, t: reading.time, v, u, vs, q, c: reading.changes });
}

fn read_record(text: &str) -> Result<Reading, String> {
    let record: Record<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let value = match (record.v, record.u, record.vs) {
        (Some(number), Some(unit), None) => {
            let unit: Unit = unit.parse().map_err(|error| format!("u: {error}"))?;
            Value::number(number, unit)
        }
        (None, None, Some(words)) => {
            States::from_words(&words).map_or(Value::Unknown, Value::States)
        }
        (Some(_), None, _) => return Err("v needs its unit u".into()),
        (_, _, _) => return Err("a reading holds either v with u, or vs".into()),
    };
    let quality = match record.q.as_deref() {
        None => Quality::Good,
        Some(word) => Quality::from_word(word).ok_or_else(|| format!("{word:?} is no quality"))?,
    };
    let point = PointId::parse(&record.n).map_err(|error| error.to_string())?;
    Ok(Reading { point, time: record.t, value, quality, changes: record.c })
}

/// Our records hold strings and finite numbers: writing them into memory cannot fail.
fn write_json(to: &mut Vec<u8>, record: &impl serde::Serialize) {
    let written = serde_json::to_writer(to, record);
    debug_assert!(written.is_ok(), "{written:?}");
}

fn refused(reason: std::fmt::Arguments<'_>) -> Unreadable {
    Unreadable { reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::{MarkerReason, More, SpanEnd};
    use crate::state::{State, StateSet};

    fn head() -> Head {
        Head {
            gateway: GatewayId::parse("mall-01").expect("a gateway"),
            lane: Lane::Urgent,
            name: BatchName { span: SpanId::from_bits(0xfeed), seq: 2 },
            after: None,
            stretch: Some(Stretch {
                from: GatewayTime::from_millis(1_795_384_870_000),
                until: GatewayTime::from_millis(1_795_384_871_250),
            }),
            catalogue: CatalogueHash::parse("0123456789abcdef").expect("a hash"),
            refresh: None,
            marker: None,
        }
    }

    fn reading(point: &str, value: Value, quality: Quality) -> Reading {
        Reading {
            point: PointId::parse(point).expect("a point"),
            time: GatewayTime::from_millis(1_795_384_871_123),
            value,
            quality,
            changes: None,
        }
    }

    fn readings() -> Vec<Reading> {
        vec![
            reading(
                "facp1/L1D017",
                Value::States(StateSet::from_iter([State::Fire, State::Disabled]).into()),
                Quality::Good,
            ),
            reading("riser2/pressure", Value::number(412_000.5, Unit::Pascal), Quality::Stuck),
            reading("facp1/L1D018", Value::Unknown, Quality::Good),
            reading("facp1/comm", Value::States(States::default()), Quality::Good),
        ]
    }

    #[test]
    fn a_batch_reads_back_as_it_was_written() {
        let heads = [
            head(),
            Head { stretch: None, refresh: Some(RefreshPiece::More), ..head() },
            Head {
                name: BatchName { seq: 1, ..head().name },
                after: Some(After::Nothing),
                ..head()
            },
            Head {
                name: BatchName { seq: 1, ..head().name },
                after: Some(After::Batch(BatchName { span: SpanId::from_bits(1), seq: 9 })),
                ..head()
            },
        ];
        for head in heads {
            let pack = decode(&encode(&head, &readings())).expect("a batch");
            assert_eq!(pack.head, head);
            assert_eq!(pack.faults, []);
            let indices: Vec<u32> = pack.readings.iter().map(|(index, _)| *index).collect();
            let read: Vec<Reading> = pack.readings.into_iter().map(|(_, read)| read).collect();
            assert_eq!((indices, read), (vec![1, 2, 3, 4], readings()));
        }
    }

    #[test]
    fn a_marker_reads_back_as_it_was_written() {
        let first = BatchName { span: SpanId::from_bits(1), seq: 4 };
        let head = Head {
            stretch: None,
            marker: Some(Marker {
                first,
                ends: vec![
                    SpanEnd { span: first.span, seq: 7 },
                    SpanEnd { span: head().name.span, seq: 2 },
                ],
                since: None,
                until: None,
                reason: MarkerReason::Damaged,
                fires: Vec::new(),
                more: More::default(),
            }),
            ..head()
        };
        assert_eq!(decode(&encode(&head, [])).expect("a marker").head, head);
    }

    #[test]
    fn a_pause_is_a_batch_without_readings() {
        let pack = decode(&encode(&head(), [])).expect("a batch");
        assert_eq!(pack.readings, []);
    }

    #[test]
    fn one_bad_record_does_not_take_its_pack_with_it() {
        let body = String::from_utf8(encode(&head(), &readings())).expect("text");
        let pack = decode(body.replace("\"Pa\"", "\"psi\"").as_bytes()).expect("a batch");
        assert_eq!(pack.faults.len(), 1);
        assert_eq!(pack.faults[0].index, 2);
        let indices: Vec<u32> = pack.readings.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [1, 3, 4]);
    }

    #[track_caller]
    fn check_unreadable(body: &str, hint: &str) {
        let error = decode(body.as_bytes()).expect_err("unreadable").to_string();
        assert!(error.contains(hint), "{error}");
    }

    #[test]
    fn an_unreadable_body_says_what_is_wrong() {
        check_unreadable("", "EOF");
        check_unreadable("[]", "no record");
        check_unreadable("[{}]", "missing field");
        let good = String::from_utf8(encode(&head(), [])).expect("text");
        check_unreadable(&good.replace("mall-01/", "mall-01"), "bn");
        check_unreadable(&good.replace("\"seq\":2", "\"seq\":1"), "after");
        check_unreadable(&good.replace("\"seq\":2", "\"seq\":0"), "seq");
        check_unreadable(&good.replace("1795384870.0", "1795384999.0"), "earlier");
        check_unreadable(&" ".repeat(MESSAGE_BYTES + 1), "more than");
    }

    #[test]
    fn a_full_batch_stays_below_its_limit() {
        let mut writer = PackWriter::default();
        let reading = &readings()[0];
        while writer.push(reading) {}
        let count = writer.count();
        let longest = GatewayId::parse(&"g".repeat(48)).expect("a gateway");
        let bytes = writer.finish(&Head { gateway: longest, ..head() });
        assert!(BATCH_BYTES / 2 < bytes.len() && bytes.len() <= BATCH_BYTES, "{}", bytes.len());
        assert_eq!(decode(&bytes).expect("a batch").readings.len(), count as usize);
    }
}
