//! The demonstration county: 15 large, 138 middle and 1,094 small grids, and a dozen key units.
//!
//! All names are invented. The registry is written as the CSV files that a real county would
//! import, so that the demo takes the same way in.

use std::fmt::Write as _;
use std::path::Path;

/// The region that everything lies in.
pub(crate) const REGION: &str = "demo-county";

/// Townships, each a large grid 大网格.
const TOWNSHIPS: [(&str, &str); 15] = [
    ("chengguan", "城关镇"),
    ("dongshan", "东山镇"),
    ("qinghe", "清河镇"),
    ("liulin", "柳林镇"),
    ("baiyun", "白云镇"),
    ("shiqiao", "石桥镇"),
    ("nanhu", "南湖镇"),
    ("beiguan", "北关镇"),
    ("jinping", "锦屏镇"),
    ("longquan", "龙泉镇"),
    ("meiling", "梅岭乡"),
    ("songpo", "松坡乡"),
    ("yangliu", "杨柳乡"),
    ("wenfeng", "文峰乡"),
    ("hongxing", "红星乡"),
];

/// Villages and communities of a township; the first three townships have all ten.
const VILLAGES: [(&str, &str); 10] = [
    ("dongmen", "东门"),
    ("ximen", "西门"),
    ("nanmen", "南门"),
    ("beimen", "北门"),
    ("xinmin", "新民"),
    ("heping", "和平"),
    ("jianshe", "建设"),
    ("shengli", "胜利"),
    ("guangming", "光明"),
    ("xinhua", "新华"),
];

const TOWNSHIPS_WITH_TEN_VILLAGES: usize = 3;
const VILLAGES_WITH_EIGHT_BLOCKS: usize = 128;

const NUMERALS: [&str; 8] = ["一", "二", "三", "四", "五", "六", "七", "八"];

/// A key unit of the demonstration, with one gateway of the same name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// The unit's and its gateway's id.
    pub(crate) id: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    /// The small grid that it lies in.
    pub(crate) grid: &'static str,
    address: &'static str,
    class: &'static str,
}

/// The dozen, spread over the county.
pub(crate) const UNITS: [Unit; 12] = [
    unit(
        "mall-01",
        "东门购物中心",
        "chengguan-dongmen-1",
        "城关镇东门街 18 号",
        "multi-storey-public",
    ),
    unit(
        "hospital-01",
        "县人民医院",
        "chengguan-xinhua-3",
        "城关镇新华路 66 号",
        "high-rise-public-1",
    ),
    unit("school-01", "第一中学", "chengguan-heping-2", "城关镇和平路 9 号", "multi-storey-public"),
    unit("hotel-01", "锦屏大酒店", "jinping-nanmen-5", "锦屏镇迎宾大道 1 号", "high-rise-public-2"),
    unit(
        "market-01",
        "清河农贸市场",
        "qinghe-xinmin-4",
        "清河镇新民街 2 号",
        "multi-storey-public",
    ),
    unit(
        "nursing-01",
        "南湖养老院",
        "nanhu-guangming-1",
        "南湖镇光明路 33 号",
        "multi-storey-public",
    ),
    unit("factory-01", "石桥纺织厂", "shiqiao-jianshe-6", "石桥镇建设路 120 号", "industrial"),
    unit("warehouse-01", "北关物流仓库", "beiguan-beimen-7", "北关镇北门外 8 号", "industrial"),
    unit("cinema-01", "龙泉影剧院", "longquan-ximen-2", "龙泉镇西门街 5 号", "multi-storey-public"),
    unit(
        "tower-01",
        "东山国际大厦",
        "dongshan-shengli-1",
        "东山镇胜利路 88 号",
        "high-rise-public-1",
    ),
    unit("ktv-01", "白云量贩歌城", "baiyun-dongmen-3", "白云镇东门里 11 号", "multi-storey-public"),
    unit("temple-01", "梅岭古寺", "meiling-nanmen-4", "梅岭乡南门山 1 号", "heritage"),
];

