//! A lane on a disk in memory that can be cut, garbled, filled and broken; and a few tests on
//! real files.

mod disk;
mod forgetting;
mod laws;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::marker::MarkerReason;
use firegrid_wire::names::GatewayId;
use firegrid_wire::pack;
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::time::GatewayTime;

use super::lane::SEGMENT_BYTES;
use super::*;
use crate::recorder::Batch;
use disk::Disk;

/// More than any test puts into a lane that does not speak of quotas.
const QUOTA: u64 = 64 << 20;

type Queue = super::Lane<Disk>;

fn labels() -> MarkerLabels {
    MarkerLabels {
        gateway: GatewayId::parse("mall-01").expect("a gateway"),
        lane: Lane::Urgent,
        catalogue: CatalogueHash::parse("0123456789abcdef").expect("a hash"),
    }
}

fn open(disk: &Disk) -> Queue {
    open_with(disk, QUOTA)
}

fn open_with(disk: &Disk, quota: u64) -> Queue {
    Queue::open(disk.clone(), labels(), quota).expect("it always starts")
}

fn name(span: u64, seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(span), seq }
}

fn body(name: BatchName) -> String {
    format!(
        "[{{\"span\":\"{}\",\"seq\":{}}},{{\"n\":\"facp1/L1D{:03}\",\"t\":{},\"vs\":\"fire\"}}]",
        name.span, name.seq, name.seq, name.seq
    )
}

/// Appends a batch; `before_span` is given with the first batch of a span.
fn append(queue: &mut Queue, span: u64, seq: u64, before_span: Option<BatchName>) {
    let name = name(span, seq);
    let body = body(name);
    let newest = Some(GatewayTime::from_millis(seq as i64 * 1_000));
    queue.append(&Batch { lane: Lane::Urgent, name, before_span, newest, body: body.into_bytes() });
}

/// Where the batches of a first segment begin: behind its header and the state of a new lane.
fn begin() -> u64 {
    let mut state = Vec::new();
    record::Record::State(record::StateRecord::default()).write(&mut state);
    (record::HEADER_BYTES + state.len()) as u64
}

/// A lane with the batches 1/1 to 1/`count`, each durable.
fn filled(disk: &Disk, count: u64) -> Queue {
    let mut queue = open(disk);
    for seq in 1..=count {
        append(&mut queue, 1, seq, None);
        queue.commit().expect("a sound disk");
    }
    queue
}

/// Everything that is read from the last receipt on: batches as `span/seq`, markers as
/// `span/seq..span/seq`.
fn read(queue: &mut Queue) -> Vec<String> {
    queue.rewind();
    let mut texts = Vec::new();
    loop {
        let entries = queue.read(1_000).expect("a sound disk");
        if entries.is_empty() {
            assert!(!queue.has_unread());
            return texts;
        }
        for entry in entries {
            let text = format!("{}/{}", entry.name.span.bits(), entry.name.seq);
            let Ok(pack) = pack::decode(&entry.body) else {
                assert_eq!(entry.body, body(entry.name).as_bytes(), "nothing is invented");
                texts.push(text);
                continue;
            };
            let marker = pack.head.marker.expect("a marker");
            let reason = match marker.reason {
                MarkerReason::Damaged => "",
                MarkerReason::Quota => " quota",
                MarkerReason::Refused => " refused",
                MarkerReason::Forgotten => " forgotten",
            };
            let BatchName { span, seq } = marker.first;
            texts.push(format!("{}/{seq}..{text}{reason}", span.bits()));
        }
    }
}

#[track_caller]
fn check(queue: &mut Queue, expected: &[&str]) {
    assert_eq!(read(queue), expected);
}

#[test]
fn nothing_is_handed_out_before_it_is_durable() {
    let disk = Disk::default();
    let mut queue = open(&disk);
    append(&mut queue, 1, 1, None);
    check(&mut queue, &[]);
    assert_eq!(queue.last, None);
    queue.commit().expect("a sound disk");
    check(&mut queue, &["1/1"]);
    assert_eq!((queue.last, queue.depth), (Some(name(1, 1)), 1));
}

#[test]
fn a_group_is_made_durable_by_one_flush() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 1);
    let flushes = disk.flushes();
    for seq in 2..40 {
        append(&mut queue, 1, seq, None);
    }
    queue.commit().expect("a sound disk");
    assert_eq!(disk.flushes(), flushes + 1);
    assert_eq!(read(&mut queue).len(), 39);
}

