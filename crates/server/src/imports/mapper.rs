//! The mapping of an import, with the artifacts that there are.

use std::collections::HashMap;

use firmhold_core::import::has_dot_segment;
use firmhold_core::mapping::{Fit, Names};
use firmhold_core::{EntryState, Mapping, Problem, Timestamp};
use firmhold_store::ListedObject;
use uuid::Uuid;

use super::{EntryRow, ImportRow, access};
use crate::catalogue::product;
use crate::db::{Conn, DbResult as _, RowExt as _};

/// Reads names from keys. It knows the artifacts as they were when it was made.
#[derive(Debug)]
pub struct Mapper {
    import: ImportRow,
    mapping: Mapping,
    /// Their products, by id.
    products: HashMap<Uuid, Option<Uuid>>,
    /// By name; empty if the import names one artifact.
    artifacts: HashMap<String, Vec<Uuid>>,
}

impl Mapper {
    /// For this import.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of(conn: &mut Conn, import: &ImportRow) -> Result<Self, Problem> {
        let text = import.mapping.as_deref().unwrap_or_default();
        let mapping = Mapping::parse(text).map_err(Problem::internal)?;
        let mut mapper =
            Self { import: import.clone(), mapping, products: HashMap::new(), artifacts: HashMap::new() };
        if let Some(artifact) = import.artifact {
            let product = product::of_artifact(conn, import.organization, artifact).await?;
            mapper.products.insert(artifact, product);
            return Ok(mapper);
        }
        let rows = sqlx::query("SELECT id, name, product_id FROM artifacts WHERE organization_id = $1")
            .bind(import.organization.to_string())
            .fetch_all(conn)
            .await
            .db()?;
        for row in &rows {
            let id = row.uuid("id")?;
            mapper.products.insert(id, row.maybe_uuid("product_id")?);
            mapper.artifacts.entry(row.text("name")?).or_default().push(id);
        }
        Ok(mapper)
    }

    /// The entry of an object; nothing for what only stands for a folder.
    pub fn entry(&self, object: &ListedObject, now: Timestamp) -> Option<EntryRow> {
        let (import, key) = (&self.import, object.key.as_str());
        if key.ends_with('/') && object.size == 0 {
            return None;
        }
        let mut entry = EntryRow::new(import.organization, import.id, 0, key.to_owned(), now);
        entry.size = Some(object.size);
        match self.read(key.strip_prefix(&import.source_prefix).unwrap_or(key)) {
            Ok((artifact, names)) => {
                entry.artifact = Some(artifact);
                entry.version = names.version.map(str::to_owned);
                entry.target = names.target.map(str::to_owned).or_else(|| import.target.clone());
                let product = self.products.get(&artifact).copied().flatten();
                if !product::is_within(&import.products, product) {
                    (entry.state, entry.reason) = (EntryState::Failed, Some(access::REFUSAL.to_owned()));
                }
            }
            Err(reason) => (entry.state, entry.reason) = (EntryState::Unmapped, Some(reason)),
        }
        Some(entry)
    }

    /// What a key says, or why that cannot be told.
    fn read<'k>(&self, key: &'k str) -> Result<(Uuid, Names<'k>), String> {
        if has_dot_segment(key) {
            return Err("has a segment that is . or .., which is not safe on every way".to_owned());
        }
        let names = match self.mapping.fit(key, |name| self.artifacts.contains_key(name)) {
            Fit::One(names) => names,
            Fit::None => return Err("does not fit the mapping".to_owned()),
            Fit::UnknownArtifact(name) => return Err(format!("no artifact is called {name:?}")),
            Fit::Several(one, other) => {
                return Err(format!("fits in more than one way: {}, or {}", said(one), said(other)));
            }
            Fit::TooMany => return Err("fits in too many ways to try them all".to_owned()),
        };
        let artifact = match (self.import.artifact, names.artifact) {
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
