//! A sheet 点表 of a device: a CSV file with a row for each point, as the site's engineer keeps it.
//!
//! Takes what spreadsheets write: UTF-8 with or without a byte order mark, or GB 18030; heads in
//! Chinese or English. Its rows become the same tables of keys as `[[line.device.point]]`, so
//! that both are read by one code; a mistake is told with row and column.

use std::collections::BTreeMap;
use std::path::Path;

use firegrid_wire::document::{Document, Mistake, Mistakes, Table};
use serde_json::{Map, Value};

use super::line::MOST_POINTS;

/// The longest file; a row of 200 bytes for each of the most points would be 20 MB.
const MOST_BYTES: u64 = 32 << 20;

/// The longest text of a cell, in characters. A longer one is a broken quote, not a label.
const CELL_CHARACTERS: usize = 200;

/// The heads of columns, and the keys they stand for.
const HEADS: [(&str, &[&str]); 24] = [
    ("name", &["点名", "点号", "编号"]),
    ("label", &["标签", "位置", "安装位置", "描述"]),
    ("zone", &["分区", "防火分区"]),
    ("tags", &["标记"]),
    ("system", &["系统类型", "系统"]),
    ("part", &["部件类型", "部件"]),
    ("table", &["寄存器表"]),
    ("register", &["寄存器"]),
    ("address", &["地址", "modbus地址"]),
    ("bit", &["位"]),
    ("means", &["含义", "动作含义"]),
    ("contact", &["触点", "触点类型"]),
    ("raw_low", &["原始零点"]),
    ("raw_high", &["原始满度"]),
    ("range_low", &["量程下限"]),
    ("range_high", &["量程上限"]),
    ("deadband", &["死区"]),
    ("stuck_after", &["不变时限"]),
    ("elevation", &["标高"]),
    ("limits.low", &["low", "下限"]),
    ("limits.lowest", &["lowest", "下下限"]),
    ("limits.high", &["high", "上限"]),
    ("limits.highest", &["highest", "上上限"]),
    ("limits.fall", &["fall", "下降限"]),
];

/// A file's rows, and the mistakes found in it so far.
#[derive(Debug)]
pub(super) struct Sheet {
    document: Document,
    file: String,
    columns: Vec<Column>,
    /// The keys of the rows in the document, in their order.
    rows: Vec<String>,
}

/// A column with what is written above it.
#[derive(Debug, Clone)]
struct Column {
    key: Option<String>,
    head: String,
}

impl Sheet {
    /// Reads a file. Whatever is wrong is told by [`finish`](Sheet::finish); every row that
    /// could be read is there.
    pub(super) fn read(path: &Path) -> Sheet {
        let file = path.display().to_string();
        let bytes = match std::fs::metadata(path).map(|file| file.len()) {
            Ok(length) if MOST_BYTES < length => Err("it is longer than any sheet".to_owned()),
            Ok(_) | Err(_) => std::fs::read(path).map_err(|error| error.to_string()),
        };
        match bytes {
            Ok(bytes) => Sheet::of(&file, &bytes),
            Err(error) => {
                let sheet = Sheet::empty(&file, Vec::new(), Vec::new(), Map::new());
                sheet.document.tell("", format_args!("the sheet cannot be read: {error}"));
                sheet
            }
        }
    }

