//! The owner's account, as we reach it.

use aws_credential_types::provider::SharedCredentialsProvider;
use firmhold_core::{Code, Problem, Timestamp};

use crate::access::{Clients, OwnerAccess};
use crate::credentials::{AskCode, Identity, ProfileFiles, resolve};
use crate::spec::{Place, Spec};

/// The owner's account with the credentials that lead to it.
#[derive(Debug)]
pub struct Owner {
    pub(crate) clients: Clients,
    access: OwnerAccess,
    credentials: SharedCredentialsProvider,
    /// The account, twelve digits.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Who we are there.
    pub arn: String,
}

impl Owner {
    /// Goes the way to the credentials, and asks whose they are. `ask` is for the code of an MFA device.
    ///
    /// # Errors
    /// As [`resolve`]; [`Code::LocalFile`] when the certificates cannot be read.
    pub async fn open(access: &OwnerAccess, ask: &dyn AskCode) -> Result<Self, Problem> {
        let resolved = resolve(access, &ProfileFiles::from_env(), ask).await?;
        let Identity { account, arn, partition } = resolved.identity;
        Ok(Self {
            clients: Clients::open(access, resolved.provider.clone()).await?,
            access: access.clone(),
            credentials: resolved.provider,
            account,
            partition,
            arn,
        })
    }

    /// The same account, for things in another region.
    pub(crate) async fn in_region(&self, region: &str) -> Result<Self, Problem> {
        let access = OwnerAccess { region: region.to_owned(), ..self.access.clone() };
        Ok(Self {
            clients: Clients::open(&access, self.credentials.clone()).await?,
            access,
            credentials: self.credentials.clone(),
            account: self.account.clone(),
            partition: self.partition.clone(),
            arn: self.arn.clone(),
        })
    }

    /// The time there.
    pub(crate) fn now(&self) -> Timestamp {
        self.access.clock.now()
    }

    /// Where these credentials lead.
    pub fn place(&self) -> Place {
        Place { partition: self.partition.clone(), account: self.account.clone() }
    }

    /// INVARIANT: nothing is read or written for a spec of another account.
    pub(crate) fn must_own(&self, spec: &Spec) -> Result<(), Problem> {
        if self.account == spec.account {
            return Ok(());
        }
        Err(Problem::new(
            Code::Usage,
            format!(
                "these credentials are of account {}, and the bucket's owner is {}",
                self.account, spec.account
            ),
        )
        .with_hint("Use credentials of the bucket owner's account (`--aws-profile`)."))
    }
}
