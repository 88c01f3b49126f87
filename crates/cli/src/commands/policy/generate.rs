//! `firmhold policy generate`.

use clap::{Args, Subcommand, ValueEnum};
use firmhold_core::{Code, Problem};
use firmhold_iam::generate::{
    installer_policy, key_policy, key_statement_for_owner, replication_permissions, replication_trust,
};
use firmhold_iam::{
    BackendShape, CdnShape, ReplicaShape, SessionScope, TrustForm, TrustShape, bucket_policy,
    permission_policy, platform_policy, session_policy, trust_policy,
};
use serde_json::Value;

use crate::commands::Outcome;
use crate::printer::Printer;

/// Print a policy that a backend needs
#[derive(Subcommand)]
#[command(after_help = "Examples:\n  \
    firmhold policy generate permissions --account 111122223333 --bucket acme-fw --region us-west-2\n  \
    firmhold policy generate trust --platform-role arn:aws:iam::999999999999:role/firmhold-platform --external-id ID\n\n\
    Everything is printed, nothing is applied.")]
pub enum Generate {
    /// Permission policy of a backend's role: exactly the requests that the platform sends
    Permissions(Backend),
    /// Bucket policy: no plain HTTP, no old TLS, no other key; a CDN's way in
    Bucket(Backend),
    /// Session policy that narrows one session of the role
    Session(Session),
    /// Trust policy of a backend's role
    Trust(Trust),
    /// Policy of the platform's own role
    Platform(Platform),
    /// Policy of a KMS key of the bucket's account
    Key(Backend),
    /// Statement to hand to the owner of a KMS key in another account
    KeyStatement(WithRole),
    /// Permission policy of the role that replicates the bucket
    ReplicationPermissions(Backend),
    /// Trust policy of the role that replicates the bucket
    ReplicationTrust,
    /// Policy for whoever sets the bucket and the role up
    Installer(WithRole),
}

/// The bucket and the name of its role.
#[derive(Args)]
pub struct WithRole {
    #[command(flatten)]
    backend: Backend,
    /// The name of the backend's role
    #[arg(long, value_name = "NAME", default_value = "FirmholdBackend")]
    role_name: String,
}

/// The bucket with its role.
#[derive(Args)]
pub struct Backend {
    /// The account that owns bucket and role
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    account: String,
    /// The bucket
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// The bucket's region
    #[arg(long, value_name = "REGION")]
    region: String,
    /// aws, aws-cn or aws-us-gov [default: told by the region]
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Below which firmware lies
    #[arg(long, value_name = "PREFIX", default_value = "firmhold/")]
    prefix: String,
    /// Below which imports may read
    #[arg(long, value_name = "PREFIX")]
    import_prefix: Option<String>,
    /// The key of SSE-KMS; without it the bucket uses SSE-S3
    #[arg(long, value_name = "ARN")]
    kms_key: Option<String>,
    /// Let the role delete firmware, and not the checks' own objects alone
    #[arg(long)]
    allow_delete: bool,
    /// A replica as BUCKET,REGION or BUCKET,REGION,KEY_ARN; may be given more than once
    #[arg(long, value_name = "REPLICA", value_parser = replica)]
    replica: Vec<ReplicaShape>,
    /// Let a CloudFront distribution read the bucket; `any`: any of the account
    #[arg(long, value_name = "ARN")]
    cdn: Option<String>,
    /// Leave out the reads of the bucket's configuration that verification likes to have
    #[arg(long)]
    no_config_reads: bool,
}

/// A session of the role.
#[derive(Args)]
pub struct Session {
    #[command(flatten)]
    backend: Backend,
    /// What the session is for
    #[arg(long, value_enum, default_value = "read", value_name = "SCOPE")]
    scope: Scope,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scope {
    /// Links, proxying, checks of replicas
    Read,
    /// Uploads, manifests, tags, imports
    Write,
    /// Verification and deletion
    Admin,
}

/// Whom the role trusts.
#[derive(Args)]
pub struct Trust {
    /// The platform's role
    #[arg(long, value_name = "ARN")]
    platform_role: String,
    /// The external ID that the platform made; two during a rotation
    #[arg(long, value_name = "ID", required = true)]
    external_id: Vec<String>,
    /// How the platform is named
    #[arg(long, value_enum, default_value = "account", value_name = "FORM")]
    form: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Its account, narrowed by aws:PrincipalArn: survives the role's being made anew
    Account,
    /// Its role as principal
    Role,
}

/// The platform's own role.
#[derive(Args)]
pub struct Platform {
    /// aws, aws-cn or aws-us-gov
    #[arg(long, value_name = "NAME", default_value = "aws")]
    partition: String,
    /// A customer's account [default: any]; may be given more than once
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    customer: Vec<String>,
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Ok(text.to_owned()) } else { Err("an account is twelve digits".to_owned()) }
}

