//! Lists the bucket page by page and notes what the keys say.

use std::sync::Arc;

use firmhold_core::import::MAX_LISTED;
use firmhold_core::{EntryState, ImportState, Problem, Timestamp};
use firmhold_store::{Bucket, ListedObject, failpoint};
use uuid::Uuid;

use super::mapper::Mapper;
use super::{EntryRow, ImportRow};
use crate::App;
use crate::db::{DbResult as _, Tx};

/// Keys in one listing and one transaction.
const PAGE: u32 = 1000;

/// Lists and maps the next page, and notes in `import` how far that was. Tells whether more are to come.
///
/// INVARIANT: a page's entries and the place up to which was listed are written together, so that a page is never taken
/// twice or left out.
///
/// # Errors
/// What the store answers; those of the database.
pub async fn page(
    app: &App,
    bucket: &dyn Bucket,
    mapper: &Arc<Mapper>,
    import: &mut ImportRow,
) -> Result<bool, Problem> {
    let listing = bucket.list(&import.source_prefix, import.listed_to.as_deref(), PAGE).await?;
    failpoint::IMPORT_LISTED_NOT_NOTED.reach();
    let now = app.clock.now();
    let mut more = listing.next.is_some();
    let fresh = fresh(listing.objects, import);
    let last = fresh.iter().map(|object| object.key.as_str()).max().map(str::to_owned);
    let goes_on = last.is_some() || !more;
    // Before the transaction, and beside the other tasks: what a pattern costs is nothing for anybody to wait for.
    let mapper = Arc::clone(mapper);
    let mapped = tokio::task::spawn_blocking(move || -> Vec<EntryRow> {
        fresh.iter().filter_map(|object| mapper.entry(object, now)).collect()
    });
    let mut entries = mapped.await.map_err(Problem::internal)?;
    let mut tx = app.db.begin().await?;
    let Some(mut row) = ImportRow::find_any(&mut tx, import.id).await? else { return Ok(false) };
    if row.state != ImportState::Running || row.listed || row.listed_to != import.listed_to {
        return Ok(false);
    }
    let first = next_position(&mut tx, row.id).await?;
    if !goes_on {
        more = false;
        let why = "the store lists the same keys again instead of going on after the last one";
        entries.push(end_of_listing(&row, why.to_owned(), now));
    }
    let room = usize::try_from(MAX_LISTED.saturating_sub(first)).unwrap_or(usize::MAX);
    if entries.len() > room || (entries.len() == room && more) {
        more = false;
        entries.truncate(room);
        let why =
            format!("an import has at most {MAX_LISTED} entries: import the rest below narrower prefixes");
        entries.push(end_of_listing(&row, why, now));
    }
    for (position, mut entry) in (first..).zip(entries) {
        entry.position = position;
        entry.insert(&mut tx).await?;
    }
    row.save_listed(&mut tx, last, !more).await?;
    tx.commit().await.db()?;
    failpoint::IMPORT_LISTED.reach();
    *import = row;
    Ok(more)
}

/// What a page brings that was not there before and belongs there: a store may know neither `start-after` nor prefixes,
/// and nothing outside of the prefix may be adopted.
fn fresh(objects: Vec<ListedObject>, import: &ImportRow) -> Vec<ListedObject> {
    let is_fresh = |object: &ListedObject| {
        let key = object.key.as_str();
        key.starts_with(&import.source_prefix) && import.listed_to.as_deref().is_none_or(|last| key > last)
    };
    objects.into_iter().filter(is_fresh).collect()
}

/// The entry that tells that not everything was listed.
fn end_of_listing(import: &ImportRow, why: String, now: Timestamp) -> EntryRow {
    let mut entry = EntryRow::new(import.organization, import.id, 0, import.source_prefix.clone(), now);
    (entry.state, entry.reason) = (EntryState::Failed, Some(why));
    entry
}

async fn next_position(tx: &mut Tx, import: Uuid) -> Result<u64, Problem> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(position) FROM import_entries WHERE import_id = $1")
            .bind(import.to_string())
            .fetch_one(&mut **tx)
            .await
            .db()?;
    Ok(last.map_or(0, |last| last.cast_unsigned() + 1))
}
