//! One suite for every [`Bucket`]: memory, the sandbox, and, where `FIRMHOLD_TEST_S3` names one, a real bucket.

use std::sync::Arc;

use bytes::Bytes;
use firmhold_core::{Clock, Digest, ObjectKey, Problem, problem::Code};
use firmhold_store::{Bucket, ByteRange, MemoryBucket, PutObject, SessionScope, StoreConfig, Stores, Target};
use futures::StreamExt as _;

use crate::world::World;

const PART: usize = 5 * 1024 * 1024;

#[tokio::test]
async fn memory() {
    let bucket: Arc<dyn Bucket> = Arc::new(MemoryBucket::new(Clock::system()));
    conforms(&bucket, "fw/").await;
}

#[tokio::test]
async fn sandbox() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Admin).await.unwrap();
    conforms(&bucket, "fw/").await;
    assert_eq!(bucket.region().await.unwrap().as_deref(), Some("us-west-2"));
}

/// `FIRMHOLD_TEST_S3` is the JSON of `{region, platform_role_arn, endpoint_url?, backend}`, the last as the API
/// writes it; the default chain has the platform's credentials. Its role must be allowed to delete.
#[tokio::test]
async fn real_endpoint() {
    let Ok(text) = std::env::var("FIRMHOLD_TEST_S3") else { return };
    let named: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |name: &str| named[name].as_str().map(str::to_owned);
    let config = StoreConfig {
        endpoint_url: of("endpoint_url"),
        ..StoreConfig::new(of("region").unwrap(), of("platform_role_arn").unwrap())
    };
    let backend = serde_json::from_value(named["backend"].clone()).unwrap();
    let target = Target::of(&backend, None).unwrap();
    let stores = Stores::connect(config).await.unwrap();
    let bucket = stores.bucket(&target, SessionScope::Admin).await.unwrap();
    let run = format!("{}.probe/conformance/", target.prefix);
    conforms(&bucket, &run).await;
}

async fn conforms(bucket: &Arc<dyn Bucket>, prefix: &str) {
    objects(bucket, prefix).await;
    versions(bucket, prefix).await;
    listings(bucket, prefix).await;
    uploads(bucket, prefix).await;
    refusals(bucket, prefix).await;
    clean(bucket, prefix).await;
}

fn key(prefix: &str, name: &str) -> ObjectKey {
    ObjectKey::from_stored(format!("{prefix}{name}"))
}

fn code<T>(result: Result<T, Problem>) -> Code {
    result.err().expect("it was to fail").code()
}

fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn read(
    bucket: &Arc<dyn Bucket>,
    key: &ObjectKey,
    version: Option<&str>,
    range: Option<ByteRange>,
) -> Bytes {
    bucket.get(key, version, range).await.unwrap().collect(1 << 26).await.unwrap()
}

async fn objects(bucket: &Arc<dyn Bucket>, prefix: &str) {
    let key = key(prefix, "object with ünusual name");
    let put = PutObject {
        tags: tags(&[("firmhold", "live")]),
        content_type: Some("application/json".to_owned()),
        ..PutObject::new(key.clone(), "firmware-a\n")
    };
    let sha256 = put.sha256;
    let stored = bucket.put(put).await.unwrap();
    let info = bucket.head(&key, None).await.unwrap();
    assert_eq!(
        (info.size, info.sha256, info.content_type.as_deref()),
        (11, Some(sha256), Some("application/json"))
    );
    assert_eq!(
        (info.etag, info.version_id, info.encryption.as_deref()),
        (stored.etag, stored.version_id, Some("AES256"))
    );
    assert_eq!(stored.encryption.as_deref(), Some("AES256"));
    assert_eq!(read(bucket, &key, None, None).await, "firmware-a\n");
    for (range, expected) in [
        (ByteRange::new(0, 0), "f"),
        (ByteRange::new(4, 7), "ware"),
        (ByteRange::new(9, 99), "a\n"),
        (ByteRange::from(10), "\n"),
    ] {
        let body = bucket.get(&key, None, Some(range)).await.unwrap();
        assert_eq!((body.info.size, body.content_length), (11, expected.len() as u64));
        assert_eq!(body.collect(99).await.unwrap(), expected);
    }
    assert_eq!(bucket.get_tags(&key, None).await.unwrap(), tags(&[("firmhold", "live")]));
    bucket.put_tags(&key, None, &tags(&[("firmhold", "retired")])).await.unwrap();
    assert_eq!(bucket.get_tags(&key, None).await.unwrap(), tags(&[("firmhold", "retired")]));
    let empty = self::key(prefix, "empty");
    bucket.put(PutObject::new(empty.clone(), "")).await.unwrap();
    assert_eq!(read(bucket, &empty, None, None).await, "");
}

