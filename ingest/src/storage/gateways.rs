//! The gateways: those of the registry, and every other one that was ever heard.

use std::collections::BTreeMap;

use firegrid_wire::names::GatewayId;
use firegrid_wire::time::CentreTime;

use super::many::Upsert;
use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// A gateway and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its name.
    pub id: GatewayId,
    /// The unit it belongs to; none while nobody has said (待归属).
    pub unit: Option<String>,
    /// When the centre first knew of it.
    pub known: CentreTime,
}

/// Every gateway.
pub async fn load(reader: &Reader) -> Result<Vec<Gateway>, StorageError> {
    let rows = sqlx::query("SELECT id, unit, known_at FROM gateway ORDER BY id")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "gateway", row };
            Ok(Gateway {
                id: row.parsed("id")?,
                unit: row.maybe_text("unit")?,
                known: CentreTime::from_millis(row.number("known_at")?),
            })
        })
        .collect()
}

const GATEWAYS: Upsert =
    Upsert { table: "gateway", key: &["id"], columns: &["unit"], first: &["known_at"] };

/// Writes where gateways belong; of several rows of one the last counts. When it was first known
/// stays.
pub async fn put(to: &mut Transaction<'_>, rows: &[Gateway]) -> Result<(), StorageError> {
    // PostgreSQL replaces no row twice in one question.
    let mut each: BTreeMap<&GatewayId, (Option<&str>, CentreTime)> = BTreeMap::new();
    for row in rows {
        let stands = each.entry(&row.id).or_insert((None, row.known));
        stands.0 = row.unit.as_deref();
    }
    let each: Vec<_> = each.into_iter().collect();
    GATEWAYS
        .put(to, &each, |asked, (id, (unit, known))| {
            asked.bind(id.to_string()).bind(unit.map(str::to_owned)).bind(known.millis())
        })
        .await
}
