//! What a request over HTTP asks for.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::arguments::User;
use crate::compression;
use crate::engine::Query;
use crate::refusal::Refusal;

/// Parameters that are about the request, not about the statement.
const TRANSPORT: &[&str] = &[
    "buffer_size",
    "cancel_http_readonly_queries_on_client_close",
    "enable_http_compression",
    "http_wait_end_of_query",
    "query_id",
    "send_progress_in_http_headers",
    "wait_end_of_query",
];

/// Of which there is none here, so that nobody believes in it.
const NOT_HERE: &[&str] =
    &["compress", "role", "session_check", "session_id", "session_timeout", "quota_key"];

/// Reads the parameters, and what stands in the body.
pub(crate) fn read(parts: &Parts, body: Bytes, users: &[User]) -> Result<Query, Refusal> {
    let mut pairs = Pairs::of(parts);
    let user = pairs.login(&parts.headers, users)?;
    // As with ClickHouse: whoever follows a link changes nothing.
    let reads_only = user.reads_only || parts.method == Method::GET;
    let mut query = pairs.query(reads_only)?;
    match boundary(&parts.headers) {
        Some(boundary) => read_form(&mut query, &boundary, &body)?,
        None if query.text.is_empty() => query.text = pairs.unpack(body)?,
        None => {
            query.text.push(b'\n');
            query.text.extend(pairs.unpack(body)?);
        }
    }
    Ok(query)
}

/// The parameters of the address that nobody took yet.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn of(parts: &Parts) -> Self {
        Self(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.remove(place).1)
    }

    fn login<'a>(&mut self, headers: &HeaderMap, users: &'a [User]) -> Result<&'a User, Refusal> {
        let in_address = self.take("user").unwrap_or_else(|| "default".to_owned());
        let in_address = (in_address, self.take("password").unwrap_or_default());
        let (name, password) = own_headers(headers).or_else(|| basic(headers)).unwrap_or(in_address);
        let user = users.iter().find(|user| user.name == name && user.password == password);
        user.ok_or_else(|| {
            let why = "Authentication failed: password is incorrect, or there is no user with such name";
            Refusal::new(516, "AUTHENTICATION_FAILED", &format!("{name}: {why}"))
        })
    }

    fn query(&mut self, reads_only: bool) -> Result<Query, Refusal> {
        let mut query = Query {
            text: self.take("query").unwrap_or_default().into_bytes(),
            database: self.take("database").filter(|name| !name.is_empty()),
            settings: Vec::new(),
            parameters: Vec::new(),
            format: self.take("default_format").unwrap_or_else(|| "TabSeparated".to_owned()),
            reads_only,
        };
        for (name, value) in self.0.extract_if(.., |(name, _)| name != "decompress") {
            match name.strip_prefix("param_") {
                Some(parameter) => query.parameters.push((parameter.to_owned(), value)),
                None if TRANSPORT.contains(&&*name) => {}
                None if NOT_HERE.contains(&&*name) => {
                    let why = format!("{name} is not known to the server of the tests");
                    return Err(Refusal::new(48, "NOT_IMPLEMENTED", &why));
                }
                None => query.settings.push((name, value)),
            }
        }
        Ok(query)
    }

    fn unpack(&mut self, body: Bytes) -> Result<Vec<u8>, Refusal> {
        if self.take("decompress").is_none_or(|value| value == "0") {
            return Ok(body.into());
        }
        compression::decompress(&body)
            .map_err(|error| Refusal::new(271, "CANNOT_DECOMPRESS", &error.to_string()))
    }
}

fn own_headers(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    Some((text("x-clickhouse-user")?, text("x-clickhouse-key").unwrap_or_default()))
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// What stands between the fields of a form.
fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.strip_prefix("multipart/form-data")?.split_once("boundary=")?.1;
    Some(format!("\r\n--{}", boundary.trim_matches('"')))
}

/// A statement comes as a form where it has parameters, so that these may be long.
fn read_form(query: &mut Query, boundary: &str, body: &[u8]) -> Result<(), Refusal> {
    let broken = || Refusal::new(62, "SYNTAX_ERROR", "the form is broken");
    // The first boundary has no line before it.
    let body = [b"\r\n", body].concat();
    let mut starts = memchr::memmem::find_iter(&body, boundary).map(|place| place + boundary.len());
    let mut start = starts.next().ok_or_else(broken)?;
    for next in starts {
        let field = &body[start..next - boundary.len()];
        let head = memchr::memmem::find(field, b"\r\n\r\n").ok_or_else(broken)?;
        let (head, value) = (String::from_utf8_lossy(&field[..head]), &field[head + 4..]);
        let name =
            head.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"')).ok_or_else(broken)?.0;
        match name.strip_prefix("param_") {
            Some(parameter) => {
                let value = String::from_utf8(value.to_vec()).map_err(|_| broken())?;
                query.parameters.push((parameter.to_owned(), value));
            }
            None if name == "query" => query.text.extend(value),
            None => return Err(Refusal::new(48, "NOT_IMPLEMENTED", "external tables are not known here")),
        }
        start = next;
    }
    Ok(())
}
