//! A copy of the tables while the centre runs, and what a centre that was put back on one knows.
//!
//! A copy is older than the centre was when it is put back: boxes have forgotten, on receipts,
//! what it does not hold. So a copy carries a mark. Whoever opens it for writing learns of the
//! mark, tells people, and takes it away in the same commit. What is missing the boxes say
//! themselves, with a marker each.

use std::path::Path;

use firegrid_wire::time::CentreTime;
use sqlx::{AnyConnection, Connection};

use super::place::FILE;
use super::rows::Columns;
use super::{Place, Reader, StorageError, Transaction};

/// The name under which a copy keeps when it was made.
const COPIED: &str = "copied";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum NotCopied {
    /// A server makes its own copies.
    #[error("the tables stand in {0}: copy them with pg_dump, which does so while the centre runs")]
    AskTheServer(String),
    /// There is something already.
    #[error("{0} exists already")]
    Exists(String),
    /// There is nothing to copy.
    #[error("there is no database {0}")]
    Nothing(String),
    /// The database could not.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database could not.
    #[error("the copy cannot be made: {0}")]
    Database(#[from] sqlx::Error),
}

/// Copies the tables of a file into a new file, whether a centre writes meanwhile or not.
pub async fn copy(place: &Place, to: &Path, now: CentreTime) -> Result<(), NotCopied> {
    let Place::Folder(folder) = place else {
        return Err(NotCopied::AskTheServer(place.to_string()));
    };
    if to.exists() {
        return Err(NotCopied::Exists(to.display().to_string()));
    }
    if !folder.join(FILE).exists() {
        return Err(NotCopied::Nothing(place.to_string()));
    }
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&place.url("rw", "backup")).await?;
    sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&mut connection).await?;
    connection.close().await?;
    let mut copy = AnyConnection::connect(&super::place::file_url(to, "rw")).await?;
    sqlx::query(
        "INSERT INTO tally (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(COPIED)
    .bind(now.millis())
    .execute(&mut copy)
    .await?;
    copy.close().await?;
    Ok(())
}

/// When the copy was made on which this centre was put back; none if it is no copy, or if that
/// was told already.
pub async fn restored(reader: &Reader) -> Result<Option<CentreTime>, StorageError> {
    let row = sqlx::query("SELECT value FROM tally WHERE name = $1")
        .bind(COPIED)
        .fetch_optional(&reader.pool)
        .await?;
    row.map(|row| {
        Columns { table: "tally", row: &row }.number("value").map(CentreTime::from_millis)
    })
    .transpose()
}

/// Marks tables that were put back by other means: a server's own copy carries no mark.
pub async fn put_restored(to: &mut Transaction<'_>, now: CentreTime) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO tally (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(COPIED)
    .bind(now.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// It is told that this centre was put back on a copy. Event ids go on where no id has ever
/// been: pages have seen greater ones than the copy holds, and would wait for those to pass.
pub async fn told(to: &mut Transaction<'_>, now: CentreTime) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM tally WHERE name = $1").bind(COPIED).execute(&mut *to.inner).await?;
    sqlx::query("UPDATE tally SET value = $1 WHERE name = 'event' AND value < $1")
        .bind(now.millis())
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}
