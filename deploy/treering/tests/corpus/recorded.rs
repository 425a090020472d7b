//! The recordings as they lie in their folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::say_left_out;

pub(crate) struct Corpus {
    top: PathBuf,
    _unpacked: Option<TempDir>,
}

pub(crate) struct Source {
    pub(crate) name: String,
    folder: PathBuf,
}

/// A recorded request: its headers, and its body as it was on the wire.
pub(crate) struct Request {
    pub(crate) file: String,
    pub(crate) meta: Value,
    pub(crate) body: Vec<u8>,
}

/// A value of `REDACTION.json`, and the sources that hold it.
pub(crate) struct Planted {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) sources: BTreeSet<String>,
}

impl Corpus {
    pub(crate) fn of_environment() -> Option<Self> {
        let named = std::env::var_os("TREERING_CORPUS").filter(|folder| !folder.is_empty());
        let Some(folder) = named.map(PathBuf::from) else {
            say_left_out("the recorded corpus over the binary", "TREERING_CORPUS names no folder");
            return None;
        };
        let archive = folder.join("corpus.tar.gz");
        if !archive.exists() {
            return Some(Self { top: folder.join("corpus"), _unpacked: None });
        }
        let unpacked = tempfile::tempdir().unwrap();
        let packed = flate2::read::GzDecoder::new(File::open(archive).unwrap());
        tar::Archive::new(packed).unpack(unpacked.path()).unwrap();
        Some(Self { top: unpacked.path().join("corpus"), _unpacked: Some(unpacked) })
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        let entries = fs::read_dir(&self.top).unwrap().map(|entry| entry.unwrap().path());
        let mut sources: Vec<_> = entries.filter(|path| path.join("expected.json").exists()).collect();
        assert!(!sources.is_empty(), "no source below {}", self.top.display());
        sources.sort();
        let name = |folder: &Path| folder.file_name().unwrap().to_str().unwrap().to_owned();
        sources.into_iter().map(|folder| Source { name: name(&folder), folder }).collect()
    }

    pub(crate) fn planted(&self) -> Vec<Planted> {
        self.values("planted")
    }

    pub(crate) fn decoys(&self) -> Vec<Planted> {
        self.values("decoys")
    }

    fn values(&self, group: &str) -> Vec<Planted> {
        let all = read_json(&self.top.join("REDACTION.json"));
        let one = |(name, value): (&String, &Value)| Planted {
            name: name.clone(),
            value: value["value"].as_str().unwrap().to_owned(),
            sources: value["occurrences"]
                .as_object()
                .unwrap()
                .keys()
                .filter_map(|file| source_of(file))
                .collect(),
        };
        all[group].as_object().unwrap().iter().map(one).collect()
    }
}

/// The source of a file, unless it is one of metrics, which are thrown away.
fn source_of(file: &str) -> Option<String> {
    let (source, file) = file.split_once('/')?;
    (!file.contains(".metrics.")).then(|| source.to_owned())
}

impl Source {
    pub(crate) fn expected(&self) -> Value {
        read_json(&self.folder.join("expected.json"))
    }

    /// In the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut paths: Vec<_> =
            fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.to_str().unwrap().ends_with(".meta.json"));
        paths.sort();
        paths.iter().map(|path| self.request(read_json(path))).collect()
    }

    fn request(&self, meta: Value) -> Request {
        let file = meta["file"].as_str().unwrap().to_owned();
        let on_the_wire = meta["wire_file"].as_str().unwrap_or(&file);
        let body = fs::read(self.folder.join(on_the_wire)).unwrap();
        Request { file, meta, body }
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
