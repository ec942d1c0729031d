//! What is judged over both lanes: one row of a gateway's eras, a small one per point that is
//! asked for beside others, and one per point on which such a step is not quiet.

use std::collections::VecDeque;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::span::{Lane, PerLane, SpanId};
use firegrid_wire::time::GatewayTime;
use serde::{Deserialize, Serialize};

use super::restoring::{Steps, read};
use super::{PhaseRow, bytes, phase_row};
use crate::condition::Verdict;
use crate::engine::gateway::Gateway;
use crate::engine::joined::{Asked, Change, Era, Finding, Joined, PartRef, Side};
use crate::engine::point::Stranded;
use crate::engine::{RestoreError, StateKey, adoption, scene};
use crate::rulebook::{RuleId, Rulebook};

/// The second part of the key of such a row.
pub(super) const KEY: &str = "/@joined";

/// The third part of the key of a finding's row; otherwise it is a lane's name.
const FOUND: &str = "found";

#[derive(Serialize, Deserialize)]
struct JoinedRow {
    /// The numbers of the eras that are being judged.
    era: Option<(Option<u32>, Option<u32>)>,
    urgent: SideRow,
    routine: SideRow,
}

#[derive(Serialize, Deserialize)]
struct SideRow {
    next: u32,
    eras: Vec<(u32, SpanId, Option<CatalogueHash>, Option<i64>)>,
}

/// A part: rule, step, place in the step; and whether it holds; none: nothing is known.
#[derive(Serialize, Deserialize)]
struct SaysRow(String, String, u16, Option<bool>);

#[derive(Serialize, Deserialize)]
struct AskedRow {
    /// The rulebook by which the parts are asked.
    rulebook: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    says: Vec<SaysRow>,
    /// Era, moment, and what is said from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ahead: Vec<(u32, i64, SaysRow)>,
}

#[derive(Serialize, Deserialize)]
struct FoundRow {
    lane: Lane,
    source: u64,
    phase: PhaseRow<i64>,
}

pub(super) fn write(
    id: &GatewayId,
    joined: &mut Joined,
    rulebook: &Rulebook,
    rows: &mut Vec<(StateKey, Option<Vec<u8>>)>,
) {
    if std::mem::take(&mut joined.dirty) {
        let wanted = !joined.is_idle();
        if wanted || joined.written {
            let row = wanted.then(|| bytes(&joined_row(joined)));
            rows.push((StateKey(format!("{id}{KEY}")), row));
        }
        joined.written = wanted;
    }
    for lane in Lane::ALL {
        let side = &mut joined.sides[lane];
        for point in std::mem::take(&mut side.changed) {
            let row = side.points.get(&point).map(|asked| bytes(&asked_row(asked, rulebook)));
            rows.push((StateKey(format!("{id}{KEY}/{lane}/{point}")), row));
        }
    }
    for point in std::mem::take(&mut joined.changed) {
        let found = joined.of_point(&point).filter_map(|(step, finding)| {
            let phase = finding.phase.map(GatewayTime::millis);
            let phase = phase_row(step, phase, None, rulebook)?;
            Some(FoundRow { lane: finding.lane, source: finding.source, phase })
        });
        let found: Vec<FoundRow> = found.collect();
        let row = (!found.is_empty()).then(|| bytes(&found));
        rows.push((StateKey(format!("{id}{KEY}/{FOUND}/{point}")), row));
    }
}

fn joined_row(joined: &Joined) -> JoinedRow {
    let side = |lane: Lane| {
        let Side { next, eras, .. } = &joined.sides[lane];
        let era = |era: &Era| {
            (era.number, era.span, era.catalogue.clone(), era.end.map(GatewayTime::millis))
        };
        SideRow { next: *next, eras: eras.iter().map(era).collect() }
    };
    JoinedRow {
        era: joined.era.map(|era| (era[Lane::Urgent], era[Lane::Routine])),
        urgent: side(Lane::Urgent),
        routine: side(Lane::Routine),
    }
}

