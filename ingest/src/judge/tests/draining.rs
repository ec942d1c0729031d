//! The drain of the inbox beside a runner that commits when it likes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use firegrid_wire::names::GatewayId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::time::CentreTime;
use firegrid_wire::{pack, time::GatewayTime};
use tokio::sync::{mpsc, watch};

use super::centre::Remembering;
use super::*;
use crate::judge::events::Wake;
use crate::storage::Writer;
use crate::storage::inbox::{InboxBatch, InboxName, put, remove};
use crate::storage::scratch::Scratch;

fn batch(seq: u64, arrived: i64) -> InboxBatch {
    let gateway = GatewayId::parse("mall-01").expect("a gateway");
    let head = pack::Head {
        gateway: gateway.clone(),
        lane: Routine,
        name: name(1, seq),
        after: (seq == 1).then_some(pack::After::Nothing),
        stretch: None,
        catalogue: firegrid_wire::catalogue::Catalogue::default().hash(),
        refresh: None,
        marker: None,
    };
    let reading = Reading {
        point: firegrid_wire::names::PointId::parse("riser1/pressure").expect("a point"),
        time: GatewayTime::from_millis(arrived),
        value: Value::Number(seq as f64, Unit::Pascal),
        quality: Quality::Good,
        changes: None,
    };
    let name = InboxName { gateway, batch: name(1, seq) };
    let arrived = CentreTime::from_millis(arrived);
    InboxBatch { name, body: pack::encode(&head, [&reading]), arrived }
}

async fn comes(writer: &mut Writer, batches: impl IntoIterator<Item = InboxBatch>) {
    let mut to = writer.begin().await.expect("begun");
    for batch in batches {
        put(&mut to, &batch).await.expect("written");
    }
    to.commit().await.expect("committed");
}

async fn told(runner: &mut mpsc::Receiver<Wake>, count: usize) -> Vec<InboxName> {
    let mut told = Vec::new();
    while told.len() < count {
        let wake = tokio::time::timeout(Duration::from_secs(60), runner.recv()).await;
        let Ok(Some(Wake::Stored(names))) = wake else {
            panic!("{} of {count} are told, then {wake:?}", told.len());
        };
        told.extend(names);
    }
    told
}

#[tokio::test]
async fn what_waits_for_a_commit_stops_nothing_and_is_written_once() {
    let scratch = Scratch::sqlite();
    let (mut writer, reader) = scratch.open().await;
    // More than are read at once have come in one millisecond.
    comes(&mut writer, (1..=1_000).map(|seq| batch(seq, (seq as i64 - 700).max(1)))).await;
    let store = Arc::new(Remembering::default());
    let (control, mut runner) = mpsc::channel(64);
    let (stop, stopped) = watch::channel(false);
    let quota = super::super::inbox::QUOTA;
    let drain =
        tokio::spawn(super::super::inbox::drain(reader, store.clone(), quota, control, stopped));
    let first = told(&mut runner, 1_000).await;
    // One that came earlier is committed later: two connections hear.
    comes(&mut writer, [batch(1_002, 0), batch(1_003, 2_000)]).await;
    told(&mut runner, 2).await;
    let mut to = writer.begin().await.expect("begun");
    for name in &first {
        remove(&mut to, name).await.expect("removed");
    }
    to.commit().await.expect("committed");
    comes(&mut writer, [batch(1_004, 1)]).await;
    told(&mut runner, 1).await;
    stop.send_replace(true);
    drain.await.expect("it ends");
    let rows = store.0.lock().expect("rows").clone();
    let once: BTreeSet<u64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!((rows.len(), once.len()), (1_003, 1_003));
}
