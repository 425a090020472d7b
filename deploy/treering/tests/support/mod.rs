//! A treering of one's own: the very binary, on free ports, with its data in a temporary folder.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod store;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test calls it stuck. Far above what is usual, since builders are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// What a test left out, in one line; a failure where `TREERING_TEST_COMPLETE` asks for everything.
pub(crate) fn leave_out(what: &str, why: &str) {
    say_left_out(what, why);
    assert!(std::env::var_os("TREERING_TEST_COMPLETE").is_none(), "{what} was left out: {why}");
}

/// The line alone, past the test runner, which keeps to itself what a test that passes prints.
pub(crate) fn say_left_out(what: &str, why: &str) {
    writeln!(std::io::stderr(), "left out: {what}: {why}").expect("stderr can be written");
}

/// The binary under test.
pub(crate) fn treering() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_treering"));
    // A variable of the developer's own must not reach a test.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("TREERING_") || name.starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running `treering up`. It is killed when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    pub(crate) data: PathBuf,
    pub(crate) http: String,
    pub(crate) grpc: String,
    pub(crate) dashboard: String,
    /// What it printed at its start.
    pub(crate) printed: Vec<String>,
    pub(crate) pid: u32,
}

impl Server {
    /// Starts `treering up` on this folder, with these further flags.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::start_as(treering(), data, flags)
    }

    /// The same under another command, such as `strace`, whose last argument is the binary.
    pub(crate) fn start_as(command: Command, data: &Path, flags: &[&str]) -> Self {
        Self::launch(command, data, ["127.0.0.1:0"; 3], flags)
    }

    /// Starts it where it can be started again: on an address from which nobody else takes free ports meanwhile.
    pub(crate) fn start_to_stay(command: Command, data: &Path, last: u8) -> Self {
        let host = if cfg!(target_os = "linux") { format!("127.0.0.{last}:0") } else { "127.0.0.1:0".into() };
        Self::launch(command, data, [&host, &host, "127.0.0.1:0"], &[])
    }

    /// The addresses that exporters know; the dashboard may come back anywhere.
    pub(crate) fn addresses_to_send(&self) -> [String; 3] {
        [self.grpc.clone(), self.http.clone(), "127.0.0.1:0".into()]
    }

    /// Starts it again after its end, where it listened before.
    pub(crate) fn start_again(data: &Path, addresses: &[String; 3]) -> Self {
        Self::start_again_as(treering(), data, addresses, &[])
    }

    /// The same under another command, and with flags.
    pub(crate) fn start_again_as(
        command: Command,
        data: &Path,
        addresses: &[String; 3],
        flags: &[&str],
    ) -> Self {
        Self::launch(command, data, addresses.each_ref().map(String::as_str), flags)
    }

    /// Where it listens: OTLP/gRPC, OTLP/HTTP and dashboard.
    pub(crate) fn addresses(&self) -> [String; 3] {
        [&self.grpc, &self.http, &self.dashboard].map(Clone::clone)
    }

    fn launch(mut command: Command, data: &Path, [grpc, http, dashboard]: [&str; 3], flags: &[&str]) -> Self {
        let told = data.join("listening.json");
        std::fs::remove_file(&told).ok();
        let mut child = command
            .args(["up", "--otlp-grpc", grpc, "--otlp-http", http, "--dashboard", dashboard])
            .arg("--data")
            .arg(data)
            .args(flags)
            .envs(store::environment(data))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut printed = Vec::new();
        // The last line of the announcement.
        while !printed.last().is_some_and(|line: &String| line.contains("OTEL_EXPORTER_OTLP_HEADERS")) {
            match lines.next() {
                Some(line) => printed.push(line.expect("it prints UTF-8")),
                None => panic!("it ended before it was ready: {:?}\n{}", child.wait(), printed.join("\n")),
            }
        }
        let listening: Value =
            serde_json::from_slice(&std::fs::read(told).expect("it wrote where it listens"))
                .expect("in JSON");
        let address = |name: &str| listening[name].as_str().expect("an address").to_owned();
        let pid = u32::try_from(listening["pid"].as_u64().expect("a process id")).expect("of 32 bits");
        Self {
            child,
            data: data.to_owned(),
            http: address("otlp_http"),
            grpc: address("otlp_grpc"),
            dashboard: address("dashboard"),
            printed,
            pid,
        }
    }

    /// A new key with these scopes, made by the command line while the server runs.
    pub(crate) fn key(&self, scopes: &str) -> String {
        key(&self.data, scopes)
    }

    /// The one-time link that it printed.
    pub(crate) fn link(&self) -> String {
        let line = self.printed.iter().find(|line| line.contains("/login?token=")).expect("it prints a link");
        line.split_whitespace().last().expect("at the end").to_owned()
    }

    /// Stops it where it stands: connections stay open, and nobody answers.
    pub(crate) fn freeze(&self) {
        kill(self.pid, "STOP");
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        kill(self.pid, "KILL");
        self.child.wait().expect("it can be waited for");
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        kill(self.pid, name);
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }

    /// True as long as it did not end.
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// The most that it ever had in memory, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux tells the peak");
        let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("a number") << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn kill(pid: u32, signal: &str) {
    let status =
        Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().expect("kill runs");
    assert!(status.success(), "the process can be signalled");
}

