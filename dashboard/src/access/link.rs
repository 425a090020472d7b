use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::secret;

/// The one-time link of a start: who can read the terminal that started Treering may see its pages. It is
/// gone with its first use.
pub struct LocalLink {
    /// The hash of the token, until it was used; comparing hashes tells nobody how much of a guess was right.
    expected: Mutex<Option<blake3::Hash>>,
}

impl LocalLink {
    /// A new link, and its token for the address `/login?token=…`.
    ///
    /// # Errors
    /// Where the system's generator of random numbers does not answer.
    pub fn new() -> Result<(Self, String), getrandom::Error> {
        let token = secret()?;
        Ok((Self { expected: Mutex::new(Some(blake3::hash(token.as_bytes()))) }, token))
    }

    /// True for the right token, the first time.
    pub(crate) fn redeem(&self, token: &str) -> bool {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let right = expected.is_some_and(|expected| expected == blake3::hash(token.as_bytes()));
        if right {
            *expected = None;
        }
        right
    }
}

impl fmt::Debug for LocalLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalLink(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_only_with_its_token() {
        let (link, token) = LocalLink::new().unwrap();
        assert!(!link.redeem("wrong"));
        assert!(link.redeem(&token));
        assert!(!link.redeem(&token));
    }
}
