//! A statement, each in a session of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::library::{Answer, Connection, Library};
use crate::refusal::Refusal;
use crate::statement::Statement;

/// What the embedded engine has otherwise than a server.
const AS_A_SERVER: &str = "SET implicit_select = 0, allow_introspection_functions = 0";

/// The engine, running on a folder.
#[derive(Debug)]
pub(crate) struct Engine {
    library: &'static Library,
    data: PathBuf,
    /// Where the data of an INSERT waits to be read.
    temporary: PathBuf,
}

/// What one request asks for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) text: Vec<u8>,
    pub(crate) database: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The format where the statement names none.
    pub(crate) format: String,
    pub(crate) reads_only: bool,
}

impl Engine {
    /// Starts the engine. It runs as long as this first session is open.
    pub(crate) fn start(library: &Path, data: &Path) -> Result<(Self, Connection), String> {
        let library = Library::load(library)
            .map_err(|error| format!("could not load {}: {error}", library.display()))?;
        // Of a relative one, the engine looks for some of its folders in the wrong place.
        let data = &std::path::absolute(data).map_err(|error| format!("{}: {error}", data.display()))?;
        let temporary = data.with_file_name("temp");
        let prepared = clear(&temporary).and_then(|()| std::fs::create_dir_all(data));
        prepared.map_err(|error| format!("could not use {}: {error}", data.display()))?;
        let first = library.connect(data).ok_or_else(|| format!("no engine on {}", data.display()))?;
        first.query(b"SELECT 1", "Null", &[])?;
        Ok((Self { library, data: data.to_owned(), temporary }, first))
    }

    /// Opening a session takes a tenth of a millisecond, and nothing that a request sets, leaves unread or breaks can
    /// reach the next one.
    pub(crate) fn run(&self, query: &Query) -> Result<Answer, Refusal> {
        let session = self.library.connect(&self.data).ok_or_else(|| {
            Refusal::new(210, "NETWORK_ERROR", "the engine opens no session any more; see its log")
        })?;
        let run = |statement: &[u8]| {
            session.query(statement, &query.format, &query.parameters).map_err(Refusal::from_engine)
        };
        run(query.preparation().as_bytes())?;
        match Statement::of(&query.text) {
            Statement::Plain => run(&query.text),
            Statement::Several => Err(Refusal::new(62, "SYNTAX_ERROR", "Multi-statements are not allowed")),
            Statement::Waits => {
                let why =
                    "This engine keeps the files of what was dropped as long as it runs: leave SYNC out";
                Err(Refusal::new(48, "NOT_IMPLEMENTED", why))
            }
            Statement::Insert { head, format, data } => {
                let file = self.keep(data).map_err(|error| {
                    Refusal::new(75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", &format!("the data: {error}"))
                })?;
                run(&from_file(head, file.path(), format))
            }
        }
    }

    fn keep(&self, data: &[u8]) -> std::io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.temporary)?;
        file.write_all(data)?;
        Ok(file)
    }
}

/// An empty folder, whatever a server that was killed left there.
fn clear(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}

/// The engine cuts data that stands behind its statement at the first blank line; in a file it is safe.
fn from_file(head: &[u8], file: &Path, format: &str) -> Vec<u8> {
    let source = format!(" FROM INFILE {} COMPRESSION 'none'", quoted(&file.display().to_string(), '\''));
    // Settings stand between the source and the format.
    let settings = crate::statement::settings(head).unwrap_or(head.len());
    let (head, settings) = head.split_at(settings);
    [head, source.as_bytes(), b" ", settings, b" FORMAT ", format.as_bytes()].concat()
}

impl Query {
    /// What a session needs before its statement, all at once, since every call takes its time.
    fn preparation(&self) -> String {
        let mut prepared = AS_A_SERVER.to_owned();
        if self.reads_only {
            // What is set after this is checked against it.
            prepared += ", readonly = 2; SET implicit_select = 0";
        }
        for (name, value) in &self.settings {
            prepared += &format!(", {} = {}", quoted(name, '`'), quoted(value, '\''));
        }
        if let Some(database) = &self.database {
            prepared += &format!("; USE {}", quoted(database, '`'));
        }
        prepared
    }
}

fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for letter in text.chars() {
        if letter == '\\' || letter == quote {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted + quote.encode_utf8(&mut [0; 4])
}
