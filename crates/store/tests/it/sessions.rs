//! Sessions: who gets in, and how long it lasts (design D2, D12; rules L1 to L3).

use firmhold_core::{Secret, problem::Code};
use firmhold_store::{Access, ExternalId, RoleSession, SessionScope, StaticKeys, StoreConfig, Stores};

use crate::world::{EXTERNAL_ID, NEXT_EXTERNAL_ID, World, with_ids};

#[tokio::test]
async fn the_right_external_id_opens_and_nothing_else_does() {
    let world = World::start().await;
    let assume = async |how| world.stores.assume(&world.target, how).await;
    let session = assume(ExternalId::Right(0)).await.unwrap();
    assert!(session.arn().contains(":assumed-role/FirmholdBackend/firmhold-read-"), "{}", session.arn());
    for wrong in [ExternalId::Missing, ExternalId::Other("fh-wrong".to_owned())] {
        let problem = assume(wrong).await.unwrap_err();
        assert_eq!((problem.code(), problem.aws_code()), (Code::AssumeDenied, Some("AccessDenied")));
    }
    assert_eq!(assume(ExternalId::Right(1)).await.unwrap_err().code(), Code::Usage);
}

#[tokio::test]
async fn two_hops_chain_and_end_after_an_hour() {
    let world = World::start().await;
    let identity = world.stores.identity().await.unwrap();
    assert!(identity.chained && identity.is_platform_role(), "{identity:?}");
    assert_eq!(identity.account, world.sandbox.platform().account_id);
    let session = world.stores.assume(&world.target, ExternalId::Right(0)).await.unwrap();
    // STS answers in whole seconds, and the clock stands at a quarter past one.
    assert_eq!((session.life().as_millis(), session.ticket_ceiling()), (3_599_750, 3539));
}

#[tokio::test]
async fn who_is_the_role_already_needs_no_first_hop() {
    let world = World::start().await;
    let role = world.sandbox.platform_role_arn();
    let keys = session_keys_of_the_platform(&world).await;
    let config = StoreConfig { base_credentials: Some(keys), ..world.stores.config().clone() };
    let stores = Stores::connect(config).await.unwrap();
    world.sandbox.request_log().clear();
    assert!(stores.identity().await.unwrap().is_platform_role());
    stores.bucket(&world.target, SessionScope::Read).await.unwrap();
    let hops = world.sandbox.request_log().entries();
    assert!(!hops.iter().any(|entry| entry.operation == "AssumeRole" && entry.resource == role), "{hops:?}");
}

#[tokio::test]
async fn an_identity_that_is_not_the_platforms_says_so() {
    let world = World::start().await;
    let customer = world.sandbox.customer();
    let keys = StaticKeys::new(&customer.access_key_id, &customer.secret_access_key);
    let config = StoreConfig { base_credentials: Some(keys), ..world.stores.config().clone() };
    let stores = Stores::connect(config).await.unwrap();
    assert_eq!(stores.identity().await.unwrap_err().code(), Code::PlatformIdentity);
    let denied = stores.bucket(&world.target, SessionScope::Read).await.unwrap_err();
    assert_eq!(denied.code(), Code::PlatformIdentity);
    assert!(!format!("{stores:?}").contains(&customer.secret_access_key));
}

#[tokio::test]
async fn many_who_come_at_once_share_one_session() {
    let world = World::start().await;
    world.sandbox.request_log().clear();
    let all = (0..20).map(|_| world.stores.bucket(&world.target, SessionScope::Read));
    for bucket in futures::future::join_all(all).await {
        bucket.unwrap();
    }
    assert_eq!(world.asked("AssumeRole"), 2, "the platform's role and the backend's");
    world.stores.bucket(&world.target, SessionScope::Write).await.unwrap();
    assert_eq!(world.asked("AssumeRole"), 3, "a scope has a session of its own");
}

#[tokio::test]
async fn a_scope_allows_no_more_than_it_says() {
    let world = World::start().await;
    let bucket = world.stores.bucket(&world.target, SessionScope::Read).await.unwrap();
    let key = firmhold_core::ObjectKey::from_stored("fw/x");
    let problem = bucket.put(firmhold_store::PutObject::new(key, "x")).await.unwrap_err();
    assert_eq!((problem.code(), problem.aws_code()), (Code::StoreDenied, Some("AccessDenied")));
}

#[tokio::test]
async fn during_a_rotation_the_new_id_is_used_if_it_works_else_the_old_one() {
    let world = World::start().await;
    let target = with_ids(&world.target, &[NEXT_EXTERNAL_ID, EXTERNAL_ID]);
    let refused = || {
        let entries = world.sandbox.request_log().entries();
        entries.iter().filter(|entry| entry.operation == "AssumeRole" && entry.status == 403).count()
    };
    world.stores.bucket(&target, SessionScope::Read).await.unwrap();
    assert_eq!(refused(), 1, "the new one is not trusted yet");
    world.turn(3600);
    world.stores.bucket(&target, SessionScope::Read).await.unwrap();
    assert_eq!(refused(), 1, "the one that worked is remembered");
    world.trust(&[NEXT_EXTERNAL_ID]).await;
    world.turn(3600);
    world.stores.bucket(&target, SessionScope::Read).await.unwrap();
    assert_eq!(refused(), 2, "the old one is not trusted any more, and the new one is tried again");
    world.trust(&["fh-stranger"]).await;
    world.turn(3600);
    let problem = world.stores.bucket(&target, SessionScope::Read).await.unwrap_err();
    assert_eq!(problem.code(), Code::AssumeDenied);
}

#[tokio::test]
async fn the_expected_owner_goes_with_every_call() {
    let world = World::start().await;
    let mut stranger = world.target.clone();
    if let Access::Role(role) = &mut stranger.access {
        role.account = "444455556666".to_owned();
    }
    let bucket = world.stores.bucket(&stranger, SessionScope::Admin).await.unwrap();
    let refused = bucket.list("fw/", None, 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::StoreDenied);
    let session = world.stores.assume(&stranger, ExternalId::Right(0)).await.unwrap();
    assert!(world.stores.open(&stranger, &session).list("fw/", None, 1).await.is_err());
    world.stores.open_without_owner(&stranger, &session).list("fw/", None, 1).await.unwrap();
}

async fn session_keys_of_the_platform(world: &World) -> StaticKeys {
    let user = world.sandbox.platform();
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("us-west-2"))
        .endpoint_url(world.sandbox.http_url())
        .credentials_provider(crate::world::keys(user))
        .time_source(crate::world::Turned(world.clock.clone()))
        .build();
    let sts = aws_sdk_sts::Client::from_conf(config);
    let assume = sts.assume_role().role_arn(world.sandbox.platform_role_arn()).role_session_name("instance");
    let keys = assume.send().await.unwrap().credentials.unwrap();
    StaticKeys {
        session_token: Some(Secret::new(keys.session_token())),
        ..StaticKeys::new(keys.access_key_id(), keys.secret_access_key())
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let world = World::start().await;
    let session: RoleSession = world.stores.assume(&world.target, ExternalId::Right(0)).await.unwrap();
    let bucket = world.stores.bucket(&world.target, SessionScope::Read).await.unwrap();
    let shown = format!("{session:?} {bucket:?} {:?}", world.stores);
    assert!(!shown.contains(&world.sandbox.platform().secret_access_key));
    assert!(!shown.to_lowercase().contains("token: \""), "{shown}");
}
