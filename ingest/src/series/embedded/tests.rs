use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::SpanId;
use proptest::prelude::*;

use super::*;

/// 2026-11-22T00:00:00Z.
const MIDNIGHT: i64 = 1_795_305_600_000;
const HOUR: i64 = 3_600_000;

fn point(name: &str) -> FullPointId {
    FullPointId::parse(&format!("mall-01/{name}")).expect("a point")
}

fn time(millis: i64) -> GatewayTime {
    GatewayTime::from_millis(millis)
}

fn row(at: i64, seq: u64, index: u32, number: f64) -> Row {
    Row {
        point: point("riser1/pressure"),
        time: time(at),
        span: SpanId::from_bits(u64::MAX - 7),
        seq,
        index,
        number: Some((number, Unit::Pascal)),
        quality: Quality::Good,
    }
}

struct Case {
    folder: tempfile::TempDir,
    store: Embedded,
}

impl Case {
    fn new() -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(folder.path().join("series"), 30).expect("a store");
        Case { folder, store }
    }

    /// A second store on the same files, as after `kill -9` of a process that still had
    /// them open.
    fn another(&self) -> Embedded {
        Embedded::open(self.folder.path().join("series"), 30).expect("a store")
    }

    async fn write(&self, rows: &[Row]) {
        self.store.write(rows.to_vec()).await.expect("written");
    }

    async fn raw(&self, from: i64, to: i64) -> Vec<Row> {
        let point = point("riser1/pressure");
        self.store.raw(point, time(from), time(to), ROWS_PER_ANSWER).await.expect("rows")
    }

    async fn buckets(&self, from: i64, to: i64, step: Millis) -> Vec<Bucket> {
        let point = point("riser1/pressure");
        self.store.buckets(point, time(from), time(to), step).await.expect("buckets")
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("series")).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_range_over_a_day_border_is_whole_and_half_open() {
    let case = Case::new();
    let rows: Vec<Row> =
        (0..6).map(|n| row(MIDNIGHT + (n - 3) * HOUR, 1, n as u32 + 1, n as f64)).collect();
    case.write(&rows).await;
    assert_eq!(case.files(), ["2026-11-21.sqlite", "2026-11-22.sqlite"]);
    assert_eq!(case.raw(MIDNIGHT - 3 * HOUR, MIDNIGHT + 3 * HOUR).await, rows);
    assert_eq!(case.raw(MIDNIGHT - HOUR, MIDNIGHT + HOUR).await, rows[2..4]);
    assert_eq!(case.raw(MIDNIGHT, MIDNIGHT).await, []);
    assert_eq!(case.raw(MIDNIGHT, MIDNIGHT - HOUR).await, []);
}

#[tokio::test]
async fn a_bucket_may_lie_over_a_day_border() {
    let case = Case::new();
    // A step of 7 h begins at 20:00 of the day before; 1795305600 s is no multiple of 25200.
    let step = Millis::seconds(7 * 3_600);
    let start = MIDNIGHT.div_euclid(7 * HOUR) * 7 * HOUR;
    assert!(start < MIDNIGHT);
    case.write(&[row(MIDNIGHT - 1, 1, 1, 2.0), row(MIDNIGHT, 1, 2, 6.0)]).await;
    let spread = Spread { min: 2.0, mean: 4.0, max: 6.0, unit: Unit::Pascal };
    assert_eq!(
        case.buckets(MIDNIGHT - HOUR, MIDNIGHT + HOUR, step).await,
        [Bucket { start: time(start), count: 2, spread: Some(spread) }]
    );
}

#[tokio::test]
async fn the_same_row_twice_is_one_row() {
    let case = Case::new();
    let rows = [row(MIDNIGHT, 1, 1, 1.0), row(MIDNIGHT, 1, 2, 2.0), row(MIDNIGHT, 2, 1, 3.0)];
    case.write(&rows).await;
    case.write(&rows).await;
    case.write(&[rows[1].clone(), rows[1].clone()]).await;
    assert_eq!(case.raw(0, i64::MAX).await, rows);
    let other_span = Row { span: SpanId::from_bits(1), ..rows[0].clone() };
    case.write(&[other_span]).await;
    assert_eq!(case.raw(0, i64::MAX).await.len(), 4);
}

