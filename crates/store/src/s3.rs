//! A bucket at S3, as a role's session sees it.

mod copy;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, GlacierJobParameters,
    RestoreRequest, ServerSideEncryption, Tag as S3Tag, Tagging, Tier,
};
use bytes::Bytes;
use firmhold_core::backend::Encryption;
use firmhold_core::{Clock, Digest, ObjectKey, Problem, Timestamp, problem::Code};

use crate::bucket::{
    Bucket, ByteRange, CopiedPart, ListedObject, Listing, ObjectBody, ObjectInfo, PutObject, Stored,
    StoredPart, Tag, UploadEntry, VersionEntry,
};
use crate::copy::{CopyObject, CopySource};
use crate::error;
use crate::expired_session::{ExpiredSession, is_over};
use crate::keeper::Keeper;
use crate::object_stream::{answered_range, stream};
use crate::parts_list::Lister;
use crate::presign::encode;
use crate::session::SKEW;
use crate::target::Target;
use crate::timeouts::Timeouts;

/// What S3 calls the version of an object that was written while its bucket had none.
const NO_VERSION: &str = "null";

/// A bucket at S3.
pub(crate) struct S3Bucket {
    client: Client,
    target: Arc<Target>,
    /// The expected owner, sent with every call (T36); only the check that asks who the owner is leaves it out. Stores
    /// other than AWS know no owners.
    owner: Option<String>,
    /// Whose session signs, to be told when it is over.
    keeper: Option<Arc<Keeper>>,
    /// How parts are listed at an S3-compatible store, with the clock that signs.
    lister: Option<(Lister, Clock)>,
    timeouts: Timeouts,
}

impl S3Bucket {
    /// As the sessions of `keeper` see it.
    pub fn kept(
        client: &Client,
        target: Arc<Target>,
        keeper: Arc<Keeper>,
        lister: Option<(Lister, Clock)>,
        timeouts: Timeouts,
    ) -> Self {
        let expired = ExpiredSession(keeper.clone());
        let config = client.config().to_builder().interceptor(expired.clone()).retry_classifier(expired);
        let client = Client::from_conf(config.build());
        let owner = target.owner().map(str::to_owned);
        Self { client, owner, target, keeper: Some(keeper), lister, timeouts }
    }

    /// As one session sees it, whose keys `client` has.
    pub fn fixed(client: Client, target: Arc<Target>, state_owner: bool, timeouts: Timeouts) -> Self {
        let owner = target.owner().filter(|_| state_owner).map(str::to_owned);
        Self { client, target, owner, keeper: None, lister: None, timeouts }
    }

    fn name(&self) -> &str {
        &self.target.bucket
    }

    fn owner(&self) -> Option<String> {
        self.owner.clone()
    }

    /// Whether the store takes checksum headers. One that was found to refuse them is not sent any: what it has is
    /// proved by reading it back, as ever.
    fn sends_checksums(&self) -> bool {
        self.target.capabilities().checksum_headers != Some(false)
    }

    /// What goes along as a checksum.
    fn checksum(&self, sha256: Digest) -> Option<String> {
        self.sends_checksums().then(|| sha256.to_base64())
    }

    /// Whether the store is without tags. Then objects go without.
    fn lacks_tags(&self) -> bool {
        self.target.capabilities().tags == Some(false)
    }

    fn tagging(&self, tags: &[Tag]) -> Option<String> {
        if self.lacks_tags() { None } else { tag_header(tags) }
    }

    /// The encryption that is asked for: in words, so that a bucket whose default is another does not decide.
    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.target.encryption {
            Encryption::SseS3 => (Some(ServerSideEncryption::Aes256), None),
            Encryption::SseKms { kms_key_arn } => {
                (Some(ServerSideEncryption::AwsKms), Some(kms_key_arn.clone()))
            }
            Encryption::None => (None, None),
        }
    }

    /// What became of an upload that is no longer there: joined by an earlier call whose answer got lost, if its key
    /// (which is written once, D3) has an object of the right size.
    async fn joined_before(
        &self,
        key: &ObjectKey,
        parts: &[StoredPart],
        missing: Problem,
    ) -> Result<Stored, Problem> {
        match self.head(key, None).await {
            Ok(info) if info.size == parts.iter().map(|part| part.size).sum::<u64>() => {
                Ok(Stored { version_id: info.version_id, etag: info.etag, encryption: info.encryption })
            }
            Ok(_) | Err(_) => Err(missing),
        }
    }
}

