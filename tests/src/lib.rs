//! The vocabulary of the system tests: a world of real processes.
//!
//! ```no_run
//! # use system_tests::*;
//! let world = World::new();
//! let broker = Broker::start(&world);
//! let site = Site::start(&world);
//! let centre = Centre::start(&world, &broker, |_| {});
//! let gateway = Gateway::start(&world, &broker, &site, |_| {});
//! site.set(PANEL, 16, &[0x0C10]); // detector 17 of loop 1 reports fire
//! world.until("the fire is raised", || centre.alarms("fire").len() == 1);
//! ```
//!
//! Nothing here sleeps a guessed time: [`World::until`] waits until something is true, or
//! fails showing the last lines of every process.

mod api;
mod broker;
mod browser;
mod centre;
mod demo;
pub mod disk;
mod gateway;
pub mod ledger;
pub mod oracle;
mod part;
mod postgres;
mod proxy;
mod site;
mod victoria_metrics;
mod world;

pub use api::Api;
pub use broker::Broker;
pub use browser::Browser;
pub use centre::Centre;
pub use demo::Demo;
pub use gateway::Gateway;
pub use part::Part;
pub use postgres::Postgres;
pub use proxy::{Deafness, Link, Proxy};
pub use site::{Answered, PANEL, PRESSURE, PUMP, Site};
pub use victoria_metrics::VictoriaMetrics;
pub use world::{World, program, python, settings_from};
