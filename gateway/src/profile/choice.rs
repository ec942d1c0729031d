//! What a profile asks of the site: loops that are fitted, a word order that no manual states.
//!
//! A profile declares options; the settings of a device answer them. A key of a point may
//! refer to an option, `{ option = "word_order" }`; it is then read for every choice while the
//! profile is read, so that no answer of a site can be met unprepared.

use std::collections::BTreeMap;

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
    Numbers { from: u16, to: u16 },
    /// One of these words.
    Word { choices: Vec<String>, default: Option<String> },
}

/// The answers of one device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    numbers: BTreeMap<String, Vec<u16>>,
    words: BTreeMap<String, String>,
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
    /// The numbers that a device has answered.
    pub(super) fn numbers(&self, option: &str) -> &[u16] {
        self.numbers.get(option).map_or(&[], Vec::as_slice)
    }

    /// The word that a device has answered.
    pub(super) fn word(&self, option: &str) -> Option<&str> {
        self.words.get(option).map(String::as_str)
    }
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
    let kind = match (table.table("numbers"), table.optional::<Vec<String>>("choices")) {
        (Some(numbers), None) => {
            let (from, to) = (numbers.required("from"), numbers.required("to"));
            from.zip(to).map(|(from, to)| Kind::Numbers { from, to })
        }
        (None, Some(choices)) => {
            let default = match table.has("default") {
                true => table.required("default").map(Some),
                false => Some(None),
            };
            default.map(|default| Kind::Word { choices, default })
        }
        (Some(_), Some(_)) | (None, None) => {
            table.tell("", "an option has either numbers or choices");
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

/// Reads the answers of a device from its `options`, which may be missing if nothing is asked.
pub(super) fn read_answers(asked: &BTreeMap<String, Asked>, device: &Table<'_>) -> Option<Answers> {
    let written = device.table("options");
    let mut answers = Answers::default();
    let mut complete = true;
    for (name, asked) in asked {
        match &asked.kind {
            Kind::Numbers { from, to } => {
                let numbers = written
                    .as_ref()
                    .filter(|table| table.has(name))
                    .map(|table| read_numbers(table, name, *from, *to));
                match numbers {
                    Some(Some(numbers)) => {
                        answers.numbers.insert(name.clone(), numbers);
                    }
                    Some(None) => complete = false,
                    None => {
                        let range = format!("numbers from {from} to {to}");
                        tell_missing(device, written.as_ref(), name, &asked.what, &range);
                        complete = false;
                    }
                }
            }
            Kind::Word { choices, default } => {
                let word: Option<String> = match written.as_ref().filter(|table| table.has(name)) {
                    Some(table) => table.optional_text(name),
                    None => default.clone(),
                };
                match word {
                    Some(word) if choices.contains(&word) => {
                        answers.words.insert(name.clone(), word);
                    }
                    found => {
                        let one_of = format!("one of {}", choices.join(", "));
                        match (found, &written) {
                            (Some(word), Some(table)) => {
                                table.tell(name, format_args!("{word:?} does not fit: {one_of}"));
                            }
                            _ => tell_missing(device, written.as_ref(), name, &asked.what, &one_of),
                        }
                        complete = false;
                    }
                }
            }
        }
    }
    complete.then_some(answers)
}

fn tell_missing(
    device: &Table<'_>,
    options: Option<&Table<'_>>,
    name: &str,
    what: &str,
    range: &str,
) {
    match options {
        Some(options) => options.tell(name, format_args!("the profile asks {what}: {range}")),
        None => device.tell("options", format_args!("the profile asks {name}, {what}: {range}")),
    }
}

fn read_numbers(table: &Table<'_>, name: &str, from: u16, to: u16) -> Option<Vec<u16>> {
    let numbers: Vec<u16> = table.required(name)?;
    let mut seen = std::collections::BTreeSet::new();
    for number in &numbers {
        if !(from..=to).contains(number) {
            table.tell(name, format_args!("{number} does not fit: numbers from {from} to {to}"));
            return None;
        }
        if !seen.insert(*number) {
            table.tell(name, format_args!("{number} is written twice"));
            return None;
        }
    }
    if numbers.is_empty() {
        table.tell(name, format_args!("it is empty: numbers from {from} to {to}"));
        return None;
    }
    Some(seen.into_iter().collect())
}

/// Reads a key that may be left to an option: the text is `parse`d for every choice but
/// those in `left_out`.
pub(super) fn read_key<T>(
    table: &Table<'_>,
    key: &str,
    asked: &BTreeMap<String, Asked>,
    left_out: Option<(&str, &str)>,
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
    let Some(Asked { kind: Kind::Word { choices, .. }, .. }) = asked.get(&name) else {
        reference.tell("option", format_args!("{name:?} is no option with choices"));
        return None;
    };
    let mut by_choice = BTreeMap::new();
    for choice in choices {
        if left_out == Some((&name, choice)) {
            continue;
        }
        let value = parse(choice);
        if value.is_none() {
            reference
                .tell("option", format_args!("its choice {choice:?} does not fit; known: {known}"));
        }
        by_choice.insert(choice.clone(), value?);
    }
    Some(Key::Option { name, by_choice })
}

/// The least and the greatest number of an option with numbers.
pub(super) fn range_of(asked: &BTreeMap<String, Asked>, name: &str) -> Option<(u16, u16)> {
    match asked.get(name)?.kind {
        Kind::Numbers { from, to } => Some((from, to)),
        Kind::Word { .. } => None,
    }
}

/// Answers under which every number is chosen, and the given choice of every word.
pub(super) fn every_answer(asked: &BTreeMap<String, Asked>) -> Vec<Answers> {
    let mut numbers = BTreeMap::new();
    let mut words: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    for (name, asked) in asked {
        match &asked.kind {
            Kind::Numbers { from, to } => {
                numbers.insert(name.clone(), (*from..=*to).collect());
            }
            Kind::Word { choices, .. } => {
                words = choices
                    .iter()
                    .flat_map(|choice| {
                        words.iter().cloned().map(move |mut words| {
                            words.insert(name.clone(), choice.clone());
                            words
                        })
                    })
                    .collect();
            }
        }
    }
    words.into_iter().map(|words| Answers { numbers: numbers.clone(), words }).collect()
}
