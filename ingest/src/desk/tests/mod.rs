//! Decisions go in as the engine makes them; what the books make of them is looked at.

use firegrid_rules::alarm::{self, State, Verdict};
use firegrid_rules::condition::Said;
use firegrid_rules::decision::{At, Change, Decision, Marks, Occurrence, Reason, Subject};
use firegrid_rules::escalation::Chain;
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::{Effect, Revision, RuleId, Severity};
use firegrid_rules::ticket::{self, TermsOf};
use firegrid_wire::names::FullPointId;
use firegrid_wire::span::SpanId;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::alarms::AlarmBook;
use super::case::Owner;
use super::tickets::TicketBook;
use super::tickets::deeds::{Doing, TicketDeed};
use crate::judge::changes::Changes;
use crate::storage::history::{HistoryLine, LastLine};

mod folding;
mod laws;
mod turns;

const DAY: i64 = 24 * 3_600;

fn decision(step: &str, severity: Severity, change: Change, raised: i64, now: i64) -> Decision {
    let at = At::Gateway(GatewayTime::from_millis(raised * 1_000));
    let span = Some(SpanId::from_bits(1));
    Decision {
        subject: Subject::Point(FullPointId::parse("mall-01/riser1/pressure").expect("a point")),
        rule: RuleId::parse("W1").expect("a rule"),
        revision: Revision::of(""),
        step: step.into(),
        kind: "sprinkler-pressure-low".into(),
        effect: Effect::Hazard,
        severity,
        change,
        span,
        at,
        occurrence: Occurrence { span, at },
        arrived: CentreTime::from_millis(now * 1_000),
        reason: Reason::Reading { seq: 1, index: 1, said: Said::Unknown },
        marks: Marks::default(),
    }
}

fn owner() -> Owner {
    let chain = Chain::of(&Routing::default(), "s1");
    Owner { unit: Some("mall".into()), grid: "s1".into(), path: "r/l/m/s1".into(), chain }
}

fn serious(change: Change, raised: i64, now: i64) -> Decision {
    decision("hazard", Severity::Serious, change, raised, now)
}

/// The tickets after these decisions: id's last part, state, recurrences; and the last line.
fn tickets(decisions: &[Decision]) -> (TicketBook, Changes) {
    let (mut book, mut changes) = (TicketBook::default(), Changes::default());
    for decision in decisions {
        book.decided(decision, &owner(), None, &mut changes);
    }
    (book, changes)
}

#[track_caller]
fn check(decisions: &[Decision], expected: &[(ticket::State, u32)], lines: &[&str]) {
    let (_, changes) = tickets(decisions);
    let mut found: Vec<_> = changes.tickets.values().collect();
    found.sort_by_key(|ticket| ticket.life.opened);
    let found: Vec<_> =
        found.iter().map(|ticket| (ticket.life.state, ticket.life.recurrences)).collect();
    assert_eq!(found, expected);
    let told: Vec<&str> = changes.ticket_lines.iter().map(|(_, line)| line.what.as_str()).collect();
    assert_eq!(told, lines);
}

use Change::{Calmed, Cleared, Raised, Relapsed};

#[test]
fn one_cause_is_one_ticket_however_often_it_is_told() {
    let raised = serious(Raised, 10, 11);
    check(&[raised.clone(), raised], &[(ticket::State::Accept, 1)], &["opened"]);
}

#[test]
fn the_same_hazard_again_is_a_recurrence_of_the_open_ticket() {
    check(
        &[
            serious(Raised, 10, 11),
            serious(Calmed, 10, 20),
            serious(Cleared, 10, 30),
            serious(Raised, 40, 41),
        ],
        &[(ticket::State::Accept, 2)],
        &["opened", "calmed", "cleared", "raised-again"],
    );
}

