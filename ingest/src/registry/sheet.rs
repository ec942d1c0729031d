//! One CSV sheet of the registry: a header line, then rows whose cells are asked for by name.
//!
//! Takes what spreadsheets write: UTF-8 or GB 18030, quoted cells, either line ending, empty
//! lines, heads in Chinese or English. A row is one line: a quote that does not end spoils its
//! own row and no other. Knows nothing of grids and units.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;

use super::mistakes::Told;
use super::table::{Column, Table};
use super::text::{Encoding, LOST, meant};
use super::words::Word;

/// The longest text of a cell, in characters. A longer one is a broken row, not an address.
const CELL_CHARACTERS: usize = 200;

/// The longest sheet in bytes: its most rows with 400 bytes each.
pub const SHEET_BYTES: usize = 8 * 1024 * 1024;

/// The most rows of a sheet. A county has about 1,300 grids and 3,000 units with some thousand
/// gateways and devices; all of them are written in one commit.
pub const SHEET_ROWS: usize = 20_000;

/// A sheet as it came, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// What the sheet is called when a mistake is told.
    pub name: String,
    /// What it holds, or why that cannot be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// A sheet's rows.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) table: Table,
    pub(super) name: String,
    pub(super) encoding: Encoding,
    rows: Vec<Row>,
    was_read: bool,
}

/// One row, with the line it stands on.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    cells: BTreeMap<&'static str, String>,
    /// Columns of which a mistake is told already.
    spoilt: HashSet<&'static str>,
    /// Whether its cells stand under their heads.
    whole: bool,
}

impl Sheet {
    /// Reads a sheet. What is wrong is told, and every row that could be read is there.
    pub(super) fn read(
        table: Table,
        given: &Given,
        encoding: Option<Encoding>,
        told: &mut Told,
    ) -> Sheet {
        let mut sheet = Sheet {
            table,
            name: given.name.clone(),
            encoding: encoding.unwrap_or(Encoding::Utf8),
            rows: Vec::new(),
            was_read: false,
        };
        match &given.bytes {
            Err(reason) => told.sheet(
                &sheet,
                format!("文件无法读取：{reason}"),
                format!("this cannot be read: {reason}"),
            ),
            Ok(bytes) if SHEET_BYTES < bytes.len() => told.sheet(
                &sheet,
                format!("文件超过 {SHEET_BYTES} 字节"),
                format!("it is longer than {SHEET_BYTES} bytes"),
            ),
            Ok(bytes) if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") => told
                .sheet(
                    &sheet,
                    "文件是 UTF-16 编码，请另存为“CSV UTF-8”",
                    "this is UTF-16: save the sheet as \"CSV UTF-8\"",
                ),
            Ok(bytes) => {
                sheet.encoding = encoding.unwrap_or_else(|| Encoding::of(bytes));
                let text = sheet.encoding.decode(bytes);
                sheet.take(&text, told);
            }
        }
        sheet
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Rows whose cells stand under their heads, with their numbers.
    pub(super) fn whole_rows(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter(|(_, row)| row.whole)
    }

    pub(super) fn row(&self, number: usize) -> Option<&Row> {
        self.rows.get(number)
    }

    /// Every value of a column, also of rows that could not be used.
    pub(super) fn written(&self, column: &'static str) -> HashSet<&str> {
        self.rows.iter().map(|row| row.cell(column)).collect()
    }

    /// Whether it had the right columns. If not, nothing can be said about what is missing in it.
    pub(super) fn was_read(&self) -> bool {
        self.was_read
    }

    fn take(&mut self, text: &str, told: &mut Told) {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let Some((line, head)) = lines.next() else {
            let heads: Vec<&str> = self.table.columns().iter().map(|column| column.key).collect();
            let heads = heads.join(",");
            told.sheet(
                self,
                format!("缺少表头：{heads}"),
                format!("the header line is missing: {heads}"),
            );
            return;
        };
        let Some(columns) = self.columns(line, &cells(head), told) else { return };
        self.was_read = true;
        for (line, text) in lines {
            if self.rows.len() == SHEET_ROWS {
                told.sheet(
                    self,
                    format!("超过 {SHEET_ROWS} 行"),
                    format!("it has more than {SHEET_ROWS} rows"),
                );
                return;
            }
            self.take_row(line, text, &columns, told);
        }
    }

    /// Which column stands at which place.
    fn columns(&self, line: u64, head: &[String], told: &mut Told) -> Option<Vec<&'static Column>> {
        let known = self.table.columns();
        let mut columns: Vec<&'static Column> = Vec::new();
        let before = told.count();
        for name in head {
            match known.iter().find(|column| column.is_called(name)) {
                None => {
                    let heads = |each: fn(&Column) -> &'static str| {
                        known.iter().map(each).collect::<Vec<_>>().join(", ")
                    };
                    told.line(
                        self,
                        line,
                        None,
                        format!("没有 {name:?} 这一列；本表的列：{}", heads(Column::head_zh)),
                        format!("there is no column {name:?}; known here: {}", heads(|c| c.key)),
                    );
                }
                Some(column) if columns.contains(&column) => told.line(
                    self,
                    line,
                    Some(column.key),
                    "这一列出现了两次",
                    "this column stands here twice",
                ),
                Some(column) => columns.push(column),
            }
        }
        for column in known.iter().filter(|column| column.needed && !columns.contains(column)) {
            let zh = format!("缺少“{}”列", column.head_zh());
            told.line(self, line, Some(column.key), zh, "this column is missing");
        }
        (told.count() == before).then_some(columns)
    }

    fn take_row(&mut self, line: u64, text: &str, columns: &[&'static Column], told: &mut Told) {
        let written = cells(text);
        if written.iter().all(String::is_empty) {
            return;
        }
        let mut whole = true;
        if !text.matches('"').count().is_multiple_of(2) {
            whole = false;
            told.line(
                self,
                line,
                None,
                "引号不成对（引号内不能换行）",
                "a quote does not end in its row",
            );
        } else if written.len() != columns.len() {
            whole = false;
            let (has, needs) = (written.len(), columns.len());
            told.line(
                self,
                line,
                None,
                format!("有 {has} 个单元格，表头有 {needs} 个"),
                format!("it has {has} cells, the header {needs}"),
            );
        }
        let mut spoilt = HashSet::new();
        for (cell, column) in written.iter().zip(columns).filter(|_| whole) {
            if let Some((zh, en)) = unfit(cell, self.encoding) {
                told.line(self, line, Some(column.key), zh, en);
                spoilt.insert(column.key);
            }
        }
        let cells = columns.iter().map(|column| column.key).zip(written).collect();
        self.rows.push(Row { line, cells, spoilt, whole });
    }
}

