//! `treering bench`: what a server takes in, and what that costs it.
//!
//! Spans as agents send them are encoded before the clock starts; each request then only gets ids, times and marks of its
//! own, so that the sender takes little of a machine that it shares with the server. At the end what was acknowledged is
//! held against what is stored.

mod door;
mod figures;
mod load;
mod report;
mod server;
mod stored;

use std::time::Duration;

use treering_otlp::sample::Shape;

use crate::Answer;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;
use door::Door;
use load::{Goal, Load};
use server::Server;

pub(crate) async fn run(options: cli::Bench, file: File) -> Result<Answer, Error> {
    // Nobody's settings but the sender's own hold for a server of its own.
    let server = match options.url {
        None => Some(Server::start(options.folder.as_deref()).await?),
        Some(_) => None,
    };
    let door = Door::of(&options, server.as_ref())?;
    // What a process takes is asked of Linux.
    let pid = server.as_ref().map(Server::pid).or(options.pid).filter(|_| cfg!(target_os = "linux"));
    let goal = match (options.spans, options.duration) {
        (Some(spans), _) => Goal::Spans(spans),
        (None, duration) => Goal::Time(duration.unwrap_or(Duration::from_secs(10))),
    };
    let load = Load {
        shape: Shape {
            spans: options.batch.get(),
            prompt_bytes: options.prompt_bytes,
            secrets: options.secrets.into(),
            ..Shape::default()
        },
        first: first_request()?,
        connections: options.connections.get(),
        in_flight: options.in_flight.get(),
        variants: options.variants.get(),
        rate: options.rate,
        goal,
    };
    let sent = load.send(&door, pid).await?;
    let stored = match (&server, &options.data) {
        (Some(server), _) => {
            Some(stored::compare(&server.data()?, server::PROJECT, &load.shape, &sent).await?)
        }
        (None, Some(folder)) => {
            let place = cli::Place { data: Some(folder.clone()), ..cli::Place::default() };
            let data = Data::of(&place, &file)?;
            Some(stored::compare(&data, &options.project, &load.shape, &sent).await?)
        }
        (None, None) => None,
    };
    let settled = pid.map(figures::Usage::of).transpose()?;
    report::print(&load, &sent, stored.as_ref(), settled.as_ref(), options.json)?;
    let is_whole = sent.refused() == 0 && stored.is_none_or(|stored| stored.missing == 0);
    Ok(if is_whole { Answer::Yes } else { Answer::No })
}

/// No two runs send the same ids to one server.
fn first_request() -> Result<u64, Error> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    // Times are counted from it as well: it stays so small that they end in this century.
    Ok(u64::from(u32::from_le_bytes(bytes)) % 4_000_000)
}
