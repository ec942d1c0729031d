//! Routing: which grid 网格 owns a unit 联网单位, who stands above it, and who is entered for each.
//!
//! The tree has four levels: region › large 大网格 › middle 中网格 › small 小网格. Every unit
//! lies in exactly one small grid; every person is entered for one grid of any level. All
//! mistakes in the rows are told at once; a tree that was built has none. Reads no file: rows
//! come from whoever did.

use std::collections::{BTreeMap, HashMap};

use crate::word::worded;

worded! {
    /// The level of a grid, the highest first.
    Level {
        /// The root: a county.
        Region = "region", "区域";
        /// A township or street.
        Large = "large", "大网格";
        /// A village or community.
        Middle = "middle", "中网格";
        /// A building, a compound, a residents' group.
        Small = "small", "小网格";
    }
}

worded! {
    /// What a person is there for.
    Role {
        /// Watches the live wall 值班员.
        Operator = "operator", "值班员";
        /// Sees hazards of a small grid mended 网格员.
        GridWorker = "grid-worker", "网格员";
        /// Answers for a grid and those below it 网格长.
        GridHead = "grid-head", "网格长";
        /// Answers for a unit 消防安全管理人.
        UnitManager = "unit-manager", "单位消防安全管理人";
        /// Supervises the region 消防大队.
        Brigade = "brigade", "消防大队";
        /// Keeps the registry.
        Administrator = "administrator", "系统管理员";
    }
}

impl Role {
    /// Whether tickets can be given to somebody in this role.
    pub const fn holds_tickets(self) -> bool {
        match self {
            Role::GridWorker | Role::GridHead | Role::Brigade => true,
            Role::Operator | Role::UnitManager | Role::Administrator => false,
        }
    }
}

/// A grid as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridRow {
    /// Its id.
    pub id: String,
    /// Its level.
    pub level: Level,
    /// The id of the grid above it; none for the region.
    pub parent: Option<String>,
    /// What people call it.
    pub name: String,
}

/// A unit as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRow {
    /// Its id.
    pub id: String,
    /// The id of the small grid it lies in.
    pub grid: String,
}

/// A person as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The id.
    pub id: String,
    /// What people call the person.
    pub name: String,
    /// What the person is there for.
    pub role: Role,
    /// Where to call.
    pub phone: String,
    /// The id of the grid that the person is entered for.
    pub grid: String,
}

/// A mistake in the rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoutingMistake {
    /// Two grids have one id.
    #[error("grid {id:?} is written twice")]
    GridTwice {
        /// The id.
        id: String,
    },
    /// Two units have one id.
    #[error("unit {id:?} is written twice")]
    UnitTwice {
        /// The id.
        id: String,
    },
    /// There is no such grid above.
    #[error("grid {id:?} lies in {parent:?}, which there is not")]
    UnknownParent {
        /// The grid.
        id: String,
        /// What it names.
        parent: String,
    },
    /// The grid above is not of the level above.
    #[error("{level} grid {id:?} lies in {parent:?}, which is no {wanted} grid")]
    WrongLevel {
        /// The grid.
        id: String,
        /// Its level.
        level: Level,
        /// What it names.
        parent: String,
        /// What that must be.
        wanted: Level,
    },
    /// Only a region has nothing above it.
    #[error("{level} grid {id:?} names no parent")]
    NoParent {
        /// The grid.
        id: String,
        /// Its level.
        level: Level,
    },
    /// A region has nothing above it.
    #[error("region {id:?} names the parent {parent:?}; a region is the root")]
    RegionWithParent {
        /// The grid.
        id: String,
        /// What it names.
        parent: String,
    },
    /// Following the parents never ends.
    #[error("grid {id:?} lies, at last, in itself")]
    Cycle {
        /// The grid.
        id: String,
    },
    /// A unit must lie in a grid that there is.
    #[error("unit {id:?} lies in {grid:?}, which there is not")]
    UnknownGrid {
        /// The unit.
        id: String,
        /// What it names.
        grid: String,
    },
    /// Two people have one id.
    #[error("person {id:?} is written twice")]
    PersonTwice {
        /// The id.
        id: String,
    },
    /// A person must be entered for a grid that there is.
    #[error("person {id:?} is entered for {grid:?}, which there is not")]
    UnknownPersonsGrid {
        /// The person.
        id: String,
        /// What it names.
        grid: String,
    },
    /// A unit must lie in a small grid.
    #[error("unit {id:?} lies in {grid:?}, which is a {level} grid, not a small one")]
    NotSmall {
        /// The unit.
        id: String,
        /// What it names.
        grid: String,
        /// What that is.
        level: Level,
    },
}

