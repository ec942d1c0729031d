//! Questions in Flux, and the CSV of their answers.

use std::collections::{BTreeMap, HashMap};

use firegrid_wire::names::FullPointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::time::{GatewayTime, Millis};

use super::MEASUREMENT;
use super::line::{NANOS, at};
use crate::series::{Bucket, Row, Spread};

/// One record of an answer: its columns by name.
pub(super) type Record = HashMap<String, String>;

/// The rows of a point, oldest first, `ns` being their time.
pub(super) fn raw(
    bucket: &str,
    point: &FullPointId,
    from: GatewayTime,
    to: GatewayTime,
    limit: usize,
) -> String {
    format!(
        "{}\
         |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\
         |> group() |> sort(columns: [\"_time\"]) |> limit(n: {limit})\
         |> map(fn: (r) => ({{r with ns: int(v: r._time)}}))",
        rows(bucket, point, from, to)
    )
}

/// Every step's count (no unit), and per unit the count and spread of its good rows.
pub(super) fn buckets(
    bucket: &str,
    point: &FullPointId,
    from: GatewayTime,
    to: GatewayTime,
    step: Millis,
) -> String {
    let rows = rows(bucket, point, from, to);
    let piece = |source: &str, what: &str, function: &str| {
        format!(
            "{source} |> aggregateWindow(every: {}ms, fn: {function}, timeSrc: \"_start\", \
             createEmpty: false) |> map(fn: (r) => ({{ns: int(v: r._time), unit: r.unit, \
             what: \"{what}\", value: float(v: r._value)}}))",
            step.get()
        )
    };
    let pieces = [
        piece("all", "all", "count"),
        piece("good", "good", "count"),
        piece("good", "min", "min"),
        piece("good", "mean", "mean"),
        piece("good", "max", "max"),
    ];
    format!(
        "rows = {rows}\n\
         all = rows |> filter(fn: (r) => r._field == \"seq\") |> group() |> set(key: \"unit\", value: \"\")\n\
         good = rows |> filter(fn: (r) => r._field == \"number\" and r.quality == \"good\") \
         |> group(columns: [\"unit\"])\n\
         union(tables: [{}]) |> group()",
        pieces.join(",\n")
    )
}

fn rows(bucket: &str, point: &FullPointId, from: GatewayTime, to: GatewayTime) -> String {
    format!(
        "from(bucket: {}) |> range(start: time(v: {}), stop: time(v: {}))\
         |> filter(fn: (r) => r._measurement == \"{MEASUREMENT}\" and r.gateway == {} and r.point == {})",
        quoted(bucket),
        at(from.millis()),
        at(to.millis()),
        quoted(point.gateway.as_str()),
        quoted(point.point.as_str()),
    )
}

/// A text of Flux. `${` would begin an expression.
fn quoted(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    format!("\"{plain}\"")
}

/// Whether this refusal means that the server has no Flux at all. An InfluxDB that misses a
/// bucket says so with a code of its own.
pub(super) fn is_unknown_here(status: u16, said: &str) -> bool {
    said.contains("unsupported path")
        || (matches!(status, 404 | 405 | 501) && !said.contains("\"code\""))
}

/// The records of an annotated CSV: tables after one another, each with a head of its own.
pub(super) fn records(text: &[u8]) -> Result<Vec<Record>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text);
    let mut head: Option<csv::StringRecord> = None;
    let mut records = Vec::new();
    for line in reader.records() {
        let line = line.map_err(|error| format!("the series store's answer is no CSV: {error}"))?;
        let is = |place: usize, name: &str| line.get(place) == Some(name);
        if is(0, "error") || is(1, "error") || (is(1, "result") && is(2, "table")) {
            head = Some(line);
        } else {
            let head = head.as_ref().ok_or("the series store's answer has no head")?;
            let pairs = head.iter().zip(line.iter());
            let record: Record =
                pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            if let Some(error) = record.get("error") {
                return Err(error.clone());
            }
            records.push(record);
        }
    }
    Ok(records)
}

fn column<T: std::str::FromStr>(record: &Record, name: &str) -> Result<T, String> {
    let text = record.get(name).map_or("", String::as_str);
    text.parse().map_err(|_| format!("the series store answered {text:?} as {name}"))
}

/// A row that was answered.
pub(super) fn row(record: &Record, point: &FullPointId) -> Result<Row, String> {
    let present = |name: &str| record.get(name).is_some_and(|text| !text.is_empty());
    let number = match present("number") && present("unit") {
        true => Some((column::<f64>(record, "number")?, column::<Unit>(record, "unit")?)),
        false => None,
    };
    let quality = record.get("quality").and_then(|word| Quality::from_word(word));
    let nanos: i64 = column(record, "ns")?;
    Ok(Row {
        point: point.clone(),
        time: GatewayTime::from_millis(nanos.div_euclid(NANOS)),
        span: column(record, "span")?,
        seq: column(record, "seq")?,
        index: column(record, "index")?,
        number,
        quality: quality.ok_or("the series store answered an unknown quality")?,
    })
}

/// What one unit read in one step.
#[derive(Default)]
struct OfUnit {
    good: f64,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
}

/// The buckets that were answered.
pub(super) fn spreads(records: &[Record], step: Millis) -> Result<Vec<Bucket>, String> {
    let mut steps: BTreeMap<i64, (u64, HashMap<String, OfUnit>)> = BTreeMap::new();
    for record in records {
        let nanos: i64 = column(record, "ns")?;
        let value: f64 = column(record, "value")?;
        // The first step begins with the question, not with the step.
        let number = nanos.div_euclid(NANOS).div_euclid(step.get().cast_signed());
        let (count, units) = steps.entry(number).or_default();
        let unit = record.get("unit").cloned().unwrap_or_default();
        match record.get("what").map(String::as_str) {
            Some("all") => *count = value as u64,
            Some("good") => units.entry(unit).or_default().good = value,
            Some("min") => units.entry(unit).or_default().min = Some(value),
            Some("mean") => units.entry(unit).or_default().mean = Some(value),
            Some("max") => units.entry(unit).or_default().max = Some(value),
            _ => return Err("the series store answered what was not asked".into()),
        }
    }
    let bucket = |(number, (count, units)): (i64, (u64, HashMap<String, OfUnit>))| {
        let most = units.iter().max_by(|one, other| one.1.good.total_cmp(&other.1.good));
        let spread = most.and_then(|(unit, of)| {
            let unit = unit.parse().ok()?;
            let mean = of.mean.filter(|mean| mean.is_finite())?;
            Some(Spread { min: of.min?, mean, max: of.max?, unit })
        });
        let start = GatewayTime::from_millis(number.saturating_mul(step.get().cast_signed()));
        Bucket { start, count, spread }
    };
    Ok(steps.into_iter().map(bucket).collect())
}
