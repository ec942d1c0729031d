//! One CSV file of the registry: a header line, then rows whose cells are asked for by name.
//!
//! Takes what spreadsheets write: UTF-8 with or without a byte order mark, quoted cells,
//! either line ending, empty lines. Knows nothing of grids and units.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use firegrid_wire::document::Mistake;

/// The longest text of a cell, in characters. A longer one is a broken quote, not an address.
const CELL_CHARACTERS: usize = 200;

/// A file's rows.
#[derive(Debug)]
pub(super) struct Sheet {
    file: String,
    rows: Vec<Row>,
    was_read: bool,
}

/// One row, with the line it begins on.
#[derive(Debug)]
pub(super) struct Row {
    line: u64,
    cells: BTreeMap<&'static str, String>,
}

/// The mistakes of all files, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Vec<Mistake>);

impl Told {
    pub(super) fn file(&mut self, file: &str, what: impl fmt::Display) {
        let what = what.to_string();
        self.0.push(Mistake { file: file.to_owned(), path: String::new(), what });
    }

    pub(super) fn row(&mut self, sheet: &Sheet, row: &Row, what: impl fmt::Display) {
        self.line(&sheet.file, row.line, what);
    }

    fn line(&mut self, file: &str, line: u64, what: impl fmt::Display) {
        let (path, what) = (format!("line {line}"), what.to_string());
        self.0.push(Mistake { file: file.to_owned(), path, what });
    }
}

