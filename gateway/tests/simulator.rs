//! The simulated site behaves like a device that somebody else asks, and notices whoever writes.

use std::time::Duration;

use firegrid_gateway::profile::Table;
use firegrid_gateway::settings::Settings;
use firegrid_gateway::simulate::{Behaviour, CannotSay, Simulator};
use firegrid_wire::state::{State, StateSet};
use tokio::time::timeout;
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Context, Reader as _, Writer as _, tcp};
use tokio_modbus::slave::{Slave, SlaveContext as _};

const SITE: &str = r#"
region = "r"
gateway = "mall-01"
data = "d"
broker = { address = "127.0.0.1:1883" }
[[line]]
name = "room"
address = "127.0.0.1:502"
[[line.device]]
name = "facp1"
unit_id = 1
profile = "notifier-modbus-gw"
options = { loops = [1] }
[[line.device]]
name = "riser1"
unit_id = 2
profile = "pressure-transmitter-float"
options = { pressure_unit = "kPa", word_order = "big" }
[[line.device]]
name = "pump1"
unit_id = 3
profile = "fire-pump-controller"
"#;

async fn simulator() -> Simulator {
    let settings = Settings::parse("site", SITE).unwrap_or_else(|told| panic!("{told}"));
    let address = "127.0.0.1:0".parse().expect("an address");
    let started = Simulator::start(address, &settings.lines[0], &settings.inventory).await;
    started.expect("a free port")
}

async fn client(simulator: &Simulator, unit: u8) -> Context {
    let connected = tcp::connect_slave(simulator.address(), Slave(unit)).await;
    connected.expect("a connection")
}

async fn read(client: &mut Context, register: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    client.read_holding_registers(register, count).await.expect("an answer")
}

#[tokio::test]
async fn points_set_by_name_are_read_by_register() {
    let simulator = simulator().await;
    let mut panel = client(&simulator, 1).await;
    assert_eq!(read(&mut panel, 16, 1).await, Ok(vec![0x1400]));
    simulator.report("facp1/L1D017", State::Fire.into()).expect("a fire");
    assert_eq!(read(&mut panel, 16, 1).await.map(|words| words[0] & 0x08FF), Ok(0x0810));
    simulator.report("facp1/L1D017", StateSet::NORMAL).expect("normal");
    assert_eq!(read(&mut panel, 16, 1).await, Ok(vec![0x1400]));

    simulator.show("riser1/pressure", 350_000.0).expect("a pressure");
    let mut riser = client(&simulator, 2).await;
    assert_eq!(read(&mut riser, 0x16, 2).await, Ok(vec![0x43AF, 0]));
}

#[tokio::test]
async fn points_of_one_register_do_not_disturb_each_other() {
    let simulator = simulator().await;
    let mut pump = client(&simulator, 3).await;
    simulator.report("pump1/start-failure", State::Fault.into()).expect("a fault");
    simulator.report("pump1/power", State::SupplyFault.into()).expect("a fault");
    let both = read(&mut pump, 1_000, 1).await.expect("a word")[0];
    assert_eq!((both & 1 << 5, both & 0b1000_1111 != 0), (1 << 5, true));
    simulator.report("pump1/power", StateSet::NORMAL).expect("normal");
    assert_eq!(read(&mut pump, 1_000, 1).await, Ok(vec![1 << 5]));
}

#[tokio::test]
async fn what_a_device_does_not_have_is_refused() {
    let simulator = simulator().await;
    let mut panel = client(&simulator, 1).await;
    assert_eq!(read(&mut panel, 159, 1).await, Err(ExceptionCode::IllegalDataAddress));
    assert_eq!(read(&mut panel, 0, 126).await, Err(ExceptionCode::IllegalDataValue));
    simulator.set_register(1, Table::HoldingRegisters, 159, 7);
    assert_eq!(read(&mut panel, 159, 1).await, Ok(vec![7]));
    let mut nobody = client(&simulator, 9).await;
    assert_eq!(read(&mut nobody, 0, 1).await, Err(ExceptionCode::IllegalDataAddress));
}

#[tokio::test]
async fn a_point_says_only_what_its_profile_can_say() {
    let simulator = simulator().await;
    let no_word = simulator.report("pump1/power", State::Fire.into());
    assert!(matches!(no_word, Err(CannotSay::NoWordForIt { .. })), "{no_word:?}");
    assert!(simulator.report("riser1/pressure", State::Fault.into()).is_err());
    assert!(simulator.show("facp1/L1D017", 1.0).is_err());
    let nobody = simulator.report("facp1/L9D001", State::Fault.into());
    assert_eq!(nobody, Err(CannotSay::NoSuchPoint("facp1/L9D001".into())));
}

#[tokio::test]
async fn a_write_is_refused_and_remembered() {
    let simulator = simulator().await;
    let mut panel = client(&simulator, 1).await;
    assert_eq!(simulator.not_reads(), [0_u8; 0]);
    let refused = panel.write_single_register(16, 0x0800).await.expect("an answer");
    assert_eq!(refused, Err(ExceptionCode::IllegalFunction));
    let refused = panel.write_multiple_registers(16, &[1, 2]).await.expect("an answer");
    assert_eq!(refused, Err(ExceptionCode::IllegalFunction));
    assert_eq!(simulator.not_reads(), [6, 16]);
    assert_eq!(read(&mut panel, 16, 1).await, Ok(vec![0x1400]));
}

#[tokio::test]
async fn a_device_can_be_silent_late_or_excepting_beside_a_healthy_one() {
    let simulator = simulator().await;
    let mut line = client(&simulator, 1).await;
    simulator.behave(1, Behaviour::Silent);
    let patience = Duration::from_millis(100);
    assert!(timeout(patience, line.read_holding_registers(16, 1)).await.is_err());
    let mut line = client(&simulator, 2).await;
    assert!(read(&mut line, 0x16, 2).await.is_ok(), "its neighbour answers");
    line.set_slave(Slave(1));
    simulator.behave(1, Behaviour::Late(Duration::from_millis(150)));
    let late = timeout(patience, line.read_holding_registers(16, 1)).await;
    assert!(late.is_err(), "{late:?}");
    simulator.behave(1, Behaviour::Excepts(6));
    let mut line = client(&simulator, 1).await;
    assert_eq!(read(&mut line, 16, 1).await, Err(ExceptionCode::ServerDeviceBusy));
}

#[tokio::test]
async fn a_refusing_line_cuts_its_connections_and_takes_them_again_later() {
    let simulator = simulator().await;
    let mut line = client(&simulator, 1).await;
    simulator.refuse(true);
    assert!(line.read_holding_registers(16, 1).await.is_err());
    let mut second = client(&simulator, 1).await;
    assert!(second.read_holding_registers(16, 1).await.is_err());
    simulator.refuse(false);
    let mut third = client(&simulator, 1).await;
    assert_eq!(read(&mut third, 16, 1).await, Ok(vec![0x1400]));
}

#[tokio::test]
async fn connections_are_bounded_and_free_again_when_they_end() {
    let simulator = simulator().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut connection = client(&simulator, 1).await;
        assert!(read(&mut connection, 16, 1).await.is_ok());
        held.push(connection);
    }
    let mut one_more = client(&simulator, 1).await;
    assert!(one_more.read_holding_registers(16, 1).await.is_err());
    held.clear();
    let mut tries = 0;
    loop {
        let mut again = client(&simulator, 1).await;
        if again.read_holding_registers(16, 1).await.is_ok() {
            break;
        }
        tries += 1;
        assert!(tries < 1_000, "ended connections still count");
        tokio::task::yield_now().await;
    }
}
