//! One day of series in one SQLite file.
//!
//! A file is complete in itself: it has its own short ids for points and spans, so that
//! forgetting a day is removing a file, and a damaged file takes no other day with it.
//! WAL with `synchronous = FULL`: what a commit has answered for survives a power cut.

use std::collections::HashMap;
use std::path::Path;

use firegrid_wire::names::FullPointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::SpanId;
use firegrid_wire::time::{GatewayTime, Millis};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::Row;

/// The form of the tables below. A file of another form is set aside, not guessed at.
const FORM: i64 = 1;

const TABLES: &str = "
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, point TEXT NOT NULL, unit TEXT NOT NULL, UNIQUE (point, unit)
    );
    CREATE TABLE span (id INTEGER PRIMARY KEY, bits INTEGER NOT NULL UNIQUE);
    CREATE TABLE reading (
        series INTEGER NOT NULL, time INTEGER NOT NULL, span INTEGER NOT NULL,
        seq INTEGER NOT NULL, place INTEGER NOT NULL,
        number REAL, quality INTEGER NOT NULL,
        PRIMARY KEY (series, time, span, seq, place)
    ) WITHOUT ROWID;
";

/// Short ids remembered per open file; beyond it they are looked up again.
const IDS_REMEMBERED: usize = 50_000;

/// How long one connection waits for another.
const LOCK_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Writes one day. Dropped after any error, so that it never remembers ids that were rolled back.
pub(super) struct DayWriter {
    connection: Connection,
    series: HashMap<(FullPointId, &'static str), i64>,
    spans: HashMap<SpanId, i64>,
}

/// Reads one day beside its writer.
pub(super) struct DayReader {
    connection: Connection,
}

/// The rows of one step of time and one unit, not yet joined with those of other files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heap {
    pub(super) step: i64,
    pub(super) unit: Option<Unit>,
    pub(super) count: u64,
    pub(super) good: u64,
    pub(super) min: f64,
    pub(super) sum: f64,
    pub(super) max: f64,
}

/// What is wrong with a file, by what to do about it.
#[derive(Debug)]
pub(super) enum DayError {
    /// It may work later: locked, no space, no permission.
    TryAgain(String),
    /// It is no day of series any more, and never will be.
    Damaged(String),
}

