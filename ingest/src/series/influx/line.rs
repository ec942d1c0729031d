//! A row as a line of the line protocol.

use std::fmt::Write;

use super::MEASUREMENT;
use crate::series::Row;

/// Nanoseconds in a millisecond.
pub(super) const NANOS: i64 = 1_000_000;

/// Places of readings of one batch below the millisecond, and of batches above those: together
/// less than [`NANOS`]. A batch of 64 KiB holds fewer readings.
const INDEXES: u64 = 4_096;
const BATCHES: u64 = 244;

/// The latest moment that InfluxDB takes, in milliseconds, and the same before 1970.
const LAST_MILLIS: i64 = 9_223_372_036_854;

pub(super) fn of_row(row: &Row) -> String {
    let mut line = format!(
        "{MEASUREMENT},gateway={},point={},quality={}",
        escaped(row.point.gateway.as_str()),
        escaped(row.point.point.as_str()),
        row.quality
    );
    // Writing into a String cannot fail.
    let number = row.number.filter(|(number, _)| number.is_finite());
    if let Some((_, unit)) = number {
        let _ = write!(line, ",unit={}", escaped(unit.as_str()));
    }
    line.push(' ');
    if let Some((number, _)) = number {
        // Never in the form of 1e300, which not every server reads.
        let _ = write!(line, "number={number},");
    }
    let (seq, index, span) = (row.seq, row.index, row.span);
    let _ = write!(line, "seq={seq}i,index={index}i,span=\"{span}\" {}", nanos(row));
    line
}

/// When the row was read, with its place below the millisecond.
fn nanos(row: &Row) -> i64 {
    let batch = row.span.bits().wrapping_add(row.seq) % BATCHES;
    let place = batch * INDEXES + u64::from(row.index) % INDEXES;
    at(row.time.millis()) + place.cast_signed()
}

/// Milliseconds as nanoseconds.
pub(super) fn at(millis: i64) -> i64 {
    millis.clamp(-LAST_MILLIS + 1, LAST_MILLIS - 1) * NANOS
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ' ' | ',' | '=' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
