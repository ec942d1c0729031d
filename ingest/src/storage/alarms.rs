//! Live alarms and what was done about each.

use firegrid_rules::alarm::{State, Verdict};
use firegrid_rules::incident::Place;
use firegrid_rules::rulebook::Severity;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::time::{CentreTime, GatewayTime};
use sqlx::AssertSqlSafe;

use super::history::{self, Book, HistoryLine, LastLine, read_last};
use super::rows::{Columns, json};
use super::{Reader, StorageError, Transaction};

/// An alarm as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Made of its cause: subject, rule, step, span and moment of raising.
    pub id: String,
    /// What was found: `fire`, `device-silent` …
    pub kind: String,
    /// The rule that found it, or `centre` for what the centre found out about itself.
    pub rule: String,
    /// The step of the rule.
    pub step: String,
    /// How grave it is.
    pub severity: Severity,
    /// The gateway it belongs to; `centre` for the centre itself.
    pub gateway: GatewayId,
    /// The point inside the gateway, if it is about one.
    pub point: Option<PointId>,
    /// The unit; none while the gateway belongs to nobody.
    pub unit: Option<String>,
    /// The small grid the unit lies in.
    pub grid: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What else is known.
    pub body: AlarmBody,
    /// When it was raised in gateway time, if it was judged in it.
    pub raised_t: Option<GatewayTime>,
    /// When the centre raised it.
    pub raised: CentreTime,
    /// When the centre last changed it.
    pub changed: CentreTime,
    /// The number of its last line of history.
    pub version: u32,
}

/// What is known of an alarm beyond its columns.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct AlarmBody {
    /// What was found, in Chinese, for what the centre found out about itself; the rule's own
    /// name says it for all others.
    pub name_zh: Option<String>,
    /// The same in English.
    #[serde(default)]
    pub name_en: Option<String>,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
    /// `historical`, `shielded`, `testing`, `provisional`.
    pub marks: Vec<String>,
    /// How often it was almost over and came back.
    pub relapses: u32,
    /// Who took it last.
    pub acknowledged: Option<Deed>,
    /// When calm was proven.
    pub returned: Option<CentreMillis>,
    /// Whether the point it stands on is another one now or is gone.
    pub retired: bool,
    /// Who closed it.
    pub closed: Option<Deed>,
    /// What it was.
    pub verdict: Option<Verdict>,
    /// Why it was closed without proof.
    pub exception: Option<String>,
    /// The zone of its point, where that is known.
    #[serde(default)]
    pub zone: Option<String>,
    /// Its place among the fires of its unit.
    #[serde(default)]
    pub incident: Option<Place>,
    /// Whether it is only counted: somebody has taken a fire of its zone.
    #[serde(default)]
    pub quiet: bool,
}

impl Alarm {
    /// Whether it must be heard.
    pub fn sounds(&self) -> bool {
        self.state.sounds() && !self.body.quiet
    }
}

/// A moment of the centre in the JSON of a row: whole milliseconds since 1970.
pub type CentreMillis = i64;

/// Something a person did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deed {
    /// Who.
    pub by: String,
    /// When.
    pub at: CentreMillis,
}

/// Which alarms a list holds.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Only of this state.
    pub state: Option<State>,
    /// Only those that are not closed.
    pub open: bool,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this unit.
    pub unit: Option<String>,
    /// Only raised before this one (its moment and id): the next page.
    pub before: Option<(CentreTime, String)>,
    /// At most so many.
    pub limit: u32,
}

const COLUMNS_OF_ALL: &str = "SELECT id, kind, rule, step, severity, gateway, point, unit, grid, \
     state, body, raised_t, raised_at, changed_at, version FROM alarm WHERE state <> 'closed'";

/// Every alarm that is not closed.
pub async fn load_open(reader: &Reader) -> Result<Vec<Alarm>, StorageError> {
    let rows = sqlx::query(COLUMNS_OF_ALL).fetch_all(&reader.pool).await?;
    rows.iter().map(read).collect()
}

