//! `treering audit`.

use std::io::{self, Write};

use serde_json::{Value, json};
use treering_store::{AuditRow, Broken, Verdict};

use crate::Answer;
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
        Audit::Verify { place, json } => {
            let verdict = Data::of(&place, &file)?.control().await?.audit.verify().await?;
            print_verdict(verdict, json)?;
            Ok(if verdict.broken.is_none() { Answer::Yes } else { Answer::No })
        }
    }
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

fn print_verdict(Verdict { sound, broken }: Verdict, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (row, reason) = match broken {
        None => (None, None),
        Some(Broken::Missing { before }) => (Some(before), Some("missing_before")),
        Some(Broken::Changed { row }) => (Some(row), Some("changed")),
    };
    if json {
        return writeln!(out, "{}", json!({"sound": sound, "broken_row": row, "reason": reason}));
    }
    match broken {
        None => writeln!(
            out,
            "{sound} rows are as they were written; rows cut from the end would not be missed: compare the number"
        ),
        Some(Broken::Missing { before }) => {
            writeln!(
                out,
                "rows are missing before row {before}; the {sound} before them are as they were written"
            )
        }
        Some(Broken::Changed { row }) => writeln!(
            out,
            "row {row} is not what was written there, or its key is another one; the {sound} before it are as they \
             were written"
        ),
    }
}
