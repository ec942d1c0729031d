//! Whose turn it is: climbing by itself, and two people who act at once.

use firegrid_rules::routing::{GridRow, Level, PersonRow, Role};
use firegrid_wire::names::GatewayId;

use super::*;
use crate::judge::events::{Done, Refused};

fn routing() -> Routing {
    let grid = |id: &str, level, parent: &str| GridRow {
        id: id.into(),
        level,
        parent: (!parent.is_empty()).then(|| parent.to_owned()),
        name: id.into(),
    };
    let person = |id: &str, grid: &str| PersonRow {
        id: id.into(),
        name: id.into(),
        role: Role::GridWorker,
        phone: String::new(),
        grid: grid.into(),
    };
    let grids = [
        grid("r", Level::Region, ""),
        grid("l", Level::Large, "r"),
        grid("m", Level::Middle, "l"),
        grid("s1", Level::Small, "m"),
        grid("s2", Level::Small, "m"),
    ];
    let people = [person("wang", "s1"), person("li", "m"), person("119", "r")];
    Routing::build(grids, [], people).expect("a county")
}

fn owner_in(grid: &str) -> Owner {
    let chain = Chain::of(&routing(), grid);
    Owner { unit: Some("mall".into()), grid: grid.into(), path: format!("r/l/m/{grid}"), chain }
}

fn at(seconds: i64) -> CentreTime {
    CentreTime::from_millis(seconds * 1_000)
}

fn book() -> (TicketBook, Changes, String) {
    let (mut book, mut changes) = (TicketBook::default(), Changes::default());
    book.decided(&serious(Raised, 10, 0), &owner_in("s1"), None, &mut changes);
    let id = changes.tickets.keys().next().expect("a ticket").clone();
    (book, changes, id)
}

const HOUR: i64 = 3_600;

#[test]
fn what_nobody_takes_climbs_by_itself_and_every_step_is_written_down() {
    let (mut book, mut changes, id) = book();
    assert_eq!(book.deadline(), Some(at(4 * HOUR)));
    let mut levels = Vec::new();
    for _ in 0..4 {
        let due = book.deadline().expect("something is due");
        book.tick(due, &routing(), &mut changes);
        let charge = changes.tickets[&id].life.charge.as_ref().expect("somebody's");
        levels.push((charge.level, charge.person.clone()));
    }
    let person = |id: &str| Some(id.to_owned());
    assert_eq!(
        levels,
        [
            (Level::Middle, person("li")),
            (Level::Region, person("119")),
            (Level::Region, person("119")),
            (Level::Region, person("119"))
        ]
    );
    let what: Vec<&str> = changes.ticket_lines.iter().map(|(_, line)| line.what.as_str()).collect();
    assert_eq!(what, ["opened", "escalated", "escalated", "look-again", "look-again"]);
    let (_, line) = &changes.ticket_lines[2];
    assert_eq!(line.body["passed"], serde_json::json!(["l"]), "nobody is entered for it");
    assert_eq!(line.body["listed"], true);
}

#[test]
fn a_grid_without_a_person_is_passed_over_at_once() {
    let (mut book, mut changes) = (TicketBook::default(), Changes::default());
    book.decided(&serious(Raised, 10, 0), &owner_in("s2"), None, &mut changes);
    let ticket = changes.tickets.values().next().expect("a ticket");
    let charge = ticket.life.charge.as_ref().expect("somebody's");
    assert_eq!((charge.grid.as_str(), charge.person.as_deref()), ("m", Some("li")));
    assert_eq!(changes.ticket_lines[1].1.what, "passed-over");
}

#[test]
fn whoever_acts_on_an_older_line_is_told_who_was_first() {
    let (mut book, mut changes, id) = book();
    let seen = Some(changes.tickets[&id].version);
    let mut act = |by: &'static str, deed: &TicketDeed, seen| {
        let doing = Doing { by, now: at(60), seen };
        book.act(&id, deed, doing, |_, _| Ok(()), &routing(), &mut changes)
    };
    assert!(matches!(act("王", &TicketDeed::Accept, seen), Ok(Done::Ticket(_))));
    let back = TicketDeed::Return { reason: "not mine".into() };
    let Err(Refused::NotLatest(last)) = act("李", &back, seen) else { panic!("王 was first") };
    assert_eq!((last.who.as_deref(), last.what.as_str()), (Some("王"), "accepted"));
    assert!(act("李", &back, Some(last.n)).is_ok());
}

