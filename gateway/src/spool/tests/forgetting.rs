//! Quotas, refusals, and what is answered when the centre asks for what was let go of.

use firegrid_wire::marker::Marker;
use firegrid_wire::pack::After;
use proptest::prelude::*;

use super::*;

/// Room for about twenty of the test's batches, in segments of two or three.
const SMALL: u64 = 4_096;

/// A lane with a small quota and the batches 1/1 to 1/`count`, each durable.
fn filled_with(disk: &Disk, quota: u64, count: u64) -> Queue {
    let mut queue = open_with(disk, quota);
    for seq in 1..=count {
        append(&mut queue, 1, seq, None);
        queue.commit().expect("a sound disk");
    }
    queue
}

/// What stands first in the lane, which must be a marker.
#[track_caller]
fn marker(queue: &mut Queue) -> (Option<After>, Marker) {
    queue.rewind();
    let entries = queue.read(1).expect("a sound disk");
    let head = pack::decode(&entries[0].body).expect("a marker").head;
    (head.after, head.marker.expect("a marker"))
}

fn fires(marker: &Marker) -> Vec<String> {
    marker.fires.iter().map(|fire| format!("{} {}", fire.n, fire.t.millis())).collect()
}

#[test]
fn a_lane_below_its_quota_keeps_everything() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 20);
    assert_eq!(read(&mut queue).len(), 20);
    assert!(queue.held() <= SMALL);
}

#[test]
fn the_oldest_batches_become_a_marker_with_their_fires_when_the_quota_is_reached() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 60);
    assert!(queue.held() <= SMALL, "{}", queue.held());
    let texts = read(&mut queue);
    let (after, marker) = marker(&mut queue);
    let last = marker.ends[0].seq;
    assert_eq!(texts[0], format!("1/1..1/{last} quota"));
    assert_eq!(texts[1], format!("1/{}", last + 1));
    assert_eq!(texts.last().map(String::as_str), Some("1/60"));
    assert_eq!(queue.depth as usize, texts.len());
    assert_eq!((after, marker.ends.len()), (Some(After::Nothing), 1));
    assert_eq!(marker.since, Some(GatewayTime::from_millis(1_000)));
    assert_eq!(marker.until, Some(GatewayTime::from_millis(last as i64 * 1_000)));
    let expected: Vec<String> =
        (1..=last).map(|seq| format!("facp1/L1D{seq:03} {}", seq * 1_000)).collect();
    assert_eq!(fires(&marker), expected);
    assert_eq!(read(&mut open_with(&disk, SMALL)), texts, "it is as durable as a batch");
    assert_eq!(open_with(&disk, SMALL).depth, queue.depth);
}

#[test]
fn a_prealarm_that_became_a_fire_in_what_is_gone_is_told_as_both() {
    let disk = Disk::default();
    let mut queue = open_with(&disk, SMALL);
    for seq in 1..=60_u64 {
        let words = match seq {
            1 => "prealarm",
            2 => "fire prealarm",
            3 | 4 => "fire",
            _ => "normal",
        };
        let newest = Some(GatewayTime::from_millis(seq as i64 * 1_000));
        let body = format!("[{{}},{{\"n\":\"facp1/L1D001\",\"t\":{seq},\"vs\":\"{words}\"}}]");
        let (name, body) = (name(1, seq), format!("{body:<200}").into_bytes());
        queue.append(&Batch { lane: Lane::Urgent, name, before_span: None, newest, body });
        queue.commit().expect("a sound disk");
    }
    let told: Vec<String> = marker(&mut queue)
        .1
        .fires
        .iter()
        .map(|fire| format!("{} {}", fire.t.millis(), fire.vs))
        .collect();
    assert_eq!(told, ["2000 fire prealarm", "1000 prealarm"]);
}

#[test]
fn sending_goes_back_to_the_marker_and_what_was_receipted_stays_forgotten() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 12);
    queue.receipt(name(1, 5));
    assert!(!queue.read(100_000).expect("entries").is_empty());
    for seq in 13..=40 {
        append(&mut queue, 1, seq, None);
        queue.commit().expect("a sound disk");
    }
    let next = queue.read(1).expect("a marker").remove(0);
    let marker = pack::decode(&next.body).expect("a marker").head.marker.expect("a marker");
    assert_eq!(marker.first, name(1, 6));
    assert!(queue.receipt(next.name));
    assert_eq!(read(&mut queue)[0], format!("1/{}", next.name.seq + 1));
    queue.commit().expect("a sound disk");
    assert_eq!(read(&mut open_with(&disk, SMALL))[0], format!("1/{}", next.name.seq + 1));
}

