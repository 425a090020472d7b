//! What was found, and how it is marked.

use crate::mark::MARK;
use crate::text::View;
use std::ops::Range;
use std::sync::Arc;

/// A place of the input that must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// First byte (UTF-8) of the input that goes.
    pub start: usize,
    /// The byte after the last one that goes.
    pub end: usize,
    /// The type, as the mark names it: `EMAIL`.
    pub rule: Arc<str>,
    /// Set where the place is a bare JSON number: how many strings that JSON stands in. Its mark needs quotes,
    /// escaped once for each of them.
    pub bare_number: Option<u8>,
    /// What the mark says beside the type: a pseudonym, or the last four letters behind a `*`.
    pub detail: Option<String>,
}

impl Finding {
    pub(crate) fn new(place: Range<usize>, rule: Arc<str>) -> Finding {
        Finding { start: place.start, end: place.end, rule, bare_number: None, detail: None }
    }

    /// Writes what stands in the place of the finding. It needs no escape at any level of JSON.
    pub fn write_mark(&self, out: &mut String) {
        self.write_quote(out);
        write_mark(&self.rule, self.detail.as_deref(), out);
        self.write_quote(out);
    }

    fn write_quote(&self, out: &mut String) {
        let Some(depth) = self.bare_number else { return };
        let backslashes = (1_usize << depth) - 1;
        out.extend(std::iter::repeat_n('\\', backslashes));
        out.push('"');
    }
}

/// A mark, as it stands in a text.
pub(crate) fn write_mark(rule: &str, detail: Option<&str>, out: &mut String) {
    out.push_str(MARK);
    out.push_str(rule);
    if let Some(detail) = detail {
        out.push(':');
        out.push_str(detail);
    }
    out.push(']');
}

/// A text with its findings replaced by marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    pub text: String,
    /// Places of the input, sorted and without overlap.
    pub findings: Vec<Finding>,
}

/// The text with marks in place of the findings, remembering where each mark comes from.
pub(crate) fn apply<'a>(text: &'a str, findings: &[Finding]) -> View<'a> {
    let mut view = View::starting(text);
    let mut mark = String::new();
    for finding in findings {
        mark.clear();
        finding.write_mark(&mut mark);
        view.copy_until(finding.start);
        view.replace(finding.end - finding.start, &mark);
    }
    view.finish()
}