    fn of(file: &str, bytes: &[u8]) -> Sheet {
        let text = match decode(bytes) {
            Ok(text) => text,
            Err(row) => {
                let sheet = Sheet::empty(file, Vec::new(), Vec::new(), Map::new());
                let what = "this is neither UTF-8 nor GB 18030: save the sheet as \"CSV UTF-8\"";
                sheet.document.tell(&row_path(row), what);
                return sheet;
            }
        };
        let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let head = lines.next().and_then(|(line, row)| Some((cells(line)?, row)));
        let (head, head_row) = head.unwrap_or_default();
        let columns: Vec<Column> = head.into_iter().map(Column::of).collect();
        let mut told = Vec::new();
        let mut content = Map::new();
        let mut rows = Vec::new();
        for (line, row) in lines.take(MOST_POINTS + 1) {
            let read = cells(line).ok_or("a quoted cell does not end in its row".to_owned());
            match read.and_then(|cells| row_of(cells, &columns)) {
                Ok(keys) if keys.is_empty() => {}
                Ok(keys) => {
                    rows.push(row_path(row));
                    content.insert(row_path(row), Value::Object(keys));
                }
                Err(what) => told.push((row_path(row), what)),
            }
        }
        if MOST_POINTS < rows.len() {
            told.push((String::new(), format!("it has more than {MOST_POINTS} rows")));
        }
        let has_name = columns.iter().any(|column| column.key.as_deref() == Some("name"));
        if !has_name {
            // Without names nothing can be said about the rows.
            (rows, content) = (Vec::new(), Map::new());
            told.push((row_path(head_row.max(1)), "the column name 点名 is missing".to_owned()));
        }
        told.extend(wrong_heads(&columns).map(|what| (row_path(head_row), what)));
        let sheet = Sheet::empty(file, columns, rows, content);
        told.into_iter().for_each(|(path, what)| sheet.document.tell(&path, what));
        sheet
    }

    fn empty(
        file: &str,
        columns: Vec<Column>,
        rows: Vec<String>,
        content: Map<String, Value>,
    ) -> Sheet {
        let document = Document::new(file, Value::Object(content));
        Sheet { document, file: file.to_owned(), columns, rows }
    }

    /// Its rows, as tables of the keys that `[[line.device.point]]` has.
    pub(super) fn rows(&self) -> Vec<Table<'_>> {
        let root = self.document.root();
        self.rows.iter().filter_map(|row| root.table(row)).collect()
    }

    /// All mistakes, in the order of the rows, each with its column.
    pub(super) fn finish(self) -> Mistakes {
        let Sheet { document, file, columns, .. } = self;
        let found = document.finish(Some(())).err().unwrap_or_default();
        let placed = |mistake: Mistake| {
            let (row, key) = mistake.path.split_once('.').unwrap_or((&mistake.path, ""));
            let number: u64 =
                row.strip_prefix("row ").and_then(|row| row.parse().ok()).unwrap_or(0);
            let path = match place_of(&columns, key) {
                None => row.to_owned(),
                Some(column) => format!("{row}, column {column}"),
            };
            (number, Mistake { file: file.clone(), path, what: mistake.what })
        };
        let mut mistakes: Vec<(u64, Mistake)> = found.0.into_iter().map(placed).collect();
        mistakes.sort();
        Mistakes(mistakes.into_iter().map(|(_, mistake)| mistake).collect())
    }
}

impl Column {
    fn of(head: String) -> Column {
        let plain = head.to_ascii_lowercase();
        let known = HEADS
            .iter()
            .find(|(key, others)| *key == plain || others.contains(&plain.as_str()))
            .map(|(key, _)| (*key).to_owned());
        let limit = || head.strip_prefix("limits.").map(|_| head.clone());
        Column { key: known.or_else(limit), head }
    }
}

