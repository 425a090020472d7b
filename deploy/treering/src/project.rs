//! `treering project`.

use std::io::{self, Write};

use serde_json::{Value, json};
use treering_store::{Entrance, Keep, Keeper, ProjectRecord};

use crate::Answer;
use crate::cli::{Clients, EntranceFlags, Keeping, Project, ProjectRules};
use crate::data::Data;
use crate::error::Error;
use crate::settings::{File, read_text};

pub(crate) async fn run(command: Project, file: File) -> Result<Answer, Error> {
    match command {
        Project::List { place, json } => {
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            print_list(&keeper.projects().await?, json)?;
            Ok(Answer::Yes)
        }
        Project::Create { place, name, keeping, entrance } => {
            create(&Data::of(&place, &file)?.control().await?.keeper, &name, keeping, entrance).await
        }
        Project::Set { place, name, keeping, entrance } => {
            if keeping.keep.is_none() && keeping.keep_content.is_none() && entrance.change().is_none() {
                return Err(Error::NothingToSet);
            }
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            let record = find(&keeper, &name).await?;
            tell(&set(&keeper, record, keeping, entrance).await?)?;
            Ok(Answer::Yes)
        }
        Project::Clients(command) => clients(command, &file).await,
        Project::Rules(command) => rules(command, &file).await,
    }
}

/// The project that the user named.
pub(crate) async fn find(keeper: &Keeper, name: &str) -> Result<ProjectRecord, Error> {
    keeper.project(name).await?.ok_or_else(|| Error::NoProject(name.to_owned()))
}

async fn create(
    keeper: &Keeper,
    name: &str,
    keeping: Keeping,
    entrance: EntranceFlags,
) -> Result<Answer, Error> {
    let (record, made) = keeper.create_project(name).await?;
    if !made {
        writeln!(io::stdout(), "there is a project {name} already; `treering project set` changes it")?;
        return Ok(Answer::No);
    }
    tell(&set(keeper, record, keeping, entrance).await?)?;
    Ok(Answer::Yes)
}

async fn set(
    keeper: &Keeper,
    record: ProjectRecord,
    keeping: Keeping,
    entrance: EntranceFlags,
) -> Result<ProjectRecord, Error> {
    let (Keeping { keep, keep_content }, project) = (keeping, record.project);
    if keep.is_some() || keep_content.is_some() {
        keeper.set_retention(project.id, keep, keep_content).await?;
    }
    if let Some(change) = entrance.change() {
        keeper.set_entrance(project.id, change).await?;
    }
    find(keeper, &project.name).await
}

async fn clients(command: Clients, file: &File) -> Result<Answer, Error> {
    let Clients { place, project, add, remove, json } = command;
    let keeper = Data::of(&place, file)?.control().await?.keeper;
    let project = find(&keeper, &project).await?.project;
    for name in &add {
        keeper.add_client_name(project.id, name).await?;
    }
    let mut answer = Answer::Yes;
    for name in &remove {
        if !keeper.remove_client_name(project.id, name).await? {
            answer = Answer::No;
        }
    }
    let names = keeper.client_names(Some(project.id)).await?;
    let mut out = io::stdout().lock();
    if json {
        let listed = names.iter().map(|name| json!({"name": name.name, "since": name.since}));
        writeln!(out, "{}", json!({"project": project.name, "clients": listed.collect::<Value>()}))?;
        return Ok(answer);
    }
    if names.is_empty() {
        writeln!(out, "no certificate lets into project {}", project.name)?;
    }
    for name in names {
        writeln!(out, "{}", name.name)?;
    }
    Ok(answer)
}

async fn rules(command: ProjectRules, file: &File) -> Result<Answer, Error> {
    let ProjectRules { place, project, set, clear, json } = command;
    let keeper = Data::of(&place, file)?.control().await?.keeper;
    let project = find(&keeper, &project).await?.project;
    let is_changed = set.is_some() || clear;
    if let Some(path) = set {
        let text = read_text(&path)?;
        keeper.set_rules(project.id, Some(text)).await.map_err(|error| match error {
            treering_store::Error::Rules(source) => Error::Rules { path, source: *source },
            error => error.into(),
        })?;
    } else if clear {
        keeper.set_rules(project.id, None).await?;
    }
    let (text, name) = (keeper.rules(project.id).await?, project.name);
    let mut out = io::stdout().lock();
    match text {
        text if json => writeln!(out, "{}", json!({"project": name, "rules": text}))?,
        Some(_) if is_changed => writeln!(out, "project {name} has rules of its own; {IN_FORCE}")?,
        Some(text) => write!(out, "{text}")?,
        // As a comment, so that what is printed is a file of rules in any case.
        None => writeln!(out, "# project {name} has no rules of its own")?,
    }
    Ok(Answer::Yes)
}

const IN_FORCE: &str = "beside those of the server, they are in force everywhere within two seconds";

fn tell(record: &ProjectRecord) -> io::Result<()> {
    let retention = record.retention;
    let (steps, content) = (worded(retention.steps), worded(retention.content));
    let name = &record.project.name;
    let mut out = io::stdout().lock();
    writeln!(out, "project {name} keeps steps {steps}, and their content {content}")?;
    let Entrance { rate, quota, signed } = record.entrance;
    if let Some(rate) = rate {
        writeln!(out, "it takes {rate} spans and log records in a second")?;
    }
    if let Some(quota) = quota {
        writeln!(out, "it takes {quota} spans and log records in a day")?;
    }
    if signed {
        writeln!(out, "it takes requests alone that are signed, or come by a client's certificate")?;
    }
    Ok(())
}

fn worded(keep: Keep) -> String {
    keep.days().map_or("forever".into(), |days| format!("{days}d"))
}

fn print_list(projects: &[ProjectRecord], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", projects.iter().map(listed).collect::<Value>());
    }
    writeln!(out, "{:<24}  {:>8}  {:>12}", "project", "keep", "keep content")?;
    for ProjectRecord { project, retention, .. } in projects {
        let (steps, content) = (worded(retention.steps), worded(retention.content));
        writeln!(out, "{:<24}  {steps:>8}  {content:>12}", project.name)?;
    }
    Ok(())
}

fn listed(record: &ProjectRecord) -> Value {
    json!({
        "name": record.project.name,
        "created_at": record.created_at,
        "keep_days": record.retention.steps.days(),
        "keep_content_days": record.retention.content.days(),
        "rate": record.entrance.rate,
        "quota": record.entrance.quota,
        "signed": record.entrance.signed,
    })
}