const fn unit(
    id: &'static str,
    name: &'static str,
    grid: &'static str,
    address: &'static str,
    class: &'static str,
) -> Unit {
    Unit { id, name, grid, address, class }
}

/// The small grid of a unit for which nobody is entered: its tickets go to the grid above.
const GRID_WITHOUT_WORKER: &str = "meiling-nanmen-4";

/// Names of the people, all invented.
const FAMILIES: [&str; 12] =
    ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"];
const GIVEN: [&str; 10] =
    ["建国", "秀英", "志强", "丽华", "海燕", "春生", "晓东", "玉梅", "文斌", "冬青"];

/// Floors above and below ground, use, and height in metres of the units' main buildings, in
/// the order of the units.
const BUILDINGS: [(u8, u8, &str, &str); 12] = [
    (5, 1, "commerce", "23.8"),
    (17, 2, "hospital", "68.4"),
    (5, 0, "school", "21"),
    (12, 1, "hotel", "44.5"),
    (2, 0, "commerce", "9.6"),
    (4, 0, "care", "15.3"),
    (3, 0, "plant", "16.2"),
    (1, 0, "warehouse", "11.5"),
    (3, 0, "entertainment", "18"),
    (28, 3, "office", "99.6"),
    (4, 1, "entertainment", "19.5"),
    (1, 0, "assembly", "12.7"),
];

/// The devices of every unit: name in its gateway, name, place, maker and model.
const DEVICES: [(&str, &str, &str, &str, &str); 3] = [
    ("facp1", "火灾报警控制器", "一层消防控制室", "Notifier", "NFS2-3030"),
    ("riser1", "1 号立管末端试水压力变送器", "顶层末端试水处", "示范仪表", "PT-F"),
    ("pump1", "1 号喷淋泵控制柜", "地下消防泵房", "Firetrol", "Mark III+"),
];

/// Writes the sheets of the registry into a folder.
pub(crate) fn write(folder: &Path) -> std::io::Result<()> {
    for (name, csv) in [
        ("grids.csv", grids()),
        ("units.csv", units()),
        ("buildings.csv", buildings()),
        ("people.csv", people()),
        ("gateways.csv", gateways()),
        ("devices.csv", devices()),
    ] {
        std::fs::write(folder.join(name), csv)?;
    }
    Ok(())
}

fn grids() -> String {
    let mut csv = format!("id,name,level,parent\n{REGION},示范县,region,\n");
    let mut middles = 0;
    for (township, (large, town)) in TOWNSHIPS.iter().enumerate() {
        row(&mut csv, large, town, "large", REGION);
        let villages = if township < TOWNSHIPS_WITH_TEN_VILLAGES { 10 } else { 9 };
        for (village, name) in VILLAGES.iter().take(villages) {
            let middle = format!("{large}-{village}");
            let kind = if township < 5 { "社区" } else { "村" };
            row(&mut csv, &middle, &format!("{name}{kind}"), "middle", large);
            let blocks = if middles < VILLAGES_WITH_EIGHT_BLOCKS { 8 } else { 7 };
            for (block, numeral) in NUMERALS.iter().enumerate().take(blocks) {
                let small = format!("{middle}-{}", block + 1);
                row(&mut csv, &small, &format!("{name}{kind}{numeral}网格"), "small", &middle);
            }
            middles += 1;
        }
    }
    csv
}

fn row(csv: &mut String, id: &str, name: &str, level: &str, parent: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(csv, "{id},{name},{level},{parent}");
}

fn units() -> String {
    let mut csv = String::from("id,name,grid,address,contact,phone,class\n");
    for (number, unit) in UNITS.iter().enumerate() {
        let Unit { id, name, grid, address, class } = unit;
        let _ = writeln!(csv, "{id},{name},{grid},{address},消防控制室,000-{number:07},{class}");
    }
    csv
}

