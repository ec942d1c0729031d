//! Site sheets 点表: what a spreadsheet writes becomes points, and every mistake is told at once
//! with its row and column.

use std::path::Path;

use firegrid_gateway::settings::Settings;
use firegrid_wire::document::Mistakes;

/// A site with one device and its sheet.
fn read(profile: &str, more: &str, sheet: &[u8]) -> Result<Settings, Mistakes> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("点表.csv"), sheet).expect("a sheet");
    let file = folder.path().join("gateway.toml");
    let text = format!(
        "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
         [[line]]\nname = \"l\"\naddress = \"b:502\"\n[[line.device]]\nname = \"d\"\nunit_id = 1\n\
         profile = \"{profile}\"\nsheet = \"点表.csv\"\n{more}"
    );
    std::fs::write(&file, text).expect("settings");
    Settings::read(&file)
}

/// Name, label, zone, tags, limits and source of every point.
fn points(settings: &Settings) -> Vec<String> {
    let entries = settings.inventory.catalogue().read().points;
    let told = entries.iter().map(|entry| {
        let source = entry.source.split_once(' ').expect("a source").1;
        let (tags, limits) = (entry.tags.join(" "), &entry.limits);
        format!(
            "{} | {} | {} | {tags} | {limits:?} | {}.{}{} | {source}",
            entry.n,
            entry.label,
            entry.zone,
            entry.system,
            entry.part,
            entry.elevation.map_or(String::new(), |metres| format!(" {metres} m"))
        )
    });
    told.collect()
}

#[track_caller]
fn check(profile: &str, more: &str, sheet: &[u8], expected: &[&str]) {
    let settings = read(profile, more, sheet).unwrap_or_else(|told| panic!("{told}"));
    let found = points(&settings);
    for point in expected {
        assert!(found.iter().any(|told| told == point), "{point:?} is not in {found:#?}");
    }
}

/// Expects exactly these mistakes, each by its path and the begin of what is told.
#[track_caller]
fn check_told(profile: &str, more: &str, sheet: &[u8], expected: &[(&str, &str)]) {
    let told = read(profile, more, sheet).expect_err("mistakes");
    let found: Vec<(String, &str, &str)> = told
        .0
        .iter()
        .map(|mistake| {
            let file = Path::new(&mistake.file).file_name().expect("a file").to_string_lossy();
            (file.into_owned(), mistake.path.as_str(), mistake.what.as_str())
        })
        .collect();
    assert_eq!(found.len(), expected.len(), "{told}");
    for ((file, path, what), (wanted, begin)) in found.iter().zip(expected) {
        assert_eq!((file.as_str(), *path), ("点表.csv", *wanted), "{told}");
        assert!(what.starts_with(begin), "{wanted}: {what:?} does not begin with {begin:?}");
    }
}

const CONTACTS: &str = "点名,位置,分区,标记,寄存器表,寄存器,位,含义,触点,系统类型,部件类型\r\n\
    flow-3F,三层水流指示器,3F,flow 喷淋,,4,,监管,常开,12,96\r\n\
    \r\n\
    valve-3F,\"三层信号阀, 东侧\",3F,,,5,,监管,常闭,12,97\r\n\
    pump-auto,喷淋泵自动,,,保持寄存器,2,7,手动,nc,12,95\r\n";

const CONTACT_POINTS: [&str; 3] = [
    "d/flow-3F | 三层水流指示器 | 3F | flow 喷淋 | {} | 12.96 | dry-contact discrete-inputs 4 contact 0=1 supervisory",
    "d/valve-3F | 三层信号阀, 东侧 | 3F |  | {} | 12.97 | dry-contact discrete-inputs 5 contact 0=0 supervisory",
    "d/pump-auto | 喷淋泵自动 |  |  | {} | 12.95 | dry-contact holding 2 contact 7=0 manual",
];

