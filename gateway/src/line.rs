//! The lines: one task for each wire with Modbus devices, which reads and never writes.
//!
//! Sits between the devices and the recorder: registers in, [`News`](crate::poll::News) out.
//! One task owns one connection. Every request has a deadline; after any doubt the unit rests, or
//! the connection is opened anew, so that no answer is taken for another's. A device that does not
//! answer is reported once and probed with growing pauses, so that it hardly slows its
//! neighbours; alarm areas come before analog areas.
//!
//! Nothing here can send a Modbus write function.

pub mod area;
mod connection;
pub mod cycle;
pub mod deadline;
pub mod endpoint;
pub mod memory;
pub mod plan;
mod poller;
pub mod pulse;
pub mod report;
mod rest;
pub mod schedule;
pub mod wire;

pub use poller::{Audience, run, run_over};
