//! The catalogue: which devices and points a gateway has, and what they are.
//!
//! It travels retained, in pages of at most 64 KiB, below the hash of its whole content.
//! Every batch names the hash under which it was made, so a reading is never judged by the
//! description of another point.

use sha2::{Digest, Sha256};

use crate::limits::MESSAGE_BYTES;
use crate::names::{DeviceId, PointId};
use crate::quantity::Unit;
use crate::span::Lane;
use crate::time::Millis;

/// Everything a gateway can see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    /// The Modbus slaves, in the order of the settings.
    pub devices: Vec<DeviceEntry>,
    /// The points, in the order of the settings, without the devices' `comm` points.
    pub points: Vec<PointEntry>,
}

/// One device of the catalogue.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DeviceEntry {
    /// The device's name in its gateway.
    pub n: DeviceId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The profile that says which registers mean which points.
    pub profile: String,
    /// How often alarm areas are read, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_period: Option<Millis>,
    /// How often analog areas are read, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analog_period: Option<Millis>,
}

impl DeviceEntry {
    /// The period of the device in a lane, if it has points there.
    pub fn period(&self, lane: Lane) -> Option<Millis> {
        match lane {
            Lane::Urgent => self.alarm_period,
            Lane::Routine => self.analog_period,
        }
    }
}

/// One point of the catalogue.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PointEntry {
    /// `{device}/{point}`.
    pub n: PointId,
    /// Where and what it is, in the words of the building.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The lane it lives in.
    pub lane: Lane,
    /// The unit of an analog point; none for a discrete one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<Unit>,
    /// System type of GB/T 26875.3-2011 table 4.
    #[serde(default)]
    pub system: u8,
    /// Part type of GB/T 26875.3-2011 table 5.
    #[serde(default)]
    pub part: u8,
    /// The zone 分区 of the panel it belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// Words that rules select points by, for example `sprinkler-end`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Limits of this very point, in its unit, for rules that name them (`limit.low`).
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub limits: std::collections::BTreeMap<String, f64>,
    /// Height of the point in metres above the zero that the site measures from: static water
    /// pressure falls by 9.8 kPa with every metre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elevation: Option<f64>,
    /// Where the value comes from: line address, slave, profile, register, scaling. A point
    /// whose source changes is another point.
    pub source: String,
}

/// The first 16 hex digits of the SHA-256 of a catalogue's content.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct CatalogueHash(Box<str>);

impl CatalogueHash {
    /// Takes 16 lower-case hex digits.
    pub fn parse(text: &str) -> Option<CatalogueHash> {
        let plain = text.len() == 16
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| CatalogueHash(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CatalogueHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One page of a catalogue as it travels.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The hash of the whole.
    pub hash: CatalogueHash,
    /// The number of this page, from 1.
    pub page: u32,
    /// How many there are.
    pub pages: u32,
    /// The devices on this page.
    pub devices: Vec<DeviceEntry>,
    /// The points on this page.
    pub points: Vec<PointEntry>,
}

/// Room that a page's frame and its last entry may need beyond the entries counted.
const PAGE_FRAME_BYTES: usize = 256;

impl Catalogue {
    /// As it travels.
    pub fn written(&self) -> Written {
        let mut written = Written::default();
        self.devices.iter().for_each(|device| written.add_device(device));
        self.points.iter().for_each(|point| written.add_point(point));
        written
    }

    /// The hash of the content: equal catalogues have equal hashes, on every machine.
    pub fn hash(&self) -> CatalogueHash {
        self.written().hash()
    }

    /// The pages, each with its bytes of at most 64 KiB.
    pub fn pages(&self) -> Vec<Vec<u8>> {
        let written = self.written();
        written.pages(&written.hash()).collect()
    }

    /// Puts pages together; `None` while one is missing or the whole does not match its hash.
    pub fn from_pages<'a>(pages: impl IntoIterator<Item = &'a Page>) -> Option<Catalogue> {
        let mut pages: Vec<&Page> = pages.into_iter().collect();
        pages.sort_by_key(|page| page.page);
        pages.dedup_by_key(|page| page.page);
        let whole = *pages.first()?;
        let complete = pages.len() == whole.pages as usize
            && pages.iter().all(|page| page.hash == whole.hash && page.pages == whole.pages);
        if !complete {
            return None;
        }
        let catalogue = Catalogue {
            devices: pages.iter().flat_map(|page| page.devices.iter().cloned()).collect(),
            points: pages.iter().flat_map(|page| page.points.iter().cloned()).collect(),
        };
        (catalogue.hash() == whole.hash).then_some(catalogue)
    }
}

/// A catalogue whose entries stand written one after the other: a large one takes a tenth of the
/// memory that its words take apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Written {
    devices: Entries,
    points: Entries,
}

