//! Steps that wait on a disk.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use crate::tests::receiver::{Answer, Receiver};
use crate::{Error, Guard, Layer, OnFull, Protocol, Settings, Spill};

const LONG: Duration = Duration::from_secs(20);

fn under<T>(layer: Layer, program: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program)
}

fn settings(receiver: &Receiver, folder: &Path) -> Settings {
    receiver
        .settings()
        .api_key("trk_key")
        .running_after(None)
        .timeout(Duration::from_millis(50))
        .queue_bytes(64 * 1024)
        .on_full(OnFull::Spill(Spill::new(folder)))
}

fn steps(layer: Layer, count: u32) {
    under(layer, || (0..count).for_each(|number| drop(info_span!("step", number, text = "planted larch"))));
}

/// A process with so many steps and no collector, that is gone.
fn left_behind(receiver: &Receiver, folder: &Path, count: u32) {
    let (layer, guard) = settings(receiver, folder).layer().unwrap();
    steps(layer, count);
    let stats = guard.shutdown(LONG).unwrap();
    assert_eq!((stats.spilled, stats.dropped, stats.failed, stats.sent), (count.into(), 0, 0, 0));
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// An attempt may take longer than it may on a machine that is busy: then the next one succeeds.
fn all_sent(guard: &Guard) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        if guard.flush(LONG).is_ok() && guard.stats().spilled == 0 {
            return true;
        }
    }
    false
}

#[test]
fn steps_wait_on_the_disk_until_the_collector_is_back() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let (folder, receiver) =
            (tempfile::tempdir().unwrap(), Receiver::start(protocol, Answer::Unavailable));
        let (layer, guard) = settings(&receiver, folder.path()).layer().unwrap();
        steps(layer, 2_000);
        guard.flush(LONG).unwrap();
        let stats = guard.stats();
        assert_eq!((stats.spilled, stats.queued, stats.dropped), (2_000, 0, 0), "{protocol:?}");
        receiver.answer(Answer::Success);
        assert!(all_sent(&guard));
        assert_eq!((guard.stats().sent, receiver.spans().len()), (2_000, 2_000));
        guard.shutdown(LONG).unwrap();
        assert_eq!(files(folder.path()), [], "what is delivered goes");
    }
}

#[test]
fn what_a_process_left_is_sent_by_the_next_one_in_its_name() {
    let (folder, receiver) =
        (tempfile::tempdir().unwrap(), Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable));
    left_behind(&receiver, folder.path(), 300);
    receiver.answer(Answer::Success);
    let (layer, guard) = settings(&receiver, folder.path()).service("next").layer().unwrap();
    steps(layer, 1);
    assert!(all_sent(&guard));
    assert_eq!((guard.stats().sent, receiver.spans().len()), (301, 301));
    receiver.look(|seen| {
        let instances: std::collections::BTreeSet<_> =
            seen.iter().map(|seen| seen.resource("service.instance.id")).collect();
        assert_eq!(instances.len(), 2, "each process has a name of its own");
        let services: std::collections::BTreeSet<_> =
            seen.iter().map(|seen| seen.resource("service.name")).collect();
        assert!(services.contains("next") && services.len() == 2, "{services:?}");
    });
}

#[test]
fn no_word_lies_on_the_disk_in_the_clear_and_another_key_opens_nothing() {
    let (folder, receiver) =
        (tempfile::tempdir().unwrap(), Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable));
    left_behind(&receiver, folder.path(), 10);
    for (_, bytes) in files(folder.path()) {
        assert!(!bytes.windows(5).any(|window| window == b"larch"));
    }
    receiver.answer(Answer::Success);
    let (_, guard) = settings(&receiver, folder.path()).api_key("trk_other").layer().unwrap();
    // They are tried at once, perhaps before this asks.
    assert!(all_sent(&guard) || guard.stats().failed == 10);
    assert_eq!((guard.stats().failed, guard.stats().spilled, receiver.spans().len()), (10, 0, 0));
    assert!(files(folder.path()).iter().all(|(name, _)| name.ends_with(".unreadable")), "it is kept");
}

#[test]
fn what_was_not_written_whole_is_left_out_and_the_rest_is_read() {
    let (folder, receiver) =
        (tempfile::tempdir().unwrap(), Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable));
    left_behind(&receiver, folder.path(), 1_500);
    let (name, bytes) = files(folder.path()).pop().unwrap();
    fs::write(&name, &bytes[..bytes.len() - 100]).unwrap();
    receiver.answer(Answer::Success);
    let (_, guard) = settings(&receiver, folder.path()).layer().unwrap();
    assert!(all_sent(&guard));
    let sent = receiver.spans().len();
    assert!(sent > 900 && sent < 1_500, "{sent}");
}

#[test]
fn a_full_disk_share_drops_and_counts() {
    let (folder, receiver) =
        (tempfile::tempdir().unwrap(), Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable));
    let spill = Spill::new(folder.path()).bytes(128 * 1024);
    let (layer, guard) = settings(&receiver, folder.path()).on_full(OnFull::Spill(spill)).layer().unwrap();
    steps(layer, 2_000);
    let stats = guard.shutdown(LONG).unwrap();
    assert!(stats.spilled > 0 && stats.dropped > 0, "{stats:?}");
    assert_eq!(stats.spilled + stats.dropped, 2_000);
    let used: usize = files(folder.path()).iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(used <= 128 * 1024, "{used}");
}

#[test]
fn a_process_that_lives_keeps_its_files() {
    let (folder, receiver) =
        (tempfile::tempdir().unwrap(), Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable));
    let (layer, first) = settings(&receiver, folder.path()).layer().unwrap();
    steps(layer, 10);
    first.flush(LONG).unwrap();
    let (_, second) = settings(&receiver, folder.path()).layer().unwrap();
    assert_eq!((first.stats().spilled, second.stats().spilled), (10, 0));
    receiver.answer(Answer::Success);
    assert!(all_sent(&second) && all_sent(&first));
    assert_eq!(receiver.spans().len(), 10);
}

#[test]
fn nothing_is_written_in_the_clear_that_was_not_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        Settings::new().endpoint("http://127.0.0.1:4318").on_full(OnFull::Spill(Spill::new(folder.path())));
    assert!(matches!(open.clone().layer(), Err(Error::SpillInTheClear)));
    assert!(open.capture(crate::Capture::Structure).layer().is_ok());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let nowhere = Settings::new().api_key("trk_key").on_full(OnFull::Spill(Spill::new(file)));
    assert!(matches!(nowhere.layer(), Err(Error::Spill { .. })));
}