#[test]
fn a_receipt_forgets_and_a_lower_or_unknown_one_moves_nothing() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 5);
    assert!(queue.receipt(name(1, 3)));
    check(&mut queue, &["1/4", "1/5"]);
    assert!(!queue.receipt(name(1, 2)));
    assert!(!queue.receipt(name(9, 9)));
    check(&mut queue, &["1/4", "1/5"]);
    assert_eq!((queue.depth, queue.oldest), (2, Some(GatewayTime::from_millis(4_000))));
    assert!(queue.receipt(name(1, 99)), "the centre has more than this spool remembers");
    check(&mut queue, &[]);
    assert_eq!((queue.depth, queue.oldest), (0, None));
}

#[test]
fn a_receipt_of_a_later_span_forgets_the_earlier_ones() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 3);
    append(&mut queue, 2, 1, Some(name(1, 3)));
    append(&mut queue, 3, 1, Some(name(2, 1)));
    append(&mut queue, 3, 2, Some(name(2, 1)));
    queue.commit().expect("a sound disk");
    check(&mut queue, &["1/1", "1/2", "1/3", "2/1", "3/1", "3/2"]);
    assert!(queue.receipt(name(3, 1)));
    check(&mut queue, &["3/2"]);
    assert!(!queue.receipt(name(2, 7)));
}

#[test]
fn reading_goes_on_and_goes_back_to_the_last_receipt() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 6);
    let names = |entries: Vec<Entry>| -> Vec<u64> {
        entries.into_iter().map(|entry| entry.name.seq).collect()
    };
    let size = body(name(1, 1)).len();
    assert_eq!(names(queue.read(2 * size).expect("entries")), [1, 2]);
    assert_eq!(names(queue.read(1).expect("entries")), [3], "at least one");
    queue.receipt(name(1, 1));
    queue.rewind();
    assert_eq!(names(queue.read(2 * size).expect("entries")), [2, 3]);
    queue.receipt(name(1, 5));
    assert_eq!(names(queue.read(9 * size).expect("entries")), [6]);
}

#[test]
fn the_last_name_outlives_its_receipt_and_a_restart() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 3);
    queue.receipt(name(1, 3));
    queue.commit().expect("a sound disk");
    let mut queue = open(&disk);
    check(&mut queue, &[]);
    assert_eq!(queue.last_name(), Some(name(1, 3)));
    assert_eq!(queue.newest_time(), Some(GatewayTime::from_millis(3_000)));
}

#[test]
fn a_position_that_was_not_written_costs_only_repetition() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 3);
    queue.receipt(name(1, 2));
    append(&mut queue, 1, 4, None);
    queue.commit().expect("a sound disk");
    queue.receipt(name(1, 4));
    check(&mut open(&disk), &["1/3", "1/4"]);
}

#[test]
fn segments_are_removed_when_they_are_receipted_and_the_last_name_stays() {
    let disk = Disk::default();
    let mut queue = open(&disk);
    let long = "x".repeat(60_000);
    let count = 3 * SEGMENT_BYTES / long.len() as u64;
    for seq in 1..=count {
        let newest = Some(GatewayTime::from_millis(seq as i64));
        let body = long.clone().into_bytes();
        let name = name(1, seq);
        queue.append(&Batch { lane: Lane::Urgent, name, before_span: None, newest, body });
        queue.commit().expect("a sound disk");
    }
    assert!(2 < disk.segments());
    queue.receipt(name(1, count));
    assert_eq!(disk.segments(), 1);
    queue.commit().expect("a sound disk");
    let mut queue = open(&disk);
    check(&mut queue, &[]);
    assert_eq!(queue.last_name(), Some(name(1, count)));
}

