//! The judge on a real database, with the shipped rules: what is said is committed.

mod centre;
mod draining;
mod durable;
mod kept;
mod knowing;
mod registry;

use firegrid_rules::alarm::State;
use firegrid_rules::ticket;
use firegrid_wire::span::Lane::{Routine, Urgent};
use firegrid_wire::span::{BatchName, SpanId};

use self::centre::{Centre, doing};
use super::events::{Action, Done, Refused};
use crate::desk::tickets::deeds::TicketDeed;
use crate::storage::scratch::on_both_engines;
use crate::storage::{alarms, dead_letters, events, holes, inbox, readings, tickets};

fn name(span: u64, seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(span), seq }
}

#[tokio::test]
async fn a_fire_is_an_alarm_and_its_batch_is_receipted() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/L1D017", "fire")]).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    assert_eq!(receipt.lanes[Routine].position, None);
    let alarms = centre.alarms().await;
    let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.kind.as_str(), alarm.state), ("fire", State::ActiveUnacked));
    assert_eq!(alarm.unit.as_deref(), Some("mall"));
    assert_eq!(alarm.grid.as_deref(), Some("s1"));
    let rows = centre.readings("facp1/L1D017").await;
    assert_eq!(rows, [(name(1, 1), 1, "fire".to_owned())]);
}

#[tokio::test]
async fn a_duplicate_is_judged_never_and_receipted_by_name() {
    let mut centre = Centre::start().await;
    let fire = [("facp1/L1D017", "fire")];
    centre.batch(Urgent, name(1, 1), "none", &fire).await;
    centre.receipt().await;
    centre.batch(Urgent, name(1, 1), "none", &fire).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].duplicate, Some(name(1, 1)));
    assert_eq!(centre.alarms().await.len(), 1);
    assert_eq!(centre.readings("facp1/L1D017").await.len(), 1);
}

#[tokio::test]
async fn a_gap_is_asked_for_and_not_receipted() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(1, 3), "", &[("facp1/L1D017", "fire")]).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    assert_eq!(receipt.lanes[Urgent].ask, Some(name(1, 2)));
    assert!(centre.alarms().await.is_empty());
}

#[tokio::test]
async fn positions_and_alarms_go_on_after_a_kill() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/L1D017", "fire")]).await;
    centre.receipt().await;
    centre.kill_and_start_again().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/L1D017", "fire")]).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].duplicate, Some(name(1, 1)));
    centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire fault")]).await;
    centre.receipt().await;
    assert_eq!(centre.alarms().await.len(), 1, "the same fire is the same alarm");
    let id = centre.alarms().await[0].id.clone();
    let done = centre.act("甲", Action::AcknowledgeAlarm { alarm: id.clone(), seen: None }).await;
    assert!(matches!(done, Ok(Done::Alarm(alarm)) if alarm.state == State::ActiveAcked));
    let again = centre.act("乙", Action::AcknowledgeAlarm { alarm: id.clone(), seen: None }).await;
    let Err(Refused::AlreadySo { by: Some(by), .. }) = again else { panic!("{again:?}") };
    assert_eq!(by.by, "甲");
    let history = alarms::history(&centre.reader, &id).await.expect("a history");
    let what: Vec<&str> = history.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(what, ["raised", "acknowledged"]);
}

