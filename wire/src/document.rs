//! How a mistake in a document is told: file, key path, and what to do about it.
//!
//! Settings, profiles, site sheets and rulebooks are all read through a [`Document`]. It
//! collects every mistake instead of stopping at the first, and a key that nobody asked for
//! is a mistake too: a misspelt setting must never be silently without effect.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// One mistake with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, or whatever else the document is called.
    pub file: String,
    /// The path of the key, for example `line[0].device[2].profile`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

/// All mistakes of a run of reading, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} mistake{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// A document being read, and the mistakes found in it so far.
#[derive(Debug)]
pub struct Document {
    file: String,
    content: Value,
    found: RefCell<BTreeSet<(String, String)>>,
}

impl Document {
    /// A document with its name and its content, whatever syntax it was written in.
    pub fn new(file: impl Into<String>, content: Value) -> Document {
        Document { file: file.into(), content, found: RefCell::default() }
    }

    /// The outermost table.
    pub fn root(&self) -> Table<'_> {
        if !self.content.is_object() {
            self.tell("", "this must be a table of keys and values");
        }
        Table {
            document: self,
            path: String::new(),
            keys: self.content.as_object(),
            asked: RefCell::default(),
        }
    }

    /// Adds a mistake at a path.
    pub fn tell(&self, path: &str, what: impl fmt::Display) {
        self.found.borrow_mut().insert((path.to_owned(), what.to_string()));
    }

    /// What was read, if nothing was wrong; otherwise every mistake. `read` may be `None`
    /// only when a mistake was told.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Mistakes> {
        let found = self.found.into_inner();
        match read {
            Some(read) if found.is_empty() => Ok(read),
            Some(_) | None => Err(Mistakes(
                found
                    .into_iter()
                    .map(|(path, what)| Mistake { file: self.file.clone(), path, what })
                    .collect(),
            )),
        }
    }
}