fn replica(text: &str) -> Result<ReplicaShape, String> {
    let parts: Vec<&str> = text.splitn(3, ',').collect();
    let (bucket, region, key) = match parts.as_slice() {
        [bucket, region] => (*bucket, *region, None),
        [bucket, region, key] => (*bucket, *region, Some((*key).to_owned())),
        _ => return Err("BUCKET,REGION or BUCKET,REGION,KEY_ARN is due".to_owned()),
    };
    match bucket.is_empty() || region.is_empty() {
        true => Err("bucket and region are due".to_owned()),
        false => Ok(ReplicaShape { bucket: bucket.to_owned(), region: region.to_owned(), kms_key_arn: key }),
    }
}

/// The partition of a region.
fn partition_of(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

impl Backend {
    fn shape(self) -> Result<BackendShape, Problem> {
        for prefix in [Some(&self.prefix), self.import_prefix.as_ref()].into_iter().flatten() {
            if !prefix.ends_with('/') {
                let hint = "the slash keeps firmhold-other/ out";
                let detail = format!("a prefix ends with a slash, and {prefix:?} does not");
                return Err(Problem::new(Code::Usage, detail).with_hint(hint));
            }
        }
        let distribution =
            self.cdn.map(|arn| CdnShape { distribution_arn: Some(arn).filter(|arn| arn != "any") });
        Ok(BackendShape {
            partition: self.partition.unwrap_or_else(|| partition_of(&self.region).to_owned()),
            account: self.account,
            bucket: self.bucket,
            region: self.region,
            prefix: self.prefix,
            import_prefix: self.import_prefix,
            kms_key_arn: self.kms_key,
            allow_delete: self.allow_delete,
            replicas: self.replica,
            cdn: distribution,
            config_reads: !self.no_config_reads,
        })
    }
}

impl Trust {
    fn policy(self) -> Result<Value, Problem> {
        let arn = firmhold_iam::Arn::parse(&self.platform_role).filter(|arn| arn.service == "iam");
        let arn = arn.ok_or_else(|| Problem::new(Code::Usage, "--platform-role is not the ARN of a role"))?;
        let shape = TrustShape {
            partition: arn.partition.to_owned(),
            platform_account: arn.account.to_owned(),
            platform_role_arn: self.platform_role.clone(),
            external_ids: self.external_id,
        };
        let form = match self.form {
            Form::Account => TrustForm::AccountWithPrincipalArn,
            Form::Role => TrustForm::RoleArn,
        };
        Ok(trust_policy(&shape, form))
    }
}

impl Generate {
    /// Prints the document.
    ///
    /// # Errors
    /// Arguments that make no sense.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let document = match self {
            Self::Permissions(backend) => permission_policy(&backend.shape()?),
            Self::Bucket(backend) => bucket_policy(&backend.shape()?),
            Self::Session(session) => {
                let scope = match session.scope {
                    Scope::Read => SessionScope::Read,
                    Scope::Write => SessionScope::Write,
                    Scope::Admin => SessionScope::Admin,
                };
                session_policy(&session.backend.shape()?, scope)
            }
            Self::Trust(trust) => trust.policy()?,
            Self::Platform(platform) => {
                let customers: Vec<&str> = platform.customer.iter().map(String::as_str).collect();
                platform_policy(&platform.partition, &customers)
            }
            Self::Key(backend) => key_policy(&backend.shape()?),
            Self::KeyStatement(with) => {
                let shape = with.backend.shape()?;
                let role = format!("arn:{}:iam::{}:role/{}", shape.partition, shape.account, with.role_name);
                key_statement_for_owner(&shape, &role)
            }
            Self::ReplicationPermissions(backend) => {
                let shape = backend.shape()?;
                if shape.replicas.is_empty() {
                    let detail = "a replication role needs a bucket to replicate to";
                    return Err(
                        Problem::new(Code::Usage, detail).with_hint("--replica BUCKET,REGION names it")
                    );
                }
                replication_permissions(&shape)
            }
            Self::ReplicationTrust => replication_trust(),
            Self::Installer(with) => installer_policy(&with.backend.shape()?, &with.role_name),
        };
        printer.json_document(&document);
        Ok(Outcome::Done)
    }
}
