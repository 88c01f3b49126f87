//! What fails and is tried again, and what fails for good.

use std::sync::Arc;

use firmhold_core::{Clock, Digest, ObjectKey, problem::Code};
use firmhold_sandbox::{Fault as SandboxFault, FaultAction as SandboxAction};
use firmhold_store::fault::{Fault, FaultAction, FaultyBucket};
use firmhold_store::{
    AwsError, Bucket, ByteRange, CopySource, MemoryBucket, PutObject, SessionScope, StoreConfig, Stores,
    TicketRequest, copy_in_parts,
};

use crate::world::World;

fn key() -> ObjectKey {
    ObjectKey::from_stored("fw/x")
}

#[tokio::test]
async fn slow_down_is_tried_again() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    let slow = |times| {
        SandboxFault::new()
            .service("s3")
            .operation("PutObject")
            .times(times)
            .then(SandboxAction::Status(503, "SlowDown"))
    };
    world.sandbox.faults().add(slow(2));
    bucket.put(PutObject::new(key(), "x")).await.unwrap();
    world.sandbox.faults().add(slow(99));
    let problem = bucket.put(PutObject::new(key(), "x")).await.unwrap_err();
    assert_eq!((problem.code(), problem.aws_code()), (Code::StoreFailed, Some("SlowDown")));
    assert!(problem.code().retryable());
}

#[tokio::test]
async fn a_session_that_aws_calls_over_is_replaced() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    let over = SandboxFault::new().service("s3").times(1).then(SandboxAction::ExpiredToken);
    world.sandbox.faults().add(over);
    world.sandbox.request_log().clear();
    bucket.put(PutObject::new(key(), "x")).await.unwrap();
    assert_eq!(world.asked("AssumeRole"), 1);
}

#[tokio::test]
async fn a_session_of_the_platform_that_sts_calls_over_is_replaced() {
    let world = World::start().await;
    world.stores.bucket(&world.target, SessionScope::Read).await.unwrap();
    let over =
        SandboxFault::new().service("sts").operation("AssumeRole").times(1).then(SandboxAction::ExpiredToken);
    world.sandbox.faults().add(over);
    world.sandbox.request_log().clear();
    world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    assert_eq!(
        world.asked("AssumeRole"),
        3,
        "refused, then the platform's role again, and then the backend's"
    );
}

#[tokio::test]
async fn https_is_trusted_by_the_ca_bundle_alone() {
    let world = World::start().await;
    let https =
        StoreConfig { endpoint_url: Some(world.sandbox.https_url()), ..world.stores.config().clone() };
    let config = StoreConfig { ca_bundle: Some(world.sandbox.ca_file().to_owned()), ..https.clone() };
    let stores = Stores::connect(config).await.unwrap();
    let bucket = stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    bucket.put(PutObject::new(key(), "x")).await.unwrap();
    let request = TicketRequest::Get { key: key(), version: None };
    let ticket = stores.ticket(&world.target, request, 900).await.unwrap();
    let answer = stores.anonymous_http().get(&ticket.url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "x");
    let without = Stores::connect(https.clone()).await.unwrap();
    let problem = without.bucket(&world.target, SessionScope::Read).await.unwrap_err();
    assert_eq!(problem.code(), Code::StsFailed);
    for bad in ["no such file", "Cargo.toml"] {
        let config = StoreConfig { ca_bundle: Some(bad.into()), ..https.clone() };
        assert_eq!(Stores::connect(config).await.unwrap_err().code(), Code::Usage, "{bad}");
    }
}

#[tokio::test]
async fn a_bucket_outlives_its_sessions() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    for _ in 0..3 {
        bucket.put(PutObject::new(key(), "x")).await.unwrap();
        world.turn(3599);
    }
}

#[tokio::test]
async fn without_sts_there_is_no_bucket_and_the_fault_is_aws() {
    let world = World::start().await;
    world.sts_down();
    let problem = world.stores.bucket(&world.target, SessionScope::Read).await.unwrap_err();
    assert_eq!((problem.code(), problem.aws_code()), (Code::StsFailed, Some("ServiceUnavailable")));
    assert_eq!(AwsError::of(&problem).unwrap().status, 503);
    world.sandbox.faults().clear();
    world.stores.bucket(&world.target, SessionScope::Read).await.unwrap();
}

