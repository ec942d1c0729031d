//! Where something listens: host and port.

use std::fmt;
use std::str::FromStr;

/// A host (name or IP address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// From 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Takes `host:port` or `[IPv6]:port`.
    fn from_str(text: &str) -> Result<Address, AddressError> {
        let refused = || AddressError { text: text.to_owned() };
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port: u16 = port.parse().map_err(|_| refused())?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().map_err(|_| refused())?.to_string(),
            None if is_host(host) => host.to_owned(),
            None => return Err(refused()),
        };
        if port == 0 { Err(refused()) } else { Ok(Address { host, port }) }
    }
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an address: write host:port with a port from 1 to 65535, as in \
     \"10.0.0.5:502\""
)]
pub struct AddressError {
    text: String,
}

/// An IPv4 address, or a host name of labels joined by dots. What is written with digits and
/// dots only is meant as an IPv4 address.
fn is_host(host: &str) -> bool {
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host.parse::<std::net::Ipv4Addr>().is_ok();
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, again: Option<&str>) {
        let address: Option<Address> = text.parse().ok();
        assert_eq!(address.map(|address| address.to_string()).as_deref(), again, "{text:?}");
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        check("127.0.0.1:502", Some("127.0.0.1:502"));
        check("panel-gw.local:502", Some("panel-gw.local:502"));
        check("[::1]:1883", Some("[::1]:1883"));
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        for text in
            ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "300.0.0.1:502", ":502", "a b:1", "::1"]
        {
            check(text, None);
        }
        check("not an address", None);
        check("-a:502", None);
    }
}
