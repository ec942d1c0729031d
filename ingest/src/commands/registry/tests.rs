use std::fmt::Write as _;

use encoding_rs::GB18030;

use super::*;
use crate::storage::scratch::on_both_engines;

/// A county of 15 large, 138 middle and 1,093 small grids with 2,000 units, as its sheets in GB
/// 18030 would be exported.
fn county() -> Vec<(Table, String)> {
    let mut grids = String::from("编号,名称,级别,上级\ncounty,示范县,区域,\n");
    for large in 0..15 {
        writeln!(grids, "l{large},第{large}镇,大网格,county").expect("text");
    }
    for middle in 0..138 {
        writeln!(grids, "m{middle},第{middle}社区,中网格,l{}", middle % 15).expect("text");
    }
    let mut people = String::from("编号,姓名,角色,电话,网格\nduty,赵值班,值班员,,county\n");
    for small in 0..1_093 {
        writeln!(grids, "s{small},第{small}网格,小网格,m{}", small % 138).expect("text");
        writeln!(people, "p{small},王{small},网格员,'+86 000-{small:04},s{small}").expect("text");
    }
    let mut units = String::from("编号,名称,网格,地址,联系人,电话,建筑类别\n");
    let mut gateways = String::from("网关,单位\n");
    for unit in 0..2_000 {
        let grid = unit % 1_093;
        let address = format!("\"东门街 {unit} 号, 三层\",值班室,000-{unit:04},工业建筑");
        writeln!(units, "u{unit},第{unit}单位,s{grid},{address}").expect("text");
        writeln!(gateways, "g{unit},u{unit}").expect("text");
    }
    let mut buildings = String::from("编号,单位,名称,地上层数,地下层数,用途,高度\n");
    let mut devices = String::from("网关,设备,名称,建筑,位置,厂家,型号\n");
    for unit in 0..300 {
        writeln!(buildings, "b{unit},u{unit},主楼,6,1,商业,23.5").expect("text");
        writeln!(devices, "g{unit},facp1,报警主机,b{unit},一层值班室,'=甲,\"N\"\"6\"")
            .expect("text");
    }
    vec![
        (Table::Grids, grids),
        (Table::Units, units),
        (Table::Buildings, buildings),
        (Table::People, people),
        (Table::Gateways, gateways),
        (Table::Devices, devices),
    ]
}

/// Sheets as bytes.
type Written = Vec<(Table, Vec<u8>)>;

/// Sheet, row and column of a mistake.
type Told = (String, u64, String);

/// The row of an id becomes another one, or is put behind the last.
enum Planted {
    Row(&'static str, &'static str),
    Behind(&'static str),
}

/// Thirty mistakes of all kinds: where each stands, and in which column it must be told.
/// `\u{1}` stands for a byte that is no text.
const PLANTED: [(Table, Planted, &str); 30] = {
    use Planted::{Behind, Row};
    use Table::{Buildings, Devices, Gateways, Grids, People, Units};
    [
        (Grids, Row("s10", "s10,第10网格,小网,m10"), "level"),
        (Grids, Row("s11", "s11,,小网格,m11"), "name"),
        (Grids, Row("s12", "s12,第\u{1}网格,小网格,m12"), "name"),
        (Grids, Row("s13", "s13,第13网格,小网格,m999"), "parent"),
        (Grids, Row("s14", "s14,第14网格,小网格,l14"), "parent"),
        (Grids, Row("s15", "s15,第15网格"), ""),
        (Grids, Row("s16", "s16,\"第16网格,小网格,m16"), ""),
        (Grids, Row("s17", "s17,第17网格,小网格,"), "parent"),
        (Grids, Behind("s20,又一个,小网格,m20"), "id"),
        (Grids, Behind("新网格,没有编号,小网格,m20"), "id"),
        (Units, Row("u30", "u30,单位,s30,地址,值班室,000,高楼"), "class"),
        (Units, Row("u31", "u31,单位,s31,地址,值班室,电话未知,工业建筑"), "phone"),
        (Units, Row("u32", "u32,单位,s9999,地址,值班室,000,工业建筑"), "grid"),
        (Units, Row("u33", "u33,单位,m33,地址,值班室,000,工业建筑"), "grid"),
        (Units, Row("u34", "u34,,s34,地址,值班室,000,工业建筑"), "name"),
        (Units, Row("u35", "u35,单位,s35,地\t址,值班室,000,工业建筑"), "address"),
        (Units, Row("u36", "u36,单位,s36,很长,值班室,000,工业建筑"), "address"),
        (Units, Row("u37", "u37,单位,s37,地\u{1}址,值班室,000,工业建筑"), "address"),
        (Units, Behind("u40,又一个,s40,地址,值班室,000,"), "id"),
        (Units, Behind("u/41,单位,s41,地址,值班室,000,"), "id"),
        (People, Row("p50", "p50,王,队长,000,s50"), "role"),
        (People, Row("p51", "p51,王,网格员,000,s51x"), "grid"),
        (People, Behind("p52,又一人,网格员,000,s52"), "id"),
        (Buildings, Row("b60", "b60,u9999,主楼,6,1,商业,23.5"), "unit"),
        (Buildings, Row("b61", "b61,u61,主楼,很多,1,商业,23.5"), "floors_above"),
        (Buildings, Row("b62", "b62,u62,主楼,6,1,商业,'-3"), "height"),
        (Gateways, Row("g1970", "g1970,nobody"), "unit"),
        (Gateways, Behind("centre,u71"), "gateway"),
        (Devices, Behind("g5000,facp1,报警主机,,一层,,"), "gateway"),
        (Devices, Row("g80", "g80,facp1,报警主机,b81,一层,,"), "building"),
    ]
};

/// The sheets with what is planted in them, and the rows and columns in which it must be told.
fn planted() -> (Written, Vec<Told>) {
    let mut lines: Vec<(Table, Vec<String>)> = county()
        .into_iter()
        .map(|(table, text)| (table, text.lines().map(str::to_owned).collect()))
        .collect();
    let mut told = Vec::new();
    for (table, planted, column) in &PLANTED {
        let sheet = lines.iter_mut().find(|(of, _)| of == table);
        let (_, lines) = sheet.expect("a sheet");
        let place = match planted {
            Planted::Row(id, row) => {
                let is_it = |line: &String| line.split(',').next() == Some(*id);
                let place = lines.iter().position(is_it).expect("a row");
                lines[place] = row.replace("很长", &"长".repeat(201));
                place
            }
            Planted::Behind(row) => {
                lines.push((*row).to_owned());
                lines.len() - 1
            }
        };
        told.push((table.file(), place as u64 + 1, (*column).to_owned()));
    }
    told.sort();
    let bytes = |lines: Vec<String>| {
        let mut bytes = gb(&(lines.join("\r\n") + "\r\n"));
        bytes.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xff);
        bytes
    };
    (lines.into_iter().map(|(table, lines)| (table, bytes(lines))).collect(), told)
}

