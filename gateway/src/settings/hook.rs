//! The command that is run on the box, and when.

use firegrid_wire::document::Table;
use firegrid_wire::time::Millis;

use super::line::lasting;
use crate::hook::{Hook, Kind};

/// After so long without an answer of the centre sending has failed, if the settings do not say.
const SENDING_FAILED_AFTER: Millis = Millis::seconds(60);

/// Reads the hook, if there is one, and when sending counts as failed.
pub(super) fn read_hook(root: &Table<'_>) -> Option<(Option<Hook>, Millis)> {
    let Some(table) = root.table("hook") else { return Some((None, SENDING_FAILED_AFTER)) };
    let bounds = (20_000, 86_400_000);
    let after = lasting(&table, "sending_failed_after", SENDING_FAILED_AFTER, bounds);
    let command: Option<Vec<String>> = table.required("command");
    if let Some(command) = &command
        && command.first().is_none_or(|program| !program.starts_with('/'))
    {
        table.tell("command", "this must be a program with its whole path, and its arguments");
        return None;
    }
    let words: Option<Vec<String>> =
        table.or("on", vec!["fire".to_owned(), "sending-failed".to_owned()]);
    let mut on = Vec::new();
    for word in words.iter().flatten() {
        match word.as_str() {
            "fire" => on.push(Kind::Fire),
            "sending-failed" => on.push(Kind::Sending),
            _ => table.tell("on", format_args!("{word:?} is none of \"fire\", \"sending-failed\"")),
        }
    }
    Some((Some(Hook { command: command?, on }), after?))
}
