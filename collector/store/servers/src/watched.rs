//! A server that does not outlive whoever started it, however that ends.
//!
//! A process that is killed cleans up nothing, statics are never dropped, and asking the kernel for a signal at the
//! parent's death takes unsafe code. A pipe needs none of it: the kernel closes our end when we end, whatever the
//! reason. So a shell stands between us and the server and reads from that pipe. A word in it is a signal for the
//! server, which is to be started again; its end means that all of this is over, data included. The shell is the
//! server's parent: no other process can get its number before the shell has seen its end.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

use crate::Error;
use crate::log::Log;
use crate::program::Account;

/// Takes the folder, the signal for the end of all, and the command. For `KILL`, no part of the server may live on:
/// PostgreSQL's processes are the first one's children, each a group of its own, and while it is stopped it makes no
/// more. In a shell without a terminal, what runs behind ignores INT and QUIT unless it asks for them, as PostgreSQL does.
const WATCH: &str = r#"
folder=$1 last=$2
shift 2
"$@" </dev/null 2>&1 &
exec >/dev/null 2>&1
if read -r signal; then
    if [ "$signal" = KILL ]; then
        kill -STOP $!
        kill -KILL $(pgrep -P $!) $!
    else
        kill -"$signal" $!
    fi
    wait
else
    kill -"$last" $!
    wait
    rm -rf "$folder"
fi
"#;

/// What a server is to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Int,
    Quit,
    Kill,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// What is to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// A line with this text says that it is ready.
    pub(crate) ready: &'static str,
    /// What ends it at once when we end.
    pub(crate) last: Signal,
}

/// A server that runs. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub(crate) struct Watched {
    shell: Child,
    pipe: Option<ChildStdin>,
    pub(crate) log: Log,
}

impl Watched {
    /// Runs a program, with its data in this folder, and waits until it is ready.
    pub(crate) fn start(account: Account, folder: &Path, program: Program) -> Result<Self, Error> {
        let mut shell = account.command("sh", folder);
        shell.args(["-c", WATCH, "watch"]).arg(folder).arg(program.last.name());
        shell.arg(program.path).args(program.arguments);
        // In a group of its own it is not hit by what a terminal sends to ours, and does its work afterwards.
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = shell.spawn().map_err(Error::io("could not run `sh`"))?;
        let (pipe, printed) = (shell.stdin.take(), shell.stdout.take().expect("it was asked for"));
        let log = Log::follow(program.name, printed, program.ready);
        let watched = Self { shell, pipe, log };
        match watched.log.wait_until_ready() {
            Ok(()) => Ok(watched),
            // It may be started again with the same data.
            Err(error) => watched.end(Signal::Kill).and(Err(error)),
        }
    }

    /// Ends it with this signal, waits until nothing of it is left, and keeps its data.
    pub(crate) fn end(mut self, signal: Signal) -> Result<(), Error> {
        let mut pipe = self.pipe.take().expect("only this and the drop take it");
        writeln!(pipe, "{}", signal.name()).map_err(Error::io("could not tell the shell of a server"))?;
        self.shell.wait().map_err(Error::io("could not wait for a server"))?;
        Ok(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.shell.wait().expect("it is our child, and was waited for only where it ended well");
    }
}
