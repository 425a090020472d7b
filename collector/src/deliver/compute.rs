//! Executions, computed out of their summaries.

use std::sync::Arc;

use treering_read::Prices;
use treering_store::{Computed, Partials, Touched, Writer};

/// Executions whose summaries are in memory at one time.
const RECOMPUTED_AT_ONCE: usize = 64;

/// Computed anew and never added up: duplicates and leaf-most tokens need the whole.
pub(super) async fn recompute(
    writer: &Writer,
    prices: &Arc<Prices>,
    touched: &[Touched],
) -> Result<(), treering_store::Error> {
    for touched in touched.chunks(RECOMPUTED_AT_ONCE) {
        let partials = writer.summaries(touched.to_vec()).await?;
        let prices = prices.clone();
        let compute = move || partials.into_iter().map(|partials| computed(partials, &prices)).collect();
        writer.put_executions(tokio::task::spawn_blocking(compute).await?).await?;
    }
    Ok(())
}

fn computed(partials: Partials, prices: &Prices) -> Computed {
    let Partials { of, version, summaries } = partials;
    let execution = treering_read::execution(of.trace_id, &treering_read::merge(summaries, prices));
    Computed { project: of.project, version, execution }
}