#[test]
fn a_sheet_is_read_in_every_form_that_a_spreadsheet_writes() {
    let (gb, _, was_wrong) = encoding_rs::GB18030.encode(CONTACTS);
    assert!(!was_wrong);
    assert!(std::str::from_utf8(&gb).is_err(), "the bytes are no UTF-8");
    check("dry-contact", "", CONTACTS.as_bytes(), &CONTACT_POINTS);
    check("dry-contact", "", format!("\u{feff}{CONTACTS}").as_bytes(), &CONTACT_POINTS);
    check("dry-contact", "", &gb, &CONTACT_POINTS);
    check("dry-contact", "", CONTACTS.replace("\r\n", "\n").as_bytes(), &CONTACT_POINTS);
}

#[test]
fn a_sheet_names_limits_and_moves_the_points_of_a_profile() {
    check(
        "pressure-transmitter-float",
        "options = { pressure_unit = \"kPa\", word_order = \"big\" }",
        "name,label,low,下下限,deadband,address,tags,标高\n\
         pressure,末端试水,0.10 MPa,50kPa,200 Pa,40101,sprinkler-end,36.5 m\n"
            .as_bytes(),
        &["d/pressure | 末端试水 |  | sprinkler-end | {\"low\": 100000.0, \"lowest\": 50000.0} \
           | 12.0 36.5 m | pressure-transmitter-float holding 100 f32 big big kPa"],
    );
    check(
        "fire-pump-controller",
        "",
        "name,bit,contact,part\nstart-failure,6,常闭,91\n".as_bytes(),
        &["d/start-failure | 水泵启动失败 |  | pump-start-failure | {} | 12.91 | \
           fire-pump-controller holding 1000 contact 6=0 fault"],
    );
}

#[test]
fn the_sheet_and_the_settings_are_one() {
    let more = "[[line.device.point]]\nname = \"flow-4F\"\nregister = 6\nmeans = \"火警\"\n";
    let settings = read("dry-contact", more, CONTACTS.as_bytes());
    assert_eq!(points(&settings.unwrap_or_else(|told| panic!("{told}"))).len(), 4);
    let twice = "[[line.device.point]]\nname = \"flow-3F\"\nregister = 6\nmeans = \"火警\"\n";
    check_told(
        "dry-contact",
        twice,
        CONTACTS.as_bytes(),
        &[("row 2, column 点名 (A)", "flow-3F stands already at line[0].device[0].point[0].name")],
    );
}

#[test]
fn every_mistake_of_a_gb18030_sheet_is_told_with_row_and_column() {
    let sheet = "点名,位置,寄存器,位,含义,触点,部件类型,下限,颜色\n\
        a,东门,1,,火警,常开,25,,\n\
        ,无名,2,,火警,,,,\n\
        b,西门,x,,着火,半开,300,,\n\
        c,南门,3,9,故障,,,0.1 MPa,\n\
        a,东门,4,,火警,,,,\n\
        d,北门,1,,火警,,,,\n\
        e f,空格,6,,火警,,,,\n\
        g,少,,,,,,,\n\
        h,多,7,,火警,,,,,多\n";
    let (gb, _, _) = encoding_rs::GB18030.encode(sheet);
    check_told(
        "dry-contact",
        "",
        &gb,
        &[
            ("row 1", "there is no column \"颜色\""),
            ("row 3, column 点名 (A)", "this key is missing"),
            ("row 4, column 含义 (E)", "\"着火\" is no state"),
            ("row 4, column 寄存器 (C)", "\"x\" does not fit"),
            ("row 4, column 触点 (F)", "\"半开\" does not fit"),
            ("row 4, column 部件类型 (G)", "\"300\" does not fit"),
            ("row 5, column 位 (D)", "discrete-inputs are single bits"),
            ("row 6, column 点名 (A)", "a stands already at row 2.name"),
            ("row 7, column 寄存器 (C)", "the same bit of discrete-inputs 1 is \"a\" already"),
            ("row 8, column 点名 (A)", ""),
            ("row 9, column 含义 (E)", "what does the contact report"),
            ("row 9, column 寄存器 (C)", "where does it lie?"),
            ("row 10", "it has 10 cells, the heads are 9"),
        ],
    );
}

