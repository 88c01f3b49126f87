//! From a profile to an identity.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use firmhold_core::{Code, Problem};
use serde::Serialize;

use super::chain::{Base, Chain, RoleLink, trace};
use super::held::Held;
use super::profile_file::{Keys, ProfileFiles};
use super::refusal::{self, Place};
use crate::access::{OwnerAccess, OwnerCredentials, loader};
use crate::naming::session_name;
use crate::region::partition;

/// A program may ask its user for a password; longer than this nobody types.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks for the code of an MFA device.
pub trait AskCode: Sync {
    /// The six digits that `device` shows now; `None` if nobody can be asked.
    fn ask(&self, device: &str) -> Option<String>;
}

/// Nobody is there.
#[derive(Debug, Clone, Copy)]
pub struct NoTerminal;

impl AskCode for NoTerminal {
    fn ask(&self, _device: &str) -> Option<String> {
        None
    }
}

/// Who one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// `arn:aws:sts::…:assumed-role/…` or a user's.
    pub arn: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
}

/// Credentials that work.
#[derive(Debug)]
pub struct Resolved {
    /// The way to them.
    pub chain: Chain,
    /// Whose they are.
    pub identity: Identity,
    /// They, renewed as long as the way leads.
    pub provider: SharedCredentialsProvider,
}

/// Goes the way of `access` and asks AWS who one is at its end.
///
/// # Errors
/// One sentence on the link that broke, with what mends it: [`Code::Usage`] for profiles that lead nowhere, a code that
/// is needed and nobody to ask, and a region of another partition; [`Code::StoreDenied`] for what AWS does not take;
/// [`Code::StsFailed`] where it does not answer, or throttles.
pub async fn resolve(
    access: &OwnerAccess,
    files: &ProfileFiles,
    ask: &dyn AskCode,
) -> Result<Resolved, Problem> {
    let chain = chain(access, files)?;
    let walk = Walk { access, chain: &chain, files, ask };
    let done = walk.assumed_already()?;
    let mut provider = walk.base().await?;
    for (at, role) in chain.roles.iter().enumerate().skip(done) {
        provider = walk.role(at, role, provider).await?;
    }
    let identity = walk.identity(&provider).await?;
    Ok(Resolved { identity, provider, chain })
}

/// What is said on the command line comes first, then the environment, as in the SDKs.
fn chain(access: &OwnerAccess, files: &ProfileFiles) -> Result<Chain, Problem> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match &access.credentials {
        OwnerCredentials::Static { .. } => Ok(Chain::without_profile(Base::Given)),
        OwnerCredentials::Profile(name) => trace(files, name),
        OwnerCredentials::Default => {
            if set("AWS_ACCESS_KEY_ID").is_some() {
                return Ok(Chain::without_profile(Base::Environment));
            }
            if let Some(name) = set("AWS_PROFILE") {
                return trace(files, &name);
            }
            if files.read()?.profile("default").is_some_and(|settings| settings.has_credentials()) {
                return trace(files, "default");
            }
            Ok(match (set("AWS_WEB_IDENTITY_TOKEN_FILE"), set("AWS_ROLE_ARN")) {
                (Some(token_file), Some(role_arn)) => {
                    Chain::without_profile(Base::WebIdentity { token_file, role_arn })
                }
                _ => Chain::without_profile(Base::Ambient),
            })
        }
    }
}

struct Walk<'a> {
    access: &'a OwnerAccess,
    chain: &'a Chain,
    files: &'a ProfileFiles,
    ask: &'a dyn AskCode,
}

