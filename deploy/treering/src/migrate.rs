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
    let StoreUrl::Postgres(url) = Data::of(&options.place, &file)?.store else {
        return Err(Error::NothingToMigrate);
    };
    let Migrated { from, to } = treering_store::migrate(&url).await?;
    let mut out = io::stdout().lock();
    match options.json {
        true => writeln!(out, "{}", json!({"from": from, "to": to}))?,
        false if from == to => writeln!(out, "{url} has schema {to} already")?,
        false if from == 0 => writeln!(out, "{url} has schema {to} now, and had none before")?,
        false => writeln!(out, "{url} has schema {to} now, and had {from} before")?,
    }
    Ok(Answer::Yes)
}
