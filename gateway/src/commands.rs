//! What the program is told to do on its command line.

pub mod check;
pub mod look;
pub mod simulate;
