//! `treering audit`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use treering_step::Timestamp;
use treering_store::{AuditRow, Broken, Checkpoint, Verdict};

use crate::Answer;
use crate::checkpoints::{default_path, read};
use crate::cli::Audit;
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(command: Audit, file: File) -> Result<Answer, Error> {
    match command {
        Audit::List { place, limit, before, json } => {
            let audit = Data::of(&place, &file)?.control().await?.audit;
            print_list(&audit.page(before, limit).await?, json)?;
            Ok(Answer::Yes)
        }
        Audit::Verify { place, checkpoints, json } => {
            let data = Data::of(&place, &file)?;
            let checkpoints = known(&data, checkpoints)?;
            let verdict = data.control().await?.audit.verify(checkpoints).await?;
            print_verdict(verdict, json)?;
            Ok(if verdict.broken.is_none() { Answer::Yes } else { Answer::No })
        }
    }
}

/// The checkpoints of these files, else of the folder's own, which may not be there.
fn known(data: &Data, mut files: Vec<PathBuf>) -> Result<Vec<Checkpoint>, Error> {
    let own = default_path(&data.folder);
    if files.is_empty() && own.exists() {
        files.push(own);
    }
    let all: Result<Vec<_>, _> = files.iter().map(|path| read(path)).collect();
    Ok(all?.concat())
}

fn print_list(rows: &[AuditRow], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", rows.iter().map(listed).collect::<Value>());
    }
    for row in rows {
        let project = row.project_name.as_deref().unwrap_or("-");
        let what: Vec<_> = [&row.subject, &row.detail].into_iter().flatten().map(String::as_str).collect();
        let AuditRow { id, at, actor, action, outcome, .. } = row;
        let what = what.join(" · ");
        writeln!(out, "{id:>6}  {at}  {actor:<16}  {action:<14}  {outcome:<6}  {project:<12}  {what}")?;
    }
    Ok(())
}

fn listed(row: &AuditRow) -> Value {
    json!({
        "row": row.id,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "project": row.project_name,
        "subject": row.subject,
        "detail": row.detail,
        "outcome": row.outcome,
    })
}

fn print_verdict(Verdict { sound, checked, broken }: Verdict, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (place, reason) = match broken {
        None => (None, None),
        Some(Broken::Missing { before }) => (Some(before), Some("missing_before")),
        Some(Broken::Changed { row }) => (Some(row), Some("changed")),
        Some(Broken::Restamped { row }) => (Some(row), Some("restamped")),
        Some(Broken::Cut { count }) => (i64::try_from(count).ok(), Some("cut")),
        Some(Broken::Forged { line }) => (i64::try_from(line).ok(), Some("forged_checkpoint")),
    };
    if json {
        let checkpoint = checked.map(|(count, at)| json!({"rows": count, "at": at}));
        let verdict =
            json!({"sound": sound, "broken_row": place, "reason": reason, "checkpoint": checkpoint});
        return writeln!(out, "{verdict}");
    }
    let before = format!("the {sound} before it are as they were written");
    match broken {
        None => writeln!(out, "{sound} rows are as they were written; {}", so_far(sound, checked)),
        Some(Broken::Missing { before: row }) => writeln!(out, "rows are missing before row {row}; {before}"),
        Some(Broken::Changed { row }) => {
            writeln!(out, "row {row} is not what was written there, or its key is another one; {before}")
        }
        Some(Broken::Restamped { row }) => writeln!(
            out,
            "row {row} is not the one that a checkpoint tells of: somebody with the key wrote rows up to it anew"
        ),
        Some(Broken::Cut { count }) => {
            writeln!(out, "a checkpoint tells of {count} rows, and there are {sound}: the end was cut off")
        }
        Some(Broken::Forged { line }) => {
            writeln!(out, "checkpoint {line} was not signed with the key of this store, or was changed")
        }
    }
}

/// What could still be missing unseen.
fn so_far(sound: u64, checked: Option<(u64, Timestamp)>) -> String {
    match checked {
        None => "there is no checkpoint, so that rows cut from the end would not be missed".to_owned(),
        Some((count, at)) if count == sound => format!("the checkpoint of {at} tells of all of them"),
        Some((count, at)) => {
            format!("the last checkpoint, of {at}, tells of {count}: those after it could be cut off unseen")
        }
    }
}
