//! A network between two, which can be broken while it runs.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::{port, request};

/// What the network does. It holds for connections that are open, too, from the next bytes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes.
    Pass,
    /// Every block of bytes comes so much later, in each direction.
    Latency(Duration),
    /// Each connection ends after a number of bytes from this range, both directions counted together, wherever that is;
    /// half of them with a reset, half with an orderly end in the middle of everything.
    Cut(Range<u64>),
    /// Nothing passes and nothing ends; what was held back passes when the mode changes.
    Blackhole,
    /// Connections are reset, those that are open and those that are made. (A server that is stopped refuses them.)
    Reset,
    /// The next so many posts over HTTP that have this text anywhere in them are answered with 500 and reach nobody;
    /// everything else passes. Only what begins while this holds is looked at.
    Refuse500 { containing: &'static str, count: u64 },
    /// The next so many of them reach the server, which answers, but the connection is reset before the answer passes.
    LoseAnswer { containing: &'static str, count: u64 },
}

/// A proxy on a loopback port. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Option<Mode>>,
    network: Arc<Network>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections have in common.
#[derive(Debug)]
struct Network {
    to: SocketAddr,
    seed: u64,
    drawn: AtomicU64,
    connections: AtomicU64,
    cuts: AtomicU64,
    /// How many requests were refused or lost, and since the mode was last changed.
    spoiled: AtomicU64,
    spoiled_now: AtomicU64,
}

impl Proxy {
    /// Lets everything pass to this address at first. The same seed cuts the same connections, in the order in which
    /// they are made, after the same bytes.
    pub fn to(to: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(port::free())?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Some(Mode::Pass));
        let [drawn, connections, cuts, spoiled, spoiled_now] = Default::default();
        let network = Arc::new(Network { to, seed, drawn, connections, cuts, spoiled, spoiled_now });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = serve(listener, modes, Arc::clone(&network));
        let thread = std::thread::spawn(move || {
            runtime.block_on(serving).expect("a listener of this process accepts");
        });
        Ok(Self { address, mode, network, thread: Some(thread) })
    }

    /// Changes what the network does from now on.
    pub fn set(&self, mode: Mode) {
        self.network.spoiled_now.store(0, Ordering::Relaxed);
        self.mode.send_replace(Some(mode));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made through it.
    pub fn connections(&self) -> u64 {
        self.network.connections.load(Ordering::Relaxed)
    }

    /// How many of them [`Mode::Cut`] ended.
    pub fn cuts(&self) -> u64 {
        self.network.cuts.load(Ordering::Relaxed)
    }

    /// How many requests [`Mode::Refuse500`] and [`Mode::LoseAnswer`] have spoiled.
    pub fn spoiled(&self) -> u64 {
        self.network.spoiled.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.mode.send_replace(None);
        let ended = self.thread.take().expect("only this takes it").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the proxy had failed before");
    }
}

type Modes = watch::Receiver<Option<Mode>>;

async fn serve(listener: TcpListener, mut modes: Modes, network: Arc<Network>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = modes.clone();
    let accept = async {
        loop {
            let (client, _) = listener.accept().await?;
            network.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(connect(client, connections.clone(), Arc::clone(&network)));
        }
    };
    tokio::select! {
        failed = accept => failed,
        _ = modes.wait_for(Option::is_none) => Ok(()),
    }
}

/// How a connection ended.
enum End {
    Orderly,
    Reset,
    Refused,
}

/// What a client hears whose request was refused.
const REFUSED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 18\r\n\r\nrefused on the way";

async fn connect(mut client: TcpStream, mut modes: Modes, network: Arc<Network>) {
    let Ok(mut server) = TcpStream::connect(network.to).await else {
        return reset(&client);
    };
    let passage =
        Passage { modes: modes.clone(), network, cut: Mutex::default(), loses: AtomicBool::default() };
    let end = {
        let _ = client.set_nodelay(true).and(server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            end = async { tokio::try_join!(requests(from_client, to_server, &passage), answers(from_server, to_client, &passage)) } =>
                end.map_or_else(|end| end, |_| End::Orderly),
            _ = modes.wait_for(|mode| matches!(mode, None | Some(Mode::Reset))) => End::Reset,
        }
    };
    match end {
        End::Orderly => {}
        End::Reset => {
            reset(&client);
            reset(&server);
        }
        // Whoever does not wait for it has ended before.
        End::Refused => drop(client.write_all(REFUSED).await),
    }
}

/// Its drop, which follows, says no word of farewell.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().expect("an open socket takes it");
}

const BLOCK: usize = 64 * 1024;

fn broken(_: io::Error) -> End {
    End::Reset
}

