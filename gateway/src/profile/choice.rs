//! What a profile asks of the site: loops that are fitted, a word order that no manual states,
//! the register at which a table begins.
//!
//! A profile declares options; the settings of a device answer them. A key of a point may
//! refer to an option, `{ option = "word_order" }`; it is then read for every choice while the
//! profile is read, so that no answer of a site can be met unprepared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use firegrid_wire::document::Table;

/// An option of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What the installer is asked, for the explanation of a mistake.
    what: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// A list of different numbers, for example the loops that are fitted.
    Numbers { from: u16, to: u16, default: Option<Vec<u16>> },
    /// One number, for example the register at which a table begins.
    Number { from: i32, to: i32, default: i32 },
    /// One of these words.
    Word { choices: Vec<String>, default: Option<String> },
}

/// The answers of one device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    lists: BTreeMap<String, Vec<u16>>,
    numbers: BTreeMap<String, i32>,
    words: BTreeMap<String, String>,
}

/// Whether something of a profile is there, by the choice that a device has made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Only {
    option: String,
    choices: Vec<String>,
    /// There under these choices, or under all others.
    under_these: bool,
}

/// A key of a profile: written out, or left to an option.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key<T> {
    Fixed(T),
    Option { name: String, by_choice: BTreeMap<String, T> },
}

impl<T> Key<T> {
    /// The value under the answers of a device; `None` for a choice that leaves the point out.
    pub(super) fn under(&self, answers: &Answers) -> Option<&T> {
        match self {
            Key::Fixed(value) => Some(value),
            Key::Option { name, by_choice } => {
                answers.words.get(name).and_then(|word| by_choice.get(word))
            }
        }
    }
}

impl Answers {
    /// The list of numbers that a device has answered.
    pub(super) fn list(&self, option: &str) -> &[u16] {
        self.lists.get(option).map_or(&[], Vec::as_slice)
    }

    /// The single number that a device has answered.
    pub(super) fn number(&self, option: &str) -> Option<i32> {
        self.numbers.get(option).copied()
    }

    /// The word that a device has answered.
    pub(super) fn word(&self, option: &str) -> Option<&str> {
        self.words.get(option).map(String::as_str)
    }
}

impl Only {
    /// Whether it is there when a device has chosen so.
    pub(super) fn allows(&self, option: &str, choice: &str) -> bool {
        self.option != option
            || self.choices.iter().any(|named| named == choice) == self.under_these
    }

    /// Whether it is there under the answers of a device.
    pub(super) fn holds(&self, answers: &Answers) -> bool {
        answers.word(&self.option).is_none_or(|choice| self.allows(&self.option, choice))
    }
}

/// Reads `when` or `unless`, `{ option = "unit", is = ["m", "mm"] }`; `Some(None)` for neither.
pub(super) fn read_only(
    table: &Table<'_>,
    asked: Option<&BTreeMap<String, Asked>>,
) -> Option<Option<Only>> {
    let (when, unless) = (table.table("when"), table.table("unless"));
    let under_these = when.is_some();
    let Some(only) = when.or(unless) else { return Some(None) };
    if table.has("when") && table.has("unless") {
        table.tell("unless", "write either `when` or `unless`");
    }
    let option: String = only.required("option")?;
    let choices: Vec<String> = match only.raw("is") {
        Some(serde_json::Value::String(one)) => vec![one.clone()],
        Some(_) | None => only.required("is")?,
    };
    let known = match asked?.get(&option) {
        Some(Asked { kind: Kind::Word { choices, .. }, .. }) => choices.as_slice(),
        Some(_) | None => {
            only.tell("option", format_args!("{option:?} is no option with choices"));
            return None;
        }
    };
    for unknown in choices.iter().filter(|choice| !known.contains(choice)) {
        let known = known.join(", ");
        only.tell("is", format_args!("{unknown:?} is none of the choices {known}"));
    }
    Some(Some(Only { option, choices, under_these }))
}

/// Reads the options that a profile declares.
pub(super) fn read_asked(root: &Table<'_>) -> Option<BTreeMap<String, Asked>> {
    let Some(options) = root.table("option") else { return Some(BTreeMap::new()) };
    let read = |name: &str| Some((name.to_owned(), read_one(&options.table(name)?)?));
    let asked: Vec<_> = options.keys().into_iter().map(read).collect();
    asked.into_iter().collect()
}

