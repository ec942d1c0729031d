//! What is wrong in the sheets: each mistake with its sheet, row and column, in both languages.

use firegrid_wire::document::{Mistake, Mistakes};

use super::sheet::{Row, Sheet};

/// Mistakes told at most; whoever has so many has taken the wrong file.
const TOLD: usize = 1_000;

/// A mistake in a sheet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RegistryMistake {
    /// What the sheet is called.
    pub file: String,
    /// The line it stands on, counted from 1; none: it is about the whole sheet.
    pub row: Option<u64>,
    /// The column's English head; none: it is about the whole row.
    pub column: Option<&'static str>,
    /// What is wrong, in Chinese.
    pub zh: String,
    /// What is wrong, in English.
    pub en: String,
}

/// The mistakes of all sheets.
#[derive(Debug, Default)]
pub(super) struct Told {
    mistakes: Vec<RegistryMistake>,
    more: usize,
}

impl Told {
    pub(super) fn sheet(&mut self, sheet: &Sheet, zh: impl Into<String>, en: impl Into<String>) {
        self.tell(sheet, None, None, zh.into(), en.into());
    }

    pub(super) fn line(
        &mut self,
        sheet: &Sheet,
        line: u64,
        column: Option<&'static str>,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) {
        self.tell(sheet, Some(line), column, zh.into(), en.into());
    }

    pub(super) fn cell(
        &mut self,
        sheet: &Sheet,
        row: &Row,
        column: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) {
        self.tell(sheet, Some(row.line), Some(column), zh.into(), en.into());
    }

    pub(super) fn count(&self) -> usize {
        self.mistakes.len() + self.more
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[RegistryMistake] {
        &self.mistakes
    }

    /// Every mistake, sheet by sheet in the order of their names, each from its first row on.
    pub(super) fn into_mistakes(mut self) -> Vec<RegistryMistake> {
        self.mistakes.sort_by(|one, other| (&one.file, one.row).cmp(&(&other.file, other.row)));
        if 0 < self.more {
            let more = self.more;
            self.mistakes.push(RegistryMistake {
                file: "…".to_owned(),
                row: None,
                column: None,
                zh: format!("另有 {more} 处错误未列出"),
                en: format!("{more} more mistakes are not listed"),
            });
        }
        self.mistakes
    }

    fn tell(
        &mut self,
        sheet: &Sheet,
        row: Option<u64>,
        column: Option<&'static str>,
        zh: String,
        en: String,
    ) {
        if self.mistakes.len() == TOLD {
            self.more += 1;
            return;
        }
        self.mistakes.push(RegistryMistake { file: sheet.name.clone(), row, column, zh, en });
    }
}

/// As the settings tell theirs.
pub fn as_mistakes(mistakes: Vec<RegistryMistake>) -> Mistakes {
    let told = mistakes.into_iter().map(|mistake| {
        let path = mistake.row.map_or_else(String::new, |row| format!("line {row}"));
        let what = match mistake.column {
            Some(column) => format!("{column}: {}", mistake.en),
            None => mistake.en,
        };
        Mistake { file: mistake.file, path, what }
    });
    Mistakes(told.collect())
}
