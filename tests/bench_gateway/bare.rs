//! The bare loop beside the gateway: it asks for the same blocks in the same periods and does
//! nothing with the answers. A process of its own, so that its CPU time can be told apart.

use std::process::Command;
use std::time::Duration;

use system_tests::{Part, World};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_modbus::Slave;
use tokio_modbus::client::{Context, Reader as _, tcp};

use crate::Shape;

/// The argument under which this program is the bare loop; the shape follows it.
pub(crate) const ARGUMENT: &str = "--bare-loop";

/// Starts it as a process.
pub(crate) fn start(world: &World, addresses: &[String], shape: Shape) -> Part {
    let this = std::env::current_exe().expect("the path of this bench");
    let numbers = [shape.devices, shape.analogs, shape.alarms, usize::from(shape.longest)];
    let mut command = Command::new(this);
    command.arg(ARGUMENT).arg(addresses.join(",")).args(numbers.map(|number| number.to_string()));
    for period in [shape.analog_period, shape.alarm_period] {
        command.arg(period.map_or(0, |period| period.as_millis()).to_string());
    }
    Part::start(world, "bare-loop", &mut command)
}

/// Is the bare loop, until it is killed.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) {
    let addresses = arguments.next().expect("addresses");
    let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
    let (devices, analogs, alarms, longest) = (number(), number(), number(), number());
    let mut period =
        || Some(number()).filter(|ms| *ms != 0).map(|ms| Duration::from_millis(ms as u64));
    let (analog_period, alarm_period) = (period(), period());
    let longest = longest as u16;
    let shape = Shape { devices, analogs, alarms, longest, analog_period, alarm_period };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let mut devices = tokio::task::JoinSet::new();
        for (unit, address) in (1..).zip(addresses.split(',')) {
            devices.spawn(read(address.to_owned(), unit, shape));
        }
        devices.join_next().await;
    });
}

async fn read(address: String, unit: u8, shape: Shape) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a TCP stream");
    let mut context = tcp::attach_slave(stream, Slave(unit));
    let ticks = |period: Option<Duration>| {
        let mut ticks = interval(period.unwrap_or(Duration::from_micros(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    };
    let (mut analog, mut alarm) = (ticks(shape.analog_period), ticks(shape.alarm_period));
    loop {
        tokio::select! {
            biased;
            _ = alarm.tick(), if 0 < shape.alarms => {
                ask(&mut context, shape.alarms, shape.longest, false).await;
            }
            _ = analog.tick(), if shape.analog_period.is_some() => {
                ask(&mut context, shape.analogs, shape.longest, true).await;
            }
            () = std::future::ready(()), if shape.analog_period.is_none() => {
                let end = Instant::now() + Duration::from_secs(1);
                while Instant::now() < end {
                    ask(&mut context, shape.analogs, shape.longest, true).await;
                }
            }
        }
    }
}

async fn ask(context: &mut Context, registers: usize, longest: u16, analog: bool) {
    let mut first = 0;
    while first < registers {
        let count = (registers - first).min(usize::from(longest)) as u16;
        let answer = match analog {
            true => context.read_input_registers(first as u16, count).await,
            false => context.read_holding_registers(first as u16, count).await,
        };
        let registers = answer.expect("an answer").expect("no exception");
        assert_eq!(registers.len(), usize::from(count));
        first += usize::from(count);
    }
}