#[test]
fn a_graver_step_of_the_same_case_is_no_recurrence_but_shortens_the_deadline() {
    let first = decision("warn", Severity::General, Raised, 10, 11);
    let (_, changes) = tickets(std::slice::from_ref(&first));
    let before = changes.tickets.values().next().expect("a ticket").life.due;
    let graver = decision("hazard", Severity::Major, Raised, 20, 21);
    let (_, changes) = tickets(&[first, graver]);
    let ticket = changes.tickets.values().next().expect("a ticket");
    assert_eq!((ticket.severity, ticket.life.recurrences), (Severity::Major, 1));
    assert!(ticket.life.due.accept < before.accept && ticket.life.due.rectify < before.rectify);
}

#[test]
fn a_ticket_is_proven_when_no_step_stands_any_more() {
    let warn = |change, now| decision("warn", Severity::General, change, 10, now);
    check(
        &[warn(Raised, 11), serious(Raised, 20, 21), serious(Cleared, 20, 30)],
        &[(ticket::State::Accept, 1)],
        &["opened", "further-step", "step-cleared"],
    );
    check(
        &[warn(Raised, 11), serious(Raised, 20, 21), serious(Cleared, 20, 30), warn(Cleared, 40)],
        &[(ticket::State::Recheck, 1)],
        &["opened", "further-step", "step-cleared", "cleared"],
    );
}

#[test]
fn a_changed_rule_is_written_on_the_ticket_and_changes_nothing_else() {
    check(
        &[serious(Raised, 10, 11), serious(Change::Revised, 10, 20)],
        &[(ticket::State::Accept, 1)],
        &["opened", "rule-changed"],
    );
}

/// A ticket that was raised, taken, mended and closed.
fn closed() -> (TicketBook, Changes) {
    let (mut book, mut changes) = tickets(&[serious(Raised, 10, 11)]);
    let id = changes.tickets.keys().next().expect("a ticket").clone();
    let now = |second: i64| CentreTime::from_millis(second * 1_000);
    let mut act = |book: &mut TicketBook, deed, second| {
        let doing = Doing { by: "王", now: now(second), seen: None };
        let done = book.act(&id, &deed, doing, |_, _| Ok(()), &Routing::default(), &mut changes);
        done.expect("done");
        std::mem::take(&mut changes)
    };
    let mut told = vec![act(&mut book, TicketDeed::Accept, 20)];
    let mut cleared = Changes::default();
    book.decided(&serious(Cleared, 10, 30), &owner(), None, &mut cleared);
    told.push(act(&mut book, TicketDeed::Close { note: None, exception: None }, 40));
    changes = told.pop().expect("what closing changed");
    (book, changes)
}

#[test]
fn what_can_change_no_more_leaves_the_book() {
    let (mut book, _) = closed();
    let (mut now, mut changes) = (CentreTime::from_millis(0), Changes::default());
    while let Some(due) = book.deadline() {
        assert!(now < due, "time goes on");
        (now, changes) = (due, Changes::default());
        book.tick(now, &Routing::default(), &mut changes);
    }
    assert_eq!(now.millis(), 40_000 + 30 * DAY * 1_000 + 1, "when looking back is over");
    assert!(changes.tickets.is_empty(), "it stays as it was written");
    assert_eq!(format!("{book:?}"), format!("{:?}", TicketBook::default()));
}

#[test]
fn within_the_review_window_the_same_hazard_reopens_the_ticket() {
    let (mut book, mut changes) = closed();
    book.decided(&serious(Raised, 50, 10 * DAY), &owner(), None, &mut changes);
    let found: Vec<_> = changes.tickets.values().collect();
    let [ticket] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(ticket.life.state, ticket::State::Rectifying);
    assert_eq!(ticket.body.closed, None);
    assert_eq!(changes.ticket_lines.last().expect("a line").1.what, "reopened");
}

#[test]
fn after_the_review_window_it_is_another_ticket() {
    let (mut book, mut changes) = closed();
    book.decided(&serious(Raised, 50, 31 * DAY), &owner(), None, &mut changes);
    let states: Vec<_> = changes.tickets.values().map(|ticket| ticket.life.state).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&ticket::State::Closed) && states.contains(&ticket::State::Accept));
}

