//! The other way in: a key pair at an endpoint. The sandbox is such a store too.

use std::time::Duration;

use bytes::Bytes;
use firmhold_core::backend::Capabilities;
use firmhold_core::check::RunStatus;
use firmhold_core::{CheckId, Digest, LimitedBy, ObjectKey, Problem, problem::Code};
use firmhold_store::checks::{VerifyOptions, role_is_open, verify};
use firmhold_store::{
    Access, Bucket, CopyObject, CopySource, Endpoint, ExternalId, KeyAccess, PartPut, PutObject,
    SessionScope, StaticKeys, StoreConfig, Stores, Target, TicketRequest,
};
use futures::StreamExt as _;
use http::StatusCode;

use crate::world::{BUCKET, World, store_config};

/// The world's bucket by its administrator's key pair.
pub fn keyed(world: &World) -> Target {
    let user = world.sandbox.customer();
    let access = KeyAccess {
        endpoint: Endpoint::parse(&world.sandbox.http_url()).unwrap(),
        keys: StaticKeys::new(&user.access_key_id, &user.secret_access_key),
        path_style: false,
        capabilities: Capabilities::default(),
    };
    Target { access: Access::Keys(access), ..world.target.clone() }
}

fn with_keys(target: &Target, keys: StaticKeys) -> Target {
    let mut target = target.clone();
    if let Access::Keys(access) = &mut target.access {
        access.keys = keys;
    }
    target
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_finds_what_the_store_can_do() {
    let world = World::start().await;
    let report = verify(&world.stores, &keyed(&world), &VerifyOptions::default()).await;
    let table: Vec<String> = report
        .checks
        .iter()
        .map(|check| format!("{} {}: {}", check.id, check.status, check.reason))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    V1 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V2 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V3 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V4 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V5 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V6 pass: the store takes requests signed for us-west-2
    V7 pass: put with tags, head, get, list, restore, multipart and delete work
    V8 pass: a presigned URL works without credentials, whole and for one range
    V9 skipped: does not apply: the way in is a key pair (credentials_ref), not a role
    V10 skipped: comes with the account checks (`firmhold account verify`)
    V11 skipped: comes with the account checks (`firmhold account verify`)
    V12 pass: a URL can live 604800 s, the most that a signature allows: a key pair has no end
    V13 pass: no object, version or upload of this run is left
    ");
    assert_eq!(report.status(), RunStatus::Pass);
    assert!(report.has_passed(&[CheckId::V6, CheckId::V7, CheckId::V8, CheckId::V12, CheckId::V13]));
    let lacks: Vec<_> =
        report.capabilities.entries().into_iter().filter(|(_, has)| *has != Some(true)).collect();
    assert_eq!(lacks, [("virtual_hosts", Some(false))], "an address has no bucket's name before it");
    assert_eq!(report.upload_mode.map(|mode| mode.as_str()), Some("direct"));
    assert_eq!(report.presign_ceiling_seconds, Some(604_800));
    assert_eq!(world.everything_in(BUCKET).await, Vec::<String>::new());
    assert_eq!(world.asked("AssumeRole"), 0, "nobody's role is assumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pair_that_is_refused_is_told_by_the_region_check() {
    let world = World::start().await;
    let target = with_keys(&keyed(&world), StaticKeys::new("AKIAWRONG", "wrong"));
    let report = verify(&world.stores, &target, &VerifyOptions::default()).await;
    assert_eq!(report.root_cause().map(|check| check.id), Some(CheckId::V6));
    let cause = report.root_cause().unwrap();
    assert_eq!(cause.aws_error_code.as_deref(), Some("InvalidAccessKeyId"));
    assert!(cause.fix.as_deref().unwrap().contains("credentials_ref"));
    assert_eq!(report.upload_mode, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_live_as_long_as_signatures_may() {
    let world = World::start().await;
    let target = keyed(&world);
    let bucket = world.stores.bucket(&target, SessionScope::Write).await.unwrap();
    let key = ObjectKey::from_stored("fw/odd name+ü");
    bucket.put(PutObject::new(key.clone(), "firmware-a\n")).await.unwrap();
    let request = TicketRequest::Get { key, version: None };
    let ticket = world.stores.ticket(&target, request, 604_800).await.unwrap();
    assert_eq!(ticket.limited_by, LimitedBy::Requested);
    assert!(!ticket.url.contains("X-Amz-Security-Token"));
    world.turn(604_000);
    let answer = world.stores.anonymous_http().get(&ticket.url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let owners = world.sandbox.request_log().entries();
    assert!(owners.iter().all(|entry| entry.operation != "AssumeRole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_pair_counts_at_once_and_the_old_one_no_more() {
    let world = World::start().await;
    let target = keyed(&world);
    world.stores.bucket(&target, SessionScope::Read).await.unwrap().list("fw/", None, 1).await.unwrap();
    let rotated = with_keys(&target, StaticKeys::new("AKIAOTHER", "other"));
    let bucket = world.stores.bucket(&rotated, SessionScope::Read).await.unwrap();
    let refused = bucket.list("fw/", None, 1).await.unwrap_err();
    assert_eq!(refused.aws_code(), Some("InvalidAccessKeyId"));
    world.stores.bucket(&target, SessionScope::Read).await.unwrap().list("fw/", None, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_endpoint_is_not_called_unless_allowed() {
    let world = World::start().await;
    let config = StoreConfig { allow_private_endpoints: false, ..store_config(&world.sandbox, &world.clock) };
    let stores = Stores::connect(config).await.unwrap();
    let before = world.sandbox.request_log().entries().len();
    let refused = stores.bucket(&keyed(&world), SessionScope::Read).await.err().unwrap();
    assert_eq!(refused.code(), Code::StoreDenied);
    // What a name means is asked of the resolver that knows public addresses only, which refuses private ones.
    let mut target = keyed(&world);
    if let Access::Keys(access) = &mut target.access {
        access.endpoint = Endpoint::parse("https://localhost.localdomain.example.invalid").unwrap();
    }
    let bucket = stores.bucket(&target, SessionScope::Read).await.unwrap();
    let refused = bucket.list("fw/", None, 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::StoreFailed);
    assert!(format!("{refused:?}").contains("the public address of localhost.localdomain"), "{refused:?}");
    assert_eq!(world.sandbox.request_log().entries().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_role_to_assume() {
    let world = World::start().await;
    let target = keyed(&world);
    let refused = world.stores.assume(&target, ExternalId::Missing).await.unwrap_err();
    assert_eq!(refused.code(), Code::Usage);
    assert!(role_is_open(&world.stores, &target).await.is_none());
}

/// Parts that go through us, both ways in.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_goes_through_only_if_it_is_what_was_declared() {
    let world = World::start().await;
    for target in [world.target.clone(), keyed(&world)] {
        let bucket = world.stores.bucket(&target, SessionScope::Write).await.unwrap();
        let key = ObjectKey::from_stored("fw/through/us");
        let id = bucket.create_upload(&key, &[]).await.unwrap();
        let body = vec![7_u8; 700_000];
        let part = PartPut { key: &key, upload_id: &id, number: 1, size: 700_000, sha256: Digest::of(&body) };
        let send = async |chunks: Vec<Result<Bytes, Problem>>| {
            world.stores.send_part(&target, &part, futures::stream::iter(chunks).boxed()).await
        };
        let chunks = |body: &[u8]| -> Vec<_> {
            body.chunks(100_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect()
        };
        let mut other = body.clone();
        other[699_999] = 8;
        assert_eq!(send(chunks(&other)).await.unwrap_err().code(), Code::PartMismatch);
        assert_eq!(send(chunks(&body[..600_000])).await.unwrap_err().code(), Code::PartMismatch);
        let broken = vec![Ok(Bytes::from_static(b"x")), Err(Problem::new(Code::PartMismatch, "broke off"))];
        assert_eq!(send(broken).await.unwrap_err().code(), Code::PartMismatch);
        assert_eq!(bucket.list_parts(&key, &id).await.unwrap(), []);
        let sent = send(chunks(&body)).await.unwrap();
        let listed = bucket.list_parts(&key, &id).await.unwrap();
        assert_eq!((listed.len(), &listed[0].etag, listed[0].size), (1, &sent.etag, 700_000));
        bucket.abort_upload(&key, &id).await.unwrap();
        assert_eq!(send(chunks(&body)).await.unwrap_err().code(), Code::ContentMissing);
        world.turn(Duration::from_secs(1).as_secs());
    }
}

/// What a store lacks is left out of what it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_lacks_is_not_asked_of_it() {
    let world = World::start().await;
    let lacking = Capabilities {
        checksum_headers: Some(false),
        checksums_listed: Some(false),
        conditional_writes: Some(false),
        tags: Some(false),
        list_versions: Some(false),
        list_uploads: Some(false),
        ..Capabilities::default()
    };
    let target = keyed(&world).with_capabilities(lacking);
    let bucket = world.stores.bucket(&target, SessionScope::Admin).await.unwrap();
    let key = ObjectKey::from_stored("fw/plain");
    let tags = [("firmhold".to_owned(), "x".to_owned())];
    for body in ["one", "two"] {
        let put = PutObject { if_none_match: true, tags: tags.to_vec(), ..PutObject::new(key.clone(), body) };
        bucket.put(put).await.unwrap();
    }
    bucket.put_tags(&key, None, &tags).await.unwrap();
    let full = world.stores.bucket(&keyed(&world), SessionScope::Admin).await.unwrap();
    assert_eq!(full.get_tags(&key, None).await.unwrap(), []);
    assert_eq!(full.head(&key, None).await.unwrap().sha256, None);
    let versions = bucket.list_versions("fw/").await.unwrap();
    assert_eq!((versions.len(), versions[0].version_id.as_str()), (1, "null"));
    bucket.delete(&key, Some("null")).await.unwrap();
    assert_eq!(bucket.head(&key, None).await.unwrap_err().code(), Code::ContentMissing);
    uploads(bucket.as_ref(), &key).await;
}

async fn uploads(bucket: &dyn Bucket, key: &ObjectKey) {
    let id = bucket.create_upload(key, &[]).await.unwrap();
    let part = Bytes::from_static(b"small");
    bucket.upload_part(key, &id, 1, part.clone(), Digest::of(&part)).await.unwrap();
    assert_eq!(bucket.list_uploads("fw/").await.unwrap(), []);
    let mut parts = bucket.list_parts(key, &id).await.unwrap();
    assert_eq!(parts[0].sha256, None);
    // As the record of a part that went through us has it.
    parts[0].sha256 = Some(Digest::of(&part));
    bucket.complete_upload(key, &id, &parts).await.unwrap();
    assert_eq!(bucket.head(key, None).await.unwrap().size, 5);
}

/// Where a bucket had versions once, a copy has the version `null`, as everything that is written there has; it is found
/// without.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_without_a_version_names_none() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&keyed(&world), SessionScope::Write).await.unwrap();
    let suspended = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Suspended)
        .build();
    let call = world.customer_s3().put_bucket_versioning().bucket(BUCKET);
    call.versioning_configuration(suspended).send().await.unwrap();
    let source = ObjectKey::from_stored("fw/source");
    let put = bucket.put(PutObject::new(source.clone(), "body")).await.unwrap();
    let from = CopySource { key: source, version_id: None, etag: put.etag, size: 4 };
    let copy = CopyObject { source: from, key: ObjectKey::from_stored("fw/copy"), tags: Vec::new() };
    assert_eq!(bucket.copy(&copy).await.unwrap().version_id, None);
}
