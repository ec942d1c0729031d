//! Steps that count: how many of the points that share something meet a condition.
//!
//! A lane counts its own points, and what a group of them says it tells the judging over both
//! lanes as if the first of the group had said it. Every point weighs five bytes for each step
//! that counts it, and a reading that changes nothing costs one comparison.
//!
//! All that is programmed is counted. A point that says nothing (a hole, a blind device, a part
//! that is shielded or under test) neither meets the condition nor proves the contrary, so
//! blindness never clears. Nothing here is written: it follows from what the points say.

use std::collections::{BTreeMap, HashMap};

use firegrid_wire::catalogue::PointEntry;
use firegrid_wire::names::PointId;
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::GatewayTime;

use super::binding::{BoundCatalogue, BoundPoint};
use super::joined::{PartRef, Told};
use super::lane::LaneState;
use crate::beside::Share;
use crate::condition::Verdict;

/// A step that counts, bound to a catalogue.
#[derive(Debug)]
pub(super) struct BoundCount {
    pub(super) of: PartRef,
    pub(super) share: Share,
    /// The points of each group, by their places in the catalogue; the first stands for all.
    pub(super) groups: PerLane<Vec<Vec<u32>>>,
}

/// What a lane counts.
#[derive(Debug, Default)]
pub(super) struct Counting {
    counts: Vec<Count>,
}

/// One step that counts.
#[derive(Debug)]
struct Count {
    of: PartRef,
    share: Share,
    groups: Vec<Group>,
    /// Of each place of the lane, its group and what it says.
    group_of: Vec<u32>,
    says: Vec<Verdict>,
}

#[derive(Debug)]
struct Group {
    /// The point that stands for all.
    subject: PointId,
    programmed: u32,
    met: u32,
    unmet: u32,
    /// What was told of it last.
    told: Verdict,
}

/// A place in no group.
const NONE: u32 = u32::MAX;

impl BoundCount {
    pub(super) fn of(
        of: PartRef,
        share: Share,
        points: &[BoundPoint],
        entries: &HashMap<&PointId, &PointEntry>,
    ) -> BoundCount {
        let mut circles: PerLane<BTreeMap<&str, Vec<u32>>> = PerLane::default();
        for (point, place) in points.iter().zip(0..) {
            let counted = point.binding.counted.iter().any(|part| part.of == of);
            let entry = entries.get(&point.id).filter(|_| counted);
            if let Some(common) = entry.and_then(|entry| share.of.of(entry)) {
                circles[point.lane].entry(common).or_default().push(place);
            }
        }
        let groups = PerLane::from_fn(|lane| {
            let mut groups: Vec<Vec<u32>> = circles[lane].values().cloned().collect();
            let id = |place: &u32| &points[*place as usize].id;
            groups.iter_mut().for_each(|group| group.sort_by(|one, other| id(one).cmp(id(other))));
            groups
        });
        BoundCount { of, share, groups }
    }
}

impl Counting {
    fn of(catalogue: &BoundCatalogue, lane: Lane, lanes: &LaneState) -> Counting {
        let counts = catalogue.counts.iter().filter(|count| !count.groups[lane].is_empty());
        let counts = counts.map(|count| {
            let mut group_of = vec![NONE; lanes.points.len()];
            let groups = count.groups[lane].iter().zip(0..).filter_map(|(members, group)| {
                for member in members {
                    let place = lanes.names.find(&catalogue.points[*member as usize].id);
                    if let Some(of) = place.and_then(|place| group_of.get_mut(place as usize)) {
                        *of = group;
                    }
                }
                let first = members.first()?;
                Some(Group {
                    subject: catalogue.points[*first as usize].id.clone(),
                    programmed: members.len() as u32,
                    met: 0,
                    unmet: 0,
                    told: Verdict::Undecided,
                })
            });
            let groups = groups.collect();
            let says = vec![Verdict::Undecided; group_of.len()];
            Count { of: count.of, share: count.share, groups, group_of, says }
        });
        Counting { counts: counts.collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// A hole: no point says anything any more.
    pub(super) fn forget(&mut self) {
        for count in &mut self.counts {
            count.says.fill(Verdict::Undecided);
            for group in &mut count.groups {
                (group.met, group.unmet, group.told) = (0, 0, Verdict::Undecided);
            }
        }
    }

    /// A point says this; the first of its group and what the group says, if that changed.
    fn says(&mut self, of: PartRef, place: u32, says: Verdict) -> Option<(PointId, Verdict)> {
        let count = self.counts.iter_mut().find(|count| count.of == of)?;
        let before = count.says.get_mut(place as usize).filter(|before| **before != says)?;
        let group = *count.group_of.get(place as usize)?;
        let group = count.groups.get_mut(group as usize)?;
        group.count(std::mem::replace(before, says), false);
        group.count(says, true);
        let verdict = group.verdict(count.share);
        let changed = std::mem::replace(&mut group.told, verdict) != verdict;
        changed.then(|| (group.subject.clone(), verdict))
    }
}

impl Group {
    fn count(&mut self, says: Verdict, more: bool) {
        let of = match says {
            Verdict::Met => &mut self.met,
            Verdict::Unmet => &mut self.unmet,
            Verdict::Undecided => return,
        };
        *of = if more { *of + 1 } else { of.saturating_sub(1) };
    }

    /// It holds if enough say so; that it does not is proven only if it did not hold were all
    /// that say nothing among them.
    fn verdict(&self, share: Share) -> Verdict {
        let needed = share.needed(self.programmed);
        if needed <= self.met {
            Verdict::Met
        } else if self.programmed.saturating_sub(self.unmet) < needed {
            Verdict::Unmet
        } else {
            Verdict::Undecided
        }
    }
}

impl LaneState {
    /// Takes up what a catalogue counts, and tells what each group says now.
    pub(super) fn take_up_counts(&mut self, catalogue: &BoundCatalogue, now: GatewayTime) {
        self.counting = Counting::of(catalogue, self.lane, self);
        let before = self.told.len();
        self.count_all(now);
        // Only what they say together in the end.
        self.told.truncate(before);
        for count in &self.counting.counts {
            for group in &count.groups {
                let (point, part, says) = (group.subject.clone(), count.of, group.told);
                self.told.push(Told::Says { point, part, at: now, says });
            }
        }
    }

    /// Counts all points anew, from this moment on.
    pub(super) fn count_all(&mut self, at: GatewayTime) {
        if !self.counting.is_empty() {
            (0..self.points.len() as u32).for_each(|place| self.count(place, at));
        }
    }

    /// Counts all points of a device anew.
    pub(super) fn count_device(&mut self, device: u32, at: GatewayTime) {
        if self.counting.is_empty() {
            return;
        }
        for place in 0..self.points.len() as u32 {
            let of_device = |point: &super::point::Point| point.device == device && !point.comm;
            if self.points[place as usize].as_ref().is_some_and(of_device) {
                self.count(place, at);
            }
        }
    }

    /// Counts what a point says from this moment on.
    pub(super) fn count(&mut self, place: u32, at: GatewayTime) {
        if self.counting.is_empty() {
            return;
        }
        let proves = self.runs(place) && self.is_known(place);
        let Some(point) = &self.points[place as usize] else { return };
        let at = if proves { self.not_before_it_was_read(point, at) } else { at };
        for part in &point.binding.counted {
            let says = if proves { point.says_of(&part.condition, at) } else { Verdict::Undecided };
            if let Some((point, says)) = self.counting.says(part.of, place, says) {
                self.told.push(Told::Says { point, part: part.of, at, says });
            }
        }
    }
}
