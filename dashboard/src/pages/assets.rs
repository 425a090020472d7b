//! The style sheet, the script and the icon, under names that say their content, so that browsers keep them for good.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::App;

const STYLE: &str = include_str!("../../static/treering.css");
const SCRIPT: &str = include_str!("../../static/treering.js");
const ICON: &str = include_str!("../../static/treering.svg");

/// The address of the style sheet.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path(STYLE, "css"));
/// The address of the script.
pub(super) static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path(SCRIPT, "js"));
/// The address of the icon.
pub(super) static ICON_PATH: LazyLock<String> = LazyLock::new(|| path(ICON, "svg"));

fn path(content: &str, extension: &str) -> String {
    let hash = blake3::hash(content.as_bytes()).to_hex();
    format!("/static/treering.{}.{extension}", &hash[..12])
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(&STYLE_PATH, get(async || asset(STYLE, "text/css; charset=utf-8")))
        .route(&SCRIPT_PATH, get(async || asset(SCRIPT, "text/javascript; charset=utf-8")))
        .route(&ICON_PATH, get(async || asset(ICON, "image/svg+xml; charset=utf-8")))
}

fn asset(content: &'static str, media_type: &'static str) -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, content)
}
