//! What it costs to encode and to send: `cargo run --release --bin export`.

use std::io::Write as _;
use std::time::Duration;

use treering_bench::receiver::{Receiver, Wire, receive};
use treering_bench::step::SPANS;
use treering_bench::{Contender, Failure, Worker, export_table, take_turns, work};

/// How often each contender has its turn, and for how many executions.
const ROUNDS: usize = 20;
const EXECUTIONS: u64 = 140;

fn main() -> Result<(), Failure> {
    if receive()? || work()? {
        return Ok(());
    }
    let (mut workers, mut receivers) = (Vec::new(), Vec::new());
    for contender in Contender::SENDING {
        let receiver = Receiver::start(wire(contender), 0, Duration::ZERO)?;
        workers.push(Worker::start(contender, &receiver.endpoint())?);
        receivers.push(receiver);
    }
    let mut figures = take_turns(&mut workers, ROUNDS, EXECUTIONS)?.into_iter();
    drop(workers);
    let made = (ROUNDS as u64 + 1) * EXECUTIONS * SPANS;
    for (receiver, contender) in receivers.into_iter().zip(Contender::SENDING) {
        let arrived = receiver.stop()?;
        if arrived != made {
            let name = contender.name();
            return Err(format!("{name}: {made} spans were made and {arrived} arrived").into());
        }
    }
    let mut pairs = Vec::new();
    while let (Some(ours), Some(other)) = (figures.next(), figures.next()) {
        pairs.push([ours, other]);
    }
    Ok(write!(std::io::stdout(), "{}", export_table(&pairs))?)
}

fn wire(contender: Contender) -> Wire {
    match contender {
        Contender::Sending(wire) | Contender::OpenTelemetrySending(wire) => wire,
        _ => Wire::Http,
    }
}
