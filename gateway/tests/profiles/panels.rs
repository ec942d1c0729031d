//! Panels, aspirating detectors and power supplies.

use crate::bench::{Bench, HOLDING, INPUT};

const CLSS: (&str, &str) = (
    "honeywell-clss",
    "options = { loops = [1, 10], detectors = [\"1-20\", 300], modules = [1, 300], \
     zones = [\"1-3\", 2000], circuits = [1, 12], bells = [4], analog_modules = [1, 300] }",
);

/// LS10248-000HW-E: words of table 7.9 at the addresses of tables 7.10, 7.15, 7.18, 7.19, 7.22,
/// 7.23 and 7.24, each less the table's digit and 1.
#[tokio::test]
async fn honeywell_clss() {
    let mut panel = Bench::start(CLSS.0, CLSS.1).await;
    // 400017: active (11), enabled (10), event 10, fire alarm.
    panel.check(HOLDING, &[(16, 0x0C10)], &[("L1D017", "fire"), ("L1D018", "normal")]).await;
    // 400300: trouble (13), enabled. 400301: disabled (9). 400600: not programmed, 00FF.
    panel
        .check(
            HOLDING,
            &[(299, 0x2400), (300, 0x0200), (599, 0x00FF)],
            &[("L1D300", "fault"), ("L1M001", "disabled"), ("L1M300", "absent")],
        )
        .await;
    // L10: detectors from 405401, modules from 405701. 405720: event 40, supervisory.
    panel
        .check(
            HOLDING,
            &[(5400, 0x4400), (5700, 0x0C40)],
            &[("L10D001", "prealarm"), ("L10M001", "supervisory")],
        )
        .await;
    // A word without any of the bits 9 to 14 says nothing.
    panel.check(HOLDING, &[(0, 0x0000)], &[("L1D001", "unknown")]).await;
    // 408001 and 410000: event 71, non-fire activation. 406004. 414096: P12.8.
    panel
        .check(
            HOLDING,
            &[(8_000, 0x0C71), (9_999, 0x0C71), (6_003, 0x2400), (14_095, 0x0C71)],
            &[("Z0001", "active"), ("Z2000", "active"), ("bell4", "fault"), ("P12.8", "active")],
        )
        .await;
    // 420001 bit 1 silenced. 460000 = 2 troubles; 0 again.
    panel
        .check(
            HOLDING,
            &[(20_000, 0x0002), (59_999, 2)],
            &[("silenced", "active"), ("troubles", "fault")],
        )
        .await;
    panel.check(HOLDING, &[(59_999, 0)], &[("troubles", "normal")]).await;
    // 310001 and 313000, input registers.
    panel
        .check(
            INPUT,
            &[(10_000, 517), (12_999, 65_535)],
            &[("L1A001", "517 count"), ("L10A300", "65535 count")],
        )
        .await;
}

/// Table 7.26: bit 0 of 320001 is node 1, bit 15 node 16; 1 on line, 0 off line.
#[tokio::test]
async fn honeywell_clss_gateway() {
    let mut gateway =
        Bench::start("honeywell-clss-gateway", "options = { nodes = [1, \"16-17\", 240] }").await;
    gateway
        .check(
            INPUT,
            &[(20_000, 0x8000), (20_001, 0x0001), (20_014, 0x7FFF), (60_015, 3), (60_016, 1)],
            &[
                ("node001", "fault"),
                ("node016", "normal"),
                ("node017", "normal"),
                ("node240", "fault"),
                ("version-major", "3 count"),
                ("version-minor", "1 count"),
            ],
        )
        .await;
}

const SIEMENS: (&str, &str) = (
    "siemens-nk8237",
    "options = { zones = [\"1-3\"], elements = [1, 1000], controls = [1], channels = [1], \
     sections = [2], hardware = [1] }",
);

