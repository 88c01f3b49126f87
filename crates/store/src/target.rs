//! What the store needs to know of a backend.

use std::hash::{Hash, Hasher};

use firmhold_core::backend::{Capabilities, Encryption, Replica};
use firmhold_core::{Backend, Prefix, Problem, RoleArn, problem::Code};
use firmhold_iam::{BackendShape, CdnShape, ReplicaShape};
use uuid::Uuid;

use crate::config::StaticKeys;
use crate::endpoint::Endpoint;

/// One bucket and the way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The backend's id; part of the session's name, so that the owner's CloudTrail names the backend.
    pub id: Uuid,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The bucket's name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Below which all our keys lie.
    pub prefix: Prefix,
    /// Below which imports may read.
    pub import_prefix: Option<String>,
    /// How we get in.
    pub access: Access,
    /// What every object must be encrypted with.
    pub encryption: Encryption,
    /// Whether firmware may be deleted, and not our probes alone.
    pub allow_delete: bool,
    /// Copies that the owner's replication fills.
    pub replicas: Vec<Replica>,
    /// The CloudFront distribution that may read the bucket, if there is one.
    pub cdn: Option<CdnShape>,
}

/// The two ways into a bucket (API contract 12.2): there is no third, and no mixture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// AWS: a role of the bucket's account, assumed with an external ID.
    Role(RoleAccess),
    /// An S3-compatible store: a key pair at its endpoint.
    Keys(KeyAccess),
}

/// A role, and how it is assumed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleAccess {
    /// The account that owns the bucket, which is the role's: the expected owner of every call of ours (T36).
    pub account: String,
    /// The role to assume.
    pub role_arn: String,
    /// External IDs, preferred first: during a rotation the new one, then the old (API contract 12.3).
    pub external_ids: Vec<String>,
    /// AWS's FIPS hosts.
    pub use_fips: bool,
    /// AWS's dual-stack hosts.
    pub use_dualstack: bool,
}

/// A key pair at an endpoint, and what the store there was found to be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyAccess {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The key pair. A changed one makes another target, and so another session.
    pub keys: StaticKeys,
    /// Whether the bucket's name must not be in the host's.
    pub path_style: bool,
    /// What verification found; all `None` before it.
    pub capabilities: Capabilities,
}

impl KeyAccess {
    /// Whether the bucket's name goes into the path: because it must, or because the store was not found to answer
    /// otherwise.
    pub fn uses_path_style(&self) -> bool {
        self.path_style || self.capabilities.virtual_hosts != Some(true)
    }
}

impl Access {
    /// The role, if that is the way.
    pub const fn role(&self) -> Option<&RoleAccess> {
        match self {
            Self::Role(role) => Some(role),
            Self::Keys(_) => None,
        }
    }

    /// The key pair, if that is the way.
    pub const fn keys(&self) -> Option<&KeyAccess> {
        match self {
            Self::Keys(keys) => Some(keys),
            Self::Role(_) => None,
        }
    }

    fn of(backend: &Backend, keys: Option<StaticKeys>) -> Result<Self, Problem> {
        let no_way = |text: &str| Problem::new(Code::BackendNotWritable, text);
        if let Some(url) = &backend.endpoint_url {
            let none = "the backend has no credentials_ref yet: nothing leads to its bucket";
            return Ok(Self::Keys(KeyAccess {
                endpoint: Endpoint::parse(url).map_err(|cause| no_way(cause.0).caused_by(cause))?,
                keys: keys.ok_or_else(|| no_way(none))?,
                path_style: backend.path_style,
                capabilities: backend.capabilities,
            }));
        }
        let no_role = || no_way("the backend has no role yet: nothing leads to its bucket");
        let role_arn = backend.role_arn.as_deref().ok_or_else(no_role)?;
        let role: RoleArn = role_arn.parse().map_err(|cause| no_role().caused_by(cause))?;
        Ok(Self::Role(RoleAccess {
            account: role.account,
            role_arn: role_arn.to_owned(),
            external_ids: backend.external_id_next.iter().chain(&backend.external_id).cloned().collect(),
            use_fips: backend.use_fips,
            use_dualstack: backend.use_dualstack,
        }))
    }
}

