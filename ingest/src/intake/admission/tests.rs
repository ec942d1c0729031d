//! Every row of PROTOCOL.md §4, and random histories.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn name(span: u64, seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(span), seq }
}

fn at(second: i64) -> CentreTime {
    CentreTime::from_millis(second * 1_000)
}

fn after(span: u64, seq: u64) -> Kind<'static> {
    Kind::Batch(Some(After::Batch(name(span, seq))))
}

const FIRST: Kind<'static> = Kind::Batch(Some(After::Nothing));
const LATER: Kind<'static> = Kind::Batch(None);
const NEW: Admission = Admission::New { hole: None };
const RESTORED: Admission = Admission::New { hole: Some(HoleKind::RestoredSpool) };

/// A lane that has taken 1/1 … 1/5 and 2/1 … 2/3.
fn lane() -> LaneState {
    let mut lane = LaneState::default();
    let mut take = |name, kind| {
        let admission = lane.admit(&Candidate { name, kind }, at(0));
        assert_eq!(admission, NEW, "{name}");
    };
    take(name(1, 1), FIRST);
    (2..=5).for_each(|seq| take(name(1, seq), LATER));
    take(name(2, 1), after(1, 5));
    (2..=3).for_each(|seq| take(name(2, seq), LATER));
    lane
}

/// What a batch is to that lane, and where the lane stands then.
#[track_caller]
fn check(batch: BatchName, kind: Kind<'_>, said: Admission, position: BatchName) {
    let mut lane = lane();
    assert_eq!(lane.admit(&Candidate { name: batch, kind }, at(1)), said);
    assert_eq!(lane.position(), Some(position));
}

fn gap() -> Admission {
    Admission::Gap { ask: Some(name(2, 4)) }
}

#[test]
fn the_next_batch_of_the_span_is_new() {
    check(name(2, 4), LATER, NEW, name(2, 4));
}

#[test]
fn the_first_batch_of_a_span_that_stands_behind_the_position_is_new() {
    check(name(3, 1), after(2, 3), NEW, name(3, 1));
}

#[test]
fn a_spool_that_stands_behind_what_it_delivered_is_new_with_a_hole() {
    check(name(3, 1), after(2, 2), RESTORED, name(3, 1));
    check(name(3, 1), after(1, 5), RESTORED, name(3, 1));
    check(name(3, 1), after(1, 9), RESTORED, name(3, 1));
    check(name(3, 1), FIRST, RESTORED, name(3, 1));
}

#[test]
fn what_is_here_is_a_duplicate() {
    check(name(2, 3), LATER, Admission::Duplicate, name(2, 3));
    check(name(2, 1), after(1, 5), Admission::Duplicate, name(2, 3));
    check(name(1, 5), LATER, Admission::Duplicate, name(2, 3));
    check(name(1, 1), FIRST, Admission::Duplicate, name(2, 3));
}

#[test]
fn what_something_is_missing_before_is_a_gap() {
    check(name(2, 5), LATER, gap(), name(2, 3));
    check(name(3, 1), after(2, 4), gap(), name(2, 3));
    check(name(3, 1), after(9, 1), gap(), name(2, 3));
    check(name(3, 2), LATER, gap(), name(2, 3));
}

#[test]
fn a_gap_is_asked_for_and_again_as_long_as_nothing_comes() {
    let mut lane = lane();
    let mut admit = |second, name| lane.admit(&Candidate { name, kind: LATER }, at(second));
    let ask = |seq| Admission::Gap { ask: Some(name(2, seq)) };
    assert_eq!(admit(20, name(2, 5)), ask(4));
    assert_eq!(admit(29, name(2, 6)), Admission::Gap { ask: None });
    assert_eq!(admit(30, name(2, 6)), ask(4), "the question may have been lost");
    assert_eq!(admit(31, name(2, 6)), Admission::Gap { ask: None });
    assert_eq!(admit(7, name(2, 6)), ask(4), "a clock that was set back delays no question");
    assert_eq!(admit(8, name(2, 4)), NEW);
    assert_eq!(admit(9, name(2, 6)), ask(5));
}

