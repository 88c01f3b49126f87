//! The file and what it says, read once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::names::is_key;

const FILE: &str = include_str!("aws.json");

/// How much an action can do, in AWS's own five words
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum AccessLevel {
    /// Names what there is.
    List,
    /// Reads it.
    Read,
    /// Changes tags only.
    Tagging,
    /// Makes, changes or deletes it.
    Write,
    /// Changes who may do what.
    #[serde(rename = "Permissions management")]
    PermissionsManagement,
}

/// What the values of a condition key are, and so which operators can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// `String…` operators.
    String,
    /// `Arn…` operators.
    Arn,
    /// `Numeric…` operators.
    Numeric,
    /// `Date…` operators; `aws:EpochTime` also takes `Numeric…`.
    Date,
    /// `Bool`.
    Bool,
    /// `IpAddress`, `NotIpAddress`.
    IpAddress,
}

/// A condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionKey {
    /// As AWS writes it, e.g. `s3:ExistingObjectTag/${TagKey}`.
    pub name: String,
    /// What its values are.
    pub value: ValueType,
    /// Whether a request can carry several values at once: such a key wants `ForAllValues` or `ForAnyValue`.
    pub multivalued: bool,
    /// Whether requests to every service can carry it.
    pub global: bool,
}

/// A type of resource that an action works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUse {
    /// e.g. `object`
    pub name: String,
    /// Whether a statement for the action must name one of this type.
    pub required: bool,
}

/// An action of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionEntry {
    /// The prefix, e.g. `s3`.
    pub service: String,
    /// e.g. `GetObject`
    pub name: String,
    /// How much it can do.
    pub access_level: AccessLevel,
    /// What a `Resource` for it can name; empty where it must be `*`.
    pub resource_types: Vec<ResourceUse>,
    /// The service's own condition keys that a request for it can carry. See [`ActionEntry::takes`] for the others.
    pub condition_keys: Vec<String>,
}

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// e.g. `bucket`
    pub name: String,
    /// The form of its ARN, e.g. `arn:${Partition}:s3:::${BucketName}`.
    pub arn: String,
    /// The keys that a request carries because it is about such a resource, e.g. `aws:ResourceTag/${TagKey}`.
    pub condition_keys: Vec<String>,
}

/// Where the data comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Source {
    /// The name of the package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its licence.
    pub license: String,
}

impl ActionEntry {
    /// `s3:GetObject`
    pub fn full_name(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }

    /// Whether a request for this action can carry a key: one of its own, one of a type of resource that it works
    /// on, or one that requests to every service carry. A condition on any other key never sees a value.
    pub fn takes(&self, key: &str) -> bool {
        let own = self.condition_keys.iter().any(|known| is_key(known, key));
        let of_resource =
            || self.types().flat_map(|known| &known.condition_keys).any(|known| is_key(known, key));
        // Tags are global by name, but listed for each action that takes them.
        let global = || table().global_key(key).is_some_and(|known| !is_about_tags(&known.name));
        own || of_resource() || global()
    }

    /// The types of resources that it works on.
    pub fn types(&self) -> impl Iterator<Item = &'static ResourceType> {
        let service = service(&self.service);
        self.resource_types.iter().filter_map(move |used| service?.resource_types.get(&used.name))
    }
}

fn is_about_tags(global: &str) -> bool {
    ["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"].iter().any(|tags| global.starts_with(tags))
}

pub struct Table {
    pub source: Source,
    pub resource_control: Vec<String>,
    /// By prefix.
    pub services: BTreeMap<String, Service>,
    global: Vec<ConditionKey>,
}

pub struct Service {
    /// By name in small letters.
    pub actions: BTreeMap<String, ActionEntry>,
    /// By name.
    pub resource_types: BTreeMap<String, ResourceType>,
    keys: Vec<ConditionKey>,
}

impl Table {
    pub fn global_key(&self, name: &str) -> Option<&ConditionKey> {
        self.global.iter().find(|key| is_key(&key.name, name))
    }
}

impl Service {
    pub fn key(&self, name: &str) -> Option<&ConditionKey> {
        self.keys.iter().find(|key| is_key(&key.name, name))
    }
}

/// The table. Empty if the file is broken, which a test would tell.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        serde_json::from_str::<File>(FILE).map(Table::from).unwrap_or_else(|error| Table {
            source: Source { package: error.to_string(), version: String::new(), license: String::new() },
            resource_control: Vec::new(),
            services: BTreeMap::new(),
            global: Vec::new(),
        })
    })
}

pub fn service(prefix: &str) -> Option<&'static Service> {
    table().services.get(prefix).or_else(|| table().services.get(&prefix.to_ascii_lowercase()))
}

/// The file, as it is written.
#[derive(Deserialize)]
struct File {
    source: Source,
    rcp: Vec<String>,
    global: BTreeMap<String, String>,
    services: BTreeMap<String, FileService>,
}

#[derive(Deserialize)]
struct FileService {
    keys: BTreeMap<String, String>,
    resources: BTreeMap<String, FileResource>,
    actions: BTreeMap<String, FileAction>,
}

#[derive(Deserialize)]
struct FileResource {
    arn: String,
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct FileAction {
    access: AccessLevel,
    resources: Vec<String>,
    keys: Vec<String>,
}

impl From<File> for Table {
    fn from(file: File) -> Self {
        Self {
            source: file.source,
            resource_control: file.rcp,
            global: keys(file.global, true),
            services: file
                .services
                .into_iter()
                .map(|(prefix, service)| (prefix.clone(), Service::read(&prefix, service)))
                .collect(),
        }
    }
}

impl Service {
    fn read(prefix: &str, file: FileService) -> Self {
        let action = |(name, entry): (String, FileAction)| {
            let used = |text: &String| ResourceUse {
                name: text.trim_end_matches('*').to_owned(),
                required: text.ends_with('*'),
            };
            let entry = ActionEntry {
                service: prefix.to_owned(),
                access_level: entry.access,
                resource_types: entry.resources.iter().map(used).collect(),
                condition_keys: entry.keys,
                name,
            };
            (entry.name.to_ascii_lowercase(), entry)
        };
        let resource = |(name, file): (String, FileResource)| {
            (name.clone(), ResourceType { name, arn: file.arn, condition_keys: file.keys })
        };
        Self {
            actions: file.actions.into_iter().map(action).collect(),
            resource_types: file.resources.into_iter().map(resource).collect(),
            keys: keys(file.keys, false),
        }
    }
}

fn keys(file: BTreeMap<String, String>, global: bool) -> Vec<ConditionKey> {
    let key = |(name, kind): (String, String)| {
        let (multivalued, kind) = match kind.strip_prefix("ArrayOf") {
            Some(kind) => (true, kind),
            None => (false, kind.as_str()),
        };
        let value = match kind {
            "ARN" => ValueType::Arn,
            "Numeric" => ValueType::Numeric,
            "Date" => ValueType::Date,
            "Bool" => ValueType::Bool,
            "IPAddress" => ValueType::IpAddress,
            _ => ValueType::String,
        };
        ConditionKey { name, value, multivalued, global }
    };
    file.into_iter().map(key).collect()
}