impl Written {
    /// Adds the next device.
    pub fn add_device(&mut self, device: &DeviceEntry) {
        self.devices.add(device);
    }

    /// Adds the next point.
    pub fn add_point(&mut self, point: &PointEntry) {
        self.points.add(point);
    }

    /// What it says, to be looked through.
    pub fn read(&self) -> Catalogue {
        Catalogue { devices: self.devices.read(), points: self.points.read() }
    }

    /// The hash of the content: equal catalogues have equal hashes, on every machine.
    pub fn hash(&self) -> CatalogueHash {
        let mut digest = Sha256::new();
        for entry in self.entries() {
            digest.update(entry);
            digest.update(b"\n");
        }
        let hex: String =
            digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        CatalogueHash(hex.into())
    }

    /// How many pages it takes.
    pub fn page_count(&self) -> u32 {
        self.borders().len() as u32 + 1
    }

    /// The pages under the hash, one after the other, each with its bytes of at most 64 KiB.
    pub fn pages(&self, hash: &CatalogueHash) -> impl Iterator<Item = Vec<u8>> {
        let (hash, mut ends) = (hash.clone(), self.borders());
        let pages = ends.len() as u32 + 1;
        ends.push(self.devices.count() + self.points.count());
        let mut begin = 0;
        (1_u32..).zip(ends).map(move |(page, end)| {
            let places = std::mem::replace(&mut begin, end)..end;
            let mut bytes = Vec::with_capacity(MESSAGE_BYTES);
            bytes.extend_from_slice(
                format!("{{\"hash\":\"{hash}\",\"page\":{page},\"pages\":{pages},\"devices\":[")
                    .as_bytes(),
            );
            let split = self.devices.count().clamp(places.start, places.end);
            self.devices.join(places.start..split, &mut bytes);
            bytes.extend_from_slice(b"],\"points\":[");
            let of_points = |place: usize| place.saturating_sub(self.devices.count());
            self.points.join(of_points(split)..of_points(places.end), &mut bytes);
            bytes.extend_from_slice(b"]}");
            bytes
        })
    }

    /// The places of the first entries of all pages but the first.
    fn borders(&self) -> Vec<usize> {
        let mut borders = Vec::new();
        let mut room = MESSAGE_BYTES - PAGE_FRAME_BYTES;
        for (place, entry) in self.entries().enumerate() {
            if room < entry.len() + 1 {
                borders.push(place);
                room = MESSAGE_BYTES - PAGE_FRAME_BYTES;
            }
            room = room.saturating_sub(entry.len() + 1);
        }
        borders
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        let lists = [&self.devices, &self.points].into_iter();
        lists.flat_map(|list| (0..list.count()).map(|place| list.entry(place)))
    }
}

/// Entries as JSON, one behind the other. In pieces: allocators give small ones back to the system
/// when they are dropped, and remember a large one.
#[derive(Debug, Clone, PartialEq, Default)]
struct Entries {
    pieces: Vec<Vec<u8>>,
    /// The piece of each, and where in it it ends.
    ends: Vec<(u32, u32)>,
}