#[test]
fn a_receipt_inside_a_marker_moves_nothing() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 60);
    let texts = read(&mut queue);
    assert!(!queue.receipt(name(1, 2)));
    assert_eq!(read(&mut queue), texts);
}

#[test]
fn a_marker_names_the_end_of_every_span_it_touches() {
    let disk = Disk::default();
    let mut queue = open_with(&disk, SMALL);
    let mut last = None;
    for span in 1..=20 {
        for seq in 1..=3 {
            append(&mut queue, span, seq, last);
        }
        last = Some(name(span, 3));
        queue.commit().expect("a sound disk");
    }
    let (_, marker) = marker(&mut queue);
    let ends: Vec<(u64, u64)> = marker.ends.iter().map(|end| (end.span.bits(), end.seq)).collect();
    let whole = ends.len() as u64 - 1;
    assert!(3 < whole, "{ends:?}");
    let expected: Vec<(u64, u64)> = (1..=whole).map(|span| (span, 3)).collect();
    assert_eq!(ends[..ends.len() - 1], expected);
}

#[test]
fn a_full_disk_lets_nothing_go_and_goes_on_when_there_is_room() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 20);
    disk.room(Some(0));
    for seq in 21..=40 {
        append(&mut queue, 1, seq, None);
        assert!(queue.commit().is_err());
    }
    assert_eq!(read(&mut queue).len(), 20);
    disk.room(None);
    queue.commit().expect("room again");
    let texts = read(&mut queue);
    assert!(texts[0].ends_with("quota"), "{texts:?}");
    assert_eq!(texts.last().map(String::as_str), Some("1/40"));
}

#[test]
fn asked_for_what_it_holds_it_sends_from_there() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 6);
    queue.receipt(name(1, 4));
    assert_eq!(queue.asked(name(1, 5)).expect("a disk"), Asked::Held);
    check(&mut queue, &["1/5", "1/6"]);
    assert_eq!(queue.asked(name(1, 3)).expect("a disk"), Asked::Held);
    check(&mut queue, &["1/3", "1/4", "1/5", "1/6"]);
    assert_eq!(queue.depth, 4);
    assert_eq!(queue.asked(name(1, 7)).expect("a disk"), Asked::Held);
    assert_eq!(queue.asked(name(9, 1)).expect("a disk"), Asked::Unknown);
    check(&mut queue, &["1/3", "1/4", "1/5", "1/6"]);
}

#[test]
fn asked_for_what_it_forgot_it_sends_a_marker_first() {
    let disk = Disk::default();
    let mut queue = open_with(&disk, SMALL);
    let mut last = None;
    for span in 1..=20 {
        for seq in 1..=3 {
            append(&mut queue, span, seq, last);
        }
        last = Some(name(span, 3));
        queue.commit().expect("a sound disk");
        queue.receipt(name(span, 3));
    }
    append(&mut queue, 20, 4, Some(name(19, 3)));
    queue.commit().expect("a sound disk");
    check(&mut queue, &["20/4"]);
    assert_eq!(queue.asked(name(7, 2)).expect("a disk"), Asked::Forgotten);
    let texts = read(&mut queue);
    assert!(texts[0].starts_with("7/2..") && texts[0].ends_with(" forgotten"), "{texts:?}");
    assert_eq!(texts.last().map(String::as_str), Some("20/4"));
    assert_eq!(queue.depth as usize, texts.len());
    let (after, told) = marker(&mut queue);
    assert_eq!((after, told.fires.len()), (None, 0));
    assert_eq!((told.ends[0].span.bits(), told.ends[0].seq), (7, 3));
    // It survives, and asked for still more it grows.
    let mut queue = open_with(&disk, SMALL);
    assert_eq!(read(&mut queue), texts);
    assert_eq!(queue.depth as usize, texts.len());
    assert_eq!(queue.asked(name(4, 1)).expect("a disk"), Asked::Forgotten);
    let (after, grown) = marker(&mut queue);
    assert_eq!((after, grown.first), (Some(After::Batch(name(3, 3))), name(4, 1)));
    assert_eq!(grown.ends.last(), told.ends.last());
    assert_eq!(queue.asked(name(9, 1)).expect("a disk"), Asked::Held, "it stands in the marker");
    // The name behind the end of a span is the begin of the next one.
    assert_eq!(queue.asked(name(3, 4)).expect("a disk"), Asked::Held);
    assert_eq!(marker(&mut queue).1.first, name(4, 1));
    let end = grown.ends.last().expect("an end");
    assert!(queue.receipt(BatchName { span: end.span, seq: end.seq }));
    assert!(!read(&mut queue)[0].contains("forgotten"));
}

