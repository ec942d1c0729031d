//! Transmitters of pressure and level.

use firegrid_wire::reading::Quality;

use crate::bench::{Bench, HOLDING, INPUT};

/// Decimals 0x0003, value 0x0004, and 0x0002 where the device's unit is believed.
#[tokio::test]
async fn an_integer_becomes_pascal_by_its_decimals_and_unit() {
    for (unit, registers, said) in [
        // 0.350 MPa with 3 decimals; 350 kPa with none; 35.00 with 2.
        ("MPa", [0, 3, 350], "350000 Pa"),
        ("kPa", [9, 0, 350], "350000 Pa"),
        ("Pa", [0, 2, 3_500], "35 Pa"),
        ("bar", [0, 4, 35_000 - 32_768], "22320 Pa"),
        // 3 = bar, 6 = psi: 3.50 bar; 14.5 psi.
        ("device", [3, 2, 350], "350000 Pa"),
        ("device", [6, 1, 145], "99973.9807509 Pa"),
        // 0 = MPa, 1 = kPa, 2 = Pa.
        ("device-cn", [0, 2, 35], "350000 Pa"),
        ("device-cn", [1, 1, 3_500], "350000 Pa"),
        ("device-cn", [2, 0, 35], "35 Pa"),
        // Negative: -0.02 MPa.
        ("MPa", [0, 3, (-20_i16).cast_unsigned()], "-20000 Pa"),
    ] {
        let options = format!("options = {{ unit = \"{unit}\" }}");
        let mut sensor = Bench::start("pressure-transmitter-integer", &options).await;
        let [unit, decimals, value] = registers;
        let registers = [(2, unit), (3, decimals), (4, value)];
        sensor.check(HOLDING, &registers, &[("pressure", said)]).await;
        assert_eq!(sensor.quality("pressure"), Quality::Good);
    }
}

#[tokio::test]
async fn an_integer_without_sense_is_no_pressure() {
    let device = "options = { unit = \"device\" }";
    let mut sensor = Bench::start("pressure-transmitter-integer", device).await;
    // Five decimals no such transmitter has; 9 is a unit that nobody has told us.
    sensor.check(HOLDING, &[(2, 3), (3, 5), (4, 350)], &[("pressure", "unknown")]).await;
    assert_eq!(sensor.quality("pressure"), Quality::SensorFault);
    sensor.check(HOLDING, &[(2, 3), (3, 2)], &[("pressure", "350000 Pa")]).await;
    sensor.check(HOLDING, &[(2, 9)], &[("pressure", "unknown")]).await;
    assert_eq!(sensor.quality("pressure"), Quality::OutOfRange);
}

/// value = (raw + offset) / 10^decimals.
#[tokio::test]
async fn an_offset_that_the_device_does_not_add_is_added() {
    let options = "options = { unit = \"kPa\", offset = -12 }";
    let mut sensor = Bench::start("pressure-transmitter-integer", options).await;
    sensor.check(HOLDING, &[(3, 1), (4, 3_512)], &[("pressure", "350000 Pa")]).await;
}

#[tokio::test]
async fn a_level_is_metres_whatever_it_is_counted_in() {
    for (unit, decimals, value, said) in [
        ("m", 3, 2_450, "2.45 m"),
        ("cm", 0, 245, "2.45 m"),
        ("mm", 0, 2_450, "2.45 m"),
        // p / 9.807 kPa/m: 19.614 kPa are 2 m.
        ("kPa-water", 3, 19_614, "2 m"),
        ("bar-water", 4, 1_961, "1.99959212807 m"),
    ] {
        let options = format!("options = {{ unit = \"{unit}\" }}");
        let mut sensor = Bench::start("level-transmitter-integer", &options).await;
        sensor.check(HOLDING, &[(3, decimals), (4, value)], &[("level", said)]).await;
    }
}

/// 19.614 is 0x419CE979: 19.614 kPa are 2 m.
#[tokio::test]
async fn a_float_level_is_metres() {
    let options = "options = { unit = \"kPa-water\", word_order = \"little\" }";
    let mut sensor = Bench::start("level-transmitter-float", options).await;
    let bits = 19.614_f32.to_bits();
    let registers = [(0x16, bits as u16), (0x17, (bits >> 16) as u16)];
    sensor.check(HOLDING, &registers, &[("level", "2 m")]).await;
}

/// 0x040A pressure: 0.35 is 0x3EB33333; 0x040C temperature: 21.5 is 0x41AC0000.
#[tokio::test]
async fn sw_p300() {
    let big = "options = { pressure_unit = \"MPa\", word_order = \"big\" }";
    let mut sensor = Bench::start("pressure-transmitter-sw-p300", big).await;
    sensor
        .check(
            HOLDING,
            &[(0x40A, 0x3EB3), (0x40B, 0x3333), (0x40C, 0x41AC), (0x40D, 0x0000)],
            &[("pressure", "350000 Pa"), ("temperature", "21.5 Cel")],
        )
        .await;
    let little = "options = { pressure_unit = \"MPa\", word_order = \"little\", \
                  temperature_unit = \"none\" }";
    let mut sensor = Bench::start("pressure-transmitter-sw-p300", little).await;
    sensor.check(HOLDING, &[(0x40A, 0x3333), (0x40B, 0x3EB3)], &[("pressure", "350000 Pa")]).await;
    // Not a number.
    sensor.check(HOLDING, &[(0x40A, 0), (0x40B, 0x7FC0)], &[("pressure", "unknown")]).await;
    assert_eq!(sensor.quality("pressure"), Quality::SensorFault);
}

const ANALOG: &str = r#"options = { signal = "4-20mA", type = "i16" }
[[line.device.point]]
name = "riser"
register = 0
raw_low = 4000
raw_high = 20000
range_low = "0 MPa"
range_high = "1.6 MPa"
limits = { low = "0.10 MPa" }
[[line.device.point]]
name = "tank"
address = "40011"
raw_low = 819
raw_high = 4095
range_low = "0 m"
range_high = "500 cm"
"#;

/// A module that counts µA, and one that counts 0 to 20 mA as 0 to 4095.
#[tokio::test]
async fn an_analog_input_is_scaled_by_the_site() {
    let mut module = Bench::start("analog-input", ANALOG).await;
    module.check(INPUT, &[(0, 7_500)], &[("riser", "350000 Pa")]).await;
    module.check(HOLDING, &[(10, 2_457)], &[("tank", "2.5 m")]).await;
    // 3 mA, and what many modules show for a broken loop.
    for broken in [3_000, 0, 0x8000, 0x7FFF] {
        module.check(INPUT, &[(0, 4_000)], &[("riser", "0 Pa")]).await;
        module.check(INPUT, &[(0, broken)], &[("riser", "unknown")]).await;
        assert_eq!(module.quality("riser"), Quality::SensorFault);
    }
}

#[tokio::test]
async fn the_simulator_plays_every_transmitter() {
    for (profile, more) in [
        ("pressure-transmitter-integer", "options = { unit = \"MPa\", offset = 3 }"),
        ("pressure-transmitter-integer", "options = { unit = \"device\" }"),
        ("level-transmitter-integer", "options = { unit = \"kPa-water\" }"),
        ("analog-input", ANALOG),
        ("level-transmitter-float", "options = { unit = \"m\", word_order = \"big\" }"),
        (
            "pressure-transmitter-sw-p300",
            "options = { pressure_unit = \"kPa\", word_order = \"big\" }",
        ),
        (
            "pressure-transmitter-float",
            "options = { pressure_unit = \"kPa\", word_order = \"big\" }",
        ),
    ] {
        Bench::start(profile, more).await.play().await;
    }
}
