//! The series store that needs no server: one SQLite file per day in the data folder.
//!
//! One thread writes, one reads, so that a long curve never holds up what arrives. Both end
//! when the last handle is dropped. Days older than `keep_days` go as whole files. Minute
//! averages that outlive them will be files of their own beside the days.
//!
//! A file that has become unreadable is put aside under another name and a new one begun:
//! the inbox must never stand still behind one broken day.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firegrid_wire::names::FullPointId;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use tokio::sync::{mpsc, oneshot};

use super::day::{DayError, DayReader, DayWriter, Heap};
use super::days::{Folder, Open, STRANGE_DAYS};
use super::{
    Answer, BUCKETS_PER_ANSWER, Bucket, ROWS_PER_ANSWER, ReadError, Row, SeriesStore, Spread,
    WriteError,
};
use crate::calendar::Day;

/// Writes waiting for the writer. There is one who writes, the drain of the inbox; it waits.
const ORDERS_WAITING: usize = 4;

/// Questions waiting for the reader. When it is full the asker is told to try again, because
/// a page that asks every second must not pile up work.
const QUESTIONS_WAITING: usize = 64;

/// A handle on the store; clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Embedded {
    orders: mpsc::Sender<Order>,
    questions: mpsc::Sender<Question>,
}

impl Embedded {
    /// Opens the store in a folder, which is made if it is missing, and starts its threads.
    pub fn open(folder: PathBuf, keep_days: u32) -> io::Result<Embedded> {
        let folder = Folder::open(folder)?;
        let (orders, orders_in) = mpsc::channel(ORDERS_WAITING);
        let (questions, questions_in) = mpsc::channel(QUESTIONS_WAITING);
        let removals = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            folder: folder.clone(),
            keep_days,
            open: Open::default(),
            removals: Arc::clone(&removals),
        };
        let reader = Reader { folder, open: Open::default(), seen: 0, removals };
        std::thread::Builder::new()
            .name("series-writer".into())
            .spawn(move || writer.run(orders_in))?;
        std::thread::Builder::new()
            .name("series-reader".into())
            .spawn(move || reader.run(questions_in))?;
        Ok(Embedded { orders, questions })
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, ReadError>>) -> Question,
    ) -> Result<T, ReadError> {
        let again = |reason: &str| ReadError::TryAgain { reason: reason.into() };
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(question(answer)).map_err(|_| again("it is busy"))?;
        answered.await.map_err(|_| again("it has stopped"))?
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, WriteError>>) -> Order,
    ) -> Result<T, WriteError> {
        let stopped = || WriteError::TryAgain { reason: "it has stopped".into() };
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl SeriesStore for Embedded {
    fn write(&self, rows: Vec<Row>) -> Answer<'_, (), WriteError> {
        Box::pin(self.order(|answer| Order::Write { rows, answer }))
    }

    fn forget(&self, now: CentreTime) -> Answer<'_, (), WriteError> {
        Box::pin(self.order(move |answer| Order::Forget { now, answer }))
    }

    fn raw(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError> {
        Box::pin(self.ask(move |answer| Question::Raw { point, from, to, limit, answer }))
    }

    fn buckets(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError> {
        Box::pin(self.ask(move |answer| Question::Buckets { point, from, to, step, answer }))
    }
}

/// What the writer is asked to do.
#[derive(Debug)]
enum Order {
    Write { rows: Vec<Row>, answer: oneshot::Sender<Result<(), WriteError>> },
    Forget { now: CentreTime, answer: oneshot::Sender<Result<(), WriteError>> },
}

/// What the reader is asked.
#[derive(Debug)]
enum Question {
    Raw {
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
        answer: oneshot::Sender<Result<Vec<Row>, ReadError>>,
    },
    Buckets {
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
        answer: oneshot::Sender<Result<Vec<Bucket>, ReadError>>,
    },
}

struct Writer {
    folder: Folder,
    keep_days: u32,
    open: Open<DayWriter>,
    removals: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.blocking_recv() {
            // Nobody waiting for the answer any more is no reason not to have done it.
            match order {
                Order::Write { rows, answer } => drop(answer.send(self.write(&rows))),
                Order::Forget { now, answer } => drop(answer.send(self.forget(now))),
            }
        }
    }

    fn write(&mut self, rows: &[Row]) -> Result<(), WriteError> {
        let mut by_day: BTreeMap<Day, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            by_day.entry(Day::of(row.time.millis())).or_default().push(row);
        }
        let mut refused = 0;
        for (day, rows) in by_day {
            if self.may_have(day).map_err(again)? {
                self.write_day(day, &rows)?;
            } else {
                refused += rows.len();
            }
        }
        if refused == 0 {
            return Ok(());
        }
        let reason = format!(
            "over {STRANGE_DAYS} days beyond those that are kept have readings already: look \
             at the clocks of the gateways"
        );
        Err(WriteError::SetAside { count: refused, reason })
    }

    /// Whether a day has a file or may be given one.
    fn may_have(&self, day: Day) -> io::Result<bool> {
        if self.folder.file(day).exists() {
            return Ok(true);
        }
        let most = self.keep_days as usize + STRANGE_DAYS;
        Ok(self.folder.days()?.len() < most)
    }

    fn write_day(&mut self, day: Day, rows: &[&Row]) -> Result<(), WriteError> {
        match self.try_day(day, rows) {
            Ok(()) => Ok(()),
            Err(DayError::TryAgain(reason)) => {
                self.open.close(day);
                Err(WriteError::TryAgain { reason })
            }
            Err(DayError::Damaged(reason)) => {
                self.open.close(day);
                let aside = self.folder.set_aside(day).map_err(again)?;
                self.removals.fetch_add(1, Ordering::Release);
                tracing::error!(%day, reason, aside = %aside.display(), "Series day set aside.");
                self.try_day(day, rows).map_err(|error| {
                    self.open.close(day);
                    match error {
                        DayError::TryAgain(reason) | DayError::Damaged(reason) => {
                            WriteError::TryAgain { reason }
                        }
                    }
                })
            }
        }
    }

    fn try_day(&mut self, day: Day, rows: &[&Row]) -> Result<(), DayError> {
        let folder = &self.folder;
        let writer = self.open.get(day, || -> Result<DayWriter, DayError> {
            let file = folder.file(day);
            let is_new = !file.exists();
            let writer = DayWriter::open(&file)?;
            if is_new {
                folder.sync().map_err(|error| DayError::TryAgain(error.to_string()))?;
            }
            Ok(writer)
        })?;
        writer.write(rows.iter().copied())
    }

    fn forget(&mut self, now: CentreTime) -> Result<(), WriteError> {
        let first = Day::of(now.millis()).before(self.keep_days);
        for day in self.folder.days().map_err(again)?.into_iter().take_while(|day| *day < first) {
            self.open.close(day);
        }
        let forgotten = self.folder.forget_before(first).map_err(again)?;
        if !forgotten.is_empty() {
            self.removals.fetch_add(1, Ordering::Release);
            tracing::info!(days = forgotten.len(), before = %first, "Old series forgotten.");
        }
        Ok(())
    }
}

