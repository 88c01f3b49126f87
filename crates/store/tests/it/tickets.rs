//! Tickets: they work without credentials, and never outlive or under-report what signed them (rules L1, L2, L9).

use std::time::Duration;

use bytes::Bytes;
use firmhold_core::{Digest, LimitedBy, ObjectKey, problem::Code};
use firmhold_store::{PutObject, SKEW, SessionScope, TicketRequest};
use http::StatusCode;

use crate::world::World;

fn get(key: &ObjectKey) -> TicketRequest {
    TicketRequest::Get { key: key.clone(), version: None }
}

async fn with_object(world: &World) -> ObjectKey {
    let key = ObjectKey::from_stored("fw/binaries/odd name+ü");
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    bucket.put(PutObject::new(key.clone(), "firmware-a\n")).await.unwrap();
    key
}

#[tokio::test]
async fn a_device_without_credentials_reads_whole_and_in_part() {
    let world = World::start().await;
    let key = with_object(&world).await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    let version = bucket.head(&key, None).await.unwrap().version_id;
    bucket.put(PutObject::new(key.clone(), "another on top")).await.unwrap();
    let request = TicketRequest::Get { key, version };
    let ticket = world.stores.ticket(&world.target, request, 900).await.unwrap();
    assert!(ticket.headers.is_empty());
    assert!(!ticket.url.contains("expected-bucket-owner"));
    let http = world.stores.anonymous_http();
    let whole = http.get(&ticket.url).send().await.unwrap();
    assert_eq!((whole.status(), whole.text().await.unwrap().as_str()), (StatusCode::OK, "firmware-a\n"));
    let part = http.get(&ticket.url).header("range", "bytes=4-7").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 4-7/11");
    assert_eq!(part.text().await.unwrap(), "ware");
}

