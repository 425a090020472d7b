//! A database, a folder, and whoever works on both.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use treering_test_servers::{Database, Owner, PostgresServer, shared};

use crate::ran::Ran;
use crate::support::{PATIENCE, Server, client, treering};

/// An empty database, and a folder for data folders and copies.
pub(crate) struct House {
    pub(crate) server: &'static PostgresServer,
    pub(crate) database: Database,
    folder: tempfile::TempDir,
}

impl House {
    /// Nothing where there is no PostgreSQL, which was said then.
    pub(crate) fn new() -> Option<Self> {
        let server = shared()?;
        let database = server.create_database(Owner::Plain).unwrap();
        Some(Self { server, database, folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The password of every login.
    pub(crate) fn password(&self) -> &str {
        let (_, rest) = self.database.url.split_once("//").unwrap();
        rest.split_once('@').unwrap().0.split_once(':').unwrap().1
    }

    /// The binary on this store, in a folder where nothing is unless a test put it there.
    pub(crate) fn on(&self, store: &str) -> Command {
        let mut command = treering();
        command.env("TREERING_STORE", store).current_dir(self.folder.path());
        command
    }

    /// Runs the words of this line as the owner of the database.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_on(&self.database.url, line)
    }

    pub(crate) fn run_on(&self, store: &str, line: &str) -> Ran {
        let mut command = self.on(store);
        command.args(line.split_whitespace());
        Ran::of(command)
    }

    /// A collector with its dashboard, and a data folder of this name.
    pub(crate) fn up(&self, data: &str) -> Server {
        self.up_on(&self.database.url, data)
    }

    pub(crate) fn up_on(&self, store: &str, data: &str) -> Server {
        Server::start_as(self.on(store), &self.at(data), &[])
    }

    /// A server that is meant not to start.
    pub(crate) fn fails(&self, data: &str) -> Ran {
        let ports = "--otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --dashboard 127.0.0.1:0";
        let ran = self.run(&format!("up --data {data} {ports}"));
        assert_eq!(ran.code, 2, "{}", ran.err);
        ran
    }

    /// A new key, by the master key of this data folder.
    pub(crate) fn key(&self, data: &str, scope: &str) -> String {
        let made = self.run(&format!("key create --json --scope {scope} --data {data}")).json();
        made["key"].as_str().unwrap().to_owned()
    }

    /// What is read of this server by a new key.
    pub(crate) fn pages(&self, server: &Server) -> Pages {
        let key = self.key(server.data.file_name().unwrap().to_str().unwrap(), "read");
        Pages { address: server.dashboard.clone(), key }
    }

    /// The address of the database for a new login with these roles alone.
    pub(crate) fn login(&self, name: &str, roles: &str) -> String {
        let name = format!("{}_{name}", self.database.name);
        self.server.create_login(&name).unwrap();
        self.server.administer("postgres", &[&format!("GRANT {roles} TO {name}")]).unwrap();
        self.server.url(&self.database.name, &name)
    }

    /// Lets nobody in, or everybody again.
    pub(crate) fn close(&self) {
        self.server.close_database(&self.database).unwrap();
    }

    pub(crate) fn open(&self) {
        let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.database.name);
        self.server.administer("postgres", &[&open]).unwrap();
    }
}

/// A half of the binary, at work. It is killed when it goes out of scope.
pub(crate) struct Half {
    child: Child,
    pub(crate) printed: String,
}

impl Half {
    /// Starts it, and reads what it says until this stands in a line.
    pub(crate) fn start(mut command: Command, last: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        while !printed.contains(last) {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {:?}\n{printed}", child.wait()));
            printed.push_str(&line.unwrap());
            printed.push('\n');
        }
        Self { child, printed }
    }

    pub(crate) fn collect(mut command: Command, data: &Path) -> Self {
        command.args(["collect", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data"]);
        command.arg(data);
        Self::start(command, "OTEL_EXPORTER_OTLP_HEADERS")
    }

    pub(crate) fn dash(mut command: Command) -> Self {
        command.args(["dash", "--dashboard", "127.0.0.1:0"]);
        Self::start(command, "later ones log in")
    }

    /// The address on the line that begins so.
    pub(crate) fn address(&self, what: &str) -> String {
        let line = self.printed.lines().find(|line| line.trim_start().starts_with(what)).unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        rest.split('/').next().unwrap().to_owned()
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a server shows to whoever has a key.
pub(crate) struct Pages {
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Pages {
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1{path}", self.address);
        let answer = client().get(url).bearer_auth(&self.key).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Waits until each of these executions is there, with its content.
    pub(crate) async fn show(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let (end, path) = (Instant::now() + PATIENCE, format!("/executions/{}?content=1", trace(number)));
            loop {
                let whole = self.get(&path).await;
                if whole["steps"][0]["input"]["value"] == format!("asked {number}") {
                    break;
                }
                assert!(Instant::now() < end, "{number} never came: {whole}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

pub(crate) fn trace(number: u64) -> String {
    format!("{:032x}", number + 1)
}

/// Sends one execution of one step; true where that was answered with success.
pub(crate) async fn send(http: &str, key: &str, number: u64) -> bool {
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{:016x}","name":"chat {number}",
        "startTimeUnixNano":"1767225600000000000","endTimeUnixNano":"1767225600001000000",
        "attributes":[{{"key":"input.value","value":{{"stringValue":"asked {number}"}}}}]}}]}}]}}]}}"#,
        trace(number),
        number + 1
    );
    let request = client().post(format!("http://{http}/v1/traces")).header("x-api-key", key);
    let answer = request.header("content-type", "application/json").body(body).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
