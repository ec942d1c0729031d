//! What holds for every history of a lane: appends, flushes that fail, receipts, kills and
//! power cuts, against a list of what was promised.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Commit,
    BreakSync(bool),
    BreakTruncate(bool),
    Room(Option<usize>),
    Receipt(u8),
    Read,
    Kill,
    PowerCut(u8),
    NewSpan,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4_u8).prop_map(Step::Append),
        6 => Just(Step::Commit),
        1 => any::<bool>().prop_map(Step::BreakSync),
        1 => any::<bool>().prop_map(Step::BreakTruncate),
        1 => prop_oneof![Just(None), (0..300_usize).prop_map(Some)].prop_map(Step::Room),
        3 => any::<u8>().prop_map(Step::Receipt),
        3 => Just(Step::Read),
        1 => Just(Step::Kill),
        1 => any::<u8>().prop_map(Step::PowerCut),
        1 => Just(Step::NewSpan),
    ]
}

/// What a lane has to hold.
#[derive(Default)]
struct Promised {
    /// Every name that was ever appended, in order.
    appended: Vec<BatchName>,
    /// How many of them are durable.
    durable: usize,
    /// How many of them are receipted.
    receipted: usize,
    span: u64,
    seq: u64,
    before_span: Option<BatchName>,
}

impl Promised {
    fn born(&mut self, after: Option<BatchName>) {
        self.span += 1;
        self.seq = 0;
        self.before_span = after;
    }

    fn append(&mut self, queue: &mut Queue) {
        self.seq += 1;
        append(queue, self.span, self.seq, self.before_span);
        self.appended.push(name(self.span, self.seq));
    }

    /// What a restart has to find: everything durable, and of the rest a first part.
    fn restart(&mut self, disk: &Disk) -> Result<Queue, TestCaseError> {
        disk.fail_sync(false);
        disk.fail_truncate(false);
        disk.room(None);
        let mut queue = open(disk);
        let read = read(&mut queue);
        let all: Vec<String> = self.appended.iter().map(text).collect();
        let known: Vec<&String> = all.iter().filter(|name| read.contains(name)).collect();
        prop_assert_eq!(&read.iter().collect::<Vec<_>>(), &known, "in order, none twice");
        let last = queue.last_name();
        let end = last.map_or(0, |last| {
            self.appended.iter().position(|name| *name == last).map_or(0, |place| place + 1)
        });
        prop_assert!(self.durable <= end, "a durable batch is gone: {:?}", last);
        for name in &all[self.receipted..end] {
            prop_assert!(read.contains(name), "{} is gone", name);
        }
        // The receipted position may be written late, but never early.
        let first = read.first().and_then(|first| all.iter().position(|name| name == first));
        let first = first.unwrap_or(end);
        prop_assert!(first <= self.receipted.max(end));
        self.receipted = first;
        self.appended.truncate(end);
        self.durable = end;
        self.born(last);
        Ok(queue)
    }
}

fn text(name: &BatchName) -> String {
    format!("{}/{}", name.span.bits(), name.seq)
}

proptest! {
    #[test]
    fn what_was_promised_is_kept_in_every_history(
        steps in prop::collection::vec(step(), 0..80)
    ) {
        let disk = Disk::default();
        let mut queue = open(&disk);
        let mut promised = Promised::default();
        promised.born(None);
        for step in steps {
            match step {
                Step::Append(count) => {
                    (0..count).for_each(|_| promised.append(&mut queue));
                }
                Step::Commit => {
                    if queue.commit().is_ok() {
                        promised.durable = promised.appended.len();
                    }
                    prop_assert_eq!(
                        queue.last.as_ref(),
                        promised.appended[..promised.durable].last()
                    );
                }
                Step::BreakSync(fails) => disk.fail_sync(fails),
                Step::BreakTruncate(fails) => disk.fail_truncate(fails),
                Step::Room(room) => disk.room(room),
                Step::Receipt(place) => {
                    if promised.durable != 0 {
                        let place = usize::from(place) % promised.durable;
                        queue.receipt(promised.appended[place]);
                        promised.receipted = promised.receipted.max(place + 1);
                    }
                }
                Step::Read => {
                    let expected: Vec<String> =
                        promised.appended[promised.receipted..promised.durable]
                            .iter()
                            .map(text)
                            .collect();
                    prop_assert_eq!(read(&mut queue), expected);
                    prop_assert_eq!(
                        queue.depth as usize,
                        promised.durable - promised.receipted
                    );
                }
                Step::Kill => queue = promised.restart(&disk)?,
                Step::PowerCut(kept) => {
                    disk.power_cut(kept);
                    queue = promised.restart(&disk)?;
                }
                Step::NewSpan => {
                    let last = queue.last_name();
                    promised.born(last);
                }
            }
        }
    }

    #[test]
    fn no_damage_stops_a_start_or_invents_a_batch(
        groups in prop::collection::vec(1..5_u64, 1..5),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let disk = Disk::default();
        let mut queue = open(&disk);
        let mut all = Vec::new();
        for (place, count) in groups.iter().enumerate() {
            let before_span = all.last().copied();
            for seq in 1..=*count {
                append(&mut queue, place as u64 + 1, seq, before_span);
                all.push(name(place as u64 + 1, seq));
            }
            queue.commit().expect("a sound disk");
        }
        let length = disk.length(1) as usize;
        for (place, _) in &damage {
            disk.flip(1, place.index(length) as u64);
        }
        if damage.len() % 2 == 1 {
            disk.cut(1, cut.index(length) as u64);
        }
        let mut queue = open(&disk);
        let found = read(&mut queue);
        let mut at = 0;
        for entry in &found {
            // A batch as it was, or a marker that ends at a batch that was, each further on.
            let ends = entry.rsplit("..").next().expect("a name");
            let place = all.iter().position(|name| text(name) == ends);
            prop_assert!(place.is_some_and(|place| at <= place), "{:?}", found);
            at = place.map_or(at, |place| place + 1);
        }
        prop_assert!(
            found.len() == all.len() || at < all.len() || found.iter().any(|text| text.contains("..")),
            "something is missing and nobody says so: {:?}",
            found
        );
        // Every entry can be receipted, and then nothing is left.
        if let Some(last) = all.get(at.saturating_sub(1)).filter(|_| at != 0) {
            queue.receipt(*last);
            prop_assert_eq!(read(&mut queue), Vec::<String>::new());
        }
        let last = queue.last_name();
        append(&mut queue, 99, 1, last);
        queue.commit().expect("a sound disk");
        let found = read(&mut open(&disk));
        prop_assert_eq!(found.last().map(String::as_str), Some("99/1"));
    }
}
