//! What the centre knows that it does not know: markers, second boxes, its own deafness.

use std::sync::Arc;

use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::ticket::TermsOf;
use firegrid_wire::marker::{MarkerReason, More};
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::time::{CentreTime, Millis};

use super::centre::routing;
use super::*;
use crate::judge::arrivals::STRANGERS_KEPT;
use crate::judge::events::{ConnectionName, Content, Message};
use crate::judge::judgement::Judgement;
use crate::storage;
use crate::storage::alarms::Alarm;
use crate::storage::gateways::{self, Gateway};

/// PROTOCOL §6.16.
#[tokio::test]
async fn the_fires_inside_a_marker_are_raised_and_a_refresh_is_wanted_until_it_is_judged() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "normal")]).await;
    centre.receipt().await;
    let fires = [("facp1/x", "fire")];
    centre.marker(name(1, 9), name(1, 2), MarkerReason::Quota, &fires).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 9)));
    let want = receipt.lanes[Urgent].want;
    assert!(want.is_some());
    let alarm = centre.alarms().await.remove(0);
    assert_eq!(alarm.kind, "fire");
    assert!(alarm.body.marks.contains(&"historical".to_owned()), "{:?}", alarm.body.marks);
    let hole = holes::newest(&centre.reader, 10).await.expect("holes").remove(0);
    assert_eq!((hole.told_by, hole.kind.as_str()), (name(1, 9), "marker"));
    assert_eq!(hole.body["told"]["marker"]["reason"], "quota");
    for seq in 2..=9 {
        centre.batch(Urgent, name(1, seq), "", &[("facp1/x", "normal")]).await;
        let receipt = centre.receipt().await;
        assert_eq!(receipt.lanes[Urgent].duplicate, Some(name(1, seq)));
        assert_eq!(receipt.lanes[Urgent].want, want);
    }
    centre.batch(Urgent, name(1, 10), "", &[]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, want);
    centre.refresh(Urgent, name(1, 11), "", &[("facp1/x", "fire")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, None);
    assert_eq!(centre.alarm_kinds().await, ["fire"]);
}

#[tokio::test]
async fn fires_that_a_marker_only_counts_ring_too() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    let more = More { spans: 0, fires: 31 };
    let fires = [("facp1/x", "fire")];
    centre.longer_marker(name(1, 9), name(1, 2), MarkerReason::Quota, &fires, more).await;
    centre.until_position(Urgent, name(1, 9)).await;
    assert_eq!(centre.alarm_kinds().await, ["fire", "fires-not-listed"]);
}

#[tokio::test]
async fn a_centre_restored_from_a_backup_says_that_it_knew_less_than_a_box_had_forgotten() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(1, 8), "", &[]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].ask, Some(name(1, 2)));
    centre.marker(name(1, 7), name(1, 2), MarkerReason::Forgotten, &[]).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 7)));
    assert!(receipt.lanes[Urgent].want.is_some());
    assert_eq!(centre.alarm_kinds().await, ["restored-centre"]);
    let hole = holes::newest(&centre.reader, 10).await.expect("holes").remove(0);
    assert_eq!((hole.told_by, hole.kind.as_str()), (name(1, 7), "restored-centre"));
    centre.batch(Urgent, name(1, 8), "", &[]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(1, 8)));
}

#[tokio::test]
async fn a_batch_without_a_name_rings_and_wants_one_refresh() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    let body = centre.bytes(Urgent, name(1, 2), "", &[("facp1/x", "fire")]);
    centre.nameless(&body).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 1)));
    let want = receipt.lanes[Urgent].want;
    assert!(want.is_some());
    centre.nameless(&body).await;
    centre.beat(1).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].want, want);
    assert_eq!(centre.alarm_kinds().await, ["dead-letter"]);
    assert_eq!(dead_letters::newest(&centre.reader, 10).await.expect("letters").len(), 1);
}

/// PROTOCOL §6.12.
#[tokio::test]
async fn a_fire_of_a_second_box_is_told_and_clears_nothing() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(2, 1), &name(1, 1).to_string(), &[("facp1/x", "fire")]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(1, 2), "", &[("facp1/x", "normal"), ("facp1/y", "fire")]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].duplicate, Some(name(1, 2)));
    assert_eq!(centre.alarm_kinds().await, ["fire", "second-box-fire", "two-boxes"]);
    centre.batch_at(name(2, 2), 5, &[("facp1/x", "normal")]).await;
    centre.batch_at(name(2, 3), 4_000, &[]).await;
    centre.until_position(Urgent, name(2, 3)).await;
    let fire = centre.alarms().await.into_iter().find(|alarm| alarm.kind == "fire");
    assert_eq!(fire.map(|alarm| alarm.state), Some(State::ActiveUnacked), "nothing clears");
}

/// PROTOCOL §6.12.
#[tokio::test]
async fn an_ordinary_restart_with_a_backlog_is_no_conflict() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.beat(1).await;
    centre.receipt().await;
    centre.beat(2).await;
    centre.receipt().await;
    for seq in [2, 3] {
        centre.backlog(name(1, seq), 2).await;
        assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(1, seq)));
    }
    centre.batch(Urgent, name(2, 1), &name(1, 3).to_string(), &[]).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(2, 1)));
    assert_eq!(centre.gateway().await.conflict, None);
    assert!(centre.alarms().await.is_empty());
}

/// PROTOCOL §6.10.
#[tokio::test]
async fn what_cannot_be_recorded_is_told_by_a_command_that_needs_no_database() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    let lock = centre.lock_the_database().await;
    centre.batch(Urgent, name(1, 2), "", &[("facp1/L1D017", "fire")]).await;
    centre.until_commits_fail().await;
    let told = centre.alert("not-recorded").await;
    assert_eq!(
        (&told["region"], &told["unrecorded"][0]["kind"]),
        (&"region".into(), &"fire".into())
    );
    lock.release().await;
    centre.until_position(Urgent, name(1, 2)).await;
    assert_eq!(centre.alert("recorded-again").await["unrecorded_count"], 0);
}

