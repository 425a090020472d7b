use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a file of ours begins with.
const MAGIC: &[u8; 8] = b"treesp01";
/// Length of the body and number of steps, both in four bytes.
const HEAD: usize = 8;
const ABOUT: u64 = HEAD as u64;

/// A file of frames, locked as long as this process has it; the lock goes with the process, however that ends.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// What was read and settled.
    done: u64,
    /// What was read last, and is not settled.
    read: Option<Frame>,
    pub(super) length: u64,
    /// Steps that are not settled.
    pub(super) steps: u64,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: u64,
    steps: u64,
}

impl Segment {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        file.lock()?;
        file.write_all(MAGIC)?;
        let begin = MAGIC.len() as u64;
        Ok(Self { path, file, done: begin, read: None, length: begin, steps: 0 })
    }

    /// The file of a process that is gone; `None` where it is not ours, or its process lives.
    pub(super) fn adopt(path: &Path) -> io::Result<Option<Self>> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut magic = [0; MAGIC.len()];
        if file.try_lock().is_err() || file.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return Ok(None);
        }
        let begin = MAGIC.len() as u64;
        let mut segment =
            Self { path: path.to_owned(), file, done: begin, read: None, length: begin, steps: 0 };
        let whole = segment.file.metadata()?.len();
        // Its process may have ended in the middle of a frame: what it had not written whole was not written.
        while let Some((_, frame)) = segment.head(segment.length, whole)? {
            segment.length += frame.length;
            segment.steps += frame.steps;
        }
        Ok(Some(segment))
    }

    /// The head of the frame that begins there, if all of it is there.
    fn head(&mut self, at: u64, end: u64) -> io::Result<Option<([u8; HEAD], Frame)>> {
        if at + ABOUT > end {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut head)?;
        let number = |bytes: &[u8]| bytes.iter().rfold(0, |number, byte| number << 8 | u64::from(*byte));
        let frame = Frame { length: ABOUT + number(&head[..4]), steps: number(&head[4..]) };
        Ok((at + frame.length <= end).then_some((head, frame)))
    }

    pub(super) fn write(&mut self, head: [u8; HEAD], body: &[u8], steps: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&head)?;
        self.file.write_all(body)?;
        self.length += ABOUT + body.len() as u64;
        self.steps += steps;
        Ok(())
    }

    /// The next frame, head and body.
    pub(super) fn read(&mut self) -> io::Result<Option<([u8; HEAD], Vec<u8>)>> {
        let Some((head, frame)) = self.head(self.done, self.length)? else { return Ok(None) };
        let mut body = vec![0; usize::try_from(frame.length - ABOUT).map_err(io::Error::other)?];
        self.file.read_exact(&mut body)?;
        self.read = Some(frame);
        Ok(Some((head, body)))
    }

    /// What was read last is settled; true where nothing is left.
    pub(super) fn settle(&mut self) -> bool {
        if let Some(frame) = self.read.take() {
            self.done += frame.length;
            self.steps -= frame.steps.min(self.steps);
        }
        self.done >= self.length
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Keeps a file that cannot be read, under a name by which nobody takes it again.
    pub(super) fn set_aside(self) -> io::Result<PathBuf> {
        let aside = self.path.with_extension("unreadable");
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }
}

/// The head of a frame.
pub(super) fn head(body: usize, steps: usize) -> io::Result<[u8; HEAD]> {
    let number = |number: usize| u32::try_from(number).map(u32::to_le_bytes).map_err(io::Error::other);
    let (body, steps) = (number(body)?, number(steps)?);
    Ok([body[0], body[1], body[2], body[3], steps[0], steps[1], steps[2], steps[3]])
}