#[test]
fn asked_for_everything_a_drained_lane_answers_with_a_marker() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 40);
    queue.receipt(name(1, 40));
    append(&mut queue, 2, 1, Some(name(1, 40)));
    queue.commit().expect("a sound disk");
    queue.receipt(name(2, 1));
    queue.commit().expect("a sound disk");
    let mut queue = open_with(&disk, SMALL);
    assert_eq!(queue.asked(name(1, 1)).expect("a disk"), Asked::Forgotten);
    let texts = read(&mut queue);
    assert!(texts[0].starts_with("1/1..1/") && texts[0].ends_with(" forgotten"), "{texts:?}");
    assert_eq!(texts.last().map(String::as_str), Some("2/1"));
}

#[test]
fn an_asking_that_cannot_be_made_durable_changes_nothing() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, SMALL, 40);
    queue.receipt(name(1, 39));
    disk.fail_sync(true);
    assert!(queue.asked(name(1, 1)).is_err());
    check(&mut queue, &["1/40"]);
    disk.fail_sync(false);
    assert_eq!(queue.asked(name(1, 1)).expect("a disk"), Asked::Forgotten);
}

#[test]
fn a_refused_batch_becomes_a_marker_in_its_place() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 4);
    assert!(queue.refused(name(1, 2)).expect("a disk"));
    assert!(!queue.refused(name(1, 9)).expect("a disk"));
    let expected = ["1/1", "1/2..1/2 refused", "1/3", "1/4"];
    check(&mut queue, &expected);
    assert_eq!((queue.depth, queue.dead_letters), (4, 1));
    check(&mut open(&disk.copy()), &expected);
    queue.receipt(name(1, 1));
    assert_eq!(fires(&marker(&mut queue).1), ["facp1/L1D002 2000"]);
    assert!(queue.receipt(name(1, 2)));
    check(&mut queue, &["1/3", "1/4"]);
    assert!(!queue.refused(name(1, 2)).expect("a disk"), "it is receipted");
}

#[test]
fn a_marker_that_is_refused_itself_lists_half_as_much_and_counts_the_rest() {
    let disk = Disk::default();
    let mut queue = filled_with(&disk, 1 << 20, 800);
    queue.quota = 64 << 10;
    append(&mut queue, 1, 801, None);
    queue.commit().expect("a sound disk");
    let whole = marker(&mut queue).1;
    let gone = whole.fires.len() as u64 + whole.more.fires;
    let (last, refused) = (whole.ends[0].seq, queue.dead_letters);
    let mut listed = whole.fires.len();
    while queue.refused(name(1, last)).expect("a disk") {
        let (_, shorter) = marker(&mut queue);
        assert!(shorter.fires.len() < listed || listed == 0, "{} of {listed}", shorter.fires.len());
        listed = shorter.fires.len();
        assert_eq!(listed as u64 + shorter.more.fires, gone);
    }
    assert_eq!((listed, queue.dead_letters - refused), (0, gone::MOST_BREVITY));
    assert_eq!(marker(&mut open(&disk.copy())).1, whole, "nothing is lost of what it knows");
    assert!(queue.receipt(name(1, last)));
    assert_eq!(queue.brevity, 0);
    assert_eq!(last, 800);
    check(&mut queue, &["1/801"]);
}

