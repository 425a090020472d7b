//! `treering seal`: the master key.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use treering_seal::MasterKey;
use treering_step::Timestamp;
use treering_store::{Act, Action, MasterSource, Vault, VaultState, write_new_master};

use crate::Answer;
use crate::actor::actor;
use crate::cli::{Place, Seal};
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(command: Seal, file: File) -> Result<Answer, Error> {
    match command {
        Seal::Create { file } => create(file)?,
        Seal::State { place, json } => {
            let data = Data::of(&place, &file)?;
            data.must_exist()?;
            let state = treering_store::open_vault(&data.store, data.master.clone())?.state()?;
            let journal = data.seals_beside(data.master.clone())?.map(|seals| seals.state()).transpose()?;
            print_state(&state, journal.as_ref(), &data.master, json)?;
        }
        Seal::Rotate { place, new_key_file, new_key_command } => {
            let file_source = new_key_file.map(MasterSource::File);
            rotate(&place, &file, file_source.or(new_key_command.map(MasterSource::Command))).await?;
        }
    }
    Ok(Answer::Yes)
}

fn create(file: Option<PathBuf>) -> Result<(), Error> {
    let key = MasterKey::generate().map_err(Error::Seal)?;
    let Some(path) = file else { return Ok(writeln!(io::stdout(), "{}", key.reveal().as_str())?) };
    write_new_master(&path, &key).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.clone()),
        _ => Error::Write { path: path.clone(), source },
    })?;
    let (path, id) = (path.display(), key.id());
    Ok(writeln!(io::stdout(), "{path} holds the new master key {id}; keep a copy elsewhere")?)
}

async fn rotate(place: &Place, file: &File, new: Option<MasterSource>) -> Result<(), Error> {
    let data = Data::of(place, file)?;
    data.must_exist()?;
    let key = new.as_ref().map(MasterSource::read).transpose()?;
    let vault = either(&data, key.as_ref(), |master| Ok(treering_store::open_vault(&data.store, master)?))?;
    let journal = either(&data, key.as_ref(), |master| data.seals_beside(master))?;
    let audit = treering_store::control_with(&data.store, &vault)?.audit;
    let rotated = match &key {
        None => vault.renew(journal.as_ref()),
        Some(key) => wrap(&vault, journal.as_ref(), key),
    };
    let id = vault.state()?.master;
    let act = Act::new(Action::SealRotate).on(format!("master key {id}"));
    let count = match rotated {
        Ok(count) => count,
        Err(error) => {
            audit.append(&actor(), act.failed()).await?;
            return Err(error.into());
        }
    };
    audit.append(&actor(), act.detail(format!("{count} keys"))).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "master key {id} now wraps {count} keys; what they sealed stays as it is")?;
    writeln!(out, "{}", next_step(&data.master, new.is_some()))?;
    if data.is_shared() {
        let others = "each other collector of this store has a journal with keys of its own: there, run `treering seal \
                      rotate --new-key-file FILE` with this same key";
        writeln!(out, "{others}")?;
    }
    let copies = "copies of treering.keys that were made before open with the old master key alone";
    Ok(writeln!(out, "{copies}: make a new backup, and keep a copy of the new master key elsewhere")?)
}

/// Opens something with the master key, or else with the new one: another collector may have wrapped the store's keys
/// already, or this command was interrupted.
fn either<T>(
    data: &Data,
    new: Option<&MasterKey>,
    open: impl Fn(MasterSource) -> Result<T, Error>,
) -> Result<T, Error> {
    match (open(data.master.clone()), new) {
        (Err(Error::Store(treering_store::Error::OtherMaster)), Some(new)) => {
            open(MasterSource::Key(new.clone()))
        }
        (opened, _) => opened,
    }
}

/// Where the store's keys are wrapped with it already, those of the journal are what is left.
fn wrap(vault: &Vault, journal: Option<&Vault>, new: &MasterKey) -> Result<u64, treering_store::Error> {
    match (vault.rotate(new, journal), journal) {
        (Err(treering_store::Error::SameMaster), Some(journal)) => journal.rotate(new, None),
        (rotated, _) => rotated,
    }
}

/// What the user has to change now.
fn next_step(source: &MasterSource, given: bool) -> String {
    match source {
        MasterSource::File(path) if !given => {
            format!(
                "{} holds it, in the place of the old one; a running server follows by itself",
                path.display()
            )
        }
        MasterSource::File(path) => format!(
            "now put the new key into {}, or name another file with --master-key-file; a running server follows once \
             it is there, and until then makes and opens no further keys",
            path.display()
        ),
        MasterSource::Command(_) => {
            "now have the command of --master-key-command print the new key; a running server \
             asks it by itself, and until then makes and opens no further keys"
                .into()
        }
        MasterSource::Variable(name) => format!(
            "now set {name} to the new key and start the servers again: a running one keeps the old variable, and \
             makes and opens no further keys"
        ),
        MasterSource::Key(_) => "now hand in the new key".into(),
    }
}

fn print_state(
    state: &VaultState,
    journal: Option<&VaultState>,
    source: &MasterSource,
    json: bool,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let VaultState { master, data_keys, hash_keys, days } = state;
    let (oldest, newest) = days.map(|(oldest, newest)| (date(oldest), date(newest))).unzip();
    if json {
        let state = json!({
            "master_key": master.to_string(),
            "source": source.to_string(),
            "data_keys": data_keys,
            "hash_keys": hash_keys,
            "oldest_day": oldest,
            "newest_day": newest,
            "journal": journal.map(|state| json!({
                "master_key": state.master.to_string(),
                "data_keys": state.data_keys,
            })),
        });
        return writeln!(out, "{state}");
    }
    writeln!(out, "master key {master}, from {source}")?;
    let days = oldest.zip(newest).map(|(oldest, newest)| format!(", of {oldest} to {newest}"));
    writeln!(out, "wraps {data_keys} data keys{}, and {hash_keys} others", days.unwrap_or_default())?;
    match journal {
        Some(VaultState { master, data_keys, .. }) => {
            writeln!(out, "the journal here has {data_keys} data keys of its own, wrapped by {master}")
        }
        None => Ok(()),
    }
}

/// A day since 1970 UTC, as people write it.
fn date(day: u32) -> String {
    const NANOS_A_DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
    let at = Timestamp::from_nanos(u64::from(day).saturating_mul(NANOS_A_DAY));
    at.map_or_else(|| "1970-01-01".into(), |at| at.to_string().chars().take(10).collect())
}