/// A new key for this folder.
pub(crate) fn key(data: &Path, scopes: &str) -> String {
    let made = treering()
        .args(["key", "create", "--json", "--scope", scopes, "--data"])
        .arg(data)
        .envs(store::environment(data))
        .output()
        .expect("the binary starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("it prints JSON");
    made["key"].as_str().expect("a key").to_owned()
}

/// An HTTP client. Built beside the layer, the client's crate wants to be told of a TLS provider, although
/// nothing here speaks TLS.
pub(crate) fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}

/// The read API of a server.
pub(crate) struct Api<'a> {
    server: &'a Server,
    key: String,
    client: reqwest::Client,
}

impl<'a> Api<'a> {
    pub(crate) fn of(server: &'a Server) -> Self {
        Self::with(server, &server.key("read"))
    }

    /// With this key, which may read.
    pub(crate) fn with(server: &'a Server, key: &str) -> Self {
        Self { server, key: key.to_owned(), client: client() }
    }

    /// What this path below `/api/v1` answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1{path}", self.server.dashboard);
        let answer = self.client.get(url).bearer_auth(&self.key).send().await.expect("it answers");
        let text = answer.text().await.expect("with a text");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    /// Asks again and again until the answer satisfies, and gives that answer.
    pub(crate) async fn wait_for(&self, path: &str, satisfies: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if satisfies(&answer) {
                return answer;
            }
            assert!(Instant::now() < end, "{path} never satisfied; the last answer: {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The executions, once there are so many.
    pub(crate) async fn executions(&self, count: usize) -> Vec<Value> {
        let enough =
            |answer: &Value| answer["executions"].as_array().is_some_and(|found| found.len() >= count);
        let answer = self.wait_for("/executions?limit=1000", enough).await;
        answer["executions"].as_array().cloned().unwrap_or_default()
    }
}

/// True where a file below this folder holds these bytes.
pub(crate) fn any_file_has(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("the folder can be read").any(|entry| {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            return any_file_has(&path, needle);
        }
        // A write-ahead log may vanish between the listing and the reading.
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    })
}

/// How often an outcome happened, as the store of this folder has it.
pub(crate) async fn outcome(data: &Path, name: &str) -> u64 {
    outcomes(data, |own| own == name).await
}

/// How often all the outcomes happened whose name this chooses.
pub(crate) async fn outcomes(data: &Path, is_one: impl Fn(&str) -> bool) -> u64 {
    let store = store::url(data);
    let master = treering_store::MasterSource::File(data.join("master.key"));
    let handles = treering_store::open_read_only(&store, master).await.expect("the store can be read");
    let projects = handles.reader.projects().await.expect("projects can be read");
    let scope = treering_store::Scope::of(projects.first().expect("the first start makes one").id);
    let counts = handles.reader.outcomes(scope).await.expect("outcomes can be read");
    counts.iter().filter(|count| is_one(&count.name)).map(|count| count.count).sum()
}
