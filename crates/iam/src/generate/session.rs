//! The session policy that goes along when a backend's role is assumed.

use serde_json::{Value, json};

use super::BackendShape;
use super::parts::{any_bucket_arn, bucket_arn, document, listed_below, literal, objects_arn, one_or_many};

/// What a session is for (D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionScope {
    /// Links, proxying, hashing, checks of replicas: reads below the prefix, here and in replicas.
    Read,
    /// Uploads, manifests, tags, restores, imports: reads and writes below the prefix, reads below the import
    /// prefix, nothing in replicas.
    Write,
    /// Verification, deletion, reads of the configuration: all that the role has below the prefix.
    Admin,
}

/// What AWS takes as the session policy of one `AssumeRole`, in characters.
pub const MAX_SESSION_POLICY: usize = 2048;

/// How much may be left to the role's own policy. A session policy limits and never grants, so a coarser one
/// opens nothing that the role has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Full,
    /// KMS keys not named (S3 is still the only way to them).
    AnyKey,
    /// Nor the buckets, where a request is about a bucket (listings still below the prefix only).
    AnyBucket,
    /// Nor the replicas' prefix.
    WholeReplicas,
    /// Nor the end of a long import prefix.
    ShortImport,
}

/// The session policy of one scope: at most 2,048 characters as `to_string` writes it. Where names are too long
/// for that, what the role's own policy says anyway is left out first; the prefix in the primary bucket never is,
/// so that check V9 proves it.
///
/// ```
/// use firmhold_iam::{BackendShape, MAX_SESSION_POLICY, SessionScope, session_policy};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let document = session_policy(&shape, SessionScope::Read).to_string();
/// assert!(document.chars().count() <= MAX_SESSION_POLICY);
/// assert!(!document.contains("s3:PutObject"));
/// ```
pub fn session_policy(shape: &BackendShape, scope: SessionScope) -> Value {
    let details = [Detail::Full, Detail::AnyKey, Detail::AnyBucket, Detail::WholeReplicas];
    let fitting = details
        .into_iter()
        .map(|detail| Session { shape, scope, detail }.document())
        .find(|document| document.to_string().chars().count() <= MAX_SESSION_POLICY);
    fitting.unwrap_or_else(|| Session { shape, scope, detail: Detail::ShortImport }.document())
}

struct Session<'a> {
    shape: &'a BackendShape,
    scope: SessionScope,
    detail: Detail,
}

impl Session<'_> {
    fn document(&self) -> Value {
        let mut statements = vec![
            json!({
                "Effect": "Allow",
                // A version that is gone is told from a missing permission by the list of versions.
                "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
                "Resource": one_or_many(self.buckets()),
                "Condition": self.list_condition(),
            }),
            json!({
                "Effect": "Allow",
                "Action": self.bucket_actions(),
                "Resource": one_or_many(self.buckets()),
            }),
        ];
        if self.scope != SessionScope::Read {
            statements.push(json!({
                "Effect": "Allow",
                "Action": [
                    "s3:PutObject",
                    "s3:RestoreObject",
                    "s3:GetObject*Tagging",
                    "s3:PutObject*Tagging",
                    "s3:*MultipartUpload*",
                ],
                "Resource": self.shape.objects_arn(),
            }));
        }
        statements.push(json!({
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": one_or_many(self.readable()),
        }));
        if self.scope == SessionScope::Admin {
            statements.push(json!({
                "Effect": "Allow",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": self.shape.deletable_arn(),
            }));
        }
        statements.extend(self.keys());
        document(statements)
    }

    fn has_replicas(&self) -> bool {
        self.scope != SessionScope::Write
    }

    /// The import prefix, as far as this scope and detail go.
    fn import_prefix(&self) -> Option<String> {
        let prefix = self.shape.import_prefix.as_ref().filter(|_| self.scope == SessionScope::Write)?;
        match self.detail {
            Detail::ShortImport => Some(prefix.chars().take(64).collect()),
            _ => Some(prefix.clone()),
        }
    }

    fn buckets(&self) -> Vec<String> {
        let partition = &self.shape.partition;
        if self.detail >= Detail::AnyBucket {
            return vec![any_bucket_arn(partition)];
        }
        let replicas = self.shape.replicas.iter().filter(|_| self.has_replicas());
        let others = replicas.map(|replica| bucket_arn(partition, &replica.bucket));
        std::iter::once(self.shape.bucket_arn()).chain(others).collect()
    }

    fn readable(&self) -> Vec<String> {
        let shape = self.shape;
        let prefix = if self.detail >= Detail::WholeReplicas { "" } else { shape.prefix.as_str() };
        let mut objects = vec![shape.objects_arn()];
        if let Some(import) = self.import_prefix() {
            objects.push(objects_arn(&shape.partition, &shape.bucket, &import));
        }
        let replicas = shape.replicas.iter().filter(|_| self.has_replicas());
        objects.extend(replicas.map(|replica| objects_arn(&shape.partition, &replica.bucket, prefix)));
        objects
    }

    fn list_condition(&self) -> Value {
        let import = self.import_prefix();
        let prefixes = [Some(self.shape.prefix.as_str()), import.as_deref()];
        listed_below(&prefixes.into_iter().flatten().collect::<Vec<_>>())
    }

    fn bucket_actions(&self) -> Value {
        match self.scope {
            SessionScope::Read => json!("s3:GetBucketLocation"),
            SessionScope::Write => json!(["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]),
            SessionScope::Admin => {
                json!(["s3:GetBucket*", "s3:Get*Configuration", "s3:ListBucketMultipartUploads"])
            }
        }
    }

    /// Keys by way of S3 only, in the regions of the buckets.
    fn keys(&self) -> Option<Value> {
        let shape = self.shape;
        let mut keys = Vec::new();
        let mut services = Vec::new();
        if let Some(key) = &shape.kms_key_arn {
            keys.push(literal(key));
            services.extend(shape.via_service());
        }
        for replica in shape.replicas.iter().filter(|_| self.has_replicas()) {
            if let Some(key) = &replica.kms_key_arn {
                keys.push(literal(key));
                services.extend(shape.replica_via_service(replica));
            }
        }
        if keys.is_empty() {
            return None;
        }
        services.sort();
        services.dedup();
        let resource = match self.detail {
            Detail::Full => one_or_many(keys),
            _ => json!("*"),
        };
        let action = match self.scope {
            SessionScope::Read => json!("kms:Decrypt"),
            _ => json!(["kms:Decrypt", "kms:GenerateDataKey"]),
        };
        Some(json!({
            "Effect": "Allow",
            "Action": action,
            "Resource": resource,
            "Condition": { "StringEquals": { "kms:ViaService": one_or_many(services) } },
        }))
    }
}
