//! Names of cases: an id is made of its cause, so that one cause can never be told twice.

use firegrid_rules::decision::{At, Decision, Occurrence, Reason, Subject};
use firegrid_rules::escalation::Chain;
use firegrid_rules::routing::Routing;
use firegrid_wire::names::{GatewayId, PointId};

use crate::judge::events::Refused;
use crate::storage::history::LastLine;

/// Whose a case is: the unit, the grid that owns it, and the way down to that grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The unit; none while the gateway belongs to nobody.
    pub unit: Option<String>,
    /// The small grid of the unit, or the region.
    pub grid: String,
    /// The ids from the region down to that grid, joined by strokes.
    pub path: String,
    /// The way up from that grid, with the people of each.
    pub chain: Chain,
}

impl Owner {
    /// The owner of what a unit's gateways tell. Without a unit, or with one that lies nowhere,
    /// it is the region.
    pub fn of(routing: &Routing, region: &str, unit: Option<&str>) -> Owner {
        let grid = unit
            .and_then(|unit| routing.owner(unit))
            .map_or_else(|| region.to_owned(), |grid| grid.id.clone());
        let path: Vec<&str> = routing.path(&grid).iter().map(|grid| grid.id.as_str()).collect();
        let path = if path.is_empty() { grid.clone() } else { path.join("/") };
        let chain = Chain::of(routing, &grid);
        Owner { unit: unit.map(str::to_owned), grid, path, chain }
    }
}

/// The id of the case that a decision raises or goes on with:
/// `mall-01~facp1~L1D017~fire~alarm~00ab000000000001~1795384870123`.
pub fn id_of(decision: &Decision) -> String {
    let subject = decision.subject.to_string().replace('/', "~");
    let occurrence = occurrence_words(decision.occurrence);
    format!("{subject}~{}~{}~{occurrence}", decision.rule, decision.step)
}

/// An occurrence in the words of an id.
pub fn occurrence_words(occurrence: Occurrence) -> String {
    let millis = occurrence.at.millis();
    match (occurrence.span, occurrence.at) {
        (Some(span), At::Gateway(_) | At::Centre(_)) => format!("{span}~{millis}"),
        (None, At::Gateway(_) | At::Centre(_)) => format!("centre~{millis}"),
    }
}

/// The gateway of a subject, and the point if it is one.
pub fn place(subject: &Subject) -> (&GatewayId, Option<&PointId>) {
    match subject {
        Subject::Point(point) => (&point.gateway, Some(&point.point)),
        Subject::Gateway(gateway) => (gateway, None),
    }
}

/// The reason as a line of history keeps it.
pub fn told(decision: &Decision) -> serde_json::Value {
    let reason: &Reason = &decision.reason;
    serde_json::json!({
        "step": decision.step,
        "zh": reason.zh(),
        "en": reason.to_string(),
        "marks": decision.marks.words(),
        "span": decision.span.map(|span| span.to_string()),
        "t": decision.at.millis(),
    })
}

/// Refuses what is done on an older line of history than the last: somebody was first.
pub fn check_latest(seen: Option<u32>, last: Option<&LastLine>) -> Result<(), Refused> {
    match (seen, last) {
        (Some(seen), Some(last)) if seen < last.n => Err(Refused::NotLatest(last.clone())),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}
