//! How much memory very many spans take up where the collector does not take them: `cargo run --release --bin memory`.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use treering_bench::receiver::{Receiver, Wire, dead_port, receive};
use treering_bench::{Burden, Contender, Failure, Standing, burden};

/// What the layer promises: the bytes of its queue, and this for all else of the process.
const QUEUE: u64 = 32 * 1024;
const ALL_ELSE: u64 = 16 * 1024;

/// How long the collector that is slow takes over a batch, and the one that is very slow.
const SLOW: Duration = Duration::from_millis(20);
const VERY_SLOW: Duration = Duration::from_secs(1);

/// Spans of the usual size, and spans with a large prompt in each second one.
const MANY: (u64, usize) = (1_000_000, 500);
const LARGE: (u64, usize) = (20_000, 256 * 1024);

/// Who is on the other side.
#[derive(Debug, Clone, Copy)]
enum Collector {
    /// Nobody listens.
    Dead,
    /// It takes connections and says nothing.
    Silent,
    Slow(Duration),
    /// It was dead and is not any more.
    Back,
    /// An exporter in the same process, without a wire, that is as slow.
    Within(Duration),
}

fn main() -> Result<(), Failure> {
    if receive()? || burden()? {
        return Ok(());
    }
    let mut output = std::io::stdout();
    writeln!(
        output,
        "| spans | collector | | took, s | peak, MiB | sent | dropped | failed | queued | on the disk |"
    )?;
    writeln!(output, "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    let mut broken = Vec::new();
    for (load, collector, contender) in cases() {
        let standing = run(load, collector, contender)?;
        writeln!(output, "{}", row(load, collector, contender, &standing))?;
        if matches!(contender, Contender::Sending(_)) {
            broken.extend(promises_broken(load.0, &standing));
        }
    }
    broken.extend(spill(&mut output)?);
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ").into()) }
}

fn cases() -> Vec<((u64, usize), Collector, Contender)> {
    let mut cases = Vec::new();
    let sending = [Contender::Sending(Wire::Http), Contender::OpenTelemetrySending(Wire::Http)];
    let within = [Contender::Logfire, Contender::Fastrace, Contender::FastraceTracing];
    for (load, collectors) in [
        (MANY, [Collector::Dead, Collector::Silent, Collector::Slow(SLOW)].as_slice()),
        (LARGE, &[Collector::Dead, Collector::Slow(VERY_SLOW)]),
    ] {
        for collector in collectors {
            cases.extend(sending.map(|contender| (load, *collector, contender)));
            if let Collector::Slow(pause) = collector {
                cases.extend(within.map(|contender| (load, Collector::Within(*pause), contender)));
            }
        }
    }
    cases
}

fn run(
    (spans, prompt_bytes): (u64, usize),
    collector: Collector,
    contender: Contender,
) -> Result<Standing, Failure> {
    let pause = if let Collector::Within(pause) = collector { pause } else { Duration::ZERO };
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let slow = match collector {
        Collector::Slow(pause) => Some(Receiver::start(Wire::Http, 0, pause)?),
        _ => None,
    };
    let endpoint = match (&slow, collector) {
        (Some(receiver), _) => receiver.endpoint(),
        (None, Collector::Silent) => format!("http://{}", silent.local_addr()?),
        (None, _) => format!("http://127.0.0.1:{}", dead_port()?),
    };
    let mut process = Burden { contender, pause, spans, prompt_bytes }.start(&endpoint)?;
    let mut standing = process.flush(Duration::from_secs(1))?;
    process.end()?;
    if let Some(receiver) = slow {
        let arrived = receiver.stop()?;
        standing.account.sent.get_or_insert(arrived);
    }
    Ok(standing)
}

/// A million spans while nobody listens, and then somebody does: all of them arrive.
fn spill(output: &mut impl Write) -> Result<Vec<String>, Failure> {
    let (contender, port, made) = (Contender::Spilling, dead_port()?, MANY.0);
    let burden = Burden { contender, pause: Duration::ZERO, spans: made, prompt_bytes: MANY.1 };
    let mut process = burden.start(&format!("http://127.0.0.1:{port}"))?;
    let away = process.flush(Duration::from_secs(1))?;
    writeln!(output, "{}", row(MANY, Collector::Dead, contender, &away))?;
    let receiver = Receiver::start(Wire::Http, port, Duration::ZERO)?;
    let back = process.flush(Duration::from_secs(300))?;
    writeln!(output, "{}", row(MANY, Collector::Back, contender, &back))?;
    process.finish()?;
    let arrived = receiver.stop()?;
    let mut broken = promises_broken(made, &away);
    broken.extend(promises_broken(made, &back));
    if arrived != made {
        broken.push(format!("{made} spans were made, and {arrived} arrived from the disk"));
    }
    Ok(broken)
}

fn row(
    (spans, bytes): (u64, usize),
    collector: Collector,
    contender: Contender,
    standing: &Standing,
) -> String {
    let collector = match collector {
        Collector::Dead => "dead".to_owned(),
        Collector::Silent => "silent".to_owned(),
        Collector::Back => "back again".to_owned(),
        Collector::Slow(pause) => format!("{pause:?} a batch"),
        Collector::Within(pause) => format!("{pause:?} for 512 spans, no wire"),
    };
    format!(
        "| {spans} of {bytes} B | {collector} | {} | {:.1} | {:.1} | {} |",
        contender.name(),
        standing.took.as_secs_f64(),
        standing.peak as f64 / 1024.0,
        standing.account.to_string().replace(' ', " | "),
    )
}

fn promises_broken(made: u64, standing: &Standing) -> Vec<String> {
    let mut broken = Vec::new();
    let accounted = standing.account.sum();
    if accounted != made {
        broken.push(format!("{made} spans were made, and {accounted} are accounted for"));
    }
    if standing.peak > QUEUE + ALL_ELSE {
        broken.push(format!("{} KiB at the peak are more than {}", standing.peak, QUEUE + ALL_ELSE));
    }
    broken
}
