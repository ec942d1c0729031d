//! What was promised, what arrived, and what may be said of it.
//!
//! Holds four books: what boxes made and made durable; what the centre committed; what every
//! poll really read; and every alarm that was raised and cleared. It knows nothing of how the
//! one becomes the other.

mod copies;
mod proof;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use firegrid_gateway::recorder::Batch;
use firegrid_ingest::judge::changes::Changes;
use firegrid_ingest::storage::alarms::Alarm;
use firegrid_ingest::storage::history::HistoryLine;
use firegrid_ingest::storage::inbox::InboxName;
use firegrid_ingest::storage::readings::PastReading;
use firegrid_wire::marker::Marker;
use firegrid_wire::names::PointId;
use firegrid_wire::pack;
use firegrid_wire::reading::Reading;
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane, PerLane, Seq, SpanId};
use firegrid_wire::time::GatewayTime;

use super::centre::is_active;
use super::panel::{POINTS, Said, point_id};
use super::tally::Seen;

/// A pause between two polls that is longer breaks a stretch, and what the device's period and
/// the disk's flush may add.
const PAUSE_MS: i64 = 5_000 + 50;

/// What became durable so shortly before the end may still be on its way.
const ON_ITS_WAY_MS: u64 = 15_000;

/// The books.
#[derive(Default)]
pub(crate) struct Oracle {
    /// The first promise that was broken, and how.
    pub(crate) broken: Option<(&'static str, String)>,
    /// Two boxes have one identity.
    pub(crate) has_twin: bool,
    /// The box may have to make room.
    pub(crate) may_forget: bool,
    /// What happened in this run.
    pub(crate) seen: Seen,
    copy: Option<copies::Copy>,
    given_up: BTreeSet<(Lane, Name)>,
    restored: bool,
    centre_restored: bool,
    catalogue_changed: bool,
    let_go: bool,
    /// Every span and its place among all.
    spans: HashMap<SpanId, usize>,
    made: HashMap<(Lane, BatchName), Made>,
    order: PerLane<Vec<BatchName>>,
    image: Option<PerLane<BTreeSet<Name>>>,
    rows: HashMap<(Lane, BatchName, u32), Reading>,
    packs: BTreeSet<Name>,
    series: BTreeSet<Name>,
    ends: HashMap<(Lane, SpanId), Seq>,
    markers: Vec<(Lane, Marker)>,
    set_aside: BTreeSet<(Lane, Name)>,
    positions: PerLane<Option<BatchName>>,
    alarms: BTreeMap<String, Alarm>,
    raised: BTreeMap<String, Moment>,
    cleared: BTreeMap<String, Moment>,
    polls: HashMap<(SpanId, usize), Vec<Poll>>,
    hasher: DefaultHasher,
}

/// What one poll of a device read, and when.
type Poll = (i64, [Option<Said>; POINTS.len()]);

/// A name that has an order.
type Name = (u64, Seq);

/// A moment of gateway time: the place of its span among all spans, and the time there.
type Moment = (usize, i64);

/// A batch that a box has made.
struct Made {
    gateway: usize,
    place: usize,
    readings: Vec<(u32, Reading)>,
    durable: bool,
    /// When it became that.
    durable_at: u64,
    /// It stood on a disk that was taken away.
    excused: bool,
    /// It was never durable, and its run is over.
    gone: bool,
    after_change: bool,
}

fn key(name: BatchName) -> Name {
    (name.span.bits(), name.seq)
}

impl Oracle {
    /// A promise is broken.
    pub(crate) fn broken(&mut self, property: &'static str, why: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some((property, why()));
        }
    }

