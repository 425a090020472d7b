//! Our own conditions taken out, on purpose.

use std::sync::Mutex;

/// Takes the condition on the project out of each statement, and remembers the statements.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Unguarded {
    sent: Mutex<Vec<Sent>>,
}

/// A statement as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) sql: String,
    /// How many conditions were taken out of it.
    pub(super) without: usize,
}

impl Unguarded {
    pub(in crate::postgres) fn take(&self, sql: &str) -> String {
        let sent = without_projects(sql);
        self.sent.lock().unwrap().push(sent.clone());
        sent.sql
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

const COLUMN: &str = "project";

/// `project = $1` becomes `(project = $1 OR true)`, whatever it is compared with: the value stays, for the statement to
/// be the same otherwise.
fn without_projects(sql: &str) -> Sent {
    let (mut all, mut rest, mut without) = (String::new(), sql, 0);
    while let Some(at) = rest.find(COLUMN) {
        let end = at + COLUMN.len();
        let start = at - rest[..at].chars().rev().take_while(|sign| is_word(*sign)).count();
        match condition(&rest[end..]) {
            Some(length) if start == at || rest[..at].ends_with('.') => {
                all.push_str(&format!("{}({} OR true)", &rest[..start], &rest[start..end + length]));
                rest = &rest[end + length..];
                without += 1;
            }
            _ => {
                all.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    Sent { sql: all + rest, without }
}

/// How long the condition is that begins behind the column.
fn condition(rest: &str) -> Option<usize> {
    if let Some(other) = rest.strip_prefix(" = ") {
        return Some(3 + other.find(|sign| !is_word(sign)).unwrap_or(other.len()));
    }
    rest.strip_prefix(" IN (").and_then(|list| list.find(')')).map(|end| 5 + end + 1)
}

/// True for what names are made of, places of values included.
fn is_word(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '_' | '.' | '$')
}

#[test]
fn every_condition_on_the_project_is_taken_out_and_nothing_else() {
    for (sql, expected, count) in [
        (
            "SELECT a FROM b WHERE project = $1 AND c = $2",
            "SELECT a FROM b WHERE (project = $1 OR true) AND c = $2",
            1,
        ),
        (
            "WHERE project IN ($1, $2) GROUP BY project",
            "WHERE (project IN ($1, $2) OR true) GROUP BY project",
            1,
        ),
        ("JOIN t ON project = wanted.key1 AND u", "JOIN t ON (project = wanted.key1 OR true) AND u", 1),
        ("(a.project = b.project)", "((a.project = b.project OR true))", 1),
        ("project = $1", "(project = $1 OR true)", 1),
        ("SELECT project, name FROM project", "SELECT project, name FROM project", 0),
        ("my_project = $1", "my_project = $1", 0),
        ("project_name = $1", "project_name = $1", 0),
    ] {
        let sent = without_projects(sql);
        assert_eq!((sent.sql.as_str(), sent.without), (expected, count));
    }
}