#[test]
fn an_earlier_span_that_goes_on_is_another_box_with_its_own_position() {
    let mut lane = lane();
    let mut admit = |name, kind| lane.admit(&Candidate { name, kind }, at(1));
    assert_eq!(admit(name(1, 7), LATER), Admission::Conflict { keep: false });
    assert_eq!(admit(name(1, 6), LATER), Admission::Conflict { keep: true });
    assert_eq!(admit(name(1, 7), LATER), Admission::Conflict { keep: true });
    assert_eq!(admit(name(1, 6), LATER), Admission::Conflict { keep: true });
    assert_eq!(lane.changed_apart(), [(SpanId::from_bits(1), 7); 3]);
    assert_eq!(lane.position(), Some(name(2, 3)));
}

#[test]
fn an_unreadable_body_moves_the_position_when_its_name_is_next() {
    check(name(2, 4), Kind::Unreadable, NEW, name(2, 4));
    check(name(2, 3), Kind::Unreadable, Admission::Duplicate, name(2, 3));
    check(name(2, 5), Kind::Unreadable, gap(), name(2, 3));
    check(name(3, 1), Kind::Unreadable, gap(), name(2, 3));
    let mut empty = LaneState::default();
    let first = Candidate { name: name(1, 1), kind: Kind::Unreadable };
    assert_eq!(empty.admit(&first, at(0)), NEW);
}

fn ends(ends: &[(u64, u64)]) -> Vec<SpanEnd> {
    ends.iter().map(|(span, seq)| SpanEnd { span: SpanId::from_bits(*span), seq: *seq }).collect()
}

/// A marker from `first` over `touched`, named by the last of them.
#[track_caller]
fn check_marker(
    first: BatchName,
    touched: &[(u64, u64)],
    after: Option<After>,
    said: Admission,
    position: BatchName,
) {
    let ends = ends(touched);
    let last = ends.last().expect("an end");
    let kind = Kind::Marker { first, ends: &ends, after, forgotten: false };
    check(BatchName { span: last.span, seq: last.seq }, kind, said, position);
}

const HOLE: Admission = Admission::Hole { notice: false };
const HOLE_AND_MORE: Admission = Admission::Hole { notice: true };

#[test]
fn a_marker_around_the_position_is_a_hole() {
    check_marker(name(2, 2), &[(2, 9)], None, HOLE, name(2, 9));
    check_marker(name(2, 4), &[(2, 9)], None, HOLE, name(2, 9));
    check_marker(name(1, 3), &[(1, 5), (2, 6), (3, 2)], None, HOLE, name(3, 2));
}

#[test]
fn a_marker_that_touches_the_positions_span_is_a_hole_whatever_stands_before_it() {
    let unknown = Some(After::Batch(name(9, 9)));
    check_marker(name(8, 1), &[(8, 4), (2, 6)], unknown, HOLE, name(2, 6));
}

#[test]
fn a_marker_behind_a_gap_is_a_gap() {
    check_marker(name(2, 5), &[(2, 9)], None, gap(), name(2, 3));
    check_marker(name(3, 2), &[(3, 9)], None, gap(), name(2, 3));
    let unknown = Some(After::Batch(name(9, 9)));
    check_marker(name(3, 1), &[(3, 9)], unknown, gap(), name(2, 3));
}

#[test]
fn a_marker_of_a_restored_spool_is_a_hole_and_a_notice() {
    check_marker(name(1, 3), &[(1, 5), (3, 2)], None, HOLE_AND_MORE, name(3, 2));
    check_marker(name(3, 1), &[(3, 2)], Some(After::Nothing), HOLE_AND_MORE, name(3, 2));
}

#[test]
fn a_marker_that_is_here_is_a_duplicate_and_an_earlier_one_that_goes_on_a_conflict() {
    check_marker(name(2, 1), &[(2, 3)], None, Admission::Duplicate, name(2, 3));
    check_marker(name(1, 1), &[(1, 9)], None, Admission::Conflict { keep: true }, name(2, 3));
}

