//! `treering erase`: what must be forgotten.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use serde_json::json;
use treering_store::{Collector, Erased, ErasureState, Keeper, Project, ProjectId, Target, Vault};

use crate::Answer;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::owner::Owner;
use crate::progress::Progress;
use crate::serve::log_to_stderr;
use crate::settings::File;

const DEFAULT_PROJECT: &str = "default";
/// How often the request is looked after.
const ROUND: Duration = Duration::from_millis(100);

pub(crate) async fn run(options: cli::Erase, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    if let Some(collector) = &options.without {
        return give_up(&data.control().await?.keeper, collector).await;
    }
    let name = options.project.clone().unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
    let owner = Owner::anywhere(&data, &options.place, &file).await?;
    let vault = treering_store::open_read_only(&data.store, data.master.clone()).await?.vault;
    let answer = erase(owner.keeper(), &options, name, &vault).await;
    owner.end().await;
    answer
}

async fn erase(keeper: &Keeper, options: &cli::Erase, name: String, vault: &Vault) -> Result<Answer, Error> {
    let project = keeper.project(&name).await?.ok_or(Error::NoProject(name))?.project;
    let target = known(target(options), vault, project.id)?;
    let expected = keeper.would_erase(project.id, target.clone()).await?;
    if !confirmed(&project, &target, &expected, options.yes)? {
        writeln!(io::stderr(), "nothing was erased")?;
        return Ok(Answer::No);
    }
    let request = keeper.ask_to_erase(project.id, target.clone()).await?;
    let erased = done(keeper, request, &expected).await?;
    print(&project, &target, erased, options.json)?;
    Ok(if erased.executions == 0 && erased.records == 0 { Answer::No } else { Answer::Yes })
}

fn target(options: &cli::Erase) -> Target {
    match options {
        cli::Erase { execution: Some(trace_id), .. } => Target::Execution(*trace_id),
        cli::Erase { session: Some(session), .. } => Target::Session(session.clone()),
        cli::Erase { user: Some(user), .. } => Target::User(user.clone()),
        // One of them is there, as the command line has it.
        _ => Target::Project,
    }
}

/// Who is named by an address is known by a pseudonym.
fn known(target: Target, vault: &Vault, project: ProjectId) -> Result<Target, Error> {
    Ok(match target {
        Target::Session(name) => Target::Session(vault.session_known_as(project, &name)?),
        Target::User(name) => Target::User(vault.user_known_as(project, &name)?),
        target => target,
    })
}

/// Tells what goes, and asks. Where nobody can be asked, `--yes` must have been said.
fn confirmed(project: &Project, target: &Target, expected: &Erased, yes: bool) -> Result<bool, Error> {
    let mut out = io::stderr().lock();
    let Erased { executions, records, days } = expected;
    let what = described(project, target);
    writeln!(
        out,
        "{what}: {executions} executions with {records} records that came in on {} days",
        days.len()
    )?;
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Error::Unconfirmed);
    }
    let word = if *target == Target::Project { &project.name } else { "yes" };
    write!(out, "it cannot be brought back. To erase it, type {word}: ")?;
    out.flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    Ok(typed.trim() == word)
}

fn described(project: &Project, target: &Target) -> String {
    match target.name() {
        Some(name) => format!("{} {name} of project {}", target.what(), project.name),
        None => format!("all of project {}", project.name),
    }
}

async fn give_up(keeper: &Keeper, collector: &str) -> Result<Answer, Error> {
    let all = keeper.collectors().await?;
    if let Some(Collector { name, .. }) = all.iter().find(|one| one.id == collector && one.is_there()) {
        writeln!(
            io::stderr(),
            "collector {collector} ({name}) is at work; stop it, and nobody waits for it"
        )?;
        return Ok(Answer::No);
    }
    if keeper.give_up_collector(collector).await? {
        writeln!(
            io::stdout(),
            "nobody waits any more for collector {collector}, and the store takes nothing of what its journal holds"
        )?;
        return Ok(Answer::Yes);
    }
    let mut out = io::stderr().lock();
    writeln!(out, "there is no collector {collector}; these are known:")?;
    for known in all {
        writeln!(out, "{} ({}), last seen {}", known.id, known.name, known.seen_at)?;
    }
    Ok(Answer::No)
}

/// Waits until the request was carried out. Should this command end before, it is carried out all the same.
async fn done(keeper: &Keeper, request: i64, expected: &Erased) -> Result<ErasureState, Error> {
    let mut progress = Progress::default();
    loop {
        match keeper.erasure(request).await? {
            Some(state) if state.is_done => {
                progress.end()?;
                return Ok(state);
            }
            Some(ErasureState { executions, .. }) => {
                let told = format!("{executions} of {} executions erased", expected.executions);
                progress.tell(&(told + &waiting_for(keeper, request).await?))?;
            }
            None => return Err(Error::RequestGone),
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// The collectors that have still to deliver what came before, where there are others.
async fn waiting_for(keeper: &Keeper, request: i64) -> Result<String, Error> {
    let behind = keeper.collectors().await?.into_iter().filter(|collector| collector.passed < request);
    let told: Vec<_> = behind
        .map(|Collector { id, name, seen_at, .. }| {
            format!("; waiting for {name} ({id}), last seen {seen_at}")
        })
        .collect();
    Ok(told.concat())
}

fn print(project: &Project, target: &Target, erased: ErasureState, json: bool) -> io::Result<()> {
    let ErasureState { executions, records, .. } = erased;
    let mut out = io::stdout().lock();
    if json {
        let erased = json!({
            "project": project.name,
            "target": target.what(),
            "executions": executions,
            "records": records,
        });
        return writeln!(out, "{erased}");
    }
    writeln!(
        out,
        "{}: {executions} executions with {records} records were erased",
        described(project, target)
    )
}
