//! A sealed file of lines. Its first line names it, and each other one is sealed with the key of the day on which what it
//! holds came in, bound to file, project, day and place in the file. The last one tells how many there are.
//!
//! So what is erased or forgotten of a day can be read from such a file no more than from the store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use treering_seal::key_of;
use treering_store::{ProjectId, Vault};

use crate::error::Error;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The form of what follows.
    treering_export: u32,
    file: String,
    project: i64,
}

const FORM: u32 = 1;

impl Head {
    /// The first line of a sealed file, where it is one.
    pub(crate) fn of(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|head: &Self| head.treering_export == FORM)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Sealed { day: u32, sealed: String },
    End { lines: u64 },
}

/// What stands in a line.
pub(crate) enum Opened {
    Text(Vec<u8>),
    /// Its key is gone, and what it held with it.
    Erased,
    /// The file ends here; `false` where lines are missing.
    End(bool),
}

/// A sealed file, line by line.
pub(crate) struct Sealed {
    vault: Vault,
    head: Head,
    lines: u64,
}

impl Sealed {
    /// Begins a file.
    pub(crate) fn begin(vault: Vault, project: ProjectId) -> Result<Self, Error> {
        let mut file = [0; 16];
        getrandom::fill(&mut file).map_err(Error::Random)?;
        let file = file.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { vault, head: Head { treering_export: FORM, file, project: project.as_i64() }, lines: 0 })
    }

    /// Goes on with a file of which the first line was read.
    pub(crate) fn after(head: Head, vault: Vault) -> Self {
        Self { vault, head, lines: 0 }
    }

    pub(crate) fn head(&self) -> String {
        serde_json::to_string(&self.head).expect("numbers and hexadecimal digits are JSON")
    }

    pub(crate) fn seal(&mut self, day: u32, text: &[u8]) -> Result<String, Error> {
        let place = self.next_place(day);
        let key = self.vault.data_key(ProjectId::from_i64(self.head.project), day)?;
        let sealed = BASE64.encode(key.seal(&place, text).map_err(Error::Seal)?);
        Ok(line(&Line::Sealed { day, sealed }))
    }

    pub(crate) fn end(&self) -> String {
        line(&Line::End { lines: self.lines })
    }

    pub(crate) fn open(&mut self, line: &[u8]) -> Result<Opened, Error> {
        let (day, sealed) = match serde_json::from_slice(line).map_err(|_| Error::NotSealed)? {
            Line::End { lines } => return Ok(Opened::End(lines == self.lines)),
            Line::Sealed { day, sealed } => (day, BASE64.decode(sealed).map_err(|_| Error::NotSealed)?),
        };
        let (place, project) = (self.next_place(day), ProjectId::from_i64(self.head.project));
        match self.vault.key(project, key_of(&sealed).map_err(Error::Seal)?)? {
            Some(key) => key.open(&place, &sealed).map(Opened::Text).map_err(|_| Error::NotSealed),
            None => Ok(Opened::Erased),
        }
    }

    fn next_place(&mut self, day: u32) -> Vec<u8> {
        self.lines += 1;
        let Head { file, project, .. } = &self.head;
        [
            b"treering export".as_slice(),
            file.as_bytes(),
            &project.to_le_bytes(),
            &day.to_le_bytes(),
            &self.lines.to_le_bytes(),
        ]
        .concat()
    }
}

fn line(line: &Line) -> String {
    serde_json::to_string(line).expect("numbers and base64 are JSON")
}