impl S3Bucket {
    /// The region as S3 says it in the headers of a HEAD of the bucket, also of one that it refuses.
    async fn region_of_a_refusal(&self) -> Option<String> {
        let call = self.client.head_bucket().bucket(self.name()).set_expected_bucket_owner(self.owner());
        match call.send().await {
            Ok(answer) => answer.bucket_region().map(str::to_owned),
            Err(error) => error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned),
        }
    }

    /// What a store has that cannot list versions: one of each object, without a name.
    async fn list_as_versions(&self, prefix: &str) -> Result<Vec<VersionEntry>, Problem> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.list(prefix, after.as_deref(), 1000).await?;
            all.extend(page.objects.into_iter().map(|object| VersionEntry {
                key: object.key,
                version_id: NO_VERSION.to_owned(),
                is_latest: true,
                is_delete_marker: false,
                size: object.size,
                last_modified: object.last_modified,
            }));
            if page.next.is_none() || page.next == after {
                return Ok(all);
            }
            after = page.next;
        }
    }

    /// A version as the store wants it named: not at all, where it knows none.
    fn version(&self, version: Option<&str>) -> Option<String> {
        let unversioned = self.target.capabilities().list_versions == Some(false);
        version.filter(|version| !(unversioned && *version == NO_VERSION)).map(str::to_owned)
    }

    /// All parts that an S3-compatible store has, by number.
    async fn parts_of(
        &self,
        (lister, clock): &(Lister, Clock),
        keeper: &Arc<Keeper>,
        key: &ObjectKey,
        upload_id: &str,
    ) -> Result<Vec<StoredPart>, Problem> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let session = keeper.session(SKEW).await?;
            let place = (key, upload_id, marker.as_deref());
            let page =
                lister.page(&self.target, &session, clock.now(), place).await.inspect_err(|problem| {
                    if is_over(problem) {
                        keeper.forget(session.access_key_id());
                    }
                })?;
            all.extend(page.parts);
            if !goes_on(Some(page.truncated), (&marker, &None), (&page.next, &None))? {
                return Ok(by_number(all));
            }
            marker = page.next;
        }
    }

    /// To who may not list it, S3 answers 403 for a key that is not there, and how it asks about a role that may list
    /// below a prefix only is documented nowhere. So a refusal is looked into: what a listing of that very key does not
    /// show is missing.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, "Permissions"
    async fn refused_or_missing(&self, key: &ObjectKey, version: Option<&str>, refused: Problem) -> Problem {
        if refused.code() != Code::StoreDenied
            || !matches!(refused.aws_code(), Some("AccessDenied" | "Forbidden"))
        {
            return refused;
        }
        let Ok(listing) = self.list(key.as_str(), None, 1).await else { return refused };
        let current = listing.objects.iter().any(|object| object.key == *key);
        let is_there = match version {
            // Under what lies on top; where versions may not be listed, the refusal stands.
            Some(version) if current => match self.list_versions(key.as_str()).await {
                Ok(all) => all.iter().any(|entry| entry.key == *key && entry.version_id == version),
                Err(_) => true,
            },
            _ => current,
        };
        if is_there { refused } else { Problem::new(Code::ContentMissing, "the bucket has no such object") }
    }
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Bucket")
            .field("bucket", &self.target.bucket)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn head(&self, key: &ObjectKey, version: Option<&str>) -> Result<ObjectInfo, Problem> {
        let answer = self
            .client
            .head_object()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .set_checksum_mode(self.sends_checksums().then_some(ChecksumMode::Enabled))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("describe the object"));
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => return Err(self.refused_or_missing(key, version, problem).await),
        };
        Ok(ObjectInfo {
            size: unsigned(answer.content_length()),
            etag: answer.e_tag().map(str::to_owned),
            version_id: named(answer.version_id()),
            sha256: whole_sha256(answer.checksum_sha256()),
            content_type: answer.content_type().map(str::to_owned),
            storage_class: answer.storage_class().map(|class| class.as_str().to_owned()),
            encryption: answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
            kms_key_arn: answer.ssekms_key_id().map(str::to_owned),
            last_modified: time(answer.last_modified()),
            restore: answer.restore().map(str::to_owned),
        })
    }

    async fn get(
        &self,
        key: &ObjectKey,
        version: Option<&str>,
        range: Option<ByteRange>,
    ) -> Result<ObjectBody, Problem> {
        let answer = self
            .client
            .get_object()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .set_range(range.map(ByteRange::header))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("read the object"));
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => return Err(self.refused_or_missing(key, version, problem).await),
        };
        let content_length = unsigned(answer.content_length());
        let size = match range {
            // A store that ignores the range would have its first bytes taken for the middle.
            Some(range) => answered_range(answer.content_range(), range, content_length)?,
            None => content_length,
        };
        let info = ObjectInfo {
            size,
            etag: answer.e_tag().map(str::to_owned),
            version_id: named(answer.version_id()),
            sha256: None,
            content_type: answer.content_type().map(str::to_owned),
            storage_class: answer.storage_class().map(|class| class.as_str().to_owned()),
            encryption: answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
            kms_key_arn: answer.ssekms_key_id().map(str::to_owned),
            last_modified: time(answer.last_modified()),
            restore: answer.restore().map(str::to_owned),
        };
        Ok(ObjectBody {
            info,
            content_length,
            stream: stream(answer.body, content_length, self.timeouts.silence),
        })
    }

    async fn put(&self, put: PutObject) -> Result<Stored, Problem> {
        let (encryption, kms_key) = self.encryption();
        let conditional = self.target.capabilities().conditional_writes != Some(false);
        let answer = self
            .client
            .put_object()
            .bucket(self.name())
            .key(put.key.as_str())
            .set_checksum_sha256(self.checksum(put.sha256))
            .body(ByteStream::from(put.body))
            .set_tagging(self.tagging(&put.tags))
            .set_content_type(put.content_type)
            .set_if_none_match((put.if_none_match && conditional).then(|| "*".to_owned()))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("take the object"))?;
        Ok(Stored {
            version_id: named(answer.version_id()),
            etag: answer.e_tag().map(str::to_owned),
            encryption: answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
        })
    }

    async fn delete(&self, key: &ObjectKey, version: Option<&str>) -> Result<(), Problem> {
        let deleted = self
            .client
            .delete_object()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("delete the object"));
        unless_missing(deleted.map(drop))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Problem> {
        let answer = self
            .client
            .list_objects_v2()
            .bucket(self.name())
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned))
            .max_keys(i32::try_from(limit.clamp(1, 1000)).unwrap_or(1000))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("list the objects"))?;
        let objects: Vec<_> = answer
            .contents()
            .iter()
            .filter_map(|object| {
                Some(ListedObject {
                    key: ObjectKey::from_stored(object.key()?),
                    size: unsigned(object.size()),
                    etag: object.e_tag().map(str::to_owned),
                    last_modified: time(object.last_modified()),
                    storage_class: object.storage_class().map(|class| class.as_str().to_owned()),
                })
            })
            .collect();
        let last = objects.last().map(|object| object.key.as_str().to_owned());
        let goes_on = goes_on(answer.is_truncated(), (&after.map(str::to_owned), &None), (&last, &None))?;
        Ok(Listing { next: last.filter(|_| goes_on), objects })
    }

    async fn list_versions(&self, prefix: &str) -> Result<Vec<VersionEntry>, Problem> {
        if self.target.capabilities().list_versions == Some(false) {
            return self.list_as_versions(prefix).await;
        }
        let mut all = Vec::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let answer = self
                .client
                .list_object_versions()
                .bucket(self.name())
                .prefix(prefix)
                .set_key_marker(key_marker.clone())
                .set_version_id_marker(version_marker.clone())
                .set_expected_bucket_owner(self.owner())
                .send()
                .await
                .map_err(error::s3_of("list the versions"))?;
            all.extend(answer.versions().iter().filter_map(|version| {
                Some(VersionEntry {
                    key: ObjectKey::from_stored(version.key()?),
                    version_id: version.version_id().unwrap_or(NO_VERSION).to_owned(),
                    is_latest: version.is_latest() == Some(true),
                    is_delete_marker: false,
                    size: unsigned(version.size()),
                    last_modified: time(version.last_modified()),
                })
            }));
            all.extend(answer.delete_markers().iter().filter_map(|marker| {
                Some(VersionEntry {
                    key: ObjectKey::from_stored(marker.key()?),
                    version_id: marker.version_id().unwrap_or(NO_VERSION).to_owned(),
                    is_latest: marker.is_latest() == Some(true),
                    is_delete_marker: true,
                    size: 0,
                    last_modified: time(marker.last_modified()),
                })
            }));
            let next = (
                answer.next_key_marker().map(str::to_owned),
                answer.next_version_id_marker().map(str::to_owned),
            );
            if !goes_on(answer.is_truncated(), (&key_marker, &version_marker), (&next.0, &next.1))? {
                return Ok(all);
            }
            (key_marker, version_marker) = next;
        }
    }

    async fn put_tags(&self, key: &ObjectKey, version: Option<&str>, tags: &[Tag]) -> Result<(), Problem> {
        if self.lacks_tags() {
            return Ok(());
        }
        let tags: Result<Vec<_>, _> =
            tags.iter().map(|(key, value)| S3Tag::builder().key(key).value(value).build()).collect();
        let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
        self.client
            .put_object_tagging()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .tagging(tagging.map_err(Problem::internal)?)
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("take the tags"))
            .map(drop)
    }

    async fn get_tags(&self, key: &ObjectKey, version: Option<&str>) -> Result<Vec<Tag>, Problem> {
        if self.lacks_tags() {
            return Ok(Vec::new());
        }
        let answer = self
            .client
            .get_object_tagging()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("say the tags"))?;
        Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    async fn create_upload(&self, key: &ObjectKey, tags: &[Tag]) -> Result<String, Problem> {
        let (encryption, kms_key) = self.encryption();
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .set_checksum_algorithm(self.sends_checksums().then_some(ChecksumAlgorithm::Sha256))
            .set_tagging(self.tagging(tags))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("open the upload"))?;
        let id = answer.upload_id().filter(|id| !id.is_empty());
        id.map(str::to_owned)
            .ok_or_else(|| Problem::new(Code::StoreFailed, "the store opened an upload without an id"))
    }

    async fn upload_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        body: Bytes,
        sha256: Digest,
    ) -> Result<(), Problem> {
        self.client
            .upload_part()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id)
            .part_number(part_number(number))
            .set_checksum_sha256(self.checksum(sha256))
            .body(ByteStream::from(body))
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("take the part"))
            .map(drop)
    }

    async fn list_parts(&self, key: &ObjectKey, upload_id: &str) -> Result<Vec<StoredPart>, Problem> {
        if let (Some(lister), Some(keeper)) = (&self.lister, &self.keeper) {
            return self.parts_of(lister, keeper, key, upload_id).await;
        }
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let answer = self
                .client
                .list_parts()
                .bucket(self.name())
                .key(key.as_str())
                .upload_id(upload_id)
                .set_part_number_marker(marker.clone())
                .set_expected_bucket_owner(self.owner())
                .send()
                .await
                .map_err(error::s3_of("list the parts"))?;
            all.extend(answer.parts().iter().filter_map(|part| {
                Some(StoredPart {
                    number: u32::try_from(part.part_number()?).ok()?,
                    size: unsigned(part.size()),
                    sha256: whole_sha256(part.checksum_sha256()),
                    etag: unquoted(part.e_tag().unwrap_or_default()),
                })
            }));
            let next = answer.next_part_number_marker().map(str::to_owned);
            if !goes_on(answer.is_truncated(), (&marker, &None), (&next, &None))? {
                return Ok(by_number(all));
            }
            marker = next;
        }
    }

    async fn complete_upload(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<Stored, Problem> {
        let completed = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part_number(part.number))
                .e_tag(quoted(&part.etag))
                .set_checksum_sha256(part.sha256.and_then(|sha256| self.checksum(sha256)))
                .build()
        });
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id)
            .multipart_upload(
                CompletedMultipartUpload::builder().set_parts(Some(completed.collect())).build(),
            )
            .set_expected_bucket_owner(self.owner())
            .customize()
            .config_override(aws_sdk_s3::Config::builder().timeout_config(self.timeouts.joining()))
            .send()
            .await
            .map_err(error::s3_of("join the parts"));
        match answer {
            Ok(answer) => Ok(Stored {
                version_id: named(answer.version_id()),
                etag: answer.e_tag().map(str::to_owned),
                encryption: answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
            }),
            Err(missing) if missing.aws_code() == Some("NoSuchUpload") => {
                self.joined_before(key, parts, missing).await
            }
            Err(problem) => Err(problem),
        }
    }

    async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<(), Problem> {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id)
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("drop the upload"));
        unless_missing(aborted.map(drop))
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<UploadEntry>, Problem> {
        if self.target.capabilities().list_uploads == Some(false) {
            // An upload whose id got lost in a crash stays until the store's own rule drops it.
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        let (mut key_marker, mut upload_marker) = (None, None);
        loop {
            let answer = self
                .client
                .list_multipart_uploads()
                .bucket(self.name())
                .prefix(prefix)
                .set_key_marker(key_marker.clone())
                .set_upload_id_marker(upload_marker.clone())
                .set_expected_bucket_owner(self.owner())
                .send()
                .await
                .map_err(error::s3_of("list the uploads"))?;
            all.extend(answer.uploads().iter().filter_map(|upload| {
                Some(UploadEntry {
                    key: ObjectKey::from_stored(upload.key()?),
                    upload_id: upload.upload_id()?.to_owned(),
                    initiated: time(upload.initiated()),
                })
            }));
            let next = (
                answer.next_key_marker().map(str::to_owned),
                answer.next_upload_id_marker().map(str::to_owned),
            );
            if !goes_on(answer.is_truncated(), (&key_marker, &upload_marker), (&next.0, &next.1))? {
                return Ok(all);
            }
            (key_marker, upload_marker) = next;
        }
    }

    async fn copy(&self, copy: &CopyObject) -> Result<Stored, Problem> {
        self.copy_whole(copy).await
    }

    async fn copy_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        source: &CopySource,
        range: ByteRange,
    ) -> Result<CopiedPart, Problem> {
        self.copy_range(key, upload_id, number, source, range).await
    }

    async fn restore(&self, key: &ObjectKey, version: Option<&str>, days: u32) -> Result<(), Problem> {
        let tier = GlacierJobParameters::builder().tier(Tier::Standard).build().map_err(Problem::internal)?;
        let request = RestoreRequest::builder()
            .days(i32::try_from(days).unwrap_or(i32::MAX))
            .glacier_job_parameters(tier)
            .build();
        self.client
            .restore_object()
            .bucket(self.name())
            .key(key.as_str())
            .set_version_id(self.version(version))
            .restore_request(request)
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("restore the object"))
            .map(drop)
    }

    async fn region(&self) -> Result<Option<String>, Problem> {
        let answer = self
            .client
            .get_bucket_location()
            .bucket(self.name())
            .set_expected_bucket_owner(self.owner())
            .send()
            .await
            .map_err(error::s3_of("say its region"));
        match answer {
            Ok(answer) => Ok(Some(match answer.location_constraint().map(|region| region.as_str()) {
                // How the oldest regions are written.
                None | Some("") => "us-east-1".to_owned(),
                Some("EU") => "eu-west-1".to_owned(),
                Some(region) => region.to_owned(),
            })),
            Err(problem) => self.region_of_a_refusal().await.map(Some).ok_or(problem),
        }
    }
}

