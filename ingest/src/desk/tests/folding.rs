//! One cause, one ticket: what a dead panel hides, and what unfolds when it returns.

use firegrid_wire::names::GatewayId;

use super::*;
use crate::desk::tickets::Causes;
use crate::storage::tickets::Ticket;

/// A hazard of some kind on a point, or on the gateway itself.
pub(super) fn hazard(kind: &str, subject: &str, change: Change, now: i64) -> Decision {
    let at = At::Gateway(GatewayTime::from_millis(0));
    let subject = match FullPointId::parse(&format!("mall-01/{subject}")) {
        Ok(point) => Subject::Point(point),
        Err(_) => Subject::Gateway(GatewayId::parse("mall-01").expect("a gateway")),
    };
    let rule = RuleId::parse(&kind.to_uppercase()).expect("a rule");
    let occurrence = Occurrence { span: Some(SpanId::from_bits(1)), at };
    let kind = kind.to_owned();
    Decision {
        subject,
        rule,
        kind,
        occurrence,
        ..decision("hazard", Severity::General, change, 0, now)
    }
}

/// A book in which silence of gateway and device hides points that are not seen, and loops and
/// silence hide faults.
pub(super) fn book() -> TicketBook {
    let hides = [
        ("device-silent", vec!["gateway-silent"]),
        ("point-silent", vec!["device-silent", "gateway-silent"]),
        ("point-fault", vec!["loop-fault", "device-silent", "gateway-silent"]),
    ];
    let hides = hides.into_iter().map(|(kind, by)| {
        (kind.to_owned(), by.into_iter().map(str::to_owned).collect::<Vec<String>>())
    });
    TicketBook::new(Causes::from_iter(hides), TermsOf::default())
}

/// Detectors stand in one zone, but for the last hundred.
fn zone_of(decision: &Decision) -> Option<&'static str> {
    let subject = decision.subject.to_string();
    subject.contains("/L1D").then(|| if subject.contains("/L1D1") { "4F" } else { "3F" })
}

fn play(book: &mut TicketBook, decisions: &[Decision]) -> Changes {
    let mut changes = Changes::default();
    for decision in decisions {
        book.tick(decision.arrived, &Routing::default(), &mut changes);
        book.decided(decision, &owner(), zone_of(decision), &mut changes);
    }
    changes
}

fn tick(book: &mut TicketBook, now: i64) -> Changes {
    let mut changes = Changes::default();
    book.tick(CentreTime::from_millis(now * 1_000), &Routing::default(), &mut changes);
    changes
}

/// The tickets that stand in a list: open, and hidden by none.
fn shown<'a>(changes: impl IntoIterator<Item = &'a Changes>) -> Vec<String> {
    let mut tickets: std::collections::BTreeMap<&str, &Ticket> = Default::default();
    for changes in changes {
        tickets.extend(changes.tickets.iter().map(|(id, ticket)| (id.as_str(), ticket)));
    }
    let open = tickets
        .into_values()
        .filter(|ticket| !ticket.life.state.is_over() && ticket.life.folded.is_none());
    let mut shown: Vec<String> =
        open.map(|ticket| format!("{} {}", ticket.kind, ticket.subject)).collect();
    shown.sort();
    shown
}

fn detector(number: usize) -> String {
    format!("facp1/L1D{number:03}")
}

#[test]
fn a_dead_panel_with_200_points_is_one_ticket_and_what_is_still_wrong_unfolds() {
    let mut book = book();
    let dead = [hazard("device-silent", "facp1/comm", Raised, 600)];
    let blind: Vec<Decision> =
        (1..=200).map(|n| hazard("point-silent", &detector(n), Raised, 900)).collect();
    let told = [play(&mut book, &dead), play(&mut book, &blind)];
    assert_eq!(shown(&told), ["device-silent mall-01/facp1/comm"]);
    // It answers again; 198 points are seen within a minute, two are not.
    let back = play(&mut book, &[hazard("device-silent", "facp1/comm", Calmed, 1_000)]);
    let seen: Vec<Decision> =
        (1..=198).map(|n| hazard("point-silent", &detector(n), Cleared, 1_060)).collect();
    let seen = play(&mut book, &seen);
    let early = tick(&mut book, 1_119);
    assert!(early.tickets.is_empty(), "effects have their patience");
    let late = tick(&mut book, 1_120);
    let [dead, blind] = told;
    assert_eq!(
        shown([&dead, &blind, &back, &seen, &late]),
        [
            "device-silent mall-01/facp1/comm",
            "point-silent mall-01/facp1/L1D199",
            "point-silent mall-01/facp1/L1D200"
        ]
    );
    let ended = seen.tickets.values().filter(|ticket| ticket.life.state == ticket::State::Closed);
    assert_eq!(ended.count(), 198, "what healed was never anybody's job by itself");
}

#[test]
fn a_late_cause_adopts_open_tickets_and_their_clock_stands() {
    let mut book = book();
    let fault = play(&mut book, &[hazard("point-fault", &detector(7), Raised, 100)]);
    let due = fault.tickets.values().next().expect("a ticket").life.due;
    let dead = play(&mut book, &[hazard("device-silent", "facp1/comm", Raised, 1_100)]);
    assert_eq!(shown([&fault, &dead]), ["device-silent mall-01/facp1/comm"]);
    let what: Vec<&str> = dead.ticket_lines.iter().map(|(_, line)| line.what.as_str()).collect();
    assert_eq!(what, ["opened", "folded"]);
    play(&mut book, &[hazard("device-silent", "facp1/comm", Calmed, 2_000)]);
    let back = tick(&mut book, 2_120);
    let fault = back.tickets.values().find(|ticket| ticket.kind == "point-fault");
    let life = &fault.expect("it unfolds").life;
    assert_eq!(life.due.rectify, due.rectify.plus(Millis::seconds(1_020)));
}