impl Sheet {
    /// Reads a file with these columns; of the optional ones a missing one is empty. What is
    /// wrong is told, and every row that could be read is there.
    pub(super) fn read(
        path: &Path,
        required: &[&'static str],
        optional: &[&'static str],
        told: &mut Told,
    ) -> Sheet {
        let mut sheet =
            Sheet { file: path.display().to_string(), rows: Vec::new(), was_read: false };
        match std::fs::read(path) {
            Ok(bytes) => sheet.take(&bytes, required, optional, told),
            Err(error) => {
                told.file(&sheet.file, format_args!("this cannot be read: {error}"));
            }
        }
        sheet
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Whether there was a file with the right columns. If not, nothing can be said about what
    /// is missing in it.
    pub(super) fn was_read(&self) -> bool {
        self.was_read
    }

    pub(super) fn name(&self) -> &str {
        &self.file
    }

    fn take(
        &mut self,
        bytes: &[u8],
        required: &[&'static str],
        optional: &[&'static str],
        told: &mut Told,
    ) {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
                told.line(&self.file, line, "this is not UTF-8: save the sheet as \"CSV UTF-8\"");
                return;
            }
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err(_)) | None => {
                let columns = required.join(",");
                told.file(&self.file, format_args!("the header line is missing: {columns}"));
                return;
            }
        };
        let Some(columns) = self.columns(&header, required, optional, told) else { return };
        let mut lines = Lines { text, before: 0, line: 1 };
        self.was_read = true;
        for record in records {
            match record {
                Ok(record) => {
                    let begin = record.position().map_or(0, csv::Position::byte);
                    let line = lines.at(usize::try_from(begin).unwrap_or(usize::MAX));
                    self.row(&record, line, &columns, told);
                }
                Err(error) => told.file(&self.file, error),
            }
        }
    }

    /// Which column stands at which place.
    fn columns(
        &self,
        header: &csv::StringRecord,
        required: &[&'static str],
        optional: &[&'static str],
        told: &mut Told,
    ) -> Option<Vec<&'static str>> {
        let known: Vec<&'static str> = required.iter().chain(optional).copied().collect();
        let mut columns = Vec::new();
        let mut wrong = false;
        let mut tell = |what: String| {
            told.line(&self.file, 1, what);
            wrong = true;
        };
        for name in header {
            match known.iter().find(|known| **known == name) {
                None => {
                    tell(format!("there is no column {name:?}; known here: {}", known.join(", ")))
                }
                Some(name) if columns.contains(name) => {
                    tell(format!("the column {name} stands here twice"));
                }
                Some(name) => columns.push(*name),
            }
        }
        for name in required.iter().filter(|name| !header.iter().any(|cell| cell == **name)) {
            tell(format!("the column {name} is missing"));
        }
        (!wrong).then_some(columns)
    }

    fn row(
        &mut self,
        record: &csv::StringRecord,
        line: u64,
        columns: &[&'static str],
        told: &mut Told,
    ) {
        if record.iter().all(str::is_empty) {
            return;
        }
        if record.len() != columns.len() {
            let (has, needs) = (record.len(), columns.len());
            told.line(&self.file, line, format_args!("it has {has} cells, the header {needs}"));
            return;
        }
        for (cell, column) in record.iter().zip(columns) {
            if cell.chars().any(char::is_control) {
                told.line(
                    &self.file,
                    line,
                    format_args!("{column}: {cell:?} holds control characters"),
                );
            } else if CELL_CHARACTERS < cell.chars().count() {
                told.line(
                    &self.file,
                    line,
                    format_args!("{column}: the text is longer than {CELL_CHARACTERS} characters"),
                );
            }
        }
        let cells = columns.iter().copied().zip(record.iter().map(str::to_owned)).collect();
        self.rows.push(Row { line, cells });
    }
}

/// Counts lines as an editor does. The reader's own count is one behind where lines end in
/// CR LF, because a record begins for it between the two.
struct Lines<'a> {
    text: &'a str,
    before: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first character at or behind a place that ends no line.
    fn at(&mut self, place: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let skipped = bytes.iter().skip(place).take_while(|byte| ends(byte)).count();
        let place = place.saturating_add(skipped).min(bytes.len());
        let passed = bytes.get(self.before..place).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.before = place.max(self.before);
        self.line
    }
}

impl Row {
    /// A cell as it is written; empty if there is no such column.
    pub(super) fn cell(&self, column: &'static str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// A cell with a form of its own. What is wrong with it is told.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(
        &self,
        sheet: &Sheet,
        column: &'static str,
        told: &mut Told,
    ) -> Option<T> {
        match self.cell(column).parse() {
            Ok(value) => Some(value),
            Err(error) => {
                told.row(sheet, self, format_args!("{column}: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<(u64, String, String)>, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("grids.csv");
        std::fs::write(&path, bytes).expect("a file");
        let mut told = Told::default();
        let sheet = Sheet::read(&path, &["id", "name"], &["phone"], &mut told);
        let rows = sheet.rows().map(|row| {
            (
                row.line,
                row.cell("id").to_owned(),
                format!("{}|{}", row.cell("name"), row.cell("phone")),
            )
        });
        let told = told.0.iter().map(|mistake| format!("{}: {}\n", mistake.path, mistake.what));
        (rows.collect(), told.collect())
    }

    #[track_caller]
    fn check(bytes: &[u8], rows: &[(u64, &str, &str)]) {
        let (read, told) = read(bytes);
        let read: Vec<(u64, &str, &str)> =
            read.iter().map(|(line, id, rest)| (*line, id.as_str(), rest.as_str())).collect();
        assert_eq!(read, rows);
        assert_eq!(told, "");
    }

    #[track_caller]
    fn check_told(bytes: &[u8], expected: &str) {
        assert_eq!(read(bytes).1, expected);
    }

    #[test]
    fn sheets_are_read_as_spreadsheets_write_them() {
        check("id,name\na,东门\n".as_bytes(), &[(2, "a", "东门|")]);
        check("\u{feff}name,id\r\n东门,a\r\n".as_bytes(), &[(2, "a", "东门|")]);
        check(b"id , name,phone\n\n,,\n a ,\"x, y\", 1\n", &[(4, "a", "x, y|1")]);
        check(b"id,name", &[]);
    }

    #[test]
    fn what_is_no_sheet_is_told_with_its_line() {
        check_told(b"", ": the header line is missing: id,name\n");
        check_told(
            b"id,nmae\n",
            "line 1: there is no column \"nmae\"; known here: id, name, phone\n\
                                  line 1: the column name is missing\n",
        );
        check_told(b"id,name,id\n", "line 1: the column id stands here twice\n");
        check_told(
            b"id,name\na\nb,c,d\n",
            "line 2: it has 1 cells, the header 2\n\
                                            line 3: it has 3 cells, the header 2\n",
        );
        check_told(
            b"id,name\na,\xb6\xab\xc3\xc5\n",
            "line 2: this is not UTF-8: save the sheet as \"CSV UTF-8\"\n",
        );
        check_told(b"id,name\na,\"b\nc\"\n", "line 2: name: \"b\\nc\" holds control characters\n");
    }
}
