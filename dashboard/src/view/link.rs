//! Addresses of this dashboard, with their queries encoded.

use std::fmt::Display;

use form_urlencoded::Serializer;

/// A query in the making; what is absent is left out.
pub(crate) struct Query(Serializer<'static, String>);

impl Query {
    pub(crate) fn new() -> Self {
        Self(Serializer::new(String::new()))
    }

    pub(crate) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            self.0.append_pair(name, &value.to_string());
        }
        self
    }

    /// The address of this path with the query.
    pub(crate) fn on(mut self, path: &str) -> String {
        match self.0.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_and_absent_ones_left_out() {
        let query =
            Query::new().with("q", Some("a b&c=\"<")).with("status", None::<&str>).with("at", Some(7));
        assert_eq!(query.on("/"), "/?q=a+b%26c%3D%22%3C&at=7");
        assert_eq!(Query::new().on("/executions"), "/executions");
    }
}