fn again(error: io::Error) -> WriteError {
    WriteError::TryAgain { reason: error.to_string() }
}

struct Reader {
    folder: Folder,
    open: Open<DayReader>,
    /// Files removed or put aside so far, by the writer's count: an open one may be among them.
    seen: u64,
    removals: Arc<AtomicU64>,
}

impl Reader {
    fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        while let Some(question) = questions.blocking_recv() {
            match question {
                Question::Raw { point, from, to, limit, answer } if !answer.is_closed() => {
                    drop(answer.send(self.raw(&point, from, to, limit.min(ROWS_PER_ANSWER))));
                }
                Question::Buckets { point, from, to, step, answer } if !answer.is_closed() => {
                    let given_up = || answer.is_closed();
                    let buckets = self.buckets(&point, from, to, step, given_up);
                    drop(answer.send(buckets));
                }
                Question::Raw { .. } | Question::Buckets { .. } => {}
            }
        }
    }

    fn raw(
        &mut self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
    ) -> Result<Vec<Row>, ReadError> {
        let mut rows = Vec::new();
        for day in self.days(from, to)? {
            if rows.len() == limit {
                break;
            }
            let left = limit - rows.len();
            rows.extend(self.on(day, |reader| reader.raw(point, from, to, left))?);
        }
        Ok(rows)
    }

    fn buckets(
        &mut self,
        point: &FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
        given_up: impl Fn() -> bool,
    ) -> Result<Vec<Bucket>, ReadError> {
        let span = to.since(from).get();
        if step == Millis::ZERO || BUCKETS_PER_ANSWER < span / step.get() {
            let reason = format!(
                "a step of {step} is too short: ask for at most {BUCKETS_PER_ANSWER} steps"
            );
            return Err(ReadError::Refused { reason });
        }
        let mut heaps: BTreeMap<i64, Vec<Heap>> = BTreeMap::new();
        for day in self.days(from, to)? {
            if given_up() {
                return Err(ReadError::TryAgain { reason: "nobody waits any more".into() });
            }
            for heap in self.on(day, |reader| reader.heaps(point, from, to, step))? {
                join(heaps.entry(heap.step).or_default(), heap);
            }
        }
        Ok(heaps.into_iter().map(|(number, heaps)| bucket(number, step, &heaps)).collect())
    }

    /// The days with a file in which moments of `from..to` can lie.
    fn days(&mut self, from: GatewayTime, to: GatewayTime) -> Result<Vec<Day>, ReadError> {
        let removals = self.removals.load(Ordering::Acquire);
        if self.seen != removals {
            self.open = Open::default();
            self.seen = removals;
        }
        if to <= from {
            return Ok(Vec::new());
        }
        let first = Day::of(from.millis());
        let last = Day::of(to.millis() - 1);
        let days = self.folder.days();
        let days = days.map_err(|error| ReadError::TryAgain { reason: error.to_string() })?;
        Ok(days.range(first..=last).copied().collect())
    }

    fn on<T>(
        &mut self,
        day: Day,
        ask: impl FnOnce(&DayReader) -> Result<T, DayError>,
    ) -> Result<T, ReadError> {
        let file = self.folder.file(day);
        let answer = self.open.get(day, || DayReader::open(&file)).and_then(|reader| ask(reader));
        answer.map_err(|error| {
            self.open.close(day);
            match error {
                DayError::TryAgain(reason) | DayError::Damaged(reason) => {
                    ReadError::TryAgain { reason: format!("{day}: {reason}") }
                }
            }
        })
    }
}

/// Joins the rows that two files hold of one step and unit.
fn join(heaps: &mut Vec<Heap>, heap: Heap) {
    match heaps.iter_mut().find(|other| other.unit == heap.unit) {
        None => heaps.push(heap),
        Some(other) => {
            *other = Heap {
                step: heap.step,
                unit: heap.unit,
                count: other.count + heap.count,
                good: other.good + heap.good,
                min: other.min.min(heap.min),
                sum: other.sum + heap.sum,
                max: other.max.max(heap.max),
            }
        }
    }
}

fn bucket(number: i64, step: Millis, heaps: &[Heap]) -> Bucket {
    let most = heaps.iter().filter(|heap| heap.good != 0).max_by_key(|heap| heap.good);
    let spread = most.and_then(|heap| {
        let mean = heap.sum / heap.good as f64;
        let unit = heap.unit?;
        // The sum of numbers near the end of what a float can hold is no number any more.
        mean.is_finite().then_some(Spread { min: heap.min, mean, max: heap.max, unit })
    });
    Bucket {
        start: GatewayTime::from_millis(number.saturating_mul(step.get().cast_signed())),
        count: heaps.iter().map(|heap| heap.count).sum(),
        spread,
    }
}

#[cfg(test)]
mod tests;
