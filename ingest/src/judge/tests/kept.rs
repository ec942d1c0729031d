//! A batch is kept for a while after a series store elsewhere has answered for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use firegrid_wire::names::FullPointId;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use tokio::sync::watch;

use super::*;
use crate::series::{Answer, Bucket, ReadError, Row, SeriesStore, WriteError};

/// Answers for everything, and may have forgotten it when it fails.
#[derive(Default)]
struct Elsewhere {
    kept_for: Millis,
    numbers: Mutex<Vec<f64>>,
    fails_once: AtomicBool,
}

impl Elsewhere {
    async fn until_written(&self, wanted: &[f64]) {
        let written = async {
            while *self.numbers.lock().expect("numbers") != wanted {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(60), written).await;
        assert!(in_time.is_ok(), "{:?} is not {wanted:?}", self.numbers);
    }
}

impl SeriesStore for Elsewhere {
    fn write(&self, rows: Vec<Row>) -> Answer<'_, (), WriteError> {
        let mut numbers = self.numbers.lock().expect("numbers");
        let written = if self.fails_once.swap(false, Ordering::SeqCst) {
            numbers.clear();
            Err(WriteError::TryAgain { reason: "it was started again".into() })
        } else {
            numbers.extend(rows.iter().filter_map(|row| Some(row.number?.0)));
            Ok(())
        };
        Box::pin(std::future::ready(written))
    }

    fn durable_after(&self) -> Millis {
        self.kept_for
    }

    fn forget(&self, _now: CentreTime) -> Answer<'_, (), WriteError> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn raw(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn buckets(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

#[tokio::test]
async fn what_a_failed_store_may_have_forgotten_is_written_again() {
    let centre = Centre::start().await;
    let store = Arc::new(Elsewhere { kept_for: Millis::seconds(600), ..Elsewhere::default() });
    let (stop, stopped) = watch::channel(false);
    let drain = tokio::spawn(super::super::inbox::drain(
        centre.reader.clone(),
        store.clone(),
        super::super::inbox::QUOTA,
        centre.control.clone(),
        stopped,
    ));
    centre.batch(Routine, name(1, 1), "none", &[("riser1/pressure", "1")]).await;
    store.until_written(&[1.0]).await;
    // Written once, and still there.
    centre.batch(Routine, name(1, 2), "", &[("riser1/pressure", "2")]).await;
    store.until_written(&[1.0, 2.0]).await;
    assert_eq!(inbox::waiting(&centre.reader).await.expect("a count").0, 2);
    store.fails_once.store(true, Ordering::SeqCst);
    centre.batch(Routine, name(1, 3), "", &[("riser1/pressure", "3")]).await;
    store.until_written(&[1.0, 2.0, 3.0]).await;
    assert_eq!(inbox::waiting(&centre.reader).await.expect("a count").0, 3);
    stop.send_replace(true);
    drain.await.expect("it ends");
}

#[tokio::test]
async fn what_was_kept_long_enough_leaves_the_inbox() {
    let mut centre = Centre::start().await;
    let store = Arc::new(Elsewhere { kept_for: Millis::new(50), ..Elsewhere::default() });
    centre.batch(Routine, name(1, 1), "none", &[("riser1/pressure", "1")]).await;
    centre.receipt().await;
    centre.drain_into(store.clone(), super::super::inbox::QUOTA, 0).await;
    assert_eq!(*store.numbers.lock().expect("numbers"), [1.0]);
}
