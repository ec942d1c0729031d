//! Bytes of a sheet and its text: UTF-8 with or without a byte order mark, or GB 18030.
//!
//! Nothing is replaced in silence. Bytes that are no text become [`LOST`], which no cell may
//! hold: every one is told where it stands.

use encoding_rs::{GB18030, UTF_8};

/// What stands where bytes were no text.
pub(super) const LOST: char = char::REPLACEMENT_CHARACTER;

/// How a sheet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// GB 18030, and so GBK and GB 2312.
    Gb18030,
}

impl Encoding {
    /// The word of interfaces and command lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
        }
    }

    /// How bytes are written if nobody has said: what most of their lines are, of those that
    /// are more than ASCII. One broken character must not turn a whole sheet into another one.
    pub fn of(bytes: &[u8]) -> Encoding {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Encoding::Utf8;
        }
        let foreign = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii());
        let (good, bad): (Vec<_>, Vec<_>) =
            foreign.partition(|line| std::str::from_utf8(line).is_ok());
        if good.len() < bad.len() { Encoding::Gb18030 } else { Encoding::Utf8 }
    }

    /// The text of bytes.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        let encoding = match self {
            Encoding::Utf8 => UTF_8,
            Encoding::Gb18030 => GB18030,
        };
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
    }

    /// Text as bytes, as spreadsheets open it. None if it holds what this cannot write.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Utf8 => Some([b"\xef\xbb\xbf", text.as_bytes()].concat()),
            Encoding::Gb18030 => {
                let (bytes, _, unwritable) = GB18030.encode(text);
                (!unwritable).then(|| bytes.into_owned())
            }
        }
    }
}

impl std::str::FromStr for Encoding {
    type Err = NoEncoding;

    fn from_str(text: &str) -> Result<Encoding, NoEncoding> {
        match text.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(Encoding::Utf8),
            "gb18030" | "gb-18030" | "gbk" | "gb2312" => Ok(Encoding::Gb18030),
            _ => Err(NoEncoding),
        }
    }
}

/// A word that names no encoding of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sheet is written in utf-8 or gb18030")]
pub struct NoEncoding;

/// Spreadsheets take a cell that begins so for something to be worked out.
const WORKED_OUT: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A cell as it is written: what a spreadsheet would work out is led by an apostrophe.
pub(super) fn harmless(cell: &str) -> String {
    if would_work(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// A cell as it is meant: without the apostrophe of [`harmless`].
pub(super) fn meant(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if would_work(rest) => rest,
        Some(_) | None => cell,
    }
}

/// Also behind apostrophes, so that what really begins with one comes back.
fn would_work(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(WORKED_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_character_does_not_make_another_encoding_of_a_sheet() {
        let utf8 = "编号,名称\na,东门\nb,西门\n".as_bytes();
        assert_eq!(Encoding::of(utf8), Encoding::Utf8);
        let gb = GB18030.encode("编号,名称\na,东门\nb,联通\n").0.into_owned();
        assert_eq!(Encoding::of(&gb), Encoding::Gb18030);
        let broken = [utf8, b"c,\xe4\xb8\n"].concat();
        assert_eq!(Encoding::of(&broken), Encoding::Utf8);
        assert_eq!(Encoding::Utf8.decode(&broken).matches(LOST).count(), 1);
        assert_eq!(Encoding::of(b"id,name\n"), Encoding::Utf8);
    }

    #[test]
    fn bytes_that_are_no_text_take_no_neighbour_with_them() {
        let text = Encoding::Gb18030.decode(b"a,\xb6\xab\x81,b\n\xff,c\x81\nd");
        assert_eq!(text, format!("a,东{LOST},b\n{LOST},c{LOST}\nd"));
    }

    #[test]
    fn text_comes_back_from_both_encodings() {
        let text = "编号,名称\na,东门𠮷 €\n";
        for encoding in [Encoding::Utf8, Encoding::Gb18030] {
            let bytes = encoding.encode(text).expect("bytes");
            assert_eq!(encoding.decode(&bytes), text);
        }
        assert_eq!(Encoding::Gb18030.encode("\u{e5e5}"), None);
    }

    #[test]
    fn what_a_spreadsheet_would_work_out_is_harmless_and_comes_back() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("-5", "'-5"),
            ("+86 10", "'+86 10"),
            ("@x", "'@x"),
            ("＝x", "'＝x"),
            ("'=x", "''=x"),
            ("'x", "'x"),
            ("东门", "东门"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), written);
            assert_eq!(meant(written), cell);
        }
        assert_eq!(meant("=1"), "=1", "what people write themselves is as they write it");
    }
}
