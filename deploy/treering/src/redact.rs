//! `treering redact`: the rules, tried out.

use std::fs::File as Disk;
use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use treering_otlp::{Assembly, Export, Signal};
use treering_redact::{Redacted, Rules};
use treering_seal::{HashKey, Secret};

use crate::Answer;
use crate::cli::Redact;
use crate::error::Error;
use crate::rules;
use crate::settings::File;

mod stored;
mod table;
use table::Table;

/// Over a file or standard input.
pub(crate) fn run(options: &Redact, file: &File) -> Result<Answer, Error> {
    if options.types {
        types()?;
        return Ok(Answer::Yes);
    }
    let rules = rules::read(options.rules.as_deref().or(file.rules.as_deref()))?;
    let found = written(&rules, options)?;
    Ok(if options.check && found { Answer::No } else { Answer::Yes })
}

/// Over stored steps.
pub(crate) async fn stored(options: Redact, file: File) -> Result<Answer, Error> {
    let rules = rules::read(options.rules.as_deref().or(file.rules.as_deref()))?;
    let found = stored::look(&rules, &options, &file).await?;
    Ok(if options.check && found { Answer::No } else { Answer::Yes })
}

fn types() -> io::Result<()> {
    let mut reasons: Vec<_> = Rules::builtin_reasons().collect();
    reasons.sort_unstable();
    reasons.dedup_by_key(|(name, _)| *name);
    let mut out = io::stdout().lock();
    reasons.iter().try_for_each(|(name, reason)| writeln!(out, "{name:<24}  {reason}"))
}

/// What a file or standard input holds.
fn written(rules: &Rules, options: &Redact) -> Result<bool, Error> {
    let mut input: Box<dyn BufRead> = match &options.input {
        Some(path) => {
            let file = Disk::open(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let found = match () {
        () if options.jsonl => lines(rules, &mut input, &mut out)?,
        () if options.otlp => otlp(rules, options.table, &mut input, &mut out)?,
        () => text(rules, options.table, &mut input, &mut out)?,
    };
    out.flush()?;
    Ok(found)
}

/// Names for values, as a project would give them; no project has the key that these are made with.
fn key() -> Result<HashKey, Error> {
    Ok(HashKey::new(&Secret::generate().map_err(Error::Seal)?))
}

fn text(rules: &Rules, table: bool, input: &mut impl Read, out: &mut impl Write) -> Result<bool, Error> {
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    let key = key()?;
    let redaction = rules.redact_with(&text, Some(&|parts| key.pseudonym(parts)));
    if table {
        let mut table = Table::default();
        let now = Rules::builtin().redact(&text);
        now.findings.iter().for_each(|found| table.now(&found.rule, 1));
        redaction.findings.iter().for_each(|found| table.then(&found.rule, 1));
        table.write(out)?;
    } else {
        out.write_all(redaction.text.as_bytes())?;
    }
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
    let (mut found, key) = (false, key()?);
    for (at, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let LineIn { id, text } =
            serde_json::from_str(&line).map_err(|source| Error::Line { line: at + 1, source })?;
        let redaction = rules.redact_with(&text, Some(&|parts| key.pseudonym(parts)));
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

fn otlp(rules: &Rules, table: bool, input: &mut impl Read, out: &mut impl Write) -> Result<bool, Error> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let export = read_otlp(&bytes)?;
    let (signal, before) = (export.signal(), export.as_bytes().to_vec());
    let key = key()?;
    let redacted = rules.redact_export_with(export, Some(&|parts| key.pseudonym(parts)))?;
    if table {
        let mut table = Table::default();
        let now = Rules::builtin().redact_export(read_otlp(&bytes)?)?;
        now.redactions().iter().for_each(|(rule, count)| table.now(rule, *count));
        redacted.redactions().iter().for_each(|(rule, count)| table.then(rule, *count));
        table.write(out)?;
    } else {
        write_otlp(signal, &redacted, out)?;
    }
    Ok(redacted.as_bytes() != before)
}

fn read_otlp(bytes: &[u8]) -> Result<Export, Error> {
    let request: Value = serde_json::from_slice(bytes).map_err(|_| Error::NotOtlp)?;
    let signal = match (request.get("resourceSpans"), request.get("resourceLogs")) {
        (Some(_), _) => Signal::Traces,
        (_, Some(_)) => Signal::Logs,
        _ => return Err(Error::NotOtlp),
    };
    Ok(Export::from_json(signal, bytes)?)
}

fn write_otlp(signal: Signal, redacted: &Redacted, out: &mut impl Write) -> Result<(), Error> {
    let groups = match signal {
        Signal::Traces => "resourceSpans",
        Signal::Logs => "resourceLogs",
    };
    let records = redacted.records();
    let mut assembly = Assembly::new(signal);
    records.iter().for_each(|record| assembly.add(record.context(), record.body()));
    Ok(writeln!(out, "{}", json!({groups: assembly.to_json()}))?)
}
