//! The oracle of the loss tests: what the devices said, against what the centre has stored.
//!
//! A change counts when the device answered two reads with it and the gateway lived 2 s beyond
//! the first of them, with nothing between it and the device. Counted changes must stand in the store in their order; nothing else may
//! stand there but what a register really held; and no reading may stand there twice.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::{Answered, Centre};

/// A gateway that lives this much longer than a first answer owes the change, in milliseconds.
const OWED_AFTER: i64 = 2_000;

/// One watched register, and how its values look at the centre.
pub struct Watched {
    /// The Modbus unit.
    pub unit: u8,
    /// The register, numbered as on the wire.
    pub register: u16,
    /// The point that it is, in the whole installation.
    pub point: String,
    /// What a register value means, as the centre writes it.
    pub meaning: fn(u16) -> String,
    /// Every value the register was given, in order.
    pub held: Vec<u16>,
}

/// What the test did, and when.
#[derive(Default)]
pub struct History {
    /// The registers, by unit and number.
    pub watched: BTreeMap<(u8, u16), Watched>,
    /// When the gateway was killed, in milliseconds since 1970.
    pub deaths: Vec<i64>,
    /// From when to when it was frozen, or what the site answered may not have reached it.
    pub disturbed: Vec<(i64, i64)>,
}

/// What was found, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Changes that had to arrive.
    pub counted: usize,
    /// Readings at the centre.
    pub readings: usize,
    /// Counted changes that do not stand there, at least.
    pub lost: usize,
    /// Readings that stand there twice.
    pub doubled: usize,
    /// Readings of values that were never held.
    pub invented: usize,
}

impl History {
    /// Compares what was answered with what the centre has stored.
    ///
    /// # Errors
    /// One line for every change that is lost, invented or doubled.
    pub fn check(&self, answered: &[Answered], centre: &Centre) -> Result<Found, String> {
        let (found, wrong) = self.count(answered, centre);
        if wrong.is_empty() { Ok(found) } else { Err(wrong.join("\n")) }
    }

    /// The same in numbers, with one line for every change that is lost, invented or doubled.
    pub fn count(&self, answered: &[Answered], centre: &Centre) -> (Found, Vec<String>) {
        let mut wrong = Vec::new();
        let mut names = HashSet::new();
        let mut found = Found::default();
        for watched in self.watched.values() {
            let rows = stored(centre, &watched.point);
            found.readings += rows.len();
            for row in &rows {
                let name = ["span", "seq", "index"].map(|key| row[key].to_string());
                if !names.insert((watched.point.clone(), name.clone())) {
                    found.doubled += 1;
                    wrong.push(format!("{}: doubled {name:?}", watched.point));
                }
            }
            let values: Vec<String> = rows.iter().map(what).collect();
            let counted: Vec<String> =
                self.counted(watched, answered).map(|value| (watched.meaning)(value)).collect();
            found.counted += counted.len();
            if let Err(lost) = in_order(&counted, &values) {
                found.lost += 1;
                wrong.push(format!(
                    "{}: lost {lost}\n  of {counted:?}\n  in {values:?}",
                    watched.point
                ));
            }
            let held: Vec<String> =
                watched.held.iter().map(|value| (watched.meaning)(*value)).collect();
            let mut changes = values;
            changes.dedup();
            if let Err(invented) = in_order(&changes, &held) {
                found.invented += 1;
                let point = &watched.point;
                wrong.push(format!(
                    "{point}: invented {invented}\n  in {changes:?}\n  held {held:?}"
                ));
            }
        }
        (found, wrong)
    }

    /// The values of a register that the centre is owed.
    fn counted<'a>(
        &'a self,
        watched: &'a Watched,
        answered: &'a [Answered],
    ) -> impl Iterator<Item = u16> + 'a {
        answered
            .iter()
            .filter(|answer| (answer.unit, answer.register) == (watched.unit, watched.register))
            .filter(|answer| {
                let owed = answer.first..=answer.first + OWED_AFTER;
                let meets = |(from, to): &(i64, i64)| from <= owed.end() && owed.start() <= to;
                !self.deaths.iter().any(|death| owed.contains(death))
                    && !self.disturbed.iter().any(meets)
            })
            .map(|answer| answer.value)
    }
}

/// All stored readings of a point, in the order of gateway time.
fn stored(centre: &Centre, point: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut path = format!("series?point={point}&from=0&limit=5000");
    loop {
        let Some(page) = centre.try_get(&path) else { return rows };
        rows.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => path = format!("series?point={point}&from=0&limit=5000&after={next}"),
            None => return rows,
        }
    }
}

/// What a stored reading says, as words or as a whole number of its unit.
fn what(row: &Value) -> String {
    match (row["value"]["number"].as_f64(), row["value"]["text"].as_str()) {
        (Some(number), _) => format!("{number:.0}"),
        (None, Some(words)) => words.to_owned(),
        (None, None) => format!("nothing: {row}"),
    }
}

/// Whether `few` stand in `many` in their order; the first that does not, with its place.
fn in_order(few: &[String], many: &[String]) -> Result<(), String> {
    let mut rest = many.iter();
    for (place, value) in few.iter().enumerate() {
        if !rest.any(|other| other == value) {
            return Err(format!("number {place}, {value:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[track_caller]
    fn check(few: &[&str], many: &[&str], good: bool) {
        let own =
            |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        assert_eq!(in_order(&own(few), &own(many)).is_ok(), good);
    }

    #[test]
    fn the_oracle_sees_what_is_lost() {
        check(&["a", "b"], &["a", "x", "b"], true);
        check(&["a", "b"], &["b", "a"], false);
        check(&["a", "a"], &["a"], false);
        check(&[], &[], true);
    }
}
