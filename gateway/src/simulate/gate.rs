//! A connection of the simulated line: it ends at the next question once the line refuses, and
//! cuts the answers of a device that sends half frames.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Behaviour, Site, locked};

/// Where the unit id stands in a frame (Modbus messaging on TCP/IP V1.0b, 3.1.3).
const UNIT_ID: usize = 6;

pub(super) struct Gated {
    stream: TcpStream,
    site: Arc<Mutex<Site>>,
}

impl Gated {
    pub(super) fn new(stream: TcpStream, site: Arc<Mutex<Site>>) -> Gated {
        Gated { stream, site }
    }

    /// How many bytes of a frame are sent; a server writes one frame at a time.
    fn let_through(&self, frame: &[u8]) -> usize {
        let unit_id = frame.get(UNIT_ID).copied().unwrap_or_default();
        match locked(&self.site).behaviours.get(&unit_id) {
            Some(Behaviour::HalfFrames) => frame.len() / 2,
            Some(
                Behaviour::Answers | Behaviour::Silent | Behaviour::Late(_) | Behaviour::Excepts(_),
            )
            | None => frame.len(),
        }
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if read.is_ready() && locked(&self.site).refuses {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        read
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let part = self.let_through(bytes);
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..part]);
        // What was cut off counts as written, so that nobody sends it later.
        written.map_ok(|count| if part < bytes.len() { bytes.len() } else { count })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
