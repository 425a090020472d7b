//! How fast the built-in rules are on one core, over messages as models get and write them.
//!
//! `cargo run --release -p treering-redact --example speed` prints megabytes a second of CPU time: by form (text, JSON,
//! JSON in JSON), without a hit and with one a kilobyte; by kind of content; and how long the rules take to compile.
//! Another seed for the texts may be given.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use treering_redact::Rules;

#[path = "speed/texts.rs"]
mod texts;
use texts::{Form, Kind, Texts};

/// So much text of each kind, and so long a look at it.
const BYTES: usize = 4 << 20;
const LONG_ENOUGH: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(7), |seed| seed.parse())?;
    let mut out = std::io::stdout().lock();
    let compiled = each(|| drop(Rules::builtin()));
    writeln!(out, "compiled in {:.1} ms", compiled.as_secs_f64() * 1e3)?;
    by_form(&mut out, seed)?;
    by_kind(&mut out, seed)?;
    Ok(())
}

fn by_form(out: &mut impl Write, seed: u64) -> std::io::Result<()> {
    let rules = Rules::builtin();
    writeln!(out, "\n{:<16} {:>9} {:>14} {:>10}", "MB/s", "no hit", "one hit a KB", "hits a KB")?;
    for form in Form::ALL {
        let [clean, planted] = [0, 1].map(|hits| Texts::new(seed).messages(form, BYTES, hits));
        let hits = hits(&rules, &planted) as f64 * 1024.0 / BYTES as f64;
        let [clean, planted] = [clean, planted].map(|texts| speed(&rules, &texts));
        writeln!(out, "{:<16} {clean:>9.0} {planted:>14.0} {hits:>10.2}", form.name())?;
    }
    Ok(())
}

/// Rules without a detector show what the way to the texts costs: JSON, escapes, Base64.
fn by_kind(out: &mut impl Write, seed: u64) -> std::io::Result<()> {
    let (rules, way) = (Rules::builtin(), Rules::parse("builtin = false").expect("the file is well-formed"));
    writeln!(out, "\n{:<16} {:>9} {:>14} {:>10}", "MB/s, no hit", "rules", "the way only", "hits")?;
    for kind in Kind::ALL {
        let texts = Texts::new(seed).of(kind, BYTES);
        let (hits, rules, way) = (hits(&rules, &texts), speed(&rules, &texts), speed(&way, &texts));
        writeln!(out, "{:<16} {rules:>9.0} {way:>14.0} {hits:>10}", kind.name())?;
    }
    Ok(())
}

fn hits(rules: &Rules, texts: &[String]) -> usize {
    texts.iter().map(|text| rules.redact(text).findings.len()).sum()
}

/// Megabytes a second of processor time.
fn speed(rules: &Rules, texts: &[String]) -> f64 {
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut findings = Vec::new();
    let one = each(|| {
        for text in texts {
            findings.clear();
            rules.scan(text, &mut findings);
        }
    });
    bytes as f64 / one.as_secs_f64() / 1e6
}

/// What one of many turns takes.
fn each(mut turn: impl FnMut()) -> Duration {
    let start = on_cpu();
    for turns in 1.. {
        turn();
        let taken = on_cpu().saturating_sub(start);
        if taken > LONG_ENOUGH {
            return taken / turns;
        }
    }
    Duration::ZERO
}

/// The time that this thread was on a processor, where the system tells it, or else what the clock says.
fn on_cpu() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|line| line.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}
