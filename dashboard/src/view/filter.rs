//! Which executions somebody asks for, as a URL says it.

use std::str::FromStr;

use serde::Deserialize;
use treering_step::{Kind, Status, Timestamp};
use treering_store::ExecutionFilter;

use super::link::Query;
use super::query::Typed;
use super::search::Search;
use crate::error::Error;

/// Executions of one page, unless told otherwise, and at the most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;

/// The query of the list, page and API alike. A form sends its empty fields too, which ask for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    pub(crate) project: Option<String>,
    pub(crate) q: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) min_duration: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
    /// The columns that the page shows.
    pub(crate) cols: Option<String>,
}

impl Filter {
    /// What the search field says.
    pub(crate) fn typed(&self) -> Result<Typed, Error> {
        Typed::of(given(&self.q).unwrap_or_default(), Timestamp::now())
    }

    /// The filter as the store takes it.
    pub(crate) fn to_store(&self, typed: &Typed, search: Option<&Search>) -> Result<ExecutionFilter, Error> {
        let from = word(&self.from, moment, "`from` is a time such as 2026-11-22T12:41:07Z")?;
        Ok(ExecutionFilter {
            text: search.map(|search| search.text().to_owned()),
            words: search.map(|search| search.words().to_vec()).unwrap_or_default(),
            status: word(
                &self.status,
                Status::from_word,
                "`status` is one of ok, error, running, interrupted, unset",
            )?,
            kind: word(&self.kind, Kind::from_word, KINDS)?,
            model: owned(&self.model),
            agent: owned(&self.agent),
            session: owned(&self.session),
            user: owned(&self.user),
            from: from.max(typed.since),
            to: word(&self.to, moment, "`to` is a time such as 2026-11-22T12:41:07Z")?,
            min_duration_ns: word(
                &self.min_duration,
                span_of_time,
                "`min_duration` is a length such as 250ms or 2s",
            )?,
            conditions: typed.conditions.clone(),
            limit: self.limit()?,
            cursor: word(&self.cursor, parsed, "`cursor` is the `next_cursor` of a page before")?,
        })
    }

    /// What is searched for, if anything is, by somebody who sees content or does not.
    pub(crate) fn search(typed: &Typed, has_content: bool) -> Result<Option<Search>, Error> {
        let text = Some(typed.text.as_str()).filter(|text| !text.is_empty());
        let search = text.map(Search::of).transpose()?;
        Ok(if has_content { search } else { search.map(Search::without_content) })
    }

    fn limit(&self) -> Result<u32, Error> {
        let within = |text: &str| parsed(text).filter(|limit| (1..=LARGEST_PAGE).contains(limit));
        Ok(word(&self.limit, within, "`limit` is a number from 1 to 1000")?.unwrap_or(PAGE))
    }

    /// True where anything narrows the list.
    pub(crate) fn narrows(&self) -> bool {
        let fields = [&self.q, &self.status, &self.kind, &self.model, &self.agent, &self.session, &self.user];
        let times = [&self.from, &self.to, &self.min_duration];
        fields.into_iter().chain(times).any(|field| given(field).is_some())
    }

    /// The address of the list with this filter, from this cursor on.
    pub(crate) fn url(&self, cursor: Option<&str>) -> String {
        self.url_on("/", cursor)
    }

    /// The same of another page that takes the same filter.
    pub(crate) fn url_on(&self, path: &str, cursor: Option<&str>) -> String {
        let fields = [
            ("project", &self.project),
            ("q", &self.q),
            ("status", &self.status),
            ("kind", &self.kind),
            ("model", &self.model),
            ("agent", &self.agent),
            ("session", &self.session),
            ("user", &self.user),
            ("from", &self.from),
            ("to", &self.to),
            ("min_duration", &self.min_duration),
            ("limit", &self.limit),
            ("cols", &self.cols),
        ];
        let query =
            fields.into_iter().fold(Query::new(), |query, (name, value)| query.with(name, given(value)));
        query.with("cursor", cursor).on(path)
    }
}

const KINDS: &str = "`kind` is one of agent, workflow, plan, llm, tool, retrieval, embedding, rerank, memory, \
                     guardrail, evaluation, span";

/// What a field asks for; `None` where it was left empty.
pub(crate) fn given(field: &Option<String>) -> Option<&str> {
    field.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn owned(field: &Option<String>) -> Option<String> {
    given(field).map(str::to_owned)
}

/// The value that a field means; `expected` is told to who wrote anything else.
pub(crate) fn word<T>(
    field: &Option<String>,
    read: impl FnOnce(&str) -> Option<T>,
    expected: &'static str,
) -> Result<Option<T>, Error> {
    given(field).map(|text| read(text).ok_or(Error::Query(expected))).transpose()
}

pub(crate) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn moment(text: &str) -> Option<Timestamp> {
    parsed(text)
}

fn span_of_time(text: &str) -> Option<u64> {
    humantime::parse_duration(text).ok()?.as_nanos().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn empty_fields_ask_for_nothing() {
        let filter = Filter { q: text(" "), status: text(""), ..Filter::default() };
        let typed = filter.typed().unwrap();
        let store = filter.to_store(&typed, None).unwrap();
        assert_eq!((store.text, store.status, store.limit), (None, None, PAGE));
        assert_eq!(Filter::search(&typed, true).unwrap(), None);
        assert!(!filter.narrows());
        assert_eq!(filter.url(None), "/");
    }

    #[test]
    fn every_field_is_read_or_refused() {
        let good = Filter {
            status: text("error"),
            kind: text("llm"),
            from: text("2026-11-22T12:41:07Z"),
            min_duration: text("250ms"),
            limit: text("1000"),
            ..Filter::default()
        };
        let store = good.to_store(&Typed::default(), None).unwrap();
        assert_eq!((store.status, store.kind), (Some(Status::Error), Some(Kind::Llm)));
        assert_eq!((store.min_duration_ns, store.limit), (Some(250_000_000), 1_000));
        for bad in [
            Filter { status: text("bad"), ..Filter::default() },
            Filter { kind: text("bad"), ..Filter::default() },
            Filter { from: text("yesterday"), ..Filter::default() },
            Filter { to: text("2026"), ..Filter::default() },
            Filter { min_duration: text("long"), ..Filter::default() },
            Filter { limit: text("0"), ..Filter::default() },
            Filter { limit: text("1001"), ..Filter::default() },
            Filter { cursor: text("<script>"), ..Filter::default() },
        ] {
            assert!(matches!(bad.to_store(&Typed::default(), None), Err(Error::Query(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_address_of_a_list_says_its_filter_again() {
        let filter =
            Filter { q: text("a&b"), status: text("error"), cursor: text("old"), ..Filter::default() };
        assert_eq!(filter.url(Some("new")), "/?q=a%26b&status=error&cursor=new");
    }
}
