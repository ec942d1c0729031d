//! Incidents 事件: many detectors of one fire are one incident.
//!
//! - The first alarm 首警 opens it; later fires of the same unit are counted while it goes on.
//! - Every new zone sounds again. A further detector of a zone whose fire lasts and somebody has
//!   taken is shown and counted, and does not sound; one whose zone nobody knows always sounds.
//! - It goes on while any of its alarms lasts, and [`GOES_ON`] after the last of them returned.
//!
//! Pure: the book of alarms keeps it.

use firegrid_wire::time::{CentreTime, Millis};

use crate::alarm::State;

/// How long after its last alarm returned a further fire of the unit still belongs to it.
pub const GOES_ON: Millis = Millis::seconds(30 * 60);

/// An alarm's place in its incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The incident: the id of its first alarm.
    pub incident: String,
    /// 1 for the first alarm 首警, then counted.
    pub place: u32,
    /// Whether it is the first of its zone.
    pub new_zone: bool,
}

/// An alarm of the unit that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other<'a> {
    /// Its place.
    pub place: &'a Place,
    /// Its zone, where that is known.
    pub zone: Option<&'a str>,
    /// Where it stands.
    pub state: State,
    /// When it returned.
    pub returned: Option<CentreTime>,
}

/// What a new alarm is among those of its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its place.
    pub place: Place,
    /// Whether it sounds.
    pub sounds: bool,
}

/// The place of a fire that is raised now as alarm `id`.
pub fn join<'a>(
    id: &str,
    zone: Option<&str>,
    now: CentreTime,
    others: impl Iterator<Item = Other<'a>> + Clone,
) -> Joined {
    let goes_on = |other: &Other<'_>| match other.state {
        State::ActiveUnacked | State::ActiveAcked => true,
        State::ReturnedUnacked | State::ReturnedAcked => {
            other.returned.is_some_and(|at| now.since(at) <= GOES_ON)
        }
        State::Closed => false,
    };
    let running = others.clone().find(goes_on);
    let Some(running) = running.map(|other| other.place.incident.clone()) else {
        let place = Place { incident: id.to_owned(), place: 1, new_zone: true };
        return Joined { place, sounds: true };
    };
    let members = others.filter(|other| other.place.incident == running);
    let count = members.clone().map(|other| other.place.place).max().unwrap_or(0);
    let mut same_zone = members.filter(|other| zone.is_some() && other.zone == zone).peekable();
    let new_zone = same_zone.peek().is_none();
    // Somebody has taken what burns there now; of what is over nobody knows that it began again.
    let taken = same_zone.any(|other| other.state == State::ActiveAcked);
    let place = Place { incident: running, place: count.saturating_add(1), new_zone };
    Joined { place, sounds: new_zone || !taken }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> CentreTime {
        CentreTime::from_millis(0).plus(Millis::seconds(60 * minutes))
    }

    fn place(place: u32) -> Place {
        Place { incident: "first".into(), place, new_zone: true }
    }

    #[track_caller]
    fn check(
        zone: Option<&str>,
        now: u64,
        others: &[(u32, Option<&str>, State, Option<u64>)],
        expected: (&str, u32, bool, bool),
    ) {
        let places: Vec<Place> = others.iter().map(|other| place(other.0)).collect();
        let others = others.iter().zip(&places).map(|((_, zone, state, returned), place)| Other {
            place,
            zone: *zone,
            state: *state,
            returned: returned.map(at),
        });
        let joined = join("new", zone, at(now), others);
        let Place { incident, place, new_zone } = joined.place;
        assert_eq!((incident.as_str(), place, new_zone, joined.sounds), expected);
    }

    const BURNS: State = State::ActiveUnacked;
    const TAKEN: State = State::ActiveAcked;

    #[test]
    fn the_first_fire_opens_an_incident() {
        check(Some("3F"), 0, &[], ("new", 1, true, true));
        check(
            Some("3F"),
            40,
            &[(1, Some("3F"), State::ReturnedAcked, Some(5))],
            ("new", 1, true, true),
        );
    }

    #[test]
    fn a_fire_of_a_new_zone_sounds_again() {
        check(Some("4F"), 1, &[(1, Some("3F"), TAKEN, None)], ("first", 2, true, true));
    }

    #[test]
    fn a_further_detector_of_a_zone_that_somebody_has_taken_only_counts() {
        let others = [(1, Some("3F"), TAKEN, None), (2, Some("3F"), BURNS, None)];
        check(Some("3F"), 1, &others, ("first", 3, false, false));
        check(Some("3F"), 1, &others[1..], ("first", 3, false, true));
    }

    #[test]
    fn what_burns_again_in_a_zone_whose_fire_was_over_sounds() {
        let over = [(1, Some("3F"), State::ReturnedAcked, Some(5))];
        check(Some("3F"), 10, &over, ("first", 2, false, true));
    }

    #[test]
    fn what_has_no_zone_always_sounds() {
        check(None, 1, &[(1, None, TAKEN, None)], ("first", 2, true, true));
    }

    #[test]
    fn an_incident_goes_on_for_a_while_after_its_last_alarm_returned() {
        let returned = [(1, Some("3F"), State::ReturnedAcked, Some(5))];
        check(Some("4F"), 35, &returned, ("first", 2, true, true));
        check(Some("4F"), 36, &returned, ("new", 1, true, true));
    }
}
