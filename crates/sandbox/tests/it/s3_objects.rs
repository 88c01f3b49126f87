//! Objects: bytes, ranges, conditions, checksums, tags, versions.

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier, ServerSideEncryption,
    Tag, Tagging,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::time::Duration;

use crate::s3_support::{World, get, http, put, refusal, set_versioning};

const BUCKET: &str = "acme-firmware";

#[tokio::test]
async fn an_object_comes_back_as_it_was_described() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let key = world.kms_key().await;
    let put = s3
        .put_object()
        .bucket(BUCKET)
        .key("a b/ü+.bin")
        .content_type("application/x-firmware")
        .content_disposition("attachment")
        .cache_control("no-store")
        .metadata("target", "rpi-4")
        .tagging("fleet=eu&ring=1")
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id(&key)
        .body(ByteStream::from_static(b"firmware"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.ssekms_key_id(), Some(format!("arn:aws:kms:eu-west-1:111122223333:key/{key}").as_str()));
    let md5 = format!("\"{}\"", hex::encode(Md5::digest(b"firmware")));
    assert_ne!(put.e_tag(), Some(md5.as_str()), "under KMS the ETag is not the MD5");
    let head = s3.head_object().bucket(BUCKET).key("a b/ü+.bin").send().await.unwrap();
    assert_eq!(head.content_length(), Some(8));
    assert_eq!(head.content_type(), Some("application/x-firmware"));
    assert_eq!(head.content_disposition(), Some("attachment"));
    assert_eq!(head.cache_control(), Some("no-store"));
    assert_eq!(head.metadata().unwrap()["target"], "rpi-4");
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(head.e_tag(), put.e_tag());
    assert_eq!(head.version_id(), None, "a bucket that was never versioned names no version");
    let tags = s3.get_object_tagging().bucket(BUCKET).key("a b/ü+.bin").send().await.unwrap();
    let tags: Vec<String> =
        tags.tag_set().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    assert_eq!(tags, ["fleet=eu", "ring=1"]);
    let got = s3
        .get_object()
        .bucket(BUCKET)
        .key("a b/ü+.bin")
        .response_content_type("text/plain")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("text/plain"));
    assert_eq!(got.tag_count(), Some(2));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"firmware");
}

#[tokio::test]
async fn an_etag_is_the_md5_and_an_empty_object_is_an_object() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    put(&s3, "empty", b"").await;
    let head = s3.head_object().bucket(BUCKET).key("empty").send().await.unwrap();
    assert_eq!(head.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert_eq!(head.content_length(), Some(0));
    assert_eq!(get(&s3, "empty").await, b"");
    let ranged = s3.get_object().bucket(BUCKET).key("empty").range("bytes=0-").send().await;
    assert_eq!(refusal(ranged), "416 InvalidRange");
}

#[tokio::test]
async fn ranges() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    put(&s3, "k", b"0123456789").await;
    for (range, expected, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let got = s3.get_object().bucket(BUCKET).key("k").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(content_range), "{range}");
        assert_eq!(got.content_length(), Some(expected.len() as i64), "{range}");
        assert_eq!(got.body.collect().await.unwrap().to_vec(), expected.as_bytes(), "{range}");
    }
    let past = s3.get_object().bucket(BUCKET).key("k").range("bytes=10-").send().await;
    assert_eq!(refusal(past), "416 InvalidRange");
    let head = s3.head_object().bucket(BUCKET).key("k").range("bytes=2-5").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_range()), (Some(4), Some("bytes 2-5/10")));
}

#[tokio::test]
async fn conditional_reads_and_writes() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let put_if = |none: Option<&str>, etag: Option<&str>| {
        s3.put_object()
            .bucket(BUCKET)
            .key("k")
            .set_if_none_match(none.map(str::to_owned))
            .set_if_match(etag.map(str::to_owned))
            .body(ByteStream::from_static(b"x"))
            .send()
    };
    assert_eq!(refusal(put_if(None, Some("\"0\"")).await), "404 NoSuchKey");
    let etag = put_if(Some("*"), None).await.unwrap().e_tag.unwrap();
    assert_eq!(refusal(put_if(Some("*"), None).await), "412 PreconditionFailed");
    assert_eq!(refusal(put_if(None, Some("\"0\"")).await), "412 PreconditionFailed");
    assert_eq!(refusal(put_if(None, Some(&etag)).await), "accepted");
    assert_eq!(refusal(put_if(Some(&etag), None).await), "501 NotImplemented");

    let read = || s3.get_object().bucket(BUCKET).key("k");
    let head = || s3.head_object().bucket(BUCKET).key("k");
    assert_eq!(refusal(read().if_match("\"0\"").send().await), "412 PreconditionFailed");
    assert_eq!(refusal(read().if_match(&etag).send().await), "accepted");
    assert!(refusal(read().if_none_match(&etag).send().await).starts_with("304"));
    assert!(refusal(head().if_none_match(&etag).send().await).starts_with("304"));
    assert_eq!(refusal(read().if_none_match("\"0\"").send().await), "accepted");
    let modified = head().send().await.unwrap().last_modified.unwrap();
    assert!(refusal(read().if_modified_since(modified).send().await).starts_with("304"));
    assert_eq!(refusal(read().if_unmodified_since(modified).send().await), "accepted");
}

