//! `[series.influx]`: the server of the series.

use std::path::Path;

use firegrid_wire::document::Table;
use firegrid_wire::time::Millis;

use crate::series::influx::{InfluxPlace, check_url};

/// How long one request may take if nothing is said.
const TIMEOUT: Millis = Millis::seconds(10);

/// How long after its answer a batch is kept if nothing is said.
const DURABLE_AFTER: Millis = Millis::seconds(10);

/// Longer than this nobody means.
const LONGEST: Millis = Millis::seconds(600);

/// The server, if one is named; nothing if there is a mistake.
pub(super) fn read(series: &Table<'_>, folder: &Path) -> Option<Option<InfluxPlace>> {
    if !series.has("influx") {
        return Some(None);
    }
    let table = series.table("influx")?;
    let url: Option<String> = table.required("url");
    let url = url.filter(|url| match check_url(url) {
        Ok(()) => true,
        Err(what) => {
            table.tell("url", what);
            false
        }
    });
    let org = word(&table, "org");
    let bucket = word(&table, "bucket");
    let token = token(&table, folder);
    let timeout = lasting(&table, "timeout", TIMEOUT, Millis::new(1));
    let durable_after = lasting(&table, "durable_after", DURABLE_AFTER, Millis::ZERO);
    Some(Some(InfluxPlace {
        url: url?,
        org: org?,
        bucket: bucket?,
        token: token?,
        timeout: timeout?,
        durable_after: durable_after?,
    }))
}

fn word(table: &Table<'_>, key: &str) -> Option<String> {
    let text: String = table.required(key)?;
    if text.trim().is_empty() {
        table.tell(key, "this must not be empty");
        return None;
    }
    Some(text)
}

fn lasting(table: &Table<'_>, key: &str, unless: Millis, least: Millis) -> Option<Millis> {
    let lasting: Millis = table.text_or(key, unless)?;
    if lasting < least || LONGEST < lasting {
        table.tell(key, format_args!("this must be between {least} and {LONGEST}"));
        return None;
    }
    Some(lasting)
}

/// The token, from here or from a file. What it is stands in no message.
fn token(table: &Table<'_>, folder: &Path) -> Option<String> {
    let here: Option<String> = table.has("token").then(|| table.required("token")).flatten();
    if !table.has("token_file") {
        if !table.has("token") {
            table.tell("token", "token or token_file is needed; an empty token sends none");
        }
        return here.and_then(|token| sendable(table, "token", token));
    }
    let file: String = table.required("token_file")?;
    if table.has("token") {
        table.tell("token", "either token or token_file, not both");
        return None;
    }
    let read = std::fs::read_to_string(folder.join(file));
    let read = read.map_err(|error| {
        table.tell("token_file", format_args!("this file cannot be read: {error}"));
    });
    sendable(table, "token_file", read.ok()?.trim().to_owned())
}

fn sendable(table: &Table<'_>, key: &str, token: String) -> Option<String> {
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(token);
    }
    table.tell(key, "a token is made of visible ASCII letters only");
    None
}
