//! CreateAlias, ListAliases, DeleteAlias.

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::Key;
use super::{Kms, not_found};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, epoch, page};
use crate::records::{Home, Row};

/// The alias of the key that AWS makes for S3.
pub(super) const S3_ALIAS: &str = "alias/aws/s3";

/// Another name for a key of the same account and region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alias {
    /// `alias/NAME`
    pub(super) name: String,
    pub(super) key_id: String,
    pub(super) created: Timestamp,
}

impl Row for Alias {
    const KIND: &'static str = "kms-alias";
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateAlias {
    alias_name: String,
    target_key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteAlias {
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListAliases {
    key_id: Option<String>,
    limit: Option<usize>,
    marker: Option<String>,
}

impl Kms {
    /// Needs leave for the alias and for the key.
    pub(super) fn create_alias(&self, call: &Call<'_>) -> Answer {
        let input: CreateAlias = call.input()?;
        check_name(&input.alias_name)?;
        let key = self.authorized(call, &input.target_key_id)?;
        call.authorize(&call.home.arn("kms", &input.alias_name), None, &[])?;
        key.check_not_pending()?;
        let alias = Alias { name: input.alias_name.clone(), key_id: key.id, created: call.now };
        self.records.change(call.home, &input.alias_name, |row: &mut Option<Alias>| {
            if row.is_some() {
                let arn = call.home.arn("kms", &alias.name);
                return Err(AwsError::new(
                    400,
                    "AlreadyExistsException",
                    format!("An alias with the name {arn} already exists"),
                ));
            }
            *row = Some(alias);
            Ok(())
        })?;
        Ok(Value::Null)
    }

    pub(super) fn delete_alias(&self, call: &Call<'_>) -> Answer {
        let input: DeleteAlias = call.input()?;
        check_name(&input.alias_name)?;
        let arn = call.home.arn("kms", &input.alias_name);
        call.authorize(&arn, None, &[])?;
        let alias: Option<Alias> = self.records.get(call.home, &input.alias_name)?;
        let alias = alias.ok_or_else(|| not_found(format!("Alias {arn} is not found.")))?;
        // A key that is gone cannot forbid that its alias goes, too.
        if let Some(key) =
            self.records.get::<Key>(call.home, &alias.key_id)?.filter(|key| !key.is_gone(call.now))
        {
            self.allow(call.caller, call.action, &key, None, &[])?;
        }
        self.records.remove::<Alias>(call.home, &input.alias_name)?;
        Ok(Value::Null)
    }

    pub(super) fn list_aliases(&self, call: &Call<'_>) -> Answer {
        let input: ListAliases = call.input()?;
        call.authorize("*", None, &[])?;
        let mut aliases: Vec<Alias> = self.records.all(call.home)?;
        if let Some(name) = &input.key_id {
            let key = self.find(call.home, name, call.caller, call.action, call.now)?.key;
            aliases.retain(|alias| alias.key_id == key.id);
        }
        let (page, next) =
            page(aliases, input.limit.unwrap_or(50).clamp(1, 100), input.marker.as_deref(), |alias| {
                &alias.name
            });
        let aliases: Vec<Value> = page.iter().map(|alias| described(call.home, alias)).collect();
        let mut answer = json!({"Aliases": aliases, "Truncated": next.is_some()});
        if let Some(next) = next {
            answer["NextMarker"] = next.into();
        }
        Ok(answer)
    }

    /// The names of a key's aliases.
    pub(super) fn aliases_of(&self, key: &Key) -> Result<Vec<String>, AwsError> {
        let aliases: Vec<Alias> = self.records.all(key.home())?;
        Ok(aliases.into_iter().filter(|alias| alias.key_id == key.id).map(|alias| alias.name).collect())
    }
}

fn described(home: Home<'_>, alias: &Alias) -> Value {
    json!({
        "AliasName": alias.name,
        "AliasArn": home.arn("kms", &alias.name),
        "TargetKeyId": alias.key_id,
        "CreationDate": epoch(alias.created),
        "LastUpdatedDate": epoch(alias.created),
    })
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
    if rest.is_empty() || name.len() > 256 || !rest.chars().all(valid) {
        return Err(AwsError::new(
            400,
            "InvalidAliasNameException",
            "Alias must start with the prefix \"alias/\". Please see \
             http://docs.aws.amazon.com/kms/latest/developerguide/programming-aliases.html",
        ));
    }
    if rest.starts_with("aws/") {
        return Err(AwsError::new(
            400,
            "NotAuthorizedException",
            "Aliases that start with alias/aws/ are AWS's own.",
        ));
    }
    Ok(())
}
