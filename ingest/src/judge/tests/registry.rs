//! The registry changes while the centre runs.

use std::sync::Arc;

use super::*;
use crate::registry::{Given, Import, Registry, Sheets, Table};
use crate::storage::alarms::Alarm;
use crate::storage::{events, gateways};

/// The county of these tests, with the mall in another small grid.
const SHEETS: [(Table, &str); 3] = [
    (
        Table::Grids,
        "id,name,level,parent\nregion,区,region,\nl1,镇,large,region\nm1,村,middle,l1\n\
         s1,一,small,m1\ns2,二,small,m1\n",
    ),
    (Table::Units, "id,name,grid\nmall,商场,s2\n"),
    (Table::People, "id,name,role,phone,grid\nli,李,grid-worker,1,s2\n"),
];

async fn import(centre: &Centre) -> Import {
    let given = SHEETS.map(|(table, text)| {
        (table, Given { name: table.file(), bytes: Ok(text.as_bytes().to_vec()) })
    });
    let sheets = Sheets { given: given.into_iter().collect(), encoding: None };
    let stands = Registry::load(&centre.reader).await.expect("tables");
    Import::new(Registry::check(&sheets, &stands, None).expect("a registry"), &stands)
}

#[track_caller]
fn owner(alarm: &Alarm) -> (Option<&str>, Option<&str>) {
    (alarm.unit.as_deref(), alarm.grid.as_deref())
}

on_both_engines! {
    async fn what_a_stranger_told_is_its_units_as_soon_as_somebody_says_whose_it_is(scratch) {
        let mut centre = Centre::start_stranger_on(scratch, "stranger-7").await;
        centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]).await;
        centre.receipt().await;
        assert_eq!(owner(&centre.alarms().await[0]), (None, Some("region")));
        let assign = |unit: &str| Action::AssignGateway {
            gateway: "stranger-7".parse().expect("an id"),
            unit: unit.to_owned(),
        };
        let refused = centre.act("甲", assign("nowhere")).await;
        assert!(matches!(refused, Err(Refused::NotAllowed { code: "no-such-unit", .. })));
        assert_eq!(centre.act("甲", assign("mall")).await, Ok(Done::Registered));
        assert!(matches!(
            centre.act("乙", assign("mall")).await,
            Err(Refused::AlreadySo { .. })
        ));
        let alarm = centre.alarms().await.remove(0);
        assert_eq!(owner(&alarm), (Some("mall"), Some("s1")));
        let told = events::after(&centre.reader, 0, 100).await.expect("events");
        let told: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
        assert!(told.contains(&"gateway"), "{told:?}");
        centre.batch_at(name(1, 2), 1, &[("facp1/y", "fire")]).await;
        centre.receipt().await;
        let alarms = centre.alarms().await;
        assert!(alarms.iter().all(|alarm| owner(alarm) == (Some("mall"), Some("s1"))));
        centre.kill_and_start_again().await;
        assert_eq!(centre.gateway().await.unit.as_deref(), Some("mall"));
    }

    async fn an_import_stands_in_one_commit_and_moves_what_is_open(scratch) {
        let mut centre = Centre::start_on(scratch).await;
        centre.batch(Urgent, name(1, 1), "none", &[("facp1/x", "fire")]).await;
        centre.receipt().await;
        assert_eq!(owner(&centre.alarms().await[0]), (Some("mall"), Some("s1")));
        let import = import(&centre).await;
        let registry = import.registry.clone();
        let action = Action::ImportRegistry(Arc::new(import));
        assert_eq!(centre.act("甲", action).await, Ok(Done::Registered));
        assert_eq!(Registry::load(&centre.reader).await.expect("tables"), registry);
        assert_eq!(owner(&centre.alarms().await[0]), (Some("mall"), Some("s2")));
        let known = gateways::load(&centre.reader).await.expect("gateways");
        assert_eq!(known[0].unit.as_deref(), Some("mall"), "no sheet of gateways was given");
        let told = events::after(&centre.reader, 0, 100).await.expect("events");
        let told = told.iter().find(|event| event.kind == "registry").expect("told");
        assert_eq!(told.body["counts"]["grids"]["new"], 5);
        assert_eq!(told.body["by"], "甲");
    }
}
