//! What each noun's file writes, it reads again; every query once on each engine.

use firegrid_rules::alarm::State as AlarmState;
use firegrid_rules::routing::{GridRow, Level};
use firegrid_rules::rulebook::Severity;
use firegrid_rules::ticket::{State as TicketState, Ticket as Life};
use firegrid_wire::catalogue::Catalogue;
use firegrid_wire::names::{FullPointId, PointId};
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::States;
use firegrid_wire::time::GatewayTime;

use super::alarms::{Alarm, AlarmBody, AlarmFilter};
use super::catalogues::CataloguePage;
use super::commits::CommitNumber;
use super::conflicts::{ConflictBatch, ConflictSpan};
use super::dead_letters::DeadLetter;
use super::gateways::Gateway;
use super::history::{Book, HistoryLine, LastLine, put_line};
use super::holes::Hole;
use super::positions::{LanePosition, LaneSpan};
use super::readings::StoredReading;
use super::scratch::untouched;
use super::tickets::{Ticket, TicketBody, TicketFilter};
use super::*;
use crate::judge::changes::Changes;

fn name(span: u64, seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(span), seq }
}

fn t(millis: i64) -> GatewayTime {
    GatewayTime::from_millis(millis)
}

fn point(text: &str) -> PointId {
    PointId::parse(text).expect("a point")
}

fn alarm(id: &str, state: AlarmState, raised: i64) -> Alarm {
    Alarm {
        id: id.into(),
        kind: "fire".into(),
        rule: "F1".into(),
        step: "fire".into(),
        severity: Severity::Serious,
        gateway: gateway(),
        point: Some(point("facp1/L1D017")),
        unit: Some("mall".into()),
        grid: None,
        state,
        body: AlarmBody { reason_zh: "火警".into(), ..AlarmBody::default() },
        raised_t: Some(t(raised)),
        raised: at(raised),
        changed: at(raised + 1),
        version: 2,
    }
}

fn ticket(id: &str, subject: &str, grid: &str, state: TicketState, opened: i64) -> Ticket {
    let life = Life { state, ..untouched(Severity::Major, at(opened)) };
    Ticket {
        id: id.into(),
        kind: "pump-power".into(),
        rule: "P2".into(),
        severity: Severity::Major,
        subject: subject.into(),
        gateway: gateway(),
        point: None,
        unit: None,
        grid: grid.into(),
        grid_path: format!("region/l1/{grid}"),
        life,
        body: TicketBody { reason_zh: "断电".into(), ..TicketBody::default() },
        changed: at(opened),
        version: 2,
    }
}

fn line(n: u32, what: &str) -> HistoryLine {
    let who = Some("王\u{0}格".to_owned());
    HistoryLine { n, at: at(i64::from(n)), who, what: what.into(), body: json!({ "n": n }) }
}