#[test]
fn mistakes_of_a_sheet_stand_beside_those_of_the_settings() {
    let told = read("dry-contact", "colour = 1\n", "点名,寄存器,含义\na,x,火警\n".as_bytes());
    let told = told.expect_err("mistakes").to_string();
    for hint in ["gateway.toml: line[0].device[0].colour", "点表.csv: row 2, column 寄存器 (B)"]
    {
        assert!(told.contains(hint), "{hint} is not told: {told}");
    }
}

#[test]
fn a_mistake_of_a_sheet_makes_no_other_of_what_is_good() {
    let sheet = "点名,寄存器,含义\na,x,火警\n".as_bytes();
    check_told(
        "dry-contact",
        "alarm_period = \"1s\"",
        sheet,
        &[("row 2, column 寄存器 (B)", "\"x\" does not fit")],
    );
}

#[test]
fn limits_need_a_unit_that_fits_and_a_point_with_a_number() {
    check_told(
        "pressure-transmitter-float",
        "options = { pressure_unit = \"kPa\", word_order = \"big\" }",
        "name,low,high,deadband,means,标高,不变时限\npressure,0.1,1 m,-1 kPa,火警,high,5min\n"
            .as_bytes(),
        &[
            ("row 2, column deadband (D)", "a deadband is 0 or more"),
            ("row 2, column high (C)", "1 m is no 压力"),
            ("row 2, column low (B)", "\"0.1\" does not fit: a number with its unit"),
            ("row 2, column means (E)", "the profile says what this point is made of"),
            ("row 2, column 不变时限 (G)", "5min does not fit: from 1h to 365d"),
            ("row 2, column 标高 (F)", "\"high\" does not fit: a height in metres"),
        ],
    );
    check_told(
        "fire-pump-controller",
        "",
        "name,low,stuck_after\npower,1 Pa,3d\n".as_bytes(),
        &[
            ("row 2, column limits", "the point has states and no number"),
            ("row 2, column stuck_after (C)", "the point has states and no number"),
        ],
    );
}

#[test]
fn two_bits_of_a_gst_device_must_be_a_pair() {
    check_told(
        "gst-site-sheet",
        "",
        "点名,地址,位,含义\na,40031,12-11,\nb,40031,3,\nc,30031,3-2,火警\nd,1,1-0,\ne,00031,1-0,\n"
            .as_bytes(),
        &[
            ("row 2, column 位 (C)", "it takes 2 bits: one of 15-14, 13-12"),
            ("row 3, column 位 (C)", "it takes 2 bits"),
            ("row 4, column 含义 (D)", "the profile says what the bits mean"),
            ("row 5, column 地址 (B)", "\"1\" does not fit: five or six digits"),
            ("row 6, column table", "coils are single bits"),
        ],
    );
}

#[test]
fn an_analog_input_needs_its_scale() {
    let signal = "options = { signal = \"4-20mA\" }";
    check(
        "analog-input",
        signal,
        "点名,寄存器,原始零点,原始满度,量程下限,量程上限,标记\n\
         p,3,4000,20000,0 MPa,1.6 MPa,sprinkler-end\n"
            .as_bytes(),
        &["d/p | p |  | sprinkler-end | {} | 0.0 | \
           analog-input input 3 u16 4-20 mA 4000..20000 is 0..1600000 Pa"],
    );
    check_told(
        "analog-input",
        signal,
        "点名,寄存器,原始零点,原始满度,量程下限,量程上限,含义\n\
         a,1,,20000,0 MPa,1.6 MPa,\n\
         b,2,x,20000,0,1.6 MPa,火警\n\
         c,3,0,20000,0 MPa,2 m,\n\
         d,4,7,7,0 MPa,1 MPa,\n"
            .as_bytes(),
        &[
            ("row 2, column 原始零点 (C)", "an analog input needs"),
            ("row 3, column 原始零点 (C)", "\"x\" does not fit"),
            ("row 3, column 含义 (G)", "an analog input has a number"),
            ("row 3, column 量程下限 (E)", "\"0\" does not fit: a number with its unit"),
            ("row 4, column 量程上限 (F)", "both ends of a range need a unit"),
            ("row 5, column 原始满度 (D)", "both ends of the range are the same"),
        ],
    );
    check_told(
        "fire-pump-controller",
        "",
        "name,raw_low\npower,1\n".as_bytes(),
        &[("row 2, column raw_low (B)", "only an analog input is scaled")],
    );
}

