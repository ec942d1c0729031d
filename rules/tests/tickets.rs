//! What holds for every ticket, whatever happens to it in whatever order: laws over random lives.

use firegrid_rules::decision::At;
use firegrid_rules::engine::NotYet;
use firegrid_rules::escalation::{Chain, Overdue};
use firegrid_rules::lifecycle::{Actor, Deed};
use firegrid_rules::routing::{GridRow, Level, PersonRow, Role, Routing};
use firegrid_rules::rulebook::Severity;
use firegrid_rules::ticket::{Event, Exception, Setting, State, Ticket};
use firegrid_wire::time::{CentreTime, Millis};
use proptest::prelude::*;

/// From the owning grid up to the region.
const GRIDS: [(&str, Level, Option<&str>); 4] = [
    ("s", Level::Small, Some("m")),
    ("m", Level::Middle, Some("l")),
    ("l", Level::Large, Some("r")),
    ("r", Level::Region, None),
];

const HOLDS: NotYet = NotYet::Holds { since: At::Centre(CentreTime::from_millis(0)) };

/// A county whose grids have so many people each.
fn chain(people: [usize; 4]) -> Chain {
    let grids = GRIDS.map(|(id, level, parent)| GridRow {
        id: id.into(),
        level,
        parent: parent.map(str::to_owned),
        name: id.into(),
    });
    let people = GRIDS.iter().zip(people).flat_map(|((grid, ..), count)| {
        (0..count).map(move |number| PersonRow {
            id: person(grid, number),
            name: String::new(),
            role: Role::GridHead,
            phone: String::new(),
            grid: (*grid).into(),
        })
    });
    Chain::of(&Routing::build(grids, [], people).expect("a county"), "s")
}

fn person(grid: &str, number: usize) -> String {
    format!("{grid}-{number}")
}

fn event() -> impl Strategy<Value = Event> {
    let proof = prop_oneof![Just(Ok(())), Just(Err(HOLDS))];
    let exception = Exception { reason: "removed".into(), second: "another".into() };
    let to = prop_oneof![
        Just(None),
        (0..5_usize, 0..3_usize).prop_map(|(grid, number)| {
            Some(person(GRIDS.get(grid).map_or("elsewhere", |grid| grid.0), number))
        }),
    ];
    prop_oneof![
        3 => Just(Event::RaisedAgain),
        1 => Just(Event::Relapsed),
        1 => Just(Event::Calmed),
        3 => Just(Event::Cleared),
        1 => Just(Event::Retired),
        1 => Just(Event::Folded { into: "cause".into() }),
        2 => Just(Event::Unfolded),
        4 => Just(Event::Accept),
        3 => Just(Event::Submit),
        2 => Just(Event::Return { reason: "no".into() }),
        3 => to.prop_map(|to| Event::HandOver { to, reason: "not here".into() }),
        2 => (proof.clone(), prop::option::weighted(0.2, Just(exception)))
            .prop_map(|(proof, exception)| Event::Close { proof, exception }),
        1 => proof.prop_map(|proof| Event::Void { reason: "mistaken".into(), proof }),
    ]
}

fn at(minutes: u64) -> CentreTime {
    CentreTime::from_millis(0).plus(Millis::seconds(60 * minutes))
}

