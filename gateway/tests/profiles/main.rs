//! Every profile as its manual has it: literal words in registers, read over real Modbus TCP by
//! the real line, must say what the manual says; and the simulator can play all of it.

mod bench;
mod contacts;
mod panels;
mod sensors;