async fn versions(bucket: &Arc<dyn Bucket>, prefix: &str) {
    let key = key(prefix, "versioned");
    let first = bucket.put(PutObject::new(key.clone(), "one")).await.unwrap().version_id.unwrap();
    let second = bucket.put(PutObject::new(key.clone(), "two")).await.unwrap().version_id.unwrap();
    assert_eq!(read(bucket, &key, None, None).await, "two");
    assert_eq!(read(bucket, &key, Some(&first), None).await, "one");
    bucket.delete(&key, None).await.unwrap();
    assert_eq!(code(bucket.get(&key, None, None).await), Code::ContentMissing);
    assert_eq!(code(bucket.head(&key, None).await), Code::ContentMissing);
    assert_eq!(read(bucket, &key, Some(&second), None).await, "two");
    let all = bucket.list_versions(key.as_str()).await.unwrap();
    let mut sizes: Vec<_> =
        all.iter().map(|entry| (entry.is_delete_marker, entry.is_latest, entry.size)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [(false, false, 3), (false, false, 3), (true, true, 0)]);
    let marker = all.iter().find(|entry| entry.is_delete_marker).unwrap();
    assert_eq!(code(bucket.get(&key, Some(&marker.version_id), None).await), Code::ContentMissing);
    bucket.delete(&key, Some(&marker.version_id)).await.unwrap();
    bucket.delete(&key, Some(&first)).await.unwrap();
    assert_eq!(code(bucket.get(&key, Some(&first), None).await), Code::ContentMissing);
    assert_eq!(read(bucket, &key, None, None).await, "two");
}

async fn listings(bucket: &Arc<dyn Bucket>, prefix: &str) {
    let below = format!("{prefix}list/");
    for name in ["a", "b", "c", "d"] {
        bucket.put(PutObject::new(key(&below, name), name)).await.unwrap();
    }
    bucket.delete(&key(&below, "b"), None).await.unwrap();
    let first = bucket.list(&below, None, 2).await.unwrap();
    let names = |listing: &firmhold_store::Listing| -> Vec<String> {
        listing.objects.iter().map(|object| object.key.as_str().to_owned()).collect()
    };
    assert_eq!(names(&first), [format!("{below}a"), format!("{below}c")]);
    let second = bucket.list(&below, first.next.as_deref(), 2).await.unwrap();
    assert_eq!((names(&second), second.next), (vec![format!("{below}d")], None));
    let none = bucket.list(&format!("{below}none/"), None, 2).await.unwrap();
    assert_eq!((none.objects, none.next), (Vec::new(), None));
}

