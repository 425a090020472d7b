//! Chromium, driven by its DevTools protocol.
//!
//! The crates for this were weighed: those that speak WebDriver need a second program (`chromedriver`), and
//! `chromiumoxide` and `headless_chrome` compile the whole protocol, some hundred thousand generated lines,
//! for the dozen methods that are called here. Chromium also speaks it over a pipe, JSON with a zero byte
//! behind: that needs no crate, no port, and ends the browser when the test ends, however it ends.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use serde_json::{Value, json};

use crate::support::{PATIENCE, leave_out};
use crate::tab::Tab;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Chromium reads from descriptor 3 and writes to 4; nothing of it may reach what the tests print.
const ON_A_PIPE: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// Nothing of its own goes out, and nothing of a desktop is asked for. The tests show it pages of our own
/// only, so that its sandbox, which a container's root cannot have, is not missed.
const FLAGS: [&str; 10] = [
    "--remote-debugging-pipe",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
];

/// A browser with an empty profile.
pub(crate) struct Chromium {
    child: Child,
    wire: RefCell<Wire>,
    _profile: tempfile::TempDir,
}

/// The two ends of the pipe, and what came through it.
struct Wire {
    to: ChildStdin,
    from: Receiver<Value>,
    calls: u64,
    events: Vec<Value>,
}

impl Chromium {
    /// Starts the browser; says what is left out where there is none.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            leave_out("the browser", "no Chromium on the path, nor in TREERING_CHROMIUM");
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("sh")
            .args(["-c", ON_A_PIPE])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let to = child.stdin.take().expect("it is piped");
        let from = listen(child.stdout.take().expect("it is piped"));
        let wire = RefCell::new(Wire { to, from, calls: 0, events: Vec::new() });
        Some(Self { child, wire, _profile: profile })
    }

    /// A tab with cookies of its own, as another browser would have them.
    pub(crate) fn tab(&self) -> Tab<'_> {
        let context = self.call(None, "Target.createBrowserContext", json!({}));
        let target = self.call(
            None,
            "Target.createTarget",
            json!({"url": "about:blank", "browserContextId": context["browserContextId"]}),
        );
        let session = self.call(
            None,
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        );
        Tab::new(self, session["sessionId"].as_str().expect("a session"))
    }

    /// Calls a method of the protocol, in a tab's session or of the browser itself, and waits for its result.
    pub(crate) fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let mut wire = self.wire.borrow_mut();
        let id = wire.send(session, method, params).expect("the browser listens");
        loop {
            let mut message = wire.receive(method);
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            wire.keep(message);
        }
    }

    /// How many events there were so far: the place from which on to wait.
    pub(crate) fn moment(&self) -> usize {
        self.wire.borrow().events.len()
    }

    /// Waits for an event of this session since that moment, and of this type where one is named.
    pub(crate) fn event(&self, session: &str, since: usize, method: &str, kind: Option<&str>) -> Value {
        let mut wire = self.wire.borrow_mut();
        let wanted = |event: &Value| {
            let of_kind = kind.is_none_or(|kind| event["params"]["type"] == kind);
            event["sessionId"] == session && event["method"] == method && of_kind
        };
        let mut at = since;
        loop {
            if let Some(found) = wire.events[at..].iter().find(|event| wanted(event)) {
                return found["params"].clone();
            }
            at = wire.events.len();
            let message = wire.receive(method);
            wire.keep(message);
        }
    }

    /// What was told of this session so far.
    pub(crate) fn told(&self, session: &str) -> Vec<Value> {
        let events = &self.wire.borrow().events;
        events.iter().filter(|event| event["sessionId"] == session).cloned().collect()
    }
}

impl Wire {
    fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> std::io::Result<u64> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method});
        message["params"] = params;
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes)?;
        self.to.flush()?;
        Ok(self.calls)
    }

    fn receive(&self, waiting_for: &str) -> Value {
        let last = || self.events.last().map(ToString::to_string).unwrap_or_default();
        self.from
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("waiting for {waiting_for}: {error}; the last event: {}", last()))
    }

    /// A dialog would halt its page for ever, and no page of ours has one.
    fn keep(&mut self, event: Value) {
        assert_ne!(event["method"], "Page.javascriptDialogOpening", "a dialog opened: {event}");
        self.events.push(event);
    }
}

impl Drop for Chromium {
    /// Asked to close, it ends its own processes first and leaves its profile alone; the pipe is closed then.
    fn drop(&mut self) {
        let wire = self.wire.get_mut();
        let asked = wire.send(None, "Browser.close", json!({}));
        let last = asked.ok().and_then(|_| {
            loop {
                match wire.from.recv_timeout(PATIENCE) {
                    Ok(_) => {}
                    Err(end) => break Some(end),
                }
            }
        });
        if last != Some(RecvTimeoutError::Disconnected) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// The messages that come in, from a thread of their own: reading a pipe knows no deadline.
fn listen(from: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let messages = BufReader::new(from).split(0);
        for message in messages.map_while(Result::ok) {
            let message = serde_json::from_slice(&message).expect("the browser writes JSON");
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TREERING_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}