#[tokio::test]
async fn a_cut_body_is_an_error_and_no_short_object() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    bucket.put(PutObject::new(key(), vec![7; 1 << 20])).await.unwrap();
    let cut = SandboxFault::new().operation("GetObject").times(1).then(SandboxAction::Reset(300_000));
    world.sandbox.faults().add(cut);
    let body = bucket.get(&key(), None, None).await.unwrap();
    assert_eq!(body.content_length, 1 << 20);
    assert_eq!(body.collect(1 << 21).await.unwrap_err().code(), Code::StoreFailed);
}

#[tokio::test]
async fn a_byte_flipped_behind_our_back_shows_in_the_digest() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    bucket.put(PutObject::new(key(), "firmware-a\n")).await.unwrap();
    world.sandbox.tamper(crate::world::BUCKET, "fw/x", None, 3, 0x20).unwrap();
    let read = bucket.get(&key(), None, None).await.unwrap().collect(99).await.unwrap();
    assert_ne!(Digest::of(&read), Digest::of("firmware-a\n"));
}

#[tokio::test]
async fn scripted_faults_happen_as_often_as_they_say() {
    let bucket = FaultyBucket::new(Arc::new(MemoryBucket::new(Clock::system())));
    let slow = FaultAction::Fail(Code::StoreFailed, Some("SlowDown"));
    bucket.add(Fault::on("put", slow).skip(1).times(2));
    let mut ok = Vec::new();
    for _ in 0..4 {
        ok.push(bucket.put(PutObject::new(key(), "firmware")).await.is_ok());
    }
    assert_eq!(ok, [true, false, false, true]);

    bucket.add(Fault::on("get", FaultAction::CutBody(3)).key_contains("x"));
    let cut = bucket.get(&key(), None, None).await.unwrap();
    assert_eq!(cut.collect(99).await.unwrap_err().code(), Code::StoreFailed);
    bucket.add(Fault::on("get", FaultAction::FlipBit(0)));
    assert_eq!(bucket.get(&key(), None, None).await.unwrap().collect(99).await.unwrap(), "girmware");

    bucket.add(Fault::on("delete", FaultAction::LoseAnswer));
    assert!(bucket.delete(&key(), None).await.is_err());
    assert_eq!(bucket.head(&key(), None).await.unwrap_err().code(), Code::ContentMissing);
}

/// What a copy in parts joins is what it knows itself to be there, whatever a list looks like.
#[tokio::test]
async fn a_copy_in_parts_rests_on_no_stores_order_and_no_listed_tags() {
    const PART: u64 = 5 << 20;
    let bucket = FaultyBucket::new(Arc::new(MemoryBucket::new(Clock::system())));
    let body: Vec<u8> = (0..2 * PART + 7).map(|byte| (byte % 251) as u8).collect();
    let put = bucket.put(PutObject::new(ObjectKey::from_stored("fw/source"), body.clone())).await.unwrap();
    let source = CopySource {
        key: ObjectKey::from_stored("fw/source"),
        version_id: put.version_id,
        etag: put.etag,
        size: body.len() as u64,
    };
    let id = bucket.create_upload(&key(), &[]).await.unwrap();
    // From a run that was cut off, and another upload's habit of cutting: too small, and one too many.
    bucket.copy_part(&key(), &id, 1, &source, ByteRange::new(0, PART - 1)).await.unwrap();
    bucket.copy_part(&key(), &id, 3, &source, ByteRange::new(0, PART - 1)).await.unwrap();
    bucket.copy_part(&key(), &id, 4, &source, ByteRange::new(0, 9)).await.unwrap();
    bucket.add(Fault::on("list_parts", FaultAction::OddList).times(9));
    let stored = copy_in_parts(&bucket, &key(), &id, &source, PART, 2).await.unwrap();
    let copied = bucket.get(&key(), stored.version_id.as_deref(), None).await.unwrap();
    assert!(copied.collect(3 * PART).await.unwrap() == body);
}
