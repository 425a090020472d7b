use std::net::SocketAddr;

use crate::error::Error;

/// Refuses an address that other machines can reach, unless somebody said that a proxy with TLS guards it.
pub(crate) fn check(addresses: &[SocketAddr], behind_proxy: bool) -> Result<(), Error> {
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        Some(address) if !behind_proxy => Err(Error::Exposed { address: *address }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_beyond_loopback_needs_a_proxy() {
        let open: SocketAddr = "0.0.0.0:4317".parse().unwrap();
        let own: SocketAddr = "127.0.0.1:4317".parse().unwrap();
        assert!(check(&[own], false).is_ok());
        assert!(check(&[own, open], false).is_err());
        assert!(check(&[own, open], true).is_ok());
    }
}