fn asked_row(asked: &Asked, rulebook: &Rulebook) -> AskedRow {
    let says = |part: PartRef, says: Verdict| {
        let (rule, step) = scene::step(rulebook, part.step)?;
        let holds = match says {
            Verdict::Met => Some(true),
            Verdict::Unmet => Some(false),
            Verdict::Undecided => None,
        };
        Some(SaysRow(rule.id.to_string(), step.name.clone(), part.part, holds))
    };
    let ahead = asked.ahead.iter().filter_map(|change| {
        Some((change.era, change.at.millis(), says(change.part, change.says)?))
    });
    AskedRow {
        rulebook: rulebook.revision().to_string(),
        says: asked.says.iter().filter_map(|(part, held)| says(*part, *held)).collect(),
        ahead: ahead.collect(),
    }
}

/// Reads a row; `rest` is what stands in its key behind [`KEY`].
pub(super) fn restore(
    gateway: &mut Gateway,
    key: &str,
    rest: &str,
    row: &[u8],
    (rulebook, steps): (&Rulebook, &Steps),
) -> Result<(), RestoreError> {
    let unreadable = |reason: String| super::restoring::unreadable(key, reason);
    let joined = &mut gateway.joined;
    if rest.is_empty() {
        let JoinedRow { era, urgent, routine } = read(key, row)?;
        joined.era = era.map(|(urgent, routine)| {
            PerLane::from_fn(|lane| match lane {
                Lane::Urgent => urgent,
                Lane::Routine => routine,
            })
        });
        restore_side(&mut joined.sides[Lane::Urgent], urgent);
        restore_side(&mut joined.sides[Lane::Routine], routine);
        joined.written = true;
        return Ok(());
    }
    let parts = rest.strip_prefix('/').and_then(|rest| rest.split_once('/'));
    let (what, point) = parts.ok_or_else(|| unreadable("its key is too short".into()))?;
    let point = PointId::parse(point).map_err(|error| unreadable(error.to_string()))?;
    if what == FOUND {
        for FoundRow { lane, source, phase } in read::<Vec<FoundRow>>(key, row)? {
            match steps.any(phase) {
                Ok((step, phase)) => {
                    let phase = phase.map(GatewayTime::from_millis);
                    let key = (point.clone(), step);
                    joined.findings.insert(key, Finding { lane, source, phase });
                }
                Err(PhaseRow(rule, _, step, phase, _)) => {
                    joined.changed.insert(point.clone());
                    let rule = RuleId::parse(&rule).map_err(|e| unreadable(e.to_string()))?;
                    let onset = adoption::raised(phase.map(GatewayTime::from_millis));
                    let stranded = onset.map(|onset| Stranded { rule, step, onset });
                    let lane = &mut gateway.lanes[lane];
                    stranded.into_iter().for_each(|kept| lane.keep_retired(&point, kept));
                }
            }
        }
        return Ok(());
    }
    let lane: Lane = what.parse().map_err(|_| unreadable(format!("{what:?} is no lane")))?;
    let row: AskedRow = read(key, row)?;
    let side = &mut joined.sides[lane];
    if row.rulebook != rulebook.revision().to_string() {
        // A part may ask something else now: the lane tells it again.
        side.changed.insert(point);
        joined.forgot = true;
        return Ok(());
    }
    let asked = side.points.entry(point.clone()).or_default();
    let part = |SaysRow(rule, step, part, holds): SaysRow| {
        let says = match holds {
            Some(holds) => Verdict::from(holds),
            None => Verdict::Undecided,
        };
        Some((PartRef { step: steps.place(rule, step)?, part }, says))
    };
    asked.says = row.says.into_iter().filter_map(part).collect();
    let ahead = row.ahead.into_iter().filter_map(|(era, at, says)| {
        let (part, says) = part(says)?;
        Some(Change { era, at: GatewayTime::from_millis(at), part, says })
    });
    asked.ahead = ahead.collect::<VecDeque<Change>>();
    side.order.extend(asked.ahead.iter().map(|change| (change.era, change.at, point.clone())));
    Ok(())
}

fn restore_side(side: &mut Side, row: SideRow) {
    side.next = row.next;
    let era = |(number, span, catalogue, end): (u32, SpanId, _, Option<i64>)| Era {
        number,
        span,
        catalogue,
        end: end.map(GatewayTime::from_millis),
    };
    side.eras = row.eras.into_iter().map(era).collect();
}
