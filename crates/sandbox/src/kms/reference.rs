//! How requests name keys: by id, ARN, alias or alias ARN
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>).

use firmhold_core::Timestamp;
use firmhold_iam::Arn;

use super::alias::{Alias, S3_ALIAS};
use super::key::Key;
use super::{Kms, no_foreign_key, no_such_key, not_found};
use crate::aws_error::AwsError;
use crate::call::denial;
use crate::caller::Caller;
use crate::records::Home;
use crate::service::Service;

/// A key that was found.
pub(super) struct Found {
    pub(super) key: Key,
    /// The alias that it was named by, as `alias/NAME`.
    pub(super) alias: Option<String>,
}

impl Kms {
    /// The key that `caller` means by `name`. What is not in its own account is refused like what it must not use.
    pub(super) fn find(
        &self,
        home: Home<'_>,
        name: &str,
        caller: &Caller,
        action: &str,
        now: Timestamp,
    ) -> Result<Found, AwsError> {
        let (home, resource) = match Arn::parse(name) {
            Some(arn) if arn.service == "kms" => {
                if arn.region != home.region {
                    return Err(not_found(format!("Invalid arn {}", arn.region)));
                }
                (Home { account: arn.account, region: arn.region }, arn.resource)
            }
            Some(_) => return Err(not_found(format!("Invalid arn {name}"))),
            None => (home, name),
        };
        let found = match resource.starts_with("alias/") {
            true => self.find_by_alias(home, resource, now),
            false => self.find_by_id(home, resource, now),
        };
        match found {
            Err(error)
                if error.code == "NotFoundException" && caller.account.as_deref() != Some(home.account) =>
            {
                let arn = home.arn("kms", resource);
                Err(denial(Service::Kms, no_foreign_key(caller, &format!("kms:{action}"), &arn)))
            }
            found => found,
        }
    }

    fn find_by_id(&self, home: Home<'_>, resource: &str, now: Timestamp) -> Result<Found, AwsError> {
        let id = resource.strip_prefix("key/").unwrap_or(resource);
        if uuid::Uuid::try_parse(id).is_err() {
            return Err(not_found(format!("Invalid keyId '{id}'")));
        }
        let key: Option<Key> = self.records.get(home, id)?;
        match key.filter(|key| !key.is_gone(now)) {
            Some(key) => Ok(Found { key, alias: None }),
            None => Err(no_such_key(&home.arn("kms", &format!("key/{id}")))),
        }
    }

    fn find_by_alias(&self, home: Home<'_>, name: &str, now: Timestamp) -> Result<Found, AwsError> {
        if name == S3_ALIAS {
            return Ok(Found { key: self.s3_key(home, now)?, alias: Some(name.to_owned()) });
        }
        let alias: Option<Alias> = self.records.get(home, name)?;
        let key = alias.map(|alias| self.find_by_id(home, &alias.key_id, now)).transpose()?;
        match key {
            Some(found) => Ok(Found { alias: Some(name.to_owned()), ..found }),
            None => Err(not_found(format!("Alias {} is not found.", home.arn("kms", name)))),
        }
    }
}