#[test]
fn what_a_box_forgot_on_receipts_is_a_hole_at_once_where_nothing_is_known() {
    let after = Some(After::Batch(name(9, 9)));
    let ends = ends(&[(1, 7)]);
    let mut lane = LaneState::default();
    let mut admit = |seq, kind| lane.admit(&Candidate { name: name(1, seq), kind }, at(0));
    assert_eq!(admit(8, LATER), Admission::Gap { ask: Some(name(1, 1)) });
    let marker = Kind::Marker { first: name(1, 1), ends: &ends, after, forgotten: true };
    assert_eq!(admit(7, marker), HOLE);
    assert_eq!(admit(8, LATER), NEW);
}

#[test]
fn a_marker_behind_a_gap_that_no_box_can_fill_is_a_hole_after_a_minute() {
    let mut lane = lane();
    let ends = ends(&[(5, 4)]);
    let after = Some(After::Batch(name(9, 9)));
    let mut admit = |second| {
        let kind = Kind::Marker { first: name(5, 2), ends: &ends, after, forgotten: false };
        lane.admit(&Candidate { name: name(5, 4), kind }, at(second))
    };
    for second in [0, 20, 40] {
        assert!(matches!(admit(second), Admission::Gap { .. }), "{second}");
    }
    assert_eq!(admit(61), HOLE_AND_MORE);
}

#[test]
fn what_a_marker_touches_is_closed_by_it() {
    let mut lane = lane();
    let ends = ends(&[(2, 9), (3, 4), (4, 2)]);
    let kind = Kind::Marker { first: name(2, 4), ends: &ends, after: None, forgotten: false };
    assert_eq!(lane.admit(&Candidate { name: name(4, 2), kind }, at(1)), HOLE);
    for inside in [name(2, 9), name(3, 1), name(3, 4), name(4, 1)] {
        let batch = Candidate { name: inside, kind: LATER };
        assert_eq!(lane.admit(&batch, at(1)), Admission::Duplicate, "{inside}");
    }
    let beyond = Candidate { name: name(3, 5), kind: LATER };
    assert_eq!(lane.admit(&beyond, at(1)), Admission::Conflict { keep: true });
    let next = Candidate { name: name(4, 3), kind: LATER };
    assert_eq!(lane.admit(&next, at(1)), NEW);
}

#[test]
fn a_gap_that_no_box_can_fill_ends_after_a_minute() {
    let mut lane = LaneState::default();
    let mut admit =
        |seq, second| lane.admit(&Candidate { name: name(1, seq), kind: LATER }, at(second));
    assert_eq!(admit(7, 0), Admission::Gap { ask: Some(name(1, 1)) });
    for second in [5, 30, 59] {
        assert!(matches!(admit(8, second), Admission::Gap { .. }));
        assert!(matches!(admit(7, second), Admission::Gap { .. }));
    }
    assert!(matches!(admit(8, 61), Admission::Gap { .. }));
    let forgotten = Admission::New { hole: Some(HoleKind::Forgotten) };
    assert_eq!(admit(7, 61), forgotten);
    assert_eq!(admit(8, 61), NEW);
}

#[test]
fn a_gap_whose_batches_still_come_earlier_is_no_impasse() {
    let mut lane = lane();
    let mut admit = |name, kind, second| lane.admit(&Candidate { name, kind }, at(second));
    for second in [0, 20, 40] {
        assert!(matches!(admit(name(6, 1), after(5, 9), second), Admission::Gap { .. }));
    }
    assert!(matches!(admit(name(5, 8), LATER, 50), Admission::Gap { .. }));
    assert!(matches!(admit(name(6, 1), after(5, 9), 80), Admission::Gap { .. }));
}

#[test]
fn the_head_of_a_beat_stands_where_its_batch_stands() {
    let lane = lane();
    assert_eq!(lane.standing(None), HeadStanding::NotJudged);
    assert_eq!(lane.standing(Some(name(2, 4))), HeadStanding::NotJudged);
    assert_eq!(lane.standing(Some(name(3, 1))), HeadStanding::NotJudged);
    assert_eq!(lane.standing(Some(name(2, 3))), HeadStanding::Judged { is_position: true });
    assert_eq!(lane.standing(Some(name(2, 2))), HeadStanding::Judged { is_position: false });
    assert_eq!(lane.standing(Some(name(1, 5))), HeadStanding::JudgedInOlderSpan);
}