on_both_engines! {
    async fn alarms_are_listed_by_what_is_asked_for(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let open = alarm("b", AlarmState::ActiveUnacked, 10);
        let closed = alarm("a", AlarmState::Closed, 10);
        let bare = Alarm {
            point: None, unit: None, raised_t: None, kind: "centre-deaf".into(),
            ..alarm("c", AlarmState::ActiveAcked, 20)
        };
        for _ in 0..2 {
            let mut to = writer.begin().await.expect("begun");
            for row in [&alarm("b", AlarmState::ReturnedAcked, 10), &open, &closed, &bare] {
                alarms::put(&mut to, row).await.expect("written");
            }
            for n in [1, 2] {
                put_line(&mut to, Book::Alarms, "b", &line(n, "raised")).await.expect("written");
                put_line(&mut to, Book::Alarms, "a", &line(n, "raised")).await.expect("written");
            }
            to.commit().await.expect("committed");
        }
        let list = async |filter: AlarmFilter| {
            let found = alarms::list(&reader, &AlarmFilter { limit: 10, ..filter }).await;
            found.expect("alarms").into_iter().map(|alarm| alarm.id).collect::<Vec<_>>()
        };
        let all = AlarmFilter::default();
        assert_eq!(list(all.clone()).await, ["c", "b", "a"]);
        let before = Some((at(10), "b".to_owned()));
        assert_eq!(list(AlarmFilter { before, ..all.clone() }).await, ["a"]);
        let state = Some(AlarmState::ActiveAcked);
        assert_eq!(list(AlarmFilter { state, ..all.clone() }).await, ["c"]);
        assert_eq!(list(AlarmFilter { open: true, ..all.clone() }).await, ["c", "b"]);
        let kind = Some("fire".to_owned());
        assert_eq!(list(AlarmFilter { kind, ..all.clone() }).await, ["b", "a"]);
        let unit = Some("mall".to_owned());
        assert_eq!(list(AlarmFilter { unit, ..all }).await, ["b", "a"]);
        assert_eq!(alarms::one(&reader, "c").await.expect("an answer"), Some(bare.clone()));
        assert_eq!(alarms::one(&reader, "none").await.expect("an answer"), None);
        let mut opened = alarms::load_open(&reader).await.expect("alarms");
        opened.sort_by(|one, other| one.id.cmp(&other.id));
        assert_eq!(opened, [open, bare]);
        let lines = alarms::load_lines(&reader).await.expect("lines");
        let last = LastLine {
            n: 2,
            at: at(2),
            who: Some("王\u{FFFD}格".to_owned()),
            what: "raised".to_owned(),
        };
        assert_eq!(lines, [("b".to_owned(), last)]);
        let history = alarms::history(&reader, "b").await.expect("a history");
        assert_eq!(history.len(), 2);
        assert_eq!(history[0].who.as_deref(), Some("王\u{FFFD}格"), "a NUL stops no commit");
    }

    async fn a_ticket_that_ends_and_its_successor_stand_in_one_commit(scratch) {
        let (mut writer, reader) = scratch.open().await;
        for (former, latter) in [("a", "b"), ("d", "c")] {
            let subject = format!("mall-01/{former}");
            let row = |id: &str, state| (id.to_owned(), ticket(id, &subject, "s1", state, 10));
            let mut changes = Changes::default();
            changes.tickets.extend([row(former, TicketState::Rectifying)]);
            changes.commit(&mut writer, CommitNumber::new(), false).await.expect("a commit");
            let mut changes = Changes::default();
            changes.tickets.extend([row(former, TicketState::Closed), row(latter, TicketState::Accept)]);
            changes.commit(&mut writer, CommitNumber::new(), false).await.expect("a commit");
        }
        let all = tickets::load(&reader, at(i64::MAX / 2)).await.expect("tickets");
        let open = all.into_iter().filter(|ticket| !ticket.life.state.is_over());
        let mut open: Vec<String> = open.map(|ticket| ticket.id).collect();
        open.sort_unstable();
        assert_eq!(open, ["b", "c"]);
    }

    async fn tickets_are_listed_by_grid_and_state(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let mut to = writer.begin().await.expect("begun");
        for (id, level, parent) in [
            ("region", Level::Region, None),
            ("l1", Level::Large, Some("region")),
            ("s1", Level::Small, Some("l1")),
            ("s2", Level::Small, Some("region")),
        ] {
            let parent = parent.map(str::to_owned);
            let row = GridRow { id: id.into(), level, parent, name: id.into() };
            registry::put_grids(&mut to, &[&row]).await.expect("written");
        }
        let open = ticket("a", "mall-01/x", "s1", TicketState::Accept, 10);
        let closed = ticket("b", "mall-01/x", "s1", TicketState::Closed, 20);
        let other = ticket("c", "mall-01/y", "s2", TicketState::Rectifying, 30);
        for row in [&open, &closed, &other, &open] {
            tickets::put(&mut to, row).await.expect("written");
            put_line(&mut to, Book::Tickets, &row.id, &line(1, "opened")).await.expect("written");
        }
        to.commit().await.expect("committed");
        let mut to = writer.begin().await.expect("begun");
        let twice = ticket("d", "mall-01/y", "s2", TicketState::Accept, 40);
        let refused = tickets::put(&mut to, &twice).await;
        assert!(refused.is_err(), "one open ticket per subject and kind");
        drop(to);
        let list = async |filter: TicketFilter| {
            let found = tickets::list(&reader, &TicketFilter { limit: 10, ..filter }).await;
            found.expect("tickets").into_iter().map(|ticket| ticket.id).collect::<Vec<_>>()
        };
        let all = TicketFilter::default();
        assert_eq!(list(all.clone()).await, ["c", "b", "a"]);
        let grid = |id: &str| TicketFilter { grid: Some(id.into()), ..TicketFilter::default() };
        assert_eq!(list(grid("region")).await, ["c", "b", "a"]);
        assert_eq!(list(grid("l1")).await, ["b", "a"]);
        assert_eq!(list(TicketFilter { open: true, ..all.clone() }).await, ["c", "a"]);
        let state = Some(TicketState::Closed);
        assert_eq!(list(TicketFilter { state, ..all.clone() }).await, ["b"]);
        assert_eq!(list(TicketFilter { before: Some((at(20), "b".into())), ..all }).await, ["a"]);
        assert_eq!(tickets::one(&reader, "a").await.expect("an answer"), Some(open));
        let loaded = |since| tickets::load(&reader, at(since));
        assert_eq!(loaded(21).await.expect("tickets").len(), 2);
        assert_eq!(loaded(20).await.expect("tickets").len(), 3);
        let lines = tickets::load_lines(&reader, at(21)).await.expect("lines");
        assert_eq!(lines.len(), 2);
        assert_eq!(tickets::history(&reader, "c").await.expect("a history").len(), 1);
    }

    async fn what_vanished_from_the_registry_is_retired_while_it_is_named(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let grid = |id: &str, level, parent: Option<&str>| GridRow {
            id: id.into(), level, parent: parent.map(str::to_owned), name: id.into(),
        };
        let unit = |id: &str, grid: &str| registry::Unit {
            id: id.into(), name: id.into(), grid: grid.into(), ..registry::Unit::default()
        };
        let mut to = writer.begin().await.expect("begun");
        for row in [
            grid("region", Level::Region, None),
            grid("l1", Level::Large, Some("region")),
            grid("m1", Level::Middle, Some("l1")),
            grid("s1", Level::Small, Some("m1")),
            grid("s2", Level::Small, Some("m1")),
            grid("s3", Level::Small, Some("m1")),
        ] {
            registry::put_grids(&mut to, &[&row]).await.expect("written");
        }
        for row in [unit("mall", "s1"), unit("gone", "s2")] {
            registry::put_units(&mut to, &[&row]).await.expect("written");
        }
        let heard = Gateway { id: gateway(), unit: None, known: at(5) };
        let of_mall = Gateway { unit: Some("mall".into()), known: at(6), ..heard.clone() };
        gateways::put(&mut to, &[heard, of_mall]).await.expect("written");
        alarms::put(&mut to, &alarm("a", AlarmState::Closed, 1)).await.expect("written");
        let of_s3 = ticket("t", "mall-01/x", "s3", TicketState::Closed, 1);
        tickets::put(&mut to, &of_s3).await.expect("written");
        to.commit().await.expect("committed");
        let mut to = writer.begin().await.expect("begun");
        let gone = ["region", "l1", "m1", "s1", "s2", "s3"].map(str::to_owned);
        registry::retire_grids(&mut to, &gone).await.expect("written");
        let gone = ["mall", "gone"].map(str::to_owned);
        registry::retire_units(&mut to, &gone).await.expect("written");
        registry::unassign(&mut to, &[gateway()]).await.expect("written");
        registry::forget_unused(&mut to).await.expect("written");
        to.commit().await.expect("committed");
        let units = registry::units(&reader).await.expect("units");
        assert_eq!(units, [registry::Unit { retired: true, ..unit("mall", "s1") }]);
        let grids = registry::grids(&reader).await.expect("grids");
        let names: Vec<(&str, bool)> =
            grids.iter().map(|grid| (grid.row.id.as_str(), grid.retired)).collect();
        let named = ["l1", "m1", "region", "s1", "s3"].map(|id| (id, true));
        assert_eq!(names, named);
        let row = Gateway { id: gateway(), unit: None, known: at(5) };
        assert_eq!(super::gateways::load(&reader).await.expect("gateways"), [row]);
    }

    async fn what_the_intake_knows_comes_back(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let page: firegrid_wire::catalogue::Page =
            serde_json::from_slice(&Catalogue::default().pages()[0]).expect("a page");
        let page = CataloguePage { gateway: gateway(), page, arrived: at(3) };
        let (lane, none) = (Lane::Urgent, None);
        let position =
            LanePosition { gateway: gateway(), lane, name: name(1, 1), want: none, want_body: None };
        let further = LanePosition {
            name: name(u64::MAX, 7), want: Some(2), want_body: Some("{}".into()),
            ..position.clone()
        };
        let span = LaneSpan { span: SpanId::from_bits(1), ordinal: 0, end: 1 };
        let apart = ConflictSpan { lane, span: SpanId::from_bits(9), end: 4 };
        for _ in 0..2 {
            let mut to = writer.begin().await.expect("begun");
            catalogues::put(&mut to, &page).await.expect("written");
            for row in [&position, &further] {
                positions::put(&mut to, row).await.expect("written");
            }
            positions::put_span(&mut to, &gateway(), lane, &span).await.expect("written");
            let span = LaneSpan { end: 5, ..span };
            positions::put_span(&mut to, &gateway(), lane, &span).await.expect("written");
            conflicts::put(&mut to, &gateway(), at(8)).await.expect("written");
            conflicts::put_span(&mut to, &gateway(), &apart).await.expect("written");
            let batch = ConflictBatch {
                gateway: gateway(), lane, name: name(9, 4), body: vec![0, 1], arrived: at(8),
            };
            conflicts::put_batch(&mut to, &batch).await.expect("written");
            to.commit().await.expect("committed");
        }
        let pages = catalogues::load(&reader).await.expect("pages");
        assert_eq!(pages, std::slice::from_ref(&page));
        assert_eq!(positions::load(&reader).await.expect("positions"), [further]);
        let spans = positions::load_spans(&reader).await.expect("spans");
        assert_eq!(spans, [(gateway(), lane, LaneSpan { end: 5, ..span })]);
        assert_eq!(conflicts::load(&reader).await.expect("conflicts"), [(gateway(), at(8))]);
        let spans = conflicts::load_spans(&reader).await.expect("spans");
        assert_eq!(spans, [(gateway(), apart)]);
        let mut to = writer.begin().await.expect("begun");
        catalogues::remove(&mut to, &gateway(), &page.page.hash).await.expect("removed");
        conflicts::remove(&mut to, &gateway()).await.expect("removed");
        rule_state::put(&mut to, "key", b"1").await.expect("written");
        rule_state::remove(&mut to, "key").await.expect("removed");
        to.commit().await.expect("committed");
        assert!(catalogues::load(&reader).await.expect("pages").is_empty());
        assert!(conflicts::load(&reader).await.expect("conflicts").is_empty());
        assert!(rule_state::load(&reader).await.expect("state").is_empty());
    }

    async fn holes_and_letters_are_counted_and_the_newest_come_first(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let hole = |seq, arrived| Hole {
            gateway: gateway(), lane: Lane::Routine, told_by: name(1, seq), kind: "marker".into(),
            body: json!({ "before": null }), arrived: at(arrived),
        };
        let letter = |id: &str, name, index, arrived| DeadLetter {
            id: id.into(), gateway: gateway(), topic: "urgent".into(), name, index,
            reason: "no JSON".into(), body: b"{\0".to_vec(), arrived: at(arrived),
        };
        let letters = [
            letter("a", None, None, 1),
            letter("b", Some(name(1, 2)), Some(3), 2),
        ];
        for _ in 0..2 {
            let mut to = writer.begin().await.expect("begun");
            for row in [hole(1, 1), hole(2, 2)] {
                holes::put(&mut to, &row).await.expect("written");
            }
            for row in &letters {
                dead_letters::put(&mut to, row).await.expect("written");
            }
            to.commit().await.expect("committed");
        }
        assert_eq!(holes::counts(&reader).await.expect("counts"), [(gateway(), 2)]);
        assert_eq!(holes::newest(&reader, 1).await.expect("holes"), [hole(2, 2)]);
        assert_eq!(dead_letters::counts(&reader).await.expect("counts"), [(gateway(), 2)]);
        let newest = dead_letters::newest(&reader, 2).await.expect("letters");
        assert_eq!(newest, [letters[1].clone(), letters[0].clone()]);
    }

    async fn a_points_history_goes_on_where_the_last_page_ended(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let reading = |seq: u64, index, time, words: &str| StoredReading {
            gateway: gateway(), lane: Lane::Urgent, batch: name(1, seq), index,
            reading: Reading {
                point: point("facp1/L1D017"), time: t(time),
                value: Value::States(States::from_words(words).expect("states")),
                quality: Quality::Good, changes: (seq == 2).then_some(31),
            },
            arrived: at(time),
        };
        let rows = [
            reading(1, 1, 5, "fire"), reading(1, 2, 5, "normal"), reading(2, 1, 5, "fire flo\u{0}d"),
            reading(3, 1, 9, "normal"),
        ];
        for _ in 0..2 {
            let mut to = writer.begin().await.expect("begun");
            for row in &rows {
                readings::put(&mut to, row).await.expect("written");
            }
            to.commit().await.expect("committed");
        }
        let of = FullPointId { gateway: gateway(), point: point("facp1/L1D017") };
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let page = readings::of_point(&reader, &of, t(5), t(9), after.as_ref(), 2).await;
            let page = page.expect("readings");
            told.extend(page.iter().map(|row| {
                (row.batch.seq, row.index, row.words.clone(), row.changes)
            }));
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
        }
        let told: Vec<(u64, u32, &str, Option<u32>)> = told
            .iter()
            .map(|(seq, index, words, changes)| (*seq, *index, words.as_str(), *changes))
            .collect();
        let flood = (2, 1, "fire flo\u{FFFD}d", Some(31));
        assert_eq!(told, [(1, 1, "fire", None), (1, 2, "normal", None), flood]);
    }

    async fn the_inbox_lets_go_of_what_is_stored(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let mut to = writer.begin().await.expect("begun");
        for seq in 1..=3 {
            inbox::put(&mut to, &batch(seq, b"x")).await.expect("written");
        }
        inbox::remove(&mut to, &batch(1, b"x").name).await.expect("removed");
        to.commit().await.expect("committed");
        assert_eq!(inbox::oldest(&reader, 1).await.expect("batches"), [batch(2, b"x")]);
        let names = inbox::oldest_names(&reader, 1).await.expect("names");
        assert_eq!(names, [batch(2, b"x").name]);
        let found = inbox::named(&reader, &names[0]).await.expect("a batch");
        assert_eq!(found, Some(batch(2, b"x")));
        assert_eq!(inbox::named(&reader, &batch(1, b"x").name).await.expect("none"), None);
        assert_eq!(inbox::waiting(&reader).await.expect("a count"), (2, 2));
    }
}
