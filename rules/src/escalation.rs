//! Escalation: whose turn it is, until when, and who comes next.
//!
//! ```text
//!   small 小网格 ─► middle 中网格 ─► large 大网格 ─► region (brigade 消防大队: listed 挂牌督办)
//! ```
//!
//! - A ticket is always somebody's: the lowest grid on its way up for which a person is entered.
//!   A grid without one is passed over at once, and that is told; the region is never passed over.
//! - When its deadline passes it climbs to the next such grid, once for one deadline, and has a
//!   new deadline there. At the region it is listed for supervision and looked at again and again.
//! - A deadline that begins lies always ahead: a centre that slept does not climb three levels
//!   in one moment, because those who were passed would never have had their time.
//!
//! Pure: what a deadline is about stands in [`crate::ticket`].

use firegrid_wire::time::CentreTime;

use crate::routing::{Level, Routing};

/// The grids from the owning one up to the region, with the people of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    first: Stand,
    above: Vec<Stand>,
}

/// One grid of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The grid.
    pub grid: String,
    /// Its level.
    pub level: Level,
    /// Who can be given tickets there, by their ids.
    pub people: Vec<String>,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Charge {
    /// The grid that must act.
    pub grid: String,
    /// Its level.
    pub level: Level,
    /// The person; none if nobody is entered for any grid up to the region.
    pub person: Option<String>,
    /// Since when.
    pub since: CentreTime,
    /// By when something must have happened; then it climbs, or is looked at again.
    pub until: CentreTime,
    /// Since when it is listed for supervision 挂牌督办.
    pub listed: Option<CentreTime>,
}

/// Where a ticket goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The grid.
    pub grid: String,
    /// Its level.
    pub level: Level,
    /// The person; none only at the region.
    pub person: Option<String>,
    /// Grids on the way for which nobody is entered: passed over.
    pub passed: Vec<String>,
}

/// What comes of a deadline that has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overdue {
    /// The next level is asked; the last one lists it for supervision.
    Climbs {
        /// Which.
        to: Turn,
        /// Whether it is listed now 挂牌督办.
        listed: bool,
    },
    /// It waited at the region already, and is listed now.
    Listed,
    /// There is nobody above, or calm is proven: somebody must look again.
    LookAgain,
}

impl Chain {
    /// The chain of what a grid owns. A grid that is not known here leaves only the region.
    pub fn of(routing: &Routing, grid: &str) -> Chain {
        let mut stands = routing.path(grid).into_iter().rev().map(|grid| Stand {
            grid: grid.id.clone(),
            level: grid.level,
            people: routing.holders(&grid.id).map(|person| person.id.clone()).collect(),
        });
        let region = || {
            let region = routing.grids().find(|grid| grid.level == Level::Region);
            let id = region.map_or_else(|| grid.to_owned(), |region| region.id.clone());
            let people = routing.holders(&id).map(|person| person.id.clone()).collect();
            Stand { grid: id, level: Level::Region, people }
        };
        let first = stands.next().unwrap_or_else(region);
        Chain { first, above: stands.collect() }
    }

    /// The grid that must act first.
    pub fn first(&self) -> Turn {
        self.from(0)
    }

    /// The grid that must act after one of this level; none behind the region.
    pub fn after(&self, level: Level) -> Option<Turn> {
        let next = self.stands().position(|stand| stand.level < level)?;
        Some(self.from(next))
    }

    /// The grid of this level, or the next one above it that has somebody.
    pub fn from_level(&self, level: Level) -> Turn {
        self.from(self.stands().position(|stand| stand.level <= level).unwrap_or(0))
    }

    /// Where a person of the chain stands.
    pub fn place_of(&self, person: &str) -> Option<&Stand> {
        self.stands().find(|stand| stand.people.iter().any(|id| id == person))
    }

    fn stands(&self) -> impl Iterator<Item = &Stand> {
        std::iter::once(&self.first).chain(&self.above)
    }

    fn from(&self, place: usize) -> Turn {
        let mut passed = Vec::new();
        let mut last = &self.first;
        for stand in self.stands().skip(place) {
            last = stand;
            if !stand.people.is_empty() {
                break;
            }
            passed.push(stand.grid.clone());
        }
        if last.people.is_empty() {
            // The last of them stays in charge though nobody is entered for it either.
            passed.pop();
        }
        Turn {
            grid: last.grid.clone(),
            level: last.level,
            person: last.people.first().cloned(),
            passed,
        }
    }
}

impl Turn {
    /// Its charge from now on, until a moment.
    pub fn charge(&self, now: CentreTime, until: CentreTime) -> Charge {
        Charge {
            grid: self.grid.clone(),
            level: self.level,
            person: self.person.clone(),
            since: now,
            until,
            listed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{GridRow, PersonRow, Role};

    fn chain(people: &[(&str, &str)]) -> Chain {
        let grid = |id: &str, level, parent: &str| GridRow {
            id: id.into(),
            level,
            parent: (!parent.is_empty()).then(|| parent.to_owned()),
            name: id.into(),
        };
        let grids = [
            grid("r", Level::Region, ""),
            grid("l", Level::Large, "r"),
            grid("m", Level::Middle, "l"),
            grid("s", Level::Small, "m"),
        ];
        let people = people.iter().map(|(id, grid)| PersonRow {
            id: (*id).into(),
            name: (*id).into(),
            role: Role::GridHead,
            phone: String::new(),
            grid: (*grid).into(),
        });
        Chain::of(&Routing::build(grids, [], people).expect("a county"), "s")
    }

    #[track_caller]
    fn check(turn: Option<Turn>, grid: &str, person: Option<&str>, passed: &[&str]) {
        let turn = turn.expect("a turn");
        assert_eq!((turn.grid.as_str(), turn.person.as_deref()), (grid, person));
        assert_eq!(turn.passed, passed);
    }

    #[test]
    fn the_lowest_grid_with_a_person_is_in_charge() {
        check(Some(chain(&[("wang", "s")]).first()), "s", Some("wang"), &[]);
        check(Some(chain(&[("li", "l")]).first()), "l", Some("li"), &["s", "m"]);
    }

    #[test]
    fn the_region_is_never_passed_over() {
        check(Some(chain(&[]).first()), "r", None, &["s", "m", "l"]);
        check(chain(&[("wang", "s")]).after(Level::Small), "r", None, &["m", "l"]);
        assert_eq!(chain(&[]).after(Level::Region), None);
    }

    #[test]
    fn the_next_level_with_a_person_comes_next() {
        let people = [("wang", "s"), ("zhao", "l"), ("119", "r")];
        check(chain(&people).after(Level::Small), "l", Some("zhao"), &["m"]);
        check(chain(&people).after(Level::Large), "r", Some("119"), &[]);
    }

    #[test]
    fn what_no_grid_owns_is_the_regions() {
        let routing = Routing::default();
        check(Some(Chain::of(&routing, "nowhere").first()), "nowhere", None, &[]);
    }
}