/// Why a text can stand in no cell.
fn unfit(cell: &str, encoding: Encoding) -> Option<(String, String)> {
    let told = |zh: String, en: String| Some((zh, en));
    if cell.contains(LOST) {
        let name = encoding.as_str();
        told(
            format!("有不是 {name} 文字的字节"),
            format!("it holds bytes that are no text in {name}"),
        )
    } else if cell.chars().any(char::is_control) {
        told("含有控制字符".to_owned(), format!("{cell:?} holds control characters"))
    } else if CELL_CHARACTERS < cell.chars().count() {
        told(
            format!("超过 {CELL_CHARACTERS} 个字"),
            format!("the text is longer than {CELL_CHARACTERS} characters"),
        )
    } else {
        None
    }
}

/// The cells of a line, without what spreadsheets put round them.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        // A bare carriage return is no end of a row, or what follows it would be left out.
        .terminator(csv::Terminator::Any(b'\n'))
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => record.iter().map(|cell| meant(cell.trim()).to_owned()).collect(),
        // Reading UTF-8 from memory does not fail; if it did, the row would be told as empty.
        Err(_) => vec![LOST.to_string()],
    }
}

impl Row {
    /// A cell as it is meant; empty if there is no such column.
    pub(super) fn cell(&self, column: &'static str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// Whether a mistake of it is told already, so that no other one is.
    pub(super) fn is_spoilt(&self, column: &'static str) -> bool {
        self.spoilt.contains(column)
    }

    /// A cell that must not be empty.
    pub(super) fn text(
        &self,
        sheet: &Sheet,
        column: &'static str,
        told: &mut Told,
    ) -> Option<String> {
        let text = self.cell(column);
        if self.is_spoilt(column) {
            return None;
        }
        if text.is_empty() {
            told.cell(sheet, self, column, "不能为空", "this is empty");
            return None;
        }
        Some(text.to_owned())
    }

    /// A cell with a form of its own. What is wrong with it is told.
    pub(super) fn form<T>(
        &self,
        sheet: &Sheet,
        column: &'static str,
        told: &mut Told,
        read: impl FnOnce(&str) -> Option<T>,
        wanted: (impl Display, impl Display),
    ) -> Option<T> {
        if self.is_spoilt(column) {
            return None;
        }
        let text = self.cell(column);
        let read = read(text);
        if read.is_none() {
            let shown: String = text.chars().take(40).collect();
            let (zh, en) = wanted;
            told.cell(sheet, self, column, format!("{shown:?} {zh}"), format!("{shown:?} {en}"));
        }
        read
    }

    /// A word of a closed list.
    pub(super) fn listed<T: Word>(
        &self,
        sheet: &Sheet,
        column: &'static str,
        told: &mut Told,
    ) -> Option<T> {
        let (zh, en) = T::known();
        let wanted = (format!("不在列表中，可用：{zh}"), format!("is not known here; known: {en}"));
        self.form(sheet, column, told, T::read, wanted)
    }

    /// The word of a closed list, or nothing where nobody has said.
    pub(super) fn maybe_listed<T: Word>(
        &self,
        sheet: &Sheet,
        column: &'static str,
        told: &mut Told,
    ) -> String {
        match self.cell(column) {
            "" => String::new(),
            _ => self.listed::<T>(sheet, column, told).map_or("", Word::word).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<(u64, String, String)>, String) {
        let given = Given { name: "people.csv".into(), bytes: Ok(bytes.to_vec()) };
        let mut told = Told::default();
        let sheet = Sheet::read(Table::People, &given, None, &mut told);
        let rows = sheet.rows().map(|row| {
            (row.line, row.cell("id").into(), format!("{}|{}", row.cell("name"), row.cell("phone")))
        });
        let told = told.all().iter().map(|mistake| {
            format!("{:?} {}: {}\n", mistake.row, mistake.column.unwrap_or("-"), mistake.en)
        });
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
        check("id,name,role,grid\na,王,operator,r\n".as_bytes(), &[(2, "a", "王|")]);
        check("\u{feff}姓名,编号,角色,网格\r\n王,a,值班员,r\r\n".as_bytes(), &[(2, "a", "王|")]);
        check(
            b"id , name,phone,role,grid\n\n,,,,\n a ,\"x, y\", '+1,o,r\n",
            &[(4, "a", "x, y|+1")],
        );
        check(b"id,name,role,grid", &[]);
        let gb = Encoding::Gb18030.encode("编号,姓名,角色,网格\na,王,值班员,r\n").expect("bytes");
        check(&gb, &[(2, "a", "王|")]);
    }

    #[test]
    fn what_is_no_sheet_is_told_with_its_line() {
        check_told(b"", "None -: the header line is missing: id,name,role,phone,grid\n");
        check_told(
            b"id,nmae,role,grid\n",
            "Some(1) -: there is no column \"nmae\"; known here: id, name, role, phone, grid\n\
             Some(1) name: this column is missing\n",
        );
        check_told(b"id,name,id,role,grid\n", "Some(1) id: this column stands here twice\n");
        check_told(
            b"id,name,role,grid\na\nb,c,d,e,f\nc,\"d,e,f\nd,e,f,g\n",
            "Some(2) -: it has 1 cells, the header 4\n\
             Some(3) -: it has 5 cells, the header 4\n\
             Some(4) -: a quote does not end in its row\n",
        );
        check_told(
            b"id,name,role,grid\na,\xe7\x8e\x8b,o,r\nb,\xff,o,r\nc,d\te,o,r\n",
            "Some(3) name: it holds bytes that are no text in utf-8\n\
             Some(4) name: \"d\\te\" holds control characters\n",
        );
        check_told(
            b"id,name,role,grid\na,b\rx,o,r\nb,c,o,r\rd,e,o,r\n",
            "Some(2) name: \"b\\rx\" holds control characters\n\
             Some(3) -: it has 7 cells, the header 4\n",
        );
        check_told(b"\xff\xfei\0", "None -: this is UTF-16: save the sheet as \"CSV UTF-8\"\n");
    }
}