#[tokio::test]
async fn a_checksum_is_kept_and_a_wrong_one_is_refused() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let sha256 = BASE64.encode(Sha256::digest(b"firmware"));
    let put = || s3.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"firmware"));
    let wrong = put().checksum_sha256(BASE64.encode(Sha256::digest(b"other"))).send().await;
    assert_eq!(refusal(wrong), "400 BadDigest");
    assert_eq!(refusal(put().checksum_sha256("AAAA").send().await), "400 InvalidRequest");
    assert_eq!(refusal(put().content_md5("kUFB2lUWr0rHQUNnHIbYiQ==").send().await), "400 BadDigest");
    assert_eq!(refusal(s3.head_object().bucket(BUCKET).key("k").send().await), "404 NotFound");
    let stored = put().checksum_sha256(&sha256).send().await.unwrap();
    assert_eq!(stored.checksum_sha256(), Some(sha256.as_str()));
    let head =
        s3.head_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.checksum_sha256(), Some(sha256.as_str()));
    let quiet = s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(quiet.checksum_sha256(), None);
    let part =
        s3.get_object().bucket(BUCKET).key("k").range("bytes=0-3").checksum_mode(ChecksumMode::Enabled);
    assert_eq!(part.send().await.unwrap().checksum_sha256(), None, "it says nothing about four of the bytes");

    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        put().checksum_algorithm(algorithm.clone()).send().await.unwrap();
        // The SDK checks what it downloads against the checksum that comes with it.
        let got = s3
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), b"firmware", "{algorithm}");
    }
}

#[tokio::test]
async fn versions_stack_up_and_markers_hide_them() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    let first = put(&s3, "k", b"one").await.unwrap();
    let second = put(&s3, "k", b"two").await.unwrap();
    assert_eq!((first.len(), first == second), (32, false));
    let old = s3.get_object().bucket(BUCKET).key("k").version_id(&first).send().await.unwrap();
    assert_eq!(old.version_id(), Some(first.as_str()));
    assert_eq!(old.body.collect().await.unwrap().to_vec(), b"one");

    let deleted = s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id.unwrap();
    let gone = s3.get_object().bucket(BUCKET).key("k").send().await;
    let header = gone.as_ref().unwrap_err().raw_response().unwrap().headers().get("x-amz-delete-marker");
    assert_eq!(header, Some("true"));
    assert_eq!(refusal(gone), "404 NoSuchKey");
    let of_marker = s3.get_object().bucket(BUCKET).key("k").version_id(&marker).send().await;
    assert_eq!(refusal(of_marker), "405 MethodNotAllowed");
    let absent = s3.get_object().bucket(BUCKET).key("k").version_id("0".repeat(32)).send().await;
    assert_eq!(refusal(absent), "404 NoSuchVersion");
    let nonsense = s3.get_object().bucket(BUCKET).key("k").version_id("../x").send().await;
    assert_eq!(refusal(nonsense), "400 InvalidArgument");

    let undeleted = s3.delete_object().bucket(BUCKET).key("k").version_id(&marker).send().await.unwrap();
    assert_eq!((undeleted.delete_marker(), undeleted.version_id()), (Some(true), Some(marker.as_str())));
    assert_eq!(get(&s3, "k").await, b"two");
    s3.delete_object().bucket(BUCKET).key("k").version_id(&second).send().await.unwrap();
    assert_eq!(get(&s3, "k").await, b"one", "the version below is current again");
}

#[tokio::test]
async fn suspended_versioning_replaces_the_null_version_only() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    assert_eq!(put(&s3, "k", b"before").await, None);
    set_versioning(&s3, BucketVersioningStatus::Enabled).await;
    let kept = put(&s3, "k", b"kept").await.unwrap();
    let null = s3.get_object().bucket(BUCKET).key("k").version_id("null").send().await.unwrap();
    assert_eq!(null.body.collect().await.unwrap().to_vec(), b"before");
    set_versioning(&s3, BucketVersioningStatus::Suspended).await;
    assert_eq!(put(&s3, "k", b"after").await.as_deref(), Some("null"));
    let versions = s3.list_object_versions().bucket(BUCKET).send().await.unwrap();
    let ids: Vec<(&str, bool)> = versions
        .versions()
        .iter()
        .map(|version| (version.version_id().unwrap(), version.is_latest().unwrap()))
        .collect();
    assert_eq!(ids, [("null", true), (kept.as_str(), false)]);
    let deleted = s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!((deleted.delete_marker(), deleted.version_id()), (Some(true), Some("null")));
}

