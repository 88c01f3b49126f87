//! DescribeKey, ListKeys.

use serde::Deserialize;
use serde_json::{Value, json};

use super::key::Key;
use super::{Kms, about};
use crate::call::{Answer, Call, page};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeKey {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListKeys {
    limit: Option<usize>,
    marker: Option<String>,
}

impl Kms {
    pub(super) fn describe_key(&self, call: &Call<'_>) -> Answer {
        let input: DescribeKey = call.input()?;
        let found = self.find(call.home, &input.key_id, call.caller, call.action, call.now)?;
        about(call, &found.key);
        self.allow(call.caller, call.action, &found.key, found.alias.as_deref(), &[])?;
        Ok(json!({"KeyMetadata": found.key.metadata()}))
    }

    pub(super) fn list_keys(&self, call: &Call<'_>) -> Answer {
        let input: ListKeys = call.input()?;
        call.authorize("*", None, &[])?;
        let mut keys: Vec<Key> = self.records.all(call.home)?;
        keys.retain(|key| !key.is_gone(call.now));
        let limit = input.limit.unwrap_or(100).clamp(1, 1000);
        let (page, next) = page(keys, limit, input.marker.as_deref(), |key| &key.id);
        let keys: Vec<Value> = page.iter().map(|key| json!({"KeyId": key.id, "KeyArn": key.arn()})).collect();
        let mut answer = json!({"Keys": keys, "Truncated": next.is_some()});
        if let Some(next) = next {
            answer["NextMarker"] = next.into();
        }
        Ok(answer)
    }
}
