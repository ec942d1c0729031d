//! Where the gateway shows itself on its own machine.

use std::net::SocketAddr;

use firegrid_wire::document::Table;

/// Reads the address of the status page; `Some(None)` if there is to be none.
pub(super) fn read_status(root: &Table<'_>) -> Option<Option<SocketAddr>> {
    let Some(table) = root.table("status") else { return Some(None) };
    let address: SocketAddr = table.required_text("address")?;
    if !address.ip().is_loopback() {
        table.tell(
            "address",
            format_args!(
                "{address} can be reached from outside: use 127.0.0.1 or [::1], and a tunnel or a \
                 proxy with a password for others"
            ),
        );
        return None;
    }
    Some(Some(address))
}
