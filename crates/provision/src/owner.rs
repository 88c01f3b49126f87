//! The owner's account, as we reach it.

use firmhold_core::{Code, Problem};

use crate::access::{Clients, OwnerAccess};
use crate::refusal::problem;
use crate::spec::{Place, Spec};

/// The owner's account with the credentials that lead to it.
#[derive(Debug)]
pub struct Owner {
    pub(crate) clients: Clients,
    access: OwnerAccess,
    /// The account, twelve digits.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Who we are there.
    pub arn: String,
}

impl Owner {
    /// Asks whose credentials these are.
    ///
    /// # Errors
    /// [`Code::StoreDenied`] or [`Code::StoreFailed`] when AWS does not say, [`Code::LocalFile`] when the certificates
    /// cannot be read.
    pub async fn open(access: &OwnerAccess) -> Result<Self, Problem> {
        let clients = Clients::open(access).await?;
        let answer = clients.sts.get_caller_identity().send().await;
        let identity = answer.map_err(|error| problem("sts:GetCallerIdentity", "the caller", error))?;
        let arn = identity.arn.unwrap_or_default();
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Self {
            clients,
            access: access.clone(),
            account: identity.account.unwrap_or_default(),
            partition,
            arn,
        })
    }

    /// The same account, for things in another region.
    pub(crate) async fn in_region(&self, region: &str) -> Result<Self, Problem> {
        let access = OwnerAccess { region: region.to_owned(), ..self.access.clone() };
        Ok(Self {
            clients: Clients::open(&access).await?,
            access,
            account: self.account.clone(),
            partition: self.partition.clone(),
            arn: self.arn.clone(),
        })
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
