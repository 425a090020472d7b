//! `treering session`.

use std::io::{self, Write};

use treering_store::{Act, Action};

use crate::Answer;
use crate::actor::actor;
use crate::cli::Session;
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(crate) async fn run(command: Session, file: File) -> Result<Answer, Error> {
    let Session::End { place, subject } = command;
    let audit = Data::of(&place, &file)?.control().await?.audit;
    // Dashboards read the log: a session that was ended is an event like any other.
    audit.append(&actor(), Act::new(Action::SessionEnd).on(&subject)).await?;
    writeln!(io::stdout(), "every session of {subject} ends within two seconds")?;
    Ok(Answer::Yes)
}