#[test]
fn a_kill_at_any_byte_loses_no_synced_batch_and_invents_none() {
    let disk = Disk::default();
    let mut queue = open(&disk);
    let mut synced = vec![(disk.length(1), 0)];
    for seq in 1..=4 {
        append(&mut queue, 1, seq, None);
        queue.commit().expect("a sound disk");
        synced.push((disk.length(1), seq));
    }
    for length in 0..=disk.length(1) {
        let disk = disk.copy();
        disk.cut(1, length);
        let mut queue = open(&disk);
        let whole = synced.iter().rfind(|(end, _)| *end <= length).map_or(0, |(_, seq)| *seq);
        let expected: Vec<String> = (1..=whole).map(|seq| format!("1/{seq}")).collect();
        assert_eq!(read(&mut queue), expected, "cut at {length}");
        // Life goes on behind the cut.
        let last = queue.last_name();
        append(&mut queue, 2, 1, last);
        queue.commit().expect("a sound disk");
        assert_eq!(read(&mut open(&disk)).last().map(String::as_str), Some("2/1"));
    }
}

#[test]
fn a_flipped_bit_becomes_a_marker_at_the_place_of_its_batch() {
    let disk = Disk::default();
    filled(&disk, 3);
    let header = begin();
    let size = (disk.length(1) - header) / 3;
    for at in header..disk.length(1) {
        let disk = disk.copy();
        disk.flip(1, at);
        let mut queue = open(&disk);
        let damaged = (at - header) / size;
        match damaged {
            0 => check(&mut queue, &["1/1..1/1", "1/2", "1/3"]),
            1 => check(&mut queue, &["1/1", "1/2..1/2", "1/3"]),
            // Nothing tells damage in the last record from a write that was never finished.
            _ => check(&mut queue, &["1/1", "1/2"]),
        }
    }
}

#[test]
fn a_damaged_header_costs_no_batch() {
    let disk = Disk::default();
    filled(&disk, 3);
    disk.flip(1, 12);
    check(&mut open(&disk), &["1/1", "1/2", "1/3"]);
}

#[test]
fn a_marker_tells_the_fires_that_can_still_be_read() {
    let disk = Disk::default();
    filled(&disk, 3);
    // The first byte of the second batch's body: the bracket before its head.
    let size = (disk.length(1) - begin()) / 3;
    disk.flip(1, begin() + 2 * size - body(name(1, 2)).len() as u64);
    let mut queue = open(&disk);
    let entries = queue.read(10_000).expect("entries");
    let pack = pack::decode(&entries[1].body).expect("a marker");
    let marker = pack.head.marker.expect("a marker");
    let fires: Vec<&str> = marker.fires.iter().map(|fire| fire.n.as_str()).collect();
    assert_eq!(fires, ["facp1/L1D002"]);
}

#[test]
fn a_marker_is_receipted_like_what_it_replaces() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 2);
    append(&mut queue, 2, 1, Some(name(1, 2)));
    append(&mut queue, 3, 1, Some(name(2, 1)));
    queue.commit().expect("a sound disk");
    let size = (disk.length(1) - begin()) / 4;
    // Batch 2/1 is all there was of its span.
    disk.flip(1, begin() + 2 * size + 20);
    let mut queue = open(&disk);
    check(&mut queue, &["1/1", "1/2", "1/3..2/1", "3/1"]);
    assert!(queue.receipt(name(2, 1)));
    check(&mut queue, &["3/1"]);
}

#[test]
fn damage_at_the_end_of_an_earlier_segment_is_found_by_the_next_header() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 3);
    queue.tail = lane::Tail::Doubtful;
    append(&mut queue, 1, 4, None);
    queue.commit().expect("a sound disk");
    assert_eq!(disk.segments(), 2);
    disk.flip(1, disk.length(1) - 1);
    check(&mut open(&disk), &["1/1", "1/2", "1/3..1/3", "1/4"]);
    disk.cut(1, 0);
    check(&mut open(&disk), &["1/1..1/3", "1/4"]);
}

#[test]
fn a_tail_that_can_neither_be_flushed_nor_cut_away_is_not_sent_twice() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 2);
    append(&mut queue, 1, 3, None);
    append(&mut queue, 2, 1, Some(name(1, 3)));
    disk.fail_sync(true);
    disk.fail_truncate(true);
    assert!(queue.commit().is_err());
    disk.fail_sync(false);
    queue.commit().expect("a sound disk");
    assert_eq!(disk.segments(), 2);
    check(&mut queue, &["1/1", "1/2", "1/3", "2/1"]);
    check(&mut open(&disk), &["1/1", "1/2", "1/3", "2/1"]);
}

