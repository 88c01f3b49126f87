//! What the store needs to know of a backend.

use std::hash::{Hash, Hasher};

use firmhold_core::backend::{Encryption, Replica};
use firmhold_core::{Backend, Prefix, Problem, RoleArn, problem::Code};
use firmhold_iam::{BackendShape, CdnShape, ReplicaShape};
use uuid::Uuid;

/// One bucket and the role that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The backend's id; part of the session's name, so that the owner's CloudTrail names the backend.
    pub id: Uuid,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account that owns the bucket, which is the role's: the expected owner of every call of ours (T36).
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Below which all our keys lie.
    pub prefix: Prefix,
    /// Below which imports may read.
    pub import_prefix: Option<String>,
    /// The role to assume.
    pub role_arn: String,
    /// External IDs, preferred first: during a rotation the new one, then the old (API contract 12.3).
    pub external_ids: Vec<String>,
    /// What every object must be encrypted with.
    pub encryption: Encryption,
    /// Whether firmware may be deleted, and not our probes alone.
    pub allow_delete: bool,
    /// Copies that the owner's replication fills.
    pub replicas: Vec<Replica>,
    /// The CloudFront distribution that may read the bucket, if there is one.
    pub cdn: Option<CdnShape>,
    /// AWS's FIPS hosts.
    pub use_fips: bool,
    /// AWS's dual-stack hosts.
    pub use_dualstack: bool,
}

impl Target {
    /// The target of a backend.
    ///
    /// # Errors
    /// [`Code::BackendNotWritable`] while the backend has no role, or one whose ARN is no role's.
    pub fn of(backend: &Backend) -> Result<Self, Problem> {
        let no_role = || {
            Problem::new(Code::BackendNotWritable, "the backend has no role yet: nothing leads to its bucket")
        };
        let role_arn = backend.role_arn.as_deref().ok_or_else(no_role)?;
        let role: RoleArn = role_arn.parse().map_err(|cause| no_role().caused_by(cause))?;
        Ok(Self {
            id: backend.meta.prn.id,
            partition: backend.partition.clone(),
            account: role.account,
            bucket: backend.bucket.clone(),
            region: backend.region.clone(),
            prefix: backend.prefix.clone(),
            import_prefix: backend.import_prefix.clone(),
            role_arn: role_arn.to_owned(),
            external_ids: backend.external_id_next.iter().chain(&backend.external_id).cloned().collect(),
            encryption: backend.encryption.clone(),
            allow_delete: backend.allow_delete,
            replicas: backend.replicas.clone(),
            cdn: backend.cdn.as_ref().map(|_| CdnShape { distribution_arn: None }),
            use_fips: backend.use_fips,
            use_dualstack: backend.use_dualstack,
        })
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
        let role_arn = replica.role_arn.as_ref().unwrap_or(&self.role_arn);
        // One that is no role's ARN cannot be assumed either; which account it is said to be in does not matter then.
        let account = role_arn.parse().map_or_else(|_| self.account.clone(), |role: RoleArn| role.account);
        Some(Self {
            account,
            bucket: replica.bucket.clone(),
            region: replica.region.clone(),
            role_arn: role_arn.clone(),
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
            account: self.account.clone(),
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
        self.account.hash(state);
        self.bucket.hash(state);
        self.region.hash(state);
        self.prefix.hash(state);
        self.import_prefix.hash(state);
        self.role_arn.hash(state);
        self.external_ids.hash(state);
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
            account: "111122223333".to_owned(),
            bucket: "acme-firmware".to_owned(),
            region: "us-west-2".to_owned(),
            prefix: Prefix::default(),
            import_prefix: None,
            role_arn: "arn:aws:iam::111122223333:role/FirmholdBackend".to_owned(),
            external_ids: vec!["fh-new".to_owned(), "fh-old".to_owned()],
            encryption: Encryption::SseS3,
            allow_delete: false,
            replicas: Vec::new(),
            cdn: None,
            use_fips: false,
            use_dualstack: false,
        }
    }

    #[test]
    fn whatever_a_session_depends_on_is_in_the_fingerprint() {
        let one = target();
        let others = [
            Target { bucket: "x".to_owned(), ..one.clone() },
            Target { role_arn: "x".to_owned(), ..one.clone() },
            Target { external_ids: vec!["fh-old".to_owned()], ..one.clone() },
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
        assert_eq!((&replica.role_arn, &replica.account), (&target.role_arn, &target.account));
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
        assert_eq!((replica.role_arn, replica.account), (role_arn, "444455556666".to_owned()));
        assert_eq!(target.account, "111122223333");
    }
}
