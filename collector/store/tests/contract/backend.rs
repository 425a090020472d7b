//! Which store the battery is run against, and what it leaves out.

/// The stores that the battery knows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sqlite,
}

impl Backend {
    /// The one that `TREERING_TEST_STORE` names; the embedded one where nothing is said.
    pub(crate) fn chosen() -> Self {
        match std::env::var("TREERING_TEST_STORE").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok(other) => panic!("the battery knows no store `{other}`; name `sqlite`"),
        }
    }

    /// The cases that it leaves out, by name, each with the reason.
    fn leaves_out(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sqlite => &[],
        }
    }
}

/// True where the chosen store leaves this case out, which is said aloud.
#[expect(clippy::print_stderr, reason = "who runs the battery hears what it does not show")]
pub(crate) fn left_out(case: &str) -> bool {
    let backend = Backend::chosen();
    let found = backend.leaves_out().iter().find(|(name, _)| *name == case);
    if let Some((_, reason)) = found {
        eprintln!("{backend:?} leaves out {case}: {reason}");
    }
    found.is_some()
}
