//! The way to the centre: what may be in flight, and the connection it travels on.

pub mod mqtt;
pub mod window;
