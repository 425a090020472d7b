//! Ports for servers that go and come back.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that a system gives to whoever asks for any port (from 32768 on Linux, from 49152 elsewhere): a server
/// that is away for a moment finds its own still free.
const FIRST: u16 = 16_000;
const COUNT: u16 = 16_000;

/// Where this process looks next: elsewhere than its neighbours, so that they rarely meet.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let somewhere = std::process::id().wrapping_mul(2_654_435_761) >> 16;
    AtomicU16::new(u16::try_from(somewhere).expect("sixteen bits are left"))
});

/// A loopback address that nobody listens at now. Another process may still be faster: whoever cannot take it asks for
/// the next.
pub(crate) fn free() -> SocketAddr {
    let next = || FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
    std::iter::repeat_with(|| SocketAddr::from((Ipv4Addr::LOCALHOST, next())))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("an endless iterator ends only where it finds")
}