/// A list's place: its marker, and the second one where there are two.
type Place<'a> = (&'a Option<String>, &'a Option<String>);

/// Whether a list has another page. A store that says there is more but not where, or where we are, would be asked for
/// ever; and what it has shown so far must not pass for the whole, since what no list shows counts as gone.
fn goes_on(truncated: Option<bool>, here: Place<'_>, next: Place<'_>) -> Result<bool, Problem> {
    match truncated {
        Some(true) if next.0.is_some() && next != here => Ok(true),
        Some(true) => {
            Err(Problem::new(Code::StoreFailed, "the store's list goes on, and the store does not say where"))
        }
        _ => Ok(false),
    }
}

/// The parts by number, whatever order the store has them in; each once.
fn by_number(mut parts: Vec<StoredPart>) -> Vec<StoredPart> {
    parts.sort_by_key(|part| part.number);
    parts.dedup_by_key(|part| part.number);
    parts
}

/// An entity tag without its quotes: some stores list parts with them and answer without, or the other way round.
pub(crate) fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// As S3 writes it, for a store that compares texts.
fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

fn unless_missing(result: Result<(), Problem>) -> Result<(), Problem> {
    match result {
        Err(problem) if problem.code() == Code::ContentMissing => Ok(()),
        other => other,
    }
}

