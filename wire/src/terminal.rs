//! How a program answers whoever started it at a terminal: the answer on the standard output,
//! what went wrong on the standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Writes to the standard output. A reader that has seen enough, as `head` has, is no failure.
pub fn tell(text: &dyn Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    seen(write!(out, "{text}").and_then(|()| out.flush()))
}

/// The same of what was written elsewhere: a reader that is gone has seen enough.
pub fn seen(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to the standard error. Where that is closed too, the exit code is all that is
/// left to tell.
pub fn tell_beside(text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
