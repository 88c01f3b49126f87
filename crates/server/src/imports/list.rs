//! Lists the bucket page by page and reads names from keys.

use std::collections::HashMap;

use firmhold_core::mapping::{Fit, Names};
use firmhold_core::{EntryState, Mapping, Problem, Timestamp};
use firmhold_store::{Bucket, ListedObject, failpoint};
use uuid::Uuid;

use super::{EntryRow, ImportRow, access};
use crate::App;
use crate::db::{Conn, DbResult as _, RowExt as _, Tx};

/// Keys in one listing and one transaction.
const PAGE: u32 = 1000;

/// Lists and maps the next page. Tells whether more are to come.
///
/// INVARIANT: a page's entries and the place up to which was listed are written together, so that a page is never taken
/// twice or left out.
///
/// # Errors
/// What the store answers; those of the database.
pub async fn page(app: &App, bucket: &dyn Bucket, import: &ImportRow) -> Result<bool, Problem> {
    let listing = bucket.list(&import.source_prefix, import.listed_to.as_deref(), PAGE).await?;
    failpoint::IMPORT_LISTED_NOT_NOTED.reach();
    let now = app.clock.now();
    // Read before the transaction: what a pattern costs is nothing for other writers to wait for.
    let mut entries = Vec::with_capacity(listing.objects.len());
    {
        let mut conn = app.db.reader().acquire().await.db()?;
        let mapper = Mapper::of(&mut conn, import).await?;
        for object in &listing.objects {
            entries.extend(mapper.entry(&mut conn, import, object, now).await?);
        }
    }
    let mut tx = app.db.begin().await?;
    let Some(mut row) = ImportRow::find_any(&mut tx, import.id).await? else { return Ok(false) };
    if row.state != firmhold_core::ImportState::Running || row.listed || row.listed_to != import.listed_to {
        return Ok(false);
    }
    let first = next_position(&mut tx, row.id).await?;
    for (position, mut entry) in (first..).zip(entries) {
        entry.position = position;
        entry.insert(&mut tx).await?;
    }
    let last = listing.objects.last().map(|object| object.key.as_str().to_owned());
    let more = listing.next.is_some();
    row.save_listed(&mut tx, last, !more).await?;
    tx.commit().await.db()?;
    failpoint::IMPORT_LISTED.reach();
    Ok(more)
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

/// The mapping, with the artifacts that there are.
struct Mapper {
    mapping: Mapping,
    /// By name; empty if the import names one artifact.
    artifacts: HashMap<String, Vec<Uuid>>,
}

impl Mapper {
    async fn of(conn: &mut Conn, import: &ImportRow) -> Result<Self, Problem> {
        let text = import.mapping.as_deref().unwrap_or_default();
        let mapping = Mapping::parse(text).map_err(Problem::internal)?;
        let mut artifacts: HashMap<String, Vec<Uuid>> = HashMap::new();
        if import.artifact.is_none() {
            let rows = sqlx::query("SELECT id, name FROM artifacts WHERE organization_id = $1")
                .bind(import.organization.to_string())
                .fetch_all(conn)
                .await
                .db()?;
            for row in &rows {
                artifacts.entry(row.text("name")?).or_default().push(row.uuid("id")?);
            }
        }
        Ok(Self { mapping, artifacts })
    }

    /// The entry of an object; nothing for what only stands for a folder.
    async fn entry(
        &self,
        conn: &mut Conn,
        import: &ImportRow,
        object: &ListedObject,
        now: Timestamp,
    ) -> Result<Option<EntryRow>, Problem> {
        let key = object.key.as_str();
        if key.ends_with('/') && object.size == 0 {
            return Ok(None);
        }
        let mut entry = EntryRow::new(import.organization, import.id, 0, key.to_owned(), now);
        entry.size = Some(object.size);
        match self.read(import, key.strip_prefix(&import.source_prefix).unwrap_or(key)) {
            Ok((artifact, names)) => {
                entry.artifact = Some(artifact);
                entry.version = names.version.map(str::to_owned);
                entry.target = names.target.map(str::to_owned).or_else(|| import.target.clone());
                if let Some(reason) = access::refusal(conn, import, artifact).await? {
                    (entry.state, entry.reason) = (EntryState::Failed, Some(reason));
                }
            }
            Err(reason) => (entry.state, entry.reason) = (EntryState::Unmapped, Some(reason)),
        }
        Ok(Some(entry))
    }

    /// What a key says, or why that cannot be told.
    fn read<'k>(&self, import: &ImportRow, key: &'k str) -> Result<(Uuid, Names<'k>), String> {
        let names = match self.mapping.fit(key, |name| self.artifacts.contains_key(name)) {
            Fit::One(names) => names,
            Fit::None => return Err("does not fit the mapping".to_owned()),
            Fit::UnknownArtifact(name) => return Err(format!("no artifact is called {name:?}")),
            Fit::Several(one, other) => {
                return Err(format!("fits in more than one way: {}, or {}", said(one), said(other)));
            }
            Fit::TooMany => return Err("fits in too many ways to try them all".to_owned()),
        };
        let artifact = match (import.artifact, names.artifact) {
            (Some(artifact), _) => artifact,
            (None, Some(name)) => match self.artifacts.get(name).map(Vec::as_slice) {
                Some([artifact]) => *artifact,
                Some(several) => return Err(format!("{} artifacts are called {name:?}", several.len())),
                None => return Err(format!("no artifact is called {name:?}")),
            },
            (None, None) => return Err("the mapping names no artifact".to_owned()),
        };
        Ok((artifact, names))
    }
}

fn said(names: Names<'_>) -> String {
    let all = [("artifact", names.artifact), ("version", names.version), ("target", names.target)];
    let known = all.into_iter().filter_map(|(slot, name)| Some(format!("{slot} {:?}", name?)));
    known.collect::<Vec<_>>().join(" ")
}
