use std::collections::HashMap;
use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::{Value, json};
use treering_store::{ApiKey, Keeper, KeyRecord, KeyUse, Scopes, Terms};

use crate::Answer;
use crate::cli::{Key, Place};
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(command: Key, file: File) -> Result<Answer, Error> {
    match command {
        Key::Create { place, project, scope, expires, rate, json } => {
            let words = scope.split(',').map(str::trim);
            let scopes = Scopes::from_words(words).ok_or_else(|| Error::Scope(scope.clone()))?;
            let keeper = keeper(&place, &file).await?;
            let project = keeper.ensure_project(&project).await?;
            let key = ApiKey::generate()?;
            let expires_at = expires.map(|expires| (SystemTime::now() + expires).into());
            let terms = Terms { scopes, expires_at, rate: rate.and_then(|limit| limit.0) };
            let record = keeper.create_key(project, &key, terms).await?;
            print_created(&key, &record, json)?;
            Ok(Answer::Yes)
        }
        Key::List { place, json } => {
            let keeper = keeper(&place, &file).await?;
            print_list(&keeper.keys().await?, &keeper.key_uses().await?, json)?;
            Ok(Answer::Yes)
        }
        Key::Rotate { place, id, overlap, expires, json } => {
            let key = ApiKey::generate()?;
            let now = SystemTime::now();
            let expires_at = expires.map(|expires| (now + expires).into());
            let keeper = keeper(&place, &file).await?;
            let Some(record) = keeper.rotate_key(id, &key, expires_at, (now + overlap).into()).await? else {
                return no_live_key(id);
            };
            print_created(&key, &record, json)?;
            if !json {
                let overlap = humantime::format_duration(overlap);
                writeln!(io::stdout(), "key {id}, in whose place it is, ends in {overlap} at the latest")?;
            }
            Ok(Answer::Yes)
        }
        Key::Limit { place, id, rate } => match keeper(&place, &file).await?.limit_key(id, rate.0).await? {
            Some(record) => {
                let rate =
                    record.rate.map_or("as many as its project takes".to_owned(), |rate| rate.to_string());
                writeln!(
                    io::stdout(),
                    "key {id} may send so many spans and log records in a second: {rate}"
                )?;
                Ok(Answer::Yes)
            }
            None => no_live_key(id),
        },
        Key::Revoke { place, id } => {
            if !keeper(&place, &file).await?.revoke_key(id).await? {
                return no_live_key(id);
            }
            writeln!(io::stdout(), "key {id} is revoked")?;
            Ok(Answer::Yes)
        }
    }
}

fn no_live_key(id: i64) -> Result<Answer, Error> {
    writeln!(io::stdout(), "there is no live key {id}; `treering key list` shows them")?;
    Ok(Answer::No)
}

async fn keeper(place: &Place, file: &File) -> Result<Keeper, Error> {
    Ok(Data::of(place, file)?.control().await?.keeper)
}

fn print_created(key: &ApiKey, record: &KeyRecord, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let created = json!({
            "id": record.id,
            "key": key.reveal(),
            "project": record.project.name,
            "scopes": record.scopes.words(),
            "expires_at": record.expires_at,
        });
        return writeln!(out, "{created}");
    }
    writeln!(out, "{}", key.reveal())?;
    writeln!(out, "key {} of project {}; it is shown this once", record.id, record.project.name)
}

fn print_list(keys: &[KeyRecord], uses: &HashMap<i64, KeyUse>, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", keys.iter().map(|key| listed(key, uses.get(&key.id))).collect::<Value>());
    }
    for key in keys {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => "live".into(),
        };
        let scopes = key.scopes.words().join(",");
        let used = uses.get(&key.id).map_or("never used".into(), |of| format!("used {}", of.last_at));
        let rate = key.rate.map_or(String::new(), |rate| format!("  {rate}/s"));
        let (id, hint, project) = (key.id, &key.hint, &key.project.name);
        writeln!(out, "{id:>4}  {hint}…  {project:<12}  {scopes:<12}  {state}  {used}{rate}")?;
    }
    Ok(())
}

fn listed(key: &KeyRecord, of: Option<&KeyUse>) -> Value {
    json!({
        "id": key.id,
        "hint": key.hint,
        "project": key.project.name,
        "scopes": key.scopes.words(),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "rate": key.rate,
        "first_used_at": of.map(|of| of.first_at),
        "last_used_at": of.map(|of| of.last_at),
    })
}