fn gb(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

fn sheets(bytes: impl IntoIterator<Item = (Table, Vec<u8>)>) -> Sheets {
    let given =
        |(table, bytes): (Table, Vec<u8>)| (table, Given { name: table.file(), bytes: Ok(bytes) });
    Sheets { given: bytes.into_iter().map(given).collect(), encoding: None }
}

fn region() -> RegionId {
    RegionId::parse("county").expect("a region")
}

async fn applied(place: &Place, sheets: &Sheets, dry_run: bool) -> Outcome {
    let now = CentreTime::from_millis(1_000);
    apply(place, &region(), sheets, dry_run, now).await.expect("a database")
}

#[track_caller]
fn counts(outcome: Outcome) -> Vec<(usize, usize, usize)> {
    match outcome {
        Outcome::Good(difference) => {
            let counts = difference.counts();
            let of = |table: Table| counts[table.as_str()];
            Table::ALL.map(|t| (of(t).new, of(t).changed, of(t).retired)).to_vec()
        }
        Outcome::Mistaken(mistakes) => panic!("{mistakes:#?}"),
    }
}

fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

on_both_engines! {
    async fn of_thirty_mistakes_each_is_told_by_its_row_and_nothing_is_imported_by_halves(scratch) {
        let place = &scratch.place;
        drop(scratch.open().await);
        let (bytes, expected) = planted();
        for dry_run in [true, false] {
            let Outcome::Mistaken(mistakes) = applied(place, &sheets(bytes.clone()), dry_run).await
            else {
                panic!("taken")
            };
            let mut told: Vec<Told> = mistakes
                .iter()
                .map(|m| (m.file.clone(), m.row.unwrap_or(0), m.column.unwrap_or("").to_owned()))
                .collect();
            told.sort();
            assert_eq!(told, expected, "{mistakes:#?}");
            assert!(mistakes.iter().all(|m| !m.zh.is_ascii() && !m.en.is_empty()), "{mistakes:#?}");
            let (writer, reader) = scratch.open().await;
            assert_eq!(Registry::load(&reader).await.expect("tables"), Registry::default());
            reader.close().await;
            writer.close().await.expect("closed");
        }
    }

    async fn a_mended_county_is_imported_whole_and_comes_back_as_it_was(scratch) {
        let place = &scratch.place;
        drop(scratch.open().await);
        let written: Written = county()
            .into_iter()
            .map(|(table, text)| (table, gb(&text.replace('\n', "\r\n"))))
            .collect();
        let sheets = sheets(written.clone());
        let all =
            vec![(1_247, 0, 0), (2_000, 0, 0), (300, 0, 0), (1_094, 0, 0), (2_000, 0, 0), (300, 0, 0)];
        assert_eq!(counts(applied(place, &sheets, true).await), all);
        assert_eq!(counts(applied(place, &sheets, false).await), all);
        assert_eq!(counts(applied(place, &sheets, false).await), [(0, 0, 0); 6]);
        let reader = storage::open_reading(place).expect("a reader");
        let stands = Registry::load(&reader).await.expect("tables");
        for (table, bytes) in &written {
            let exported = stands.to_csv(*table, Language::Chinese);
            let exported = Encoding::Gb18030.encode(&exported).expect("bytes");
            assert!(sorted(&exported) == sorted(bytes), "{table} does not come back");
        }
        reader.close().await;
    }

    async fn a_sheet_alone_changes_its_table_and_is_held_against_the_others(scratch) {
        let place = &scratch.place;
        drop(scratch.open().await);
        let all = county().into_iter().map(|(table, text)| (table, text.into_bytes()));
        counts(applied(place, &sheets(all), false).await);
        let people = b"id,name,role,phone,grid\nduty,\xe9\x92\xb1,operator,,county\n".to_vec();
        let alone = sheets([(Table::People, people)]);
        let changed = counts(applied(place, &alone, false).await);
        assert_eq!(changed[3], (0, 1, 1_093));
        let grids = b"id,name,level,parent\ncounty,x,region,\n".to_vec();
        let Outcome::Mistaken(mistakes) =
            applied(place, &sheets([(Table::Grids, grids)]), false).await
        else {
            panic!("taken")
        };
        assert!(mistakes.iter().any(|m| m.file.starts_with("units.csv (现有")), "{mistakes:#?}");
    }
}
