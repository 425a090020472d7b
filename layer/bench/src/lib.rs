//! What an agent's step costs with this layer and with its peers: time, allocations, memory.
//!
//! **In and out.** The same step goes through each [`Contender`], in a process of its own; figures come out, as a table.
//! `README.md` says how to run it and what each figure means.
//!
//! **May not touch.** The insides of the layer: it is used as an agent's author uses it, but that in the place of the
//! collector a test may drop what it is given.
//!
//! **How to test it.** `cargo test --manifest-path layer/bench/Cargo.toml`, and each program checks of every figure that
//! no step was lost while it was taken.

mod account;
mod burden;
pub mod clock;
mod contender;
mod figures;
mod native;
mod null;
pub mod receiver;
mod set;
pub mod step;
mod worker;

pub use account::Account;
pub use burden::{Burden, Burdened, Standing, burden};
pub use contender::Contender;
pub use figures::{Figures, export_table, table};
pub use set::Set;
pub use worker::{Round, Worker, take_turns, work};

/// What ends a program: it is told, and nothing else is done about it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
