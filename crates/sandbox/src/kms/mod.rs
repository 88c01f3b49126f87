//! KMS: symmetric keys, their policies and aliases (<https://docs.aws.amazon.com/kms/latest/APIReference/>).
//!
//! A key's policy always has a say: the account's own policies count only where the key's policy leaves it to them
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>).

mod alias;
mod create;
mod data_key;
mod describe;
mod for_s3;
mod key;
mod policy;
mod reference;
mod rotation;
mod state;
mod tags;

use firmhold_iam::{ContextValue, Reason};

pub(crate) use self::for_s3::{S3Use, Use};
use self::key::Key;
use crate::account::Accounts;
use crate::authorize::{Ask, ask, refusal};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, denial};
use crate::caller::Caller;
use crate::query::internal_failure;
use crate::records::Records;
use crate::service::Service;

/// What AWS says of a key in another account, whether it is there or not.
const NOT_FOR_OTHERS: &str = "because the resource does not exist in this Region, no resource-based policies allow \
                              access, or a resource-based policy explicitly denies access";

/// The service.
#[derive(Clone)]
pub(crate) struct Kms {
    records: Records,
    accounts: Accounts,
}

impl Kms {
    pub(crate) fn new(records: Records, accounts: Accounts) -> Self {
        Self { records, accounts }
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.action {
            "CreateKey" => self.create_key(call),
            "DescribeKey" => self.describe_key(call),
            "ListKeys" => self.list_keys(call),
            "CreateAlias" => self.create_alias(call),
            "ListAliases" => self.list_aliases(call),
            "DeleteAlias" => self.delete_alias(call),
            "GetKeyPolicy" => self.get_key_policy(call),
            "PutKeyPolicy" => self.put_key_policy(call),
            "EnableKey" => self.enable_key(call),
            "DisableKey" => self.disable_key(call),
            "ScheduleKeyDeletion" => self.schedule_key_deletion(call),
            "CancelKeyDeletion" => self.cancel_key_deletion(call),
            "EnableKeyRotation" => self.enable_key_rotation(call),
            "DisableKeyRotation" => self.disable_key_rotation(call),
            "GetKeyRotationStatus" => self.get_key_rotation_status(call),
            "TagResource" => self.tag_resource(call),
            "ListResourceTags" => self.list_resource_tags(call),
            "GenerateDataKey" => self.generate_data_key(call),
            "Decrypt" => self.decrypt(call),
            _ => Err(call.unknown()),
        }
    }

    /// The key that a call names by id or ARN, if the caller may do with it what it asks.
    fn authorized(&self, call: &Call<'_>, name: &str) -> Result<Key, AwsError> {
        let found = self.find(call.home, name, call.caller, call.action, call.now)?;
        if found.alias.is_some() {
            return Err(not_found(format!("Invalid keyId {name}")));
        }
        about(call, &found.key);
        self.allow(call.caller, call.action, &found.key, None, &[])?;
        Ok(found.key)
    }

    /// Decides on one of KMS's actions on a key. `alias`: by which alias the request names it.
    fn allow(
        &self,
        caller: &Caller,
        action: &str,
        key: &Key,
        alias: Option<&str>,
        further: &[(&str, ContextValue)],
    ) -> Result<(), AwsError> {
        let (action, arn) = (format!("kms:{action}"), key.arn());
        let mut keys = key.condition_keys(&self.aliases_of(key)?);
        keys.extend(alias.map(|alias| ("kms:RequestAlias".to_owned(), alias.into())));
        let account = caller.account.as_deref().unwrap_or_default();
        keys.push(("kms:CallerAccount".to_owned(), account.into()));
        let mut context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        context.extend_from_slice(further);
        let question = Ask {
            action: &action,
            resource: &arn,
            resource_account: Some(&key.account),
            resource_policy: Some(&key.policy),
            trust: None,
            context: &context,
        };
        let decision = ask(caller, &question).map_err(|error| {
            tracing::error!(%error, "a stored policy cannot be read");
            internal_failure()
        })?;
        if decision.is_allowed() {
            return Ok(());
        }
        let own = caller.account.as_deref() == Some(key.account.as_str());
        let at_the_key = decision.trace.reason == Reason::NoResourceAllow;
        let message = match !own && at_the_key {
            true => no_foreign_key(caller, &action, &arn),
            false => refusal(caller, &action, &arn, &decision),
        };
        Err(denial(Service::Kms, message))
    }

    /// Changes a key that is there.
    fn change_key(
        &self,
        key: &Key,
        change: impl FnOnce(&mut Key) -> Result<(), AwsError>,
    ) -> Result<(), AwsError> {
        self.records.change(key.home(), &key.id, |row: &mut Option<Key>| match row {
            Some(key) => change(key),
            None => Err(no_such_key(&key.arn())),
        })
    }
}

/// The log and CloudTrail are told which key a call is about.
fn about(call: &Call<'_>, key: &Key) {
    call.caller.trace.operation(call.action, &key.arn());
    call.caller.trace.owner(&key.account);
}

fn no_foreign_key(caller: &Caller, action: &str, arn: &str) -> String {
    let resource = match action {
        "kms:Decrypt" => "the resource associated with this ciphertext".to_owned(),
        _ => format!("resource: {arn}"),
    };
    format!("User: {} is not authorized to perform: {action} on {resource} {NOT_FOR_OTHERS}", caller.name())
}

fn no_such_key(arn: &str) -> AwsError {
    not_found(format!("Key '{arn}' does not exist"))
}

fn not_found(message: String) -> AwsError {
    AwsError::new(400, "NotFoundException", message)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationException", message)
}
