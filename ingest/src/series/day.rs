//! One day of series in one SQLite file.
//!
//! A file is complete in itself, so that forgetting a day is removing a file, and a damaged file
//! takes no other day with it. WAL with `synchronous = FULL`: what a commit has answered for
//! survives a power cut.
//!
//! ```text
//!   write ─► fresh: one block per gateway and write, as they came
//!               │  a gateway's fresh blocks weigh FRESH_BYTES
//!               └─► a run: the same readings sorted, one curve per point
//! ```
//!
//! A row for each reading would cost a page of the file each, since boxes tell of their points in
//! turn. So a write only appends; a question looks through the fresh blocks of one gateway, which
//! are few, and finds one curve in every run. The same reading written twice may stand twice: the
//! one that stands first counts, here and when a run is made.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::time::{GatewayTime, Millis};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::Row;
use super::block::{Block, BlockWriter, Entry, NoBlock, row};

/// The form of the tables below. A file of another form is set aside, not guessed at.
const FORM: i64 = 2;

const TABLES: &str = "
    CREATE TABLE fresh (
        id INTEGER PRIMARY KEY, gateway TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX fresh_by_gateway ON fresh (gateway);
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, gateway TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL
    );
    CREATE INDEX run_by_gateway ON run (gateway);
    CREATE TABLE curve (
        run INTEGER NOT NULL, point TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, point)
    ) WITHOUT ROWID;
";

/// What the fresh blocks of one gateway weigh before they become a run: some 150,000 readings,
/// which are looked through in milliseconds.
const FRESH_BYTES: u64 = if cfg!(test) { 256 } else { 4 * 1024 * 1024 };

/// How long one connection waits for another.
const LOCK_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Writes one day. Dropped after any error, so that it never remembers what was rolled back.
pub(super) struct DayWriter {
    connection: Connection,
    /// What the fresh blocks of each gateway weigh.
    fresh: HashMap<GatewayId, u64>,
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
        let mut fresh = HashMap::new();
        {
            let mut select = transaction
                .prepare("SELECT gateway, SUM(LENGTH(body)) FROM fresh GROUP BY gateway")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let gateway: String = row.get(0)?;
                let gateway = GatewayId::parse(&gateway)
                    .map_err(|error| DayError::Damaged(error.to_string()))?;
                fresh.insert(gateway, row.get::<_, i64>(1)?.unsigned_abs());
            }
        }
        transaction.commit()?;
        Ok(DayWriter { connection, fresh })
    }

    /// Stores rows in one commit; those already there stay as they are.
    pub(super) fn write<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a Row>,
    ) -> Result<(), DayError> {
        let mut blocks: BTreeMap<&GatewayId, FreshBlock<'_>> = BTreeMap::new();
        for row in rows {
            blocks.entry(&row.point.gateway).or_default().push(row);
        }
        let mut full = Vec::new();
        let transaction = self.connection.transaction()?;
        for (gateway, block) in blocks {
            let body = block.writer.finish();
            transaction
                .prepare_cached(
                    "INSERT INTO fresh (gateway, first, last, body) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![gateway.as_str(), block.first, block.last, body])?;
            let weight = self.fresh.entry(gateway.clone()).or_default();
            *weight += body.len() as u64;
            if FRESH_BYTES <= *weight {
                full.push(gateway.clone());
            }
        }
        transaction.commit()?;
        for gateway in full {
            match self.make_run(&gateway) {
                // The readings stand; the next write tries it again.
                Err(DayError::TryAgain(reason)) => tracing::debug!(reason, "Run not made."),
                made => made?,
            }
        }
        Ok(())
    }

    /// Sorts what is fresh of a gateway.
    fn make_run(&mut self, gateway: &GatewayId) -> Result<(), DayError> {
        let transaction = self.connection.transaction()?;
        let mut curves: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        let (mut first, mut last, mut newest) = (i64::MAX, i64::MIN, 0_i64);
        {
            let mut select = transaction
                .prepare_cached("SELECT id, body FROM fresh WHERE gateway = ?1 ORDER BY id")?;
            let mut rows = select.query([gateway.as_str()])?;
            while let Some(row) = rows.next()? {
                newest = row.get(0)?;
                let block = Block::open(row.get_ref(1)?.as_blob().map_err(|_| NoBlock)?)?;
                let mut told: Vec<Vec<Entry>> = vec![Vec::new(); block.points.len()];
                let points = block.points.clone();
                block.each(|point, entry| {
                    (first, last) = (first.min(entry.time), last.max(entry.time));
                    told[point].push(entry);
                })?;
                for (point, entries) in points.into_iter().zip(told) {
                    match curves.get_mut(point) {
                        Some(curve) => curve.extend(entries),
                        None => drop(curves.insert(point.to_owned(), entries)),
                    }
                }
            }
        }
        let run = transaction
            .prepare_cached("INSERT INTO run (gateway, first, last) VALUES (?1, ?2, ?3)")?
            .insert(params![gateway.as_str(), first, last])?;
        for (point, entries) in &mut curves {
            in_order(entries);
            let mut writer = BlockWriter::default();
            entries.iter().for_each(|entry| writer.push(point, entry));
            transaction
                .prepare_cached("INSERT INTO curve (run, point, body) VALUES (?1, ?2, ?3)")?
                .execute(params![run, point, writer.finish()])?;
        }
        transaction
            .prepare_cached("DELETE FROM fresh WHERE gateway = ?1 AND id <= ?2")?
            .execute(params![gateway.as_str(), newest])?;
        transaction.commit()?;
        self.fresh.remove(gateway);
        Ok(())
    }
}

