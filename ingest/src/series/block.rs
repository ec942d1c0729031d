//! Readings as bytes: many in one piece, each as small as it can be told.
//!
//! ```text
//!   block: units (count, then length and text each), spans (count, then 8 bytes each),
//!          points (count, then length and text each), entries to the end
//!   entry: time less the time before (zigzag), span, seq, place, point, unit + 1 or 0,
//!          quality, and if there is a unit the number (8 bytes)
//! ```
//!
//! Counts and places are LEB128. A block holds the points of one gateway, whose name it does not
//! repeat. What cannot be read is damage: nobody else writes here.

use std::collections::HashMap;

use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::{Seq, SpanId};
use firegrid_wire::time::GatewayTime;

use super::Row;

/// One reading of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    pub(super) time: i64,
    pub(super) span: SpanId,
    pub(super) seq: Seq,
    pub(super) place: u32,
    pub(super) number: Option<(f64, Unit)>,
    pub(super) quality: Quality,
}

impl Entry {
    pub(super) fn of(row: &Row) -> Entry {
        Entry {
            time: row.time.millis(),
            span: row.span,
            seq: row.seq,
            place: row.index,
            number: row.number,
            quality: row.quality,
        }
    }

    /// What orders entries, and by which two are the same. A reading without a number stands
    /// beside one with, should a batch ever say both.
    pub(super) fn name(&self) -> (i64, u64, Seq, u32, Option<&'static str>) {
        let unit = self.number.map(|(_, unit)| unit.as_str());
        (self.time, self.span.bits(), self.seq, self.place, unit)
    }
}

/// Bytes that are no block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoBlock;

/// Collects a block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter<'a> {
    units: Vec<Unit>,
    spans: Vec<SpanId>,
    points: Vec<&'a str>,
    known: HashMap<&'a str, u64>,
    entries: Vec<u8>,
    before: i64,
}

impl<'a> BlockWriter<'a> {
    pub(super) fn push(&mut self, point: &'a str, entry: &Entry) {
        let BlockWriter { units, spans, points, known, entries: to, before } = self;
        let point = *known.entry(point).or_insert_with(|| {
            points.push(point);
            points.len() as u64 - 1
        });
        signed(entry.time.wrapping_sub(*before), to);
        *before = entry.time;
        unsigned(place_of(spans, entry.span), to);
        unsigned(entry.seq, to);
        unsigned(u64::from(entry.place), to);
        unsigned(point, to);
        unsigned(entry.number.map_or(0, |(_, unit)| place_of(units, unit) + 1), to);
        to.push(entry.quality.code());
        if let Some((number, _)) = entry.number {
            to.extend(number.to_le_bytes());
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.entries.len() + 16 * self.points.len());
        unsigned(self.units.len() as u64, &mut bytes);
        self.units.iter().for_each(|unit| text(unit.as_str(), &mut bytes));
        unsigned(self.spans.len() as u64, &mut bytes);
        self.spans.iter().for_each(|span| bytes.extend(span.bits().to_le_bytes()));
        unsigned(self.points.len() as u64, &mut bytes);
        self.points.iter().for_each(|point| text(point, &mut bytes));
        bytes.extend(self.entries);
        bytes
    }
}

/// A block that is read.
#[derive(Debug)]
pub(super) struct Block<'a> {
    units: Vec<Unit>,
    spans: Vec<SpanId>,
    /// The names of its points; an entry tells which by place.
    pub(super) points: Vec<&'a str>,
    rest: Bytes<'a>,
}

