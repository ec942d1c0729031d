//! The tables of the centre: one folder of queries, one file per noun.
//!
//! Nobody else writes SQL. A query is a constant with `$1` parameters that SQLite and
//! PostgreSQL both understand; values are texts, whole numbers and bytes only; nothing is
//! nested, and nothing is built from pieces of text but in `many`. What a noun's file offers:
//!
//! - a plain struct of what one row says, in our own types (`Alarm`, `Hole`, …);
//! - `load(..)` for what the judge needs when it starts, and reading functions for the API,
//!   all on a [`Reader`];
//! - `put(..)` (insert, or replace by the same name) and `remove(..)` on a [`Transaction`];
//!   what an import brings by the thousand is written in few questions (`many`).
//!   They are idempotent, so a commit of which nobody knows whether it stood can be repeated.
//!
//! There is one [`Writer`]. The judge's runner owns it; during the start the registry uses it
//! first. There are several readers, which see what is committed and can write nothing.
//!
//! What SQLite and PostgreSQL do differently stands in `place`.
//!
//! Knows nothing of rules, of MQTT, and of what an alarm means.

pub mod alarms;
pub mod backup;
pub mod catalogues;
pub mod commits;
pub mod conflicts;
pub mod coverage;
pub mod dead_letters;
pub mod events;
pub mod gateways;
pub mod history;
pub mod holes;
pub mod inbox;
mod many;
mod place;
pub mod positions;
pub mod readings;
pub mod registered;
pub mod registry;
pub mod retention;
mod rows;
pub mod rule_state;
pub mod tickets;
pub mod vouched;

use std::time::Duration;

use sqlx::{AnyConnection, AnyPool, Connection};

pub use place::{NoPlace, Place};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The one connection that writes.
#[derive(Debug)]
pub struct Writer {
    connection: AnyConnection,
    place: Place,
    /// The number of this process among all that ever wrote here.
    token: i64,
    /// Whether what began last has neither stood nor been told to have failed.
    in_doubt: bool,
}

/// Connections that read what is committed.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(in crate::storage) pool: AnyPool,
}

/// Everything written through it stands together, or not at all. Dropped, it never was.
pub struct Transaction<'a> {
    pub(in crate::storage) inner: sqlx::Transaction<'a, sqlx::Any>,
    in_doubt: &'a mut bool,
}

/// Opens the database, makes its file if there is none, and brings its tables up to date. From
/// here on no other process can write there.
pub async fn open(place: impl Into<Place>) -> Result<(Writer, Reader), StorageError> {
    let place = place.into();
    sqlx::any::install_default_drivers();
    if let Place::Folder(folder) = &place {
        std::fs::create_dir_all(folder).map_err(|error| place.unopened(&error))?;
    }
    let token = fastrand::i64(1..);
    let mut connection = place.writing(&session(token)).await?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| place.unopened(&error))?;
    commits::put_writer(&mut connection, token).await?;
    let pool = place.reading()?;
    Ok((Writer { connection, place, token, in_doubt: false }, Reader { pool }))
}

/// Opens what is committed, beside a centre that may be running.
pub fn open_reading(place: &Place) -> Result<Reader, StorageError> {
    sqlx::any::install_default_drivers();
    Ok(Reader { pool: place.reading()? })
}

/// What a server calls the writing session of a process.
fn session(token: i64) -> String {
    format!("firegrid-ingest {token:016x}")
}

impl Writer {
    /// Begins to write.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, StorageError> {
        if self.in_doubt {
            self.begin_anew().await?;
        }
        self.in_doubt = true;
        let inner = self.connection.begin().await?;
        Ok(Transaction { inner, in_doubt: &mut self.in_doubt })
    }

    /// How long a commit may take before it must be given up.
    pub fn patience(&self) -> Option<Duration> {
        self.place.answer_patience()
    }

    /// Where it writes.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Lets go of the database.
    pub async fn close(self) -> Result<(), StorageError> {
        Ok(self.connection.close().await?)
    }

    /// A server's connection of which nobody knows how it stands is replaced. A file's is good.
    async fn begin_anew(&mut self) -> Result<(), StorageError> {
        match self.place {
            Place::Folder(_) => Ok(()),
            Place::Postgres(_) => {
                let connection = self.place.writing(&session(self.token)).await;
                if matches!(connection, Err(StorageError::InUse)) {
                    return Err(StorageError::Replaced);
                }
                let mut connection = connection?;
                if commits::writer(&mut connection).await? != self.token {
                    return Err(StorageError::Replaced);
                }
                self.connection = connection;
                Ok(())
            }
        }
    }
}

impl Transaction<'_> {
    /// Makes everything that was written stand. When it answers, it is on the disk.
    pub async fn commit(self) -> Result<(), StorageError> {
        self.inner.commit().await?;
        *self.in_doubt = false;
        Ok(())
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
    #[error("the database {place} cannot be opened: {reason}")]
    Unopened {
        /// Where it should be.
        place: String,
        /// What the database said.
        reason: String,
    },
    /// Another centre writes there. End the other one, or this one.
    #[error("another centre writes in this database")]
    InUse,
    /// Another centre has written there meanwhile: what this process believes is no longer so.
    /// It must end.
    #[error("another centre has taken over this database")]
    Replaced,
    /// A server has not answered for long. Try again.
    #[error("the database does not answer")]
    Silent,
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

#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
mod tests;
