//! `treering member`.

use std::io::{self, Write};

use serde_json::{Value, json};
use treering_store::{Joined, Member as Row};

use crate::Answer;
use crate::cli::Member;
use crate::data::Data;
use crate::error::Error;
use crate::project::find;
use crate::settings::File;

pub(crate) async fn run(command: Member, file: File) -> Result<Answer, Error> {
    match command {
        Member::List { place, project, json } => {
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            let project = match project {
                Some(name) => Some(find(&keeper, &name).await?.project.id),
                None => None,
            };
            print_list(&keeper.members(project).await?, json)?;
            Ok(Answer::Yes)
        }
        Member::Add { place, project, subject, role } => {
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            let project = find(&keeper, &project).await?.project;
            let joined = keeper.put_member(project.id, &subject, role).await?;
            let (name, role) = (project.name, role.as_str());
            match joined {
                Joined::Added => writeln!(io::stdout(), "{subject} is {role} of project {name}")?,
                Joined::Changed(old) => {
                    let old = old.as_str();
                    writeln!(io::stdout(), "{subject} is {role} of project {name}, and no longer {old}")?;
                }
                Joined::Already => writeln!(io::stdout(), "{subject} was {role} of project {name} before")?,
            }
            Ok(Answer::Yes)
        }
        Member::Remove { place, project, subject } => {
            let keeper = Data::of(&place, &file)?.control().await?.keeper;
            let project = find(&keeper, &project).await?.project;
            if keeper.remove_member(project.id, &subject).await? {
                writeln!(io::stdout(), "{subject} is in project {} no more", project.name)?;
                return Ok(Answer::Yes);
            }
            let none = "is in no role there; `treering member list` shows who is";
            writeln!(io::stdout(), "{subject} {none}")?;
            Ok(Answer::No)
        }
    }
}

fn print_list(members: &[Row], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", members.iter().map(listed).collect::<Value>());
    }
    for Row { project, subject, role, .. } in members {
        writeln!(out, "{:<24}  {:<8}  {subject}", project.name, role.as_str())?;
    }
    Ok(())
}

fn listed(member: &Row) -> Value {
    json!({
        "project": member.project.name,
        "subject": member.subject,
        "role": member.role.as_str(),
        "since": member.since,
    })
}
