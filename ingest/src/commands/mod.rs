//! What the program can be asked to do.

pub mod backup;
pub mod check;
pub mod registry;
pub mod run;
