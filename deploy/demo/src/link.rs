//! The network between a gateway of the demo and its broker: a relay that can be cut.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A network that carries everything until it is cut.
#[derive(Debug)]
pub(crate) struct Link {
    address: SocketAddr,
    cut: watch::Sender<bool>,
}

impl Link {
    /// Listens on a free port of the loopback and carries everything to `there`.
    pub(crate) async fn to(there: SocketAddr) -> std::io::Result<Link> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(carry_all(listener, there, is_cut));
        Ok(Link { address, cut })
    }

    /// Where the gateway finds its broker.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection and takes no new one, or takes them again.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

async fn carry_all(listener: TcpListener, there: SocketAddr, is_cut: watch::Receiver<bool>) {
    while let Ok((here, _)) = listener.accept().await {
        if *is_cut.borrow() {
            continue;
        }
        tokio::spawn(carry(here, there, is_cut.clone()));
    }
}

/// Carries one connection until one side ends it, or it is cut.
async fn carry(mut here: TcpStream, there: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    let Ok(mut there) = TcpStream::connect(there).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut here, &mut there) => {}
        _ = is_cut.wait_for(|cut| *cut) => {}
    }
}
