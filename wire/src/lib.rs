//! The contract between a Firegrid gateway and the monitoring centre.
//!
//! Everything that both sides must agree on stands here and nowhere else: how things are
//! named, what time means, what a reading is, and the bytes of every message. The crate
//! reads no clock, opens no connection, and depends on nothing else of Firegrid.
//!
//! Read it in this order:
//!
//! 1. [`names`], [`time`], [`span`] — who speaks, when, and which stretch of time is meant
//! 2. [`quantity`], [`state`], [`reading`] — what a point can say
//! 3. [`catalogue`] — which points a gateway has, and what they are
//! 4. [`pack`], [`marker`] — the durable batch and its SenML bytes
//! 5. [`beat`], [`receipt`], [`presence`] — the small messages around it
//! 6. [`topic`], [`envelope`], [`limits`] — how they travel over MQTT
//! 7. [`document`] — how a mistake in a settings, profile or rule file is told;
//!    [`terminal`] — how a program answers whoever started it

pub mod beat;
pub mod catalogue;
pub mod document;
pub mod envelope;
pub mod limits;
pub mod marker;
pub mod names;
pub mod pack;
pub mod presence;
pub mod quantity;
pub mod reading;
pub mod receipt;
pub mod span;
pub mod state;
pub mod terminal;
pub mod time;
pub mod topic;
