//! How our own types stand in a column, and how a column is read back into them.

use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::StorageError;

/// A row of a table whose name is told when something in it cannot be read.
pub(super) struct Columns<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a AnyRow,
}

impl Columns<'_> {
    pub(super) fn text(&self, column: &'static str) -> Result<String, StorageError> {
        self.row.try_get(column).map_err(|error| self.strange(column, &error))
    }

    pub(super) fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StorageError> {
        self.row.try_get(column).map_err(|error| self.strange(column, &error))
    }

    pub(super) fn number(&self, column: &'static str) -> Result<i64, StorageError> {
        self.row.try_get(column).map_err(|error| self.strange(column, &error))
    }

    pub(super) fn maybe_number(&self, column: &'static str) -> Result<Option<i64>, StorageError> {
        self.row.try_get(column).map_err(|error| self.strange(column, &error))
    }

    pub(super) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StorageError> {
        self.row.try_get(column).map_err(|error| self.strange(column, &error))
    }

    /// A number that we wrote from an unsigned one.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StorageError> {
        u64::try_from(self.number(column)?).map_err(|error| self.strange(column, &error))
    }

    /// A small number that we wrote from an unsigned one.
    pub(super) fn small(&self, column: &'static str) -> Result<u32, StorageError> {
        u32::try_from(self.number(column)?).map_err(|error| self.strange(column, &error))
    }

    /// A text that is one of our names or words.
    pub(super) fn parsed<T>(&self, column: &'static str) -> Result<T, StorageError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        self.text(column)?.parse().map_err(|error: T::Err| self.strange(column, &error))
    }

    /// A text that is one of our names or words, or nothing.
    pub(super) fn maybe_parsed<T>(&self, column: &'static str) -> Result<Option<T>, StorageError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let text = self.maybe_text(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| self.strange(column, &error)))
            .transpose()
    }

    /// A JSON text of ours.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<T, StorageError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| self.strange(column, &error))
    }

    pub(super) fn strange(
        &self,
        column: &'static str,
        error: &dyn std::fmt::Display,
    ) -> StorageError {
        StorageError::Strange { table: self.table, reason: format!("{column}: {error}") }
    }
}

/// A count as the databases keep it. What does not fit is more than anything ever counts to.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that comes from outside. PostgreSQL keeps every character but NUL.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// One of our plain structs as JSON. They hold texts, numbers and maps with text keys only:
/// writing them cannot fail.
pub(super) fn json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
