//! `firmhold import`: firmware that is in the bucket already becomes binaries, without passing through this machine.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use firmhold_core::import::{CreateImport, CreateImportEntry, MAX_ENTRIES};
use firmhold_core::{
    Backend, Code, EntryState, Import, ImportCounts, ImportEntry, ImportState, Mapping, Prn, Problem,
};
use serde::Serialize;

use super::{Outcome, Session, backend};
use crate::catalogue::{self, Found, Names};
use crate::client::{self, quoted};
use crate::entries_file::{self, FileEntry};
use crate::network::{Network, NetworkArgs};
use crate::printer::{self, Tone, toned};
use crate::progress;
use crate::standstill::Standstill;

/// Longest pause between two looks at an import that runs.
const LONGEST_POLL: Duration = Duration::from_secs(2);
/// What another run does.
const AGAIN: &str = "The same command again goes on with the import that runs.";
/// Entries of one state that are printed for a person; `import show` and `--json` have all of them.
const SHOWN: usize = 50;

/// Adopt firmware that is already in the backend's bucket
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
    firmhold import s3://acme-firmware/legacy --backend prod --map '{artifact}/{version}/{target}.bin' --dry-run\n  \
    firmhold import s3://acme-firmware/legacy --backend prod --map '{artifact}/{version}/{target}.bin'\n  \
    firmhold import s3://acme-firmware/gw --artifact gateway --target imx8 --map '{version}/gateway*.bin'\n  \
    firmhold import s3://acme-firmware/legacy --entries entries.csv\n\n\
    In a mapping {artifact}, {version} and {target} each stand for characters other than '/', '*' for any number of\n\
    them. Artifacts of these names must be there (`firmhold artifact create`), versions are made. An entries file\n\
    (.csv with a header line, .json, .toml) has key and version, and may have artifact, target, hash and version_id.\n\n\
    The store copies the bytes, the server proves each copy, and the originals stay as they are. Interrupted? Run it\n\
    again: it goes on with the import that runs, and what is there is not copied twice. Exit code 3 if some objects\n\
    could not be mapped or failed."
)]
pub struct ImportCommand {
    /// Where they lie: s3://BUCKET/PREFIX, at or below the backend's import prefix
    #[arg(required = true, value_name = "S3_URL")]
    place: Option<String>,
    /// The backend, by name or PRN [default: the organization's]
    #[arg(long)]
    backend: Option<String>,
    /// How to read names from the key after PREFIX/
    #[arg(
        long = "map",
        value_name = "PATTERN",
        conflicts_with = "entries",
        required_unless_present = "entries"
    )]
    mapping: Option<String>,
    /// A file that says what each object is, instead of a pattern
    #[arg(long, value_name = "FILE")]
    entries: Option<PathBuf>,
    /// The artifact of all of them; made if there is none
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// The target of all of them
    #[arg(long)]
    target: Option<String>,
    /// Say what would be adopted; copy and make nothing
    #[arg(long)]
    dry_run: bool,
    /// Start it and do not wait for its end
    #[arg(long, conflicts_with_all = ["dry_run", "entries"])]
    no_wait: bool,
    /// How patiently
    #[command(flatten)]
    network: NetworkArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What else can be done with imports.
#[derive(Subcommand)]
enum Verb {
    /// List imports
    List,
    /// Show an import and its entries
    Show(Show),
    /// End an import; what is done stays
    Cancel(Cancel),
}

/// Show an import and its entries
#[derive(Args)]
struct Show {
    /// Its PRN
    prn: Prn,
    /// Only entries in this state
    #[arg(long)]
    state: Option<EntryState>,
}

/// End an import; what is done stays
#[derive(Args)]
struct Cancel {
    /// Its PRN
    prn: Prn,
}

/// What an import came to.
#[derive(Debug, Serialize)]
struct Imported {
    /// Of a mapping one; of a file one for each thousand entries.
    imports: Vec<Import>,
    unmapped: Vec<ImportEntry>,
    failed: Vec<ImportEntry>,
    /// In a dry run: what would be copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<Vec<ImportEntry>>,
}

