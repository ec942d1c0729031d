//! The folder of series: which days there are, which of their files are open, which are old.
//!
//! Knows file names and their ages, and keeps few files open. What stands in a file is not
//! its business.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::calendar::Day;

/// Files kept open at once, by the writer and again by the reader. Live rows fall into one or
/// two days; the others are backlogs and long curves.
pub(super) const OPEN_FILES: usize = 8;

/// Days that may exist beyond those that are kept: boxes whose clock is far off name days
/// that never were, and each would become a file.
pub(super) const STRANGE_DAYS: usize = 64;

const ENDING: &str = ".sqlite";

/// The files that stand beside a day's file while it is open.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it is missing.
    pub(super) fn open(path: PathBuf) -> io::Result<Folder> {
        fs::create_dir_all(&path)?;
        Ok(Folder { path })
    }

    /// The file of a day, whether it exists or not.
    pub(super) fn file(&self, day: Day) -> PathBuf {
        self.path.join(format!("{day}{ENDING}"))
    }

    /// The days that have a file.
    pub(super) fn days(&self) -> io::Result<BTreeSet<Day>> {
        let mut days = BTreeSet::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let day = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            days.extend(day.and_then(Day::parse));
        }
        Ok(days)
    }

    /// Puts a day's file and its companions out of the way, for a person to look at, and says
    /// what it is called now.
    pub(super) fn set_aside(&self, day: Day) -> io::Result<PathBuf> {
        let file = self.file(day);
        let aside = (1..)
            .map(|number: u32| self.path.join(format!("{day}.damaged-{number}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.path.join("damaged"));
        for companion in COMPANIONS {
            let from = with_suffix(&file, companion);
            if from.exists() {
                fs::rename(&from, with_suffix(&aside, companion))?;
            }
        }
        fs::rename(&file, &aside)?;
        sync(&self.path)?;
        Ok(aside)
    }

    /// Removes every day before `first` whose file nobody has written since `first` began,
    /// and names them. A box with a wrong clock writes into days long past; what it wrote is
    /// kept as long as everything else.
    pub(super) fn forget_before(&self, first: Day) -> io::Result<Vec<Day>> {
        let mut forgotten = Vec::new();
        for day in self.days()?.into_iter().take_while(|day| *day < first) {
            let file = self.file(day);
            if last_written(&file)?.is_none_or(|millis| Day::of(millis) < first) {
                // The companions first: alone they would be taken for a new file's.
                for path in COMPANIONS.map(|name| with_suffix(&file, name)) {
                    remove(&path)?;
                }
                remove(&file)?;
                forgotten.push(day);
            }
        }
        if !forgotten.is_empty() {
            sync(&self.path)?;
        }
        Ok(forgotten)
    }

    /// Makes the names of new files durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }
}

/// A few open files, the latest used last.
#[derive(Debug)]
pub(super) struct Open<T> {
    files: Vec<(Day, T)>,
}

impl<T> Default for Open<T> {
    fn default() -> Open<T> {
        Open { files: Vec::new() }
    }
}

impl<T> Open<T> {
    /// The file of a day, opened if it is not. The one unused for longest may be closed.
    pub(super) fn get<E>(
        &mut self,
        day: Day,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<&mut T, E> {
        let file = match self.files.iter().position(|(opened, _)| *opened == day) {
            Some(place) => self.files.remove(place).1,
            None => {
                if OPEN_FILES <= self.files.len() {
                    self.files.remove(0);
                }
                open()?
            }
        };
        self.files.push((day, file));
        let last = self.files.len() - 1;
        Ok(&mut self.files[last].1)
    }

    /// Closes the file of a day.
    pub(super) fn close(&mut self, day: Day) {
        self.files.retain(|(opened, _)| *opened != day);
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn last_written(file: &Path) -> io::Result<Option<i64>> {
    let mut last = None;
    for path in [file.to_owned(), with_suffix(file, COMPANIONS[0])] {
        match fs::metadata(&path) {
            Ok(metadata) => {
                let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
                let millis = since.map_or(0, |since| since.as_millis());
                last = last.max(Some(i64::try_from(millis).unwrap_or(i64::MAX)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
