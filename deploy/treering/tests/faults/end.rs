//! The orderly end under load, and a second server on one folder.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::ledger::{Ledger, spans};
use crate::load::Load;
use crate::otlp::traces;
use crate::support::{Api, PATIENCE, Server, store, treering};

/// How long the end may take.
const END: Duration = Duration::from_secs(10);
/// The execution that is under way when the word to stop comes.
const UNDER_WAY: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_end_under_load_answers_what_is_under_way_and_loses_nothing() {
    let folder = crate::folder();
    let server = Server::start_to_stay(treering(), folder.path(), 13);
    let (addresses, key) = (server.addresses_to_send(), server.key("ingest"));
    let load = Load::start(&server.http, &key, 8, 0);
    load.more(100).await;
    let half = Half::send(&server, &key);
    let told = Instant::now();
    server.signal("TERM");
    wait_until_closed(&server.http).await;
    server.signal("TERM");
    assert_eq!(half.finish(), 200, "what was under way is answered");
    assert!(server.wait().success());
    assert!(told.elapsed() < END, "the end took {:?}", told.elapsed());

    let server = Server::start_again(folder.path(), &addresses);
    load.more(10).await;
    let mut ledger = load.end().await;
    ledger.acknowledged.insert(UNDER_WAY);
    ledger.assert_kept(&Api::of(&server)).await;
}

/// A request of which a part was sent.
struct Half {
    connection: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    fn send(server: &Server, key: &str) -> Self {
        let mut body = traces(spans(UNDER_WAY));
        let rest = body.split_off(body.len() / 2);
        let mut connection = TcpStream::connect(&server.http).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            connection,
            "POST /v1/traces HTTP/1.1\r\nhost: treering\r\nauthorization: Bearer {key}\r\n\
             expect: 100-continue\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len() + rest.len()
        )
        .unwrap();
        // The invitation to go on shows that the request has begun.
        let invited = read_head(&mut connection);
        assert!(invited.starts_with("HTTP/1.1 100"), "{invited}");
        connection.write_all(&body).unwrap();
        Self { connection, rest }
    }

    /// The status that the whole is answered with.
    fn finish(mut self) -> u16 {
        self.connection.write_all(&self.rest).unwrap();
        let head = read_head(&mut self.connection);
        head.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// Nobody new is let in, long before the last one is served.
async fn wait_until_closed(address: &str) {
    let end = Instant::now() + Duration::from_secs(2);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < end, "it still lets connections in");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_folder_says_that_it_may_not() {
    let folder = crate::folder();
    let first = Server::start(folder.path(), &[]);
    let load = Load::start(&first.http, &first.key("ingest"), 2, 0);
    let begun = Instant::now();
    let mut second = treering();
    second.args([
        "up",
        "--otlp-grpc",
        "127.0.0.1:0",
        "--otlp-http",
        "127.0.0.1:0",
        "--dashboard",
        "127.0.0.1:0",
    ]);
    second.envs(store::environment(folder.path()));
    let second = second.arg("--data").arg(folder.path()).stdin(Stdio::null()).output().unwrap();
    assert!(!second.status.success());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another treering uses") && said.contains("name another folder"), "{said}");
    load.more(10).await;
    let ledger: Ledger = load.end().await;
    ledger.assert_kept(&Api::of(&first)).await;
}
