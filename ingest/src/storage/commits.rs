//! The number of the last commit, and of the process that writes.
//!
//! A server may fail between making a commit stand and saying so. Whoever tries the same once
//! more under the same number learns that it stands already.

use sqlx::AnyConnection;

use super::rows::Columns;
use super::{StorageError, Transaction};

/// The name of one commit, the same for every try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitNumber(i64);

impl CommitNumber {
    /// A number that no other commit has.
    pub fn new() -> CommitNumber {
        CommitNumber(fastrand::i64(1..))
    }
}

impl Default for CommitNumber {
    fn default() -> CommitNumber {
        CommitNumber::new()
    }
}

/// Whether the last commit that stands is this one.
pub async fn stands(to: &mut Transaction<'_>, number: CommitNumber) -> Result<bool, StorageError> {
    let row = sqlx::query("SELECT value FROM tally WHERE name = 'commit'")
        .fetch_one(&mut *to.inner)
        .await?;
    Ok(Columns { table: "tally", row: &row }.number("value")? == number.0)
}

/// Writes the number of a commit into it.
pub async fn put(to: &mut Transaction<'_>, number: CommitNumber) -> Result<(), StorageError> {
    sqlx::query("UPDATE tally SET value = $1 WHERE name = 'commit'")
        .bind(number.0)
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}

/// The process that wrote last.
pub(super) async fn writer(connection: &mut AnyConnection) -> Result<i64, StorageError> {
    let row =
        sqlx::query("SELECT value FROM tally WHERE name = 'writer'").fetch_one(connection).await?;
    Columns { table: "tally", row: &row }.number("value")
}

/// Writes which process writes from now on.
pub(super) async fn put_writer(
    connection: &mut AnyConnection,
    token: i64,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE tally SET value = $1 WHERE name = 'writer'")
        .bind(token)
        .execute(connection)
        .await?;
    Ok(())
}
