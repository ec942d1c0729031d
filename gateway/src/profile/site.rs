//! Points that a profile leaves to the site: which bit is which point stands in no manual, but in
//! the sheet 点表 of the project.

use std::sync::Arc;

use firegrid_wire::document::Table as Keys;

use super::Table;
use super::choice::{self, Answers, Key};
use super::group::Surroundings;
use super::reading;
use super::word::Word;

/// `[site_points]` of a profile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawSitePoints {
    table: Key<Table>,
    kind: RawKind,
    system: u8,
    part: u8,
}

#[derive(Debug, Clone, PartialEq)]
enum RawKind {
    Contact { closed: Key<bool> },
    Word { word: Arc<Word>, bits: u8 },
    Analog { signed: Key<bool>, live_zero: Key<bool> },
}

/// What a site may add to a device of this profile.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePoints {
    /// The table they lie in where the site names none.
    pub table: Table,
    /// What one of them is.
    pub kind: SiteKind,
    /// System type where the site names none.
    pub system: u8,
    /// Part type where the site names none.
    pub part: u8,
}

/// What a point is that the site adds.
#[derive(Debug, Clone, PartialEq)]
pub enum SiteKind {
    /// A dry contact; the bit is so while it is closed.
    Contact {
        /// The bit of a closed contact.
        closed: bool,
    },
    /// Some bits of a register, which mean what the profile says.
    Word {
        /// What they mean when they are the lowest.
        word: Arc<Word>,
        /// How many they are.
        bits: u8,
    },
    /// An analog input, scaled by the site.
    Analog {
        /// Whether its register has a sign.
        signed: bool,
        /// Whether its ends are 4 and 20 mA.
        live_zero: bool,
    },
}

impl SitePoints {
    /// Whether the site says what the raw numbers mean.
    pub fn is_scaled(&self) -> bool {
        match self.kind {
            SiteKind::Analog { .. } => true,
            SiteKind::Contact { .. } | SiteKind::Word { .. } => false,
        }
    }
}

impl RawSitePoints {
    /// What the site may add under its answers.
    pub(super) fn under(&self, answers: &Answers) -> Option<SitePoints> {
        let kind = match &self.kind {
            RawKind::Contact { closed } => SiteKind::Contact { closed: *closed.under(answers)? },
            RawKind::Word { word, bits } => SiteKind::Word { word: Arc::clone(word), bits: *bits },
            RawKind::Analog { signed, live_zero } => SiteKind::Analog {
                signed: *signed.under(answers)?,
                live_zero: *live_zero.under(answers)?,
            },
        };
        let table = *self.table.under(answers)?;
        Some(SitePoints { table, kind, system: self.system, part: self.part })
    }
}

/// Reads `[site_points]`, if it is written.
pub(super) fn read_site_points(
    root: &Keys<'_>,
    around: &Surroundings<'_>,
) -> Option<Option<RawSitePoints>> {
    let Some(table) = root.table("site_points") else { return Some(None) };
    let source: Option<String> = table.required("source");
    let find_table = |text: &str| text.parse().ok();
    let known = "holding, input, coils, discrete-inputs";
    let of_table = choice::read_key(&table, "table", around.asked, None, find_table, known);
    // A key that is one of two words.
    let either = |key: &str, yes: &'static str, no: &'static str| {
        let find = |text: &str| match text {
            text if text == yes => Some(true),
            text if text == no => Some(false),
            _ => None,
        };
        choice::read_key(&table, key, around.asked, None, find, &format!("{yes}, {no}"))
    };
    let kind = match (table.has("word"), table.has("signal")) {
        (true, _) => read_word(&table, around),
        (false, true) => {
            let signed = either("type", "i16", "u16");
            let live_zero = either("signal", "4-20mA", "other");
            signed.zip(live_zero).map(|(signed, live_zero)| RawKind::Analog { signed, live_zero })
        }
        (false, false) => either("closed", "1", "0").map(|closed| RawKind::Contact { closed }),
    };
    let (system, part) = (table.required("system"), table.required("part"));
    source?;
    let (table, kind) = (of_table?, kind?);
    Some(Some(RawSitePoints { table, kind, system: system?, part: part? }))
}

fn read_word(table: &Keys<'_>, around: &Surroundings<'_>) -> Option<RawKind> {
    let name: Option<String> = table.required("word");
    let bits = table.required("bits").filter(|bits| {
        let fits = matches!(bits, 1 | 2 | 4 | 8 | 16);
        if !fits {
            table.tell("bits", "a register is divided into parts of 1, 2, 4, 8 or 16 bits");
        }
        fits
    });
    let word = reading::find_word(table, &name?, around)?;
    let bits: u8 = bits?;
    if word.mask().checked_shr(u32::from(bits)).unwrap_or(0) != 0 {
        table.tell("bits", format_args!("the word needs more than its lowest {bits} bits"));
        return None;
    }
    Some(RawKind::Word { word, bits })
}
