//! What must outlast the centre, and what it does when less of it is there than there was.

use firegrid_wire::marker::MarkerReason;
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::centre::at;
use super::*;
use crate::clock::Clock;
use crate::judge::inbox::Quota;
use crate::judge::sweep::Sweep;
use crate::storage::backup;
use crate::storage::retention::Retention;
use crate::storage::vouched::{self, Gap};

/// The urgent lane's stretches: span, first and last second, and what lies before.
async fn stretches(centre: &Centre) -> Vec<(u64, i64, i64, Gap)> {
    let (from, to) = centre::all_time();
    let rows = vouched::of_lane(&centre.reader, (&centre.id, Urgent), (from, to), None, 100).await;
    let second = |time: firegrid_wire::time::GatewayTime| (time.millis() - at(0).millis()) / 1_000;
    let row =
        |row: vouched::Vouched| (row.span.bits(), second(row.from), second(row.until), row.gap);
    rows.expect("stretches").into_iter().map(row).collect()
}

on_both_engines! {
    async fn what_was_vouched_for_is_stored_and_merged_where_it_touches(scratch) {
        let mut centre = Centre::start_on(scratch).await;
        centre.batch(Urgent, name(1, 1), "none", &[]).await;
        for (seq, from, until) in [(2, 0, 10), (3, 10, 20), (4, 25, 30)] {
            centre.batch_between(name(1, seq), "", from, until).await;
            centre.until_position(Urgent, name(1, seq)).await;
        }
        assert_eq!(stretches(&centre).await, [(1, 0, 20, Gap::Span), (1, 25, 30, Gap::Pause)]);
        centre.kill_and_start_again().await;
        centre.batch_between(name(1, 5), "", 30, 40).await;
        centre.until_position(Urgent, name(1, 5)).await;
        centre.beat_until(1, 50, name(1, 5)).await;
        centre.receipt().await;
        assert_eq!(stretches(&centre).await, [(1, 0, 20, Gap::Span), (1, 25, 50, Gap::Pause)]);
        centre.raw(Urgent, Some(name(1, 6)), b"{not json").await;
        centre.batch_between(name(1, 7), "", 60, 70).await;
        centre.until_position(Urgent, name(1, 7)).await;
        centre.batch_between(name(2, 1), &name(1, 7).to_string(), 5, 6).await;
        centre.until_position(Urgent, name(2, 1)).await;
        let all = [
            (1, 0, 20, Gap::Span),
            (2, 5, 6, Gap::Span),
            (1, 25, 50, Gap::Pause),
            (1, 60, 70, Gap::Hole),
        ];
        assert_eq!(stretches(&centre).await, all);
    }

    async fn a_full_inbox_lets_the_oldest_go_and_shows_the_hole(scratch) {
        let mut centre = Centre::start_on(scratch).await;
        for seq in 1..=6 {
            let after = if seq == 1 { "none" } else { "" };
            let pressure = (seq * 1_000).to_string();
            centre.batch(Routine, name(1, seq), after, &[("riser1/pressure", &pressure)]).await;
            centre.until_position(Routine, name(1, seq)).await;
        }
        let (_, bytes) = inbox::waiting(&centre.reader).await.expect("a count");
        centre.drain_into_a_dead_store(Quota { batches: 4, bytes: u64::MAX }, 4).await;
        centre.drain_into_a_dead_store(Quota { batches: 9, bytes: bytes / 2 }, 3).await;
        let holes = holes::newest(&centre.reader, 10).await.expect("holes");
        let told: Vec<(&str, BatchName, &serde_json::Value)> = holes
            .iter()
            .rev()
            .map(|hole| (hole.kind.as_str(), hole.told_by, &hole.body["batches"]))
            .collect();
        let (two, one) = (json!(2), json!(1));
        let kind = "series-overflow";
        assert_eq!(told, [(kind, name(1, 2), &two), (kind, name(1, 3), &one)]);
        assert_eq!(centre.gateway().await.holes, 2);
        let alarms = centre.alarms().await;
        assert!(alarms.iter().any(|alarm| alarm.kind == "series-overflow"), "{alarms:?}");
        let left: Vec<f64> = centre.drain().await.into_iter().map(|(_, value)| value).collect();
        assert_eq!(left, [4_000.0, 5_000.0, 6_000.0], "the newest are kept");
    }

    async fn a_centre_that_was_put_back_says_so_once(scratch) {
        let mut centre = Centre::start_on(scratch.clone()).await;
        centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]).await;
        centre.receipt().await;
        centre.kill().await;
        let (mut writer, reader) = scratch.open().await;
        let mut to = writer.begin().await.expect("begun");
        backup::put_restored(&mut to, CentreTime::from_millis(1)).await.expect("written");
        to.commit().await.expect("committed");
        let before = events::last(&reader).await.expect("an id");
        writer.close().await.expect("closed");
        reader.close().await;
        for _ in 0..2 {
            centre.kill_and_start_again().await;
            let alarms = centre.alarms().await;
            let told = alarms.iter().filter(|alarm| alarm.kind == "centre-restored").count();
            assert_eq!(told, 1, "{alarms:?}");
            assert_eq!(backup::restored(&centre.reader).await.expect("an answer"), None);
        }
        let told = events::after(&centre.reader, before, 10).await.expect("events");
        assert!(1_000_000_000_000 < told[0].id, "no page has seen such an id: {told:?}");
    }

    async fn what_is_old_is_forgotten_and_what_is_open_is_not(scratch) {
        let (mut writer, reader) = scratch.open().await;
        let clock = Clock::begin(None);
        let (old, new) = (CentreTime::from_millis(1_000), clock.now());
        kept::fill(&mut writer, old, 450).await;
        kept::fill(&mut writer, new, 1).await;
        let mut sweep = Sweep::new(Retention::default(), clock);
        let mut steps = 0;
        while !kept::is_swept(&reader).await {
            sweep.step(&mut writer).await;
            steps += 1;
            assert!(steps < 40, "{:?}", kept::left(&reader).await);
        }
        assert!(3 <= steps, "450 rows are more than one step");
        for _ in 0..10 {
            sweep.step(&mut writer).await;
        }
        assert!(kept::is_swept(&reader).await, "nothing more goes: {:?}", kept::left(&reader).await);
    }
}

