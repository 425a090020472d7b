//! The read model that pages and the read API share, and what pages make of it.

pub(crate) mod audit;
pub(crate) mod content;
pub(crate) mod execution;
pub(crate) mod filter;
pub(crate) mod forest;
pub(crate) mod forests;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod kind;
pub(crate) mod link;
pub(crate) mod lost;
pub(crate) mod price;
pub(crate) mod reading;
pub(crate) mod search;
pub(crate) mod step;
pub(crate) mod sum;
pub(crate) mod switch;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod unmapped;
pub(crate) mod waterfall;
pub(crate) mod why;
pub(crate) mod words;