on_both_engines! {
    /// PROTOCOL §6.10.
    async fn a_failed_commit_is_not_receipted_and_its_fire_is_shown_as_unrecorded(scratch) {
        let mut centre = Centre::start_on(scratch).await;
        centre.batch(Urgent, name(1, 1), "none", &[]).await;
        centre.receipt().await;
        let lock = centre.lock_the_database().await;
        centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
        centre.until_commits_fail().await;
        let unrecorded = centre.door.unrecorded().await.expect("an answer");
        assert_eq!(unrecorded.len(), 1);
        assert_eq!(unrecorded[0].kind, "fire");
        centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
        centre.beat(1).await;
        while let Some(receipt) = centre.receipt_now() {
            assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
            assert_eq!(receipt.lanes[Urgent].duplicate, None, "its first arrival is not committed");
        }
        let refused = centre.act("甲", doing("any", TicketDeed::Accept)).await;
        assert_eq!(refused, Err(Refused::NotRecorded));
        lock.release().await;
        centre.until_position(Urgent, name(1, 2)).await;
        assert_eq!(centre.alarms().await.len(), 1, "it was judged once");
        assert!(centre.door.unrecorded().await.expect("an answer").is_empty());
        assert_eq!(centre.readings("facp1/L1D017").await.len(), 1);
    }

    async fn a_commit_that_hangs_is_told_and_doubles_nothing_when_it_ends(scratch) {
        let mut centre = Centre::start_patient(scratch).await;
        centre.batch(Urgent, name(1, 1), "none", &[]).await;
        centre.receipt().await;
        let lock = centre.lock_the_database().await;
        centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
        centre.beat(1).await;
        let why = centre.until_commits_fail().await;
        assert_eq!(why, "the database does not answer", "it hangs, it has not failed");
        let unrecorded = centre.door.unrecorded().await.expect("an answer");
        assert_eq!(unrecorded.iter().map(|a| a.kind.as_str()).collect::<Vec<_>>(), ["fire"]);
        centre.beat(1).await;
        let receipt = centre.receipt().await;
        assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)), "beats are answered");
        centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
        centre.batch(Urgent, name(1, 3), "", &[("facp1/L1D018", "fire")]).await;
        centre.until_unrecorded(2).await;
        while let Some(receipt) = centre.receipt_now() {
            assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
            assert_eq!(receipt.lanes[Urgent].duplicate, None);
        }
        lock.release().await;
        centre.until_position(Urgent, name(1, 3)).await;
        assert_eq!(centre.alarms().await.len(), 2);
        assert!(centre.door.unrecorded().await.expect("an answer").is_empty());
        assert_eq!(centre.readings("facp1/L1D017").await.len(), 1);
        let told = events::after(&centre.reader, 0, 100).await.expect("events");
        let ids: Vec<u64> = told.iter().map(|event| event.id).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
        assert_eq!(told.iter().filter(|event| event.kind == "alarm").count(), 2);
    }
}

/// PROTOCOL §6.13.
#[tokio::test]
async fn an_unreadable_batch_is_a_dead_letter_and_the_lane_goes_on() {
    let mut centre = Centre::start().await;
    centre.raw(Urgent, Some(name(1, 1)), b"{not json").await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    assert!(receipt.lanes[Urgent].want.is_some(), "what it held must be told again");
    centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(1, 2)));
    let letters = dead_letters::newest(&centre.reader, 10).await.expect("letters");
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].name, letters[0].body.as_slice()),
        (Some(name(1, 1)), &b"{not json"[..])
    );
    let kinds: Vec<String> = centre.alarms().await.into_iter().map(|alarm| alarm.kind).collect();
    assert!(kinds.contains(&"dead-letter".to_owned()) && kinds.contains(&"fire".to_owned()));
    assert_eq!(holes::counts(&centre.reader).await.expect("counts")[0].1, 1);
}

#[tokio::test]
async fn one_bad_record_does_not_take_its_pack_with_it() {
    let mut centre = Centre::start().await;
    let good = centre.bytes(Urgent, name(1, 1), "none", &[("a/b", "normal"), ("facp1/x", "fire")]);
    let bad = String::from_utf8(good).expect("text").replace("\"a/b\"", "\"none of ours\"");
    centre.raw(Urgent, Some(name(1, 1)), bad.as_bytes()).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    assert!(receipt.lanes[Urgent].want.is_some());
    assert_eq!(centre.readings("facp1/x").await, [(name(1, 1), 2, "fire".to_owned())]);
    let letters = dead_letters::newest(&centre.reader, 10).await.expect("letters");
    assert_eq!(letters.iter().map(|letter| letter.index).collect::<Vec<_>>(), [Some(1)]);
}

#[tokio::test]
async fn what_another_gateway_signed_is_not_judged_and_does_not_stop_the_lane() {
    let mut centre = Centre::start().await;
    let body = centre.bytes(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]);
    let body = String::from_utf8(body).expect("text").replace("mall-01/", "mall-02/");
    centre.raw(Urgent, Some(name(1, 1)), body.as_bytes()).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    assert!(receipt.lanes[Urgent].want.is_some());
    assert_eq!(centre.alarm_kinds().await, ["dead-letter"]);
    let letters = dead_letters::newest(&centre.reader, 10).await.expect("letters");
    assert!(letters[0].reason.contains("mall-02"), "{letters:?}");
}

/// PROTOCOL §6.3.
#[tokio::test]
async fn a_restored_spool_is_told_and_none_of_its_readings_is_swallowed() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(2, 1), "none", &[("facp1/x", "fire")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(2, 1)));
    let kinds: Vec<String> = centre.alarms().await.into_iter().map(|alarm| alarm.kind).collect();
    assert!(kinds.contains(&"restored-spool".to_owned()) && kinds.contains(&"fire".to_owned()));
    let holes = holes::newest(&centre.reader, 10).await.expect("holes");
    assert_eq!((holes.len(), holes[0].kind.as_str()), (1, "restored-spool"));
}