#[test]
fn tickets_move_with_their_unit() {
    let (mut book, _, id) = book();
    let mut changes = Changes::default();
    book.moved(|_: &GatewayId| owner_in("s2"), at(60), &mut changes);
    let ticket = &changes.tickets[&id];
    assert_eq!((ticket.grid.as_str(), ticket.grid_path.as_str()), ("s2", "r/l/m/s2"));
    assert_eq!(ticket.life.charge.as_ref().expect("somebody's").grid, "m");
    assert_eq!(changes.ticket_lines[0].1.what, "moved");
    let mut again = Changes::default();
    book.moved(|_: &GatewayId| owner_in("s2"), at(70), &mut again);
    assert!(again.tickets.is_empty());
}

#[test]
fn no_ticket_stays_with_a_person_who_has_left() {
    let (mut book, _, id) = book();
    let without_wang = |_: &GatewayId| {
        let rest = routing().people().filter(|person| person.id != "wang").cloned().collect();
        let rest: Vec<PersonRow> = rest;
        let grids: Vec<GridRow> = routing().grids().cloned().collect();
        let routing = Routing::build(grids, [], rest).expect("a county");
        Owner { chain: Chain::of(&routing, "s1"), ..owner_in("s1") }
    };
    let mut changes = Changes::default();
    book.moved(without_wang, at(60), &mut changes);
    let charge = changes.tickets[&id].life.charge.clone().expect("somebody's");
    assert_eq!((charge.grid.as_str(), charge.person.as_deref()), ("m", Some("li")));
    assert_eq!(charge.until, at(4 * HOUR), "the deadline stays");
}

fn fire(point: &str, change: Change, now: i64) -> Decision {
    let subject = Subject::Point(FullPointId::parse(point).expect("a point"));
    let effect = Effect::Alarm;
    let kind = "fire".to_owned();
    Decision { subject, effect, kind, ..decision("fire", Severity::Major, change, 10, now) }
}

#[test]
fn fires_of_one_unit_are_one_incident_and_a_new_zone_sounds_again() {
    let (mut book, mut changes) = (AlarmBook::default(), Changes::default());
    let mut raise = |book: &mut AlarmBook, point: &str, zone: &str, now| {
        let owner = owner_in("s1");
        book.decided(&fire(point, Raised, now), &owner, Some(zone), &mut changes);
        let alarm = book.open().find(|alarm| alarm.raised == at(now)).expect("an alarm");
        let place = alarm.body.incident.clone().expect("a fire is an incident");
        (alarm.id.clone(), place.incident, place.place, alarm.sounds())
    };
    let (first, incident, place, sounds) = raise(&mut book, "mall-01/facp1/L1D001", "3F", 1);
    assert_eq!((&incident, place, sounds), (&first, 1, true));
    let mut to = Changes::default();
    book.take_incident(&incident, seat(at(2)), &mut to).expect("taken");
    let (_, same, place, sounds) = raise(&mut book, "mall-01/facp1/L1D002", "3F", 3);
    assert_eq!((&same, place, sounds), (&first, 2, false), "counted");
    let (_, same, place, sounds) = raise(&mut book, "mall-01/facp1/L1D050", "4F", 4);
    assert_eq!((&same, place, sounds), (&first, 3, true), "a new zone");
    let Ok(Done::Incident(taken)) = book.take_incident(&incident, seat(at(5)), &mut to) else {
        panic!("all that nobody has taken are taken")
    };
    assert_eq!(taken.len(), 2);
    assert!(matches!(
        book.take_incident(&incident, seat(at(6)), &mut to),
        Err(Refused::AlreadySo { .. })
    ));
}