/// The centre is put back on a copy that is older than what boxes have forgotten on receipts.
#[tokio::test]
async fn a_centre_restored_from_a_backup_asks_and_takes_a_marker_for_what_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    let mut centre = Centre::start().await;
    centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "normal")]).await;
    centre.batch(Urgent, name(1, 2), "", &[("facp1/y", "normal")]).await;
    centre.until_position(Urgent, name(1, 2)).await;
    centre.back_up(&copy).await;
    for seq in 3..=5 {
        centre.batch(Urgent, name(1, seq), "", &[("facp1/x", "fire")]).await;
        centre.until_position(Urgent, name(1, seq)).await;
    }
    centre.kill_and_put_back(&copy).await;
    let kinds = |alarms: Vec<alarms::Alarm>| -> Vec<String> {
        alarms.into_iter().map(|alarm| alarm.kind).collect()
    };
    assert_eq!(kinds(centre.alarms().await), ["centre-restored"]);

    centre.beat_until(1, 60, name(1, 5)).await;
    let receipt = centre.receipt().await;
    assert_eq!(receipt.lanes[Urgent].position, Some(name(1, 2)), "less than the box forgot");
    assert_eq!(receipt.lanes[Urgent].ask, Some(name(1, 3)));
    centre.batch(Urgent, name(1, 6), "", &[("facp1/y", "fault")]).await;
    centre.beat(1).await;
    assert_eq!(centre.receipt().await.lanes[Urgent].position, Some(name(1, 2)));

    // The box has forgotten 3 to 5, and says so.
    let fires = [("facp1/x", "fire")];
    centre.marker(name(1, 5), name(1, 3), MarkerReason::Forgotten, &fires).await;
    centre.batch(Urgent, name(1, 6), "", &[("facp1/y", "fault")]).await;
    centre.until_position(Urgent, name(1, 6)).await;
    centre.beat(1).await;
    assert!(centre.receipt().await.lanes[Urgent].want.is_some(), "a refresh tells what burns");
    let holes = holes::newest(&centre.reader, 10).await.expect("holes");
    assert_eq!((holes.len(), holes[0].kind.as_str()), (1, "restored-centre"));
    centre.refresh(Urgent, name(1, 7), "", &[("facp1/x", "fire"), ("facp1/y", "normal")]).await;
    centre.until_position(Urgent, name(1, 7)).await;
    assert!(kinds(centre.alarms().await).contains(&"fire".to_owned()));
    assert_eq!(centre.receipt_wanting_nothing().await.lanes[Urgent].position, Some(name(1, 7)));
}

