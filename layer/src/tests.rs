mod content;
mod export;
mod follow;
mod receiver;
mod settings;
mod text;
