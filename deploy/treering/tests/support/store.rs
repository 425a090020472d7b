//! Where the store of a data folder is: in it, unless a test put it into a database of PostgreSQL.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use treering_store::StoreUrl;

/// The stores of folders that are somewhere else. Whoever starts a server or a command on a folder asks here, so that
/// one test is of either store.
static ELSEWHERE: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);

/// From now on the store of this folder, and of those in it, is at this URL.
pub(crate) fn put(folder: &Path, url: &str) {
    ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), url.to_owned());
}

fn elsewhere(data: &Path) -> Option<String> {
    let all = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner);
    data.ancestors().find_map(|folder| all.get(folder).cloned())
}

/// What a command on this folder has to know.
pub(crate) fn environment(data: &Path) -> Option<(&'static str, String)> {
    elsewhere(data).map(|url| ("TREERING_STORE", url))
}

/// The store of this folder.
pub(crate) fn url(data: &Path) -> StoreUrl {
    let embedded = StoreUrl::Sqlite(data.join("treering.db"));
    let Some(url) = elsewhere(data) else { return embedded };
    let url: StoreUrl = url.parse().expect("the URL of a store");
    match url.control() {
        Some(_) => url,
        None => url.controlled_by(embedded).expect("a ClickHouse has its control data elsewhere"),
    }
}
