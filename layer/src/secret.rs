use std::fmt;

use serde::{Serialize, Serializer};

/// What stands for a secret wherever it would be shown.
const SHOWN: &str = "[secret]";

/// A value that no step records: as an argument of an instrumented function, in a field, in
/// [`Step::input`](crate::Step::input) or in anybody's log it is `[secret]`.
///
/// ```
/// use treering_layer::Secret;
///
/// #[tracing::instrument(ret)]
/// fn log_in(user: &str, password: Secret<String>) -> bool {
///     password.expose() == "larch"
/// }
/// # assert!(log_in("ada", Secret::new("larch".into())));
/// assert_eq!(format!("{:?}", Secret::new("larch")), "[secret]");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for whoever needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SHOWN)
    }
}
