//! The program while somebody operates it: real processes, told by signals and sockets.

#![expect(clippy::print_stdout, reason = "wall-clock time is printed and never asserted")]

mod logs;
mod program;
mod reload;
mod status;
mod tls;