#[tokio::test]
async fn a_part_is_taken_as_declared_and_not_otherwise() {
    let world = World::start().await;
    let key = ObjectKey::from_stored("fw/binaries/part");
    let bucket = world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    let upload_id = bucket.create_upload(&key, &[]).await.unwrap();
    let body = Bytes::from_static(b"the declared bytes");
    let request = TicketRequest::PutPart {
        key: key.clone(),
        upload_id: upload_id.clone(),
        number: 3,
        size: body.len() as u64,
        sha256: Digest::of(&body),
    };
    let ticket = world.stores.ticket(&world.target, request, 900).await.unwrap();
    assert!(ticket.url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256&"));
    let http = world.stores.anonymous_http();
    let put = async |body: Bytes, checksum: Option<&str>| {
        let mut put = http.put(&ticket.url).body(body);
        if let Some(checksum) = checksum {
            put = put.header("x-amz-checksum-sha256", checksum);
        }
        put.send().await.unwrap().status()
    };
    let right = ticket.headers["x-amz-checksum-sha256"].as_str();
    let other = Bytes::from_static(b"some others, equal");
    assert_eq!(other.len(), body.len());
    assert_eq!(put(other.clone(), Some(right)).await, StatusCode::BAD_REQUEST);
    assert_eq!(put(other.clone(), Some(&Digest::of(&other).to_base64())).await, StatusCode::FORBIDDEN);
    assert_eq!(put(body.clone(), None).await, StatusCode::FORBIDDEN);
    assert_eq!(put(body.slice(1..), Some(right)).await, StatusCode::FORBIDDEN);
    assert_eq!(bucket.list_parts(&key, &upload_id).await.unwrap(), []);
    assert_eq!(put(body.clone(), Some(right)).await, StatusCode::OK);
    let parts = bucket.list_parts(&key, &upload_id).await.unwrap();
    assert_eq!((parts[0].number, parts[0].sha256), (3, Some(Digest::of(&body))));
}

#[tokio::test]
async fn it_works_to_the_second_that_it_states_and_not_beyond() {
    let world = World::start().await;
    let key = with_object(&world).await;
    let http = world.stores.anonymous_http();
    for seconds in [300, 900, 3300, 604_800] {
        let ticket = world.stores.ticket(&world.target, get(&key), seconds).await.unwrap();
        let left = ticket.expires_at.since(world.clock.now());
        world.clock.advance(left - Duration::from_millis(1));
        assert_eq!(http.get(&ticket.url).send().await.unwrap().status(), StatusCode::OK, "{seconds}");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(http.get(&ticket.url).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{seconds}");
    }
}

#[tokio::test]
async fn whenever_it_is_asked_for_it_lives_as_long_as_it_says() {
    let world = World::start().await;
    let key = with_object(&world).await;
    let http = world.stores.anonymous_http();
    // Steps that meet every phase of a session's hour, and a day's end.
    for step in 0..60_u32 {
        let seconds = [300, 900, 3300][step as usize % 3];
        let ticket = world.stores.ticket(&world.target, get(&key), seconds).await.unwrap();
        let life = ticket.expires_at.since(world.clock.now());
        assert_eq!(ticket.limited_by, LimitedBy::Requested, "STS is there, so nothing else limits");
        assert!(
            life > Duration::from_secs(u64::from(seconds) - 1) && life <= Duration::from_secs(seconds.into())
        );
        assert_eq!(http.get(&ticket.url).send().await.unwrap().status(), StatusCode::OK);
        world.clock.advance(Duration::from_millis(733_211));
    }
}

#[tokio::test]
async fn a_week_is_cut_to_the_chained_hour() {
    let world = World::start().await;
    let key = with_object(&world).await;
    let ticket = world.stores.ticket(&world.target, get(&key), 604_800).await.unwrap();
    assert_eq!(ticket.limited_by, LimitedBy::Session);
    assert_eq!(
        ticket.expires_at.since(world.clock.now()).as_secs(),
        3539,
        "an hour less a minute, begun a second ago"
    );
    world.sandbox.request_log().clear();
    for _ in 0..3 {
        world.stores.ticket(&world.target, get(&key), 604_800).await.unwrap();
    }
    assert_eq!(world.asked("AssumeRole"), 0, "what cannot be had is not tried for each ticket");
}

#[tokio::test]
async fn while_sts_is_down_the_session_serves_to_its_end() {
    let world = World::start().await;
    let key = with_object(&world).await;
    let http = world.stores.anonymous_http();
    world.stores.ticket(&world.target, get(&key), 900).await.unwrap();
    let born = world.clock.now();
    world.sts_down();
    for (at, expected, limited_by) in [
        (1_000, 900, LimitedBy::Requested),
        (2_639, 900, LimitedBy::Requested),
        (2_700, 840, LimitedBy::Session),
        (3_500, 40, LimitedBy::Session),
    ] {
        world.clock.advance(born.plus(Duration::from_secs(at)).since(world.clock.now()));
        let ticket = world.stores.ticket(&world.target, get(&key), 900).await.unwrap();
        let life = ticket.expires_at.since(world.clock.now()).as_secs();
        // The clock stands at a quarter past the second.
        assert!((expected - 1..=expected).contains(&life), "at {at}: {life}");
        assert_eq!(ticket.limited_by, limited_by, "at {at}");
        assert!(ticket.expires_at.plus(SKEW) <= born.plus(Duration::from_secs(3600)));
        assert_eq!(http.get(&ticket.url).send().await.unwrap().status(), StatusCode::OK, "at {at}");
    }
    world.turn(50);
    let nothing = world.stores.ticket(&world.target, get(&key), 900).await.unwrap_err();
    assert_eq!((nothing.code(), nothing.retry_after_secs()), (Code::Unavailable, Some(5)));
    world.turn(60);
    let nothing = world.stores.ticket(&world.target, get(&key), 900).await.unwrap_err();
    assert_eq!((nothing.code(), nothing.retry_after_secs()), (Code::Unavailable, Some(5)));
    world.sandbox.faults().clear();
    let ticket = world.stores.ticket(&world.target, get(&key), 900).await.unwrap();
    assert_eq!(ticket.limited_by, LimitedBy::Requested);
    assert_eq!(http.get(&ticket.url).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_session_is_renewed_in_the_background_at_half_its_life() {
    let world = World::start().await;
    let key = with_object(&world).await;
    world.stores.ticket(&world.target, get(&key), 300).await.unwrap();
    world.sandbox.request_log().clear();
    world.turn(1700);
    world.stores.ticket(&world.target, get(&key), 300).await.unwrap();
    assert_eq!(world.asked("AssumeRole"), 0);
    world.turn(101);
    let asked = std::time::Instant::now();
    while world.asked("AssumeRole") == 0 {
        let ticket = world.stores.ticket(&world.target, get(&key), 300).await.unwrap();
        assert_eq!(ticket.limited_by, LimitedBy::Requested);
        assert!(asked.elapsed() < Duration::from_secs(30), "the session was not renewed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