impl ImportCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's; [`Code::Usage`] for a URL, pattern or file that is none.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match &self.verb {
            None => self.import(session).await,
            Some(Verb::List) => list(session).await,
            Some(Verb::Show(show)) => show.run(session).await,
            Some(Verb::Cancel(cancel)) => cancel.run(session).await,
        }
    }

    async fn import(&self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = session.client.with_network(Network::of(&self.network, AGAIN));
        let session = &Session { client, profile: session.profile.clone(), printer: session.printer };
        // All that can be wrong on this side first.
        let (bucket, source_prefix) = split_url(self.place.as_deref().unwrap_or_default())?;
        if let Some(mapping) = &self.mapping {
            Mapping::parse(mapping)
                .map_err(|error| Problem::new(Code::Usage, format!("--map {mapping:?} {error}")))?;
        }
        let file = self.entries.as_deref().map(entries_file::read).transpose()?;
        let backend = find_backend(session, self.backend.as_deref(), &bucket).await?;
        let body = CreateImport {
            backend_prn: Some(backend.to_string()),
            source_prefix: Some(source_prefix),
            dry_run: self.dry_run.then_some(true),
            ..CreateImport::default()
        };
        let imported = match file {
            Some(file) => self.by_file(session, body, file).await?,
            None => {
                let started = self.by_mapping(session, body).await?;
                if self.no_wait {
                    session.printer.result(&started, describe);
                    return Ok(Outcome::Done);
                }
                vec![wait(session, &started).await?]
            }
        };
        self.conclude(session, imported).await
    }

    /// Starts an import, or finds the same one that runs already.
    async fn by_mapping(&self, session: &Session<'_>, mut body: CreateImport) -> Result<Import, Problem> {
        let artifact = match &self.artifact {
            Some(name) => Some(self.artifact(session, name).await?),
            None => None,
        };
        body.mapping.clone_from(&self.mapping);
        body.target.clone_from(&self.target);
        body.artifact_prn = artifact.map(|prn| prn.to_string());
        let running = self.running(session, &body).await?;
        let same = running.into_iter().find(|import| {
            import.mapping == body.mapping && import.artifact_prn == artifact && import.target == body.target
        });
        if let Some(import) = same {
            session.printer.note(&format!("It runs already: {}", import.meta.prn));
            return Ok(import);
        }
        client::object(session.client.post("/imports", &body).await?, "import")
    }

    /// The imports of the same place that run.
    async fn running(&self, session: &Session<'_>, body: &CreateImport) -> Result<Vec<Import>, Problem> {
        let backend = quoted(body.backend_prn.as_deref().unwrap_or_default());
        let search = format!("state:'running' and backend_prn:{backend}");
        let running: Vec<Import> = session.client.list("imports", Some(&search)).await?;
        let same_place = |import: &Import| {
            Some(&import.source_prefix) == body.source_prefix.as_ref() && import.dry_run == self.dry_run
        };
        Ok(running.into_iter().filter(same_place).collect())
    }

    /// The artifact with this name. A dry run makes none, so one that is not there is an error.
    async fn artifact(&self, session: &Session<'_>, name: &str) -> Result<Prn, Problem> {
        if self.dry_run {
            let search = format!("name:{}", quoted(name));
            let named: Vec<firmhold_core::Artifact> = session.client.list("artifacts", Some(&search)).await?;
            if named.is_empty() {
                return Err(Problem::new(Code::NotFound, format!("no artifact is called {name:?} yet"))
                    .with_hint(format!("a dry run makes none: firmhold artifact create {name:?}")));
            }
        }
        let names = Names { artifact: name, product: None, version: "", description: None };
        let organization = session.client.organization().await?;
        Ok(catalogue::artifact(&session.client, organization, &names).await?.prn)
    }

    /// Imports the entries of a file, a thousand at a time. What an earlier run has done is skipped by the server.
    async fn by_file(
        &self,
        session: &Session<'_>,
        body: CreateImport,
        file: Vec<FileEntry>,
    ) -> Result<Vec<Import>, Problem> {
        let entries = self.name_entries(session, file).await?;
        let mut imports = Vec::new();
        for chunk in entries.chunks(MAX_ENTRIES) {
            let started = match self.same_entries(session, &body, chunk).await? {
                Some(import) => {
                    session.printer.note(&format!("It runs already: {}", import.meta.prn));
                    import
                }
                None => {
                    let body = CreateImport { entries: Some(chunk.to_vec()), ..body.clone() };
                    client::object(session.client.post("/imports", &body).await?, "import")?
                }
            };
            imports.push(wait(session, &started).await?);
        }
        Ok(imports)
    }

    /// The import of just these entries that runs, if there is one.
    async fn same_entries(
        &self,
        session: &Session<'_>,
        body: &CreateImport,
        chunk: &[CreateImportEntry],
    ) -> Result<Option<Import>, Problem> {
        let wanted: HashSet<_> = chunk
            .iter()
            .map(|entry| {
                (entry.key.clone(), Some(entry.artifact_version_prn.clone()), Some(entry.target.clone()))
            })
            .collect();
        for import in self.running(session, body).await? {
            if import.mapping.is_some() || import.counts.total() != chunk.len() as u64 {
                continue;
            }
            let there = entries(session, import.meta.prn, None).await?.into_iter().map(|entry| {
                let version = entry.artifact_version_prn.map(|version| version.to_string());
                (entry.key, version, entry.target)
            });
            if there.collect::<HashSet<_>>() == wanted {
                return Ok(Some(import));
            }
        }
        Ok(None)
    }

    /// Finds or makes the versions that a file names.
    async fn name_entries(
        &self,
        session: &Session<'_>,
        file: Vec<FileEntry>,
    ) -> Result<Vec<CreateImportEntry>, Problem> {
        let missing = |entry: &FileEntry, what: &str| {
            Problem::new(Code::Usage, format!("the entry of {:?} has no {what}", entry.key))
                .with_hint(format!("add it to the file, or give --{what} for all"))
        };
        let mut artifacts: std::collections::HashMap<String, Prn> = std::collections::HashMap::new();
        let mut versions: std::collections::HashMap<(Prn, String), Prn> = std::collections::HashMap::new();
        let bar = progress::wait(session.printer, "names");
        let mut named = Vec::with_capacity(file.len());
        for entry in file {
            let name = entry.artifact.as_ref().or(self.artifact.as_ref());
            let name = name.ok_or_else(|| missing(&entry, "artifact"))?.clone();
            let target = entry.target.as_ref().or(self.target.as_ref());
            let target = target.ok_or_else(|| missing(&entry, "target"))?.clone();
            let artifact = match artifacts.get(&name) {
                Some(artifact) => *artifact,
                None => *artifacts.entry(name.clone()).or_insert(self.artifact(session, &name).await?),
            };
            let pair = (artifact, entry.version.clone());
            let version = match versions.get(&pair) {
                Some(version) => *version,
                None => {
                    let found = self.version(session, artifact, &entry.version).await?;
                    *versions.entry(pair).or_insert(found)
                }
            };
            named.push(CreateImportEntry {
                key: entry.key,
                version_id: entry.version_id,
                artifact_version_prn: version.to_string(),
                target,
                hash: entry.hash,
            });
        }
        bar.finish_and_clear();
        Ok(named)
    }

    async fn version(&self, session: &Session<'_>, artifact: Prn, version: &str) -> Result<Prn, Problem> {
        if self.dry_run {
            let found = catalogue::find_version(&session.client, artifact, version).await?;
            return found.ok_or_else(|| {
                Problem::new(Code::NotFound, format!("there is no version {version:?} of {artifact} yet"))
                    .with_hint("a dry run makes none, and the server looks only at entries of versions that are there; use --map for a dry run of new versions")
            });
        }
        let artifact = Found { prn: artifact, is_new: false };
        Ok(catalogue::version(&session.client, artifact, version).await?.prn)
    }

    async fn conclude(&self, session: &Session<'_>, imports: Vec<Import>) -> Result<Outcome, Problem> {
        let (mut unmapped, mut failed, mut pending) = (Vec::new(), Vec::new(), Vec::new());
        for import in &imports {
            unmapped.extend(entries(session, import.meta.prn, Some(EntryState::Unmapped)).await?);
            failed.extend(entries(session, import.meta.prn, Some(EntryState::Failed)).await?);
            if self.dry_run {
                pending.extend(entries(session, import.meta.prn, Some(EntryState::Pending)).await?);
            }
        }
        let pending = self.dry_run.then_some(pending);
        let imported = Imported { imports, unmapped, failed, pending };
        session.printer.result(&imported, Imported::describe);
        let findings = !imported.unmapped.is_empty() || !imported.failed.is_empty();
        Ok(if findings { Outcome::Findings } else { Outcome::Done })
    }
}

