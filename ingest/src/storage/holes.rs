//! What is known to be missing.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::time::CentreTime;

use super::rows::{Columns, stored};
use super::{Reader, StorageError, Transaction};

/// A hole in a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Hole {
    /// Whose lane.
    pub gateway: GatewayId,
    /// Which lane.
    pub lane: Lane,
    /// The batch or marker that told of it. The hole lies before it.
    pub told_by: BatchName,
    /// Why it is one: `restored-spool`, `marker`, `unreadable`, `forgotten` …; with
    /// `series-overflow` only the curves miss it, and it was the batch itself.
    pub kind: String,
    /// What more is known: the last batch before it, a marker's own words.
    pub body: serde_json::Value,
    /// When the centre learned of it.
    pub arrived: CentreTime,
}

/// How many holes each gateway has.
pub async fn counts(reader: &Reader) -> Result<Vec<(GatewayId, u64)>, StorageError> {
    let rows = sqlx::query("SELECT gateway, COUNT(*) AS holes FROM hole GROUP BY gateway")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "hole", row };
            Ok((row.parsed("gateway")?, row.count("holes")?))
        })
        .collect()
}

/// Which holes are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoleFilter {
    /// Only of this gateway.
    pub gateway: Option<GatewayId>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only those before this one: when it was learned of, and its [`Hole::id`].
    pub before: Option<(CentreTime, String)>,
    /// At most so many.
    pub limit: u32,
}

impl Hole {
    /// Its name in lists.
    pub fn id(&self) -> String {
        let Hole { gateway, lane, told_by, .. } = self;
        format!("{gateway}~{lane}~{}~{}", told_by.span, told_by.seq)
    }
}

/// The newest holes first.
pub async fn list(reader: &Reader, filter: &HoleFilter) -> Result<Vec<Hole>, StorageError> {
    let (before, id) = match &filter.before {
        Some((at, id)) => (at.millis(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let rows = sqlx::query(
        "SELECT gateway, lane, span, seq, kind, body, arrived_at FROM hole \
         WHERE ($1 = '' OR gateway = $1) AND ($2 = '' OR kind = $2) \
         AND (arrived_at < $3 OR (arrived_at = $3 \
              AND gateway || '~' || lane || '~' || span || '~' || seq < $4)) \
         ORDER BY arrived_at DESC, gateway || '~' || lane || '~' || span || '~' || seq DESC \
         LIMIT $5",
    )
    .bind(filter.gateway.as_ref().map_or("", GatewayId::as_str))
    .bind(filter.kind.clone().unwrap_or_default())
    .bind(before)
    .bind(id)
    .bind(i64::from(filter.limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "hole", row };
            Ok(Hole {
                gateway: row.parsed("gateway")?,
                lane: row.parsed("lane")?,
                told_by: BatchName { span: row.parsed("span")?, seq: row.count("seq")? },
                kind: row.text("kind")?,
                body: row.json("body")?,
                arrived: CentreTime::from_millis(row.number("arrived_at")?),
            })
        })
        .collect()
}

/// The newest holes of all.
pub async fn newest(reader: &Reader, limit: u32) -> Result<Vec<Hole>, StorageError> {
    list(reader, &HoleFilter { limit, ..HoleFilter::default() }).await
}

/// Records a hole.
pub async fn put(to: &mut Transaction<'_>, row: &Hole) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO hole (gateway, lane, span, seq, kind, body, arrived_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (gateway, lane, span, seq) DO NOTHING",
    )
    .bind(row.gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.told_by.span.to_string())
    .bind(stored(row.told_by.seq))
    .bind(row.kind.clone())
    .bind(row.body.to_string())
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