#[tokio::test]
async fn a_second_box_is_kept_apart_and_a_person_settles_it() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(2, 1), &name(1, 1).to_string(), &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(1, 2), "", &[("facp1/x", "fire")]).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].duplicate, Some(name(1, 2)));
    assert_eq!(receipt.lanes[Urgent].position, Some(name(2, 1)));
    assert_eq!(centre.alarms().await[0].kind, "two-boxes");
    assert!(centre.gateway().await.conflict.is_some());
    let settle = Action::SettleConflict { gateway: centre.id.clone() };
    assert_eq!(centre.act("甲", settle.clone()).await, Ok(Done::Settled(centre.id.clone())));
    assert_eq!(centre.act("甲", settle).await, Err(Refused::NotFound));
    assert_eq!(centre.alarms().await[0].state, State::ReturnedUnacked);
}

#[tokio::test]
async fn a_stranger_is_judged_and_stands_in_the_list_of_those_without_a_unit() {
    let mut centre = Centre::start_as("stranger-7").await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]).await;
    centre.receipt().await;
    let alarm = centre.alarms().await.remove(0);
    assert_eq!((alarm.unit, alarm.grid.as_deref()), (None, Some("region")));
    let gateway = centre.gateway().await;
    assert_eq!((gateway.unit, gateway.heard.is_some()), (None, true));
    centre.kill_and_start_again().await;
    assert_eq!(centre.gateway().await.unit, None);
}

#[tokio::test]
async fn a_beat_is_answered_and_its_fire_is_raised_before_its_batch() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "normal")]).await;
    centre.receipt().await;
    centre.beat_with_fire(1, "facp1/x").await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(1, 1)));
    let alarm = centre.alarms().await.remove(0);
    assert_eq!(alarm.body.marks, ["provisional"]);
    centre.batch_at(name(1, 2), 1, &[("facp1/x", "fire")]).await;
    centre.receipt().await;
    let alarms = centre.alarms().await;
    assert_eq!(alarms.len(), 1, "the numbered reading replaces it");
    assert_eq!(alarms[0].body.marks, [""; 0], "and the mark leaves");
    assert!(alarms[0].body.reason_zh.starts_with("读数："), "{}", alarms[0].body.reason_zh);
    assert!(centre.gateway().await.online);
}

#[tokio::test]
async fn event_ids_grow_by_one_and_tell_what_stands() {
    let mut centre = Centre::start().await;
    for (seq, point) in [(1, "facp1/a"), (2, "facp1/b"), (3, "facp1/c")] {
        let after = if seq == 1 { "none" } else { "" };
        centre.batch(Urgent, name(1, seq), after, &[(point, "fire")]).await;
        centre.receipt().await;
    }
    let told = events::after(&centre.reader, 0, 100).await.expect("events");
    let ids: Vec<u64> = told.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert_eq!(told.iter().filter(|event| event.kind == "alarm").count(), 3);
    assert_eq!(*centre.door.last_event().borrow(), ids.len() as u64);
}

#[tokio::test]
async fn pressures_go_to_the_series_and_leave_the_inbox() {
    let mut centre = Centre::start().await;
    centre.batch(Routine, name(1, 1), "none", &[("riser1/pressure", "350000")]).await;
    centre.receipt().await;
    assert_eq!(inbox::waiting(&centre.reader).await.expect("a count").0, 1);
    let stored = centre.drain().await;
    assert_eq!(stored, [("riser1/pressure".to_owned(), 350_000.0)]);
    assert_eq!(inbox::waiting(&centre.reader).await.expect("a count").0, 0);
}

#[tokio::test]
async fn a_box_that_comes_back_to_a_former_catalogue_is_judged_by_it() {
    let mut centre = Centre::start().await;
    for (span, label) in [(1, "电源"), (2, "电源 A"), (3, "电源")] {
        centre.catalogue_saying(label).await;
        let after = if span == 1 { "none".to_owned() } else { name(span - 1, 1).to_string() };
        let refresh = name(span, 1);
        centre.refresh(Urgent, refresh, &after, &[("pump1/power", "normal")]).await;
        centre.until_position(Urgent, refresh).await;
    }
    centre.batch_at(name(3, 2), 10, &[("pump1/power", "supply-fault")]).await;
    centre.batch_at(name(3, 3), 45, &[]).await;
    centre.until_position(Urgent, name(3, 3)).await;
    let kinds: Vec<String> = centre.tickets().await.into_iter().map(|ticket| ticket.kind).collect();
    assert_eq!(kinds, ["pump-power"]);
}

