//! From a file and the environment to one document.
//!
//! The file is TOML. An environment variable `FIREGRID_GATEWAY__BROKER__ADDRESS` overrides the
//! key `broker.address`; `FIREGRID_GATEWAY__LINE__0__ADDRESS` reaches into the first entry of a
//! list. What stands in the environment is a text; the reader of the key says what it means.

use std::path::Path;

use firegrid_wire::document::{Document, Mistakes};
use serde_json::{Map, Value};

use crate::toml_file::{self, refused};

/// What an overriding environment variable begins with. Parts of the key are joined by `__`.
const PREFIX: &str = "FIREGRID_GATEWAY__";

/// A settings text with its overrides laid over it.
pub(super) struct File {
    name: String,
    content: Value,
    overrides: Vec<Override>,
}

/// A key that an environment variable has set.
struct Override {
    variable: String,
    path: String,
}

impl File {
    /// Reads a file and lays the variables of the environment over it.
    pub(super) fn read(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<File, Mistakes> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| refused(&name, format_args!("the file cannot be read: {error}")))?;
        File::parse(&name, &text, environment)
    }

    /// Takes a text, whatever it is called, and lays the variables over it.
    pub(super) fn parse(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<File, Mistakes> {
        let mut content = toml_file::parse(name, text)?;
        let mut variables: Vec<(String, String)> =
            environment.into_iter().filter(|(key, _)| key.starts_with(PREFIX)).collect();
        variables.sort();
        let mut overrides = Vec::new();
        for (variable, value) in variables {
            let key = variable[PREFIX.len()..].to_ascii_lowercase();
            let parts: Vec<&str> = key.split("__").collect();
            let path = set(&mut content, &parts, value).map_err(|what| refused(&variable, what))?;
            overrides.push(Override { variable, path });
        }
        Ok(File { name: name.to_owned(), content, overrides })
    }

    /// Lets a reader read the document. A mistake at an overridden key names the variable.
    pub(super) fn document<T>(
        self,
        read: impl FnOnce(&Document) -> Option<T>,
    ) -> Result<T, Mistakes> {
        let document = Document::new(self.name, self.content);
        let found = read(&document);
        document.finish(found).map_err(|mut mistakes| {
            for mistake in &mut mistakes.0 {
                if let Some(set) = self.overrides.iter().find(|set| set.path == mistake.path) {
                    mistake.file = format!("{} (environment)", set.variable);
                }
            }
            mistakes
        })
    }
}

/// Sets the text at a path, making tables where there are none; the path as mistakes name it.
fn set(content: &mut Value, parts: &[&str], text: String) -> Result<String, String> {
    let mut place = content;
    let mut path = String::new();
    for part in parts {
        if let Value::Array(entries) = place {
            let count = entries.len();
            place = part
                .parse()
                .ok()
                .and_then(|number: usize| entries.get_mut(number))
                .ok_or_else(|| format!("{path} has {count} entries, numbered from 0"))?;
            path = format!("{path}[{part}]");
            continue;
        }
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        path = if path.is_empty() { (*part).to_owned() } else { format!("{path}.{part}") };
        place = match place {
            Value::Object(keys) => keys.entry(*part).or_insert(Value::Null),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => return Err(format!("{path} cannot be overridden")),
        };
    }
    *place = Value::String(text);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(text: &str, variable: &str, value: &str) -> Result<Value, Mistakes> {
        let environment = [(variable.to_owned(), value.to_owned())];
        File::parse("gateway.toml", text, environment).map(|file| file.content)
    }

    #[test]
    fn a_variable_overrides_a_key_and_reaches_into_lists() {
        let text = "[broker]\naddress = \"a:1\"\n[[line]]\naddress = \"b:2\"\n";
        let broker = over(text, "FIREGRID_GATEWAY__BROKER__ADDRESS", "c:3").expect("content");
        assert_eq!(broker["broker"]["address"], "c:3");
        let line = over(text, "FIREGRID_GATEWAY__LINE__0__ADDRESS", "d:4").expect("content");
        assert_eq!(line["line"][0]["address"], "d:4");
        let other = over(text, "FIREGRID_INGEST__BROKER__ADDRESS", "c:3").expect("content");
        assert_eq!(other["broker"]["address"], "a:1");
    }

    #[test]
    fn a_variable_beyond_a_list_is_a_mistake_of_that_variable() {
        let mistakes = over("line = []\n", "FIREGRID_GATEWAY__LINE__0__ADDRESS", "d:4");
        let told = mistakes.expect_err("a mistake").to_string();
        assert!(told.contains("FIREGRID_GATEWAY__LINE__0__ADDRESS"), "{told}");
    }
}
