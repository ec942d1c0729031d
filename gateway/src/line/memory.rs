//! What the devices of a line refuse, remembered across restarts.
//!
//! To find one bad register costs a device a dozen questions in vain, so it is done once. The
//! memory is a small file for each line, written beside the runtime by a temporary file that
//! takes the other's name. It is worth nothing more than those questions: a file that is damaged
//! or gone is an empty one, and what is remembered is tried again as anything refused is, first
//! after a second, so that a device that was mended is seen.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use firegrid_wire::time::Millis;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::plan::Read;
use crate::clock::Uptime;
use crate::profile::Table;

/// More parts of a line are not remembered: a line with so many is set wrongly.
const MOST_PARTS: usize = 1_000;

/// A larger file is not one of ours.
const LONGEST_FILE: u64 = 256 * 1_024;

/// The file is written no more often.
const WRITTEN_EVERY: Millis = Millis::seconds(60);

/// The memory of a line.
#[derive(Debug, Default)]
pub struct Memory {
    path: Option<PathBuf>,
    /// What the file holds, or will.
    parts: Vec<Part>,
    changed: bool,
    again: Uptime,
    writing: Option<JoinHandle<()>>,
}

/// One part that a device refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Part {
    device: String,
    table: String,
    first: u16,
    count: u16,
}

impl Memory {
    /// Of the line with this name, in a folder. Without one, as for [`Memory::default`], nothing
    /// outlasts the process.
    pub fn of(folder: &Path, line: &str) -> Memory {
        Memory { path: Some(folder.join(format!("line-{line}.json"))), ..Memory::default() }
    }

    /// Reads the file, if there is one.
    pub(super) async fn recall(mut self) -> Memory {
        if let Some(path) = self.path.clone() {
            let read = tokio::task::spawn_blocking(move || read(&path)).await;
            self.parts = read.unwrap_or_default();
        }
        self
    }

    /// What a device refused when it was last seen.
    pub(super) fn refused_by(&self, device: &str) -> impl Iterator<Item = Read> {
        self.parts.iter().filter(move |part| part.device == device).filter_map(Part::read)
    }

    /// Notes what a device refuses now; what of it is new.
    pub(super) fn note(&mut self, device: &str, refused: &[Read]) -> Vec<Read> {
        let known: Vec<Read> = self.refused_by(device).collect();
        let room = MOST_PARTS.saturating_sub(self.parts.len() - known.len());
        let kept = &refused[..refused.len().min(room)];
        if known == kept {
            return Vec::new();
        }
        self.parts.retain(|part| part.device != device);
        self.parts.extend(kept.iter().map(|read| Part::new(device, *read)));
        self.changed = true;
        kept.iter().copied().filter(|read| !known.contains(read)).collect()
    }

    /// Writes the file if it is worth it. Nobody waits for that.
    pub(super) fn keep(&mut self, now: Uptime) {
        let is_writing = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        let Some(path) = self.path.as_ref().filter(|_| self.changed && !is_writing) else { return };
        if now < self.again {
            return;
        }
        (self.changed, self.again) = (false, now.plus(WRITTEN_EVERY));
        let (path, parts) = (path.clone(), self.parts.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            if let Err(cause) = write(&path, &parts) {
                tracing::debug!(path = %path.display(), %cause, "Refused registers not remembered.");
            }
        }));
    }
}

impl Part {
    fn new(device: &str, read: Read) -> Part {
        let Read { table, first, count } = read;
        Part { device: device.to_owned(), table: name(table).to_owned(), first, count }
    }

    fn read(&self) -> Option<Read> {
        let table = TABLES.into_iter().find(|table| name(*table) == self.table)?;
        Some(Read { table, first: self.first, count: self.count })
    }
}

const TABLES: [Table; 4] =
    [Table::Coils, Table::DiscreteInputs, Table::HoldingRegisters, Table::InputRegisters];

fn name(table: Table) -> &'static str {
    match table {
        Table::Coils => "coils",
        Table::DiscreteInputs => "discrete-inputs",
        Table::HoldingRegisters => "holding-registers",
        Table::InputRegisters => "input-registers",
    }
}

/// What a file holds; nothing if it cannot be read.
fn read(path: &Path) -> Vec<Part> {
    let short = fs::metadata(path).is_ok_and(|file| file.len() <= LONGEST_FILE);
    let text = if short { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    let mut parts: Vec<Part> = serde_json::from_str(&text).unwrap_or_default();
    parts.truncate(MOST_PARTS);
    parts
}

fn write(path: &Path, parts: &[Part]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(serde_json::to_string_pretty(parts)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Read = Read { table: Table::InputRegisters, first: 17, count: 2 };

    fn at(seconds: u64) -> Uptime {
        Uptime::after(Millis::seconds(seconds))
    }

    async fn written(memory: &mut Memory) {
        memory.writing.take().expect("it is written").await.expect("it was");
    }

    async fn recalled(folder: &Path) -> Vec<Read> {
        Memory::of(folder, "l").recall().await.refused_by("p").collect()
    }

    #[tokio::test]
    async fn what_was_refused_is_known_after_a_restart_until_it_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::of(&folder.path().join("refused"), "l").recall().await;
        assert_eq!(memory.note("p", &[BAD]), [BAD]);
        assert_eq!(memory.note("p", &[BAD]), [], "told once");
        memory.keep(at(0));
        written(&mut memory).await;
        assert_eq!(recalled(&folder.path().join("refused")).await, [BAD]);
        assert_eq!(memory.note("p", &[]), []);
        memory.keep(at(59));
        assert!(memory.writing.is_none(), "not every second");
        memory.keep(at(60));
        written(&mut memory).await;
        assert_eq!(recalled(&folder.path().join("refused")).await, []);
    }

    #[tokio::test]
    async fn a_damaged_file_costs_only_the_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in [
            "",
            "[",
            "{}",
            "[{\"device\": 7}]",
            "[{\"device\":\"p\",\"table\":\"?\",\"first\":1,\"count\":1}]",
        ] {
            fs::write(folder.path().join("line-l.json"), text).expect("a file");
            assert_eq!(recalled(folder.path()).await, [], "{text}");
        }
        fs::write(folder.path().join("line-l.json"), [0xFF; 100]).expect("a file");
        assert_eq!(recalled(folder.path()).await, []);
        assert_eq!(recalled(&folder.path().join("none")).await, []);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = Memory::default();
        let all: Vec<Read> = (0..5_000).map(|first| Read { first, ..BAD }).collect();
        assert_eq!(memory.note("p", &all).len(), MOST_PARTS);
        assert_eq!(memory.note("p", &all), [], "and nobody hears of it every second");
        assert_eq!(memory.parts.len(), MOST_PARTS);
        memory.note("q", &[BAD]);
        assert_eq!(memory.parts.len(), MOST_PARTS);
    }
}
