mod control;
mod entrance;
mod key;
mod login;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use treering_step::{Timestamp, TraceId};

pub(crate) use control::{Audit, Backup, Keeping, Member, Project, ProjectRules, Restore, Seal, Session};
pub(crate) use entrance::{Clients, EntranceFlags};
pub(crate) use key::Key;
pub(crate) use login::LoginFlags;

/// Observability for AI agents on OpenTelemetry conventions.
#[derive(Debug, Parser)]
#[command(name = "treering", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// A file of settings; flags and TREERING_… variables override it.
    #[arg(long, global = true, env = "TREERING_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process: collector and dashboard on one embedded SQLite file.
    #[command(after_help = "Example:\n  treering up --demo")]
    Up(Up),
    /// The collector alone, with write access to the store.
    #[command(
        after_help = "Example:\n  treering collect --data /var/lib/treering --otlp-http 127.0.0.1:4318"
    )]
    Collect(Collect),
    /// The dashboard alone, with read-only access to the store.
    #[command(after_help = "Example:\n  treering dash --data /var/lib/treering --dashboard 127.0.0.1:4319")]
    Dash(Dash),
    /// API keys.
    #[command(subcommand)]
    Key(Key),
    /// Projects and how long they keep what.
    #[command(subcommand)]
    Project(Project),
    /// People and their roles.
    #[command(subcommand)]
    Member(Member),
    /// The master key, which all content is sealed by.
    #[command(subcommand)]
    Seal(Seal),
    /// What was done to the installation, and by whom.
    #[command(subcommand)]
    Audit(Audit),
    /// Sessions of people at the dashboard.
    #[command(subcommand)]
    Session(Session),
    /// Copies everything but the master key to a new folder. A server may go on running.
    #[command(after_help = "Example:
  treering backup /mnt/backup/monday --data /var/lib/treering")]
    Backup(Backup),
    /// Makes an empty data folder what a copy was. The master key is not in the copy: put it into the folder before, or
    /// name its place.
    #[command(after_help = "Example:
  treering restore /mnt/backup/monday --data /var/lib/treering --master-key-file /root/master.key")]
    Restore(Restore),
    /// Reads everything that is stored again, as this version and these prices have it. A server may go on running.
    #[command(after_help = "Example:\n  treering reread --data /var/lib/treering")]
    Reread(Reread),
    /// Erases an execution, a session, a user or a whole project, for good: content, summaries, index and journal.
    ///
    /// An execution that names the session or user anywhere goes as a whole, and so do the log records that came with
    /// another execution and belong to it. A name counts as the pages show it; a mention in the text of a message does
    /// not. A running server does it, and keeps on taking in; without one this command does. What an exporter sends
    /// again afterwards is new.
    ///
    /// In copies of the store that were made before, the content can be read no more with today's file of keys, nor
    /// can other content of the same days; names of steps, sessions and users stand there in the clear: delete such
    /// copies.
    #[command(
        after_help = "Examples:\n  treering erase --user ada\n  treering erase --session 7 --project shop --yes\n  \
                      treering erase --project shop --whole-project\n\nExit code 1 where there was nothing of it."
    )]
    Erase(Erase),
    /// Brings the schema of a remote store up to date. Servers do that at their start as well, where their login may.
    #[command(
        after_help = "Example:\n  TREERING_STORE=postgres://postgres:PASSWORD@HOST:5432/postgres treering migrate"
    )]
    Migrate(Migrate),
    /// Forgets now what is older than its project keeps it. Servers do that by themselves.
    #[command(
        after_help = "Example:\n  treering prune --dry-run\n\nExit code 1 where the clock is not believed."
    )]
    Prune(Prune),
    /// Writes executions as OTLP/JSON, one request a line: to standard output in the clear, or to a sealed file.
    #[command(after_help = "Examples:\n  treering export --project shop | gzip > shop.jsonl.gz\n  \
                      treering export --user ada --output ada.treering\n\nExit code 1 where there was nothing to export.")]
    Export(Export),
    /// Takes in what `treering export` wrote, or any OTLP/JSON with one request a line, as if it were sent: through
    /// redaction and the journal. Taking the same in again changes nothing.
    #[command(after_help = "Examples:\n  treering import shop.jsonl --project shop\n  \
                      treering export --data old | treering import --data new\n\nExit code 1 where anything was refused.")]
    Import(Import),
    /// Sends spans as agents do, and tells how many a server takes, how soon it answers and what that costs it.
    ///
    /// Without --url it starts a server of its own, over a folder that goes with it. Spans have 1.5 KB; no two have an id in
    /// common.
    #[command(after_help = "Examples:\n  treering bench --spans 200000\n  \
                      TREERING_API_KEY=trk_… treering bench --url http://127.0.0.1:4318 --protocol http --duration 1m\n\n\
                      Exit code 1 where anything was refused or is missing.")]
    Bench(Bench),
    /// Tries the redaction rules out on text, JSON lines or OTLP/JSON from standard input.
    #[command(
        after_help = "Example:\n  echo 'write to ada@example.com' | treering redact\n\nExit code 1 with --check if anything was found."
    )]
    Redact(Redact),
}

