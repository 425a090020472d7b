use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::{Value, json};
use treering_store::{ApiKey, Keeper, KeyRecord, Scopes};

use crate::Answer;
use crate::cli::{Key, Place};
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(command: Key, file: File) -> Result<Answer, Error> {
    match command {
        Key::Create { place, project, scope, expires, json } => {
            let words = scope.split(',').map(str::trim);
            let scopes = Scopes::from_words(words).ok_or_else(|| Error::Scope(scope.clone()))?;
            let keeper = keeper(&place, &file).await?;
            let project = keeper.ensure_project(&project).await?;
            let key = ApiKey::generate()?;
            let expires_at = expires.map(|expires| (SystemTime::now() + expires).into());
            let record = keeper.create_key(project, &key, scopes, expires_at).await?;
            print_created(&key, &record, json)?;
            Ok(Answer::Yes)
        }
        Key::List { place, json } => {
            print_list(&keeper(&place, &file).await?.keys().await?, json)?;
            Ok(Answer::Yes)
        }
        Key::Revoke { place, id } => {
            let revoked = keeper(&place, &file).await?.revoke_key(id).await?;
            let mut out = io::stdout().lock();
            match revoked {
                true => writeln!(out, "key {id} is revoked")?,
                false => writeln!(out, "there is no live key {id}; `treering key list` shows them")?,
            }
            Ok(if revoked { Answer::Yes } else { Answer::No })
        }
    }
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

fn print_list(keys: &[KeyRecord], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", keys.iter().map(listed).collect::<Value>());
    }
    for key in keys {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => "live".into(),
        };
        let scopes = key.scopes.words().join(",");
        writeln!(out, "{:>4}  {}…  {:<12}  {:<12}  {state}", key.id, key.hint, key.project.name, scopes)?;
    }
    Ok(())
}

fn listed(key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "hint": key.hint,
        "project": key.project.name,
        "scopes": key.scopes.words(),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}
