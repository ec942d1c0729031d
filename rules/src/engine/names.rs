//! Where the points of a lane stand, by name.
//!
//! A lane is told of its points by name, thousands of times a second and in any order, so what a
//! look-up costs is what it waits for memory. A table of eight bytes a slot is searched for all
//! names of a batch together: what one of them waits for, the others wait for at the same time.
//! A name is always compared whole; a number that stands for it proves nothing.

use std::hash::{BuildHasher, Hasher, RandomState};

use firegrid_wire::names::PointId;

/// No place.
pub(super) const NOWHERE: u32 = u32::MAX;

/// A slot that holds nothing.
const FREE: Slot = Slot { tag: 0, place: NOWHERE };

/// The names of a lane's points and their places.
#[derive(Debug)]
pub(super) struct Names {
    /// Never known to a box, so that none can choose names that stand in each other's way.
    seed: u64,
    /// A power of two of slots, at most three quarters of them taken.
    slots: Vec<Slot>,
    taken: usize,
    /// The names by place; none: the place is free.
    by_place: Vec<Option<Name>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    place: u32,
}

impl Names {
    pub(super) fn new() -> Names {
        let seed = RandomState::new().build_hasher().finish();
        Names { seed, slots: Vec::new(), taken: 0, by_place: Vec::new() }
    }

    /// The place of a point.
    pub(super) fn find(&self, id: &PointId) -> Option<u32> {
        let place = self.candidate(self.hash(id.as_str().as_bytes()));
        if self.is_at(id, place) {
            return Some(place);
        }
        self.search(id)
    }

