//! The customer's AWS account in the sandbox: a bucket, a role, and looks into both behind the server's back.

use std::time::Duration;

use aws_sdk_iam::Client as Iam;
use aws_sdk_iam::error::ProvideErrorMetadata as _;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CompletedMultipartUpload, CompletedPart,
    CreateBucketConfiguration, VersioningConfiguration,
};
use aws_smithy_async::time::TimeSource;
use firmhold_core::Clock;
use firmhold_sandbox::Sandbox;
use serde_json::Value;

pub const BUCKET: &str = "acme-firmware";
pub const REGION: &str = "us-west-2";
pub const ROLE: &str = "FirmholdBackend";
pub const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/FirmholdBackend";

/// The account's administrator.
pub struct Account {
    pub s3: S3,
    iam: Iam,
}

/// Signatures are made at the sandbox's time, not the machine's.
#[derive(Debug)]
struct ClockTime(Clock);

impl TimeSource for ClockTime {
    fn now(&self) -> std::time::SystemTime {
        self.0.now().to_system_time()
    }
}

impl Account {
    pub async fn of(sandbox: &Sandbox) -> Self {
        let user = sandbox.customer();
        let keys = aws_credential_types::Credentials::new(
            &user.access_key_id,
            &user.secret_access_key,
            None,
            None,
            "sandbox",
        );
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(REGION))
            .endpoint_url(sandbox.http_url())
            .credentials_provider(keys)
            .time_source(ClockTime(sandbox.clock().clone()))
            .load()
            .await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self { s3: S3::from_conf(s3), iam: Iam::new(&config) }
    }

    /// A bucket as the setup wants it: with versions.
    pub async fn make_bucket(&self) {
        let location = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        self.s3.create_bucket().bucket(BUCKET).create_bucket_configuration(location).send().await.unwrap();
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        self.s3
            .put_bucket_versioning()
            .bucket(BUCKET)
            .versioning_configuration(versions)
            .send()
            .await
            .unwrap();
    }

    /// From now on a write replaces the version `null`.
    pub async fn suspend_versions(&self) {
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
        let call = self.s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(versions);
        call.send().await.unwrap();
    }

    /// The role with the policies that the backend asks for.
    pub async fn make_role(&self, trust: &Value, permissions: &Value) {
        self.iam
            .create_role()
            .role_name(ROLE)
            .assume_role_policy_document(trust.to_string())
            .send()
            .await
            .unwrap();
        self.set_permissions(permissions).await;
    }

    pub async fn set_trust(&self, trust: &Value) {
        self.iam
            .update_assume_role_policy()
            .role_name(ROLE)
            .policy_document(trust.to_string())
            .send()
            .await
            .unwrap();
    }

    pub async fn set_permissions(&self, permissions: &Value) {
        self.iam
            .put_role_policy()
            .role_name(ROLE)
            .policy_name("firmhold")
            .policy_document(permissions.to_string())
            .send()
            .await
            .unwrap();
    }

    /// Keys in the bucket whose text contains `part`, in order.
    pub async fn keys(&self, part: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let keys = listed.contents().iter().filter_map(|object| object.key());
        keys.filter(|key| key.contains(part)).map(str::to_owned).collect()
    }

    /// The one object with content, not a manifest.
    pub async fn content_key(&self) -> String {
        let keys = self.keys("/sha256/").await;
        let content: Vec<_> = keys.into_iter().filter(|key| !key.contains("/manifests/")).collect();
        assert_eq!(content.len(), 1, "{content:?}");
        content[0].clone()
    }

    pub async fn read(&self, key: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    /// Puts a new version on top, and answers its id.
    pub async fn put(&self, key: &str, body: &[u8]) -> String {
        let body = aws_sdk_s3::primitives::ByteStream::from(body.to_vec());
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
        put.version_id().unwrap_or_default().to_owned()
    }

    /// Keys and sizes of all versions with content below a prefix, manifests left out.
    pub async fn content_versions(&self, prefix: &str) -> Vec<(String, i64)> {
        let listed = self.s3.list_object_versions().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        let versions =
            listed.versions().iter().map(|version| (version.key().unwrap(), version.size().unwrap()));
        versions
            .filter(|(key, _)| !key.contains("/manifests/") && !key.contains("/.firmhold/"))
            .map(|(key, size)| (key.to_owned(), size))
            .collect()
    }

    /// Deletes all versions of a key for good.
    pub async fn delete_versions(&self, key: &str) {
        let listed = self.s3.list_object_versions().bucket(BUCKET).prefix(key).send().await.unwrap();
        for version in listed.versions() {
            self.s3
                .delete_object()
                .bucket(BUCKET)
                .key(key)
                .set_version_id(version.version_id().map(str::to_owned))
                .send()
                .await
                .unwrap();
        }
    }

    pub async fn tags(&self, key: &str) -> Vec<(String, String)> {
        let tags = self.s3.get_object_tagging().bucket(BUCKET).key(key).send().await.unwrap();
        tags.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
    }

    pub async fn uploads(&self) -> Vec<String> {
        let listed = match self.s3.list_multipart_uploads().bucket(BUCKET).send().await {
            Ok(listed) => listed,
            // A test may have made none.
            Err(error) if error.code() == Some("NoSuchBucket") => return Vec::new(),
            Err(error) => panic!("{error:?}"),
        };
        listed.uploads().iter().filter_map(|upload| upload.key()).map(str::to_owned).collect()
    }

    /// Aborts an upload behind everybody's back.
    pub async fn abort(&self, key: &str) {
        let listed = self.s3.list_multipart_uploads().bucket(BUCKET).prefix(key).send().await.unwrap();
        for upload in listed.uploads().iter().filter(|upload| upload.key() == Some(key)) {
            let id = upload.upload_id().unwrap();
            self.s3.abort_multipart_upload().bucket(BUCKET).key(key).upload_id(id).send().await.unwrap();
        }
    }

    /// Completes the one upload that is open, of one part, as the server would.
    pub async fn complete_upload(&self) {
        let uploads = self.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
        let open = &uploads.uploads()[0];
        let (key, id) = (open.key().unwrap(), open.upload_id().unwrap());
        let parts = self.s3.list_parts().bucket(BUCKET).key(key).upload_id(id).send().await.unwrap();
        let part = CompletedPart::builder()
            .part_number(1)
            .e_tag(parts.parts()[0].e_tag().unwrap())
            .checksum_sha256(parts.parts()[0].checksum_sha256().unwrap())
            .build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let call = self.s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
        call.multipart_upload(parts).send().await.unwrap();
    }

    /// Waits until no upload is open: jobs drop what is not needed.
    pub async fn no_upload_is_left(&self) {
        for _ in 0..100 {
            if self.uploads().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("uploads are left open: {:?}", self.uploads().await);
    }
}
