//! Catalogue pages, as they travelled.

use firegrid_wire::catalogue::{CatalogueHash, Page};
use firegrid_wire::names::GatewayId;
use firegrid_wire::time::CentreTime;

use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// A page of a gateway's catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CataloguePage {
    /// Whose catalogue.
    pub gateway: GatewayId,
    /// The page itself; its hash and number are its name.
    pub page: Page,
    /// When it came first.
    pub arrived: CentreTime,
}

/// Every page, the oldest first.
pub async fn load(reader: &Reader) -> Result<Vec<CataloguePage>, StorageError> {
    let rows =
        sqlx::query("SELECT gateway, body, arrived_at FROM catalogue_page ORDER BY arrived_at")
            .fetch_all(&reader.pool)
            .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "catalogue_page", row };
            Ok(CataloguePage {
                gateway: row.parsed("gateway")?,
                page: serde_json::from_slice(&row.bytes("body")?)
                    .map_err(|error| row.strange("body", &error))?,
                arrived: CentreTime::from_millis(row.number("arrived_at")?),
            })
        })
        .collect()
}

/// Keeps a page.
pub async fn put(to: &mut Transaction<'_>, row: &CataloguePage) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO catalogue_page (gateway, hash, page, body, arrived_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (gateway, hash, page) DO NOTHING",
    )
    .bind(row.gateway.as_str())
    .bind(row.page.hash.as_str())
    .bind(i64::from(row.page.page))
    .bind(serde_json::to_vec(&row.page).unwrap_or_default())
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// Forgets a catalogue that no batch names any more.
pub async fn remove(
    to: &mut Transaction<'_>,
    gateway: &GatewayId,
    hash: &CatalogueHash,
) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM catalogue_page WHERE gateway = $1 AND hash = $2")
        .bind(gateway.as_str())
        .bind(hash.as_str())
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}