/// A6V10316242: the bits of each table, at the manual's default bases.
#[tokio::test]
async fn siemens_nk8237() {
    let mut panel = Bench::start(SIEMENS.0, SIEMENS.1).await;
    // WT_Zone 1500: 15 alarm, 14 pre-alarm with 8 abnormal, 4 walk test.
    panel
        .check(
            INPUT,
            &[(1_500, 0x8000), (1_501, 0x4100), (1_502, 0x0010)],
            &[("Z0001", "fire"), ("Z0002", "prealarm"), ("Z0003", "test")],
        )
        .await;
    // 7 off and 15 alarm; 6 test; 8 abnormal without a reason.
    panel
        .check(
            INPUT,
            &[(1_500, 0x8080), (1_501, 0x0040), (1_502, 0x0100)],
            &[("Z0001", "fire disabled"), ("Z0002", "test"), ("Z0003", "unknown")],
        )
        .await;
    // WT_LogCh 2500: 13 fault, 11 test active. WT_Ctrl 3500: 12 not ready. WT_CtrlChan 4800: 15
    // active. WT_Section 6100: 7 all zones off.
    panel
        .check(
            INPUT,
            &[(2_500, 0x2100), (3_499, 0x0800), (3_500, 0x1100), (4_800, 0x8000), (6_101, 0x0080)],
            &[
                ("E0001", "fault"),
                ("E1000", "test"),
                ("C0001", "fault"),
                ("CC0001", "active"),
                ("S002", "disabled"),
            ],
        )
        .await;
    // WT_PowerSupply 6600: 10 on battery, 13 fault. WT_HWObj 6601: 15 alarm, then 13 fault.
    panel
        .check(
            INPUT,
            &[(6_600, 0x2400), (6_601, 0x8000)],
            &[("supply", "fault mains-fault"), ("H0001", "supervisory")],
        )
        .await;
    panel.check(INPUT, &[(6_601, 0x2000)], &[("H0001", "fault")]).await;
}

#[tokio::test]
async fn siemens_tables_begin_where_the_site_has_put_them() {
    let options = "options = { zones = [3], zones_at = 900, supply_at = 20 }";
    let mut panel = Bench::start("siemens-nk8237", options).await;
    panel
        .check(
            INPUT,
            &[(902, 0x8000), (20, 0x0400)],
            &[("Z0003", "fire"), ("supply", "mains-fault")],
        )
        .await;
}

/// WT_NK8237Point: 7 tamper off, 9 configuration mismatch, 13 connection fault, 15 alarm.
#[tokio::test]
async fn siemens_nk8237_gateway() {
    let mut gateway = Bench::start("siemens-nk8237-gateway", "").await;
    for (word, said) in [
        (0x0080, "disabled"),
        (0x0200, "fault"),
        (0x2000, "fault"),
        (0x8000, "supervisory"),
        (0, "normal"),
    ] {
        gateway.check(INPUT, &[(8_000, word)], &[("G001", said)]).await;
    }
}

/// STT20, panel word: 13 fault, 15 alarm; 0 and 8 are used and not explained.
#[tokio::test]
async fn siemens_stt20() {
    let mut panel = Bench::start("siemens-stt20", "options = { panels = [1, 2] }").await;
    for (word, said) in [
        (0x8000, "fire"),
        (0x2000, "fault"),
        (0xA101, "fire fault"),
        (0x0001, "unknown"),
        (0x0100, "unknown"),
        (0, "normal"),
    ] {
        panel.check(INPUT, &[(1_101, word)], &[("panel002", said)]).await;
    }
}