#[tokio::test]
async fn what_was_answered_for_is_there_after_a_kill() {
    let case = Case::new();
    case.write(&[row(MIDNIGHT, 1, 1, 1.0)]).await;
    // The first store still has its files open: nothing was closed, nothing checkpointed.
    let copy = tempfile::tempdir().expect("a folder");
    let series = copy.path().join("series");
    std::fs::create_dir(&series).expect("a folder");
    for entry in std::fs::read_dir(case.folder.path().join("series")).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), series.join(entry.file_name())).expect("a copy");
    }
    let again = Embedded::open(series, 30).expect("a store");
    let answer = again.raw(point("riser1/pressure"), time(0), time(i64::MAX), 10).await;
    assert_eq!(answer.expect("rows"), [row(MIDNIGHT, 1, 1, 1.0)]);
    again.write(vec![row(MIDNIGHT + 1, 1, 2, 2.0)]).await.expect("it goes on");
}

#[tokio::test]
async fn two_stores_on_one_folder_do_not_spoil_each_other() {
    let case = Case::new();
    case.write(&[row(MIDNIGHT, 1, 1, 1.0)]).await;
    case.another().write(vec![row(MIDNIGHT, 1, 2, 2.0)]).await.expect("written");
    case.write(&[row(MIDNIGHT, 1, 3, 3.0)]).await;
    assert_eq!(case.raw(0, i64::MAX).await.len(), 3);
}

#[tokio::test]
async fn a_reading_that_is_not_good_is_counted_but_not_averaged() {
    let case = Case::new();
    let good = row(MIDNIGHT, 1, 1, 400_000.0);
    let fault = Row { quality: Quality::SensorFault, ..row(MIDNIGHT + 1, 1, 2, 9e9) };
    let mute = Row { number: None, quality: Quality::SensorFault, ..row(MIDNIGHT + 2, 1, 3, 0.0) };
    case.write(&[good.clone(), fault.clone(), mute.clone()]).await;
    assert_eq!(case.raw(0, i64::MAX).await, [good, fault.clone(), mute]);
    let buckets = case.buckets(MIDNIGHT, MIDNIGHT + HOUR, Millis::seconds(60)).await;
    let spread = Spread { min: 400_000.0, mean: 400_000.0, max: 400_000.0, unit: Unit::Pascal };
    assert_eq!(buckets, [Bucket { start: time(MIDNIGHT), count: 3, spread: Some(spread) }]);
    let only_fault = case.buckets(MIDNIGHT + 1, MIDNIGHT + 2, Millis::seconds(60)).await;
    assert_eq!(only_fault, [Bucket { start: time(MIDNIGHT), count: 1, spread: None }]);
}

#[tokio::test]
async fn a_changed_unit_is_never_averaged_with_the_old_one() {
    let case = Case::new();
    let metre = Row { number: Some((40.0, Unit::Metre)), ..row(MIDNIGHT + 3, 1, 3, 0.0) };
    case.write(&[row(MIDNIGHT, 1, 1, 4e5), row(MIDNIGHT + 1, 1, 2, 4e5), metre.clone()]).await;
    let buckets = case.buckets(MIDNIGHT, MIDNIGHT + HOUR, Millis::seconds(60)).await;
    let spread = Spread { min: 4e5, mean: 4e5, max: 4e5, unit: Unit::Pascal };
    assert_eq!(buckets, [Bucket { start: time(MIDNIGHT), count: 3, spread: Some(spread) }]);
    assert_eq!(case.raw(0, i64::MAX).await[2], metre);
}

