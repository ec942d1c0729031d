//! Where segments stand: the few operations that a lane of the spool needs of a disk.
//!
//! The lane is written against [`Storage`]; [`Files`] does it with files. A disk that lies,
//! fills up or forgets can so be put in its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The number of a segment. Later segments have higher numbers.
pub type SegmentNumber = u64;

/// Numbered segments that grow at their end.
pub trait Storage: Send + 'static {
    /// The segments that exist, in ascending order.
    fn list(&mut self) -> io::Result<Vec<SegmentNumber>>;

    /// Makes an empty segment whose existence is durable when this returns. One that stands
    /// there already is emptied.
    fn create(&mut self, segment: SegmentNumber) -> io::Result<()>;

    /// Adds bytes to the end of a segment. After an error any part of them may stand there.
    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended to a segment.
    fn sync(&mut self, segment: SegmentNumber) -> io::Result<()>;

    /// How many bytes a segment has.
    fn length(&mut self, segment: SegmentNumber) -> io::Result<u64>;

    /// Reads from a place on; fewer bytes than asked for at the end of the segment.
    fn read(&mut self, segment: SegmentNumber, from: u64, most: usize) -> io::Result<Vec<u8>>;

    /// Cuts a segment to a length.
    fn truncate(&mut self, segment: SegmentNumber, length: u64) -> io::Result<()>;

    /// Removes a segment, durably; one that does not exist is removed.
    fn remove(&mut self, segment: SegmentNumber) -> io::Result<()>;
}

/// Segments as files of one folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    directory: File,
    open: Option<(SegmentNumber, File)>,
    reading: Option<(SegmentNumber, File)>,
}

/// How the name of a segment's file ends.
const SUFFIX: &str = ".segment";

impl Files {
    /// The segments of a folder, which is made if it is missing.
    pub fn open(folder: &Path) -> io::Result<Files> {
        std::fs::create_dir_all(folder)?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        let directory = File::open(folder)?;
        Ok(Files { folder: folder.to_owned(), directory, open: None, reading: None })
    }

    fn path(&self, segment: SegmentNumber) -> PathBuf {
        self.folder.join(format!("{segment:016}{SUFFIX}"))
    }

    fn writable(&mut self, segment: SegmentNumber) -> io::Result<&mut File> {
        let open = match self.open.take() {
            Some((number, file)) if number == segment => (number, file),
            Some(_) | None => {
                let path = self.path(segment);
                (segment, OpenOptions::new().append(true).open(path)?)
            }
        };
        Ok(&mut self.open.insert(open).1)
    }

    fn readable(&mut self, segment: SegmentNumber) -> io::Result<&mut File> {
        let open = match self.reading.take() {
            Some((number, file)) if number == segment => (number, file),
            Some(_) | None => (segment, File::open(self.path(segment))?),
        };
        Ok(&mut self.reading.insert(open).1)
    }

    fn forget(&mut self, segment: SegmentNumber) {
        self.open.take_if(|(number, _)| *number == segment);
        self.reading.take_if(|(number, _)| *number == segment);
    }
}

impl Storage for Files {
    fn list(&mut self) -> io::Result<Vec<SegmentNumber>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            found.extend(number.and_then(|number| number.parse::<SegmentNumber>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn create(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.forget(segment);
        File::create(self.path(segment))?.sync_all()?;
        self.directory.sync_all()
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(self.writable(segment)?, bytes)
    }

    fn sync(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.writable(segment)?.sync_data()
    }

    fn length(&mut self, segment: SegmentNumber) -> io::Result<u64> {
        Ok(self.readable(segment)?.metadata()?.len())
    }

    fn read(&mut self, segment: SegmentNumber, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let file = self.readable(segment)?;
        let left = file.metadata()?.len().saturating_sub(from);
        let mut bytes = vec![0; most.min(usize::try_from(left).unwrap_or(most))];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }

    fn truncate(&mut self, segment: SegmentNumber, length: u64) -> io::Result<()> {
        let file = self.writable(segment)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.forget(segment);
        match std::fs::remove_file(self.path(segment)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.directory.sync_all()
    }
}
