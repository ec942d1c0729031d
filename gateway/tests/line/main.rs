//! A line against real TCP servers that misbehave: what is told is right or marked unknown,
//! what is dead is told once, and nothing but reads ever leaves.

mod faults;
mod peer;
mod probe;
mod reads_only;
mod shown;
mod site;
