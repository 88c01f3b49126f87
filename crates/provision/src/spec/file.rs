//! `backend.toml`, as a person writes it. What is left out has the default that the docs name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firmhold_core::{Code, Problem};
use serde::Deserialize;
use toml::Spanned;

use super::ObjectLockMode;
use super::error::{SpecError, SpecErrors};
use super::lifecycle::LifecycleProfile;

/// The version of the format that this release reads.
const VERSION: u32 = 1;

/// The file, read and taken apart. [`SpecFile::resolve`](super::SpecFile::resolve) judges what its fields say.
#[derive(Debug)]
pub struct SpecFile {
    /// Its path, as it was given.
    pub path: PathBuf,
    pub(super) text: String,
    pub(super) fields: Fields,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    pub version: Spanned<u32>,
    pub name: Spanned<String>,
    pub account: Option<Spanned<String>>,
    pub bucket: Bucket,
    #[serde(default)]
    pub encryption: Encryption,
    #[serde(default)]
    pub lifecycle: Lifecycle,
    #[serde(default)]
    pub role: Role,
    pub platform: Option<Platform>,
    pub replication: Option<Replication>,
    pub access_logs: Option<AccessLogs>,
    #[serde(default)]
    pub monitoring: Monitoring,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bucket {
    pub name: Spanned<String>,
    pub region: Spanned<String>,
    pub prefix: Option<Spanned<String>>,
    pub import_prefix: Option<Spanned<String>>,
    #[serde(default)]
    pub allow_delete: bool,
    pub tags: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default)]
    pub acceleration: bool,
    pub object_lock: Option<ObjectLock>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectLock {
    pub mode: ObjectLockMode,
    pub days: Spanned<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replication {
    pub bucket: Spanned<String>,
    pub region: Spanned<String>,
    pub storage_class: Option<Spanned<String>>,
    #[serde(default)]
    pub time_control: bool,
    #[serde(default)]
    pub delete_markers: bool,
    pub kms_key: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessLogs {
    pub bucket: Spanned<String>,
    pub prefix: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Monitoring {
    #[serde(default)]
    pub request_metrics: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Encryption {
    pub mode: Option<Spanned<EncryptionMode>>,
    pub key: Option<Spanned<String>>,
    pub bucket_key: Option<Spanned<bool>>,
    pub rotation_days: Option<Spanned<i32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EncryptionMode {
    SseS3,
    SseKms,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lifecycle {
    pub profile: Option<LifecycleProfile>,
    pub noncurrent_to_ia_days: Option<Spanned<u32>>,
    pub noncurrent_expire_days: Option<Spanned<u32>>,
    pub abort_uploads_days: Option<Spanned<u32>>,
    pub retired_to_glacier_ir_days: Option<Spanned<u32>>,
    pub retired_to_deep_archive_days: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub name: Option<Spanned<String>>,
    pub description: Option<Spanned<String>>,
    pub tags: Option<Spanned<BTreeMap<String, String>>>,
    pub max_session_seconds: Option<Spanned<i32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platform {
    pub principal: Spanned<String>,
    pub external_id: Spanned<String>,
}

impl SpecFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if it cannot be read; else what is wrong with it.
    pub fn read(path: &Path) -> Result<Result<Self, SpecErrors>, Problem> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(Code::LocalFile, format!("cannot read {}: {error}", path.display()))
                .with_hint("`firmhold account init` writes one")
        })?;
        Ok(Self::parse(path, text))
    }

    /// Takes the text of a file apart.
    ///
    /// # Errors
    /// That it is no TOML, or a field is unknown, missing or of the wrong type; or the version is another.
    pub fn parse(path: &Path, text: String) -> Result<Self, SpecErrors> {
        let errors = |text, error| SpecErrors { file: path.to_owned(), text, errors: vec![error] };
        let fields: Fields = match toml::from_str(&text) {
            Ok(fields) => fields,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let field = field_at(&text, span.start);
                let error = SpecError { field, span, says: error.message().to_owned(), hint: None };
                return Err(errors(text, error));
            }
        };
        if *fields.version.get_ref() != VERSION {
            let error = SpecError {
                field: "version".to_owned(),
                span: fields.version.span(),
                says: format!("this release reads version {VERSION}"),
                hint: Some(format!("version = {VERSION}, or use the release that the file was written for")),
            };
            return Err(errors(text, error));
        }
        Ok(Self { path: path.to_owned(), text, fields })
    }

    /// The name that the backend has at the platform.
    pub fn name(&self) -> &str {
        self.fields.name.get_ref()
    }

    /// The bucket's region, as the file has it: clients are opened for it before anything is judged.
    pub fn region(&self) -> &str {
        self.fields.bucket.region.get_ref()
    }
}

/// The name of the field in whose line `at` lies, with its table: for errors of a reader that names neither.
fn field_at(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let table = before
        .lines()
        .rev()
        .chain(std::iter::once(""))
        .find_map(|line| line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()));
    let key = line.split_once('=').map(|(key, _)| key.trim());
    match (table, key) {
        (Some(table), Some(key)) => format!("{table}.{key}"),
        (None, Some(key)) => key.to_owned(),
        (_, None) => line.trim().trim_matches(['[', ']']).to_owned(),
    }
}
