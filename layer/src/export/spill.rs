//! The disk as a second queue, for a collector that is away.

#[cfg(feature = "spill")]
mod disk;
#[cfg(feature = "spill")]
mod seal;
#[cfg(feature = "spill")]
mod segment;
#[cfg(all(test, feature = "spill"))]
mod tests;

#[cfg(feature = "spill")]
use disk::Disk;

use super::packer::{Batch, Packer};
use super::queue::Queue;
use crate::finish::Finished;
use crate::{Error, Settings, Value};

/// Without the feature there is no disk.
#[cfg(not(feature = "spill"))]
enum Disk {}

/// The disk, where the program wants it used.
pub(super) struct Spilling {
    disk: Option<Disk>,
    /// What went wrong with it, and how many steps that cost, since it was last told.
    trouble: Option<(String, u64)>,
}

/// Steps from the disk.
pub(super) struct Spilled {
    /// The attributes of the process that ran them.
    pub(super) resource: Vec<(String, Value)>,
    pub(super) steps: Vec<Finished>,
}

#[cfg_attr(not(feature = "spill"), expect(dead_code, reason = "only a disk has any"))]
pub(super) enum Next {
    Batch(Spilled),
    Nothing,
    /// So many steps cannot be read again.
    Unreadable(String, u64),
}

#[cfg(not(feature = "spill"))]
impl Spilling {
    #[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
    pub(super) fn new(_: &Settings, _: &[(String, Value)], _: &Queue) -> Result<Self, Error> {
        Ok(Self { disk: None, trouble: None })
    }
}

#[cfg(feature = "spill")]
impl Spilling {
    pub(super) fn new(
        settings: &Settings,
        resource: &[(String, Value)],
        queue: &Queue,
    ) -> Result<Self, Error> {
        let crate::OnFull::Spill(spill) = &settings.on_full else {
            return Ok(Self { disk: None, trouble: None });
        };
        let disk = Disk::open(spill, settings, resource)?;
        queue.found(disk.steps());
        Ok(Self { disk: Some(disk), trouble: None })
    }
}

impl Spilling {
    pub(super) fn is_on(&self) -> bool {
        self.disk.is_some()
    }

    /// Whether steps lie on the disk.
    pub(super) fn has_spilled(&self) -> bool {
        self.disk.as_ref().is_some_and(Disk::has_steps)
    }

    /// What went wrong since this was last asked.
    pub(super) fn take_trouble(&mut self) -> Option<(String, u64)> {
        self.trouble.take()
    }

    /// Moves everything that waits to the disk.
    pub(super) fn save(&mut self, packer: &mut Packer, queue: &Queue) {
        while self.is_on()
            && let Some(batch) = packer.pack()
        {
            self.put(&batch, queue);
        }
    }

    /// Moves a batch to the disk that was not taken.
    pub(super) fn keep(&mut self, kept: &mut Option<Batch>, queue: &Queue) {
        if self.is_on()
            && let Some(batch) = kept.take()
        {
            self.put(&batch, queue);
        }
    }

    fn put(&mut self, batch: &Batch, queue: &Queue) {
        let Some(disk) = &mut self.disk else { return };
        let steps = batch.steps.len() as u64;
        match disk.write(&batch.steps) {
            Ok(()) => queue.settle_spilled(steps, batch.held),
            Err(error) => {
                queue.settle_dropped(steps, batch.held);
                self.fail(error.to_string(), steps);
            }
        }
    }

    fn fail(&mut self, error: String, steps: u64) {
        let before = self.trouble.take().map_or(0, |(_, steps)| steps);
        self.trouble = Some((error, before + steps));
    }

    /// The eldest steps of the disk. They stay there until [`Spilling::settle`].
    pub(super) fn next(&mut self, queue: &Queue) -> Next {
        let Some(disk) = &mut self.disk else { return Next::Nothing };
        let next = disk.read();
        if let Next::Unreadable(_, steps) = &next {
            queue.settle_found(*steps, *steps);
        }
        next
    }

    /// The steps that were read last have found their end.
    pub(super) fn settle(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.forget();
        }
    }

    /// Makes sure that what lies on the disk stays there, and leaves it to the next process.
    pub(super) fn close(&mut self) {
        if let Some(Err(error)) = self.disk.take().map(|mut disk| disk.sync()) {
            self.fail(error.to_string(), 0);
        }
    }
}

#[cfg(not(feature = "spill"))]
impl Disk {
    fn has_steps(&self) -> bool {
        match *self {}
    }

    fn write(&mut self, _: &[Finished]) -> Result<(), std::io::Error> {
        match *self {}
    }

    fn read(&mut self) -> Next {
        match *self {}
    }

    fn forget(&mut self) {
        match *self {}
    }

    fn sync(&mut self) -> Result<(), std::io::Error> {
        match *self {}
    }
}
