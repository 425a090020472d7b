use treering_step::TraceId;

use crate::access::Chosen;
use crate::view::link::Query;

/// Where the script of a page hears that there is something new, after what the page shows already.
pub(super) fn url(chosen: &Chosen, trace: Option<TraceId>, version: u64) -> String {
    let query = Query::new().with("project", chosen.in_url()).with("execution", trace);
    query.with("steps", Some(0)).with("since", Some(version)).on("/api/v1/live")
}
