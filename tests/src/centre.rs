//! An ingest process, from the shipped settings.

use crate::world::{free_port, project, settings_from};
use crate::{Api, Broker, Part, World};

/// The monitoring centre of the world.
pub struct Centre {
    world: World,
    part: Part,
    api: Api,
}

impl Centre {
    /// Starts it and waits until it answers. `change` may alter the settings before.
    pub fn start(world: &World, broker: &Broker, change: impl FnOnce(&mut toml::Table)) -> Centre {
        let port = free_port();
        let mut settings = settings_from("ingest.toml");
        settings["data"] = toml::Value::from(world.path("ingest-data").display().to_string());
        settings["listen"] = toml::Value::from(format!("127.0.0.1:{port}"));
        settings["broker"][0]["address"] = toml::Value::from(broker.address());
        let shipped = std::fs::read_dir(project().join("deploy/settings")).expect("the settings");
        for sheet in
            shipped.flatten().filter(|entry| entry.path().extension() == Some("csv".as_ref()))
        {
            std::fs::copy(sheet.path(), world.path(&sheet.file_name().to_string_lossy()))
                .expect("the shipped registry");
        }
        change(&mut settings);
        std::fs::write(world.path("ingest.toml"), settings.to_string())
            .expect("settings can be written");
        let part = launch(world);
        let centre = Centre { world: world.clone(), part, api: Api::on(port) };
        centre.wait();
        centre
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

    /// Starts it again on the same data.
    pub fn start_again(&mut self) {
        self.part = launch(&self.world);
    }

    /// Resident memory of the process in MiB.
    pub fn resident_mib(&self) -> f64 {
        self.part.resident_mib()
    }

    /// Seconds of CPU that the process has used.
    pub fn cpu_seconds(&self) -> f64 {
        self.part.cpu_seconds()
    }

    /// Waits until it answers.
    pub fn wait(&self) {
        self.world.until("the centre answers", || self.try_get("health").is_some());
    }
}

impl std::ops::Deref for Centre {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

fn launch(world: &World) -> Part {
    Part::start_ours(world, "ingest", "firegrid-ingest", &world.path("ingest.toml"))
}
