//! The API.

pub mod ask;
pub mod problem;
pub mod shown;