#[tokio::test]
async fn a_lost_pump_becomes_a_ticket_that_closes_by_proof_only() {
    let mut centre = Centre::start().await;
    centre.catalogue().await;
    centre.refresh(Urgent, name(1, 1), "none", &[("pump1/power", "normal")]).await;
    centre.receipt().await;
    centre.batch_at(name(1, 2), 10, &[("pump1/power", "supply-fault")]).await;
    centre.batch_at(name(1, 3), 45, &[]).await;
    centre.until_position(Urgent, name(1, 3)).await;
    let ticket = centre.tickets().await.remove(0);
    assert_eq!((ticket.kind.as_str(), ticket.life.state), ("pump-power", ticket::State::Accept));
    assert_eq!(ticket.grid_path, "region/l1/m1/s1");
    let accept = doing(&ticket.id, TicketDeed::Accept);
    assert!(centre.act("王", accept.clone()).await.is_ok());
    assert!(matches!(centre.act("李", accept).await, Err(Refused::AlreadySo { .. })));
    let close = doing(&ticket.id, TicketDeed::Close { note: None, exception: None });
    let refused = centre.act("王", close.clone()).await;
    assert!(matches!(refused, Err(Refused::NotAllowed { code: "not-proven", .. })), "{refused:?}");
    centre.kill_and_start_again().await;
    centre.batch_at(name(1, 4), 50, &[("pump1/power", "normal")]).await;
    centre.batch_at(name(1, 5), 50 + 1_801, &[]).await;
    centre.beat_until(1, 50 + 1_801, name(1, 5)).await;
    centre.until_position(Urgent, name(1, 5)).await;
    let closed = centre.act("王", close).await;
    let Ok(Done::Ticket(closed)) = closed else { panic!("{closed:?}") };
    assert_eq!(closed.life.state, ticket::State::Closed);
    let history = tickets::history(&centre.reader, &ticket.id).await.expect("a history");
    let what: Vec<&str> = history.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(what, ["opened", "accepted", "calmed", "cleared", "closed"]);
}

#[tokio::test]
async fn a_flood_of_letters_rings_once_and_is_bounded() {
    let mut centre = Centre::start().await;
    for seq in 1..=20 {
        centre.raw(Urgent, Some(name(1, seq)), b"{not json").await;
        centre.receipt().await;
    }
    let alarms = centre.alarms().await;
    assert_eq!((alarms.len(), alarms[0].body.relapses), (1, 19));
    assert_eq!(centre.gateway().await.dead_letters, 20);
}

#[tokio::test]
async fn a_refresh_that_was_wanted_ends_the_wish_also_over_a_kill() {
    let mut centre = Centre::start().await;
    centre.raw(Urgent, Some(name(1, 1)), b"{not json").await;
    let want = centre.receipt().await.lanes[Urgent].want;
    assert!(want.is_some());
    centre.batch(Urgent, name(1, 2), "", &[("facp1/x", "normal")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, want);
    centre.kill_and_start_again().await;
    centre.beat(1).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, want);
    centre.refresh(Urgent, name(1, 3), "", &[("facp1/x", "normal")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, None);
    centre.kill_and_start_again().await;
    centre.beat(1).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, None);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 64,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever bytes come on whatever topic: nothing panics, and the judge still answers.
    #[test]
    fn nothing_that_a_network_sends_stops_the_judge(
        messages in proptest::collection::vec(centre::any_message(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut centre = Centre::start().await;
            for content in messages {
                centre.send(content).await;
            }
            centre.batch(Routine, name(9, 1), "none", &[]).await;
            centre.until_position(Routine, name(9, 1)).await;
        });
    }
}

impl Centre {
    async fn alarms(&self) -> Vec<alarms::Alarm> {
        let filter = alarms::AlarmFilter { limit: 100, ..alarms::AlarmFilter::default() };
        alarms::list(&self.reader, &filter).await.expect("alarms")
    }

    async fn tickets(&self) -> Vec<tickets::Ticket> {
        let filter = tickets::TicketFilter { limit: 100, ..tickets::TicketFilter::default() };
        tickets::list(&self.reader, &filter).await.expect("tickets")
    }

    async fn readings(&self, point: &str) -> Vec<(BatchName, u32, String)> {
        let point = format!("{}/{point}", self.id).parse().expect("a point");
        let (from, to) = centre::all_time();
        let rows = readings::of_point(&self.reader, &point, from, to, None, 100).await;
        rows.expect("rows").into_iter().map(|row| (row.batch, row.index, row.words)).collect()
    }
}