/// `s3://BUCKET/PREFIX` in its parts; a prefix names a folder, so it ends with a slash.
fn split_url(url: &str) -> Result<(String, String), Problem> {
    let wrong =
        || Problem::new(Code::Usage, format!("{url:?} is no place in a bucket: expected s3://BUCKET/PREFIX"));
    let (bucket, prefix) =
        url.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    if bucket.is_empty() || prefix.is_empty() {
        return Err(
            wrong().with_hint("imports read below the backend's import prefix, never the whole bucket")
        );
    }
    let slash = if prefix.ends_with('/') { "" } else { "/" };
    Ok((bucket.to_owned(), format!("{prefix}{slash}")))
}

/// The backend, which must be that bucket's.
async fn find_backend(session: &Session<'_>, named: Option<&str>, bucket: &str) -> Result<Prn, Problem> {
    let found = match named {
        Some(name) => backend::find(&session.client, name).await,
        None => default_backend(session).await,
    };
    let found = match (found, named.and_then(|name| name.parse::<Prn>().ok())) {
        // A key of a CI job may import and not read backends: the server judges by its own record.
        (Err(problem), Some(prn)) if problem.code() == Code::ScopeDenied => {
            session
                .printer
                .note(&format!("This key may not read backends: that {prn} is {bucket} is taken on trust."));
            return Ok(prn);
        }
        (Err(problem), None) if problem.code() == Code::ScopeDenied => {
            return Err(problem.with_hint("name the backend by its PRN, or use an admin key"));
        }
        (found, _) => found?,
    };
    if found.bucket != bucket {
        let detail = format!("the backend {} is the bucket {}, not {bucket}", found.name, found.bucket);
        return Err(Problem::new(Code::Usage, detail)
            .with_hint("an import copies inside the backend's own bucket; name the backend with --backend"));
    }
    Ok(found.meta.prn)
}

