//! From a file and the environment to one document.
//!
//! The file is TOML. An environment variable `FIREGRID_GATEWAY__BROKER__ADDRESS` overrides the
//! key `broker.address`; `FIREGRID_GATEWAY__LINE__0__ADDRESS` reaches into the first entry of a
//! list. What stands in the environment is a text; the reader of the key says what it means.

use std::path::Path;

use firegrid_wire::document::{Document, Mistakes};
use serde_json::Value;

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
        // Told with line and column, before the variables are laid over it.
        let mut content = toml_file::parse(name, text)?;
        let mut variables: Vec<(String, String)> =
            environment.into_iter().filter(|(key, _)| key.starts_with(PREFIX)).collect();
        variables.sort();
        let mut overrides = Vec::new();
        for (variable, value) in variables {
            let path = path_of(&content, &variable[PREFIX.len()..])
                .map_err(|what| refused(&variable, what))?;
            content = overlaid(name, &content, &path, value).map_err(|e| refused(&variable, e))?;
            overrides.push(Override { variable, path });
        }
        Ok(File { name: name.to_owned(), content, overrides })
    }

    /// A text at the top, whatever else stands in the file.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.content.get(key).and_then(Value::as_str)
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

/// The path that a variable's name means: `LINE__0__ADDRESS` is `line[0].address`.
fn path_of(content: &Value, name: &str) -> Result<String, String> {
    let name = name.to_ascii_lowercase();
    let mut place = Some(content);
    let mut path = String::new();
    for part in name.split("__") {
        let entries = place.and_then(Value::as_array);
        match entries {
            Some(entries) => {
                let entry = part.parse().ok().and_then(|number: usize| entries.get(number));
                if entry.is_none() {
                    let count = entries.len();
                    return Err(format!("{path} has {count} entries, numbered from 0"));
                }
                place = entry;
                path = format!("{path}[{part}]");
            }
            None => {
                place = place.and_then(|place| place.get(part));
                path = if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
            }
        }
    }
    Ok(path)
}

/// The content with a text at a path.
fn overlaid(
    name: &str,
    content: &Value,
    path: &str,
    text: String,
) -> Result<Value, config::ConfigError> {
    let written = config::Config::try_from(content)?;
    let set = config::Config::builder().add_source(written).set_override(path, text)?;
    let overlaid: Value = set.build()?.try_deserialize()?;
    tracing::debug!(file = name, path, "Setting overridden.");
    Ok(overlaid)
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