#[tokio::test]
async fn numbers_too_large_to_add_leave_no_nonsense() {
    let case = Case::new();
    case.write(&[row(MIDNIGHT, 1, 1, f64::MAX), row(MIDNIGHT, 1, 2, f64::MAX)]).await;
    let buckets = case.buckets(MIDNIGHT, MIDNIGHT + HOUR, Millis::seconds(60)).await;
    assert_eq!((buckets[0].count, buckets[0].spread), (2, None));
}

#[tokio::test]
async fn old_days_go_but_not_what_was_just_written_into_them() {
    let case = Case::new();
    let old = MIDNIGHT - 100 * 24 * HOUR;
    let strange = MIDNIGHT - 200 * 24 * HOUR;
    case.write(&[row(old, 1, 1, 1.0), row(strange, 1, 2, 2.0), row(MIDNIGHT, 1, 3, 3.0)]).await;
    for name in ["2026-08-14.sqlite", "2026-08-14.sqlite-wal"] {
        let file = std::fs::File::options()
            .append(true)
            .open(case.folder.path().join("series").join(name))
            .expect("a file");
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_millis(old as u64);
        file.set_modified(written).expect("a time");
    }
    assert_eq!(case.raw(0, i64::MAX).await.len(), 3);
    let now = CentreTime::from_millis(MIDNIGHT + HOUR);
    case.store.forget(now).await.expect("forgotten");
    let left: Vec<i64> = case.raw(0, i64::MAX).await.iter().map(|row| row.time.millis()).collect();
    assert_eq!(left, [strange, MIDNIGHT], "the box with the strange clock wrote just now");
    assert_eq!(case.files(), ["2026-05-06.sqlite", "2026-11-22.sqlite"]);
    case.write(&[row(old, 1, 1, 1.0)]).await;
    assert_eq!(case.raw(old, old + 1).await.len(), 1, "a forgotten day can begin again");
}

#[tokio::test]
async fn wild_clocks_cannot_fill_the_folder_with_files() {
    let case = Case::new();
    let wild: Vec<Row> = (0..200).map(|n| row(n * 24 * HOUR, 1, n as u32 + 1, 1.0)).collect();
    let error = case.store.write(wild).await.expect_err("refused");
    let WriteError::SetAside { count, .. } = error else { panic!("{error}") };
    assert_eq!(case.files().len() + count, 200);
    assert_eq!(case.files().len(), 30 + STRANGE_DAYS);
    assert_eq!(case.raw(0, i64::MAX).await.len(), 30 + STRANGE_DAYS, "the others are stored");
}

#[tokio::test]
async fn an_unreadable_day_is_put_aside_and_begun_again() {
    let case = Case::new();
    let file = case.folder.path().join("series/2026-11-22.sqlite");
    std::fs::write(&file, "this was a database once".repeat(1_000)).expect("a file");
    let point = point("riser1/pressure");
    let answer = case.store.raw(point, time(0), time(i64::MAX), 10).await;
    assert!(matches!(answer, Err(ReadError::TryAgain { .. })), "{answer:?}");
    case.write(&[row(MIDNIGHT, 1, 1, 1.0)]).await;
    assert_eq!(case.raw(0, i64::MAX).await.len(), 1);
    assert_eq!(case.files(), ["2026-11-22.damaged-1", "2026-11-22.sqlite"]);
}

#[tokio::test]
async fn more_days_than_open_files_can_be_written_and_read() {
    let case = Case::new();
    let rows: Vec<Row> =
        (0..20).map(|n| row(MIDNIGHT + n * 24 * HOUR, 1, n as u32 + 1, n as f64)).collect();
    for row in &rows {
        case.write(std::slice::from_ref(row)).await;
    }
    assert_eq!(case.raw(0, i64::MAX).await, rows);
}

