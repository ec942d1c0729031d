//! The judge: what is admitted is judged and committed in one go, and only then receipted.

pub mod door;
pub mod events;
