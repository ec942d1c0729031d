//! A gateway process on the devices of the bench: its profile and its settings.

use std::fmt::Write as _;
use std::time::Duration;

use system_tests::{Gateway, World};

use crate::Shape;

/// The most points of one group of a profile.
const POINTS_OF_A_GROUP: usize = 10_000;

/// The point of an alarm register.
pub(crate) fn alarm_point(unit: usize, alarm: usize) -> String {
    format!("device-{unit:02}/alarm-{alarm:04}")
}

/// Starts a gateway that reads all devices, each over a connection of its own: every register
/// is a point.
pub(crate) fn start(world: &World, broker: &str, devices: &[String], shape: Shape) -> Gateway {
    let profiles = world.path("profiles");
    std::fs::create_dir_all(&profiles).expect("a folder");
    std::fs::write(profiles.join("bench.toml"), profile(shape)).expect("the profile is written");
    Gateway::named("gateway", world, |settings| {
        settings["broker"]["address"] = toml::Value::from(broker);
        settings.insert("profiles".into(), toml::Value::from("profiles"));
        settings["line"] = lines(devices, shape);
    })
}

fn lines(devices: &[String], shape: Shape) -> toml::Value {
    let line = |(unit, address): (usize, &String)| {
        let mut device = toml::Table::new();
        device.insert("name".into(), format!("device-{unit:02}").into());
        device.insert("unit_id".into(), (unit as i64).into());
        device.insert("profile".into(), "bench".into());
        let mut period = |key: &str, period: Duration| {
            device.insert(key.into(), format!("{}ms", period.as_millis()).into());
        };
        period("analog_period", shape.analog_period.unwrap_or(SHORTEST_PERIOD));
        shape.alarm_period.into_iter().for_each(|of| period("alarm_period", of));
        let mut line = toml::Table::new();
        line.insert("name".into(), format!("line-{unit:02}").into());
        line.insert("address".into(), address.as_str().into());
        line.insert("device".into(), toml::Value::Array(vec![device.into()]));
        toml::Value::Table(line)
    };
    toml::Value::Array((1..).zip(devices).map(line).collect())
}

/// The shortest that settings take.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

fn profile(shape: Shape) -> String {
    let mut text = format!(
        "name = \"bench\"\nlabel = \"试验设备\"\nmanual = \"made for the bench\"\n\
         [reads]\nregisters = {}\nhole = 0\n[word.alarm]\nnormal = 0\n\
         bits = {{ 0 = \"fire\", 1 = \"fault\" }}\n",
        shape.longest
    );
    let mut group = |name: &str, label: &str, table: &str, first: usize, last: usize, how: &str| {
        writeln!(
            text,
            "[[point]]\nsource = \"made for the bench\"\nname = \"{name}-{{n:4}}\"\n\
             label = \"{{n}} 号{label}\"\neach = {{ n = {{ from = {first}, to = {last}, step = 1 }} }}\n\
             table = \"{table}\"\nregister = {first}\nsystem = 1\npart = 25\n{how}"
        )
        .expect("a text grows");
    };
    if 0 < shape.alarms {
        group("alarm", "探测器", "holding", 0, shape.alarms - 1, "word = \"alarm\"");
    }
    for first in (0..shape.analogs).step_by(POINTS_OF_A_GROUP) {
        let last = (first + POINTS_OF_A_GROUP).min(shape.analogs) - 1;
        let number = "number = { type = \"u16\", unit = \"Pa\", plausible = [0.0, 70000.0] }";
        group("analog", "压力", "input", first, last, number);
    }
    text
}
