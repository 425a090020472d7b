use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use treering_store::ApiKey;

use super::{Person, secret};

/// A session that nobody used for this long has ended.
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// A person logs in again after this, so that who may no longer do so is soon out.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// More sessions than this are not kept; the one that was idle longest makes room.
const MOST: usize = 1_000;

/// What a session may do.
#[derive(Debug, Clone)]
pub(crate) enum Grant {
    /// Came by the one-time link: sees all projects.
    Local,
    /// Came by a key, which is asked for again with each request, so that revoking it ends the session.
    Key(ApiKey),
    /// Logged in. The roles of the control data are asked for with each request, those of the log-in are as they were.
    Person(Person),
}

/// The sessions of this process, by the hash of their id: looking one up tells nothing of other ids.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<blake3::Hash, Session>>,
}

struct Session {
    grant: Grant,
    began: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        let is_old = matches!(self.grant, Grant::Person(_)) && now.duration_since(self.began) >= LONGEST;
        is_old || now.duration_since(self.used) >= IDLE
    }
}

impl Sessions {
    /// A new session; the answer is its id, which only its browser knows.
    pub(crate) fn begin(&self, grant: Grant, now: Instant) -> Result<String, getrandom::Error> {
        let id = secret()?;
        let mut open = self.lock();
        open.retain(|_, session| !session.is_over(now));
        let longest_idle = open.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
        if let Some(longest_idle) = longest_idle.filter(|_| open.len() >= MOST) {
            open.remove(&longest_idle);
        }
        open.insert(blake3::hash(id.as_bytes()), Session { grant, began: now, used: now });
        Ok(id)
    }

    /// What the session of this id may do, which counts as a use of it.
    pub(crate) fn grant(&self, id: &str, now: Instant) -> Option<Grant> {
        let mut open = self.lock();
        let session = open.get_mut(&blake3::hash(id.as_bytes()))?;
        if session.is_over(now) {
            return None;
        }
        session.used = now;
        Some(session.grant.clone())
    }

    /// The same, which counts as none: a page that stands open is not looked at.
    pub(crate) fn peek(&self, id: &str, now: Instant) -> Option<Grant> {
        let open = self.lock();
        let session = open.get(&blake3::hash(id.as_bytes()))?;
        (!session.is_over(now)).then(|| session.grant.clone())
    }

    /// Ends every session of this person; how many that were.
    pub(crate) fn end_of(&self, subject: &str) -> usize {
        let mut open = self.lock();
        let before = open.len();
        open.retain(
            |_, session| !matches!(&session.grant, Grant::Person(person) if *person.subject == *subject),
        );
        before - open.len()
    }

    pub(crate) fn end(&self, id: &str) {
        self.lock().remove(&blake3::hash(id.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.lock().len()).finish()
    }
}

/// The cookie's name. Browsers keep cookies apart by host but not by port, and `__Host-` asks for TLS.
fn name(https: bool, headers: &HeaderMap) -> String {
    if https {
        return "__Host-treering".to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port =
        host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    format!("treering-{}", port.unwrap_or("80"))
}

/// The header by which a browser knows which log-in it began. It comes back from another site, which a strict cookie would
/// not.
pub(crate) fn login_cookie(https: bool, headers: &HeaderMap, id: &str) -> String {
    let secure = if https { "; Secure" } else { "" };
    let age = if id.is_empty() { 0 } else { 600 };
    format!("{}-login={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", name(https, headers))
}

/// The id of the log-in that a request belongs to.
pub(crate) fn login_id(https: bool, headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, &format!("{}-login", name(https, headers)))
}

/// The header that gives a browser its session.
pub(crate) fn cookie(https: bool, headers: &HeaderMap, id: &str) -> String {
    let secure = if https { "; Secure" } else { "" };
    let name = name(https, headers);
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", IDLE.as_secs())
}

/// The header that takes it back.
pub(crate) fn ended_cookie(https: bool, headers: &HeaderMap) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}", name(https, headers))
}

/// The id of the session that a request belongs to.
pub(crate) fn session_id(https: bool, headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, &name(https, headers))
}

/// The value of the first cookie of this name.
pub(super) fn cookie_named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_twelve_hours_after_its_last_use() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let id = sessions.begin(Grant::Local, start).unwrap();
        let later = start + IDLE - Duration::from_secs(1);
        assert!(sessions.grant(&id, later).is_some());
        assert!(sessions.grant(&id, later + IDLE - Duration::from_secs(1)).is_some());
        assert!(sessions.grant(&id, later + IDLE * 3).is_none());
    }

    #[test]
    fn a_person_logs_in_again_twice_a_day_and_is_out_at_once_where_somebody_says_so() {
        let person = |subject: &str| Person { subject: subject.into(), claimed: [].into() };
        let (sessions, start) = (Sessions::default(), Instant::now());
        let [ada, grace] =
            ["ada", "grace"].map(|one| sessions.begin(Grant::Person(person(one)), start).unwrap());
        let half = LONGEST / 2;
        assert!(sessions.grant(&ada, start + half).is_some());
        assert_eq!(sessions.end_of("ada"), 1);
        assert!(sessions.grant(&ada, start + half).is_none());
        assert!(sessions.grant(&grace, start + half).is_some());
        assert!(sessions.grant(&grace, start + LONGEST).is_none());
    }

    #[test]
    fn an_ended_session_and_an_unknown_one_grant_nothing() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let id = sessions.begin(Grant::Local, now).unwrap();
        sessions.end(&id);
        assert!(sessions.grant(&id, now).is_none());
        assert!(sessions.grant("", now).is_none());
    }

    #[test]
    fn sessions_do_not_pile_up() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let first = sessions.begin(Grant::Local, now).unwrap();
        for second in 1..=MOST as u64 {
            sessions.begin(Grant::Local, now + Duration::from_secs(second)).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.grant(&first, now).is_none());
    }

    #[test]
    fn two_dashboards_of_one_machine_keep_their_cookies_apart() {
        let headers = |host: &str, cookie: &str| {
            HeaderMap::from_iter([
                (header::HOST, host.parse().unwrap()),
                (header::COOKIE, cookie.parse().unwrap()),
            ])
        };
        let both = "treering-4319=one; treering-5319=two; __Host-treering=three";
        assert_eq!(session_id(false, &headers("127.0.0.1:4319", both)), Some("one"));
        assert_eq!(session_id(false, &headers("127.0.0.1:5319", both)), Some("two"));
        assert_eq!(session_id(true, &headers("traces.example", both)), Some("three"));
        assert_eq!(session_id(false, &headers("localhost", both)), None);
    }
}