/// What a write brings of one gateway.
struct FreshBlock<'a> {
    writer: BlockWriter<'a>,
    first: i64,
    last: i64,
}

impl Default for FreshBlock<'_> {
    fn default() -> Self {
        FreshBlock { writer: BlockWriter::default(), first: i64::MAX, last: i64::MIN }
    }
}

impl<'a> FreshBlock<'a> {
    fn push(&mut self, row: &'a Row) {
        let entry = Entry::of(row);
        self.first = self.first.min(entry.time);
        self.last = self.last.max(entry.time);
        self.writer.push(row.point.point.as_str(), &entry);
    }
}

/// Sorts entries; of those that are the same, the first stays.
fn in_order(entries: &mut Vec<Entry>) {
    entries.sort_by_key(Entry::name);
    entries.dedup_by_key(|entry| entry.name());
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
        let entries = self.entries(point, from, to)?;
        let rows = entries.into_iter().take(limit);
        Ok(rows.map(|entry| row(&point.gateway, &point.point, entry)).collect())
    }

    /// The point's rows with `from <= time < to`, heaped up by step and unit.
    pub(super) fn heaps(
        &self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
    ) -> Result<Vec<Heap>, DayError> {
        let step = i64::try_from(step.get()).unwrap_or(i64::MAX).max(1);
        let mut heaps: Vec<Heap> = Vec::new();
        for entry in self.entries(point, from, to)? {
            let (number, unit) = (entry.time / step, entry.number.map(|(_, unit)| unit));
            let found = heaps.iter_mut().rev().take_while(|heap| heap.step == number);
            let heap = match found.into_iter().find(|heap| heap.unit == unit) {
                Some(heap) => heap,
                None => {
                    heaps.push(Heap::new(number, unit));
                    let last = heaps.len() - 1;
                    &mut heaps[last]
                }
            };
            heap.count += 1;
            if let (Some((number, _)), Quality::Good) = (entry.number, entry.quality) {
                heap.good += 1;
                heap.min = heap.min.min(number);
                heap.sum += number;
                heap.max = heap.max.max(number);
            }
        }
        Ok(heaps)
    }

    /// What is known of a point with `from <= time < to`, in order.
    fn entries(
        &self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
    ) -> Result<Vec<Entry>, DayError> {
        let (from, to) = (from.millis(), to.millis());
        let mut entries = Vec::new();
        let mut take = |body: &[u8]| -> Result<(), DayError> {
            let block = Block::open(body)?;
            let Some(wanted) = block.points.iter().position(|id| *id == point.point.as_str())
            else {
                return Ok(());
            };
            block.each(|point, entry| {
                if point == wanted && (from..to).contains(&entry.time) {
                    entries.push(entry);
                }
            })?;
            Ok(())
        };
        // Of one moment: a run that is just being made takes nothing away between the two.
        let moment = self.connection.unchecked_transaction()?;
        {
            let mut select = moment.prepare_cached(
                "SELECT curve.body FROM run JOIN curve ON curve.run = run.id AND curve.point = ?4
                 WHERE run.gateway = ?1 AND ?2 <= run.last AND run.first < ?3 ORDER BY run.id",
            )?;
            let (gateway, point) = (point.gateway.as_str(), point.point.as_str());
            let mut rows = select.query(params![gateway, from, to, point])?;
            while let Some(row) = rows.next()? {
                take(row.get_ref(0)?.as_blob().map_err(|_| NoBlock)?)?;
            }
            let mut select = moment.prepare_cached(
                "SELECT body FROM fresh
                 WHERE gateway = ?1 AND ?2 <= last AND first < ?3 ORDER BY id",
            )?;
            let mut rows = select.query(params![gateway, from, to])?;
            while let Some(row) = rows.next()? {
                take(row.get_ref(0)?.as_blob().map_err(|_| NoBlock)?)?;
            }
        }
        moment.finish()?;
        in_order(&mut entries);
        Ok(entries)
    }
}

impl Heap {
    fn new(step: i64, unit: Option<Unit>) -> Heap {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Heap { step, unit, count: 0, good: 0, min, sum: 0.0, max }
    }
}

fn form_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

impl From<NoBlock> for DayError {
    fn from(_: NoBlock) -> DayError {
        DayError::Damaged("a block of readings cannot be read".into())
    }
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
