//! What was measured, for people and for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::figures::Usage;
use super::load::{Load, Sent};
use super::stored::Stored;

pub(super) fn print(
    load: &Load,
    sent: &Sent,
    stored: Option<&Stored>,
    settled: Option<&Usage>,
    json: bool,
) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    if json {
        return writeln!(out, "{}", as_json(load, sent, stored, settled));
    }
    let spans = spans(load, sent);
    let seconds = sent.took.as_secs_f64();
    writeln!(
        out,
        "{spans} spans acknowledged in {seconds:.1} s: {:.0} a second, {:.1} MB/s",
        spans as f64 / seconds,
        sent.bytes as f64 / seconds / 1e6
    )?;
    for (said, count) in &sent.answers {
        let delay = if said.has_delay { ", with a delay" } else { "" };
        writeln!(out, "  {:<12} {count} requests{delay}", said.status)?;
    }
    let [median, ninety, most, worst] =
        [0.5, 0.9, 0.99, 1.0].map(|share| milliseconds(at(&sent.waits, share)));
    writeln!(
        out,
        "answers after {median:.1} ms at the median, {ninety:.1} at 90 %, {most:.1} at 99 %, {worst:.1} at the most"
    )?;
    if let Some([before, after]) = &sent.usage {
        writeln!(
            out,
            "server: {:.2} µs on a processor a span until the last answer",
            each(before, after, spans)
        )?;
        if let Some(settled) = settled {
            writeln!(out, "        {:.2} until all of it was stored", each(before, settled, spans))?;
            for (name, time) in &settled.threads {
                let spent = time.saturating_sub(before.threads.get(name).copied().unwrap_or_default());
                writeln!(out, "          {name:<16} {:>7.2}", micros(spent, spans))?;
            }
            let [now, peak] = [settled.resident, settled.peak].map(|bytes| bytes as f64 / f64::from(1 << 20));
            writeln!(out, "        {now:.0} MiB in memory, {peak:.0} at the most")?;
        }
    }
    match stored {
        None => writeln!(out, "what is stored was not looked at; name the server's --data for that"),
        Some(Stored { acknowledged, missing, doubled, after }) => writeln!(
            out,
            "stored: {acknowledged} acknowledged, {missing} missing, {doubled} doubled, {:.1} s after the last answer",
            after.as_secs_f64()
        ),
    }
}

fn as_json(load: &Load, sent: &Sent, stored: Option<&Stored>, settled: Option<&Usage>) -> serde_json::Value {
    let spans = spans(load, sent);
    let usage = sent.usage.as_ref().zip(settled).map(|([before, after], settled)| {
        json!({
            "processor_us_a_span_until_answered": each(before, after, spans),
            "processor_us_a_span_until_stored": each(before, settled, spans),
            "resident_bytes": settled.resident,
            "peak_bytes": settled.peak,
        })
    });
    let answers = sent.answers.iter().map(|(said, count)| {
        json!({ "status": said.status, "taken": said.is_taken, "delay": said.has_delay, "requests": count })
    });
    json!({
        "spans": spans,
        "seconds": sent.took.as_secs_f64(),
        "spans_a_second": spans as f64 / sent.took.as_secs_f64(),
        "bytes": sent.bytes,
        "answers": answers.collect::<Vec<_>>(),
        "milliseconds": {
            "p50": milliseconds(at(&sent.waits, 0.5)),
            "p90": milliseconds(at(&sent.waits, 0.9)),
            "p99": milliseconds(at(&sent.waits, 0.99)),
            "max": milliseconds(at(&sent.waits, 1.0)),
        },
        "server": usage,
        "stored": stored.map(|stored| json!({
            "acknowledged": stored.acknowledged,
            "missing": stored.missing,
            "doubled": stored.doubled,
            "seconds_after": stored.after.as_secs_f64(),
        })),
    })
}

fn spans(load: &Load, sent: &Sent) -> u64 {
    (sent.taken.len() * load.shape.spans) as u64
}

fn each(before: &Usage, after: &Usage, spans: u64) -> f64 {
    micros(after.processor.saturating_sub(before.processor), spans)
}

fn micros(time: Duration, spans: u64) -> f64 {
    time.as_secs_f64() * 1e6 / spans.max(1) as f64
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The wait that such a share of all stayed within.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is a place")]
fn at(waits: &[Duration], share: f64) -> Duration {
    let last = waits.len().saturating_sub(1);
    waits.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}