impl Walk<'_> {
    async fn config(&self, provider: &SharedCredentialsProvider) -> Result<SdkConfig, Problem> {
        Ok(loader(self.access).await?.credentials_provider(provider.clone()).load().await)
    }

    /// The base's credentials, asked for once.
    async fn base(&self) -> Result<SharedCredentialsProvider, Problem> {
        let plain = loader(self.access).await?;
        let given = |keys: Keys| Credentials::new(keys.id, keys.secret, keys.token, None, "owner");
        let loader = match (&self.access.credentials, &self.chain.base_profile) {
            (OwnerCredentials::Static { access_key_id, secret_access_key, session_token }, _) => {
                let secret = secret_access_key.expose().to_owned();
                let token = session_token.as_ref().map(|token| token.expose().to_owned());
                plain.credentials_provider(given(Keys { id: access_key_id.clone(), secret, token }))
            }
            // Keys and a role in one section: aws-config would not stop at the keys.
            (_, Some(profile)) => match self.files.keys(profile)?.filter(|_| self.chain.has_role_at_base()) {
                Some(keys) => plain.credentials_provider(given(keys)),
                None => plain.profile_name(profile),
            },
            (_, None) => plain,
        };
        let config = loader.load().await;
        let found =
            config.credentials_provider().ok_or_else(|| Problem::internal("no provider of credentials"))?;
        let held = SharedCredentialsProvider::new(Held::new(found, self.access.clock.clone()));
        self.check(&held, Place::Base).await?;
        Ok(held)
    }

    /// How many of the roles aws-config assumes by itself, because they stand in the base's own section.
    fn assumed_already(&self) -> Result<usize, Problem> {
        let own = self.chain.roles.first().filter(|_| self.chain.has_role_at_base());
        let Some(role) = own.filter(|_| !matches!(self.chain.base, Base::Keys { .. })) else { return Ok(0) };
        if role.mfa_serial.is_some() {
            return Err(Problem::new(
                Code::Usage,
                format!("{role} needs a code, which cannot be asked for where its source stands in the same profile"),
            )
            .with_hint("Give the source a profile of its own, and name it by source_profile."));
        }
        Ok(1)
    }

    async fn role(
        &self,
        at: usize,
        role: &RoleLink,
        from: SharedCredentialsProvider,
    ) -> Result<SharedCredentialsProvider, Problem> {
        let config = self.config(&from).await?;
        let name = role.session_name.clone().unwrap_or_else(|| session_name("account", &role.profile));
        if let Some(device) = &role.mfa_serial {
            return self.role_with_mfa(at, role, device, &name, &config).await;
        }
        let mut builder = AssumeRoleProvider::builder(&role.role_arn).session_name(name).configure(&config);
        if let Some(external_id) = &role.external_id {
            builder = builder.external_id(external_id);
        }
        let provider = SharedCredentialsProvider::new(builder.build_from_provider(from).await);
        let held = SharedCredentialsProvider::new(Held::new(provider, self.access.clock.clone()));
        self.check(&held, Place::Role(at)).await?;
        Ok(held)
    }

    /// The SDK leaves `mfa_serial` aside, and the role would refuse.
    async fn role_with_mfa(
        &self,
        at: usize,
        role: &RoleLink,
        device: &str,
        name: &str,
        config: &SdkConfig,
    ) -> Result<SharedCredentialsProvider, Problem> {
        let code = self.ask.ask(device).ok_or_else(|| {
            Problem::new(
                Code::Usage,
                format!("{role} needs a code of {device}, and there is no terminal to ask on"),
            )
            .with_hint("Give it: `--mfa-code 123456`. For machines use a role without MFA, by web identity.")
        })?;
        if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Problem::new(
                Code::Usage,
                "the MFA code must be the six digits that the device shows",
            ));
        }
        let answer = aws_sdk_sts::Client::new(config)
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(name)
            .set_external_id(role.external_id.clone())
            .serial_number(device)
            .token_code(code)
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let aws = error
                .code()
                .zip(error.message())
                .map(|(code, message)| (code.to_owned(), message.to_owned()));
            if aws.as_ref().is_some_and(|(_, message)| message.contains("MultiFactorAuthentication failed")) {
                return Problem::new(
                    Code::StoreDenied,
                    format!("AWS did not take the code of {device} for {role}"),
                )
                .with_hint("A code is good for half a minute and only once: wait for the next one.");
            }
            let aws = aws.as_ref().map(|(code, message)| (code.as_str(), message.as_str()));
            refusal::problem(self.chain, Place::Role(at), &self.access.region, aws, error)
        })?;
        let session = answer.credentials.ok_or_else(|| Problem::internal("STS answered no credentials"))?;
        let end = session.expiration.to_millis().map_err(Problem::internal)?;
        let end = firmhold_core::Timestamp::from_millis(end).to_system_time();
        let credentials = Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            Some(end),
            "mfa",
        );
        Ok(SharedCredentialsProvider::new(credentials))
    }

    async fn check(&self, provider: &SharedCredentialsProvider, place: Place) -> Result<(), Problem> {
        let answer = tokio::time::timeout(PATIENCE, provider.provide_credentials()).await;
        let answer = answer.map_err(|_| {
            let links = self.chain.links();
            let link = match place {
                Place::Role(at) => links.get(at + 1),
                Place::Base | Place::Identity => links.first(),
            };
            Problem::new(
                Code::StsFailed,
                format!("{} gave no credentials for three minutes", link.map_or("the chain", String::as_str)),
            )
        })?;
        answer.map(drop).map_err(|error| {
            let aws = aws_of(&error);
            let aws = aws.as_ref().map(|(code, message)| (code.as_str(), message.as_str()));
            refusal::problem(self.chain, place, &self.access.region, aws, error)
        })
    }

    async fn identity(&self, provider: &SharedCredentialsProvider) -> Result<Identity, Problem> {
        let config = self.config(provider).await?;
        let answer =
            aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.map_err(|error| {
                let aws = error
                    .code()
                    .zip(error.message())
                    .map(|(code, message)| (code.to_owned(), message.to_owned()));
                let aws = aws.as_ref().map(|(code, message)| (code.as_str(), message.as_str()));
                refusal::problem(self.chain, Place::Identity, &self.access.region, aws, error)
            })?;
        let arn = answer.arn.unwrap_or_default();
        let of = arn.split(':').nth(1).unwrap_or_default().to_owned();
        let wanted = partition(&self.access.region);
        if of != wanted {
            return Err(Problem::new(
                Code::Usage,
                format!(
                    "these credentials are of the partition {of}, and {} is a region of {wanted}",
                    self.access.region
                ),
            )
            .with_hint(
                "Accounts do not reach across partitions: use credentials of an account in that one.",
            ));
        }
        Ok(Identity { account: answer.account.unwrap_or_default(), arn, partition: of })
    }
}

/// AWS's code and message, wherever in the chain of causes they stand.
fn aws_of(error: &(dyn std::error::Error + 'static)) -> Option<(String, String)> {
    let mut at = Some(error);
    while let Some(error) = at {
        let found = error
            .downcast_ref::<aws_sdk_sts::operation::assume_role::AssumeRoleError>()
            .map(|error| error.meta().clone())
            .or_else(|| {
                let error = error
                    .downcast_ref::<aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError>();
                error.map(|error| error.meta().clone())
            });
        if let Some(meta) = found {
            return meta.code().map(|code| (code.to_owned(), meta.message().unwrap_or_default().to_owned()));
        }
        at = error.source();
    }
    None
}