/// The grid tree, where every unit lies in it, and who is entered for what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    grids: BTreeMap<String, GridRow>,
    units: HashMap<String, String>,
    people: BTreeMap<String, PersonRow>,
    /// The people of a grid who can be given tickets, by their ids.
    holders: HashMap<String, Vec<String>>,
}

impl Routing {
    /// Puts the rows together, or tells every mistake in them.
    pub fn build(
        grids: impl IntoIterator<Item = GridRow>,
        units: impl IntoIterator<Item = UnitRow>,
        people: impl IntoIterator<Item = PersonRow>,
    ) -> Result<Routing, Vec<RoutingMistake>> {
        let mut mistakes = Vec::new();
        let mut routing = Routing::default();
        for grid in grids {
            if routing.grids.contains_key(&grid.id) {
                mistakes.push(RoutingMistake::GridTwice { id: grid.id });
            } else {
                routing.grids.insert(grid.id.clone(), grid);
            }
        }
        for grid in routing.grids.values() {
            mistakes.extend(routing.check_parent(grid));
            if routing.returns_to(grid) {
                mistakes.push(RoutingMistake::Cycle { id: grid.id.clone() });
            }
        }
        for UnitRow { id, grid } in units {
            match routing.grids.get(&grid).map(|grid| grid.level) {
                None => mistakes
                    .push(RoutingMistake::UnknownGrid { id: id.clone(), grid: grid.clone() }),
                Some(level @ (Level::Region | Level::Large | Level::Middle)) => mistakes
                    .push(RoutingMistake::NotSmall { id: id.clone(), grid: grid.clone(), level }),
                Some(Level::Small) => {}
            }
            if routing.units.insert(id.clone(), grid).is_some() {
                mistakes.push(RoutingMistake::UnitTwice { id });
            }
        }
        for person in people {
            let (id, grid) = (person.id.clone(), person.grid.clone());
            if !routing.grids.contains_key(&grid) {
                mistakes.push(RoutingMistake::UnknownPersonsGrid { id: id.clone(), grid });
            } else if person.role.holds_tickets() {
                routing.holders.entry(grid).or_default().push(id.clone());
            }
            if routing.people.insert(id.clone(), person).is_some() {
                mistakes.push(RoutingMistake::PersonTwice { id });
            }
        }
        routing.holders.values_mut().for_each(|ids| ids.sort());
        if mistakes.is_empty() { Ok(routing) } else { Err(mistakes) }
    }

    /// The small grid that owns a unit.
    pub fn owner(&self, unit: &str) -> Option<&GridRow> {
        self.grids.get(self.units.get(unit)?)
    }

    /// A grid and everything above it, the region first: region, large, middle, small.
    pub fn path(&self, grid: &str) -> Vec<&GridRow> {
        let mut path: Vec<&GridRow> = self.upwards(grid).take(Level::ALL.len()).collect();
        path.reverse();
        path
    }

    /// The people of a grid who can be given tickets, by their ids.
    pub fn holders(&self, grid: &str) -> impl Iterator<Item = &PersonRow> {
        let ids = self.holders.get(grid).into_iter().flatten();
        ids.filter_map(|id| self.people.get(id))
    }

    /// One person.
    pub fn person(&self, id: &str) -> Option<&PersonRow> {
        self.people.get(id)
    }

    /// All people, by their ids.
    pub fn people(&self) -> impl Iterator<Item = &PersonRow> {
        self.people.values()
    }

    /// One grid.
    pub fn grid(&self, id: &str) -> Option<&GridRow> {
        self.grids.get(id)
    }

    /// All grids, by their ids.
    pub fn grids(&self) -> impl Iterator<Item = &GridRow> {
        self.grids.values()
    }

