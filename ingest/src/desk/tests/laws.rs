//! What holds for the book of tickets over random histories of hazards, people and time.

use std::collections::BTreeMap;

use firegrid_rules::engine::NotYet;
use firegrid_rules::ticket::Exception;
use proptest::prelude::*;

use super::folding::{book, hazard};
use super::*;
use crate::storage::tickets::Ticket;

/// Causes and effects at one panel: kinds, and what they are about.
const HAZARDS: [(&str, &str); 8] = [
    ("gateway-silent", ""),
    ("device-silent", "facp1/comm"),
    ("loop-fault", "facp1/L1"),
    ("point-silent", "facp1/L1D001"),
    ("point-fault", "facp1/L1D001"),
    ("point-fault", "facp1/L1D002"),
    ("pump-power", "pump1/power"),
    ("device-silent", "pump1/comm"),
];

#[derive(Debug, Clone)]
enum Step {
    Decided(usize, Change),
    Done(usize, TicketDeed, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let change = prop::sample::select(vec![
        Raised,
        Raised,
        Raised,
        Calmed,
        Cleared,
        Relapsed,
        Change::Retired,
    ]);
    let exception = Exception { reason: "removed".into(), second: "李".into() };
    let reason = "not here".to_owned();
    let deeds = vec![
        TicketDeed::Accept,
        TicketDeed::Submit { note: None },
        TicketDeed::Return { reason: reason.clone() },
        TicketDeed::HandOver { to: None, reason: reason.clone() },
        TicketDeed::Void { reason },
        TicketDeed::Close { note: None, exception: None },
        TicketDeed::Close { note: None, exception: Some(exception) },
    ];
    prop_oneof![
        3 => (0..HAZARDS.len(), change).prop_map(|(hazard, change)| Step::Decided(hazard, change)),
        2 => (0..6_usize, prop::sample::select(deeds), any::<bool>())
            .prop_map(|(ticket, deed, proven)| Step::Done(ticket, deed, proven)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn one_open_ticket_for_a_case_and_nothing_hidden_for_ever(
        history in prop::collection::vec((0..2_000_i64, step()), 1..60),
    ) {
        let routing = Routing::default();
        let mut book = book();
        let mut all: BTreeMap<String, Ticket> = BTreeMap::new();
        let mut lines: BTreeMap<(String, u32), CentreTime> = BTreeMap::new();
        let mut second = 0;
        for (later, step) in history {
            second += later;
            let now = CentreTime::from_millis(second * 1_000);
            let mut changes = Changes::default();
            book.tick(now, &routing, &mut changes);
            match step {
                Step::Decided(which, change) => {
                    let (kind, subject) = HAZARDS[which];
                    book.decided(&hazard(kind, subject, change, second), &owner(), None, &mut changes);
                }
                Step::Done(which, deed, proven) => {
                    let proof = |_: &Subject, _: &RuleId| {
                        if proven { Ok(()) } else { Err(NotYet::Unknown) }
                    };
                    let doing = Doing { by: "王", now, seen: None };
                    if let Some(id) = all.keys().nth(which) {
                        // What is refused changes nothing.
                        let _ = book.act(id, &deed, doing, proof, &routing, &mut changes);
                    }
                }
            }
            for (id, line) in &changes.ticket_lines {
                let key = (id.clone(), line.n);
                prop_assert_eq!(lines.insert(key, line.at), None, "a line is written once");
            }
            all.extend(changes.tickets);
            holds(&book, &all, now)?;
        }
    }
}

fn holds(
    book: &TicketBook,
    all: &BTreeMap<String, Ticket>,
    now: CentreTime,
) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for ticket in all.values().filter(|ticket| !ticket.life.state.is_over()) {
        let case = (ticket.subject.as_str(), ticket.kind.as_str());
        prop_assert_eq!(open.insert(case, &ticket.id), None, "one open ticket for a case");
        match &ticket.life.folded {
            None => {
                let deadline = ticket.life.deadline().expect("what is shown has a deadline");
                prop_assert!(now < deadline, "{} lies behind", ticket.id);
                let next = book.deadline().expect("something is due");
                prop_assert!(next <= deadline, "nobody would look");
            }
            Some(folded) => {
                let cause = all.get(&folded.into).expect("its cause is a ticket");
                prop_assert!(!cause.life.state.is_over(), "hidden by what is over");
                prop_assert!(cause.life.folded.is_none(), "hidden by what is hidden");
            }
        }
    }
    Ok(())
}