fn read_one(table: &Table<'_>) -> Option<Asked> {
    let what = table.required("what");
    let ways = ["numbers", "number", "choices"].map(|way| table.raw(way).is_some());
    let kind = match ways {
        [true, false, false] => read_range(table, "numbers").and_then(|(from, to)| {
            let default = read_default(table)?;
            Some(Kind::Numbers { from: from.try_into().ok()?, to: to.try_into().ok()?, default })
        }),
        [false, true, false] => {
            let default = table.required("default");
            read_range(table, "number").zip(default).map(|((from, to), default)| Kind::Number {
                from,
                to,
                default,
            })
        }
        [false, false, true] => {
            let choices = table.required("choices");
            choices
                .zip(read_default(table))
                .map(|(choices, default)| Kind::Word { choices, default })
        }
        _ => {
            table.raw("default");
            table.tell("", "an option has one of numbers, number and choices");
            None
        }
    };
    if let Some(Kind::Word { choices, default: Some(default) }) = &kind
        && !choices.contains(default)
    {
        table.tell("default", format_args!("{default:?} is none of the choices"));
    }
    Some(Asked { what: what?, kind: kind? })
}

fn read_default<T: serde::de::DeserializeOwned>(table: &Table<'_>) -> Option<Option<T>> {
    match table.has("default") {
        true => table.required("default").map(Some),
        false => Some(None),
    }
}

/// `{ from = 1, to = 10 }`; a list of numbers is made of those that a register can hold.
fn read_range(table: &Table<'_>, key: &str) -> Option<(i32, i32)> {
    let range = table.table(key)?;
    let (from, to) = (range.required("from"), range.required("to"));
    let (from, to): (i32, i32) = from.zip(to)?;
    let holds = key == "number" || (0 <= from && to <= i32::from(u16::MAX));
    if to < from || !holds {
        range.tell("to", format_args!("nothing lies from {from} to {to}"));
        return None;
    }
    Some((from, to))
}

/// Reads the answers of a device from its `options`, which may be missing if nothing is asked.
pub(super) fn read_answers(asked: &BTreeMap<String, Asked>, device: &Table<'_>) -> Option<Answers> {
    let options = device.table("options");
    let mut answers = Answers::default();
    let mut complete = true;
    for (name, asked) in asked {
        let written = options.as_ref().filter(|options| options.raw(name).is_some());
        complete &= match (&asked.kind, written) {
            (Kind::Numbers { from, to, .. }, Some(options)) => {
                keep(&mut answers.lists, name, read_numbers(options, name, *from, *to))
            }
            (Kind::Numbers { default: Some(default), .. }, None) => {
                keep(&mut answers.lists, name, Some(default.clone()))
            }
            (Kind::Number { from, to, .. }, Some(options)) => {
                keep(&mut answers.numbers, name, read_number(options, name, *from, *to))
            }
            (Kind::Number { default, .. }, None) => {
                keep(&mut answers.numbers, name, Some(*default))
            }
            (Kind::Word { choices, .. }, Some(options)) => {
                keep(&mut answers.words, name, read_word(options, name, choices))
            }
            (Kind::Word { default: Some(default), .. }, None) => {
                keep(&mut answers.words, name, Some(default.clone()))
            }
            (Kind::Word { default: None, .. } | Kind::Numbers { default: None, .. }, None) => {
                match &options {
                    Some(options) => options.tell(name, format_args!("the profile asks {asked}")),
                    None => {
                        device.tell("options", format_args!("the profile asks {name}, {asked}"));
                    }
                }
                false
            }
        };
    }
    complete.then_some(answers)
}

/// Keeps an answer under its name, if there is one.
fn keep<T>(answers: &mut BTreeMap<String, T>, name: &str, answer: Option<T>) -> bool {
    let is_there = answer.is_some();
    answers.extend(answer.map(|answer| (name.to_owned(), answer)));
    is_there
}

fn read_word(options: &Table<'_>, name: &str, choices: &[String]) -> Option<String> {
    let word: String = options.optional_text(name)?;
    let fits = choices.contains(&word);
    if !fits {
        let choices = choices.join(", ");
        options.tell(name, format_args!("{word:?} does not fit: one of {choices}"));
    }
    fits.then_some(word)
}

/// A list like `[1, 2, "5-9"]`.
fn read_numbers(options: &Table<'_>, name: &str, from: u16, to: u16) -> Option<Vec<u16>> {
    let written: Vec<Numbers> = options.required(name)?;
    let mut numbers = Vec::new();
    for entry in &written {
        match entry.range().filter(|range| from <= *range.start() && *range.end() <= to) {
            Some(range) => numbers.extend(range),
            None => {
                options.tell(
                    name,
                    format_args!("{entry} does not fit: numbers or \"1-9\" from {from} to {to}"),
                );
                return None;
            }
        }
    }
    let different: BTreeSet<u16> = numbers.iter().copied().collect();
    if different.len() != numbers.len() || numbers.is_empty() {
        options.tell(name, format_args!("different numbers from {from} to {to} are needed"));
        return None;
    }
    Some(different.into_iter().collect())
}