/// An open ticket is a person's who is entered for its grid, or the next level's; and something
/// must have happened by a moment that lies ahead.
fn is_somebodys(ticket: &Ticket, people: [usize; 4], now: CentreTime) -> Result<(), TestCaseError> {
    if ticket.state.is_over() {
        prop_assert_eq!(&ticket.charge, &None);
        return Ok(());
    }
    let charge = ticket.charge.as_ref().expect("an open ticket is somebody's");
    let place = GRIDS.iter().position(|(grid, ..)| *grid == charge.grid).expect("of the chain");
    match &charge.person {
        Some(person) => prop_assert_eq!(person.split('-').next(), Some(charge.grid.as_str())),
        None => prop_assert!(people[place] == 0 && charge.level == Level::Region),
    }
    match ticket.deadline() {
        Some(deadline) => prop_assert!(now < deadline, "{deadline:?} does not lie ahead"),
        None => prop_assert!(ticket.folded.is_some(), "no deadline"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn an_open_ticket_is_always_somebodys_and_ends_only_with_evidence(
        severity in prop::sample::select(Severity::ALL),
        people in prop::array::uniform4(0..3_usize),
        life in prop::collection::vec((0..3_000_u64, event()), 1..40),
    ) {
        let chain = chain(people);
        let setting = Setting { terms: severity.terms(), chain: &chain };
        let mut minutes = 0;
        let (mut ticket, _) = Ticket::opened(setting, at(0), false);
        is_somebodys(&ticket, people, at(0))?;
        for (later, event) in life {
            minutes += later;
            let now = at(minutes);
            if let Some((next, overdue)) = ticket.overdue(now, setting) {
                climbs_to_the_next(&ticket, &next, &overdue, people)?;
                prop_assert_eq!(next.overdue(now, setting), None, "one deadline, one step");
                ticket = next;
            }
            is_somebodys(&ticket, people, now)?;
            let deed = Deed { who: Actor::Person("somebody".into()), when: now };
            let Some((next, _)) = ticket.step(event.clone(), deed, setting).done() else { continue };
            is_somebodys(&next, people, now)?;
            ends_with_evidence(&ticket, &next, &event)?;
            runs_forward(&ticket, &next)?;
            ticket = next;
        }
    }
}

/// No level with a person is skipped, and nothing climbs that is proven to be calm.
fn climbs_to_the_next(
    from: &Ticket,
    to: &Ticket,
    overdue: &Overdue,
    people: [usize; 4],
) -> Result<(), TestCaseError> {
    let place = |ticket: &Ticket| {
        let grid = ticket.charge.as_ref().map(|charge| charge.grid.clone());
        GRIDS.iter().position(|(id, ..)| grid.as_deref() == Some(*id)).expect("of the chain")
    };
    let (before, after) = (place(from), place(to));
    match overdue {
        Overdue::Climbs { to: turn, listed } => {
            prop_assert!(before < after);
            let between: Vec<&str> = GRIDS[before + 1..after].iter().map(|grid| grid.0).collect();
            prop_assert_eq!(&turn.passed, &between);
            prop_assert!(people[before + 1..after].iter().all(|count| *count == 0));
            prop_assert_eq!(*listed, after == 3);
            prop_assert!(!(from.proven && from.state == State::Recheck));
        }
        Overdue::Listed | Overdue::LookAgain => prop_assert_eq!(before, after),
    }
    prop_assert_eq!(from.state, to.state);
    Ok(())
}

fn ends_with_evidence(from: &Ticket, to: &Ticket, event: &Event) -> Result<(), TestCaseError> {
    if from.state.is_over() || !to.state.is_over() {
        return Ok(());
    }
    let evidence = match event {
        Event::Close { proof, exception } => proof.is_ok() || exception.is_some(),
        Event::Void { proof, .. } => proof.is_ok(),
        Event::Cleared => from.folded.is_some() && from.accepted.is_none(),
        Event::RaisedAgain
        | Event::Relapsed
        | Event::Calmed
        | Event::Retired
        | Event::Folded { .. }
        | Event::Unfolded
        | Event::Accept
        | Event::Submit
        | Event::Return { .. }
        | Event::HandOver { .. } => false,
    };
    prop_assert!(evidence, "{event:?} ended it");
    Ok(())
}

/// What is over stays so unless it is raised again; the time to mend never shrinks by itself,
/// and what was listed for supervision stays listed until it is over.
fn runs_forward(from: &Ticket, to: &Ticket) -> Result<(), TestCaseError> {
    prop_assert!(from.due.rectify <= to.due.rectify);
    prop_assert_eq!(from.opened, to.opened);
    if let (Some(before), Some(after)) = (&from.charge, &to.charge) {
        prop_assert!(before.since <= after.since);
        prop_assert!(before.listed.is_none() || after.listed.is_some());
    }
    prop_assert!(from.recurrences <= to.recurrences);
    Ok(())
}
