//! The rules of a file, read again when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use treering_redact::Rules;
use treering_store::{Act, Action, Audit};

use crate::error::Error;
use crate::settings::read_text;

/// How often the file is looked at. Its content is compared and not its time, which deployments set as they like.
const LOOK: Duration = Duration::from_secs(1);

/// Rules that are in force, and the file that they come from.
#[derive(Debug)]
pub(crate) struct RuleFile {
    file: Option<(PathBuf, String)>,
    in_force: watch::Sender<Arc<Rules>>,
}

/// The rules of this file, or the built-in ones.
pub(crate) fn read(path: Option<&Path>) -> Result<Rules, Error> {
    Ok(RuleFile::open(path)?.rules())
}

impl RuleFile {
    /// Reads the file; without one, the built-in rules are in force for good.
    pub(crate) fn open(path: Option<&Path>) -> Result<Opened, Error> {
        let Some(path) = path else { return Ok(Opened { file: None, rules: Rules::builtin() }) };
        let text = read_text(path)?;
        let rules = parse(path, &text)?;
        Ok(Opened { file: Some((path.to_owned(), text)), rules })
    }

    /// The rules, as they change.
    pub(crate) fn in_force(&self) -> watch::Receiver<Arc<Rules>> {
        self.in_force.subscribe()
    }

    /// Looks at the file for as long as the process lives. Rules that are not understood change nothing: those before
    /// them stay in force.
    pub(crate) async fn keep_fresh(mut self, audit: Audit) {
        let Some((path, mut seen)) = self.file.take() else { return };
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_missing = false;
        loop {
            ticks.tick().await;
            let text = match look(&path).await {
                Ok(text) => text,
                // While it is replaced there may be none. It is told once.
                Err(error) => {
                    if !std::mem::replace(&mut is_missing, true) {
                        tracing::error!(%error, path = %path.display(), "the rule file cannot be read; the rules before stay in force");
                    }
                    continue;
                }
            };
            is_missing = false;
            if text != seen {
                self.renew(&path, text.clone(), &audit).await;
                seen = text;
            }
        }
    }

    async fn renew(&self, path: &Path, text: String, audit: &Audit) {
        let (of, hash) = (path.to_owned(), blake3::hash(text.as_bytes()).to_hex());
        let parsed = tokio::task::spawn_blocking(move || parse(&of, &text)).await;
        match parsed {
            Ok(Ok(rules)) => {
                let detail = format!("rules {}, blake3 {}", rules.own_count(), &hash[..16]);
                self.in_force.send_replace(Arc::new(rules));
                // They are in force, whether or not that can be written down.
                let act = Act::new(Action::RulesChange).on("the file of the server").detail(detail);
                if let Err(error) = audit.append("treering", act).await {
                    tracing::error!(%error, "it could not be written down that the rules have changed");
                }
                tracing::warn!(path = %path.display(), "the rule file has changed; its rules are in force");
            }
            // Without its deepest causes, which show what was written: a rule may name a secret.
            Ok(Err(error)) => {
                let fault = fault(&error);
                tracing::error!(path = %path.display(), fault, "the rule file has changed and is refused; the rules before stay in force");
            }
            Err(error) => tracing::error!(%error, "the rule file could not be compiled"),
        }
    }
}

/// A file of rules that was read, before anything runs that could look at it again.
pub(crate) struct Opened {
    file: Option<(PathBuf, String)>,
    rules: Rules,
}

impl Opened {
    pub(crate) fn rules(self) -> Rules {
        self.rules
    }

    pub(crate) fn watched(self) -> RuleFile {
        RuleFile { file: self.file, in_force: watch::Sender::new(Arc::new(self.rules)) }
    }
}

async fn look(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await?
}

fn parse(path: &Path, text: &str) -> Result<Rules, Error> {
    Rules::parse(text).map_err(|source| Error::Rules { path: path.to_owned(), source })
}

/// What is wrong with the rules, with the line.
fn fault(error: &Error) -> String {
    match error {
        Error::Rules { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
