//! What is asked of the executions of a list, beyond what its form has fields for.

use rusqlite::types::Value;

use super::facets::bit;
use super::reader::Where;
use super::rows::integer;
use crate::{Compared, Condition, NumberField, Pattern, Test, TextField};

/// Stands before and behind a text where its ends matter; no name holds it.
const END: char = '\u{1}';

type Sql = (String, Vec<Value>);

pub(super) fn add(all: &mut Where, conditions: &[Condition]) {
    for Condition { test, not } in conditions {
        let (sql, values) = of(test);
        // What is absent is not like anything, and so it is what nothing is not.
        let sql = if *not { format!("NOT coalesce({sql}, FALSE)") } else { sql };
        all.and(&sql, values);
    }
}

fn of(test: &Test) -> Sql {
    match test {
        Test::Text(TextField::Model, pattern) => any_model(pattern),
        Test::Text(field, pattern) => text(column(*field), pattern),
        Test::Number(field, compared, number) => compare(*field, *compared, *number),
        Test::Status(status) => ("(status = ?)".to_owned(), vec![Value::Text(status.as_str().to_owned())]),
        Test::Kind(kind) => ("(kinds & ? <> 0)".to_owned(), vec![Value::Integer(bit(*kind))]),
    }
}

fn column(field: TextField) -> &'static str {
    match field {
        TextField::Name => "name",
        TextField::Agent => "agent",
        TextField::Model => "models",
        TextField::Session => "session_id",
        TextField::User => "user_id",
    }
}

fn text(column: &str, pattern: &Pattern) -> Sql {
    let part = match pattern {
        Pattern::Is(text) => return (format!("({column} = ?)"), vec![Value::Text(text.clone())]),
        Pattern::Begins(text) => format!("{END}{text}"),
        Pattern::Ends(text) => format!("{text}{END}"),
        Pattern::Holds(text) => text.clone(),
    };
    (format!("(instr('{END}' || {column} || '{END}', ?) > 0)"), vec![Value::Text(part)])
}

/// The model of any step. Within a list as JSON no quote follows a bracket or a comma but where a text begins, and none
/// stands without a backslash before it but where one ends.
pub(super) fn any_model(pattern: &Pattern) -> Sql {
    let inner = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let begins = |rest: String| ['[', ','].map(|before| format!("{before}\"{rest}")).to_vec();
    let parts = match pattern {
        Pattern::Is(text) => begins(format!("{}\"", inner(text))),
        Pattern::Begins(text) => begins(inner(text)),
        Pattern::Ends(text) => vec![format!("{}\"", inner(text))],
        Pattern::Holds(text) => vec![inner(text)],
    };
    let places =
        ["models", "step_models"].into_iter().flat_map(|list| parts.iter().map(move |part| (list, part)));
    let (any, values): (Vec<_>, Vec<_>) = places
        .map(|(list, part)| (format!("coalesce(instr({list}, ?), 0) > 0"), Value::Text(part.clone())))
        .unzip();
    (format!("({})", any.join(" OR ")), values)
}

fn compare(field: NumberField, compared: Compared, number: f64) -> Sql {
    let column = match field {
        NumberField::Tokens => "(input_tokens + output_tokens)",
        NumberField::Cost => "cost_usd",
        NumberField::Duration => "duration_ns",
        NumberField::Steps => "steps",
        NumberField::Errors => "errors",
        NumberField::Redactions => "redactions",
    };
    let sign = match compared {
        Compared::Below => "<",
        Compared::AtMost => "<=",
        Compared::Equal => "=",
        Compared::AtLeast => ">=",
        Compared::Above => ">",
    };
    let value = if field == NumberField::Cost { Value::Real(number) } else { Value::Integer(whole(number)) };
    (format!("({column} {sign} ?)"), vec![value])
}

/// Counts are whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float stays within bounds"
)]
fn whole(number: f64) -> i64 {
    integer(number.round().max(0.0) as u64)
}