#[test]
fn contacts_side_by_side_are_told_apart() {
    check(
        "dry-contact",
        "",
        "点名,寄存器,含义,触点\npump,4,启动/反馈,常开\nvalve,6,监管,\n".as_bytes(),
        &["d/pump | pump |  |  | {} | 0.0 | \
           dry-contact discrete-inputs 4 2 contact 0=1 active 1=1 feedback"],
    );
    check_told(
        "dry-contact",
        "",
        "点名,寄存器,寄存器表,位,含义,触点\n\
         a,4,,,启动/反馈,常开/常闭/常开\n\
         b,6,,,启动/,\n\
         c,8,holding,3,启动/反馈,\n\
         d,9,,,启动/反馈,\n\
         e,10,,,故障,\n\
         f,65535,,,启动/反馈,\n"
            .as_bytes(),
        &[
            ("row 2, column 触点 (F)", "3 contacts for 2 meanings"),
            ("row 3, column 含义 (E)", "\"启动/\" is no state"),
            ("row 4, column 位 (D)", "a contact is one bit"),
            ("row 6, column 寄存器 (B)", "the same bit of discrete-inputs 10 is \"d\" already"),
            ("row 7, column 寄存器 (B)", "the last register would be 65536"),
        ],
    );
}

#[test]
fn what_is_no_sheet_is_told() {
    let told = |sheet: &[u8], expected: &[(&str, &str)]| {
        check_told("fire-pump-controller", "", sheet, expected);
    };
    told(b"", &[("row 1", "the column name 点名 is missing")]);
    told("位置\n东门\n".as_bytes(), &[("row 1", "the column name")]);
    told(b"name\n\xff\xff\n", &[("row 2", "this is neither UTF-8 nor GB 18030")]);
    told(b"\xff\xfen\0a\0m\0e\0", &[("row 1", "this is neither UTF-8 nor GB 18030")]);
    told("name,点名\npower,power\n".as_bytes(), &[("row 1", "the columns \"name\" and \"点名\"")]);
    told(
        b"name,label\npower,\"a\nb\"\n",
        &[("row 2", "a quoted cell does not end"), ("row 3", "a quoted cell does not end")],
    );
    let long = format!("name,label\npower,{}\n", "长".repeat(201));
    told(long.as_bytes(), &[("row 2", "label: the text is longer than 200 characters")]);
}

#[test]
fn a_device_whose_points_are_the_sites_needs_a_sheet() {
    let settings = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
        [[line]]\nname = \"l\"\naddress = \"b:502\"\n[[line.device]]\nname = \"d\"\nunit_id = 1\n\
        profile = \"dry-contact\"\n";
    let told = Settings::parse("site", settings).expect_err("a mistake").to_string();
    assert!(told.contains("line[0].device[0].sheet: the profile has no points"), "{told}");
    let gone = format!("{settings}alarm_period = \"1s\"\nsheet = \"/nowhere/sheet.csv\"\n");
    let told = Settings::parse("site", &gone).expect_err("mistakes").to_string();
    assert!(told.contains("/nowhere/sheet.csv: the sheet cannot be read"), "{told}");
    assert!(told.starts_with("1 mistake:"), "{told}");
}
