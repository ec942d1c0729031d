//! What the rules remember. Its bytes mean something to the rules only.

use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// Everything the rules remember.
pub async fn load(reader: &Reader) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
    let rows = sqlx::query("SELECT id, body FROM rule_state").fetch_all(&reader.pool).await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "rule_state", row };
            Ok((row.text("id")?, row.bytes("body")?))
        })
        .collect()
}

/// Writes what the rules remember under a key.
pub async fn put(to: &mut Transaction<'_>, id: &str, body: &[u8]) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO rule_state (id, body) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    )
    .bind(id)
    .bind(body)
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// Forgets a key.
pub async fn remove(to: &mut Transaction<'_>, id: &str) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM rule_state WHERE id = $1").bind(id).execute(&mut *to.inner).await?;
    Ok(())
}