#[test]
fn a_restored_lane_goes_on_where_it_stood() {
    let mut before = lane();
    let spans = before.changed_spans();
    let mut again = LaneState::restored(name(2, 3), spans, []);
    assert_eq!(again.order(SpanId::from_bits(2)), Some(1));
    let next = Candidate { name: name(3, 1), kind: after(2, 3) };
    assert_eq!(again.admit(&next, at(1)), NEW);
    assert_eq!(again.order(SpanId::from_bits(3)), Some(2));
}

/// A spool of a few spans, sent in any order with repeats and losses.
fn history() -> impl Strategy<Value = (Vec<u64>, Vec<usize>)> {
    let lengths = prop::collection::vec(1_u64..6, 1..5);
    (lengths, prop::collection::vec(0_usize..24, 0..120))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever order batches come in: nothing is admitted twice, nothing is skipped, and one
    /// box alone makes no hole and no conflict.
    #[test]
    fn one_box_is_admitted_whole_and_once((lengths, order) in history()) {
        let mut spool: Vec<(BatchName, Kind<'static>)> = Vec::new();
        for (span, length) in (1_u64..).zip(lengths) {
            for seq in 1..=length {
                let kind = match (seq, spool.last()) {
                    (1, Some((last, _))) => Kind::Batch(Some(After::Batch(*last))),
                    (1, None) => FIRST,
                    (_, _) => LATER,
                };
                spool.push((name(span, seq), kind));
            }
        }
        // At last the whole spool comes in order, as it does when nothing is receipted.
        let order = order.into_iter().map(|n| n % spool.len()).chain(0..spool.len());
        let mut lane = LaneState::default();
        let mut admitted = Vec::new();
        for n in order {
            let (name, kind) = spool[n].clone();
            match lane.admit(&Candidate { name, kind }, at(0)) {
                Admission::New { hole } => {
                    prop_assert_eq!(hole, None);
                    admitted.push(name);
                }
                Admission::Duplicate | Admission::Gap { .. } => {}
                Admission::Hole { .. } | Admission::Conflict { .. } => {
                    prop_assert!(false, "{name}");
                }
            }
        }
        let names: Vec<BatchName> = spool.iter().map(|(name, _)| *name).collect();
        prop_assert_eq!(admitted, names);
    }

    /// Any batches at all, from any number of boxes: nothing is admitted twice, a position
    /// moves forward only, and no seq is skipped without a hole that is told.
    #[test]
    fn no_history_is_admitted_twice_or_with_untold_holes(
        batches in prop::collection::vec((1_u64..5, 1_u64..6, 0_u64..5, 1_u64..6, 0_u8..4), 0..200),
    ) {
        let mut lane = LaneState::default();
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        for (span, seq, other, other_seq, kind) in batches {
            let mut touched = vec![SpanEnd { span: SpanId::from_bits(other), seq: other_seq }];
            touched.push(SpanEnd { span: SpanId::from_bits(span), seq });
            let before = Some(match other {
                0 => After::Nothing,
                span => After::Batch(name(span, other_seq)),
            });
            let before = before.filter(|_| seq == 1);
            let kind = match kind {
                0 => Kind::Unreadable,
                1 => Kind::Marker {
                    first: name(span, 1.max(seq - 1)),
                    ends: &touched,
                    after: before,
                    forgotten: other == 4,
                },
                2.. => Kind::Batch(before),
            };
            let is_marker = matches!(kind, Kind::Marker { .. });
            let behind = seen.get(&span).copied().unwrap_or(0);
            match lane.admit(&Candidate { name: name(span, seq), kind }, at(0)) {
                Admission::New { hole: None } => prop_assert_eq!(seq, behind + 1),
                Admission::New { hole: Some(_) } => prop_assert_eq!((seq, behind), (1, 0)),
                Admission::Hole { .. } => {
                    prop_assert!(is_marker && behind < seq);
                    if other != span {
                        let end = seen.entry(other).or_default();
                        *end = other_seq.max(*end);
                    }
                }
                Admission::Duplicate | Admission::Gap { .. } | Admission::Conflict { .. } => {
                    continue;
                }
            }
            let end = seen.entry(span).or_default();
            *end = seq.max(*end);
            prop_assert_eq!(lane.position(), Some(name(span, seq)));
        }
    }
}