impl Target {
    /// The target of a backend; `keys` are what its `credentials_ref` names.
    ///
    /// # Errors
    /// [`Code::BackendNotWritable`] while nothing leads to the bucket: neither a role, nor a key pair at an endpoint.
    pub fn of(backend: &Backend, keys: Option<StaticKeys>) -> Result<Self, Problem> {
        Ok(Self {
            id: backend.meta.prn.id,
            partition: backend.partition.clone(),
            access: Access::of(backend, keys)?,
            bucket: backend.bucket.clone(),
            region: backend.region.clone(),
            prefix: backend.prefix.clone(),
            import_prefix: backend.import_prefix.clone(),
            encryption: backend.encryption.clone(),
            allow_delete: backend.allow_delete,
            replicas: backend.replicas.clone(),
            cdn: backend.cdn.as_ref().map(|_| CdnShape { distribution_arn: None }),
        })
    }

    /// The account that owns the bucket, stated with every call; none at an S3-compatible store, which has no such
    /// accounts.
    pub fn owner(&self) -> Option<&str> {
        self.access.role().map(|role| role.account.as_str())
    }

    /// What the store was found to be able to do. Of AWS all is known, so nothing is left out there.
    pub fn capabilities(&self) -> Capabilities {
        self.access.keys().map(|keys| keys.capabilities).unwrap_or_default()
    }

    /// The same target, taken to be able to do this.
    #[must_use]
    pub fn with_capabilities(mut self, found: Capabilities) -> Self {
        if let Access::Keys(keys) = &mut self.access {
            keys.capabilities = found;
        }
        self
    }

    /// The `index`-th replica as a target of its own: with its bucket, region, key and, where it has one, role, whose
    /// account then owns the replica's bucket (API contract 12.2).
    pub fn replica(&self, index: usize) -> Option<Self> {
        let replica = self.replicas.get(index)?;
        let encryption = match (&replica.kms_key_arn, &self.encryption) {
            (Some(key), _) => Encryption::SseKms { kms_key_arn: key.clone() },
            (None, Encryption::None) => Encryption::None,
            (None, _) => Encryption::SseS3,
        };
        let mut access = self.access.clone();
        if let (Access::Role(role), Some(role_arn)) = (&mut access, &replica.role_arn) {
            // One that is no role's ARN cannot be assumed either; which account it is said to be in does not matter
            // then.
            if let Ok(arn) = role_arn.parse::<RoleArn>() {
                role.account = arn.account;
            }
            role.role_arn.clone_from(role_arn);
        }
        Some(Self {
            access,
            bucket: replica.bucket.clone(),
            region: replica.region.clone(),
            encryption,
            replicas: Vec::new(),
            cdn: None,
            ..self.clone()
        })
    }

    /// What the policy generators need to know.
    pub fn shape(&self) -> BackendShape {
        BackendShape {
            partition: self.partition.clone(),
            account: self.owner().unwrap_or_default().to_owned(),
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            prefix: self.prefix.as_str().to_owned(),
            import_prefix: self.import_prefix.clone(),
            kms_key_arn: self.kms_key_arn().map(str::to_owned),
            allow_delete: self.allow_delete,
            replicas: self.replicas.iter().map(replica_shape).collect(),
            cdn: self.cdn.clone(),
            config_reads: true,
        }
    }

    /// The key of SSE-KMS.
    pub fn kms_key_arn(&self) -> Option<&str> {
        match &self.encryption {
            Encryption::SseKms { kms_key_arn } => Some(kms_key_arn),
            Encryption::SseS3 | Encryption::None => None,
        }
    }

    /// A hash of all fields, to look sessions up by. Whoever finds one compares the target itself.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.access.hash(state);
        self.bucket.hash(state);
        self.region.hash(state);
        self.prefix.hash(state);
        self.import_prefix.hash(state);
        self.kms_key_arn().hash(state);
        self.allow_delete.hash(state);
    }
}

