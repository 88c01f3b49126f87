//! TagResource, ListResourceTags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kms, about};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::query::tag_keys;

const MAX_TAGS: usize = 50;

/// A tag as KMS writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    tag_key: String,
    tag_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    key_id: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListResourceTags {
    key_id: String,
}

impl Kms {
    pub(super) fn tag_resource(&self, call: &Call<'_>) -> Answer {
        let input: TagResource = call.input()?;
        let tags = read_tags(&input.tags)?;
        let key = self.find(call.home, &input.key_id, call.caller, call.action, call.now)?.key;
        about(call, &key);
        let keys = tag_keys(&tags);
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        self.allow(call.caller, call.action, &key, None, &keys)?;
        self.change_key(&key, |key| {
            key.check_not_pending()?;
            key.tags.extend(tags);
            check_count(key.tags.len())
        })?;
        Ok(Value::Null)
    }

    pub(super) fn list_resource_tags(&self, call: &Call<'_>) -> Answer {
        let input: ListResourceTags = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        let tags: Vec<Value> =
            key.tags.iter().map(|(name, value)| json!({"TagKey": name, "TagValue": value})).collect();
        Ok(json!({"Tags": tags, "Truncated": false}))
    }
}

/// Holds tags to KMS's limits.
pub(super) fn read_tags(tags: &[Tag]) -> Result<BTreeMap<String, String>, AwsError> {
    check_count(tags.len())?;
    let fits =
        |tag: &Tag| (1..=128).contains(&tag.tag_key.chars().count()) && tag.tag_value.chars().count() <= 256;
    if !tags.iter().all(fits) || tags.iter().any(|tag| tag.tag_key.starts_with("aws:")) {
        return Err(AwsError::new(400, "TagException", "A tag's key or value is not valid."));
    }
    Ok(tags.iter().map(|tag| (tag.tag_key.clone(), tag.tag_value.clone())).collect())
}

fn check_count(count: usize) -> Result<(), AwsError> {
    match count <= MAX_TAGS {
        true => Ok(()),
        false => Err(AwsError::new(400, "LimitExceededException", "A key has at most 50 tags.")),
    }
}