    /// The places of many points, in their order; [`NOWHERE`] for one that has none. Each step is
    /// done for all of them before the next begins: a processor that waits for one piece of
    /// memory fetches the others meanwhile. `fetch` reads the row of a place beforehand.
    pub(super) fn find_all<'a>(
        &self,
        ids: impl Iterator<Item = &'a PointId> + Clone,
        found: &mut Vec<u32>,
        fetch: impl Fn(u32) -> u64,
    ) {
        found.clear();
        found.extend(ids.clone().map(|id| self.hash(id.as_str().as_bytes())));
        if self.slots.is_empty() {
            found.fill(NOWHERE);
            return;
        }
        let mut fetched = 0;
        for tag in found.iter() {
            fetched ^= u64::from(self.slots[self.begin(*tag)].tag);
        }
        for found in found.iter_mut() {
            *found = self.candidate(*found);
            if let Some(Some(name)) = self.by_place.get(*found as usize) {
                fetched ^= name.fetch() ^ fetch(*found);
            }
        }
        for (id, found) in ids.zip(found) {
            if !self.is_at(id, *found) {
                *found = self.search(id).unwrap_or(NOWHERE);
            }
        }
        std::hint::black_box(fetched);
    }

    /// The name of the point at a place.
    pub(super) fn name(&self, place: u32) -> Option<PointId> {
        self.by_place.get(place as usize)?.as_ref()?.id()
    }

    /// All places, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.by_place).filter_map(|(place, name)| name.as_ref().map(|_| place))
    }

    /// Makes room for so many more, so that none is copied twice.
    pub(super) fn reserve(&mut self, more: usize) {
        self.by_place.reserve_exact(more);
        let wanted = (self.taken + more) * 4 / 3 + 1;
        if self.slots.len() < wanted {
            self.grow(wanted.next_power_of_two());
        }
    }

    /// Gives a point that has none a place.
    pub(super) fn insert(&mut self, id: &PointId, place: u32) {
        if self.slots.len() * 3 <= (self.taken + 1) * 4 {
            self.grow((self.slots.len() * 2).max(8));
        }
        let tag = self.hash(id.as_str().as_bytes());
        self.put(tag, place);
        self.taken += 1;
        while self.by_place.len() <= place as usize {
            self.by_place.push(None);
        }
        self.by_place[place as usize] = Some(Name::of(id.as_str()));
    }

    /// The point has no place any more.
    pub(super) fn remove(&mut self, place: u32) -> Option<PointId> {
        let id = self.name(place)?;
        self.by_place[place as usize] = None;
        let mask = self.slots.len() - 1;
        let mut hole = self.begin(self.hash(id.as_str().as_bytes()));
        while self.slots[hole].place != place {
            hole = (hole + 1) & mask;
        }
        self.taken -= 1;
        // What stands behind it and began before it moves up, so that no search ends too early.
        let mut next = (hole + 1) & mask;
        while self.slots[next].place != NOWHERE {
            let begin = self.begin(self.slots[next].tag);
            if (next.wrapping_sub(begin) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[hole] = FREE;
        Some(id)
    }

    fn is_at(&self, id: &PointId, place: u32) -> bool {
        let name = self.by_place.get(place as usize).and_then(Option::as_ref);
        name.is_some_and(|name| name.as_bytes() == id.as_str().as_bytes())
    }

    /// The first place whose tag is the same: nearly always the right one.
    fn candidate(&self, tag: u32) -> u32 {
        if self.slots.is_empty() {
            return NOWHERE;
        }
        let mask = self.slots.len() - 1;
        let mut at = self.begin(tag);
        while self.slots[at].place != NOWHERE && self.slots[at].tag != tag {
            at = (at + 1) & mask;
        }
        self.slots[at].place
    }

    fn search(&self, id: &PointId) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let (mask, tag) = (self.slots.len() - 1, self.hash(id.as_str().as_bytes()));
        let mut at = self.begin(tag);
        while self.slots[at].place != NOWHERE {
            let slot = self.slots[at];
            if slot.tag == tag && self.is_at(id, slot.place) {
                return Some(slot.place);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn put(&mut self, tag: u32, place: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.begin(tag);
        while self.slots[at].place != NOWHERE {
            at = (at + 1) & mask;
        }
        self.slots[at] = Slot { tag, place };
    }

    fn grow(&mut self, slots: usize) {
        self.slots = vec![FREE; slots];
        for place in 0..self.by_place.len() {
            if let Some(name) = &self.by_place[place] {
                let tag = self.hash(name.as_bytes());
                self.put(tag, place as u32);
            }
        }
    }

    fn begin(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    /// Folds eight bytes at a time with a multiplication; the seed makes it nobody's to foresee.
    fn hash(&self, name: &[u8]) -> u32 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |one: u64, other: u64| {
            let wide = u128::from(one) * u128::from(other);
            (wide as u64) ^ (wide >> 64) as u64
        };
        let (chunks, rest) = name.as_chunks::<8>();
        let mut hash = self.seed ^ name.len() as u64;
        for chunk in chunks {
            hash = fold(hash ^ u64::from_le_bytes(*chunk), ODD);
        }
        let rest = rest.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let hash = fold(hash ^ rest, ODD ^ self.seed.rotate_left(32));
        (hash ^ hash >> 32) as u32
    }
}

/// A name as it is kept: beside the others, if it is as short as names are.
#[derive(Debug)]
enum Name {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

/// As long as a name may be to take no more room than the pointer to a long one.
const SHORT: usize = 22;

impl Name {
    fn of(name: &str) -> Name {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..name.len()) {
            Some(room) => {
                room.copy_from_slice(name.as_bytes());
                Name::Short { length: name.len() as u8, bytes }
            }
            None => Name::Long(name.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Name::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Name::Long(name) => name.as_bytes(),
        }
    }

    fn id(&self) -> Option<PointId> {
        PointId::parse(std::str::from_utf8(self.as_bytes()).ok()?).ok()
    }

    /// Reads a byte of it, so that the rest is near when it is compared.
    fn fetch(&self) -> u64 {
        self.as_bytes().last().copied().map_or(0, u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(which: u32) -> PointId {
        let long = if which.is_multiple_of(7) { "a-name-longer-than-most-are-" } else { "" };
        PointId::parse(&format!("d/{long}{which}")).expect("a point")
    }

    #[test]
    fn every_name_is_found_at_its_place_whatever_came_and_went() {
        let mut names = Names::new();
        let mut free = Vec::new();
        for round in 0..20_u32 {
            for which in 0..500 {
                if names.find(&id(which)).is_none() {
                    let place = free.pop().unwrap_or_else(|| names.places().count() as u32);
                    names.insert(&id(which), place);
                }
            }
            for which in (0..500).filter(|which| (which + round) % 3 == 0) {
                let place = names.find(&id(which)).expect("its place");
                assert_eq!(names.remove(place), Some(id(which)));
                free.push(place);
            }
            let ids: Vec<PointId> = (0..600).map(id).collect();
            let mut found = Vec::new();
            names.find_all(ids.iter(), &mut found, |_| 0);
            for (which, found) in (0..600).zip(found) {
                let is_there = which < 500 && (which + round) % 3 != 0;
                assert_eq!(found != NOWHERE, is_there, "{which} in round {round}");
                assert_eq!(found, names.find(&id(which)).unwrap_or(NOWHERE));
                assert_eq!(names.name(found), Some(id(which)).filter(|_| is_there));
            }
        }
    }

    #[test]
    fn an_empty_lane_has_no_names() {
        let (mut names, mut found) = (Names::new(), Vec::new());
        assert_eq!(names.find(&id(1)), None);
        names.find_all([id(1)].iter(), &mut found, |_| 0);
        assert_eq!(found, [NOWHERE]);
        assert_eq!(names.remove(0), None);
    }
}