/// Where the data is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// The folder of the journal and, unless --store says otherwise, of the store [default: ./treering-data]
    #[arg(long, env = "TREERING_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The store, as a URL [default: sqlite:DIR/treering.db]
    ///
    /// postgres://USER:PASSWORD@HOST:PORT/DATABASE for a PostgreSQL such as Supabase's, and
    /// clickhouse+https://USER:PASSWORD@HOST:PORT/DATABASE for steps in a ClickHouse (see --control). What stands on a command line
    /// can be seen by others on the machine: a URL with a password is better named by the variable or the file of settings.
    #[arg(long, env = "TREERING_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Where the control data of a ClickHouse are: projects, keys, rules, people and the audit log [default:
    /// sqlite:DIR/treering.db]
    #[arg(long, env = "TREERING_CONTROL", hide_env_values = true, value_name = "URL")]
    pub(crate) control: Option<String>,
    /// The cluster of ClickHouse on which the tables are replicated and distributed
    #[arg(long, env = "TREERING_CLUSTER", value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// The file of the master key, unless the variable TREERING_MASTER_KEY holds the key itself [default:
    /// DIR/master.key, made at the first start]
    #[arg(long, env = "TREERING_MASTER_KEY_FILE", value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// A command that prints the master key, such as one that asks a secret store
    #[arg(
        long,
        env = "TREERING_MASTER_KEY_COMMAND",
        hide_env_values = true,
        value_name = "COMMAND",
        conflicts_with = "master_key_file"
    )]
    pub(crate) master_key_command: Option<String>,
}

/// What both servers have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What models cost, in the place of the built-in prices of the same models: CSV with the columns
    /// model,from_input_tokens,input,output,cache_read,cache_write, in US dollars per million tokens.
    #[arg(long, env = "TREERING_PRICES", value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// The certificate of the server in PEM, and those that lead from it to an authority: everything is served by TLS then.
    /// It is taken anew when it changes
    #[arg(long, env = "TREERING_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM
    #[arg(long, env = "TREERING_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Authorities in PEM of which exporters may show a certificate; `treering project clients` says which names let
    /// into which project
    #[arg(long, env = "TREERING_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Where signed checkpoints of the audit log are written: best on a disk that who writes the store cannot write
    /// [default: DIR/audit.checkpoints]
    #[arg(long, env = "TREERING_AUDIT_CHECKPOINTS", value_name = "FILE")]
    pub(crate) audit_checkpoints: Option<PathBuf>,
    /// Says that a proxy with TLS stands in front of every address that other machines can reach.
    #[arg(long, env = "TREERING_BEHIND_PROXY")]
    pub(crate) behind_proxy: bool,
}

impl Common {
    /// Of this place, and else as nothing was said.
    pub(crate) fn of(place: Place) -> Self {
        let (prices, tls_cert, tls_key, tls_client_ca, audit_checkpoints) = Default::default();
        Self { place, prices, tls_cert, tls_key, tls_client_ca, audit_checkpoints, behind_proxy: false }
    }
}