/// Rows of every kind, old or new, open or not.
mod kept {
    use firegrid_rules::rulebook::Severity;
    use firegrid_rules::ticket::Ticket as Life;
    use firegrid_wire::names::{GatewayId, PointId};
    use firegrid_wire::reading::{Quality, Reading, Value};
    use firegrid_wire::span::Lane;
    use firegrid_wire::state::StateSet;
    use firegrid_wire::time::GatewayTime;

    use super::*;
    use crate::storage::conflicts::{self, ConflictBatch};
    use crate::storage::dead_letters::DeadLetter;
    use crate::storage::events::NewEvent;
    use crate::storage::history::{Book, HistoryLine, put_line};
    use crate::storage::holes::Hole;
    use crate::storage::inbox::{InboxBatch, InboxName};
    use crate::storage::readings::StoredReading;
    use crate::storage::scratch::untouched;
    use crate::storage::{Reader, Transaction, Writer};

    fn id(text: &str) -> GatewayId {
        text.parse().expect("a gateway")
    }

    pub(super) async fn fill(writer: &mut Writer, when: CentreTime, readings: u64) {
        let seq = when.millis() as u64;
        let mut to = writer.begin().await.expect("begun");
        for seq in seq..seq + readings {
            let reading = Reading {
                point: PointId::parse("a/b").expect("a point"),
                time: GatewayTime::from_millis(when.millis()),
                value: Value::States(StateSet::NORMAL.into()),
                quality: Quality::Good,
                changes: None,
            };
            let (gateway, lane, batch) = (id("mall-01"), Lane::Urgent, name(1, seq));
            let row = StoredReading { gateway, lane, batch, index: 1, reading, arrived: when };
            readings::put(&mut to, &row).await.expect("written");
        }
        let row = vouched::Vouched {
            gateway: id("mall-01"),
            lane: Lane::Urgent,
            span: SpanId::from_bits(seq),
            from: at(0),
            until: at(1),
            gap: Gap::Span,
            changed: when,
        };
        vouched::put(&mut to, &row).await.expect("written");
        let hole = Hole {
            gateway: id("mall-01"),
            lane: Lane::Urgent,
            told_by: name(1, seq),
            kind: "marker".into(),
            body: json!({}),
            arrived: when,
        };
        holes::put(&mut to, &hole).await.expect("written");
        for (gateway, settled) in [("mall-01", true), ("mall-02", false)] {
            let (gateway, lane) = (id(gateway), Lane::Urgent);
            if !settled {
                conflicts::put(&mut to, &gateway, when).await.expect("written");
            }
            let (name, body) = (name(9, seq), Vec::new());
            let row = ConflictBatch { gateway, lane, name, body, arrived: when };
            conflicts::put_batch(&mut to, &row).await.expect("written");
        }
        let letter = DeadLetter {
            id: format!("letter{seq}"),
            gateway: id("mall-01"),
            topic: "urgent".into(),
            name: None,
            index: None,
            reason: String::new(),
            body: Vec::new(),
            arrived: when,
        };
        dead_letters::put(&mut to, &letter).await.expect("written");
        let name = InboxName { gateway: id("mall-01"), batch: name(1, seq) };
        let waiting = InboxBatch { name, body: Vec::new(), arrived: when };
        inbox::put(&mut to, &waiting).await.expect("written");
        cases(&mut to, when).await;
        let told = NewEvent { kind: "alarm", body: json!({}), at: when };
        events::put(&mut to, &[told]).await.expect("written");
        to.commit().await.expect("committed");
    }

