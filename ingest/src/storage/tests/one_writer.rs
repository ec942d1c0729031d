//! One centre writes; a connection that is lost is made anew, and nothing is written twice.

use super::super::commits::CommitNumber;
use super::super::scratch::{Scratch, hold};
use super::*;
use crate::judge::changes::Changes;

fn told(n: i64) -> Changes {
    let event = NewEvent { kind: "alarm", body: json!({ "n": n }), at: at(n) };
    Changes { events: vec![event], alive: Some(at(n)), ..Changes::default() }
}

async fn ids(reader: &Reader) -> Vec<u64> {
    let told = events::after(reader, 0, 100).await.expect("events");
    told.iter().map(|event| event.id).collect()
}

on_both_engines! {
    async fn a_commit_that_stands_is_not_written_again(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let (first, second) = (CommitNumber::new(), CommitNumber::new());
        let last = told(1).commit(&mut writer, first, false).await.expect("committed");
        assert_eq!(last, Some(1));
        let last = told(1).commit(&mut writer, first, true).await.expect("it stands");
        assert_eq!(last, Some(1));
        let last = told(2).commit(&mut writer, second, true).await.expect("it did not stand");
        assert_eq!(last, Some(2));
        assert_eq!(ids(&reader).await, [1, 2]);
        let silent = Changes { alive: Some(at(3)), ..Changes::default() };
        let number = CommitNumber::new();
        assert_eq!(silent.commit(&mut writer, number, false).await.expect("committed"), None);
        assert_eq!(silent.commit(&mut writer, number, true).await.expect("it stands"), None);
        assert_eq!(events::alive(&reader).await.expect("a moment"), Some(at(3)));
    }

    async fn a_writer_goes_on_after_its_connection_is_lost(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let number = CommitNumber::new();
        let mut to = writer.begin().await.expect("begun");
        inbox::put(&mut to, &batch(1, b"lost")).await.expect("written");
        drop(to);
        writer.lose_the_connection().await;
        told(1).commit(&mut writer, number, false).await.expect("committed on a new connection");
        assert_eq!(ids(&reader).await, [1]);
        assert_eq!(inbox::waiting(&reader).await.expect("a count"), (0, 0));
    }

    async fn a_commit_waits_for_nobody_for_ever(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let holder = hold(&scratch.place).await;
        let number = CommitNumber::new();
        let refused = told(1).commit(&mut writer, number, false).await;
        assert!(matches!(refused, Err(StorageError::TryAgain(_))), "{refused:?}");
        holder.release().await;
        told(1).commit(&mut writer, number, true).await.expect("committed");
        assert_eq!(ids(&reader).await, [1]);
    }
}

#[tokio::test]
async fn a_second_centre_is_refused_by_the_server() {
    let scratch = Scratch::postgres();
    let (first, _) = scratch.open().await;
    let refused = open(scratch.place.clone()).await.map(|_| ());
    assert!(matches!(refused, Err(StorageError::InUse)), "{refused:?}");
    first.close().await.expect("closed");
    scratch.open().await;
}

#[tokio::test]
async fn a_centre_that_was_replaced_meanwhile_writes_nothing_more() {
    let scratch = Scratch::postgres();
    let (mut first, reader) = scratch.open().await;
    first.begin().await.expect("begun").commit().await.expect("committed");
    let _ = first.begin().await.expect("begun");
    first.lose_the_connection().await;
    let (mut second, _) = scratch.open().await;
    told(1).commit(&mut second, CommitNumber::new(), false).await.expect("committed");
    let refused = told(2).commit(&mut first, CommitNumber::new(), false).await;
    assert!(matches!(refused, Err(StorageError::Replaced)), "{refused:?}");
    second.close().await.expect("closed");
    let refused = told(2).commit(&mut first, CommitNumber::new(), false).await;
    assert!(matches!(refused, Err(StorageError::Replaced)), "{refused:?}");
    assert_eq!(ids(&reader).await, [1]);
}

#[test]
fn an_address_is_shown_without_its_password() {
    let place = Place::postgres("postgres://me:secret@db.example:5433/fire?sslmode=require");
    let place = place.expect("an address");
    assert_eq!(place.to_string(), "postgres://db.example:5433/fire");
    assert!(!format!("{place:?}").contains("secret"));
    assert_eq!(Place::postgres("mysql://db.example/fire"), Err(NoPlace));
}
