//! `treering redact`: the rules, tried out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use treering_otlp::{Assembly, Export, Signal};
use treering_redact::Rules;

use crate::Answer;
use crate::cli::Redact;
use crate::error::Error;
use crate::settings;

pub(crate) fn run(options: &Redact, file_rules: Option<&Path>) -> Result<Answer, Error> {
    let rules = settings::rules(options.rules.as_deref().or(file_rules))?;
    let mut input: Box<dyn BufRead> = match &options.input {
        Some(path) => {
            let file = File::open(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let found = match () {
        () if options.jsonl => lines(&rules, &mut input, &mut out)?,
        () if options.otlp => otlp(&rules, &mut input, &mut out)?,
        () => text(&rules, &mut input, &mut out)?,
    };
    out.flush()?;
    Ok(if options.check && found { Answer::No } else { Answer::Yes })
}

fn text(rules: &Rules, input: &mut impl Read, out: &mut impl Write) -> Result<bool, Error> {
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    let redaction = rules.redact(&text);
    out.write_all(redaction.text.as_bytes())?;
    Ok(!redaction.findings.is_empty())
}

#[derive(Deserialize)]
struct LineIn {
    id: Value,
    text: String,
}

#[derive(Serialize)]
struct LineOut {
    id: Value,
    text: String,
    spans: Vec<Place>,
}

/// A place of the input, in UTF-8 bytes.
#[derive(Serialize)]
struct Place {
    bstart: usize,
    bend: usize,
    r#type: String,
}

fn lines(rules: &Rules, input: &mut impl BufRead, out: &mut impl Write) -> Result<bool, Error> {
    let mut found = false;
    for (at, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let LineIn { id, text } =
            serde_json::from_str(&line).map_err(|source| Error::Line { line: at + 1, source })?;
        let redaction = rules.redact(&text);
        found |= !redaction.findings.is_empty();
        let place = |finding: &treering_redact::Finding| Place {
            bstart: finding.start,
            bend: finding.end,
            r#type: finding.rule.to_string(),
        };
        let spans = redaction.findings.iter().map(place).collect();
        serde_json::to_writer(&mut *out, &LineOut { id, text: redaction.text, spans })
            .map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(found)
}

fn otlp(rules: &Rules, input: &mut impl Read, out: &mut impl Write) -> Result<bool, Error> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let request: Value = serde_json::from_slice(&bytes).map_err(|_| Error::NotOtlp)?;
    let (signal, groups) = match (request.get("resourceSpans"), request.get("resourceLogs")) {
        (Some(_), _) => (Signal::Traces, "resourceSpans"),
        (_, Some(_)) => (Signal::Logs, "resourceLogs"),
        _ => return Err(Error::NotOtlp),
    };
    let export = Export::from_json(signal, &bytes)?;
    let before = export.as_bytes().to_vec();
    let redacted = rules.redact_export(export)?;
    let records = redacted.records();
    let mut assembly = Assembly::new(signal);
    records.iter().for_each(|record| assembly.add(record.context(), record.body()));
    writeln!(out, "{}", json!({groups: assembly.to_json()}))?;
    Ok(redacted.as_bytes() != before)
}