fn gateways() -> String {
    let rows = UNITS.iter().map(|unit| format!("{0},{0}\n", unit.id));
    std::iter::once("gateway,unit\n".to_owned()).chain(rows).collect()
}

fn buildings() -> String {
    let mut csv = String::from("id,unit,name,floors_above,floors_below,use,height\n");
    for (unit, (above, below, purpose, height)) in UNITS.iter().zip(BUILDINGS) {
        let _ = writeln!(csv, "{0}-main,{0},主楼,{above},{below},{purpose},{height}", unit.id);
    }
    csv
}

fn devices() -> String {
    let mut csv = String::from("gateway,device,name,building,place,maker,model\n");
    for unit in UNITS {
        for (device, name, place, maker, model) in DEVICES {
            let _ = writeln!(csv, "{0},{device},{name},{0}-main,{place},{maker},{model}", unit.id);
        }
    }
    csv
}

/// A worker for the small grids that have a unit, heads for every middle and large grid, and
/// whoever acts for the whole county.
fn people() -> String {
    let mut csv = String::from("id,name,role,phone,grid\n");
    let mut number = 0;
    let mut enter = |id: &str, role: &str, grid: &str| {
        let family = FAMILIES[number % FAMILIES.len()];
        let given = GIVEN[number / FAMILIES.len() % GIVEN.len()];
        // No such numbers are given out.
        let _ = writeln!(csv, "{id},{family}{given},{role},100 0000 {number:04},{grid}");
        number += 1;
    };
    enter("brigade-1", "brigade", REGION);
    enter("duty-1", "operator", REGION);
    enter("duty-2", "operator", REGION);
    enter("keeper-1", "administrator", REGION);
    for (township, (large, _)) in TOWNSHIPS.iter().enumerate() {
        enter(&format!("head-{large}"), "grid-head", large);
        let villages = if township < TOWNSHIPS_WITH_TEN_VILLAGES { 10 } else { 9 };
        for (village, _) in VILLAGES.iter().take(villages) {
            enter(&format!("head-{large}-{village}"), "grid-head", &format!("{large}-{village}"));
        }
    }
    for unit in UNITS {
        enter(&format!("manager-{}", unit.id), "unit-manager", unit.grid);
        if unit.grid != GRID_WITHOUT_WORKER {
            enter(&format!("worker-{}", unit.grid), "grid-worker", unit.grid);
        }
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_ingest::registry::{Registry, RegistryFiles, Table};
    use std::collections::HashSet;

    #[test]
    fn the_county_has_15_large_138_middle_and_1094_small_grids() {
        let csv = grids();
        let count = |level: &str| csv.matches(&format!(",{level},")).count();
        assert_eq!((count("large"), count("middle"), count("small")), (15, 138, 1_094));
        let ids: HashSet<&str> = csv.lines().filter_map(|line| line.split(',').next()).collect();
        assert_eq!(ids.len(), csv.lines().count());
    }

    #[test]
    fn every_unit_lies_in_a_small_grid_of_the_county() {
        let csv = grids();
        for unit in UNITS {
            assert!(csv.contains(&format!("\n{},", unit.grid)), "{}", unit.grid);
        }
    }

    #[test]
    fn the_sheets_are_a_registry_in_which_one_small_grid_with_a_unit_has_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("sheets");
        let files = Table::ALL.map(|table| (table, folder.path().join(table.file())));
        let files = RegistryFiles { files: files.into_iter().collect(), encoding: None };
        let registry = Registry::read(&files, None).expect("a registry");
        let alone =
            UNITS.iter().filter(|unit| registry.routing.holders(unit.grid).next().is_none());
        let alone: Vec<&str> = alone.map(|unit| unit.grid).collect();
        assert_eq!(alone, [GRID_WITHOUT_WORKER]);
        assert_eq!((registry.buildings.len(), registry.devices.len()), (12, 36));
        assert_eq!(registry.routing.holders(REGION).count(), 1, "the brigade");
    }
}