/// UTF-8, with or without its mark, or else GB 18030; the row that is neither.
fn decode(bytes: &[u8]) -> Result<String, usize> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let (text, was_wrong) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
            if was_wrong {
                let before = text.split('\u{FFFD}').next().unwrap_or_default();
                return Err(before.matches('\n').count() + 1);
            }
            text.into_owned()
        }
    };
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The cells of a row; `None` for a quote that does not end in it.
fn cells(line: &str) -> Option<Vec<String>> {
    if !line.matches('"').count().is_multiple_of(2) {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}

/// The keys of a row; empty cells are keys that are not written.
fn row_of(cells: Vec<String>, columns: &[Column]) -> Result<Map<String, Value>, String> {
    let written = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
    if columns.len() < written {
        return Err(format!("it has {written} cells, the heads are {}", columns.len()));
    }
    let mut keys = Map::new();
    for (cell, column) in cells.into_iter().zip(columns).filter(|(cell, _)| !cell.is_empty()) {
        if cell.chars().any(char::is_control) {
            return Err(format!("{}: {cell:?} holds control characters", column.head));
        }
        if CELL_CHARACTERS < cell.chars().count() {
            let head = &column.head;
            return Err(format!("{head}: the text is longer than {CELL_CHARACTERS} characters"));
        }
        let Some(key) = &column.key else { continue };
        match (key.split_once('.'), key.as_str()) {
            (Some((outer, inner)), _) => {
                let outer = keys.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Some(outer) = outer.as_object_mut() {
                    outer.insert(inner.to_owned(), Value::String(cell));
                }
            }
            (None, "tags") => {
                let tags = cell.split([' ', ',', ';', '，', '；', '、']);
                let tags = tags.filter(|tag| !tag.is_empty()).map(Value::from).collect();
                keys.insert(key.clone(), tags);
            }
            (None, key) => {
                keys.insert(key.to_owned(), Value::String(cell));
            }
        }
    }
    Ok(keys)
}

fn wrong_heads(columns: &[Column]) -> impl Iterator<Item = String> + '_ {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    columns.iter().filter_map(move |column| match &column.key {
        None if column.head.is_empty() => None,
        None => {
            let known = HEADS.iter().map(|(key, others)| match others.last() {
                Some(chinese) => format!("{key} {chinese}"),
                None => (*key).to_owned(),
            });
            let known: Vec<String> = known.collect();
            Some(format!("there is no column {:?}; known here: {}", column.head, known.join(", ")))
        }
        Some(key) => seen
            .insert(key, &column.head)
            .map(|first| format!("the columns {first:?} and {:?} are the same", column.head)),
    })
}

fn row_path(row: usize) -> String {
    format!("row {row}")
}

/// A key's column, by its head and its letter; a key without a column by itself.
fn place_of(columns: &[Column], key: &str) -> Option<String> {
    let key = key.split('[').next().filter(|key| !key.is_empty())?;
    let place = columns.iter().position(|column| column.key.as_deref() == Some(key));
    Some(match place {
        Some(place) => format!("{} ({})", columns[place].head, letters(place)),
        None => key.to_owned(),
    })
}

/// What a spreadsheet calls a column: A to Z, then AA.
fn letters(place: usize) -> String {
    let last = char::from(b'A' + u8::try_from(place % 26).unwrap_or(0));
    match place / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letters(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rows as JSON, and what is told.
    fn read(bytes: &[u8]) -> (Vec<String>, String) {
        let sheet = Sheet::of("sheet.csv", bytes);
        let mut rows = Vec::new();
        for row in sheet.rows() {
            let keys: Vec<String> = row
                .keys()
                .into_iter()
                .map(|key| format!("{key}={}", row.raw(key).expect("a key")))
                .collect();
            rows.push(format!("{} {}", row.path(), keys.join(" ")));
        }
        (rows, sheet.finish().to_string())
    }

    #[test]
    fn cells_become_keys_and_empty_cells_none() {
        let (rows, told) = read(
            "点名,标记,下限,Bit,limits.pump\n\na,\"x、y; z\",1 m,,\n,,,,\nb,,,3,2 m\n".as_bytes(),
        );
        assert_eq!(
            rows,
            [
                "row 3 limits={\"low\":\"1 m\"} name=\"a\" tags=[\"x\",\"y\",\"z\"]",
                "row 5 bit=\"3\" limits={\"pump\":\"2 m\"} name=\"b\"",
            ]
        );
        assert_eq!(told, "0 mistakes:");
    }

    #[test]
    fn columns_are_lettered_as_in_a_spreadsheet() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }

    proptest! {
        #[test]
        fn no_bytes_end_the_program(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
            read(&[b"name,label\n".as_slice(), &bytes].concat());
        }

        #[test]
        fn every_row_is_read_or_told(cells in "[a-c\",\r\n点 ]{0,60}") {
            let text = format!("name,label\n{cells}");
            let (rows, told) = read(text.as_bytes());
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            for (line, row) in text.lines().zip(1..).skip(1) {
                let says_nothing = line.chars().all(|c| matches!(c, ',' | '"' | ' '));
                let path = format!("row {row}");
                let is_read = rows.iter().any(|read| read.starts_with(&format!("{path} ")));
                let is_told = told.contains(&format!("{path}:")) || told.contains(&format!("{path},"));
                prop_assert!(says_nothing || is_read || is_told, "{path}: {line:?}\n{told}");
            }
        }
    }
}
