//! A register whose bits and codes mean states.
//!
//! Decodes a raw word to a state set and, for the simulator, a state set to a raw word. What
//! the profile does not know of a word is `unknown`, never `normal`.

use std::fmt;

use firegrid_wire::document::Table;
use firegrid_wire::state::{State, StateSet, States};

/// How a word is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    name: String,
    /// A word that matches one of these belongs to a place where nothing is fitted.
    absent: Vec<Pattern>,
    /// Any other word that matches one of these says nothing.
    unknown: Vec<Pattern>,
    bits: Vec<(u8, StateSet)>,
    /// Bits that mean their states while they are not set.
    inverted: u16,
    code: Option<Code>,
    /// What a simulated device holds when there is nothing to report.
    normal: u16,
}

/// A word matches when the masked bits are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pattern {
    mask: u16,
    equals: u16,
}

/// A number inside the word: an event type, an enumeration, two bits of a packed array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Code {
    /// The code counts only when this bit is set.
    when_bit: Option<u8>,
    mask: u16,
    values: Vec<(u16, Meaning)>,
    others: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    States(StateSet),
    Unknown,
}

impl Word {
    /// Contacts, one bit each: states while the bit is as `reports` says.
    pub fn contacts(contacts: &[(u8, bool, StateSet)]) -> Word {
        let rest = contacts.iter().filter(|(_, reports, _)| !reports);
        let inverted = rest.fold(0, |mask, (bit, ..)| mask | 1 << (bit % 16));
        let each = contacts
            .iter()
            .map(|(bit, reports, states)| format!(" {bit}={} {states}", u8::from(*reports)));
        Word {
            name: format!("contact{}", each.collect::<String>()),
            bits: contacts.iter().map(|(bit, _, states)| (bit % 16, *states)).collect(),
            inverted,
            normal: inverted,
            ..Word::default()
        }
    }

    /// The bit and what it means when it is set, if the word is nothing else.
    pub fn single_bit(&self) -> Option<(u8, StateSet)> {
        match (self.bits.as_slice(), &self.code) {
            (&[(bit, states)], None) if self.absent.is_empty() && self.unknown.is_empty() => {
                Some((bit, states))
            }
            _ => None,
        }
    }

    /// The states that a raw word means; `None` when it says nothing.
    ///
    /// A code without a known meaning makes the word unknown, unless its bits report something
    /// of fire-class: that is always heard.
    pub fn states(&self, raw: u16) -> Option<StateSet> {
        if self.absent.iter().any(|pattern| pattern.matches(raw)) {
            return Some(StateSet::from(State::Absent));
        }
        if self.unknown.iter().any(|pattern| pattern.matches(raw)) {
            return None;
        }
        let bits = self
            .bits
            .iter()
            .filter(|(bit, _)| (raw ^ self.inverted) & 1 << bit != 0)
            .fold(StateSet::NORMAL, |set, (_, states)| set.union(*states));
        match self.code.as_ref().map_or(Meaning::States(StateSet::NORMAL), |code| code.of(raw)) {
            Meaning::States(states) => Some(bits.union(states)),
            Meaning::Unknown if bits.is_fire_class() => Some(bits),
            Meaning::Unknown => None,
        }
    }

    /// A raw word that means these states, for a simulated device; `None` if there is none.
    pub fn raw(&self, states: StateSet) -> Option<u16> {
        let raw = if states.has(State::Absent) {
            self.absent.first()?.put(self.normal)
        } else {
            self.raw_of_bits_and_code(states)?
        };
        (self.states(raw) == Some(states)).then_some(raw)
    }

    /// The same word some bits further up in its register; what would leave it is lost.
    pub fn moved(&self, by: u32) -> Word {
        if by == 0 {
            return self.clone();
        }
        let up = |bits: u16| bits.checked_shl(by).unwrap_or(0);
        let pattern =
            |pattern: &Pattern| Pattern { mask: up(pattern.mask), equals: up(pattern.equals) };
        let bit = |bit: u8| u8::try_from(u32::from(bit) + by).unwrap_or(u8::MAX);
        Word {
            name: format!("{} up {by}", self.name),
            absent: self.absent.iter().map(pattern).collect(),
            unknown: self.unknown.iter().map(pattern).collect(),
            bits: self
                .bits
                .iter()
                .map(|(at, states)| (bit(*at), *states))
                .filter(|(at, _)| *at < 16)
                .collect(),
            inverted: up(self.inverted),
            code: self.code.as_ref().map(|code| Code {
                when_bit: code.when_bit.map(bit).filter(|bit| *bit < 16),
                mask: up(code.mask),
                values: code.values.clone(),
                others: code.others,
            }),
            normal: up(self.normal),
        }
    }

    /// The bits of the register that belong to this word.
    pub fn mask(&self) -> u16 {
        let patterns = self.unknown.iter().chain(&self.absent).map(|pattern| pattern.mask);
        let code = self.code.iter().map(|code| code.mask | code.when_bit.map_or(0, |bit| 1 << bit));
        let bits = self.bits.iter().map(|(bit, _)| 1 << bit);
        patterns.chain(code).chain(bits).fold(self.normal, |all, mask| all | mask)
    }