#[test]
fn a_book_that_is_read_again_goes_on_with_the_same_tickets_and_numbers() {
    let (_, changes) = tickets(&[serious(Raised, 10, 11), serious(Relapsed, 10, 12)]);
    let last = |line: &HistoryLine| LastLine {
        n: line.n,
        at: line.at,
        who: line.who.clone(),
        what: line.what.clone(),
    };
    let lines = changes.ticket_lines.iter().map(|(id, line)| (id.clone(), last(line))).collect();
    let rows = changes.tickets.into_values().collect();
    let now = CentreTime::from_millis(12_000);
    let book = TicketBook::default().restored(rows, lines, &Routing::default(), now);
    let (mut book, mut changes) = (book, Changes::default());
    book.decided(&serious(Raised, 10, 13), &owner(), None, &mut changes);
    assert!(changes.ticket_lines.is_empty(), "it stands already");
    book.decided(&serious(Cleared, 10, 14), &owner(), None, &mut changes);
    assert_eq!(changes.ticket_lines[0].1.n, 3);
}

fn seat(now: CentreTime) -> Doing<'static> {
    Doing { by: "甲", now, seen: None }
}

fn alarm_states(changes: &Changes) -> Vec<State> {
    changes.alarms.values().map(|alarm| alarm.state).collect()
}

#[test]
fn a_fire_that_goes_on_after_it_was_closed_sounds_as_a_new_alarm() {
    let (mut book, mut changes) = (AlarmBook::default(), Changes::default());
    let now = |second: i64| CentreTime::from_millis(second * 1_000);
    book.decided(&serious(Raised, 10, 11), &owner(), None, &mut changes);
    let id = changes.alarms.keys().next().expect("an alarm").clone();
    book.act(&id, alarm::Event::Acknowledge, seat(now(12)), &mut changes).expect("taken");
    let exception = Some("探测器已拆除".to_owned());
    let close = alarm::Event::Close { verdict: Verdict::False, exception };
    book.act(&id, close, seat(now(13)), &mut changes).expect("closed");
    assert_eq!(alarm_states(&changes), [State::Closed]);
    book.decided(&serious(Relapsed, 10, 20), &owner(), None, &mut changes);
    assert_eq!(alarm_states(&changes), [State::Closed, State::ActiveUnacked]);
    book.decided(&serious(Cleared, 10, 30), &owner(), None, &mut changes);
    assert_eq!(alarm_states(&changes), [State::Closed, State::ReturnedUnacked]);
}

#[test]
fn a_relapse_sounds_again_and_must_be_taken_again() {
    let (mut book, mut changes) = (AlarmBook::default(), Changes::default());
    book.decided(&serious(Raised, 10, 11), &owner(), None, &mut changes);
    let id = changes.alarms.keys().next().expect("an alarm").clone();
    let now = CentreTime::from_millis(12_000);
    book.act(&id, alarm::Event::Acknowledge, seat(now), &mut changes).expect("taken");
    book.decided(&serious(Calmed, 10, 13), &owner(), None, &mut changes);
    assert_eq!(alarm_states(&changes), [State::ActiveAcked], "calm is not over");
    book.decided(&serious(Relapsed, 10, 14), &owner(), None, &mut changes);
    assert_eq!(alarm_states(&changes), [State::ActiveUnacked]);
    assert_eq!(book.open().next().expect("open").body.acknowledged, None);
}

#[test]
fn whatever_is_said_of_an_alarm_is_told_with_its_version_to_who_looks_at_it() {
    let (mut book, mut changes) = (AlarmBook::default(), Changes::default());
    let said = [(Raised, 11), (Calmed, 20), (Change::Revised, 25), (Relapsed, 30), (Cleared, 40)];
    for (change, now) in said {
        let fire = Decision { effect: Effect::Alarm, ..serious(change, 10, now) };
        book.decided(&fire, &owner(), None, &mut changes);
        let alarm = book.open().next().expect("the alarm");
        assert_eq!(alarm.changed, CentreTime::from_millis(now * 1_000), "{change:?}");
        let told = &changes.events.last().expect("an event").body;
        assert_eq!(told["version"], alarm.version, "{change:?}: {told}");
    }
    assert_eq!(changes.events.len(), said.len());
}
