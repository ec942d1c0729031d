//! The gateways: those of the registry, and every other one that was ever heard.

use firegrid_wire::names::GatewayId;
use firegrid_wire::time::CentreTime;

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

/// Writes where a gateway belongs; when it was first known stays.
pub async fn put(to: &mut Transaction<'_>, row: &Gateway) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO gateway (id, unit, known_at) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET unit = excluded.unit",
    )
    .bind(row.id.as_str())
    .bind(row.unit.clone())
    .bind(row.known.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