    /// Every state that the word can report.
    pub fn vocabulary(&self) -> StateSet {
        let code = self
            .code
            .iter()
            .flat_map(|code| code.values.iter().map(|(_, meaning)| *meaning).chain([code.others]));
        let of_code = code.map(|meaning| match meaning {
            Meaning::States(states) => states,
            Meaning::Unknown => StateSet::NORMAL,
        });
        let absent =
            self.absent.first().map_or(StateSet::NORMAL, |_| StateSet::from(State::Absent));
        let of_bits = self.bits.iter().map(|(_, states)| *states);
        of_bits.chain(of_code).fold(absent, StateSet::union)
    }

    fn raw_of_bits_and_code(&self, states: StateSet) -> Option<u16> {
        let fitting = self
            .bits
            .iter()
            .filter(|(_, means)| means.intersection(states) == *means && !means.is_normal());
        let mut raw = self.normal;
        let mut rest = states;
        for (bit, means) in fitting {
            if means.intersects(rest) {
                raw = raw & !(1 << bit) | !self.inverted & 1 << bit;
                rest = rest.iter().filter(|state| !means.has(*state)).collect();
            }
        }
        if rest.is_normal() { Some(raw) } else { self.code.as_ref()?.put(rest, raw) }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Pattern {
    fn matches(self, raw: u16) -> bool {
        raw & self.mask == self.equals
    }

    fn put(self, raw: u16) -> u16 {
        raw & !self.mask | self.equals
    }
}

impl Code {
    fn of(&self, raw: u16) -> Meaning {
        if self.when_bit.is_some_and(|bit| raw & 1 << bit == 0) {
            return Meaning::States(StateSet::NORMAL);
        }
        let value = (raw & self.mask) >> self.mask.trailing_zeros();
        let known = self.values.iter().find(|(code, _)| *code == value);
        known.map_or(self.others, |(_, meaning)| *meaning)
    }

    fn put(&self, states: StateSet, raw: u16) -> Option<u16> {
        let wanted = Meaning::States(states);
        let value = match self.values.iter().find(|(_, meaning)| *meaning == wanted) {
            Some((value, _)) => *value,
            None if self.others == wanted => (0..=self.highest())
                .find(|value| self.values.iter().all(|(code, _)| code != value))?,
            None => return None,
        };
        let raw = raw & !self.mask | value << self.mask.trailing_zeros();
        Some(raw | self.when_bit.map_or(0, |bit| 1 << bit))
    }

    fn highest(&self) -> u16 {
        self.mask >> self.mask.trailing_zeros()
    }
}

/// Reads a named word of a profile.
pub(super) fn read_word(name: &str, table: &Table<'_>) -> Option<Word> {
    let unknown = read_patterns(table, "unknown");
    let absent = read_patterns(table, "absent");
    let bits = table.table("bits").map_or(Some(Vec::new()), |bits| read_bits(&bits));
    let code = match table.table("code") {
        Some(code) => read_code(&code).map(Some),
        None => Some(None),
    };
    let normal = table.or("normal", 0);
    let name = format!("word {name}");
    let word = Word {
        name,
        unknown: unknown?,
        absent: absent?,
        bits: bits?,
        inverted: 0,
        code: code?,
        normal: normal?,
    };
    if word.bits.is_empty() && word.code.is_none() {
        table.tell("bits", "a word needs bits or a code, or it says nothing");
        return None;
    }
    if word.states(word.normal) != Some(StateSet::NORMAL) {
        table.tell("normal", format_args!("{:#06x} does not mean normal", word.normal));
        return None;
    }
    Some(word)
}

/// Reads the bits that a single point picks out of its register.
pub(super) fn read_inline(table: &Table<'_>) -> Option<Word> {
    let bits = read_bits(table)?;
    let numbers: Vec<String> = bits.iter().map(|(bit, _)| bit.to_string()).collect();
    Some(Word { name: format!("bits {}", numbers.join(" ")), bits, ..Word::default() })
}

fn read_patterns(table: &Table<'_>, key: &str) -> Option<Vec<Pattern>> {
    let read = |entry: Table<'_>| {
        let mask: Option<u16> = entry.required("mask");
        let equals: Option<u16> = entry.required("equals");
        let pattern = Pattern { mask: mask?, equals: equals? };
        if pattern.equals & !pattern.mask != 0 {
            entry.tell("equals", "it has bits that the mask has not: nothing would match");
            return None;
        }
        Some(pattern)
    };
    let patterns: Vec<Option<Pattern>> = table.tables(key).into_iter().map(read).collect();
    patterns.into_iter().collect()
}

fn read_bits(table: &Table<'_>) -> Option<Vec<(u8, StateSet)>> {
    let read = |key: &str| {
        let bit = key.parse().ok().filter(|bit| *bit < 16);
        if bit.is_none() {
            table.tell(key, "a bit is a number from 0 to 15");
        }
        let states = states_at(table, key);
        Some((bit?, states?))
    };
    let bits: Vec<Option<(u8, StateSet)>> = table.keys().into_iter().map(read).collect();
    let mut bits: Vec<(u8, StateSet)> = bits.into_iter().collect::<Option<_>>()?;
    bits.sort();
    if bits.is_empty() {
        table.tell("", "no bit means anything");
    }
    Some(bits)
}

fn read_code(table: &Table<'_>) -> Option<Code> {
    let when_bit = match table.has("when_bit") {
        true => table.required("when_bit").filter(|bit| *bit < 16).map(Some),
        false => Some(None),
    };
    if when_bit.is_none() {
        table.tell("when_bit", "a bit is a number from 0 to 15");
    }
    let mask = table.required("mask").filter(|mask| *mask != 0);
    let others = meaning_at(table, "others");
    let values = table.required_table("values");
    let values = values.as_ref().map(|values| {
        let read = |key: &str| {
            let value = number(key);
            if value.is_none() {
                values.tell(key, "a code is a number like 16 or 0x10");
            }
            let meaning = meaning_at(values, key);
            Some((value?, meaning?))
        };
        values.keys().into_iter().map(read).collect::<Vec<_>>()
    });
    let values = values.and_then(|values| values.into_iter().collect::<Option<Vec<_>>>());
    Some(Code { when_bit: when_bit?, mask: mask?, values: values?, others: others? })
}

fn meaning_at(table: &Table<'_>, key: &str) -> Option<Meaning> {
    let words: String = table.required(key)?;
    match States::from_words(&words) {
        None => Some(Meaning::Unknown),
        Some(_) => states_at(table, key).map(Meaning::States),
    }
}

fn states_at(table: &Table<'_>, key: &str) -> Option<StateSet> {
    let words: String = table.required(key)?;
    match States::from_words(&words) {
        Some(states) if states.foreign.is_empty() => Some(states.set),
        Some(_) | None => {
            let known: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
            table.tell(key, format_args!("{words:?} are no states; known: {}", known.join(" ")));
            None
        }
    }
}

/// A number as the key of a table: decimal, or hexadecimal with `0x`.
pub(super) fn number(key: &str) -> Option<u16> {
    match key.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => key.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::document::{Document, Mistakes};

    fn word(text: &str) -> Result<Word, Mistakes> {
        let document = Document::new("word", crate::toml_file::parse("word", text)?);
        let read = read_word("test", &document.root());
        document.finish(read)
    }

    #[track_caller]
    fn check(word: &Word, raw: u16, words: &str) {
        let states = word.states(raw).map_or("unknown".to_owned(), |set| set.to_string());
        assert_eq!(states, words, "{raw:#06x}");
    }

    #[test]
    fn two_bits_of_a_packed_array_are_a_code() {
        let gst = word(
            "[code]\nmask = 0x0C00\nothers = \"unknown\"\n\
             values = { 0 = \"normal\", 1 = \"fire\", 2 = \"fault\", 3 = \"disabled\" }\n",
        )
        .expect("a word");
        check(&gst, 0x0000, "normal");
        check(&gst, 0x0400, "fire");
        check(&gst, 0x0800, "fault");
        check(&gst, 0xFFFF, "disabled");
        assert_eq!((gst.mask(), gst.raw(State::Fault.into())), (0x0C00, Some(0x0800)));
    }

    #[test]
    fn contacts_report_when_they_leave_their_rest() {
        let contact = |bit, reports, state| (bit, reports, StateSet::from(state));
        let pump = Word::contacts(&[
            contact(2, true, State::Active),
            contact(3, true, State::Feedback),
            contact(4, false, State::Manual),
        ]);
        check(&pump, 0b1_0000, "normal");
        check(&pump, 0b1_1100, "active feedback");
        check(&pump, 0b0_0100, "active manual");
        check(&pump, 0xFFE3, "manual");
        assert_eq!(pump.mask(), 0b1_1100);
        for states in [StateSet::NORMAL, State::Manual.into(), State::Active.into()] {
            assert_eq!(pump.raw(states).and_then(|raw| pump.states(raw)), Some(states));
        }
        check(&pump.moved(3), 0b1000_0000, "normal");
    }

    #[test]
    fn an_unknown_code_is_unknown_unless_fire_stands_beside_it() {
        let text = "[bits]\n15 = \"fire\"\n14 = \"fault\"\n[code]\nmask = 0x0F\n\
                    others = \"unknown\"\nvalues = { 0 = \"normal\" }\n";
        let word = word(text).expect("a word");
        check(&word, 0x4000, "fault");
        check(&word, 0x4007, "unknown");
        check(&word, 0x8007, "fire");
    }

    #[test]
    fn mistakes_of_a_word_are_told_together() {
        let told = word(
            "unknown = [{ mask = 1, equals = 2 }]\n[bits]\n16 = \"fault\"\n3 = \"burning\"\n\
             [code]\nmask = 1\nothers = \"active\"\nvalues = { x = \"fire\" }\n",
        )
        .expect_err("mistakes")
        .to_string();
        for hint in ["unknown[0].equals", "bits.16", "bits.3", "code.values.x"] {
            assert!(told.contains(hint), "{hint} is not told: {told}");
        }
    }
}
