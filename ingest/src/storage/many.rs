//! Many rows in one question. The alarms wait while an import is written: a county of some
//! thousand rows must cross a slow network a few times, not thousands of times.
//!
//! The only place where SQL is put together, from names that stand in this folder.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use super::{StorageError, Transaction};

/// So many values one question carries at the most; SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 8_000;

/// A question whose values are being bound.
pub(super) type Asked = Query<'static, Any, AnyArguments>;

/// Rows that are inserted, or replace those of the same key.
pub(super) struct Upsert {
    pub(super) table: &'static str,
    pub(super) key: &'static [&'static str],
    /// Given with the row, and replaced where the key stands.
    pub(super) columns: &'static [&'static str],
    /// Given with the row, and kept where the key stands.
    pub(super) first: &'static [&'static str],
}

impl Upsert {
    /// Writes all rows. `bind` gives a row's values: key, columns, first, in their order.
    pub(super) async fn put<R>(
        &self,
        to: &mut Transaction<'_>,
        rows: &[R],
        bind: impl Fn(Asked, &R) -> Asked,
    ) -> Result<(), StorageError> {
        let names = [self.key, self.columns, self.first].concat();
        for rows in rows.chunks(MOST_VALUES / names.len()) {
            let replaced: Vec<String> =
                self.columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
            let question = format!(
                "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
                self.table,
                names.join(", "),
                places(rows.len(), names.len()),
                self.key.join(", "),
                replaced.join(", "),
            );
            let asked = sqlx::query(AssertSqlSafe(question)).persistent(false);
            rows.iter().fold(asked, &bind).execute(&mut *to.inner).await?;
        }
        Ok(())
    }
}

/// Does something to every row with one of these keys. `what` is the question up to `WHERE`.
pub(super) async fn each<K>(
    to: &mut Transaction<'_>,
    what: &'static str,
    key: &'static [&'static str],
    keys: &[K],
    bind: impl Fn(Asked, &K) -> Asked,
) -> Result<(), StorageError> {
    for keys in keys.chunks(MOST_VALUES / key.len()) {
        let names = key.join(", ");
        let question =
            format!("{what} WHERE ({names}) IN (VALUES {})", places(keys.len(), key.len()));
        let asked = sqlx::query(AssertSqlSafe(question)).persistent(false);
        keys.iter().fold(asked, &bind).execute(&mut *to.inner).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)` for two rows of two values.
fn places(rows: usize, values: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=values).map(|value| format!("${}", row * values + value)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_own_place() {
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(places(1, 1), "($1)");
    }
}
