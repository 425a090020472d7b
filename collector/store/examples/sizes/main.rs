//! What spans cost on disk: an agent that resends its whole history with each call, and spans that have nothing in
//! common. Prints a table, and draws the growth where a file is named:
//!
//! ```sh
//! cargo run --release -p treering-store --example sizes -- .github/growth.svg
//! ```
#![expect(clippy::print_stdout, reason = "it is a program for the terminal")]

mod chart;
mod spans;
mod store;

use spans::{Form, Words, call, independent};
use store::{Size, Store};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const TURNS: [usize; 4] = [50, 100, 200, 400];
/// Independent spans, and how many come together.
const INDEPENDENT: usize = 20_000;
const BATCH: usize = 100;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut drawn = Vec::new();
    for form in [Form::Json, Form::Flat] {
        println!("\nan agent that resends its history, as {form}; bytes on disk");
        println!("{:>6} {:>12} {:>15} {:>12} {:>6}", "turns", "sent", "each by itself", "kept", "part");
        for turns in TURNS {
            let size = agent(form, turns).await?;
            let Size { sent, alone, kept, .. } = size;
            println!("{turns:>6} {sent:>12} {alone:>15} {kept:>12} {:>5.1}%", size.part() * 100.0);
            drawn.push((form, turns, size));
        }
    }
    let size = unrelated().await?;
    println!("\n{INDEPENDENT} spans that have nothing in common; bytes a span");
    println!("{:>8} {:>15} {:>8}", "sent", "each by itself", "kept");
    let each = |bytes: u64| bytes / INDEPENDENT as u64;
    println!("{:>8} {:>15} {:>8}", each(size.sent), each(size.alone), each(size.kept));
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(path, chart::drawn(&drawn))?;
    }
    Ok(())
}

/// One call a batch, as an exporter sends them that does not wait.
async fn agent(form: Form, turns: usize) -> Outcome<Size> {
    let mut store = Store::new().await?;
    let (mut words, mut history) = (Words::seeded(7), Vec::new());
    for turn in 0..turns {
        // 1 KB is new each turn.
        history.push(words.text(if turn % 2 == 0 { 300 } else { 900 }));
        history.push(words.text(400));
        store.deliver(&call(form, turn, &history, &mut words)).await?;
    }
    store.close().await
}

async fn unrelated() -> Outcome<Size> {
    let mut store = Store::new().await?;
    let mut words = Words::seeded(9);
    for batch in 0..INDEPENDENT / BATCH {
        let spans: Vec<_> = (0..BATCH).map(|at| independent(batch * BATCH + at, &mut words)).collect();
        store.deliver(&spans::request(&spans)).await?;
    }
    store.close().await
}
