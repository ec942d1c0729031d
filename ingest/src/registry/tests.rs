use std::fmt::Write;

use firegrid_rules::rulebook::Severity;

use super::*;
use crate::storage::{self, Writer};
use firegrid_wire::time::CentreTime;

const GRIDS: &str = "id,name,level,parent\n\
    county,示范县,region,\n\
    town,城关镇,large,county\n\
    east,东门社区,middle,town\n\
    east-1,一号网格,small,east\n\
    east-2,二号网格,small,east\n";
const UNITS: &str = "id,name,grid,address,contact,phone,class\n\
    mall,东门购物中心,east-1,\"东门街 18 号, 三层\",控制室,0000-1234567,multi-storey-public\n\
    school,实验小学,east-2,,,,\n";
const GATEWAYS: &str = "gateway,unit\nmall-01,mall\nmall-02,mall\n";

fn given(sheets: &[(Table, &str)]) -> Sheets {
    let given = sheets.iter().map(|(table, text)| {
        let bytes = Ok(text.as_bytes().to_vec());
        (*table, Given { name: table.file(), bytes })
    });
    Sheets { given: given.collect(), encoding: None }
}

fn read(grids: &str, units: &str, gateways: &str) -> Result<Registry, Mistakes> {
    check_sheets(&[(Table::Grids, grids), (Table::Units, units), (Table::Gateways, gateways)])
        .map_err(as_mistakes)
}

fn check_sheets(sheets: &[(Table, &str)]) -> Result<Registry, Vec<RegistryMistake>> {
    let region = RegionId::parse("county").expect("a region");
    Registry::check(&given(sheets), &Registry::default(), Some(&region))
}

