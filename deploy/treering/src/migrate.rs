//! `treering migrate`: the schema of a remote store, by a login that may change it.

use std::io::{self, Write};

use serde_json::json;
use treering_store::{Migrated, StoreUrl};

use crate::Answer;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(options: cli::Migrate, file: File) -> Result<Answer, Error> {
    let store = Data::of(&options.place, &file)?.store;
    if let StoreUrl::ClickHouse(store) = &store {
        treering_store::migrate_clickhouse(&store.steps).await?;
        if !options.json {
            writeln!(io::stdout().lock(), "{} has the tables of this version", store.steps)?;
        }
    }
    let url = match store.control() {
        Some(StoreUrl::Postgres(url)) => url,
        // An embedded one is brought up to date by its next server.
        _ if matches!(store, StoreUrl::ClickHouse(_)) => return Ok(Answer::Yes),
        _ => return Err(Error::NothingToMigrate),
    };
    let Migrated { from, to } = treering_store::migrate(url).await?;
    let mut out = io::stdout().lock();
    match options.json {
        true => writeln!(out, "{}", json!({"from": from, "to": to}))?,
        false if from == to => writeln!(out, "{url} has schema {to} already")?,
        false if from == 0 => writeln!(out, "{url} has schema {to} now, and had none before")?,
        false => writeln!(out, "{url} has schema {to} now, and had {from} before")?,
    }
    Ok(Answer::Yes)
}