/// A stretch of a lane with so many spans, each with a fire of its own.
fn many(from: u64, count: u64) -> gone::Gone {
    let one = |span: u64| {
        let body = format!(r#"[{{"n":"facp1/L{span:04}D001","t":{span},"vs":"fire"}}]"#);
        gone::Gone::batch(
            name(span, 1),
            Some(After::Nothing),
            None,
            body.as_bytes(),
            MarkerReason::Quota,
        )
    };
    let mut gone = one(from);
    (from + 1..from + count).for_each(|span| gone.join(one(span)));
    gone
}

#[test]
fn a_marker_counts_the_fires_and_spans_that_it_has_no_room_for() {
    let labels = labels();
    let encoded = |gone: &gone::Gone| {
        let body = gone.encode(&labels, 0);
        assert!(body.len() <= firegrid_wire::limits::MESSAGE_BYTES, "{} bytes", body.len());
        pack::decode(&body).expect("a marker").head.marker.expect("a marker")
    };
    let first = encoded(&many(1, 300));
    assert!(first.more.is_nothing(), "{:?}", first.more);
    let whole = many(1, 2_000);
    let marker = encoded(&whole);
    assert_eq!(marker.ends.len() as u64 + marker.more.spans, 2_000);
    assert_eq!(marker.fires.len() as u64 + marker.more.fires, 2_000);
    assert!(marker.more.spans > 0 && marker.more.fires > 0, "{:?}", marker.more);
    let mut again = gone::Gone::of_marker(&whole.encode(&labels, 0)).expect("a marker");
    again.join(many(2_001, 500));
    let marker = encoded(&again);
    assert_eq!(marker.ends.len() as u64 + marker.more.spans, 2_500, "nothing is forgotten twice");
    assert_eq!(marker.fires.len() as u64 + marker.more.fires, 2_500);
    assert_eq!(marker.ends[0].span, name(1, 1).span);
    assert_eq!(marker.ends.last().map(|end| end.span), Some(name(2_500, 1).span));
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Commit,
    BreakSync(bool),
    BreakTruncate(bool),
    Room(Option<usize>),
    Receipt(prop::sample::Index),
    Asked(prop::sample::Index),
    Refused(prop::sample::Index),
    Look,
    Kill,
    PowerCut(u8),
    NewSpan,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6_u8).prop_map(Step::Append),
        8 => Just(Step::Commit),
        1 => any::<bool>().prop_map(Step::BreakSync),
        1 => any::<bool>().prop_map(Step::BreakTruncate),
        1 => prop_oneof![Just(None), (0..600_usize).prop_map(Some)].prop_map(Step::Room),
        2 => any::<prop::sample::Index>().prop_map(Step::Receipt),
        1 => any::<prop::sample::Index>().prop_map(Step::Asked),
        1 => any::<prop::sample::Index>().prop_map(Step::Refused),
        3 => Just(Step::Look),
        1 => Just(Step::Kill),
        1 => any::<u8>().prop_map(Step::PowerCut),
        2 => Just(Step::NewSpan),
    ]
}

/// What a lane owes, whatever it has let go of.
#[derive(Default)]
struct Owed {
    /// Every name that was appended, in order.
    appended: Vec<BatchName>,
    /// How many of them are durable.
    durable: usize,
    /// From here on everything must be told: as a batch, or in a marker.
    from: usize,
    /// The highest receipt: what stands behind it must be told with its fires.
    receipted: usize,
    span: u64,
    seq: u64,
    before_span: Option<BatchName>,
}

impl Owed {
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

    fn place(&self, name: BatchName) -> Result<usize, TestCaseError> {
        let place = self.appended.iter().position(|known| *known == name);
        place.ok_or_else(|| TestCaseError::fail(format!("{name} was never made")))
    }