#[test]
fn a_flush_that_fails_hands_out_nothing_and_is_tried_again_in_a_new_segment() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 2);
    append(&mut queue, 1, 3, None);
    disk.fail_sync(true);
    assert!(queue.commit().is_err());
    append(&mut queue, 1, 4, None);
    assert!(queue.commit().is_err());
    check(&mut queue, &["1/1", "1/2"]);
    assert_eq!(queue.last, Some(name(1, 2)));
    disk.fail_sync(false);
    queue.commit().expect("a sound disk");
    check(&mut queue, &["1/1", "1/2", "1/3", "1/4"]);
    check(&mut open(&disk), &["1/1", "1/2", "1/3", "1/4"]);
}

#[test]
fn a_full_disk_keeps_everything_pending_until_there_is_room() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 2);
    for room in [0, 5, 40] {
        disk.room(Some(room));
        let last = queue.last_name().expect("a name");
        append(&mut queue, 1, last.seq + 1, None);
        assert!(queue.commit().is_err());
        check(&mut queue, &["1/1", "1/2"]);
    }
    disk.room(None);
    queue.commit().expect("room again");
    check(&mut queue, &["1/1", "1/2", "1/3", "1/4", "1/5"]);
    check(&mut open(&disk), &["1/1", "1/2", "1/3", "1/4", "1/5"]);
}

#[test]
fn a_new_spool_on_a_full_disk_starts() {
    let disk = Disk::default();
    disk.room(Some(0));
    let mut queue = open(&disk);
    append(&mut queue, 1, 1, None);
    assert!(queue.commit().is_err());
    disk.room(None);
    queue.commit().expect("room again");
    check(&mut open(&disk), &["1/1"]);
}

#[test]
fn a_tail_that_cannot_be_flushed_after_a_start_is_not_handed_out() {
    let disk = Disk::default();
    filled(&disk, 3);
    disk.fail_sync(true);
    let mut queue = open(&disk);
    check(&mut queue, &[]);
    assert_eq!((queue.last, queue.last_name()), (None, Some(name(1, 3))));
    assert!(queue.commit().is_err());
    disk.fail_sync(false);
    queue.commit().expect("a sound disk");
    check(&mut queue, &["1/1", "1/2", "1/3"]);
}

#[test]
fn a_tail_that_cannot_be_flushed_after_a_start_survives_a_power_cut_while_it_is_restated() {
    for (room, kept) in (0..500).flat_map(|room| [0, 100, 255].map(|kept| (room, kept))) {
        let disk = Disk::default();
        filled(&disk, 3);
        disk.fail_sync(true);
        let mut queue = open(&disk);
        assert!(queue.commit().is_err());
        disk.fail_sync(false);
        disk.room(Some(room));
        // The room may be enough for all of it.
        let _ = queue.commit();
        disk.power_cut(kept);
        disk.room(None);
        let mut queue = open(&disk);
        assert_eq!(queue.recovered().last, Some(name(1, 3)), "room for {room} bytes");
        assert_eq!(read(&mut queue), ["1/1", "1/2", "1/3"], "room for {room} bytes");
        append(&mut queue, 2, 1, Some(name(1, 3)));
        queue.commit().expect("a sound disk");
        assert_eq!(read(&mut open(&disk)), ["1/1", "1/2", "1/3", "2/1"], "room for {room} bytes");
    }
}

#[test]
fn a_start_on_a_full_disk_hands_out_what_stands_there() {
    let disk = Disk::default();
    filled(&disk, 3);
    for room in [0, 10, 60, 200] {
        disk.room(Some(room));
        check(&mut open(&disk), &["1/1", "1/2", "1/3"]);
        assert_eq!(disk.segments(), 1);
    }
    disk.room(None);
    check(&mut open(&disk), &["1/1", "1/2", "1/3"]);
}

#[test]
fn a_last_segment_that_cannot_be_read_at_a_start_is_left_alone_and_a_marker_stands_for_it() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 3);
    queue.tail = lane::Tail::Doubtful;
    for seq in 4..=6 {
        append(&mut queue, 1, seq, None);
        queue.commit().expect("a sound disk");
    }
    disk.fail_read_of(2, true);
    let mut queue = open(&disk);
    assert_eq!(queue.recovered().last, Some(name(1, 4)));
    append(&mut queue, 2, 1, Some(name(1, 4)));
    queue.commit().expect("a sound disk");
    check(&mut queue, &["1/1", "1/2", "1/3", "1/4..1/4", "2/1"]);
    queue.receipt(name(2, 1));
    check(&mut queue, &[]);
    queue.commit().expect("a sound disk");
    disk.fail_read_of(2, false);
    let mut queue = open(&disk);
    check(&mut queue, &[]);
    assert_eq!(queue.recovered().last, Some(name(2, 1)));
}