const PIECE_BYTES: usize = 64 * 1024;

/// What an entry usually takes at most; a longer one lets its piece grow.
const ENTRY_BYTES: usize = 1024;

impl Entries {
    fn add(&mut self, entry: &impl serde::Serialize) {
        let mut piece = match self.pieces.pop() {
            Some(piece) if piece.len() + ENTRY_BYTES <= PIECE_BYTES => piece,
            full => {
                self.pieces.extend(full);
                Vec::with_capacity(PIECE_BYTES)
            }
        };
        // They hold strings, numbers and maps with string keys only: writing them cannot fail.
        let _ = serde_json::to_writer(&mut piece, entry);
        self.ends.push((self.pieces.len() as u32, piece.len() as u32));
        self.pieces.push(piece);
    }

    fn count(&self) -> usize {
        self.ends.len()
    }

    fn entry(&self, place: usize) -> &[u8] {
        let (piece, end) = self.ends[place];
        let before = place.checked_sub(1).map(|before| self.ends[before]);
        let begin = before.filter(|(of, _)| *of == piece).map_or(0, |(_, end)| end);
        &self.pieces[piece as usize][begin as usize..end as usize]
    }

    /// Appends some of them as the content of a list.
    fn join(&self, places: std::ops::Range<usize>, bytes: &mut Vec<u8>) {
        for place in places.clone() {
            if place != places.start {
                bytes.push(b',');
            }
            bytes.extend_from_slice(self.entry(place));
        }
    }

    /// What was written here can be read.
    fn read<T: serde::de::DeserializeOwned>(&self) -> Vec<T> {
        (0..self.count()).filter_map(|at| serde_json::from_slice(self.entry(at)).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(points: usize) -> Catalogue {
        Catalogue {
            devices: vec![DeviceEntry {
                n: DeviceId::parse("facp1").expect("a device"),
                label: "消防控制室主机".into(),
                profile: "notifier-modbus-gw".into(),
                alarm_period: Some(Millis::new(500)),
                analog_period: None,
            }],
            points: (0..points)
                .map(|number| PointEntry {
                    n: PointId::parse(&format!("facp1/L1D{number:03}")).expect("a point"),
                    label: format!("{number} 号感烟探测器"),
                    lane: Lane::Urgent,
                    u: None,
                    system: 1,
                    part: 40,
                    zone: "3F".into(),
                    tags: vec!["detector".into()],
                    limits: Default::default(),
                    elevation: None,
                    source: format!("127.0.0.1:502#1 holding {number}"),
                })
                .collect(),
        }
    }

    fn read(pages: &[Vec<u8>]) -> Vec<Page> {
        pages.iter().map(|page| serde_json::from_slice(page).expect("a page")).collect()
    }

    #[test]
    fn ten_full_loops_travel_in_pages_that_every_receiver_takes() {
        let whole = catalogue(3_180);
        let pages = whole.pages();
        assert!(pages.len() > 1);
        assert_eq!(whole.written().page_count() as usize, pages.len());
        assert_eq!(whole.written().read(), whole);
        assert!(pages.iter().all(|page| page.len() <= MESSAGE_BYTES));
        assert_eq!(Catalogue::from_pages(&read(&pages)), Some(whole));
    }

    #[test]
    fn a_missing_or_altered_page_is_noticed() {
        let mut pages = read(&catalogue(1_000).pages());
        assert_eq!(Catalogue::from_pages(&pages[1..]), None);
        pages[0].points[0].part = 41;
        assert_eq!(Catalogue::from_pages(&pages), None);
    }

    #[test]
    fn an_empty_catalogue_is_one_page() {
        let pages = read(&Catalogue::default().pages());
        assert_eq!(pages.len(), 1);
        assert_eq!(Catalogue::from_pages(&pages), Some(Catalogue::default()));
    }
}