    /// Everything owed is told, in order, without a gap, nothing twice.
    fn look(&mut self, queue: &mut Queue) -> Result<(), TestCaseError> {
        queue.rewind();
        let mut at = None;
        let mut count = 0;
        loop {
            let entries = queue.read(1_000).expect("a disk that can be read");
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                count += 1;
                let told = pack::decode(&entry.body).ok().and_then(|pack| pack.head.marker);
                let first = self.place(told.as_ref().map_or(entry.name, |marker| marker.first))?;
                let last = self.place(entry.name)?;
                prop_assert!(first <= last);
                prop_assert_eq!(at.unwrap_or(first), first, "a gap, or something twice");
                prop_assert!(at.is_some() || first <= self.from, "{} is owed", self.from);
                at = Some(last + 1);
                let Some(marker) = told else {
                    prop_assert_eq!(entry.body, body(entry.name).into_bytes());
                    continue;
                };
                let mut untold = std::collections::BTreeSet::new();
                for gone in
                    &self.appended[first.max(self.receipted)..(last + 1).max(self.receipted)]
                {
                    let lost = format!("facp1/L1D{:03}", gone.seq);
                    let told = marker.fires.iter().any(|fire| fire.n.as_str() == lost);
                    if !told {
                        untold.insert(lost);
                    }
                }
                let counted = marker.more.fires >= untold.len() as u64;
                prop_assert!(counted, "the fires of {:?} are lost in {:?}", untold, marker);
                for end in &marker.ends {
                    let end = BatchName { span: end.span, seq: end.seq };
                    let place = self.place(end)?;
                    prop_assert!(
                        (first..=last).contains(&place),
                        "{end} in {marker:?} of {first}..{last}"
                    );
                    let next = self.appended.get(place + 1);
                    let ends = end == entry.name || next.is_none_or(|next| next.span != end.span);
                    prop_assert!(ends, "{} is not the end of its span", end);
                }
            }
        }
        prop_assert_eq!(at.unwrap_or(self.durable), self.durable);
        prop_assert!(at.is_some() || self.from == self.durable, "{} is owed", self.from);
        prop_assert_eq!(queue.depth, count);
        Ok(())
    }

    fn restart(&mut self, disk: &Disk) -> Result<Queue, TestCaseError> {
        disk.fail_sync(false);
        disk.fail_truncate(false);
        disk.room(None);
        let mut queue = open_with(disk, SMALL);
        let last = queue.last_name();
        let end = match last {
            Some(last) => self.place(last)? + 1,
            None => 0,
        };
        prop_assert!(self.durable <= end, "a durable batch is gone: {:?}", last);
        self.appended.truncate(end);
        self.durable = end;
        self.look(&mut queue)?;
        self.born(last);
        Ok(queue)
    }
}

proptest! {
    #[test]
    fn whatever_is_let_go_of_a_marker_tells_it_in_every_history(
        steps in prop::collection::vec(step(), 0..150)
    ) {
        let disk = Disk::default();
        let mut queue = open_with(&disk, SMALL);
        let mut owed = Owed::default();
        owed.born(None);
        for step in steps {
            match step {
                Step::Append(count) => (0..count).for_each(|_| owed.append(&mut queue)),
                Step::Commit => {
                    if queue.commit().is_ok() {
                        owed.durable = owed.appended.len();
                        let filled = queue.segments.iter().filter(|segment| segment.held != 0);
                        let filled = filled.count();
                        prop_assert!(queue.held() <= SMALL || filled == 1, "{:?}", queue.segments);
                    }
                }
                Step::BreakSync(fails) => disk.fail_sync(fails),
                Step::BreakTruncate(fails) => disk.fail_truncate(fails),
                Step::Room(room) => disk.room(room),
                Step::Receipt(index) if owed.durable != 0 => {
                    let place = index.index(owed.durable);
                    if owed.from <= place {
                        queue.receipt(owed.appended[place]);
                        owed.from = place + 1;
                        owed.receipted = owed.receipted.max(owed.from);
                    }
                }
                Step::Asked(index) if owed.durable != 0 => {
                    let place = index.index(owed.durable);
                    if queue.asked(owed.appended[place]).is_ok_and(|asked| asked == Asked::Forgotten) {
                        owed.from = owed.from.min(place);
                    }
                    owed.look(&mut queue)?;
                }
                Step::Refused(index) if owed.durable != 0 => {
                    let place = index.index(owed.durable);
                    // A failure leaves the batch as it was.
                    let _ = queue.refused(owed.appended[place]);
                }
                Step::Receipt(_) | Step::Asked(_) | Step::Refused(_) => {}
                Step::Look => owed.look(&mut queue)?,
                Step::Kill => queue = owed.restart(&disk)?,
                Step::PowerCut(kept) => {
                    disk.power_cut(kept);
                    queue = owed.restart(&disk)?;
                }
                Step::NewSpan => {
                    let last = queue.last_name();
                    owed.born(last);
                }
            }
        }
    }
}
