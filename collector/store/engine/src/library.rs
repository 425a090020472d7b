//! The engine's C interface, and all the unsafe code there is.
#![expect(unsafe_code, reason = "a C library can be called in no other way")]

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

/// What `chdb_connect` gives: the address of what queries take.
type Handle = *mut *mut c_void;
type QueryResult = *mut c_void;

/// The functions of `libchdb.so`, as `chdb.h` declares them.
#[derive(Debug)]
pub(crate) struct Library {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> Handle,
    close: unsafe extern "C" fn(Handle),
    query: Query,
    destroy: unsafe extern "C" fn(QueryResult),
    buffer: unsafe extern "C" fn(QueryResult) -> *const u8,
    length: unsafe extern "C" fn(QueryResult) -> usize,
    error: unsafe extern "C" fn(QueryResult) -> *const c_char,
    elapsed: unsafe extern "C" fn(QueryResult) -> c_double,
    counts: [unsafe extern "C" fn(QueryResult) -> u64; 4],
}

/// `chdb_query_with_params_n`: connection, statement, format, and the parameters' names and values.
type Query = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> QueryResult;

/// What a statement gave.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) seconds: f64,
    /// Rows and bytes that were read, then those that were written.
    pub(crate) counts: [u64; 4],
}

impl Library {
    /// Loads the engine for as long as this process lives: its threads run in it.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, libloading::Error> {
        // SAFETY: whoever names this file vouches for it, as for a program to run; it is loaded once, before there are
        // other threads that its initialisers could disturb.
        let library = unsafe { libloading::Library::new(path) }?;
        // Never dropped, so that what is copied out of it stays valid.
        let library = Box::leak(Box::new(library));
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field that takes it has the type of this function in the library's header.
                *unsafe { library.get($name) }?
            };
        }
        let signals: unsafe extern "C" fn(c_int) = function!(b"chdb_set_signal_handlers_enabled");
        // SAFETY: it takes a number and sets a flag. Without it the engine's own handlers would wait for minutes where
        // a broken process should end at once.
        unsafe { signals(0) };
        Ok(Box::leak(Box::new(Self {
            connect: function!(b"chdb_connect"),
            close: function!(b"chdb_close_conn"),
            query: function!(b"chdb_query_with_params_n"),
            destroy: function!(b"chdb_destroy_query_result"),
            buffer: function!(b"chdb_result_buffer"),
            length: function!(b"chdb_result_length"),
            error: function!(b"chdb_result_error"),
            elapsed: function!(b"chdb_result_elapsed"),
            counts: [
                function!(b"chdb_result_rows_read"),
                function!(b"chdb_result_bytes_read"),
                function!(b"chdb_result_rows_written"),
                function!(b"chdb_result_bytes_written"),
            ],
        })))
    }

    /// Opens a session on the data in this folder; nothing where the engine cannot. The first one starts the engine.
    pub(crate) fn connect(&'static self, folder: &Path) -> Option<Connection> {
        let folder = CString::new([b"--path=", folder.as_os_str().as_bytes()].concat()).ok()?;
        let mut arguments = [c"treering".as_ptr().cast_mut(), folder.as_ptr().cast_mut()];
        // SAFETY: two strings with their ends, which the engine reads and neither keeps nor changes.
        let handle = unsafe { (self.connect)(2, arguments.as_mut_ptr()) };
        NonNull::new(handle).map(|handle| Connection { library: self, handle })
    }
}

/// A session of its own, with its own settings. It stays on the thread that opened it.
#[derive(Debug)]
pub(crate) struct Connection {
    library: &'static Library,
    handle: NonNull<*mut c_void>,
}

impl Connection {
    /// Runs a statement. An error is what the engine says, which begins with its code.
    pub(crate) fn query(
        &self,
        statement: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Answer, String> {
        let pointers = |pick: fn(&(String, String)) -> &String| -> (Vec<_>, Vec<_>) {
            parameters.iter().map(pick).map(|text| (text.as_ptr(), text.len())).unzip()
        };
        let (names, values) = (pointers(|(name, _)| name), pointers(|(_, value)| value));
        // SAFETY: the connection is open until this is dropped and used by one thread; every pointer comes with the
        // length of what it points to, and all of it outlives the call.
        let result = unsafe {
            (self.library.query)(
                *self.handle.as_ptr(),
                statement.as_ptr(),
                statement.len(),
                format.as_ptr(),
                format.len(),
                names.0.as_ptr(),
                names.1.as_ptr(),
                values.0.as_ptr(),
                values.1.as_ptr(),
                parameters.len(),
            )
        };
        if result.is_null() {
            return Err("Code: 1001. DB::Exception: the engine gave no result (STD_EXCEPTION)".to_owned());
        }
        let answer = self.library.read(result);
        // SAFETY: everything in it was copied, and nobody else has it.
        unsafe { (self.library.destroy)(result) };
        answer
    }
}

impl Library {
    fn read(&self, result: QueryResult) -> Result<Answer, String> {
        // SAFETY: the result lives until it is destroyed after this; an error is a string with its end; the buffer has
        // the length that the engine gives for it, and none where that is nought.
        unsafe {
            let error = (self.error)(result);
            if !error.is_null() {
                return Err(CStr::from_ptr(error).to_string_lossy().into_owned());
            }
            let bytes = match (self.length)(result) {
                0 => Vec::new(),
                length => std::slice::from_raw_parts((self.buffer)(result), length).to_vec(),
            };
            let seconds = (self.elapsed)(result);
            Ok(Answer { bytes, seconds, counts: self.counts.map(|count| count(result)) })
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: it is open, and nobody can use it after this.
        unsafe { (self.library.close)(self.handle.as_ptr()) };
    }
}