impl DayWriter {
    pub(super) fn open(path: &Path) -> Result<DayWriter, DayError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(LOCK_PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction()?;
        match form_of(&transaction)? {
            0 => {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "user_version", FORM)?;
            }
            FORM => {}
            other => return Err(DayError::Damaged(format!("its form {other} is not {FORM}"))),
        }
        transaction.commit()?;
        Ok(DayWriter { connection, series: HashMap::new(), spans: HashMap::new() })
    }

    /// Stores rows in one commit; those already there stay as they are.
    pub(super) fn write<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a Row>,
    ) -> Result<(), DayError> {
        if IDS_REMEMBERED < self.series.len() + self.spans.len() {
            self.series.clear();
            self.spans.clear();
        }
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO reading (series, time, span, seq, place, number, quality)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for row in rows {
                let unit = row.number.map_or("", |(_, unit)| unit.as_str());
                let series = match self.series.get(&(row.point.clone(), unit)) {
                    Some(id) => *id,
                    None => {
                        let id = series_id(&transaction, &row.point, unit)?;
                        self.series.insert((row.point.clone(), unit), id);
                        id
                    }
                };
                let span = match self.spans.get(&row.span) {
                    Some(id) => *id,
                    None => {
                        let id = span_id(&transaction, row.span)?;
                        self.spans.insert(row.span, id);
                        id
                    }
                };
                insert.execute(params![
                    series,
                    row.time.millis(),
                    span,
                    row.seq.cast_signed(),
                    row.index,
                    row.number.map(|(number, _)| number),
                    quality_code(row.quality),
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl DayReader {
    pub(super) fn open(path: &Path) -> Result<DayReader, DayError> {
        // A reader of a WAL file may have to rebuild its index, so the file is not opened
        // read-only; that nothing is written is asked of the connection.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCK_PATIENCE)?;
        connection.pragma_update(None, "query_only", true)?;
        match form_of(&connection)? {
            FORM => Ok(DayReader { connection }),
            0 => Err(DayError::TryAgain("the file is just being made".into())),
            other => Err(DayError::Damaged(format!("its form {other} is not {FORM}"))),
        }
    }

    /// The oldest rows of a point with `from <= time < to`.
    pub(super) fn raw(
        &self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
    ) -> Result<Vec<Row>, DayError> {
        let mut select = self.connection.prepare_cached(
            "SELECT reading.time, span.bits, reading.seq, reading.place, reading.number,
                    series.unit, reading.quality
             FROM series
             JOIN reading ON reading.series = series.id
             JOIN span ON span.id = reading.span
             WHERE series.point = ?1 AND ?2 <= reading.time AND reading.time < ?3
             ORDER BY reading.time, reading.span, reading.seq, reading.place
             LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(
            params![point.to_string(), from.millis(), to.millis(), limit],
            |row| {
                let number: Option<f64> = row.get(4)?;
                let unit = row.get_ref(5)?.as_str().ok().and_then(|unit| unit.parse().ok());
                Ok(Row {
                    point: point.clone(),
                    time: GatewayTime::from_millis(row.get(0)?),
                    span: SpanId::from_bits(row.get::<_, i64>(1)?.cast_unsigned()),
                    seq: row.get::<_, i64>(2)?.cast_unsigned(),
                    index: row.get(3)?,
                    number: number.zip(unit),
                    quality: quality_of(row.get(6)?),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The point's rows with `from <= time < to`, heaped up by step and unit.
    pub(super) fn heaps(
        &self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
    ) -> Result<Vec<Heap>, DayError> {
        let mut select = self.connection.prepare_cached(
            "SELECT time / ?4, unit, COUNT(*), COUNT(good), MIN(good), SUM(good), MAX(good)
             FROM (
                 SELECT reading.time AS time, series.unit AS unit,
                        CASE WHEN reading.quality = 0 THEN reading.number END AS good
                 FROM series JOIN reading ON reading.series = series.id
                 WHERE series.point = ?1 AND ?2 <= reading.time AND reading.time < ?3
             )
             GROUP BY 1, 2",
        )?;
        let step = i64::try_from(step.get()).unwrap_or(i64::MAX).max(1);
        let heaps = select.query_map(
            params![point.to_string(), from.millis(), to.millis(), step],
            |row| {
                Ok(Heap {
                    step: row.get(0)?,
                    unit: row.get_ref(1)?.as_str().ok().and_then(|unit| unit.parse().ok()),
                    count: row.get::<_, i64>(2)?.unsigned_abs(),
                    good: row.get::<_, i64>(3)?.unsigned_abs(),
                    min: row.get::<_, Option<f64>>(4)?.unwrap_or(f64::INFINITY),
                    sum: row.get::<_, Option<f64>>(5)?.unwrap_or(0.0),
                    max: row.get::<_, Option<f64>>(6)?.unwrap_or(f64::NEG_INFINITY),
                })
            },
        )?;
        Ok(heaps.collect::<Result<_, _>>()?)
    }
}

fn form_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn series_id(
    connection: &Connection,
    point: &FullPointId,
    unit: &str,
) -> Result<i64, rusqlite::Error> {
    let point = point.to_string();
    let known = connection
        .prepare_cached("SELECT id FROM series WHERE point = ?1 AND unit = ?2")?
        .query_row(params![point, unit], |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => connection
            .prepare_cached("INSERT INTO series (point, unit) VALUES (?1, ?2)")?
            .insert(params![point, unit]),
    }
}

fn span_id(connection: &Connection, span: SpanId) -> Result<i64, rusqlite::Error> {
    let bits = span.bits().cast_signed();
    let known = connection
        .prepare_cached("SELECT id FROM span WHERE bits = ?1")?
        .query_row([bits], |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => connection.prepare_cached("INSERT INTO span (bits) VALUES (?1)")?.insert([bits]),
    }
}

/// The number of a quality in the file. Good must be 0, the spread counts on it.
const fn quality_code(quality: Quality) -> i64 {
    match quality {
        Quality::Good => 0,
        Quality::OutOfRange => 1,
        Quality::SensorFault => 2,
        Quality::Stuck => 3,
    }
}

/// The quality of a number in the file. One that nobody wrote cannot be believed.
fn quality_of(code: i64) -> Quality {
    Quality::ALL
        .into_iter()
        .find(|quality| quality_code(*quality) == code)
        .unwrap_or(Quality::SensorFault)
}

impl From<rusqlite::Error> for DayError {
    fn from(error: rusqlite::Error) -> DayError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                DayError::Damaged(error.to_string())
            }
            Some(_) | None => DayError::TryAgain(error.to_string()),
        }
    }
}