#[tokio::test]
async fn a_question_for_more_than_a_screen_is_refused() {
    let case = Case::new();
    for step in [Millis::ZERO, Millis::new(1)] {
        let answer = case.store.buckets(point("a/b"), time(0), time(HOUR), step).await;
        assert!(matches!(answer, Err(ReadError::Refused { .. })), "{answer:?}");
    }
    let whole = case.store.buckets(point("a/b"), time(0), time(i64::MAX), Millis::new(u64::MAX));
    assert_eq!(whole.await.expect("buckets"), []);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_to_be_tried_again() {
    let case = Case::new();
    std::fs::remove_dir_all(case.folder.path().join("series")).expect("removed");
    let error = case.store.write(vec![row(MIDNIGHT, 1, 1, 1.0)]).await.expect_err("no folder");
    assert!(matches!(error, WriteError::TryAgain { .. }), "{error}");
    std::fs::create_dir(case.folder.path().join("series")).expect("a folder");
    case.write(&[row(MIDNIGHT, 1, 1, 1.0)]).await;
}

/// Any row of a small world: two points, three days, few names, so that doubles occur.
fn any_row() -> impl Strategy<Value = Row> {
    let quality = prop::sample::select(Quality::ALL.to_vec());
    (0..2_u8, 0..3 * 24 * HOUR, 1..4_u64, 1..4_u32, -9..9_i32, quality).prop_map(
        |(which, offset, seq, index, number, quality)| {
            // A batch never changes, so its name fixes everything in it.
            let at = MIDNIGHT + offset / (20 * HOUR) * 20 * HOUR + i64::from(index) * 1_000;
            let number = (seq != 3).then_some((f64::from(number), Unit::Pascal));
            let name = if which == 0 { "riser1/pressure" } else { "tank1/level" };
            Row { point: point(name), number, quality, ..row(at, seq, index, 0.0) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_store_answers_like_a_plain_list(
        writes in prop::collection::vec(prop::collection::vec(any_row(), 0..12), 1..6),
        from in 0..80_i64, length in 0..80_i64, step in 1..40_u64,
    ) {
        let mut list: Vec<Row> = Vec::new();
        for row in writes.iter().flatten() {
            let name = |row: &Row| (row.point.clone(), row.time, row.seq, row.index);
            // The point's unit belongs to its series, so a row without a number is beside it.
            let is_same = |other: &&Row| {
                name(other) == name(row) && other.number.is_some() == row.number.is_some()
            };
            if list.iter().find(is_same).is_none() {
                list.push(row.clone());
            }
        }
        let (from, to) = (MIDNIGHT + from * HOUR, MIDNIGHT + (from + length) * HOUR);
        list.retain(|row| {
            row.point == point("riser1/pressure") && (from..to).contains(&row.time.millis())
        });
        list.sort_by_key(|row| (row.time, row.seq, row.index));
        let step = Millis::seconds(step * 1_800);
        let expected = plain_buckets(&list, step);

        let case = Case::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (raw, buckets) = runtime.block_on(async {
            for rows in &writes {
                case.write(rows).await;
            }
            (case.raw(from, to).await, case.buckets(from, to, step).await)
        });
        prop_assert_eq!(raw, list);
        prop_assert_eq!(buckets, expected);
    }
}

fn plain_buckets(list: &[Row], step: Millis) -> Vec<Bucket> {
    let step = step.get() as i64;
    let mut buckets: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in list {
        buckets.entry(row.time.millis() / step * step).or_default().push(row);
    }
    let spread = |rows: &[&Row]| {
        let good = rows.iter().filter(|row| row.quality == Quality::Good);
        let good: Vec<f64> = good.filter_map(|row| row.number).map(|(n, _)| n).collect();
        let unit = Unit::Pascal;
        Some(Spread {
            min: good.iter().copied().reduce(f64::min)?,
            mean: good.iter().sum::<f64>() / good.len() as f64,
            max: good.iter().copied().reduce(f64::max)?,
            unit,
        })
    };
    buckets
        .into_iter()
        .map(|(start, rows)| Bucket {
            start: time(start),
            count: rows.len() as u64,
            spread: spread(&rows),
        })
        .collect()
}
