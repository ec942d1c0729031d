//! `GET coverage`: for every grid with a unit below it what is watched there and what is open,
//! for the tree and the treemap. Counts of points are at most a few seconds old.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use firegrid_rules::routing::Level;
use firegrid_wire::names::GatewayId;

use super::ask::Asked;
use super::places::Places;
use super::points::Tally;
use super::problem::Problem;
use super::{Centre, Shared, in_time};
use crate::storage::coverage::{OpenAlarms, OpenTickets, open_alarms, open_tickets};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = CoverageAnswer)]
struct Answer {
    items: Vec<Shown>,
}

/// A grid with everything below it.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = CoverageShown)]
struct Shown {
    grid: String,
    name: String,
    #[schema(value_type = String)]
    level: Level,
    level_zh: &'static str,
    parent: Option<String>,
    #[serde(flatten)]
    counts: Counts,
}

/// A point is counted once: as `watched` if its calm proves something, else as `never`, `blind`,
/// `shielded` or `in_test`, in this order, or as none of these (faulty, absent, unknown).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = CoverageCounts)]
struct Counts {
    units: usize,
    gateways: usize,
    points: usize,
    watched: usize,
    never: usize,
    blind: usize,
    shielded: usize,
    in_test: usize,
    /// Fire alarms that last, whatever their points can say now.
    fires: u64,
    alarms: u64,
    tickets: u64,
    overdue: u64,
}

#[utoipa::path(
    get,
    path = "/coverage",
    tag = "coverage",
    operation_id = "list_coverage",
    summary = "监测覆盖 What is watched and open in every grid",
    responses((status = 200, description = "As asked", body = Answer), Problem)
)]
async fn list(State(centre): State<Centre>, asked: Asked) -> Result<Json<Answer>, Problem> {
    asked.finish()?;
    let reader = &centre.sources.reader;
    let gateways = in_time(centre.sources.door.gateways()).await?;
    let units = gateways.into_iter().filter_map(|gateway| Some((gateway.id, gateway.unit?)));
    let tallies = centre.watch.by_gateway(&centre).await?;
    let alarms = open_alarms(reader).await?;
    let tickets = open_tickets(reader, centre.sources.clock.now()).await?;
    let items = counted(&centre.places, units.collect(), &tallies, (&alarms, &tickets));
    Ok(Json(Answer { items }))
}

fn counted(
    places: &Places,
    gateways: Vec<(GatewayId, String)>,
    tallies: &HashMap<GatewayId, Tally>,
    (alarms, tickets): (&[OpenAlarms], &[OpenTickets]),
) -> Vec<Shown> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut upwards = |grid: &str, add: &dyn Fn(&mut Counts), opens: bool| {
        let mut next = places.grids.get_key_value(grid);
        for _ in Level::ALL {
            let Some((id, grid)) = next else { return };
            match counts.get_mut(id.as_str()) {
                Some(counts) => add(counts),
                None if opens => add(counts.entry(id).or_default()),
                None => {}
            }
            next = grid.row.parent.as_ref().and_then(|above| places.grids.get_key_value(above));
        }
    };
    for unit in places.units.values().filter(|unit| !unit.retired) {
        upwards(&unit.grid, &|counts| counts.units += 1, true);
    }
    for (gateway, unit) in &gateways {
        let Some(unit) = places.units.get(unit) else { continue };
        let tally = tallies.get(gateway).copied().unwrap_or_default();
        upwards(&unit.grid, &|counts| counts.watches(&tally), false);
    }
    for alarm in alarms {
        let add = |counts: &mut Counts| {
            counts.alarms += alarm.open;
            counts.fires += alarm.fires;
        };
        upwards(&alarm.grid, &add, false);
    }
    for ticket in tickets {
        let add = |counts: &mut Counts| {
            counts.tickets += ticket.open;
            counts.overdue += ticket.overdue;
        };
        upwards(&ticket.grid, &add, false);
    }
    let shown = counts.into_iter().filter_map(|(id, counts)| {
        let grid = &places.grids.get(id)?.row;
        Some(Shown {
            grid: id.to_owned(),
            name: grid.name.clone(),
            level: grid.level,
            level_zh: grid.level.zh(),
            parent: grid.parent.clone(),
            counts,
        })
    });
    shown.collect()
}

impl Counts {
    fn watches(&mut self, tally: &Tally) {
        self.gateways += 1;
        self.points += tally.points;
        self.watched += tally.watched;
        self.never += tally.never;
        self.blind += tally.blind;
        self.shielded += tally.shielded;
        self.in_test += tally.in_test;
    }
}