/// A SHA-256 of the whole; one of an upload's checksums ends in `-N` and is none.
fn whole_sha256(text: Option<&str>) -> Option<Digest> {
    Digest::from_base64(text?).ok()
}

/// The version of an answer. Of an object without versions some stores say that it is `null`, and do not know it by that
/// name when asked; its key is written once, so it is found without.
fn named(version: Option<&str>) -> Option<String> {
    version.filter(|version| *version != NO_VERSION).map(str::to_owned)
}

fn unsigned(number: Option<i64>) -> u64 {
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

fn time(time: Option<&DateTime>) -> Option<Timestamp> {
    time.and_then(|time| time.to_millis().ok()).map(Timestamp::from_millis)
}

fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// `key=value&…`, encoded; absent without tags, for the header needs a permission of its own.
fn tag_header(tags: &[Tag]) -> Option<String> {
    let pairs: Vec<_> =
        tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_it_comes_no_further() {
        let (a, b) = (Some("a".to_owned()), Some("b".to_owned()));
        assert!(goes_on(Some(true), (&None, &None), (&a, &None)).unwrap());
        assert!(goes_on(Some(true), (&a, &a), (&a, &b)).unwrap());
        assert!(!goes_on(Some(false), (&a, &None), (&b, &None)).unwrap());
        assert!(!goes_on(None, (&a, &None), (&b, &None)).unwrap());
        for (here, next) in
            [((&a, &b), (&a, &b)), ((&a, &None), (&None, &b)), ((&None, &None), (&None, &None))]
        {
            assert_eq!(goes_on(Some(true), here, next).unwrap_err().code(), Code::StoreFailed);
        }
    }

    #[test]
    fn parts_come_by_number_and_once() {
        let part = |number| StoredPart { number, size: 1, sha256: None, etag: String::new() };
        let sorted = by_number([10, 2, 1, 2].map(part).to_vec());
        assert_eq!(sorted.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 10]);
    }

    #[test]
    fn tags_are_encoded() {
        assert_eq!(tag_header(&[]), None);
        let tags = [("firmhold".to_owned(), "a b&c".to_owned()), ("k".to_owned(), String::new())];
        assert_eq!(tag_header(&tags).unwrap(), "firmhold=a%20b%26c&k=");
    }
}
