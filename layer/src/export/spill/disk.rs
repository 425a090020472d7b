use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::seal::Seal;
use super::segment::{Segment, head};
use super::{Next, Spilled};
use crate::finish::Finished;
use crate::{Error, Settings, Spill, Value};

/// From this size on a file is not written to any more, so that what is delivered can go.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
const EXTENSION: &str = "spilled";

/// Steps in files.
pub(super) struct Disk {
    folder: PathBuf,
    limit: u64,
    seal: Seal,
    /// By what the files of this process are known.
    instance: String,
    resource: Vec<(String, Value)>,
    made: u32,
    /// The eldest first; the last one is written to, if it is ours.
    segments: VecDeque<Segment>,
    is_writing: bool,
}

impl Disk {
    /// Opens the folder, and takes what processes left there that are gone.
    pub(super) fn open(
        spill: &Spill,
        settings: &Settings,
        resource: &[(String, Value)],
    ) -> Result<Self, Error> {
        let key = settings.key();
        if key.is_none() && !settings.screen.withholds() {
            return Err(Error::SpillInTheClear);
        }
        let failed = |source| Error::Spill { folder: spill.folder.clone(), source };
        fs::create_dir_all(&spill.folder).map_err(failed)?;
        let mut disk = Self {
            folder: spill.folder.clone(),
            limit: spill.bytes,
            seal: Seal::new(key.as_ref()),
            instance: settings.instance.clone(),
            resource: resource.to_vec(),
            made: 0,
            segments: VecDeque::new(),
            is_writing: false,
        };
        disk.adopt().map_err(failed)?;
        Ok(disk)
    }

    fn adopt(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                // Another process may have emptied it just now.
                let Ok(written) = path.metadata().and_then(|metadata| metadata.modified()) else { continue };
                found.push((written, path));
            }
        }
        found.sort();
        for (_, path) in found {
            match Segment::adopt(&path) {
                Ok(Some(segment)) if segment.steps == 0 => segment.remove()?,
                Ok(Some(segment)) => self.segments.push_back(segment),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn has_steps(&self) -> bool {
        self.steps() > 0
    }

    pub(super) fn steps(&self) -> u64 {
        self.segments.iter().map(|segment| segment.steps).sum()
    }

    pub(super) fn write(&mut self, steps: &[Finished]) -> Result<(), io::Error> {
        let plain = postcard::to_allocvec(&(&self.resource, steps)).map_err(io::Error::other)?;
        let length = plain.len() + self.seal.added();
        let head = head(length, steps.len())?;
        let used: u64 = self.segments.iter().map(|segment| segment.length).sum();
        if used + length as u64 > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("steps take up the {} bytes that they may on the disk", self.limit),
            ));
        }
        let body = self.seal.close(&head, plain).ok_or_else(|| io::Error::other("steps cannot be sealed"))?;
        self.segment()?.write(head, &body, steps.len() as u64)
    }

    /// The file that is written to.
    fn segment(&mut self) -> io::Result<&mut Segment> {
        let has_room = self.segments.back().is_some_and(|last| last.length < SEGMENT_BYTES);
        if !self.is_writing || !has_room {
            let name = format!("{}-{:06}.{EXTENSION}", self.instance, self.made);
            self.segments.push_back(Segment::create(self.folder.join(name))?);
            self.made += 1;
            self.is_writing = true;
        }
        self.segments.back_mut().ok_or_else(|| io::Error::other("there is no file to write to"))
    }

    pub(super) fn read(&mut self) -> Next {
        let Some(first) = self.segments.front_mut() else { return Next::Nothing };
        match first.read() {
            Ok(None) => {
                self.drop_first();
                Next::Nothing
            }
            Ok(Some((head, body))) => {
                let opened = self.seal.open(&head, body);
                let read = opened.and_then(|plain| postcard::from_bytes(&plain).ok());
                match read {
                    Some((resource, steps)) => Next::Batch(Spilled { resource, steps }),
                    None => self.set_aside("it was sealed with another key, or it is damaged"),
                }
            }
            Err(error) => self.set_aside(&error.to_string()),
        }
    }

    fn set_aside(&mut self, why: &str) -> Next {
        let Some(first) = self.segments.pop_front() else { return Next::Nothing };
        self.is_writing &= !self.segments.is_empty();
        let steps = first.steps;
        let told = match first.set_aside() {
            Ok(path) => {
                format!("a file of spilled steps cannot be read: {why}; it is kept as {}", path.display())
            }
            Err(error) => format!("a file of spilled steps cannot be read: {why}; nor set aside: {error}"),
        };
        Next::Unreadable(told, steps)
    }

    /// What was read last has found its end.
    pub(super) fn forget(&mut self) {
        if self.segments.front_mut().is_some_and(Segment::settle) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let first = self.segments.pop_front();
        self.is_writing &= !self.segments.is_empty();
        // A file that stays is sent once more by the next process, which does no harm: a step is known by its ids.
        let _ = first.map(Segment::remove);
    }

    pub(super) fn sync(&mut self) -> Result<(), io::Error> {
        self.segments.iter().try_for_each(Segment::sync)
    }
}
