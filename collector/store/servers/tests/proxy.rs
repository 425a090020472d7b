//! A network that fails as it is told to.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use treering_test_servers::{Mode, Proxy};

/// A server that says back what it hears.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    address
}

/// Says something and hears it again.
fn says_back(stream: &mut TcpStream, text: &[u8]) -> bool {
    let mut heard = vec![0; text.len()];
    stream.write_all(text).and_then(|()| stream.read_exact(&mut heard)).is_ok() && heard == text
}

#[test]
fn everything_passes_until_it_is_told_otherwise() {
    let proxy = Proxy::to(echo(), 1).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut writing = stream.try_clone().unwrap();
    let sending = sent.clone();
    let writer = std::thread::spawn(move || {
        writing.write_all(&sending).unwrap();
        writing.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut heard = vec![];
    stream.read_to_end(&mut heard).unwrap();
    writer.join().unwrap();
    assert!(heard == sent);
    assert_eq!((proxy.connections(), proxy.cuts()), (1, 0));
}

/// How many bytes come back over each connection before it ends, and whether it ends in good order.
fn cuts(seed: u64) -> Vec<(usize, bool)> {
    let proxy = Proxy::to(echo(), seed).unwrap();
    proxy.set(Mode::Cut(10..5_000));
    let heard = (0..20).map(|_| {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        let (mut bytes, mut block) = (0, [7; 100]);
        loop {
            let heard = stream.write_all(&block).and_then(|()| stream.read(&mut block));
            match heard {
                Ok(0) => return (bytes, true),
                Ok(read) => bytes += read,
                Err(_) => return (bytes, false),
            }
        }
    });
    let heard = heard.collect();
    assert_eq!(proxy.cuts(), 20);
    heard
}

#[test]
fn connections_are_cut_where_the_seed_says() {
    let heard = cuts(5);
    assert!(heard.iter().all(|(bytes, _)| *bytes <= 2_500), "{heard:?}");
    assert!(heard.iter().any(|(bytes, _)| bytes % 100 != 0), "also in the middle of a block: {heard:?}");
    let places = |heard: &[(usize, bool)]| heard.iter().map(|(bytes, _)| bytes / 100).collect::<Vec<_>>();
    assert_ne!(places(&heard), places(&cuts(6)));
}

#[test]
fn a_black_hole_holds_back_and_gives_back() {
    let proxy = Proxy::to(echo(), 1).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    assert!(says_back(&mut stream, b"before"));
    proxy.set(Mode::Blackhole);
    stream.write_all(b"within").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut heard = [0; 6];
    let nothing = stream.read(&mut heard).unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    stream.set_read_timeout(None).unwrap();
    proxy.set(Mode::Pass);
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"within");
}

#[test]
fn a_reset_ends_what_is_open_and_what_comes() {
    let proxy = Proxy::to(echo(), 1).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    assert!(says_back(&mut stream, b"before"));
    proxy.set(Mode::Reset);
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut next = TcpStream::connect(proxy.address()).unwrap();
    assert!(!says_back(&mut next, b"within"));
    proxy.set(Mode::Pass);
    assert!(says_back(&mut TcpStream::connect(proxy.address()).unwrap(), b"after"));
}

#[test]
fn latency_comes_in_both_directions() {
    let proxy = Proxy::to(echo(), 1).unwrap();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    proxy.set(Mode::Latency(Duration::from_millis(30)));
    let begun = Instant::now();
    assert!(says_back(&mut stream, b"slowly"));
    assert!(begun.elapsed() >= Duration::from_millis(60));
}

#[test]
fn what_nobody_listens_to_is_reset() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::to(nobody, 1).unwrap();
    assert!(!says_back(&mut TcpStream::connect(proxy.address()).unwrap(), b"anybody"));
}