/// Where OTLP comes in, and what is done to it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Intake {
    /// Where OTLP/gRPC is received; port 0 picks a free one [default: 127.0.0.1:4317]
    #[arg(long, env = "TREERING_OTLP_GRPC", value_name = "ADDR")]
    pub(crate) otlp_grpc: Option<SocketAddr>,
    /// Where OTLP/HTTP is received; port 0 picks a free one [default: 127.0.0.1:4318]
    #[arg(long, env = "TREERING_OTLP_HTTP", value_name = "ADDR")]
    pub(crate) otlp_http: Option<SocketAddr>,
    /// Redaction rules of your own [default: the built-in rules]
    #[arg(long, env = "TREERING_RULES", value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Bytes of a request at the most, before and after decompression [default: 67108864]
    #[arg(long, env = "TREERING_MAX_REQUEST_BYTES", value_name = "BYTES")]
    pub(crate) max_request_bytes: Option<usize>,
    /// The origin of a page whose exporter may send from a browser, such as https://app.example.com; may be given
    /// several times. `none` is for no page at all [default: any page, since the key protects and no cookie does]
    #[arg(long, env = "TREERING_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) cors_origin: Vec<String>,
    /// Tells exporters of metrics and profiles that these are thrown away; those of Rust and JavaScript then warn at
    /// each export.
    #[arg(long, env = "TREERING_REPORT_DISCARDED")]
    pub(crate) report_discarded: bool,
    /// What an answer of success waits for besides the journal's disk: `journal` for nothing, `store` for the store, for
    /// machines that may vanish with their disk. Where the store does not take it within eight seconds, the client is
    /// asked to send it again [default: journal]
    #[arg(long, env = "TREERING_ACK", value_name = "WHERE")]
    pub(crate) ack: Option<Ack>,
    /// Bytes that may wait for the store at the most [default: 4294967296]
    #[arg(long, env = "TREERING_MAX_JOURNAL_BYTES", value_name = "BYTES")]
    pub(crate) max_journal_bytes: Option<u64>,
}

/// What an answer of success waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ack {
    Journal,
    Store,
}

/// Where pages are served.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pages {
    /// Where the dashboard is served; port 0 picks a free one [default: 127.0.0.1:4319]
    #[arg(long, env = "TREERING_DASHBOARD", value_name = "ADDR")]
    pub(crate) dashboard: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) login: LoginFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) intake: Intake,
    #[command(flatten)]
    pub(crate) pages: Pages,
    /// Runs a small agent, so that the first page already shows a tree.
    #[arg(long)]
    pub(crate) demo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) intake: Intake,
}