/// PROTOCOL §6.11.
#[tokio::test]
async fn a_centre_that_was_deaf_for_two_hours_raises_one_alarm() {
    let ids = (0..2_000).map(|n| (format!("box-{n}"), Some("mall".to_owned())));
    let (mut judgement, _folder) = judgement(ids).await;
    let mut now = CentreTime::from_millis(1_795_384_800_000);
    hear(&mut judgement, true, now);
    for n in 0..2_000 {
        judgement.message(&presence(&format!("box-{n}"), now));
    }
    let told = |judgement: &mut Judgement| {
        let (changes, _) = judgement.to_commit();
        let mut kinds: Vec<String> = changes.alarms.into_values().map(|alarm| alarm.kind).collect();
        kinds.extend(changes.tickets.into_values().map(|ticket| ticket.kind));
        kinds
    };
    told(&mut judgement);
    hear(&mut judgement, false, now);
    let mut kinds = Vec::new();
    for _ in 0..120 {
        now = now.plus(Millis::seconds(60));
        judgement.tick(now);
        kinds.extend(told(&mut judgement));
    }
    hear(&mut judgement, true, now);
    judgement.tick(now.plus(Millis::seconds(1)));
    kinds.extend(told(&mut judgement).into_iter().filter(|kind| kind != "centre-deaf"));
    assert_eq!(kinds, ["centre-deaf"]);
}

#[tokio::test]
async fn strangers_are_bounded_and_never_keep_out_a_gateway_of_the_registry() {
    let (mut judgement, _folder) = judgement([("mall-01".to_owned(), Some("mall".into()))]).await;
    let now = CentreTime::from_millis(1_795_384_800_000);
    for n in 0..STRANGERS_KEPT + 5 {
        judgement.message(&presence(&format!("stranger-{n}"), now));
    }
    judgement.message(&presence("mall-01", now));
    assert_eq!(judgement.gateway_counts(), (STRANGERS_KEPT + 1, STRANGERS_KEPT));
    assert_eq!(judgement.unadmitted(), 5);
}

async fn judgement(
    gateways: impl IntoIterator<Item = (String, Option<String>)>,
) -> (Judgement, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut writer, reader) = storage::open(folder.path()).await.expect("a database");
    let known = CentreTime::from_millis(0);
    let mut to = writer.begin().await.expect("begun");
    for (id, unit) in gateways {
        let row = Gateway { id: id.parse().expect("an id"), unit, known };
        gateways::put(&mut to, &[row]).await.expect("written");
    }
    to.commit().await.expect("committed");
    let region = RegionId::parse("region").expect("a region");
    let rules = Arc::new(Rulebook::shipped());
    let restored =
        Judgement::restore(&reader, rules, routing(), region, TermsOf::default(), known).await;
    (restored.expect("restored"), folder)
}

fn hear(judgement: &mut Judgement, hears: bool, now: CentreTime) {
    judgement.listening(ConnectionName::Urgent, hears, now);
    judgement.listening(ConnectionName::Routine, hears, now);
}

fn presence(id: &str, arrived: CentreTime) -> Message {
    let gateway: GatewayId = id.parse().expect("an id");
    Message { gateway, content: Content::Presence { body: Vec::new() }, arrived }
}

#[tokio::test]
async fn what_comes_again_after_it_was_taken_rings_again() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    for times in 1..=2_usize {
        // Somebody else's bytes each time: any of them may have been a fire.
        centre.nameless(format!("{{{times}").as_bytes()).await;
        centre.beat(1).await;
        centre.receipt().await;
        let alarms = centre.alarms().await;
        assert_eq!(alarms.len(), times, "{alarms:#?}");
        for alarm in alarms {
            if alarm.state.sounds() {
                let taken = Action::AcknowledgeAlarm { alarm: alarm.id, seen: None };
                assert!(centre.act("王", taken).await.is_ok());
            }
        }
    }
}

#[tokio::test]
async fn every_fire_of_a_second_box_has_its_turn_and_none_rings_with_each_beat() {
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[]).await;
    centre.receipt().await;
    centre.batch(Urgent, name(2, 1), &name(1, 1).to_string(), &[]).await;
    centre.receipt().await;
    let points: Vec<String> = (1..=25).map(|number| format!("facp1/L1D{number:03}")).collect();
    let burning: Vec<(&str, &str)> = points.iter().map(|point| (point.as_str(), "fire")).collect();
    let second = |alarms: Vec<Alarm>| -> Vec<Alarm> {
        alarms.into_iter().filter(|alarm| alarm.kind == "second-box-fire").collect()
    };
    let mut told = std::collections::BTreeSet::new();
    for seq in 2..=26 {
        centre.batch(Urgent, name(1, seq), "", &burning).await;
        centre.receipt().await;
        for alarm in second(centre.alarms().await) {
            told.insert(alarm.id.clone());
            if alarm.state.sounds() {
                let taken = Action::AcknowledgeAlarm { alarm: alarm.id, seen: None };
                assert!(centre.act("王", taken).await.is_ok());
            }
        }
    }
    assert_eq!(told.len(), 25, "each point was an alarm of its own, also the 21st");
    centre.batch(Urgent, name(1, 27), "", &burning).await;
    centre.receipt().await;
    let sounding = second(centre.alarms().await).into_iter().filter(|alarm| alarm.state.sounds());
    assert_eq!(sounding.count(), 0, "what somebody has taken does not ring with each message");
}
