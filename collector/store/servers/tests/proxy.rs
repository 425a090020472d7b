//! A network that fails as it is told to.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// A server that answers every post with how many it has had.
fn counting() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let had = Arc::new(AtomicU64::new(0));
        for stream in listener.incoming() {
            let (stream, had) = (stream.unwrap(), Arc::clone(&had));
            std::thread::spawn(move || answer_posts(stream, &had));
        }
    });
    address
}

fn answer_posts(mut stream: TcpStream, had: &AtomicU64) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        for line in std::iter::from_fn(|| read_line(&mut lines)) {
            length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
        }
        if lines.read_exact(&mut vec![0; length]).is_err() || length == 0 {
            return;
        }
        let had = (had.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{had}", had.len());
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// A line that is not empty.
fn read_line(lines: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// Posts this over a connection that is kept, and says the status and what was answered; nothing where the connection
/// ended, which is then made anew.
fn post(proxy: &Proxy, kept: &mut Option<TcpStream>, body: &str) -> Option<(u16, String)> {
    let stream = kept.get_or_insert_with(|| TcpStream::connect(proxy.address()).unwrap());
    let head = format!("POST /?query=here HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
    // In pieces, as from a client that writes while it makes them.
    for piece in [&head, &body[..body.len() / 2], &body[body.len() / 2..]] {
        stream.write_all(piece.as_bytes()).ok()?;
    }
    let heard = hear(stream);
    if heard.as_ref().is_none_or(|(status, _)| *status != 200) {
        *kept = None;
    }
    heard
}

fn hear(stream: &TcpStream) -> Option<(u16, String)> {
    let mut lines = BufReader::new(stream);
    let head: Vec<_> = std::iter::from_fn(|| read_line(&mut lines)).collect();
    let status = head.first()?.split(' ').nth(1)?.parse().ok()?;
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut answer = vec![0; length];
    lines.read_exact(&mut answer).ok()?;
    Some((status, String::from_utf8(answer).unwrap()))
}

fn well(had: u64) -> Option<(u16, String)> {
    Some((200, had.to_string()))
}

#[test]
fn so_many_requests_with_a_text_are_refused_and_reach_nobody() {
    let (proxy, mut kept) = (Proxy::to(counting(), 1).unwrap(), None);
    assert_eq!(post(&proxy, &mut kept, "INSERT 1"), well(1));
    proxy.set(Mode::Refuse500 { containing: "INSERT", count: 2 });
    assert_eq!(post(&proxy, &mut kept, "SELECT 1"), well(2));
    for large in ["INSERT 2".to_owned(), format!("{}INSERT", "-".repeat(300_000))] {
        assert_eq!(post(&proxy, &mut kept, &large).map(|(status, _)| status), Some(500));
        assert_eq!(post(&proxy, &mut kept, "SELECT 2").map(|(status, _)| status), Some(200));
    }
    assert_eq!(post(&proxy, &mut kept, "INSERT 3"), well(5));
    assert_eq!(proxy.spoiled(), 2);
}

#[test]
fn a_request_whose_answer_is_lost_has_reached_the_server() {
    let (proxy, mut kept) = (Proxy::to(counting(), 1).unwrap(), None);
    assert_eq!(post(&proxy, &mut kept, "INSERT 1"), well(1));
    proxy.set(Mode::LoseAnswer { containing: "INSERT", count: 1 });
    assert_eq!(post(&proxy, &mut kept, "SELECT 1"), well(2));
    assert_eq!(post(&proxy, &mut kept, "INSERT 2"), None);
    assert_eq!(post(&proxy, &mut kept, "INSERT 3"), well(4));
    proxy.set(Mode::LoseAnswer { containing: "here", count: 1 });
    assert_eq!(post(&proxy, &mut kept, "anything"), None);
    assert_eq!(post(&proxy, &mut kept, "anything"), well(6));
    assert_eq!(proxy.spoiled(), 2);
}
