//! Who may see what.

mod ended;
mod host;
mod link;
pub(crate) mod login;
mod person;
mod refusals;
mod rights;
mod session;
mod sight;
mod viewer;
mod witness;

pub(crate) use ended::keep_ended;
pub use host::Hosts;
pub(crate) use host::only_known_hosts;
pub use link::LocalLink;
pub use login::{Login, LoginError, LoginSecret, LoginSettings, Oidc, Tokens};
pub(crate) use person::Person;
pub(crate) use refusals::Refusals;
pub(crate) use rights::{Right, may};
pub(crate) use session::{Grant, Sessions, cookie, ended_cookie, login_cookie, login_id, session_id};
pub(crate) use sight::{Sight, Source};
pub(crate) use viewer::{Chosen, Viewer, reading_key};
pub(crate) use witness::{Witness, Witnessed, execution_read, payload_read};

/// 256 random bits as hexadecimal digits.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