/// From the client to the server.
async fn requests(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, passage: &Passage) -> Result<(), End> {
    let mut block = Vec::with_capacity(BLOCK);
    while from.read_buf(&mut block).await.map_err(broken)? > 0 {
        if let Some(spoil) = passage.spoils().filter(|_| block.starts_with(b"POST ")) {
            // Nothing reaches the server before all of it is here, and was looked at.
            while !request::is_whole(&block) && from.read_buf(&mut block).await.map_err(broken)? > 0 {}
            passage.spoil(&spoil, &block)?;
        }
        passage.forward(&mut block, &mut to).await?;
    }
    // The other direction may go on.
    to.shutdown().await.map_err(broken)
}

/// From the server to the client.
async fn answers(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, passage: &Passage) -> Result<(), End> {
    let mut block = Vec::with_capacity(BLOCK);
    while from.read_buf(&mut block).await.map_err(broken)? > 0 {
        if passage.loses.load(Ordering::Relaxed) {
            return Err(End::Reset);
        }
        passage.forward(&mut block, &mut to).await?;
    }
    to.shutdown().await.map_err(broken)
}

/// What one connection passes through, in both directions.
struct Passage {
    modes: Modes,
    network: Arc<Network>,
    cut: Mutex<Option<Cut>>,
    /// The next answer does not reach the client.
    loses: AtomicBool,
}

/// How many bytes pass before a connection ends, and how it does.
#[derive(Clone, Copy)]
struct Cut {
    left: u64,
    abrupt: bool,
}

impl Passage {
    async fn forward(&self, block: &mut Vec<u8>, to: &mut WriteHalf<'_>) -> Result<(), End> {
        let (bytes, end) = self.pass(block.len()).await;
        to.write_all(&block[..bytes]).await.map_err(broken)?;
        block.clear();
        end.map_or(Ok(()), Err)
    }

    /// The mode, where it is one that looks at requests.
    fn spoils(&self) -> Option<Mode> {
        let mode = self.modes.borrow().clone();
        mode.filter(|mode| matches!(mode, Mode::Refuse500 { .. } | Mode::LoseAnswer { .. }))
    }

    /// Looks at a whole request, and counts it where it is one of those.
    fn spoil(&self, mode: &Mode, request: &[u8]) -> Result<(), End> {
        let (Mode::Refuse500 { containing, count } | Mode::LoseAnswer { containing, count }) = mode else {
            return Ok(());
        };
        let is_meant = memchr::memmem::find(request, containing.as_bytes()).is_some();
        if !is_meant || self.network.spoiled_now.fetch_add(1, Ordering::Relaxed) >= *count {
            return Ok(());
        }
        self.network.spoiled.fetch_add(1, Ordering::Relaxed);
        if let Mode::Refuse500 { .. } = mode {
            return Err(End::Refused);
        }
        self.loses.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until a block may pass, and says how much of it does; the connection ends after it where that is said.
    async fn pass(&self, bytes: usize) -> (usize, Option<End>) {
        let mut modes = self.modes.clone();
        loop {
            let mode = modes.borrow_and_update().clone();
            match mode {
                Some(Mode::Cut(range)) => return self.cut(bytes, &range),
                Some(Mode::Pass | Mode::Refuse500 { .. } | Mode::LoseAnswer { .. }) => break,
                Some(Mode::Latency(latency)) => {
                    tokio::time::sleep(latency).await;
                    break;
                }
                Some(Mode::Blackhole | Mode::Reset) | None => {
                    if modes.changed().await.is_err() {
                        return (0, Some(End::Reset));
                    }
                }
            }
        }
        *self.held() = None;
        (bytes, None)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self, bytes: usize, range: &Range<u64>) -> (usize, Option<End>) {
        let mut held = self.held();
        let cut = held.get_or_insert_with(|| self.network.draw(range));
        let passing = bytes.min(usize::try_from(cut.left).unwrap_or(usize::MAX));
        cut.left -= passing as u64;
        if cut.left > 0 {
            return (passing, None);
        }
        self.network.cuts.fetch_add(1, Ordering::Relaxed);
        (passing, Some(if cut.abrupt { End::Reset } else { End::Orderly }))
    }
}

impl Network {
    fn draw(&self, range: &Range<u64>) -> Cut {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let drawn = scatter(self.seed.wrapping_add(scatter(number)));
        let width = range.end.saturating_sub(range.start).max(1);
        Cut { left: range.start + (drawn >> 1) % width, abrupt: drawn & 1 == 1 }
    }
}

/// A number that looks like chance and is the same for the same number (the mixer of splitmix64).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