    /// The same run has the same one.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.hasher.finish()
    }

    /// A span begins.
    pub(crate) fn span_begins(&mut self, span: SpanId) {
        let order = self.spans.len();
        self.spans.insert(span, order);
    }

    /// A device was read.
    pub(crate) fn polled(
        &mut self,
        span: SpanId,
        device: usize,
        at: GatewayTime,
        says: &[(usize, Said)],
    ) {
        let mut all = [None; POINTS.len()];
        for (point, said) in says {
            all[*point] = Some(*said);
        }
        self.polls.entry((span, device)).or_default().push((at.millis(), all));
    }

    /// A box has made a batch.
    pub(crate) fn made(&mut self, gateway: usize, batch: &Batch) {
        let pack = match pack::decode(&batch.body) {
            Ok(pack) => pack,
            Err(error) => return self.broken("a batch can be read", || error.to_string()),
        };
        let place = self.order[batch.lane].len();
        self.order[batch.lane].push(batch.name);
        let made = Made {
            gateway,
            place,
            readings: pack.readings,
            durable: false,
            durable_at: 0,
            excused: false,
            gone: false,
            after_change: self.catalogue_changed,
        };
        if self.made.insert((batch.lane, batch.name), made).is_some() {
            self.broken("a name is never used twice", || format!("{} {}", batch.lane, batch.name));
        }
    }

    /// A lane says that everything up to this batch is durable.
    pub(crate) fn durable(&mut self, gateway: usize, lane: Lane, name: BatchName, now: u64) {
        let Some(last) = self.made.get(&(lane, name)).map(|made| made.place) else { return };
        for earlier in self.order[lane][..=last].iter().rev() {
            let Some(made) = self.made.get_mut(&(lane, *earlier)) else { continue };
            let counts = made.gateway == gateway && !made.gone && !made.excused;
            if counts && std::mem::replace(&mut made.durable, true) {
                break;
            }
            if counts {
                made.durable_at = now;
            }
        }
    }

    /// A box starts with this on its disk: what was durable must be there.
    pub(crate) fn starts(&mut self, gateway: usize, recovered: PerLane<Option<BatchName>>) {
        let mut lost = None;
        for lane in Lane::ALL {
            let last = recovered[lane].and_then(|name| self.made.get(&(lane, name)));
            let behind = last.map_or(0, |made| made.place + 1);
            for name in self.order[lane].iter().skip(behind) {
                let Some(made) = self.made.get_mut(&(lane, *name)) else { continue };
                if made.gateway != gateway || made.excused {
                    continue;
                }
                if made.durable && !made.gone {
                    lost = lost.or(Some((lane, *name)));
                }
                made.gone = true;
            }
        }
        if let Some((lane, name)) = lost {
            self.broken("what is durable outlives everything", || format!("{lane} {name}"));
        }
    }

    /// A batch is sent: it must be durable.
    pub(crate) fn sent(&mut self, gateway: usize, lane: Lane, name: BatchName) {
        let durable = self.made.get(&(lane, name)).is_none_or(|made| made.durable);
        // After a kill recovery makes durable what it finds, and says so before it sends.
        if !durable {
            self.broken("what is sent is durable", || format!("box {gateway}, {lane} {name}"));
        }
    }

    /// Changes were let go, because the disk stood still.
    pub(crate) fn lets_go(&mut self, _lane: Lane) {
        self.let_go = true;
    }

    /// From now on the changing point is another one.
    pub(crate) fn changes_catalogue(&mut self) {
        self.catalogue_changed = true;
    }

    /// An image of the first box is taken.
    pub(crate) fn takes_image(&mut self) {
        let durable = |lane: Lane| {
            let of_lane = self
                .made
                .iter()
                .filter(move |((of, _), made)| *of == lane && made.durable && made.gateway == 0);
            of_lane.map(|((_, name), _)| key(*name)).collect()
        };
        self.image = Some(PerLane::from_fn(durable));
    }

    /// The first box stands as it did then.
    pub(crate) fn restores_gateway(&mut self) {
        self.restored = true;
        let Some(image) = &self.image else { return };
        for ((lane, name), made) in &mut self.made {
            if made.gateway == 0 && !image[*lane].contains(&key(*name)) {
                made.excused = true;
            }
        }
    }

    /// The series store holds these.
    pub(crate) fn in_the_series(&mut self, names: &[InboxName]) {
        self.series.extend(names.iter().map(|name| key(name.batch)));
    }

    /// Where the centre stands.
    pub(crate) fn position(&self, lane: Lane) -> Option<BatchName> {
        self.positions[lane]
    }

    /// Every alarm.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.alarms.values()
    }

    /// The centre has committed.
    pub(crate) fn committed(&mut self, changes: &Changes) {
        for row in &changes.readings {
            let name = (row.lane, row.batch, row.index);
            if self.rows.insert(name, row.reading.clone()).is_some() {
                self.broken("nothing is judged twice", || format!("{name:?}"));
            }
            self.is_as_made(row.lane, row.batch, row.index, &row.reading);
        }
        for row in &changes.inbox {
            if !self.packs.insert(key(row.name.batch)) {
                self.broken("nothing is judged twice", || row.name.batch.to_string());
            }
        }
        for row in &changes.apart_batches {
            self.set_aside.insert((row.lane, key(row.name)));
            if !self.has_twin && !self.restored {
                self.broken("no conflict without a second box", || row.name.to_string());
            }
        }
        for row in &changes.dead_letters {
            self.broken("nothing is unreadable here", || format!("{row:?}"));
        }
        self.seen.count("centre: holes", changes.holes.len());
        self.seen.count("centre: rows", changes.readings.len());
        self.seen.count("centre: packs", changes.inbox.len());
        self.seen.count("centre: conflicts", changes.conflicts.len());
        self.seen.count("centre: batches set aside", changes.apart_batches.len());
        let mut marked_fires = Vec::new();
        for row in &changes.holes {
            let marker = &row.body["told"]["marker"];
            if let Ok(marker) = serde_json::from_value::<Marker>(marker.clone()) {
                self.seen.count("centre: markers", 1);
                self.seen.count(format!("centre: marker, {:?}", marker.reason), 1);
                marked_fires.push(marker.clone());
                self.markers.push((row.lane, marker));
            }
            let marked = (row.kind == "marker" && self.may_forget)
                || (row.kind == "restored-centre" && self.centre_restored);
            if !self.has_twin && !self.restored && !marked {
                self.broken("no hole without a reason", || format!("{row:?}"));
            }
        }
        for ((_, lane, span), row) in &changes.spans {
            self.ends.insert((*lane, *span), row.end);
        }
        for ((_, lane), row) in &changes.positions {
            self.positions[*lane] = Some(row.name);
        }
        for (id, alarm) in &changes.alarms {
            self.alarms.insert(id.clone(), alarm.clone());
            id.hash(&mut self.hasher);
        }
        for (id, line) in &changes.alarm_lines {
            self.happened(id, line);
        }
        for marker in &marked_fires {
            self.check_marked_fires(marker);
        }
        for row in &changes.readings {
            self.check_fire(row.lane, row.batch, &row.reading);
        }
    }

    /// The centre says what is safe.
    pub(crate) fn receipted(&mut self, receipt: &Receipt) {
        for lane in Lane::ALL {
            let says = &receipt.lanes[lane];
            for name in [says.position, says.duplicate].into_iter().flatten() {
                let Some(made) = self.made.get(&(lane, name)) else { continue };
                let (gateway, place) = (made.gateway, made.place);
                let lost = self.order[lane][..=place].iter().rev().take(64).find(|earlier| {
                    let of_box = self.made.get(&(lane, **earlier));
                    of_box.is_some_and(|made| made.gateway == gateway)
                        && earlier.span == name.span
                        && !self.is_safe(lane, **earlier)
                });
                if let Some(lost) = lost.copied() {
                    self.broken("a receipt is given for what is committed", || {
                        format!("{lane} {name}, but not {lost}")
                    });
                }
            }
        }
    }

    /// At the end: everything that was durable is at the centre, and every fire was raised.
    pub(crate) fn check_what_was_promised(&mut self, now: u64) {
        let mut lost = Vec::new();
        for ((lane, name), made) in &self.made {
            let promised = made.durable && !made.excused && made.durable_at + ON_ITS_WAY_MS < now;
            let stands = self.positions[*lane].and_then(|at| self.made.get(&(*lane, at)));
            let behind = !made.gone && stands.is_some_and(|stands| stands.place < made.place);
            if promised && (behind || !self.is_safe(*lane, *name)) {
                lost.push(format!("{lane} {name}"));
            }
        }
        lost.sort();
        if !lost.is_empty() {
            self.broken("nothing durable is lost", || lost.join(", "));
        }
        let unseries: Vec<_> = self.packs.difference(&self.series).copied().collect();
        if 3 < unseries.len() {
            self.broken("the series is complete", || format!("{unseries:?}"));
        }
    }

    /// Whoever reads a fire finds its alarm: one that stood then, or one that stands now.
    fn check_fire(&mut self, lane: Lane, batch: BatchName, reading: &Reading) {
        self.seen
            .count("centre: readings of fire-class", usize::from(reading.value.is_fire_class()));
        let fire = reading.value.states().is_some_and(|states| {
            states.set.iter().any(|state| state == firegrid_wire::state::State::Fire)
        });
        self.seen.count("centre: fires read", usize::from(fire));
        let moment = (self.order_of(batch.span), reading.time.millis());
        let stands = self.alarms.values().any(|alarm| {
            let stood = self.raised.get(&alarm.id).is_some_and(|raised| *raised <= moment)
                && self.cleared.get(&alarm.id).is_none_or(|cleared| moment <= *cleared);
            alarm.kind == "fire"
                && alarm.point.as_ref() == Some(&reading.point)
                && (stood || is_active(alarm))
        });
        if fire && !stands {
            self.broken("every fire is raised", || format!("{lane} {batch}: {reading:?}"));
        }
    }

    /// What the tables hold of a point.
    pub(crate) fn reads_back(&mut self, point: &PointId, read: &[PastReading]) {
        let mut committed: BTreeMap<_, _> = self
            .rows
            .iter()
            .filter(|((lane, _, _), reading)| {
                reading.point == *point
                    && (*lane == Lane::Urgent || reading.value.states().is_some())
            })
            .map(|((_, batch, index), reading)| ((key(*batch), *index), reading))
            .collect();
        let mut other = None;
        for row in read {
            let same = committed.remove(&(key(row.batch), row.index)).is_some_and(|reading| {
                let words = match reading.value.states() {
                    Some(states) => states.to_string(),
                    None => "unknown".to_owned(),
                };
                reading.time == row.time && reading.quality == row.quality && words == row.words
            });
            if !same {
                other = other.or(Some(row));
            }
        }
        let lost = committed.len();
        if let Some(row) = other {
            self.broken("what is read back is what was committed", || format!("{row:?}"));
        }
        if lost != 0 {
            self.broken("what was committed can be read back", || format!("{point}: {lost} rows"));
        }
    }

    fn order_of(&self, span: SpanId) -> usize {
        self.spans.get(&span).copied().unwrap_or(usize::MAX)
    }

    /// Whether a batch is at the centre: all its readings, a marker in its place, or apart.
    fn is_safe(&self, lane: Lane, name: BatchName) -> bool {
        let Some(made) = self.made.get(&(lane, name)) else { return true };
        if made.excused || self.set_aside.contains(&(lane, key(name))) {
            return true;
        }
        let marked = self.markers.iter().any(|(of, marker)| {
            let end = marker.ends.iter().find(|end| end.span == name.span);
            *of == lane
                && end.is_some_and(|end| name.seq <= end.seq)
                && (marker.first.span != name.span || marker.first.seq <= name.seq)
        });
        let admitted = self.ends.get(&(lane, name.span)).is_some_and(|end| name.seq <= *end);
        let there = |index: u32, reading: &Reading| {
            let is_row = lane == Lane::Urgent || reading.value.states().is_some();
            let is_packed = !is_row && self.packs.contains(&key(name));
            is_packed || self.rows.contains_key(&(lane, name, index))
        };
        marked || (admitted && made.readings.iter().all(|(index, reading)| there(*index, reading)))
    }

    fn is_as_made(&mut self, lane: Lane, batch: BatchName, index: u32, reading: &Reading) {
        let made = self.made.get(&(lane, batch)).map(|made| &made.readings);
        let same = made.and_then(|made| made.iter().find(|(at, _)| *at == index));
        if same.is_none_or(|(_, made)| made != reading) {
            self.broken("nothing is invented", || format!("{lane} {batch} {index}: {reading:?}"));
        }
    }

    /// Something happened to an alarm of a point.
    fn happened(&mut self, id: &str, line: &HistoryLine) {
        let Some(alarm) = self.alarms.get(id).cloned() else { return };
        let place = (0..POINTS.len()).find(|place| alarm.point.as_ref() == Some(&point_id(*place)));
        let Some(place) = place else { return };
        let span = line.body["span"].as_str().and_then(|span| span.parse::<SpanId>().ok());
        let (Some(span), Some(t)) = (span, line.body["t"].as_i64()) else { return };
        let moment = (self.order_of(span), t);
        (id, &line.what, t).hash(&mut self.hasher);
        self.seen.count(format!("alarm: {}", line.what), 1);
        match line.what.as_str() {
            "raised" => {
                self.raised.insert(id.to_owned(), moment);
                self.check_raised(place, span, t, id);
            }
            "relapsed" => {
                self.cleared.remove(id);
            }
            "cleared" => {
                self.cleared.insert(id.to_owned(), moment);
                if self.raised.get(id).is_some_and(|raised| moment <= *raised) {
                    self.broken("nothing is cleared by what is older", || id.to_owned());
                }
                self.check_cleared(place, span, t, id);
            }
            _ => {}
        }
    }
}