#[derive(Debug, Args)]
pub(crate) struct Dash {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) pages: Pages,
    /// The rules that the collector uses, so that the pages can say whether redaction is on.
    #[arg(long, env = "TREERING_RULES", value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Reread {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The prices that the servers use [default: the built-in prices]
    #[arg(long, env = "TREERING_PRICES", value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Begins with the first execution, even where the last time was interrupted.
    #[arg(long)]
    pub(crate) from_start: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[group(id = "target", required = true, multiple = false, args = ["execution", "session", "user", "whole_project", "without"])]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The execution with this trace id
    #[arg(long, value_name = "ID")]
    pub(crate) execution: Option<TraceId>,
    /// Every execution of this session
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) session: Option<String>,
    /// Every execution of this user
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// Everything that was ever sent to the project, which must be named; its keys and settings stay
    #[arg(long, requires = "project")]
    pub(crate) whole_project: bool,
    /// Erases nothing, but lets erasures no longer wait for the collector with this id, whose disk is gone
    #[arg(long, value_name = "COLLECTOR")]
    pub(crate) without: Option<String>,
    /// The project to look in; by itself it erases nothing [default: default]
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Does not ask; needed where standard input is no terminal.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Tells what would go, and forgets nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Believes the clock although it has leapt by more than a day since a server last looked at it.
    #[arg(long)]
    pub(crate) trust_clock: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The project to export from
    #[arg(long, default_value = "default")]
    pub(crate) project: String,
    /// Executions that began at this moment or later, such as 2026-11-22T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Executions that began before this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Executions of this session
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Executions of this user
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The execution with this trace id
    #[arg(long, value_name = "ID")]
    pub(crate) execution: Option<TraceId>,
    /// A new file to write to, sealed with the keys of the days on which its records came in: whatever is erased or
    /// forgotten of these days can be read from the file no more
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Writes the file so that everybody can read it, for ever.
    #[arg(long, requires = "output")]
    pub(crate) clear: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The project to take it into; it is made where it does not exist.
    #[arg(long, default_value = "default")]
    pub(crate) project: String,
    /// Redaction rules of your own, where no server runs whose rules apply [default: the built-in rules]
    #[arg(long, env = "TREERING_RULES", value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file to read [default: standard input]
    #[arg(value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Grpc,
    /// OTLP/HTTP with protobuf
    Http,
    /// OTLP/HTTP with JSON
    HttpJson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The server to send to [default: one of its own]
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// An API key of that server
    #[arg(long, env = "TREERING_API_KEY", hide_env_values = true, requires = "url")]
    pub(crate) key: Option<String>,
    /// The data folder of that server, where it is on this machine: what was acknowledged is then looked for in its store
    #[arg(long, value_name = "DIR", requires = "url")]
    pub(crate) data: Option<PathBuf>,
    /// The project that the key belongs to
    #[arg(long, default_value = "default", requires = "data")]
    pub(crate) project: String,
    /// The process of that server, where it is on this machine: what it takes of the machine is told then
    #[arg(long, requires = "url")]
    pub(crate) pid: Option<u32>,
    /// Where the folder of a server of its own is made: on the disk that is to be measured [default: the system's for
    /// temporary files]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) folder: Option<PathBuf>,
    /// How OTLP is spoken
    #[arg(long, value_enum, default_value = "grpc")]
    pub(crate) protocol: Protocol,
    /// How requests are compressed
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) compression: Compression,
    /// Spans in a request
    #[arg(long, default_value = "100")]
    pub(crate) batch: NonZeroUsize,
    /// Requests under way at a time
    #[arg(long, default_value = "8")]
    pub(crate) in_flight: NonZeroUsize,
    /// Connections of gRPC; over HTTP/1.1 each request under way has its own
    #[arg(long, default_value = "4")]
    pub(crate) connections: NonZeroUsize,
    /// Spans a second; answers are then waited for from the moment that a request was due [default: as fast as it answers]
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Ends after so many spans
    #[arg(long)]
    pub(crate) spans: Option<u64>,
    /// Ends after so long, such as 1m [default: 10s]
    #[arg(long, value_parser = humantime::parse_duration, conflicts_with = "spans")]
    pub(crate) duration: Option<Duration>,
    /// Bytes of what a model was sent in one step; a span has some 950 more
    #[arg(long, value_name = "BYTES", default_value_t = 600)]
    pub(crate) prompt_bytes: usize,
    /// Of a hundred spans so many hold something that is redacted
    #[arg(long, value_name = "PERCENT", default_value_t = 20)]
    pub(crate) secrets: u8,
    /// Requests whose words differ; those of later ones are the same but for a mark in each
    #[arg(long, default_value = "512")]
    pub(crate) variants: NonZeroUsize,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or("name a number above 0")
}

#[derive(Debug, Args)]
pub(crate) struct Redact {
    /// Rules of your own [default: the built-in rules]
    #[arg(long, env = "TREERING_RULES", value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Reads JSON lines with `id` and `text`, and writes them with the places found.
    #[arg(long, conflicts_with = "otlp")]
    pub(crate) jsonl: bool,
    /// Reads a request in OTLP/JSON.
    #[arg(long)]
    pub(crate) otlp: bool,
    /// Looks at steps that are stored, which stay as they are: how much more these rules would take from them
    #[arg(long, conflicts_with_all = ["jsonl", "otlp", "input"])]
    pub(crate) stored: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The project whose steps are looked at
    #[arg(long, default_value = "default", requires = "stored")]
    pub(crate) project: String,
    /// How many executions are looked at, the newest first
    #[arg(long, default_value_t = 1_000, requires = "stored", value_name = "COUNT")]
    pub(crate) last: u32,
    /// Prints a table of what would change, by type, instead of the text: how many places the built-in rules take, and
    /// how many these rules
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) table: bool,
    /// Lists the types of findings that the built-in rules know, and why each is taken.
    #[arg(long)]
    pub(crate) types: bool,
    /// Exits with 1 if anything was found.
    #[arg(long)]
    pub(crate) check: bool,
    /// The file to read [default: standard input]
    #[arg(value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}