/// The newest alarms first.
pub async fn list(reader: &Reader, filter: &AlarmFilter) -> Result<Vec<Alarm>, StorageError> {
    let (before, id) = match &filter.before {
        Some((at, id)) => (at.millis(), id.as_str()),
        None => (i64::MAX, ""),
    };
    // In the words of the index of open ones, or the database would look through all there were.
    let open = if filter.open { "AND state <> 'closed'" } else { "" };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT id, kind, rule, step, severity, gateway, point, unit, grid, state, body, \
         raised_t, raised_at, changed_at, version FROM alarm \
         WHERE ($1 = '' OR state = $1) AND (raised_at < $2 OR (raised_at = $2 AND id < $3)) \
         {open} AND ($5 = '' OR kind = $5) AND ($6 = '' OR unit = $6) \
         ORDER BY raised_at DESC, id DESC LIMIT $4",
    )))
    .bind(filter.state.map_or("", State::as_str))
    .bind(before)
    .bind(id)
    .bind(i64::from(filter.limit))
    .bind(filter.kind.clone().unwrap_or_default())
    .bind(filter.unit.clone().unwrap_or_default())
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// One alarm.
pub async fn one(reader: &Reader, id: &str) -> Result<Option<Alarm>, StorageError> {
    let row = sqlx::query(
        "SELECT id, kind, rule, step, severity, gateway, point, unit, grid, state, body, \
         raised_t, raised_at, changed_at, version FROM alarm WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&reader.pool)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What was done about an alarm, oldest first.
pub async fn history(reader: &Reader, id: &str) -> Result<Vec<HistoryLine>, StorageError> {
    history::read(reader, Book::Alarms, id).await
}

/// The last line of history that each open alarm has.
pub async fn load_lines(reader: &Reader) -> Result<Vec<(String, LastLine)>, StorageError> {
    let rows = sqlx::query(
        "SELECT line.alarm AS id, line.n, line.at, line.who, line.what FROM alarm_history line \
         JOIN alarm ON alarm.id = line.alarm WHERE alarm.state <> 'closed' \
         AND line.n = (SELECT MAX(n) FROM alarm_history WHERE alarm = line.alarm)",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| read_last(&Columns { table: "alarm_history", row })).collect()
}

/// Writes an alarm as it stands.
pub async fn put(to: &mut Transaction<'_>, row: &Alarm) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO alarm (id, kind, rule, step, severity, gateway, point, unit, grid, state, \
         body, raised_t, raised_at, changed_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body, \
         severity = excluded.severity, unit = excluded.unit, grid = excluded.grid, \
         changed_at = excluded.changed_at, version = excluded.version",
    )
    .bind(row.id.clone())
    .bind(row.kind.clone())
    .bind(row.rule.clone())
    .bind(row.step.clone())
    .bind(row.severity.as_str())
    .bind(row.gateway.as_str())
    .bind(row.point.as_ref().map(|point| point.as_str().to_owned()))
    .bind(row.unit.clone())
    .bind(row.grid.clone())
    .bind(row.state.as_str())
    .bind(json(&row.body))
    .bind(row.raised_t.map(GatewayTime::millis))
    .bind(row.raised.millis())
    .bind(row.changed.millis())
    .bind(i64::from(row.version))
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Alarm, StorageError> {
    let row = Columns { table: "alarm", row };
    Ok(Alarm {
        id: row.text("id")?,
        kind: row.text("kind")?,
        rule: row.text("rule")?,
        step: row.text("step")?,
        severity: row.parsed("severity")?,
        gateway: row.parsed("gateway")?,
        point: row.maybe_parsed("point")?,
        unit: row.maybe_text("unit")?,
        grid: row.maybe_text("grid")?,
        state: row.parsed("state")?,
        body: row.json("body")?,
        raised_t: row.maybe_number("raised_t")?.map(GatewayTime::from_millis),
        raised: CentreTime::from_millis(row.number("raised_at")?),
        changed: CentreTime::from_millis(row.number("changed_at")?),
        version: row.small("version")?,
    })
}
