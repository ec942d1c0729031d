//! The demo: one process with everything in it.

use std::process::Command;

use crate::world::free_port;
use crate::{Api, Part, World, program};

/// The running demo. What it stores stands in the world's folder.
pub struct Demo {
    world: World,
    port: u16,
    part: Part,
    api: Api,
}

impl Demo {
    /// Starts it on a free port and waits until it says that it is ready.
    pub fn start(world: &World) -> Demo {
        let port = free_port();
        let part = launch(world, port);
        let demo = Demo { world: world.clone(), port, part, api: Api::on(port) };
        demo.wait(1);
        demo
    }

    /// `kill -9`, and once more from the start on the same data.
    pub fn kill_and_start_again(&mut self) {
        self.part.kill();
        self.part = launch(&self.world, self.port);
        self.wait(2);
    }

    fn wait(&self, starts: usize) {
        let ready = format!("ready http://127.0.0.1:{}", self.port);
        self.world.until("the demo is ready", || {
            let log = std::fs::read_to_string(self.world.log_of("demo")).unwrap_or_default();
            log.lines().filter(|line| *line == ready).count() == starts
        });
    }
}

impl std::ops::Deref for Demo {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

fn launch(world: &World, port: u16) -> Part {
    let mut command = Command::new(program("firegrid-demo"));
    command.env("FIREGRID_DEMO_PORT", port.to_string()).current_dir(world.path(""));
    Part::start(world, "demo", &mut command)
}
