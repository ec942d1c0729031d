//! Devices whose points stand in the site's sheet: dry contacts, and GST panels.

use crate::bench::{Bench, COILS, DISCRETE, HOLDING, INPUT, settings};

const CONTACTS: &str = r#"
[[line.device.point]]
name = "flow"
register = 0
means = "supervisory"
part = 96
system = 12
[[line.device.point]]
name = "valve"
address = "10009"
means = "监管"
contact = "常闭"
[[line.device.point]]
name = "running"
table = "coils"
register = 3
means = "feedback active"
[[line.device.point]]
name = "auto"
address = 40002
bit = 5
means = "手动"
contact = "nc"
[[line.device.point]]
name = "call-point"
table = "输入寄存器"
register = "0x10"
bit = 15
means = "火警"
"#;

/// Four inputs side by side are one pump, and two bits of a register another.
const PUMPS: &str = r#"
[[line.device.point]]
name = "pump1"
register = 20
means = "启动/反馈/手动/电源故障"
contact = "常开/常开/常闭/常闭"
part = 95
[[line.device.point]]
name = "pump2"
table = "holding"
register = 3
bit = "5-4"
means = "active / feedback"
"#;

/// Command, running feedback, selector in automatic, supply: each its own contact.
#[tokio::test]
async fn contacts_side_by_side_make_one_point() {
    let mut module = Bench::start("dry-contact", PUMPS).await;
    for (inputs, said) in [
        ([0, 0, 1, 1], "normal"),
        ([1, 0, 1, 1], "active"),
        ([1, 1, 1, 1], "active feedback"),
        ([1, 1, 0, 1], "active feedback manual"),
        ([0, 0, 0, 0], "supply-fault manual"),
    ] {
        let registers: Vec<(u16, u16)> = (20..).zip(inputs).collect();
        module.check(DISCRETE, &registers, &[("pump1", said)]).await;
    }
    for (word, said) in [(0x0010, "active"), (0x0020, "feedback"), (0xFFFF, "active feedback")] {
        module.check(HOLDING, &[(3, word)], &[("pump2", said)]).await;
    }
    module.play().await;
}

/// A closed contact is 1: a normally-open one reports with 1, a normally-closed one with 0.
#[tokio::test]
async fn a_contact_reports_when_it_leaves_its_rest() {
    let mut module = Bench::start("dry-contact", CONTACTS).await;
    module.check(DISCRETE, &[(0, 0), (8, 1)], &[("flow", "normal"), ("valve", "normal")]).await;
    module
        .check(DISCRETE, &[(0, 1), (8, 0)], &[("flow", "supervisory"), ("valve", "supervisory")])
        .await;
    module.check(COILS, &[(3, 1)], &[("running", "active feedback")]).await;
    module.check(HOLDING, &[(1, 0xFFDF)], &[("auto", "manual")]).await;
    module.check(HOLDING, &[(1, 0x0020)], &[("auto", "normal")]).await;
    module.check(INPUT, &[(16, 0x8000)], &[("call-point", "fire")]).await;
    module.check(INPUT, &[(16, 0x7FFF)], &[("call-point", "normal")]).await;
}

#[tokio::test]
async fn a_module_whose_closed_contact_is_zero_is_read_the_other_way() {
    let more = format!("options = {{ closed = \"0\", table = \"coils\" }}\n{CONTACTS}");
    let mut module = Bench::start("dry-contact", &more).await;
    module.check(COILS, &[(0, 0), (3, 1)], &[("flow", "supervisory"), ("running", "normal")]).await;
    module.check(DISCRETE, &[(8, 1)], &[("valve", "supervisory")]).await;
    module.check(COILS, &[(0, 1)], &[("flow", "normal")]).await;
}

/// 40031 bits 11-10 are the first device of that project; 40032 begins at bits 15-14.
const GST: &str = r#"
[[line.device.point]]
name = "1-001"
label = "一层大厅感烟"
address = "40031"
bit = "11-10"
[[line.device.point]]
name = "1-002"
address = "40031"
bit = "9-8"
[[line.device.point]]
name = "1-006"
address = "40031"
bit = "1-0"
[[line.device.point]]
name = "1-007"
address = "40032"
bit = "15-14"
part = 23
"#;

/// 00 normal, 01 fire, 10 fault, 11 disabled.
#[tokio::test]
async fn gst_devices_lie_two_bits_each_high_bits_first() {
    let mut panel = Bench::start("gst-site-sheet", GST).await;
    panel
        .check(
            HOLDING,
            // xxxx 01 10 xx xx xx 11; 01 ...
            &[(30, 0b0000_0110_0000_0011), (31, 0b0100_0000_0000_0000)],
            &[("1-001", "fire"), ("1-002", "fault"), ("1-006", "disabled"), ("1-007", "fire")],
        )
        .await;
    // The bits of devices that the sheet does not name are nobody's.
    panel
        .check(
            HOLDING,
            &[(30, 0b1111_0000_1111_1100), (31, 0x3FFF)],
            &[("1-001", "normal"), ("1-002", "normal"), ("1-006", "normal"), ("1-007", "normal")],
        )
        .await;
}

#[tokio::test]
async fn the_simulator_plays_contacts_and_gst_devices() {
    Bench::start("dry-contact", CONTACTS).await.play().await;
    Bench::start("gst-site-sheet", GST).await.play().await;
}

#[test]
fn an_added_point_is_told_to_the_centre_as_the_site_describes_it() {
    let settings = settings("10.0.0.9:502", "gst-site-sheet", GST);
    let entries = settings.inventory.catalogue().read().points;
    let told = |at: usize| {
        let entry = &entries[at];
        (entry.label.as_str(), entry.system, entry.part, entry.source.as_str())
    };
    assert_eq!(
        told(0),
        ("一层大厅感烟", 1, 25, "10.0.0.9:502#1 gst-site-sheet holding 30 word device up 10")
    );
    assert_eq!(
        told(3),
        ("1-007", 1, 23, "10.0.0.9:502#1 gst-site-sheet holding 31 word device up 14")
    );
}
