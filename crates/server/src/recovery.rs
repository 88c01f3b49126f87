//! What a server that was killed has left behind, put right before the next one answers.

use std::sync::Arc;

use firmhold_core::Problem;

use crate::App;
use crate::backends::{BackendRow, SELECT, verification};
use crate::db::{DbResult as _, Tx, dialect};
use crate::events::Origin;

/// Frees leases of jobs, verifications and idempotency keys that nobody holds any more. With one process to a database
/// that is all of them; with several they end by themselves.
///
/// # Errors
/// Those of the database.
pub(crate) async fn run(app: &Arc<App>) -> Result<(), Problem> {
    if !dialect::SINGLE_PROCESS {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    for statement in [
        "UPDATE jobs SET lease_owner = NULL, lease_token = NULL, lease_until = NULL",
        "DELETE FROM idempotency_keys WHERE status IS NULL",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.db()?;
    }
    give_up_runs(app, &mut tx).await?;
    tx.commit().await.db()
}

/// A backend goes back to the state that its run began in.
async fn give_up_runs(app: &App, tx: &mut Tx) -> Result<(), Problem> {
    let sql = format!("{SELECT} WHERE backends.run_id IS NOT NULL");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut **tx).await.db()?;
    for row in &rows {
        let mut row = BackendRow::from_row(row)?;
        let Some(run) = row.run.take() else { continue };
        if run.from == row.state {
            row.write(tx).await?;
        } else {
            let origin = Origin::server(row.organization, app.clock.now());
            let reason = Some("the server stopped during a verification".to_owned());
            verification::move_to(tx, &mut row, run.from, reason, &origin).await?;
        }
    }
    Ok(())
}
