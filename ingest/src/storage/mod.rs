//! The tables of the centre: one folder of queries, one file per noun.
//!
//! Nobody else writes SQL. A query is a constant with `$1` parameters that SQLite and
//! PostgreSQL both understand; values are texts, whole numbers and bytes only; nothing is
//! nested, nothing is built from pieces of text. What a noun's file offers:
//!
//! - a plain struct of what one row says, in our own types (`Alarm`, `Hole`, …);
//! - `load(..)` for what the judge needs when it starts, and reading functions for the API,
//!   all on a [`Reader`];
//! - `put(..)` (insert, or replace by the same name) and `remove(..)` on a [`Transaction`].
//!   They are idempotent, so a commit of which nobody knows whether it stood can be repeated.
//!
//! There is one [`Writer`]. The judge's runner owns it; during the start the registry uses it
//! first. There are several readers, which see what is committed and can write nothing.
//!
//! Knows nothing of rules, of MQTT, and of what an alarm means.

pub mod alarms;
pub mod catalogues;
pub mod conflicts;
pub mod dead_letters;
pub mod events;
pub mod gateways;
pub mod history;
pub mod holes;
pub mod inbox;
pub mod positions;
pub mod readings;
pub mod registry;
mod rows;
pub mod rule_state;
pub mod tickets;

use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

/// How many answers the API may be reading at the same time.
const READERS: u32 = 4;

/// How long a question of the API waits for a free reader.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// The name of the database in the data folder.
const FILE: &str = "firegrid.db";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The one connection that writes.
#[derive(Debug)]
pub struct Writer {
    connection: AnyConnection,
}

/// Connections that read what is committed.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(in crate::storage) pool: AnyPool,
}

/// Everything written through it stands together, or not at all. Dropped, it never was.
pub struct Transaction<'a> {
    pub(in crate::storage) inner: sqlx::Transaction<'a, sqlx::Any>,
}

/// Opens the database in the data folder, makes it if there is none, and brings its tables up
/// to date.
pub async fn open(folder: &Path) -> Result<(Writer, Reader), StorageError> {
    sqlx::any::install_default_drivers();
    std::fs::create_dir_all(folder).map_err(|error| StorageError::unopened(folder, &error))?;
    let file = folder.join(FILE);
    let refused = |error: &dyn std::fmt::Display| StorageError::unopened(&file, error);
    let mut connection = connect(&url(&file, "rwc")).await.map_err(|error| refused(&error))?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| refused(&error))?;
    let options: AnyConnectOptions =
        url(&file, "ro").parse().map_err(|error: sqlx::Error| refused(&error))?;
    let pool = AnyPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(READING).await.map(|_| ()) })
        })
        .connect_lazy_with(options);
    Ok((Writer { connection }, Reader { pool }))
}

/// What SQLite is told of a connection that writes: a commit is on the disk when it answers.
/// The only statements here that are not for every engine.
const WRITING: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA busy_timeout = 500; PRAGMA journal_size_limit = 67108864";

/// What SQLite is told of a connection that reads.
const READING: &str = "PRAGMA query_only = 1; PRAGMA busy_timeout = 5000";

async fn connect(url: &str) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(WRITING).await?;
    Ok(connection)
}

impl Writer {
    /// Begins to write.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, StorageError> {
        Ok(Transaction { inner: self.connection.begin().await? })
    }

    /// Lets go of the database.
    pub async fn close(self) -> Result<(), StorageError> {
        Ok(self.connection.close().await?)
    }
}

#[cfg(test)]
impl Writer {
    /// Locks the database until the writer is closed, as another process might.
    pub(crate) async fn hold(&mut self) -> Result<(), StorageError> {
        self.connection.execute("BEGIN IMMEDIATE").await?;
        Ok(())
    }
}

impl Transaction<'_> {
    /// Makes everything that was written stand. When it answers, it is on the disk.
    pub async fn commit(self) -> Result<(), StorageError> {
        Ok(self.inner.commit().await?)
    }
}

impl Reader {
    /// Lets go of the database.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Why the database did not do what was asked, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It could not be opened: look at the folder, its rights, and the space on the disk.
    #[error("the database {file} cannot be opened: {reason}")]
    Unopened {
        /// Where it should be.
        file: String,
        /// What the database said.
        reason: String,
    },
    /// It did not answer or could not write. Try again.
    #[error("the database did not do it: {0}")]
    TryAgain(#[from] sqlx::Error),
    /// A row does not say what this program wrote: another version has been here, or the file
    /// is damaged.
    #[error("table {table} holds a row that cannot be read: {reason}")]
    Strange {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        reason: String,
    },
}

impl StorageError {
    fn unopened(file: &Path, error: &(impl std::fmt::Display + ?Sized)) -> StorageError {
        StorageError::Unopened { file: file.display().to_string(), reason: error.to_string() }
    }
}

/// The address of a SQLite file, whatever letters its path is made of.
fn url(file: &Path, mode: &str) -> String {
    use std::fmt::Write;
    let mut url = String::from("sqlite://");
    for byte in file.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            url.push(char::from(*byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    let _ = write!(url, "?mode={mode}");
    url
}

#[cfg(test)]
mod tests;