    /// One alarm and one ticket that are open, and one of each that are closed.
    async fn cases(to: &mut Transaction<'_>, when: CentreTime) {
        let line =
            HistoryLine { n: 1, at: when, who: None, what: "raised".into(), body: json!({}) };
        for state in [State::ActiveAcked, State::Closed] {
            let alarm = alarms::Alarm {
                id: format!("{}-{}", when.millis(), state.as_str()),
                kind: "fire".into(),
                rule: "F1".into(),
                step: "fire".into(),
                severity: Severity::Serious,
                gateway: id("mall-01"),
                point: None,
                unit: None,
                grid: None,
                state,
                body: alarms::AlarmBody::default(),
                raised_t: None,
                raised: when,
                changed: when,
                version: 1,
            };
            alarms::put(to, &alarm).await.expect("written");
            put_line(to, Book::Alarms, &alarm.id, &line).await.expect("written");
        }
        for state in [ticket::State::Rectifying, ticket::State::Closed] {
            let id = format!("{}-{}", when.millis(), state.as_str());
            let ticket = tickets::Ticket {
                kind: "pump-power".into(),
                rule: "P2".into(),
                severity: Severity::Major,
                subject: id.clone(),
                gateway: self::id("mall-01"),
                point: None,
                unit: None,
                grid: "s1".into(),
                grid_path: "region/s1".into(),
                life: Life { state, ..untouched(Severity::Major, when) },
                body: tickets::TicketBody::default(),
                changed: when,
                version: 1,
                id,
            };
            tickets::put(to, &ticket).await.expect("written");
            put_line(to, Book::Tickets, &ticket.id, &line).await.expect("written");
        }
    }

    /// How many of each are left: readings, stretches, holes, batches of second boxes, letters,
    /// batches that wait, alarms, their lines, tickets, their lines, events.
    pub(super) async fn left(reader: &Reader) -> Vec<usize> {
        let (from, to) = centre::all_time();
        let point = "mall-01/a/b".parse().expect("a point");
        let gateway = id("mall-01");
        let all = alarms::AlarmFilter { limit: 100, ..alarms::AlarmFilter::default() };
        let alarms = alarms::list(reader, &all).await.expect("alarms");
        let mut alarm_lines = 0;
        for alarm in &alarms {
            alarm_lines += alarms::history(reader, &alarm.id).await.expect("lines").len();
        }
        let all = tickets::TicketFilter { limit: 100, ..tickets::TicketFilter::default() };
        let tickets = tickets::list(reader, &all).await.expect("tickets");
        let mut ticket_lines = 0;
        for ticket in &tickets {
            ticket_lines += tickets::history(reader, &ticket.id).await.expect("lines").len();
        }
        let mut apart = 0;
        for gateway in ["mall-01", "mall-02"] {
            let kept = conflicts::newest_batches(reader, &id(gateway), 9).await;
            apart += kept.expect("batches").len();
        }
        vec![
            readings::of_point(reader, &point, from, to, None, 1_000).await.expect("rows").len(),
            vouched::of_lane(reader, (&gateway, Lane::Urgent), (from, to), None, 9)
                .await
                .expect("rows")
                .len(),
            holes::newest(reader, 9).await.expect("holes").len(),
            apart,
            dead_letters::newest(reader, 9).await.expect("letters").len(),
            inbox::waiting(reader).await.expect("a count").0 as usize,
            alarms.len(),
            alarm_lines,
            tickets.len(),
            ticket_lines,
            events::after(reader, 0, 100).await.expect("events").len(),
        ]
    }

    /// Only what is new, open or waiting is left.
    pub(super) async fn is_swept(reader: &Reader) -> bool {
        left(reader).await == [1, 1, 1, 3, 1, 2, 3, 3, 3, 3, 1]
    }
}
