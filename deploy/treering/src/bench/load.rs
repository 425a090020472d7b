//! The senders, and what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use treering_otlp::sample::{Sample, Shape};

use super::door::{Door, Link, Said};
use super::figures::Usage;
use crate::cli::Protocol;
use crate::error::Error;

/// What is sent, by whom, how fast and for how long.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) shape: Shape,
    /// The number of the first request.
    pub(super) first: u64,
    pub(super) connections: usize,
    pub(super) in_flight: usize,
    /// Requests whose texts differ, of all senders together.
    pub(super) variants: usize,
    /// Spans a second; where there is none, a sender goes on as soon as it was answered.
    pub(super) rate: Option<f64>,
    pub(super) goal: Goal,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    Spans(u64),
    Time(Duration),
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) took: Duration,
    /// Requests by what was said to them.
    pub(super) answers: BTreeMap<Said, u64>,
    /// In order, from the moment that a request was due.
    pub(super) waits: Vec<Duration>,
    /// The numbers of the requests that were taken.
    pub(super) taken: Vec<u64>,
    pub(super) bytes: u64,
    /// Of the server, before and after.
    pub(super) usage: Option<[Usage; 2]>,
}

impl Sent {
    /// Requests that were not taken.
    pub(super) fn refused(&self) -> u64 {
        self.answers.iter().filter(|(said, _)| !said.is_taken).map(|(_, count)| count).sum()
    }
}

/// What one sender was told.
#[derive(Default)]
struct Told {
    answers: BTreeMap<Said, u64>,
    waits: Vec<Duration>,
    taken: Vec<u64>,
    bytes: u64,
}

impl Load {
    pub(super) async fn send(&self, door: &Door, pid: Option<u32>) -> Result<Sent, Error> {
        let links = self.links(door).await?;
        let samples = self.samples(door.protocol);
        let (next, usage) = (Arc::new(AtomicU64::new(0)), pid.map(Usage::of).transpose()?);
        let start = Instant::now();
        let senders = links.into_iter().zip(samples).map(|(link, samples)| {
            let turns =
                Turns { next: next.clone(), first: self.first, start, pace: self.pace(), last: self.last() };
            tokio::spawn(sender(door.clone(), link, samples, turns))
        });
        let (mut answers, mut waits, mut taken, mut bytes) = (BTreeMap::new(), Vec::new(), Vec::new(), 0);
        for sender in senders.collect::<Vec<_>>() {
            let told = sender.await.map_err(|_| Error::Defect)??;
            told.answers.into_iter().for_each(|(said, count)| *answers.entry(said).or_insert(0) += count);
            waits.extend(told.waits);
            taken.extend(told.taken);
            bytes += told.bytes;
        }
        let took = start.elapsed();
        let after = pid.map(Usage::of).transpose()?;
        waits.sort_unstable();
        taken.sort_unstable();
        Ok(Sent {
            took,
            answers,
            waits,
            taken,
            bytes,
            usage: usage.zip(after).map(|(before, after)| [before, after]),
        })
    }

    /// One for each sender: those of gRPC share connections, of HTTP/1.1 each has its own.
    async fn links(&self, door: &Door) -> Result<Vec<Link>, Error> {
        let mut links: Vec<Link> = Vec::new();
        for place in 0..self.in_flight {
            let before = place.checked_sub(self.connections).and_then(|place| links[place].shared());
            links.push(match before {
                Some(shared) => shared,
                None => door.connect().await?,
            });
        }
        Ok(links)
    }

    fn samples(&self, protocol: Protocol) -> Vec<Vec<Sample>> {
        let each = self.variants.div_ceil(self.in_flight);
        let sample = |number: usize| {
            let sample = Sample::new(self.shape, number as u64);
            if protocol == Protocol::HttpJson { sample.into_json() } else { sample }
        };
        let of_sender = |sender: usize| (sender * each..(sender + 1) * each).map(sample).collect();
        (0..self.in_flight).map(of_sender).collect()
    }

    /// How long after the one before it a request is due.
    fn pace(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(self.shape.spans as f64 / rate))
    }

    fn last(&self) -> Last {
        match self.goal {
            Goal::Spans(spans) => Last::Request(spans.div_ceil(self.shape.spans as u64)),
            Goal::Time(time) => Last::Moment(Instant::now() + time),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Last {
    Request(u64),
    Moment(Instant),
}

/// Whose turn it is.
struct Turns {
    next: Arc<AtomicU64>,
    first: u64,
    start: Instant,
    pace: Option<Duration>,
    last: Last,
}

impl Turns {
    /// The number of the next request and when it is due.
    async fn next(&self) -> Option<(u64, Instant)> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let due = match self.pace {
            Some(pace) => self.start + pace.mul_f64(place as f64),
            None => Instant::now(),
        };
        let goes_on = match self.last {
            Last::Request(count) => place < count,
            Last::Moment(end) => due < end,
        };
        if goes_on {
            tokio::time::sleep_until(due.into()).await;
        }
        goes_on.then_some((self.first + place, due))
    }
}

async fn sender(door: Door, mut link: Link, mut samples: Vec<Sample>, turns: Turns) -> Result<Told, Error> {
    let mut told = Told::default();
    while let Some((number, due)) = turns.next().await {
        samples.rotate_left(1);
        let message = samples[0].stamp(number);
        told.bytes += message.len() as u64;
        let said = match link.send(door.request(message)?).await {
            Ok(said) => said,
            // Nobody knows whether it was taken: it counts as refused.
            Err(error) => {
                link = door.connect().await?;
                Said { status: format!("no answer ({error})"), is_taken: false, has_delay: false }
            }
        };
        told.waits.push(due.elapsed());
        told.taken.extend(said.is_taken.then_some(number));
        *told.answers.entry(said).or_insert(0) += 1;
    }
    Ok(told)
}