fn replica_shape(replica: &Replica) -> ReplicaShape {
    ReplicaShape {
        bucket: replica.bucket.clone(),
        region: replica.region.clone(),
        kms_key_arn: replica.kms_key_arn.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn target() -> Target {
        Target {
            id: Uuid::from_u128(7),
            partition: "aws".to_owned(),
            access: Access::Role(RoleAccess {
                account: "111122223333".to_owned(),
                role_arn: "arn:aws:iam::111122223333:role/FirmholdBackend".to_owned(),
                external_ids: vec!["fh-new".to_owned(), "fh-old".to_owned()],
                use_fips: false,
                use_dualstack: false,
            }),
            bucket: "acme-firmware".to_owned(),
            region: "us-west-2".to_owned(),
            prefix: Prefix::default(),
            import_prefix: None,
            encryption: Encryption::SseS3,
            allow_delete: false,
            replicas: Vec::new(),
            cdn: None,
        }
    }

    /// The target with its role changed.
    pub(crate) fn with_role(change: impl FnOnce(&mut RoleAccess)) -> Target {
        let mut target = target();
        if let Access::Role(role) = &mut target.access {
            change(role);
        }
        target
    }

    /// A target at an endpoint.
    pub(crate) fn keyed(url: &str) -> Target {
        let access = KeyAccess {
            endpoint: Endpoint::parse(url).unwrap(),
            keys: StaticKeys::new("AKID", "hunter2"),
            path_style: false,
            capabilities: Capabilities::default(),
        };
        Target { access: Access::Keys(access), ..target() }
    }

    #[test]
    fn a_key_pair_is_part_of_the_target_and_not_shown() {
        let one = keyed("https://s3.example.com");
        assert!(!format!("{one:?}").contains("hunter2"));
        let mut other = one.clone();
        if let Access::Keys(access) = &mut other.access {
            access.keys = StaticKeys::new("AKID", "hunter3");
        }
        assert_ne!(one, other);
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!((one.owner(), one.shape().account.as_str()), (None, ""));
    }

    #[test]
    fn the_bucket_is_in_the_host_only_where_that_was_found_to_work() {
        let found = |works| Capabilities { virtual_hosts: works, ..Capabilities::default() };
        let style = |target: Target| target.access.keys().unwrap().uses_path_style();
        let target = keyed("https://s3.example.com");
        assert!(style(target.clone()) && style(target.clone().with_capabilities(found(Some(false)))));
        assert!(!style(target.with_capabilities(found(Some(true)))));
    }

    #[test]
    fn whatever_a_session_depends_on_is_in_the_fingerprint() {
        let one = target();
        let others = [
            Target { bucket: "x".to_owned(), ..one.clone() },
            with_role(|role| role.role_arn = "x".to_owned()),
            with_role(|role| role.external_ids = vec!["fh-old".to_owned()]),
            Target { prefix: "x".parse().unwrap(), ..one.clone() },
            Target { allow_delete: true, ..one.clone() },
            Target { encryption: Encryption::SseKms { kms_key_arn: "x".to_owned() }, ..one.clone() },
        ];
        for other in others {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{other:?}");
        }
        assert_eq!(one.fingerprint(), one.clone().fingerprint());
    }

    #[test]
    fn a_replica_is_a_target_of_its_own() {
        let replica = Replica {
            bucket: "acme-firmware-eu".to_owned(),
            region: "eu-central-1".to_owned(),
            role_arn: None,
            kms_key_arn: None,
        };
        let target = Target { replicas: vec![replica], ..target() };
        let replica = target.replica(0).unwrap();
        assert_eq!((replica.bucket.as_str(), replica.region.as_str()), ("acme-firmware-eu", "eu-central-1"));
        assert_eq!(replica.access, target.access);
        assert_eq!(target.replica(1), None);
    }

    #[test]
    fn a_replica_with_a_role_of_another_account_is_owned_by_that_account() {
        let role_arn = "arn:aws:iam::444455556666:role/FirmholdReplica".to_owned();
        let replica = Replica {
            bucket: "acme-firmware-eu".to_owned(),
            region: "eu-central-1".to_owned(),
            role_arn: Some(role_arn.clone()),
            kms_key_arn: None,
        };
        let target = Target { replicas: vec![replica], ..target() };
        let replica = target.replica(0).unwrap();
        assert_eq!(replica.access.role().unwrap().role_arn, role_arn);
        assert_eq!((replica.owner(), target.owner()), (Some("444455556666"), Some("111122223333")));
    }
}