#[tokio::test]
async fn delete_objects_answers_for_each_key() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    let version = put(&s3, "a", b"x").await.unwrap();
    put(&s3, "b", b"x").await;
    let name = |key: &str| ObjectIdentifier::builder().key(key);
    let delete = Delete::builder()
        .objects(name("a").version_id(&version).build().unwrap())
        .objects(name("b").build().unwrap())
        .objects(name("never-there").build().unwrap())
        .build()
        .unwrap();
    let done = s3.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert!(done.errors().is_empty(), "{:?}", done.errors());
    let deleted: Vec<_> = done.deleted().iter().map(|d| (d.key().unwrap(), d.delete_marker())).collect();
    assert_eq!(deleted, [("a", None), ("b", Some(true)), ("never-there", Some(true))]);
}

#[tokio::test]
async fn tags_are_replaced_and_limited() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    put(&s3, "k", b"x").await;
    let set = |tags: Vec<Tag>| {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
        s3.put_object_tagging().bucket(BUCKET).key("k").tagging(tagging).send()
    };
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    set(vec![tag("firmhold")]).await.unwrap();
    assert_eq!(refusal(set((0..11).map(|n| tag(&n.to_string())).collect()).await), "400 BadRequest");
    assert_eq!(refusal(set(vec![tag("twice"), tag("twice")]).await), "400 InvalidTag");
    let tags = s3.get_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(tags.tag_set().len(), 1);
    s3.delete_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    let tags = s3.get_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(tags.tag_set().is_empty());
}

#[tokio::test]
async fn a_copy_takes_bytes_and_description() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    s3.put_object()
        .bucket(BUCKET)
        .key("from")
        .content_type("application/x-firmware")
        .body(ByteStream::from_static(b"firmware"))
        .send()
        .await
        .unwrap();
    let copy = |to: &str| s3.copy_object().bucket(BUCKET).copy_source("acme-firmware/from").key(to).send();
    let copied = copy("to").await.unwrap();
    assert!(copied.copy_source_version_id().is_some() && copied.version_id().is_some());
    assert_eq!(get(&s3, "to").await, b"firmware");
    let head = s3.head_object().bucket(BUCKET).key("to").send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/x-firmware"));
    assert_eq!(refusal(copy("from").await), "400 InvalidRequest");
    let absent = s3.copy_object().bucket(BUCKET).copy_source("acme-firmware/none").key("to").send().await;
    assert_eq!(refusal(absent), "404 NoSuchKey");
}

#[tokio::test]
async fn restore_is_refused_for_the_storage_class() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    put(&s3, "k", b"x").await;
    let days = aws_sdk_s3::types::RestoreRequest::builder().days(1).build();
    let restore = s3.restore_object().bucket(BUCKET).key("k").restore_request(days).send().await;
    assert_eq!(refusal(restore), "403 InvalidObjectState");
}

#[tokio::test]
async fn presigned_urls_read_and_write() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let hour = || PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let put = s3.put_object().bucket(BUCKET).key("k").presigned(hour()).await.unwrap();
    let http = http();
    let answer = http.put(put.uri()).body("firmware").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let get = s3.get_object().bucket(BUCKET).key("k").presigned(hour()).await.unwrap();
    let answer = http.get(get.uri()).header("range", "bytes=4-").send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-range"], "bytes 4-7/8");
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    assert_eq!(answer.text().await.unwrap(), "ware");
    let answer = http.get(get.uri()).header("range", "bytes=8-").send().await.unwrap();
    assert_eq!(answer.status(), 416);
    assert_eq!(answer.headers()["content-range"], "bytes */8");
    assert!(answer.text().await.unwrap().contains("<Code>InvalidRange</Code>"));
    for unusable in ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2"] {
        let answer = http.get(get.uri()).header("range", unusable).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{unusable}");
        assert_eq!(answer.text().await.unwrap(), "firmware", "{unusable}");
    }
    let head = s3.head_object().bucket(BUCKET).key("k").presigned(hour()).await.unwrap();
    let answer = http.head(head.uri()).header("range", "bytes=0-3").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-length"]), (206, &"4".parse().unwrap()));
}
