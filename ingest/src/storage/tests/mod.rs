//! The tables on a real SQLite file and on a real PostgreSQL: the same queries, the same answers.

mod events_in_order;
mod nouns;
mod one_writer;

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, SpanId};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::events::NewEvent;
use super::inbox::{InboxBatch, InboxName};
use super::scratch::on_both_engines;
use super::*;

fn gateway() -> GatewayId {
    GatewayId::parse("mall-01").expect("a gateway")
}

fn at(millis: i64) -> CentreTime {
    CentreTime::from_millis(millis)
}

fn batch(seq: u64, body: &[u8]) -> InboxBatch {
    let batch = BatchName { span: SpanId::from_bits(7), seq };
    InboxBatch {
        name: InboxName { gateway: gateway(), batch },
        body: body.to_vec(),
        arrived: at(seq as i64),
    }
}

#[tokio::test]
async fn a_folder_with_any_letters_can_be_opened_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("数据 100%?#");
    for _ in 0..2 {
        let (writer, reader) = open(&folder).await.expect("a database");
        assert_eq!(inbox::waiting(&reader).await.expect("a count"), (0, 0));
        reader.close().await;
        writer.close().await.expect("closed");
    }
    assert!(folder.join("firegrid.db").exists());
}

on_both_engines! {
    async fn bytes_come_back_as_they_were_written_and_once(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let strange: Vec<u8> = (0..=255).collect();
        for _ in 0..2 {
            let mut to = writer.begin().await.expect("begun");
            inbox::put(&mut to, &batch(1, &strange)).await.expect("written");
            inbox::put(&mut to, &batch(2, b"12")).await.expect("written");
            rule_state::put(&mut to, "mall-01", &strange).await.expect("written");
            to.commit().await.expect("committed");
        }
        assert_eq!(inbox::waiting(&reader).await.expect("a count"), (2, 258));
        let oldest = inbox::oldest(&reader, 10).await.expect("batches");
        assert_eq!(oldest, [batch(1, &strange), batch(2, b"12")]);
        let state = rule_state::load(&reader).await.expect("state");
        assert_eq!(state, [("mall-01".to_owned(), strange)]);
    }

    async fn what_is_not_committed_never_was(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let mut to = writer.begin().await.expect("begun");
        inbox::put(&mut to, &batch(1, b"lost")).await.expect("written");
        drop(to);
        let mut to = writer.begin().await.expect("begun again");
        inbox::put(&mut to, &batch(2, b"kept")).await.expect("written");
        to.commit().await.expect("committed");
        assert_eq!(inbox::oldest(&reader, 10).await.expect("batches"), [batch(2, b"kept")]);
    }

    async fn event_ids_have_no_holes_even_where_a_commit_was_lost(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let event = |n: i64| NewEvent { kind: "alarm", body: json!({ "n": n }), at: at(n) };
        for (n, kept) in [(1, true), (2, false), (3, true)] {
            let mut to = writer.begin().await.expect("begun");
            events::put(&mut to, &[event(n), event(n)]).await.expect("written");
            if kept {
                to.commit().await.expect("committed");
            }
        }
        let told = events::after(&reader, 0, 100).await.expect("events");
        let told: Vec<(u64, i64)> = told.iter().map(|e| (e.id, e.at.millis())).collect();
        assert_eq!(told, [(1, 1), (2, 1), (3, 3), (4, 3)]);
        assert_eq!(events::last(&reader).await.expect("an id"), 4);
    }

    async fn a_reader_cannot_write(scratch) {
        let (_writer, reader) = scratch.open().await;
        let refused = sqlx::query("DELETE FROM rule_state").execute(&reader.pool).await;
        assert!(refused.is_err());
    }
}
