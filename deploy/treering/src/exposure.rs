use std::net::SocketAddr;

use treering_collector::{Tls, TlsFiles, TlsWatch};

use crate::cli::Common;
use crate::error::Error;
use crate::settings::File;

/// What stands between this process and strangers.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    pub(crate) tls: Option<Tls>,
    /// True where somebody said that a proxy with TLS stands in front.
    pub(crate) behind_proxy: bool,
    watch: Option<TlsWatch>,
}

impl Guard {
    pub(crate) fn of(flags: &Common, file: &File) -> Result<Self, Error> {
        let behind_proxy = flags.behind_proxy || file.behind_proxy;
        let named = |flag: &Option<_>, file: &Option<_>| flag.as_ref().or(file.as_ref()).cloned();
        let certificate = named(&flags.tls_cert, &file.tls_cert);
        let key = named(&flags.tls_key, &file.tls_key);
        let client_authorities = named(&flags.tls_client_ca, &file.tls_client_ca);
        let (tls, watch) = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let (tls, watch) = Tls::open(TlsFiles { certificate, key, client_authorities })?;
                (Some(tls), Some(watch))
            }
            (None, None) if client_authorities.is_none() => (None, None),
            _ => return Err(Error::HalfOfTls),
        };
        Ok(Self { tls, behind_proxy, watch })
    }

    /// Refuses addresses that other machines can reach in the clear.
    pub(crate) fn check(&self, addresses: &[SocketAddr]) -> Result<(), Error> {
        match addresses.iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if !self.behind_proxy && self.tls.is_none() => {
                Err(Error::Exposed { address: *address })
            }
            _ => Ok(()),
        }
    }

    /// The same for pages, which strangers can ask for as well: somebody has to look who they are.
    pub(crate) fn check_pages(&self, address: SocketAddr, has_log_in: bool) -> Result<(), Error> {
        self.check(&[address])?;
        let is_open = !address.ip().is_loopback() && !self.behind_proxy;
        if is_open && !has_log_in { Err(Error::NoLogIn { address }) } else { Ok(()) }
    }

    /// True where browsers come by TLS, this one's or that of a proxy.
    pub(crate) fn is_https(&self) -> bool {
        self.behind_proxy || self.tls.is_some()
    }

    /// Goes with the files from now on.
    pub(crate) fn keep_fresh(&mut self) {
        if let Some(watch) = self.watch.take() {
            tokio::spawn(watch.keep_fresh());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(behind_proxy: bool) -> Guard {
        Guard { tls: None, behind_proxy, watch: None }
    }

    #[test]
    fn an_address_beyond_loopback_needs_tls_or_a_proxy() {
        let open: SocketAddr = "0.0.0.0:4317".parse().unwrap();
        let own: SocketAddr = "127.0.0.1:4317".parse().unwrap();
        assert!(guard(false).check(&[own]).is_ok());
        assert!(guard(false).check(&[own, open]).is_err());
        assert!(guard(true).check(&[own, open]).is_ok());
        assert!(guard(true).check_pages(open, false).is_ok());
        assert!(guard(false).check_pages(own, false).is_ok());
        assert!(guard(false).check_pages(open, true).is_err());
    }
}
