//! The commands of who keeps an installation: projects, members, the master key, the audit log, copies.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use treering_store::{Keep, Role};

use super::{Clients, EntranceFlags, Place};

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Lists projects and how long they keep what.
    #[command(after_help = "Example:\n  treering project list --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes a project.
    #[command(after_help = "Example:\n  treering project create checkout --keep 90d --keep-content 14d")]
    Create {
        #[command(flatten)]
        place: Place,
        /// Its name, which keys and pages use.
        name: String,
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        entrance: EntranceFlags,
    },
    /// Says how long a project keeps what, and what is asked of those who send to it. What is not named stays as it is.
    #[command(
        after_help = "Examples:\n  treering project set default --keep 30d --keep-content 7d\n  treering project set default --keep forever\n  treering project set default --rate 20000/s --quota 50M --signed yes"
    )]
    Set {
        #[command(flatten)]
        place: Place,
        /// The project's name.
        name: String,
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        entrance: EntranceFlags,
    },
    /// Shows the names in certificates of clients that let into a project, without a key, or changes them.
    #[command(
        after_help = "Examples:\n  treering project clients --project shop --add agent.shop.example\n  treering project clients --project shop --remove agent.shop.example\n\nA server asks clients for a certificate where it was started with --tls-client-ca."
    )]
    Clients(Clients),
    /// Shows the redaction rules that a project has beside those of the server, or gives it others.
    ///
    /// Rules have the form of the server's own file (`--rules` of `treering up`). What either of them finds is redacted:
    /// a project can add to the rules of the server and switch none of them off.
    #[command(
        after_help = "Examples:\n  treering project rules --project default\n  treering project rules --project default --set tickets.toml\n  treering project rules --project default --clear\n\nEvery running server goes by them within two seconds. `treering redact --rules FILE` tries them out."
    )]
    Rules(ProjectRules),
}

#[derive(Debug, Args)]
pub(crate) struct ProjectRules {
    #[command(flatten)]
    pub(crate) place: Place,
    #[arg(long)]
    pub(crate) project: String,
    /// The file of its new rules, in the place of those that it has
    #[arg(long, value_name = "FILE")]
    pub(crate) set: Option<PathBuf>,
    /// Takes its rules away
    #[arg(long, conflicts_with = "set")]
    pub(crate) clear: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Keeping {
    /// How long steps are kept as a whole, in days such as 30d, or `forever`
    #[arg(long, value_parser = keep, value_name = "DAYS")]
    pub(crate) keep: Option<Keep>,
    /// How long their content is kept, in days such as 7d, or `forever`
    #[arg(long, value_parser = keep, value_name = "DAYS")]
    pub(crate) keep_content: Option<Keep>,
}

fn keep(text: &str) -> Result<Keep, String> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    if text == "forever" {
        return Ok(Keep::Forever);
    }
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let days = duration.as_secs() / DAY.as_secs();
    if duration.is_zero() || duration.as_nanos() % DAY.as_nanos() != 0 {
        return Err("name whole days, such as 30d, or `forever`".into());
    }
    u32::try_from(days).map(Keep::Days).map_err(|_| "that is too long; name fewer days, or `forever`".into())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Lists people and their roles.
    #[command(after_help = "Example:\n  treering member list --project default --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// One project alone.
        #[arg(long)]
        project: Option<String>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Gives a person a role in a project, in the place of the one that the person may have there.
    #[command(
        after_help = "Example:\n  treering member add --project default --subject 'auth0|5f7c8ec7' --role reader"
    )]
    Add {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        project: String,
        /// The subject of the person's identity token
        #[arg(long)]
        subject: String,
        /// auditor (the audit log, no content), viewer (structure, times, tokens; no content), reader (content as
        /// well), owner (asked about keys and rules)
        #[arg(long, value_parser = role)]
        role: Role,
    },
    /// Takes a person out of a project.
    #[command(after_help = "Example:\n  treering member remove --project default --subject 'auth0|5f7c8ec7'")]
    Remove {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        project: String,
        /// The subject of the person's identity token
        #[arg(long)]
        subject: String,
    },
}

fn role(word: &str) -> Result<Role, String> {
    let words = || Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    Role::from_word(word).ok_or_else(|| format!("name one of {}", words()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Seal {
    /// Makes a master key and prints it, or writes it to a new file for its owner alone.
    #[command(after_help = "Example:\n  treering seal create --file /etc/treering/master.key")]
    Create {
        /// The file, which must not exist.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Wraps every key with a new master key. What is sealed stays as it is; a server may go on running.
    #[command(
        after_help = "Examples:\n  treering seal rotate\n  treering seal rotate --new-key-command 'vault kv get -field=key kv/treering-next'"
    )]
    Rotate {
        #[command(flatten)]
        place: Place,
        /// The file that holds the new key [default: a new key is made, in the place of the old one]
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
        /// A command that prints the new key
        #[arg(long, value_name = "COMMAND", conflicts_with = "new_key_file")]
        new_key_command: Option<String>,
    },
    /// Says which master key wraps how many keys, and where it comes from.
    #[command(after_help = "Example:\n  treering seal state --json")]
    State {
        #[command(flatten)]
        place: Place,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Lists what was done, newest first.
    #[command(after_help = "Example:\n  treering audit list --limit 20 --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// How many rows at the most
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Rows older than the one of this number
        #[arg(long, value_name = "ROW")]
        before: Option<i64>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Walks the chain of the rows, and names the first one that is not as it was written.
    ///
    /// Servers write signed checkpoints of it to a file, by which rows that were cut off its end are found, too.
    #[command(
        after_help = "Examples:\n  treering audit verify\n  treering audit verify --checkpoints /mnt/elsewhere/audit.checkpoints\n\nExit code 1 if a row is broken, or missing."
    )]
    Verify {
        #[command(flatten)]
        place: Place,
        /// A file of checkpoints; may be given several times [default: DIR/audit.checkpoints]
        #[arg(long, value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Ends every session of a person, in each dashboard of the store, within two seconds. Who may still log in can do so
    /// again: take the role away as well (`treering member remove`).
    #[command(after_help = "Example:\n  treering session end --subject 'auth0|5f7c8ec7'")]
    End {
        #[command(flatten)]
        place: Place,
        /// The subject of the person's identity token
        #[arg(long)]
        subject: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder of the copy, new or empty.
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder of the copy.
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
    /// Wrapped keys that are newer than those of the copy, such as today's treering.keys: what was erased since then
    /// stays closed.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}
