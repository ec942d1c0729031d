//! What a profile asks of the site: loops that are fitted, a word order that no manual states.
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
    let kind = match (table.table("numbers"), table.raw("choices")) {
        (Some(numbers), None) => {
            let (from, to) = (numbers.required("from"), numbers.required("to"));
            from.zip(to).map(|(from, to)| Kind::Numbers { from, to })
        }
        (None, Some(_)) => {
            let choices = table.required("choices");
            let default = match table.has("default") {
                true => table.required("default").map(Some),
                false => Some(None),
            };
            choices.zip(default).map(|(choices, default)| Kind::Word { choices, default })
        }
        (Some(_), Some(_)) | (None, None) => {
            table.raw("default");
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
    let options = device.table("options");
    let mut answers = Answers::default();
    let mut complete = true;
    for (name, asked) in asked {
        let written = options.as_ref().filter(|options| options.raw(name).is_some());
        complete &= match (&asked.kind, written) {
            (Kind::Numbers { from, to }, Some(options)) => {
                keep(&mut answers.numbers, name, read_numbers(options, name, *from, *to))
            }
            (Kind::Word { choices, .. }, Some(options)) => {
                keep(&mut answers.words, name, read_word(options, name, choices))
            }
            (Kind::Word { default: Some(default), .. }, None) => {
                keep(&mut answers.words, name, Some(default.clone()))
            }
            (Kind::Word { default: None, .. } | Kind::Numbers { .. }, None) => {
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

fn read_numbers(options: &Table<'_>, name: &str, from: u16, to: u16) -> Option<Vec<u16>> {
    let numbers: Vec<u16> = options.required(name)?;
    let different: BTreeSet<u16> = numbers.iter().copied().collect();
    let fits = different.len() == numbers.len()
        && !numbers.is_empty()
        && numbers.iter().all(|number| (from..=to).contains(number));
    if !fits {
        options.tell(
            name,
            format_args!("{numbers:?} does not fit: different numbers from {from} to {to}"),
        );
    }
    fits.then(|| different.into_iter().collect())
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Numbers { from, to } => write!(f, "{}: numbers from {from} to {to}", self.what),
            Kind::Word { choices, .. } => write!(f, "{}: one of {}", self.what, choices.join(", ")),
        }
    }
}

/// Reads a key that may be left to an option: the text is `parse`d for every choice but
/// those in `left_out`.
pub(super) fn read_key<T>(
    table: &Table<'_>,
    key: &str,
    asked: Option<&BTreeMap<String, Asked>>,
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
    let stays = |choice: &&String| left_out != Some((name.as_str(), choice.as_str()));
    let by_choice: Vec<Option<(String, T)>> = choices.iter().filter(stays).map(read).collect();
    let by_choice = by_choice.into_iter().collect::<Option<BTreeMap<String, T>>>()?;
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
