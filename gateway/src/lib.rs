//! The edge box: fire panels and sprinkler pressure over Modbus, delivered over MQTT.
//!
//! Data goes one way; read the modules in its order:
//!
//! 1. [`settings`] — file and environment, checked; all mistakes at once
//! 2. [`inventory`] — every device and point of the box, as the settings and profiles have it
//! 3. [`poll`] — what a line says of a device
//! 4. [`worth_sending`], [`recorder`] — which readings are sent, in which numbered batch, and
//!    what that batch vouches for
//! 5. [`spool`] — batches on the disk until the centre has receipted them
//! 6. [`uplink`] — from the spool to the broker, and the receipts back
//! 7. [`service`] — start and stop order, and new settings while it runs; [`systemd`] is told,
//!    [`status`] shows it, and a [`hook`] calls those beside the box
//!
//! The gateway never writes to a device, never judges a reading, and forgets a batch only on
//! the centre's receipt.

pub mod clock;
pub mod commands;
pub mod hook;
pub mod inventory;
pub mod line;
pub mod poll;
pub mod profile;
pub mod recorder;
pub mod service;
pub mod settings;
pub mod simulate;
pub mod spool;
pub mod status;
pub mod systemd;
mod toml_file;
pub mod uplink;
pub mod worth_sending;