impl<'a> Block<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Block<'a>, NoBlock> {
        Block::try_open(Bytes(bytes)).ok_or(NoBlock)
    }

    fn try_open(mut rest: Bytes<'a>) -> Option<Block<'a>> {
        let (mut units, mut spans, mut points) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rest.unsigned()? {
            units.push(rest.text()?.parse().ok()?);
        }
        for _ in 0..rest.unsigned()? {
            spans.push(SpanId::from_bits(u64::from_le_bytes(rest.array()?)));
        }
        for _ in 0..rest.unsigned()? {
            points.push(rest.text()?);
        }
        Some(Block { units, spans, points, rest })
    }

    /// Gives every entry with the place of its point.
    pub(super) fn each(mut self, mut take: impl FnMut(usize, Entry)) -> Result<(), NoBlock> {
        let mut before = 0;
        while !self.rest.0.is_empty() {
            let (point, entry) = self.entry(before).ok_or(NoBlock)?;
            before = entry.time;
            take(point, entry);
        }
        Ok(())
    }

    fn entry(&mut self, before: i64) -> Option<(usize, Entry)> {
        let Block { units, spans, points, rest } = self;
        let time = before.wrapping_add(rest.signed()?);
        let span = *spans.get(usize::try_from(rest.unsigned()?).ok()?)?;
        let seq = rest.unsigned()?;
        let place = u32::try_from(rest.unsigned()?).ok()?;
        let point = usize::try_from(rest.unsigned()?).ok().filter(|point| *point < points.len())?;
        let unit = match usize::try_from(rest.unsigned()?).ok()? {
            0 => None,
            unit => Some(*units.get(unit - 1)?),
        };
        let [code] = rest.array()?;
        let quality = Quality::from_code(code)?;
        let number = match unit {
            Some(unit) => Some((f64::from_le_bytes(rest.array()?), unit)),
            None => None,
        };
        Some((point, Entry { time, span, seq, place, number, quality }))
    }
}

/// An entry and its point as a row.
pub(super) fn row(gateway: &GatewayId, point: &PointId, entry: Entry) -> Row {
    let point =
        firegrid_wire::names::FullPointId { gateway: gateway.clone(), point: point.clone() };
    Row {
        point,
        time: GatewayTime::from_millis(entry.time),
        span: entry.span,
        seq: entry.seq,
        index: entry.place,
        number: entry.number,
        quality: entry.quality,
    }
}

/// The place of one in a short list, which it joins if it is new.
fn place_of<T: PartialEq>(list: &mut Vec<T>, one: T) -> u64 {
    let place = list.iter().position(|known| *known == one).unwrap_or_else(|| {
        list.push(one);
        list.len() - 1
    });
    place as u64
}

fn unsigned(mut number: u64, to: &mut Vec<u8>) {
    while 0x80 <= number {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn signed(number: i64, to: &mut Vec<u8>) {
    unsigned((number << 1 ^ number >> 63).cast_unsigned(), to);
}

fn text(text: &str, to: &mut Vec<u8>) {
    unsigned(text.len() as u64, to);
    to.extend(text.as_bytes());
}

/// What is left to read.
#[derive(Debug)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_entry() -> impl Strategy<Value = (usize, Entry)> {
        let unit = prop::sample::select(Unit::ALL.to_vec());
        let number = prop::option::of((any::<f64>(), unit));
        let quality = prop::sample::select(Quality::ALL.to_vec());
        (0..3_usize, any::<i64>(), any::<u64>(), any::<u64>(), any::<u32>(), number, quality)
            .prop_map(|(point, time, span, seq, place, number, quality)| {
                let span = SpanId::from_bits(span);
                let number = number.filter(|(number, _)| number.is_finite());
                (point, Entry { time, span, seq, place, number, quality })
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in prop::collection::vec(any_entry(), 0..40)) {
            let names = ["a/b", "a/c", "d/e"];
            let mut writer = BlockWriter::default();
            entries.iter().for_each(|(point, entry)| writer.push(names[*point], entry));
            let bytes = writer.finish();
            let block = Block::open(&bytes).expect("a block");
            let points: Vec<String> = block.points.iter().map(|name| (*name).into()).collect();
            let mut read = Vec::new();
            block.each(|point, entry| read.push((points[point].clone(), entry))).expect("entries");
            let told: Vec<(String, Entry)> =
                entries.iter().map(|(point, entry)| (names[*point].into(), *entry)).collect();
            prop_assert_eq!(read, told);
        }

        #[test]
        fn no_bytes_however_wild_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(block) = Block::open(&bytes) {
                let _ = block.each(|_, _| {});
            }
        }
    }
}
