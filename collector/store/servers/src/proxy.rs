//! A network between two, which can be broken while it runs.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::port;

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
}

impl Proxy {
    /// Lets everything pass to this address at first. The same seed cuts the same connections, in the order in which
    /// they are made, after the same bytes.
    pub fn to(to: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(port::free())?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (mode, modes) = watch::channel(Some(Mode::Pass));
        let [drawn, connections, cuts] = Default::default();
        let network = Arc::new(Network { to, seed, drawn, connections, cuts });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = serve(listener, modes, Arc::clone(&network));
        let thread = std::thread::spawn(move || {
            runtime.block_on(serving).expect("a listener of this process accepts");
        });
        Ok(Self { address, mode, network, thread: Some(thread) })
    }

    /// Changes what the network does from now on.
    pub fn set(&self, mode: Mode) {
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
}

async fn connect(mut client: TcpStream, mut modes: Modes, network: Arc<Network>) {
    let Ok(mut server) = TcpStream::connect(network.to).await else {
        return reset(&client);
    };
    let passage = Passage { modes: modes.clone(), network, cut: Mutex::default() };
    let end = {
        let _ = client.set_nodelay(true).and(server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            end = async { tokio::try_join!(pump(from_client, to_server, &passage), pump(from_server, to_client, &passage)) } =>
                end.map_or_else(|end| end, |_| End::Orderly),
            _ = modes.wait_for(|mode| matches!(mode, None | Some(Mode::Reset))) => End::Reset,
        }
    };
    if let End::Reset = end {
        reset(&client);
        reset(&server);
    }
}

/// Its drop, which follows, says no word of farewell.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().expect("an open socket takes it");
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, passage: &Passage) -> Result<(), End> {
    let mut block = vec![0; 64 * 1024];
    let broken = |_: io::Error| End::Reset;
    loop {
        let read = from.read(&mut block).await.map_err(broken)?;
        if read == 0 {
            // The other direction may go on.
            return to.shutdown().await.map_err(broken);
        }
        let (bytes, end) = passage.pass(read).await;
        to.write_all(&block[..bytes]).await.map_err(broken)?;
        if let Some(end) = end {
            return Err(end);
        }
    }
}

/// What one connection passes through, in both directions.
struct Passage {
    modes: Modes,
    network: Arc<Network>,
    cut: Mutex<Option<Cut>>,
}

/// How many bytes pass before a connection ends, and how it does.
#[derive(Clone, Copy)]
struct Cut {
    left: u64,
    abrupt: bool,
}

impl Passage {
    /// Waits until a block may pass, and says how much of it does; the connection ends after it where that is said.
    async fn pass(&self, bytes: usize) -> (usize, Option<End>) {
        let mut modes = self.modes.clone();
        loop {
            let mode = modes.borrow_and_update().clone();
            match mode {
                Some(Mode::Cut(range)) => return self.cut(bytes, &range),
                Some(Mode::Pass) => break,
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