/// The mistakes as `file: line: what`.
#[track_caller]
fn check_told(grids: &str, units: &str, gateways: &str, expected: &[&str]) {
    let mistakes = read(grids, units, gateways).expect_err("mistakes");
    let told: Vec<String> = mistakes
        .0
        .iter()
        .map(|mistake| format!("{}: {}: {}", mistake.file, mistake.path, mistake.what))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn every_unit_finds_its_grid_and_every_gateway_its_unit() {
    let registry = read(GRIDS, UNITS, GATEWAYS).expect("a registry");
    assert_eq!(registry.routing.owner("mall").map(|grid| grid.id.as_str()), Some("east-1"));
    assert_eq!(registry.units["mall"].address, "东门街 18 号, 三层");
    let gateways: Vec<(&str, &str)> =
        registry.gateways.iter().map(|(gateway, unit)| (gateway.as_str(), unit.as_str())).collect();
    assert_eq!(gateways, [("mall-01", "mall"), ("mall-02", "mall")]);
}

#[test]
fn every_mistake_of_every_file_is_told_with_its_line() {
    let grids = format!(
        "{GRIDS}west,西门,middle,nowhere\neast-1,again,small,east\nno name,x,small,east\n\
         north,北门,tiny,east\nother,另一县,region,\n"
    );
    let units = format!("{UNITS}mall,again,east-1,,,,\nbank,银行,east,,,,\nclub,,east-1,,,,\n");
    let gateways = format!("{GATEWAYS}mall-01,mall\ncentre,mall\nb/d,mall\nx,nobody\n");
    check_told(
        &grids,
        &units,
        &gateways,
        &[
            "gateways.csv: line 4: gateway: this is written twice",
            "gateways.csv: line 5: gateway: \"centre\" is the centre's own name",
            "gateways.csv: line 6: gateway: \"b/d\" is no id: use 1 to 48 letters, digits, \
             hyphens, underscores or dots, beginning with a letter or digit",
            "gateways.csv: line 7: unit: \"nobody\" is not among the units",
            "grids.csv: line 7: parent: grid \"west\" lies in \"nowhere\", which there is not",
            "grids.csv: line 8: id: grid \"east-1\" is written twice",
            "grids.csv: line 9: id: \"no name\" is no id: use 1 to 48 letters, digits, hyphens, \
             underscores or dots, beginning with a letter or digit",
            "grids.csv: line 10: level: \"tiny\" is not known here; known: region, large, \
             middle, small",
            "grids.csv: line 11: id: region \"other\" is not the region of the settings, \
             \"county\"",
            "units.csv: line 4: id: unit \"mall\" is written twice",
            "units.csv: line 5: grid: unit \"bank\" lies in \"east\", which is a middle grid, \
             not a small one",
            "units.csv: line 6: name: this is empty",
        ],
    );
}

#[test]
fn every_mistake_of_a_row_is_told_and_none_of_the_rows_that_refer_to_it() {
    let grids =
        format!("{GRIDS}west,,middle,nowhere\nnorth,北门,tiny,town\nn-1,三号网格,small,north\n");
    let units = "id,name,grid\nmall,,nogrid\nno id,银行,east-1\nclub,俱乐部,north\n";
    let gateways = "gateway,unit\nmall-01,mall\nbank-01,no id\n";
    let no_id = "is no id: use 1 to 48 letters, digits, hyphens, underscores or dots, beginning \
                 with a letter or digit";
    check_told(
        &grids,
        units,
        gateways,
        &[
            "grids.csv: line 7: name: this is empty",
            "grids.csv: line 7: parent: grid \"west\" lies in \"nowhere\", which there is not",
            "grids.csv: line 8: level: \"tiny\" is not known here; known: region, large, middle, \
             small",
            "units.csv: line 2: name: this is empty",
            "units.csv: line 2: grid: unit \"mall\" lies in \"nogrid\", which there is not",
            &format!("units.csv: line 3: id: \"no id\" {no_id}"),
        ],
    );
}

#[test]
fn a_tree_without_the_region_of_the_settings_is_told() {
    check_told(
        "id,name,level,parent\n\
         other,另一县,region,\n",
        "id,name,grid\n",
        "gateway,unit\n",
        &[
            "grids.csv: : the region of the settings, \"county\", is missing",
            "grids.csv: line 2: id: region \"other\" is not the region of the settings, \
             \"county\"",
        ],
    );
}

#[test]
fn a_missing_file_is_told_beside_the_mistakes_of_the_others() {
    let tables = [Table::Grids, Table::Units, Table::Gateways];
    let files = tables.map(|table| (table, Path::new("/nowhere").join(table.file())));
    let files = RegistryFiles { files: files.into_iter().collect(), encoding: None };
    let mistakes = Registry::read(&files, None).expect_err("mistakes");
    assert_eq!(mistakes.0.len(), 3, "{mistakes}");
}

/// A county of 15 large, 138 middle and 1 094 small grids.
fn county() -> (String, String) {
    let mut grids = String::from("id,name,level,parent\ncounty,示范县,region,\n");
    for large in 0..15 {
        writeln!(grids, "l{large},第{large}镇,large,county").expect("text");
    }
    for middle in 0..138 {
        writeln!(grids, "m{middle},第{middle}社区,middle,l{}", middle % 15).expect("text");
    }
    for small in 0..1_094 {
        writeln!(grids, "s{small},第{small}网格,small,m{}", small % 138).expect("text");
    }
    let mut units = String::from("id,name,grid\n");
    for unit in 0..3_000 {
        writeln!(units, "u{unit},第{unit}单位,s{}", unit % 1_094).expect("text");
    }
    (grids, units)
}

struct Tables {
    _folder: tempfile::TempDir,
    writer: Writer,
    reader: storage::Reader,
}

impl Tables {
    async fn new() -> Tables {
        let folder = tempfile::tempdir().expect("a folder");
        let (writer, reader) = storage::open(folder.path()).await.expect("a database");
        Tables { _folder: folder, writer, reader }
    }

    async fn store(&mut self, grids: &str, units: &str, gateways: &str) {
        let registry = read(grids, units, gateways).expect("a registry");
        let now = CentreTime::from_millis(1_000);
        let stands = Registry::load(&self.reader).await.expect("tables");
        let import = Import::new(registry, &stands);
        import.store(&mut self.writer, now).await.expect("stored");
    }

    /// The ids of the grids and units, retired ones with a minus, and the gateways' units.
    async fn told(&self) -> String {
        let mark = |retired: bool| if retired { "-" } else { "" };
        let grids = registry::grids(&self.reader).await.expect("grids");
        let units = registry::units(&self.reader).await.expect("units");
        let gateways = storage::gateways::load(&self.reader).await.expect("gateways");
        let grids = grids.iter().map(|grid| format!("{}{}", mark(grid.retired), grid.row.id));
        let units = units.iter().map(|unit| format!("{}{}", mark(unit.retired), unit.id));
        let gateways = gateways
            .iter()
            .map(|gateway| format!("{}:{}", gateway.id, gateway.unit.as_deref().unwrap_or("?")));
        grids.chain(units).chain(gateways).collect::<Vec<String>>().join(" ")
    }
}

#[tokio::test]
async fn a_whole_county_is_stored_in_one_go_and_again() {
    let (grids, units) = county();
    let mut tables = Tables::new().await;
    tables.store(&grids, &units, "gateway,unit\n").await;
    tables.store(&grids, &units, "gateway,unit\n").await;
    let stored = registry::grids(&tables.reader).await.expect("grids");
    assert_eq!(stored.len(), 1 + 15 + 138 + 1_094);
    assert!(stored.iter().all(|grid| !grid.retired));
    assert_eq!(registry::units(&tables.reader).await.expect("units").len(), 3_000);
}

#[tokio::test]
async fn what_vanishes_from_the_registry_is_forgotten_unless_something_refers_to_it() {
    let mut tables = Tables::new().await;
    tables.store(GRIDS, UNITS, GATEWAYS).await;
    assert_eq!(
        tables.told().await,
        "county east east-1 east-2 town mall school mall-01:mall mall-02:mall"
    );
    let fewer_grids = GRIDS.replace("east-1,一号网格,small,east\n", "");
    let fewer_units = "id,name,grid\nschool,实验小学,east-2\n";
    let mut to = tables.writer.begin().await.expect("begun");
    let ticket = storage::tickets::Ticket {
        id: "t1".into(),
        kind: "pump-power".into(),
        rule: "P2".into(),
        severity: Severity::Major,
        subject: "mall-01/pump1/power".into(),
        gateway: GatewayId::parse("mall-01").expect("a gateway"),
        point: None,
        unit: Some("mall".into()),
        grid: "east-1".into(),
        grid_path: "county/town/east/east-1".into(),
        life: storage::scratch::untouched(Severity::Major, CentreTime::from_millis(1)),
        body: storage::tickets::TicketBody::default(),
        changed: CentreTime::from_millis(1),
        version: 1,
    };
    storage::tickets::put(&mut to, &ticket).await.expect("written");
    to.commit().await.expect("committed");

    tables.store(&fewer_grids, fewer_units, "gateway,unit\nmall-02,school\n").await;
    assert_eq!(
        tables.told().await,
        "county east -east-1 east-2 town -mall school mall-01:? mall-02:school"
    );
    tables.store(GRIDS, fewer_units, "gateway,unit\n").await;
    assert_eq!(
        tables.told().await,
        "county east east-1 east-2 town -mall school mall-01:? mall-02:?",
        "a grid that comes back is no longer retired"
    );
}

#[tokio::test]
async fn what_nothing_refers_to_goes_with_everything_below_it() {
    let mut tables = Tables::new().await;
    tables.store(GRIDS, UNITS, GATEWAYS).await;
    tables
        .store("id,name,level,parent\ncounty,示范县,region,\n", "id,name,grid\n", "gateway,unit\n")
        .await;
    assert_eq!(tables.told().await, "county mall-01:? mall-02:?");
}