fn read_number(options: &Table<'_>, name: &str, from: i32, to: i32) -> Option<i32> {
    let number = options.optional_text(name)?;
    if !(from..=to).contains(&number) {
        options.tell(name, format_args!("{number} does not fit: from {from} to {to}"));
        return None;
    }
    Some(number)
}

/// An entry of a list of numbers: one, or from the first to the last.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(u16),
    Range(String),
}

impl Numbers {
    fn range(&self) -> Option<std::ops::RangeInclusive<u16>> {
        match self {
            Numbers::One(number) => Some(*number..=*number),
            Numbers::Range(text) => {
                let (first, last) = text.split_once('-')?;
                let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                (first <= last).then_some(first..=last)
            }
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numbers::One(number) => write!(f, "{number}"),
            Numbers::Range(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Numbers { from, to, .. } => {
                write!(f, "{}: numbers from {from} to {to}", self.what)
            }
            Kind::Number { from, to, .. } => {
                write!(f, "{}: a number from {from} to {to}", self.what)
            }
            Kind::Word { choices, .. } => write!(f, "{}: one of {}", self.what, choices.join(", ")),
        }
    }
}

/// Reads a key that may be left to an option: the text is `parse`d for every choice under
/// which it counts.
pub(super) fn read_key<T>(
    table: &Table<'_>,
    key: &str,
    asked: Option<&BTreeMap<String, Asked>>,
    only: Option<&Only>,
    parse: impl Fn(&str) -> Option<T>,
    known: &str,
) -> Option<Key<T>> {
    if let Some(serde_json::Value::String(text)) = table.raw(key) {
        let value = parse(text);
        if value.is_none() {
            table.tell(key, format_args!("{text:?} does not fit; known: {known}"));
        }
        return value.map(Key::Fixed);
    }
    let reference = table.required_table(key)?;
    let name: String = reference.required("option")?;
    let Some(Asked { kind: Kind::Word { choices, .. }, .. }) = asked?.get(&name) else {
        reference.tell("option", format_args!("{name:?} is no option with choices"));
        return None;
    };
    let read = |choice: &String| {
        let value = parse(choice);
        if value.is_none() {
            reference
                .tell("option", format_args!("its choice {choice:?} does not fit; known: {known}"));
        }
        Some((choice.clone(), value?))
    };
    let stays = |choice: &&String| only.is_none_or(|only| only.allows(&name, choice));
    let by_choice: Vec<Option<(String, T)>> = choices.iter().filter(stays).map(read).collect();
    let by_choice = by_choice.into_iter().collect::<Option<BTreeMap<String, T>>>()?;
    Some(Key::Option { name, by_choice })
}

/// The least and the greatest number of an option with a list of numbers.
pub(super) fn range_of(asked: &BTreeMap<String, Asked>, name: &str) -> Option<(u16, u16)> {
    match asked.get(name)?.kind {
        Kind::Numbers { from, to, .. } => Some((from, to)),
        Kind::Number { .. } | Kind::Word { .. } => None,
    }
}

/// The least and the greatest answer to an option with one number.
pub(super) fn bounds_of(asked: &BTreeMap<String, Asked>, name: &str) -> Option<(i32, i32)> {
    match asked.get(name)?.kind {
        Kind::Number { from, to, .. } => Some((from, to)),
        Kind::Numbers { .. } | Kind::Word { .. } => None,
    }
}

/// Answers under which every number of a list is chosen, and each choice of every word.
pub(super) fn every_answer(asked: &BTreeMap<String, Asked>) -> Vec<Answers> {
    let mut all = vec![Answers::default()];
    for (name, asked) in asked {
        let chosen = |answers: &Answers| match &asked.kind {
            Kind::Numbers { from, to, .. } => {
                let mut answers = answers.clone();
                answers.lists.insert(name.clone(), (*from..=*to).collect());
                vec![answers]
            }
            Kind::Number { default, .. } => {
                let mut answers = answers.clone();
                answers.numbers.insert(name.clone(), *default);
                vec![answers]
            }
            Kind::Word { choices, .. } => choices
                .iter()
                .map(|choice| {
                    let mut answers = answers.clone();
                    answers.words.insert(name.clone(), choice.clone());
                    answers
                })
                .collect(),
        };
        all = all.iter().flat_map(chosen).collect();
    }
    all
}
