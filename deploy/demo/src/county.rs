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

/// Writes `grids.csv`, `units.csv` and `gateways.csv` into a folder.
pub(crate) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join("grids.csv"), grids())?;
    std::fs::write(folder.join("units.csv"), units())?;
    std::fs::write(folder.join("gateways.csv"), gateways())
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

#[cfg(test)]
mod tests {
    use super::*;
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
}
