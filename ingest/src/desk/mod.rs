//! The desk: alarms and tickets as people meet them.
//!
//! Decisions of the rules and deeds of people go in; rows to be committed come out. What a
//! state may become stands in `firegrid_rules`; here it is kept, numbered and addressed.

pub mod alarms;
pub mod case;
pub mod tickets;

#[cfg(test)]
mod tests;
