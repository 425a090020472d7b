//! `treering project`.

use std::io::{self, Write};

use serde_json::{Value, json};
use treering_store::{Keep, Keeper, ProjectRecord};

use crate::Answer;
use crate::cli::{Keeping, Project, ProjectRules};
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
        Project::Create { place, name, keeping } => {
            create(&Data::of(&place, &file)?.control().await?.keeper, &name, keeping).await
        }
        Project::Set { place, name, keeping } => {
            if keeping.keep.is_none() && keeping.keep_content.is_none() {
                return Err(Error::NothingToSet);
            }
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            let record = find(&keeper, &name).await?;
            tell(&set(&keeper, record, keeping).await?)?;
            Ok(Answer::Yes)
        }
        Project::Rules(command) => rules(command, &file).await,
    }
}

/// The project that the user named.
pub(crate) async fn find(keeper: &Keeper, name: &str) -> Result<ProjectRecord, Error> {
    keeper.project(name).await?.ok_or_else(|| Error::NoProject(name.to_owned()))
}

async fn create(keeper: &Keeper, name: &str, keeping: Keeping) -> Result<Answer, Error> {
    let (record, made) = keeper.create_project(name).await?;
    if !made {
        writeln!(io::stdout(), "there is a project {name} already; `treering project set` changes it")?;
        return Ok(Answer::No);
    }
    tell(&set(keeper, record, keeping).await?)?;
    Ok(Answer::Yes)
}

async fn set(keeper: &Keeper, record: ProjectRecord, keeping: Keeping) -> Result<ProjectRecord, Error> {
    let Keeping { keep, keep_content } = keeping;
    if keep.is_none() && keep_content.is_none() {
        return Ok(record);
    }
    Ok(keeper.set_retention(record.project.id, keep, keep_content).await?)
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
    writeln!(io::stdout(), "project {name} keeps steps {steps}, and their content {content}")
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
    })
}