#[test]
fn a_segment_that_can_be_read_again_after_a_start_is_sent_and_receipted() {
    let disk = Disk::default();
    let mut queue = filled(&disk, 1);
    queue.tail = lane::Tail::Doubtful;
    append(&mut queue, 2, 1, Some(name(1, 1)));
    append(&mut queue, 3, 1, Some(name(2, 1)));
    queue.commit().expect("a sound disk");
    queue.tail = lane::Tail::Doubtful;
    append(&mut queue, 3, 2, None);
    queue.commit().expect("a sound disk");
    disk.fail_read_of(2, true);
    let mut queue = open(&disk);
    disk.fail_read_of(2, false);
    check(&mut queue, &["1/1", "2/1", "3/1", "3/2"]);
    queue.receipt(name(2, 1));
    check(&mut queue, &["3/1", "3/2"]);
    queue.receipt(name(3, 2));
    check(&mut queue, &[]);
}

#[test]
fn a_segment_that_cannot_be_read_is_passed_over_with_a_marker() {
    let disk = Disk::default();
    filled(&disk, 3);
    let mut queue = open(&disk);
    disk.fail_read(true);
    for _ in 0..4 {
        assert!(queue.read(1_000).is_err(), "it is tried again first");
    }
    let entries = queue.read(1_000).expect("a marker");
    let pack = pack::decode(&entries[0].body).expect("a marker");
    assert_eq!(pack.head.name, name(1, 3));
    disk.fail_read(false);
    check(&mut queue, &["1/1", "1/2", "1/3"]);
}

fn batch(lane: Lane, seq: u64) -> Batch {
    let name = name(1, seq);
    let newest = Some(GatewayTime::from_millis(1));
    Batch { lane, name, before_span: None, newest, body: body(name).into_bytes() }
}

fn quotas() -> PerLane<u64> {
    PerLane::from_fn(|_| QUOTA)
}

fn box_labels() -> Labels {
    Labels { gateway: labels().gateway, catalogue: labels().catalogue }
}

#[tokio::test]
async fn batches_survive_in_files_and_two_processes_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), &box_labels(), &quotas()).expect("a spool");
    assert_eq!(spool.recovered, PerLane::default());
    let refused = Spool::open(folder.path(), &box_labels(), &quotas()).expect_err("a second one");
    assert!(matches!(refused, OpenError::Taken(_)), "{refused}");
    for lane in Lane::ALL {
        let lane_spool = &spool.lanes[lane];
        for seq in 1..=3 {
            lane_spool.append(batch(lane, seq));
        }
        let mut standing = lane_spool.standing();
        let durable = standing.wait_for(|standing| standing.durable == Some(name(1, 3))).await;
        assert_eq!(durable.expect("a thread").depth, 3);
        lane_spool.receipt(name(1, 1));
        lane_spool.stop().await;
    }
    let spool = Spool::open(folder.path(), &box_labels(), &quotas()).expect("a free folder");
    for lane in Lane::ALL {
        assert_eq!(spool.recovered[lane].last, Some(name(1, 3)));
        let read = spool.lanes[lane].read(Reading::FromReceipt, 10_000).await;
        let read = read.expect("a thread").expect("a disk");
        let names: Vec<u64> = read.iter().map(|entry| entry.name.seq).collect();
        assert_eq!(names, [2, 3], "the receipted position was written when it stopped");
    }
}

#[tokio::test]
async fn a_lane_that_fails_says_so_and_says_when_it_is_well_again() {
    let disk = Disk::default();
    disk.fail_sync(true);
    let (lane, _) = LaneSpool::start(disk.clone(), labels(), QUOTA, ()).expect("it always starts");
    lane.append(batch(Lane::Urgent, 1));
    let mut standing = lane.standing();
    let failing = *standing.wait_for(|standing| standing.failing).await.expect("a thread");
    assert_eq!(failing.durable, None);
    disk.fail_sync(false);
    let well = standing.wait_for(|standing| !standing.failing).await.expect("a thread");
    assert_eq!(well.durable, Some(name(1, 1)));
}
