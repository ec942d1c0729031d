//! The monitoring centre: what gateways deliver is admitted, judged, stored and shown.
//!
//! Data goes one way; read the modules in its order: intake, judge, series, desk, api.

pub mod api;
pub mod calendar;
pub mod clock;
pub mod commands;
pub mod desk;
pub mod intake;
pub mod judge;
pub mod page;
pub mod registry;
pub mod series;
pub mod service;
pub mod settings;
pub mod storage;