#[test]
fn the_highest_cause_hides_all_and_what_it_leaves_goes_under_the_next() {
    let mut book = book();
    let told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 600),
            hazard("point-silent", &detector(1), Raised, 700),
            hazard("gateway-silent", "", Raised, 800),
        ],
    );
    assert_eq!(shown([&told]), ["gateway-silent mall-01"]);
    let calm = play(&mut book, &[hazard("gateway-silent", "", Calmed, 900)]);
    let back = tick(&mut book, 1_020);
    assert_eq!(
        shown([&told, &calm, &back]),
        ["device-silent mall-01/facp1/comm", "gateway-silent mall-01"]
    );
}

#[test]
fn a_cause_that_relapses_hides_again_what_it_had_let_go() {
    let mut book = book();
    let told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 600),
            hazard("point-silent", &detector(1), Raised, 700),
            hazard("device-silent", "facp1/comm", Calmed, 800),
        ],
    );
    let back = tick(&mut book, 920);
    assert_eq!(shown([&told, &back]).len(), 2, "it is still wrong");
    let dead = play(&mut book, &[hazard("device-silent", "facp1/comm", Relapsed, 1_000)]);
    assert_eq!(shown([&told, &back, &dead]), ["device-silent mall-01/facp1/comm"]);
}

#[test]
fn what_is_no_effect_is_never_hidden() {
    let mut book = book();
    let told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 600),
            hazard("pump-power", "facp1/L1M001", Raised, 700),
            hazard("point-silent", "riser2/pressure", Raised, 700),
            hazard("loop-fault", "facp1/L2", Raised, 700),
        ],
    );
    assert_eq!(shown([&told]).len(), 4);
}

#[test]
fn closing_the_cause_by_exception_hides_nothing_any_longer() {
    let mut book = book();
    let mut told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 600),
            hazard("point-silent", &detector(1), Raised, 700),
        ],
    );
    let cause = told.tickets.values().find(|ticket| ticket.kind == "device-silent");
    let id = cause.expect("a cause").id.clone();
    let exception = ticket::Exception { reason: "removed".into(), second: "李".into() };
    let close = TicketDeed::Close { note: None, exception: Some(exception) };
    let doing = Doing { by: "王", now: CentreTime::from_millis(800_000), seen: None };
    let proof = |_: &Subject, _: &RuleId| Err(firegrid_rules::engine::NotYet::Unknown);
    book.act(&id, &close, doing, proof, &Routing::default(), &mut told).expect("closed");
    assert_eq!(shown([&told]), ["point-silent mall-01/facp1/L1D001"]);
}

#[test]
fn a_book_that_is_read_again_unfolds_what_it_hid() {
    let mut book = book();
    let told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 600),
            hazard("point-silent", &detector(1), Raised, 700),
            hazard("device-silent", "facp1/comm", Calmed, 800),
        ],
    );
    let rows = told.tickets.values().cloned().collect();
    let now = CentreTime::from_millis(810_000);
    let mut book = super::folding::book().restored(rows, Vec::new(), &Routing::default(), now);
    assert_eq!(book.deadline(), Some(CentreTime::from_millis(920_000)));
    let back = tick(&mut book, 920);
    assert_eq!(shown([&told, &back]).len(), 2);
}

#[test]
fn a_shielded_zone_hides_its_shielded_points_and_no_others() {
    let rulebook = firegrid_rules::rulebook::Rulebook::shipped();
    let mut book = TicketBook::new(Causes::of(&rulebook), TermsOf::default());
    let told = play(
        &mut book,
        &[
            hazard("point-shielded", &detector(7), Raised, 60),
            hazard("zone-shielded", &detector(1), Raised, 61),
            hazard("point-shielded", &detector(1), Raised, 62),
            hazard("point-shielded", &detector(107), Raised, 62),
        ],
    );
    assert_eq!(
        shown([&told]),
        ["point-shielded mall-01/facp1/L1D107", "zone-shielded mall-01/facp1/L1D001"]
    );
}

#[test]
fn what_hides_one_rule_of_a_kind_hides_the_others_of_it() {
    let site = r#"
        [[rule]]
        id = "SITE"
        kind = "point-fault"
        name = { zh = "甲", en = "x" }
        basis = "site"
        advice = { zh = "乙", en = "y" }
        applies_to = { systems = [1] }
        [[rule.step]]
        name = "hazard"
        severity = "general"
        effect = "hazard"
        when = { has_state = "fault" }
    "#;
    let shipped = firegrid_rules::rulebook::Rulebook::shipped();
    let rulebook = shipped.overlaid("site.toml", site).unwrap_or_else(|told| panic!("{told}"));
    let mut book = TicketBook::new(Causes::of(&rulebook), TermsOf::default());
    let told = play(
        &mut book,
        &[
            hazard("device-silent", "facp1/comm", Raised, 60),
            hazard("point-fault", &detector(7), Raised, 61),
        ],
    );
    assert_eq!(shown([&told]), ["device-silent mall-01/facp1/comm"]);
}
