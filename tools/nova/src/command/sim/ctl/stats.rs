//! What a server has counted, for people and for scripts.

use nova_sim_glue::serve::ServeStats;
use serde_json::Value;

use crate::command::Context;
use crate::error::{Error, Result};

/// Prints it: what belongs together in one block, and only in JSON as it came.
///
/// # Errors
///
/// When it cannot be made into JSON.
pub(super) fn print(stats: &ServeStats, cx: &mut Context) -> Result<()> {
    if !cx.out.is_text() {
        return cx.out.object(stats);
    }
    let fail = |error: serde_json::Error| Error::usage(format!("cannot show the counts: {error}"));
    let mut rows = vec![
        ("chip".to_owned(), stats.chip.clone()),
        ("power".to_owned(), stats.power.clone()),
        ("client".to_owned(), if stats.connected { "connected" } else { "-" }.to_owned()),
    ];
    let groups = [
        ("server", serde_json::to_value(stats.server)),
        ("bus", serde_json::to_value(stats.bus)),
        ("dma", serde_json::to_value(stats.dma)),
    ];
    for (group, counts) in groups {
        if let Value::Object(counts) = counts.map_err(fail)? {
            let named = |(name, count): (String, Value)| {
                (format!("{group} {}", name.replace('_', " ")), count.to_string())
            };
            rows.extend(counts.into_iter().map(named));
        }
    }
    let rows: Vec<_> = rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    cx.out.pairs(&rows);
    Ok(())
}
