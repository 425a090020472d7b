use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use treering_store::{Action, Audit};

use super::login::causes;
use crate::App;

/// How often it is asked whose sessions somebody ended.
const LOOK: Duration = Duration::from_secs(1);

/// Ends the sessions of whom the audit log tells, for as long as the dashboard is there: so that somebody who is at no
/// dashboard can end those at all of them.
pub(crate) async fn keep_ended(app: Weak<App>, audit: Audit) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was ended before this process began has no session here.
    let mut seen = None;
    while let Some(app) = app.upgrade() {
        if let Err(error) = look(&app, &audit, &mut seen).await {
            tracing::warn!(
                error = causes(&error),
                "it could not be asked whose sessions were ended; trying again"
            );
        }
        drop(app);
        ticks.tick().await;
    }
}

async fn look(app: &Arc<App>, audit: &Audit, seen: &mut Option<i64>) -> Result<(), treering_store::Error> {
    let last = audit.last().await?;
    let before = seen.unwrap_or(last);
    if before < last {
        for row in audit.since(before, Action::SessionEnd).await? {
            app.sessions.end_of(row.subject.as_deref().unwrap_or_default());
        }
    }
    *seen = Some(last);
    Ok(())
}
