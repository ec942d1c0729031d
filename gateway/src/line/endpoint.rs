//! Where a line leads: whatever opens a stream of bytes towards its devices.
//!
//! Knows how to come to a stream, and nothing of what is said on it.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::NoAnswer;
use crate::settings::Address;

/// What carries bytes to the devices of a line, and back.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Stream for T {}

/// Opens streams towards a line.
pub enum Endpoint {
    /// Connects by TCP, and speaks Modbus TCP.
    Tcp(Address),
    /// Takes streams from whoever made the line, and speaks Modbus TCP. So tests keep the other
    /// end in their hands, and time is theirs.
    InMemory(Opener),
}

/// Makes streams on demand.
pub type Opener = Box<dyn FnMut() -> io::Result<Box<dyn Stream>> + Send>;

impl Endpoint {
    /// A new stream.
    pub(super) async fn open(&mut self, patience: Duration) -> Result<Box<dyn Stream>, NoAnswer> {
        match self {
            Endpoint::Tcp(address) => Ok(Box::new(connect(address, patience).await?)),
            Endpoint::InMemory(open) => open().map_err(NoAnswer::Unconnected),
        }
    }
}

async fn connect(address: &Address, patience: Duration) -> Result<TcpStream, NoAnswer> {
    let stream = timeout(patience, TcpStream::connect((address.host(), address.port())))
        .await
        .map_err(|_| NoAnswer::ConnectedTooLate)?
        .map_err(NoAnswer::Unconnected)?;
    stream.set_nodelay(true).map_err(NoAnswer::Unconnected)?;
    Ok(stream)
}