async fn default_backend(session: &Session<'_>) -> Result<Backend, Problem> {
    let backends: Vec<Backend> = session.client.list("backends", Some("default:true")).await?;
    backends.into_iter().next().ok_or_else(|| {
        Problem::new(Code::Usage, "the organization has no default backend")
            .with_hint("name one with --backend")
    })
}

/// Waits for an import's end.
async fn wait(session: &Session<'_>, started: &Import) -> Result<Import, Problem> {
    let path = format!("/imports/{}", started.meta.prn);
    let bar = progress::count(session.printer, "importing");
    let mut pause = Duration::from_millis(100);
    let patience = session.client.network().retry.give_up_after();
    let view = |import: &Import| (import.counts, import.state_reason.clone());
    let mut standstill = Standstill::at(view(started));
    loop {
        let answer = session.client.get(&path, &[]).await.map_err(|problem| match problem.code() {
            Code::Unreachable => {
                problem.with_hint("the import goes on as soon as the server does; run the same command again")
            }
            _ => problem,
        })?;
        let import: Import = client::object(answer, "import")?;
        bar.set_length(import.counts.total());
        bar.set_position(import.counts.total() - import.counts.open());
        if import.state != ImportState::Running {
            bar.finish_and_clear();
            return Ok(import);
        }
        if standstill.look(view(&import)) >= patience {
            bar.finish_and_clear();
            return Err(stands_still(&import));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_POLL);
    }
}

fn stands_still(import: &Import) -> Problem {
    let why = import.state_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let prn = import.meta.prn;
    Problem::new(Code::Unavailable, format!("the import runs, and has not come further for a while{why}"))
        .with_hint(format!(
            "the platform goes on by itself. {AGAIN} `firmhold import show {prn}` has its entries."
        ))
}

