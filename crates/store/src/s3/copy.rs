//! Copies as S3 makes them.

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::types::{ChecksumAlgorithm, MetadataDirective, TaggingDirective};
use aws_smithy_types::retry::RetryConfig;
use firmhold_core::{ObjectKey, Problem};

use super::{S3Bucket, named, part_number, unquoted, whole_sha256};
use crate::bucket::{ByteRange, CopiedPart, Stored};
use crate::copy::{CopyObject, CopySource};
use crate::error;
use crate::presign::{encode, encode_path};

impl S3Bucket {
    /// One request. It is never repeated here: the answer may be lost while the copy is made, and a key is written
    /// once (D3). Who asks again looks first.
    pub(super) async fn copy_whole(&self, copy: &CopyObject) -> Result<Stored, Problem> {
        let (encryption, kms_key) = self.encryption();
        let answer = self
            .client
            .copy_object()
            .bucket(self.name())
            .key(copy.key.as_str())
            .copy_source(self.source(&copy.source))
            .set_copy_source_if_match(copy.source.condition().map(str::to_owned))
            // The source's media type or `Content-Encoding` has no business with devices, and reading its tags needs a
            // permission of its own.
            .metadata_directive(MetadataDirective::Replace)
            .set_tagging_directive((!self.lacks_tags()).then_some(TaggingDirective::Replace))
            .set_tagging(self.tagging(&copy.tags))
            .set_checksum_algorithm(self.sends_checksums().then_some(ChecksumAlgorithm::Sha256))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .set_expected_bucket_owner(self.owner())
            .set_expected_source_bucket_owner(self.owner())
            .customize()
            .config_override(self.patient().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(error::s3_of("copy the object"))?;
        Ok(Stored {
            version_id: named(answer.version_id()),
            etag: answer.copy_object_result().and_then(|result| result.e_tag()).map(str::to_owned),
            encryption: answer.server_side_encryption().map(|sse| sse.as_str().to_owned()),
        })
    }

    /// One part. Repeating it replaces the part with the same bytes.
    pub(super) async fn copy_range(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        source: &CopySource,
        range: ByteRange,
    ) -> Result<CopiedPart, Problem> {
        let answer = self
            .client
            .upload_part_copy()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id)
            .part_number(part_number(number))
            .copy_source(self.source(source))
            .set_copy_source_if_match(source.condition().map(str::to_owned))
            .copy_source_range(range.header())
            .set_expected_bucket_owner(self.owner())
            .set_expected_source_bucket_owner(self.owner())
            .customize()
            .config_override(self.patient())
            .send()
            .await
            .map_err(error::s3_of("copy the part"))?;
        let copied = answer.copy_part_result();
        let etag = copied.and_then(|copied| copied.e_tag()).map(unquoted).unwrap_or_default();
        Ok(CopiedPart { sha256: whole_sha256(copied.and_then(|copied| copied.checksum_sha256())), etag })
    }

    /// `BUCKET/KEY?versionId=VERSION`, encoded.
    fn source(&self, source: &CopySource) -> String {
        let object = format!("{}/{}", self.name(), encode_path(source.key.as_str()));
        match &source.version_id {
            Some(version) => format!("{object}?versionId={}", encode(version)),
            None => object,
        }
    }

    /// S3 answers when the copy is made, and sends blanks meanwhile.
    fn patient(&self) -> Builder {
        aws_sdk_s3::Config::builder().timeout_config(self.timeouts.joining())
    }
}
