//! A gateway process, from the shipped settings.

use toml::Value;

use crate::world::settings_from;
use crate::{Broker, Part, Site, World};

/// The gateway `mall-01` of the shipped settings.
pub struct Gateway {
    world: World,
    name: String,
    part: Part,
}

impl Gateway {
    /// Starts it on the site and the broker. `change` may alter the settings before.
    pub fn start(
        world: &World,
        broker: &Broker,
        site: &Site,
        change: impl FnOnce(&mut toml::Table),
    ) -> Gateway {
        Gateway::named("gateway", world, |settings| {
            settings["broker"]["address"] = Value::from(broker.address());
            settings["line"][0]["address"] = Value::from(site.address());
            change(settings);
        })
    }

    /// Starts one of several, each with a folder and a log of its own. Only `change` tells it
    /// where broker and site are.
    pub fn named(name: &str, world: &World, change: impl FnOnce(&mut toml::Table)) -> Gateway {
        let name = name.to_owned();
        let mut settings = settings_from("gateway.toml");
        settings["data"] = Value::from(world.path(&format!("{name}-data")).display().to_string());
        // Many run at a time.
        settings.remove("status");
        change(&mut settings);
        std::fs::write(world.path(&format!("{name}.toml")), settings.to_string())
            .expect("settings can be written");
        let part = launch(world, &name);
        Gateway { world: world.clone(), name, part }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.part.kill();
    }

    /// Asks it to stop; whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.part.stop()
    }

    /// The process itself, to be frozen and thawed.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Starts it again with the same settings and the same spool.
    pub fn start_again(&mut self) {
        self.part = launch(&self.world, &self.name);
    }

    /// Whether the process runs.
    pub fn lives(&mut self) -> bool {
        self.part.lives()
    }
}

fn launch(world: &World, name: &str) -> Part {
    let settings = world.path(&format!("{name}.toml"));
    Part::start_ours(world, name, "firegrid-gateway", &settings)
}
