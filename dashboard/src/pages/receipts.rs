use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use treering_store::{OutcomeCount, RECEIPT_DAYS, Receipt, RequestId, Transport};

use super::shell::Shell;
use super::template::Page;
use super::{Asked, Named};
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::filter::{given, parsed};
use crate::view::format;
use crate::view::link::Query;
use crate::view::step::Fact;
use crate::view::text::{Text, rule};

/// What became of requests: how often which outcome happened, and the place to look for one.
#[derive(Debug, Serialize)]
struct ReceiptsPage {
    shell: Shell,
    project: Option<String>,
    days: u64,
    outcomes: Vec<Row>,
}

impl Page for ReceiptsPage {
    const TEMPLATE: &'static str = "receipts.html";
}

/// One outcome.
#[derive(Debug, Serialize)]
struct Row {
    name: Text,
    count: String,
    /// True where it was not known whose it was.
    of_nobody: bool,
    is_lost: bool,
}

/// What became of one request.
#[derive(Debug, Serialize)]
struct ReceiptPage {
    shell: Shell,
    id: String,
    facts: Vec<Fact>,
    reason: Option<Text>,
    /// Types and numbers of places.
    redactions: Vec<(String, String)>,
    json_url: String,
}

impl Page for ReceiptPage {
    const TEMPLATE: &'static str = "receipt.html";
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    project: Option<String>,
    id: Option<String>,
}

/// The page, or the receipt of the id that its form was given.
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Error> {
    let chosen = viewer.choose(&app.source, given(&wanted.project)).await?;
    if let Some(id) = given(&wanted.id) {
        let id = parsed(id).ok_or(Error::RequestId)?;
        return Ok(Redirect::to(&address("", id, &chosen)).into_response());
    }
    let outcomes = chosen.sight()?.outcomes().await?;
    let page = ReceiptsPage {
        shell: Shell::new(&app, "Requests".to_owned(), &chosen),
        project: chosen.in_url().map(str::to_owned),
        days: RECEIPT_DAYS,
        outcomes: outcomes.into_iter().map(Row::from).collect(),
    };
    page.render()
}

impl From<OutcomeCount> for Row {
    fn from(OutcomeCount { project, name, count }: OutcomeCount) -> Self {
        Self {
            is_lost: name.starts_with("lost."),
            name: Text::line(&name, 80),
            count: format::count(count),
            of_nobody: project.is_none(),
        }
    }
}

pub(super) async fn receipt(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    id: Result<Named<String>, Error>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Error> {
    let Named(id) = id.map_err(|_| Error::RequestId)?;
    let id = parsed(&id).ok_or(Error::RequestId)?;
    let chosen = viewer.choose(&app.source, given(&wanted.project)).await?;
    let receipt = chosen.sight()?.receipt(id).await?;
    ReceiptPage::new(&app, &chosen, &receipt).render()
}

fn address(before: &str, id: RequestId, chosen: &Chosen) -> String {
    Query::new().with("project", chosen.in_url()).on(&format!("{before}/receipts/{id}"))
}

impl ReceiptPage {
    fn new(app: &App, chosen: &Chosen, receipt: &Receipt) -> Self {
        let place = |(kind, count): (&String, &u64)| (rule(kind), format::count(*count));
        Self {
            shell: Shell::new(app, title(receipt), chosen),
            id: receipt.id.to_string(),
            facts: facts(receipt),
            reason: receipt.reason.as_deref().map(Text::of),
            redactions: receipt.redactions.iter().map(place).collect(),
            json_url: address("/api/v1", receipt.id, chosen),
        }
    }
}

/// What became of it, in words.
fn title(receipt: &Receipt) -> String {
    let (what, _) = receipt.outcome.split_once('.').unwrap_or((&receipt.outcome, ""));
    match what {
        "accepted" if receipt.rejected > 0 => {
            format!("Accepted but for {}", counted(receipt.rejected, "record"))
        }
        "accepted" => "Accepted".to_owned(),
        "discarded" => "Thrown away".to_owned(),
        _ => "Refused".to_owned(),
    }
}

fn facts(receipt: &Receipt) -> Vec<Fact> {
    let is = |what| receipt.outcome.starts_with(what);
    let transport = match receipt.transport {
        Transport::Http => "HTTP",
        Transport::Grpc => "gRPC",
    };
    let count = |label, count: u64| Fact::new(label, format::count(count));
    let lost_some = is("accepted.") && receipt.rejected > 0;
    [
        receipt.id.at().map(|at| Fact::new("Came", format!("{} UTC", format::moment(at)))),
        Some(Fact::new("By", transport)),
        receipt.signal.as_deref().map(|signal| Fact::new("Signal", signal)),
        // Of what was refused at once, the body was not read.
        (receipt.bytes > 0).then(|| Fact::new("Size", counted(receipt.bytes, "byte"))),
        Some(Fact { alarm: is("refused."), ..Fact::new("Outcome", &receipt.outcome) }),
        Some(count("Accepted", receipt.accepted)),
        // Of a request that was refused as a whole, nobody counted the records.
        (!is("refused.")).then(|| Fact { alarm: lost_some, ..count("Rejected", receipt.rejected) }),
        Some(count("Redacted", receipt.redactions.values().sum())),
        Some(count("Withheld", receipt.withheld)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn counted(number: u64, noun: &str) -> String {
    format::counted(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
