//! CreateKey, and the key that AWS makes for S3.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::alias::{Alias, S3_ALIAS};
use super::key::{Key, KeyState};
use super::tags::{Tag, read_tags};
use super::{Kms, invalid, policy};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::ids;
use crate::query::{internal_failure, tag_keys};
use crate::records::Home;

const MAX_DESCRIPTION: usize = 8192;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateKey {
    policy: Option<String>,
    #[serde(default)]
    description: String,
    key_usage: Option<String>,
    key_spec: Option<String>,
    customer_master_key_spec: Option<String>,
    origin: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    multi_region: bool,
}

impl CreateKey {
    /// The one kind of key that S3 can use, and the sandbox has.
    fn check(&self) -> Result<(), AwsError> {
        let is = |value: &Option<String>, only: &str| value.as_deref().is_none_or(|value| value == only);
        let plain = is(&self.key_usage, "ENCRYPT_DECRYPT")
            && is(&self.key_spec, "SYMMETRIC_DEFAULT")
            && is(&self.customer_master_key_spec, "SYMMETRIC_DEFAULT")
            && is(&self.origin, "AWS_KMS")
            && !self.multi_region;
        if !plain {
            return Err(AwsError::new(
                400,
                "UnsupportedOperationException",
                "The sandbox has symmetric keys for encryption, of one region and with KMS's own material.",
            ));
        }
        if self.description.chars().count() > MAX_DESCRIPTION {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have \
                 length less than or equal to {MAX_DESCRIPTION}"
            )));
        }
        Ok(())
    }
}

impl Kms {
    pub(super) fn create_key(&self, call: &Call<'_>) -> Answer {
        let input: CreateKey = call.input()?;
        input.check()?;
        let tags = read_tags(&input.tags)?;
        let keys = tag_keys(&tags);
        call.authorize("*", None, &keys)?;
        if !tags.is_empty() {
            call.authorize_as("TagResource", "*", None, &keys)?;
        }
        let policy = input.policy.unwrap_or_else(|| policy::default_policy(call.home.account));
        let key = Key {
            description: input.description,
            tags,
            ..new_key(call.home, ids::request_id(), policy, call.now)?
        };
        self.check_policy(call, &key, &key.policy, input.bypass_policy_lockout_safety_check)?;
        self.records.put(call.home, &key.id, &key)?;
        Ok(json!({"KeyMetadata": key.metadata()}))
    }

    /// The key `aws/s3` of an account and region: made when it is first needed.
    pub(super) fn s3_key(&self, home: Home<'_>, now: Timestamp) -> Result<Key, AwsError> {
        // The same id whoever comes first, so two at once make one key.
        let name = format!("{}/{}/{S3_ALIAS}", home.account, home.region);
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes()).to_string();
        if let Some(key) = self.records.get(home, &id)? {
            return Ok(key);
        }
        let made = Key {
            description: "Default key that protects my S3 objects when no other key is defined".to_owned(),
            aws_managed: true,
            ..new_key(home, id.clone(), policy::s3_policy(home), now)?
        };
        let alias = Alias { name: S3_ALIAS.to_owned(), key_id: id.clone(), created: now };
        self.records.put(home, S3_ALIAS, &alias)?;
        self.records.change(home, &id, |row: &mut Option<Key>| Ok(row.get_or_insert(made).clone()))
    }
}

fn new_key(home: Home<'_>, id: String, policy: String, now: Timestamp) -> Result<Key, AwsError> {
    Ok(Key {
        account: home.account.to_owned(),
        region: home.region.to_owned(),
        id,
        created: now,
        description: String::new(),
        state: KeyState::Enabled,
        aws_managed: false,
        policy,
        tags: BTreeMap::new(),
        rotation: None,
        material: ids::random_key().map_err(|_| internal_failure())?,
    })
}
