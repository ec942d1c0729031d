//! A real Mosquitto on a free port, from the shipped settings.

use std::net::TcpStream;
use std::process::Command;

use crate::world::{free_port, project};
use crate::{Part, World};

/// The broker of the world. It keeps nothing on disk, so a restart has forgotten everything.
pub struct Broker {
    world: World,
    port: u16,
    part: Part,
}

impl Broker {
    /// Starts it and waits until it listens.
    pub fn start(world: &World) -> Broker {
        let port = free_port();
        let shipped = std::fs::read_to_string(project().join("deploy/settings/mosquitto.conf"))
            .expect("the shipped settings");
        let listener = format!("listener {port} 127.0.0.1");
        assert!(shipped.contains("listener 1883 127.0.0.1"), "{shipped}");
        let settings = shipped.replace("listener 1883 127.0.0.1", &listener);
        std::fs::write(world.path("mosquitto.conf"), settings).expect("settings can be written");
        let part = launch(world);
        let broker = Broker { world: world.clone(), port, part };
        broker.wait();
        broker
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it: everything it held is gone.
    pub fn kill(&mut self) {
        self.part.kill();
    }

    /// The process itself, to be frozen and thawed.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Starts it again on the same port, empty.
    pub fn start_again(&mut self) {
        self.part = launch(&self.world);
        self.wait();
    }

    fn wait(&self) {
        self.world.until("the broker listens", || TcpStream::connect(self.address()).is_ok());
    }
}

fn launch(world: &World) -> Part {
    let mut command = Command::new("mosquitto");
    command.arg("-v").arg("-c").arg(world.path("mosquitto.conf"));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    Part::start(world, "mosquitto", &mut command)
}
