#[cfg(feature = "spill")]
use std::path::PathBuf;
use std::time::Duration;

/// How long a step waits for the disk, which is slower than memory but not by much.
#[cfg(feature = "spill")]
const PATIENCE_WITH_A_DISK: Duration = Duration::from_secs(5);

/// What becomes of a step that finds the queue full; see [`Settings::on_full`](crate::Settings::on_full).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFull {
    /// It is dropped and counted, and the count goes along with the next batch. The program never waits.
    #[default]
    Drop,
    /// Its thread waits until there is room, and no longer than this; then it is dropped and counted. For programs whose
    /// steps are worth more than their time; on an asynchronous runtime, other tasks of the thread wait as well.
    Block(Duration),
    /// While the collector does not answer, steps are moved to files, from where they are sent when it is back, by this
    /// process or by the next one.
    #[cfg(feature = "spill")]
    Spill(Spill),
}

/// Where steps wait for a collector that is away.
///
/// Files are sealed (ChaCha20-Poly1305) with the API key, by which alone they can be read again. Where there is none, nothing is
/// written that capture has not redacted: settings that would do so are refused.
#[cfg(feature = "spill")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spill {
    pub(crate) folder: PathBuf,
    pub(crate) bytes: u64,
}

#[cfg(feature = "spill")]
impl Spill {
    /// Into this folder, which is made where it is missing. Processes may share it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), bytes: 1024 * 1024 * 1024 }
    }

    /// How many bytes of the disk this process may take up (1 GiB unless set); what finds no room is dropped and counted.
    pub fn bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }
}

impl OnFull {
    /// How long a step waits for room.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self {
            Self::Drop => None,
            Self::Block(patience) => Some(*patience),
            #[cfg(feature = "spill")]
            Self::Spill(_) => Some(PATIENCE_WITH_A_DISK),
        }
    }

    pub(crate) fn is_spill(&self) -> bool {
        match self {
            Self::Drop | Self::Block(_) => false,
            #[cfg(feature = "spill")]
            Self::Spill(_) => true,
        }
    }
}
