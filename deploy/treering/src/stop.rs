//! The word to stop: SIGINT or SIGTERM, and elsewhere Ctrl-C.

use crate::error::Error;

/// It is heard from the moment that this exists, so that nobody who saw a server start is too early.
#[cfg(unix)]
pub(crate) struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    pub(crate) fn listen() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::Signal);
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(crate) async fn told(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
pub(crate) struct Stop(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Stop {
    pub(crate) fn listen() -> Result<Self, Error> {
        tokio::signal::windows::ctrl_c().map(Self).map_err(Error::Signal)
    }

    pub(crate) async fn told(mut self) {
        self.0.recv().await;
    }
}