/// A table of a document. Keys that nobody asked for are told when it is dropped.
#[derive(Debug)]
pub struct Table<'a> {
    document: &'a Document,
    path: String,
    keys: Option<&'a Map<String, Value>>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Table<'a> {
    /// Where the table stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of one of its keys; of no key: its own.
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// Adds a mistake at one of its keys.
    pub fn tell(&self, key: &str, what: impl fmt::Display) {
        self.document.tell(&self.path_of(key), what);
    }

    /// Whether the key is written, without counting it as asked for.
    pub fn has(&self, key: &str) -> bool {
        self.keys.is_some_and(|keys| keys.contains_key(key))
    }

    /// The names of all keys, each counted as asked for.
    pub fn keys(&self) -> Vec<&'a str> {
        let keys: Vec<&str> =
            self.keys.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        self.asked.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
        keys
    }

    /// The raw value of a key.
    pub fn raw(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.keys.and_then(|keys| keys.get(key))
    }

    /// A value that may be left out.
    pub fn optional<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.raw(key)?;
        match serde_json::from_value(value.clone()) {
            Ok(read) => Some(read),
            Err(error) => {
                self.tell(key, format_args!("{value} does not fit: {error}"));
                None
            }
        }
    }

    /// A value that must be there.
    pub fn required<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.demand(key).then(|| self.optional(key)).flatten()
    }

    /// A value with a default for when it is left out.
    pub fn or<T: serde::de::DeserializeOwned>(&self, key: &str, default: T) -> Option<T> {
        if self.raw(key).is_some() { self.optional(key) } else { Some(default) }
    }

    /// A text with a form of its own (a name, a length of time, an address) that may be left out.
    /// A number or boolean is taken as its text, as it comes from an environment variable.
    pub fn optional_text<T: FromStr<Err: fmt::Display>>(&self, key: &str) -> Option<T> {
        let value = self.raw(key)?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                self.tell(key, "this must be a text");
                return None;
            }
        };
        text.parse().map_err(|error| self.tell(key, error)).ok()
    }

    /// A text with a form of its own that must be there.
    pub fn required_text<T: FromStr<Err: fmt::Display>>(&self, key: &str) -> Option<T> {
        self.demand(key).then(|| self.optional_text(key)).flatten()
    }

    /// A text with a form of its own, with a default for when it is left out.
    pub fn text_or<T: FromStr<Err: fmt::Display>>(&self, key: &str, default: T) -> Option<T> {
        if self.raw(key).is_some() { self.optional_text(key) } else { Some(default) }
    }

    /// A table inside this one, if it is written.
    pub fn table(&self, key: &str) -> Option<Table<'a>> {
        let value = self.raw(key)?;
        Some(self.inner(self.path_of(key), value))
    }

    /// A table inside this one that must be there. Reading from the one given for a missing
    /// table tells no further mistakes.
    pub fn required_table(&self, key: &str) -> Option<Table<'a>> {
        self.demand(key).then(|| self.table(key)).flatten()
    }

    /// The tables of a list, none if it is left out.
    pub fn tables(&self, key: &str) -> Vec<Table<'a>> {
        match self.raw(key) {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries
                .iter()
                .enumerate()
                .map(|(place, value)| self.inner(format!("{}[{place}]", self.path_of(key)), value))
                .collect(),
            Some(_) => {
                self.tell(key, "this must be a list of tables");
                Vec::new()
            }
        }
    }

    fn demand(&self, key: &str) -> bool {
        let written = self.raw(key).is_some();
        if !written && self.keys.is_some() {
            self.tell(key, "this key is missing");
        }
        written
    }

    fn inner(&self, path: String, value: &'a Value) -> Table<'a> {
        if !value.is_object() {
            self.document.tell(&path, "this must be a table of keys and values");
        }
        Table { document: self.document, path, keys: value.as_object(), asked: RefCell::default() }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for key in self.keys.into_iter().flat_map(Map::keys).filter(|key| !asked.contains(*key)) {
            let known = asked.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            self.tell(key, format_args!("there is no such key; known here: {known}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::GatewayId;
    use crate::time::Millis;

    fn read(content: Value) -> Result<(GatewayId, Millis, u16), Mistakes> {
        let document = Document::new("gateway.toml", content);
        let read = {
            let root = document.root();
            let gateway = root.required_text("gateway");
            let poll = root.table("poll");
            let every = poll.as_ref().and_then(|poll| poll.text_or("every", Millis::seconds(1)));
            let count = poll.as_ref().and_then(|poll| poll.required("count"));
            gateway.zip(every).zip(count).map(|((gateway, every), count)| (gateway, every, count))
        };
        document.finish(read)
    }

    #[test]
    fn all_mistakes_are_told_at_once_each_with_its_path() {
        let mistakes = read(serde_json::json!({
            "gateway": "no/name",
            "poll": { "every": "often", "evry": "5s", "count": -1 }
        }))
        .expect_err("mistakes");
        let paths: Vec<&str> = mistakes.0.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(paths, ["gateway", "poll.count", "poll.every", "poll.evry"]);
        assert!(mistakes.to_string().contains("gateway.toml: poll.evry: there is no such key"));
    }

    #[test]
    fn a_missing_key_is_told_and_a_default_is_taken() {
        let mistakes = read(serde_json::json!({ "poll": {} })).expect_err("mistakes");
        assert_eq!(mistakes.0.len(), 2);
        let known = read(serde_json::json!({ "gateway": "mall-01", "poll": { "evry": "5s" } }));
        let known = known.expect_err("mistakes").to_string();
        assert!(known.contains("known here: count, every"), "{known}");
        let good = read(serde_json::json!({ "gateway": "mall-01", "poll": { "count": 3 } }));
        assert_eq!(
            good.map(|(gateway, every, count)| (gateway.to_string(), every.get(), count)),
            Ok(("mall-01".into(), 1_000, 3))
        );
    }
}