/// FAAST Modbus Protocol Schema 1, pages 9 and 10; 40001 is register 0.
#[tokio::test]
async fn faast_aspirating() {
    let mut detector = Bench::start("faast-aspirating", "").await;
    // 13 alarm level: alert; alert, action 1 and fire 1; fire 2.
    for (word, said) in [(0x01, "prealarm"), (0x0B, "fire prealarm"), (0x10, "fire"), (0, "normal")]
    {
        detector.check(HOLDING, &[(12, word)], &[("smoke", said)]).await;
    }
    // 4 system faults: low voltage, low flow, sensor, isolation.
    detector
        .check(
            HOLDING,
            &[(3, 0b10_0000_1011)],
            &[
                ("power", "supply-fault"),
                ("airflow", "fault"),
                ("device", "fault"),
                ("isolation", "disabled"),
            ],
        )
        .await;
    // 5 minor: filter. 6 urgent: aspirator. 15 cover open. 12 fan at 3000 rpm.
    detector
        .check(
            HOLDING,
            &[(4, 1 << 5), (5, 1 << 4), (14, 1), (11, 3_000)],
            &[
                ("minor-faults", "fault"),
                ("urgent-faults", "fault"),
                ("cover", "fault"),
                ("fan", "50 Hz"),
            ],
        )
        .await;
    // 7 mode: 2 test, 4 disable, 1 initialization, 3 normal.
    for (word, said) in [(2, "test"), (4, "disabled"), (1, "unknown"), (3, "normal")] {
        detector.check(HOLDING, &[(6, word)], &[("mode", said)]).await;
    }
}

#[tokio::test]
async fn faast_behind_a_converter_that_counts_from_one() {
    let options = "options = { first_register = 1 }";
    let mut detector = Bench::start("faast-aspirating", options).await;
    detector.check(HOLDING, &[(13, 0x08)], &[("smoke", "fire")]).await;
}

/// EN54C-LCD 1.1: error flags 3114 and 3115, measurements from 3116.
#[tokio::test]
async fn pulsar_en54c() {
    let mut supply = Bench::start("pulsar-en54c", "").await;
    // F01 AC power fail, F10 low battery voltage.
    supply
        .check(
            INPUT,
            &[(3_114, 1 | 1 << 7)],
            &[("mains", "mains-fault"), ("battery", "battery-fault"), ("output1", "normal")],
        )
        .await;
    for bit in [3, 5, 7, 8, 11, 12, 13, 14] {
        supply.check(INPUT, &[(3_114, 0)], &[("battery", "normal")]).await;
        supply.check(INPUT, &[(3_114, 1 << bit)], &[("battery", "battery-fault")]).await;
    }
    // F02 AUX1 fuse, F12 EXTi, F21 cover.
    supply
        .check(
            INPUT,
            &[(3_114, 1 << 1 | 1 << 9 | 1 << 15)],
            &[
                ("output1", "supply-fault"),
                ("external", "active"),
                ("housing", "fault"),
                ("mains", "normal"),
            ],
        )
        .await;
    // F22 AUX2 fuse, F60 no communication; 27.6 V, 13.05 V, 2.5 A, -5 °C.
    supply
        .check(
            INPUT,
            &[
                (3_115, 1 | 1 << 5),
                (3_116, 27_600),
                (3_119, 13_050),
                (3_121, 2_500),
                (3_123, 0xFFFB),
            ],
            &[
                ("output2", "supply-fault"),
                ("internal", "fault"),
                ("output-voltage", "27.6 V"),
                ("battery-voltage", "13.05 V"),
                ("battery-current", "2.5 A"),
                ("battery-temperature", "-5 Cel"),
            ],
        )
        .await;
}

#[tokio::test]
async fn the_simulator_plays_every_state_of_every_panel() {
    for (profile, more) in [
        CLSS,
        ("honeywell-clss-gateway", "options = { nodes = [1, \"16-17\", 240] }"),
        SIEMENS,
        ("siemens-nk8237-gateway", ""),
        ("siemens-stt20", ""),
        ("faast-aspirating", ""),
        ("pulsar-en54c", ""),
        ("notifier-modbus-gw", "options = { loops = [1] }"),
        ("fire-pump-controller", ""),
    ] {
        Bench::start(profile, more).await.play().await;
    }
}
