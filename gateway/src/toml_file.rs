//! Reads TOML into the values of a [`Document`](firegrid_wire::document::Document).
//!
//! Settings and profiles are both TOML; a mistake in the syntax of either is told the same way.

use std::fmt;

use firegrid_wire::document::{Mistake, Mistakes};
use serde_json::Value;

/// Reads a text; a mistake in its syntax is told with line and column.
pub(crate) fn parse(name: &str, text: &str) -> Result<Value, Mistakes> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let begin = error.span().map_or(0, |span| span.start);
        let before = text.get(..begin).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        refused(name, format_args!("line {line}, column {column}: {}", error.message()))
    })
}

/// One mistake that concerns a whole file.
pub(crate) fn refused(file: &str, what: impl fmt::Display) -> Mistakes {
    Mistakes(vec![Mistake { file: file.to_owned(), path: String::new(), what: what.to_string() }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_toml_is_told_with_line_and_column() {
        let told = parse("gateway.toml", "a = 1\n消 = = 2\n").expect_err("broken").to_string();
        assert!(told.contains("gateway.toml: line 2, column"), "{told}");
    }
}
