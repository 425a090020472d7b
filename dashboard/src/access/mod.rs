//! Who may see what.

mod host;
mod link;
mod session;
mod sight;
mod viewer;

pub use host::Hosts;
pub(crate) use host::only_known_hosts;
pub use link::LocalLink;
pub(crate) use session::{Grant, Sessions, cookie, ended_cookie, session_id};
pub(crate) use sight::{Sight, Source};
pub(crate) use viewer::{Chosen, Viewer, reading_key};

/// 256 random bits as hexadecimal digits.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