/// All entries of an import, in the order of their keys.
async fn entries(
    session: &Session<'_>,
    import: Prn,
    state: Option<EntryState>,
) -> Result<Vec<ImportEntry>, Problem> {
    let path = format!("/imports/{import}/entries");
    let mut all = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let mut query = vec![("limit", "100")];
        query.extend(state.map(|state| ("state", state.as_str())));
        query.extend(page.as_deref().map(|page| ("page", page)));
        let mut answer = session.client.get(&path, &query).await?;
        let next = answer.get("next_page").and_then(|next| next.as_str()).map(str::to_owned);
        let entries = answer.get_mut("entries").map(serde_json::Value::take).unwrap_or_default();
        all.extend(client::parse::<Vec<ImportEntry>>(entries)?);
        page = next;
        if page.is_none() {
            return Ok(all);
        }
    }
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let imports: Vec<Import> = session.client.list("imports", None).await?;
    session.printer.result(&imports, |imports| {
        let mut rows = vec![["import", "state", "from", "entries"].map(str::to_owned).to_vec()];
        rows.extend(imports.iter().map(|import| {
            let dry = if import.dry_run { " (dry run)" } else { "" };
            vec![
                import.meta.prn.to_string(),
                format!("{}{dry}", import.state),
                import.source_prefix.clone(),
                summary(&import.counts),
            ]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

/// What `import show` prints.
#[derive(Serialize)]
struct Shown {
    import: Import,
    entries: Vec<ImportEntry>,
}

impl Show {
    async fn run(&self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let answer = session.client.get(&format!("/imports/{}", self.prn), &[]).await?;
        let import: Import = client::object(answer, "import")?;
        let shown = Shown { import, entries: entries(session, self.prn, self.state).await? };
        session.printer.result(&shown, |shown| {
            format!("{}\n{}", describe(&shown.import), entry_table(&shown.entries, usize::MAX))
        });
        Ok(Outcome::Done)
    }
}

impl Cancel {
    async fn run(&self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let answer = session.client.post_empty(&format!("/imports/{}/cancel", self.prn)).await?;
        let import: Import = client::object(answer, "import")?;
        session.printer.result(&import, describe);
        Ok(Outcome::Done)
    }
}

fn describe(import: &Import) -> String {
    let rows = [
        ("import", import.meta.prn.to_string()),
        ("state", format!("{}{}", import.state, if import.dry_run { " (dry run)" } else { "" })),
        ("from", import.source_prefix.clone()),
        ("waits", import.state_reason.clone().unwrap_or_default()),
        ("mapping", import.mapping.clone().unwrap_or_else(|| "a list of entries".to_owned())),
        ("entries", summary(&import.counts)),
        ("bytes", printer::bytes(import.counts.bytes)),
    ];
    let said = rows.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| format!("{name:<8} {value}\n")).collect()
}

/// The counts that are not zero.
fn summary(counts: &ImportCounts) -> String {
    let mut counts = *counts;
    let all = EntryState::ALL.iter().map(|state| (*counts.of(*state), state));
    let text: Vec<String> =
        all.filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}")).collect();
    if text.is_empty() { "none".to_owned() } else { text.join(", ") }
}

fn entry_table(entries: &[ImportEntry], limit: usize) -> String {
    let mut rows = vec![["key", "state", "version", "target", "reason"].map(str::to_owned).to_vec()];
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    rows.extend(entries.iter().take(limit).map(|entry| {
        let tone = match entry.state {
            EntryState::Done | EntryState::Skipped => Tone::Good,
            EntryState::Failed => Tone::Bad,
            EntryState::Unmapped | EntryState::Cancelled => Tone::Warn,
            EntryState::Pending | EntryState::Copying | EntryState::Hashing => Tone::Dim,
        };
        let state = toned(tone, entry.state.as_str());
        vec![entry.key.clone(), state, text(&entry.version), text(&entry.target), text(&entry.reason)]
    }));
    printer::table(&rows)
}

impl Imported {
    fn describe(&self) -> String {
        let mut text: String = self.imports.iter().map(describe).collect::<Vec<_>>().join("\n");
        let sections = [
            ("would be copied", self.pending.as_deref()),
            ("unmapped", Some(self.unmapped.as_slice())),
            ("failed", Some(self.failed.as_slice())),
        ];
        for (title, entries) in sections {
            let entries = entries.unwrap_or_default();
            if entries.is_empty() {
                continue;
            }
            text.push_str(&format!("\n{}\n", toned(Tone::Strong, &format!("{} {title}:", entries.len()))));
            text.push_str(&entry_table(entries, SHOWN));
            if entries.len() > SHOWN {
                let import =
                    self.imports.last().map(|import| import.meta.prn.to_string()).unwrap_or_default();
                text.push_str(&format!(
                    "and {} more: firmhold import show {import}\n",
                    entries.len() - SHOWN
                ));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_bucket_is_taken_apart() {
        let both = |url| split_url(url).unwrap();
        assert_eq!(both("s3://acme/legacy"), ("acme".to_owned(), "legacy/".to_owned()));
        assert_eq!(both("s3://acme/a/b/"), ("acme".to_owned(), "a/b/".to_owned()));
        for wrong in ["acme/legacy", "s3://acme", "s3://acme/", "s3:///legacy", "https://acme/legacy"] {
            assert_eq!(split_url(wrong).unwrap_err().code(), Code::Usage, "{wrong}");
        }
    }
}
