//! A line against real TCP servers that misbehave: what is told is right or marked unknown,
//! what is dead is told once, and nothing but reads ever leaves.

#![expect(clippy::print_stdout, reason = "how well periods are kept over real wires is printed")]

mod bus;
mod dead;
mod faults;
mod peer;
mod probe;
mod reads_only;
mod scripted;
mod shown;
mod site;