    fn upwards<'a>(&'a self, grid: &str) -> impl Iterator<Item = &'a GridRow> {
        std::iter::successors(self.grids.get(grid), |grid| self.grids.get(grid.parent.as_ref()?))
    }

    fn check_parent(&self, grid: &GridRow) -> Option<RoutingMistake> {
        let (id, level) = (grid.id.clone(), grid.level);
        let wanted = match level {
            Level::Region => None,
            Level::Large => Some(Level::Region),
            Level::Middle => Some(Level::Large),
            Level::Small => Some(Level::Middle),
        };
        match (&grid.parent, wanted) {
            (None, None) => None,
            (None, Some(_)) => Some(RoutingMistake::NoParent { id, level }),
            (Some(parent), None) => {
                Some(RoutingMistake::RegionWithParent { id, parent: parent.clone() })
            }
            (Some(parent), Some(wanted)) => {
                let parent = parent.clone();
                match self.grids.get(&parent).map(|parent| parent.level) {
                    None => Some(RoutingMistake::UnknownParent { id, parent }),
                    Some(found) if found == wanted => None,
                    Some(_) => Some(RoutingMistake::WrongLevel { id, level, parent, wanted }),
                }
            }
        }
    }

    fn returns_to(&self, grid: &GridRow) -> bool {
        self.upwards(&grid.id).skip(1).take(self.grids.len()).any(|above| above.id == grid.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(id: &str, level: Level, parent: &str) -> GridRow {
        let parent = (!parent.is_empty()).then(|| parent.to_owned());
        GridRow { id: id.into(), level, parent, name: id.to_uppercase() }
    }

    fn county() -> Vec<GridRow> {
        vec![
            grid("r", Level::Region, ""),
            grid("l1", Level::Large, "r"),
            grid("m1", Level::Middle, "l1"),
            grid("s1", Level::Small, "m1"),
            grid("s2", Level::Small, "m1"),
        ]
    }

    fn unit(id: &str, grid: &str) -> UnitRow {
        UnitRow { id: id.into(), grid: grid.into() }
    }

    fn person(id: &str, role: Role, grid: &str) -> PersonRow {
        PersonRow { id: id.into(), name: id.into(), role, phone: String::new(), grid: grid.into() }
    }

    #[test]
    fn a_grid_knows_who_can_be_given_its_tickets() {
        let people = [
            person("wang", Role::GridWorker, "s1"),
            person("li", Role::GridWorker, "s1"),
            person("zhao", Role::UnitManager, "s1"),
        ];
        let routing = Routing::build(county(), [], people).expect("a county");
        let names: Vec<&str> = routing.holders("s1").map(|person| &*person.id).collect();
        assert_eq!(names, ["li", "wang"]);
        assert_eq!(routing.holders("s2").count(), 0);
        assert_eq!(routing.person("zhao").map(|person| person.role), Some(Role::UnitManager));
    }

    #[test]
    fn a_unit_finds_its_small_grid_and_everything_above() {
        let routing = Routing::build(county(), [unit("mall", "s2")], []).expect("a county");
        let owner = routing.owner("mall").expect("an owner");
        assert_eq!(owner.id, "s2");
        let path: Vec<&str> = routing.path(&owner.id).iter().map(|grid| &*grid.id).collect();
        assert_eq!(path, ["r", "l1", "m1", "s2"]);
        assert_eq!(routing.owner("school"), None);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut grids = county();
        grids.extend([
            grid("s1", Level::Small, "m1"),
            grid("m2", Level::Middle, "nowhere"),
            grid("s3", Level::Small, "l1"),
            grid("l2", Level::Large, ""),
            grid("r2", Level::Region, "r"),
        ]);
        let units = [unit("mall", "nowhere"), unit("school", "m1"), unit("school", "s1")];
        let people = [person("p1", Role::GridWorker, "s1"), person("p1", Role::GridHead, "s9")];
        let mistakes = Routing::build(grids, units, people).expect_err("mistakes");
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "grid \"s1\" is written twice",
                "large grid \"l2\" names no parent",
                "grid \"m2\" lies in \"nowhere\", which there is not",
                "region \"r2\" names the parent \"r\"; a region is the root",
                "small grid \"s3\" lies in \"l1\", which is no middle grid",
                "unit \"mall\" lies in \"nowhere\", which there is not",
                "unit \"school\" lies in \"m1\", which is a middle grid, not a small one",
                "unit \"school\" is written twice",
                "person \"p1\" is entered for \"s9\", which there is not",
                "person \"p1\" is written twice",
            ]
        );
    }

    #[test]
    fn a_ring_of_grids_is_noticed() {
        let grids = [grid("m1", Level::Middle, "m2"), grid("m2", Level::Middle, "m1")];
        let mistakes = Routing::build(grids, [], []).expect_err("mistakes");
        let rings = mistakes
            .iter()
            .filter(|mistake| matches!(mistake, RoutingMistake::Cycle { .. }))
            .count();
        assert_eq!(rings, 2);
    }

    #[test]
    fn a_county_of_more_than_a_thousand_grids_is_put_together() {
        let mut grids = vec![grid("r", Level::Region, "")];
        for large in 0..15 {
            grids.push(grid(&format!("l{large}"), Level::Large, "r"));
            for middle in 0..9 {
                let id = format!("l{large}m{middle}");
                grids.push(grid(&id, Level::Middle, &format!("l{large}")));
                grids.extend((0..8).map(|small| grid(&format!("{id}s{small}"), Level::Small, &id)));
            }
        }
        assert!(Routing::build(grids, [unit("mall", "l14m8s7")], []).is_ok());
    }
}