async fn uploads(bucket: &Arc<dyn Bucket>, prefix: &str) {
    let key = key(prefix, "upload");
    let id = bucket.create_upload(&key, &tags(&[("firmhold", "live")])).await.unwrap();
    let bodies = [Bytes::from(vec![1; PART]), Bytes::from(vec![2; PART]), Bytes::from_static(b"end")];
    // Out of order, and one of them twice.
    for place in [2, 0, 1, 0] {
        let body = bodies[place].clone();
        let number = u32::try_from(place).unwrap() + 1;
        let sha256 = Digest::of(&body);
        bucket.upload_part(&key, &id, number, body, sha256).await.unwrap();
    }
    let open = bucket.list_uploads(key.as_str()).await.unwrap();
    assert_eq!(open.iter().map(|entry| (&entry.key, &entry.upload_id)).collect::<Vec<_>>(), [(&key, &id)]);
    let parts = bucket.list_parts(&key, &id).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 3]);
    for (part, body) in parts.iter().zip(&bodies) {
        assert_eq!((part.size, part.sha256), (body.len() as u64, Some(Digest::of(body))));
    }
    let stored = bucket.complete_upload(&key, &id, &parts).await.unwrap();
    let again = bucket.complete_upload(&key, &id, &parts).await.unwrap();
    assert_eq!(again.version_id, stored.version_id, "a lost answer is given again");
    let info = bucket.head(&key, stored.version_id.as_deref()).await.unwrap();
    assert_eq!(
        (info.size, info.sha256),
        (2 * PART as u64 + 3, None),
        "a checksum of checksums is none of the whole"
    );
    assert_eq!(info.encryption.as_deref(), Some("AES256"));
    assert_eq!(bucket.get_tags(&key, None).await.unwrap(), tags(&[("firmhold", "live")]));
    let seam = read(bucket, &key, None, Some(ByteRange::new(PART as u64 - 1, PART as u64))).await;
    assert_eq!(seam.as_ref(), [1, 2]);
    let mut body = bucket.get(&key, None, None).await.unwrap();
    let mut hasher = firmhold_core::Hasher::new();
    while let Some(chunk) = body.stream.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.len() < PART, "a read is a stream");
        hasher.update(&chunk);
    }
    assert_eq!(hasher.finish(), Digest::of(bodies.concat()));
}

async fn refusals(bucket: &Arc<dyn Bucket>, prefix: &str) {
    let there = key(prefix, "there");
    let missing = key(prefix, "missing");
    let lie = Digest::of("something else");
    bucket.put(PutObject::new(there.clone(), "x")).await.unwrap();
    assert_eq!(code(bucket.head(&missing, None).await), Code::ContentMissing);
    assert_eq!(code(bucket.get(&missing, None, None).await), Code::ContentMissing);
    assert_eq!(code(bucket.get(&there, None, Some(ByteRange::from(1))).await), Code::RangeUnsatisfiable);
    let put = PutObject { sha256: lie, ..PutObject::new(missing.clone(), "x") };
    assert_eq!(code(bucket.put(put).await), Code::DigestMismatch);
    let put = PutObject { if_none_match: true, ..PutObject::new(there.clone(), "y") };
    assert_eq!(code(bucket.put(put).await), Code::PreconditionFailed);
    let restored = bucket.restore(&there, None, 1).await.unwrap_err();
    assert_eq!(restored.aws_code(), Some("InvalidObjectState"));
    bucket.delete(&missing, None).await.unwrap();

    let id = bucket.create_upload(&missing, &[]).await.unwrap();
    let part = Bytes::from_static(b"small");
    assert_eq!(code(bucket.upload_part(&missing, &id, 1, part.clone(), lie).await), Code::DigestMismatch);
    assert_eq!(bucket.list_parts(&missing, &id).await.unwrap(), []);
    for number in [1, 2] {
        bucket.upload_part(&missing, &id, number, part.clone(), Digest::of(&part)).await.unwrap();
    }
    let parts = bucket.list_parts(&missing, &id).await.unwrap();
    assert_eq!(code(bucket.complete_upload(&missing, &id, &parts).await), Code::StateForbids);
    bucket.abort_upload(&missing, &id).await.unwrap();
    bucket.abort_upload(&missing, &id).await.unwrap();
    assert_eq!(code(bucket.list_parts(&missing, &id).await), Code::ContentMissing);
    assert_eq!(code(bucket.complete_upload(&missing, &id, &parts).await), Code::ContentMissing);
    assert_eq!(bucket.list_uploads(prefix).await.unwrap(), []);
}

async fn clean(bucket: &Arc<dyn Bucket>, prefix: &str) {
    for entry in bucket.list_versions(prefix).await.unwrap() {
        bucket.delete(&entry.key, Some(&entry.version_id)).await.unwrap();
    }
    assert_eq!(bucket.list_versions(prefix).await.unwrap(), []);
}
