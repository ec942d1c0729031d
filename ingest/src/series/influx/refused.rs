//! What the server will never take: kept in a file for a person, with the server's reason.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file is begun anew when it is longer; the one before it is kept under `.1`.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefusedLine {
    pub(super) line: String,
    pub(super) reason: String,
}

#[derive(Debug)]
pub(super) struct Refused {
    file: PathBuf,
}

impl Refused {
    pub(super) fn new(file: PathBuf) -> Refused {
        Refused { file }
    }

    /// Writes lines down, each after its reason.
    pub(super) async fn keep(&self, lines: Vec<RefusedLine>) -> io::Result<()> {
        let file = self.file.clone();
        let kept = tokio::task::spawn_blocking(move || append(&file, &lines)).await;
        kept.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn append(path: &Path, lines: &[RefusedLine]) -> io::Result<()> {
    if path.metadata().is_ok_and(|file| LONGEST_FILE < file.len()) {
        std::fs::rename(path, path.with_extension("lp.1"))?;
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let mut file = io::BufWriter::new(file);
    let mut last = None;
    for RefusedLine { line, reason } in lines {
        if last != Some(reason) {
            writeln!(file, "# {}", reason.replace(['\n', '\r'], " "))?;
            last = Some(reason);
        }
        writeln!(file, "{line}")?;
    }
    file.flush()
}
