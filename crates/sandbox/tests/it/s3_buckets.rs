//! Buckets: names, regions, owners, configuration; and listings.

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, EncodingType,
    ObjectOwnership, PublicAccessBlockConfiguration, ServerSideEncryption,
};

use crate::s3_support::{REGION, World, client, get, make_bucket, put, refusal, start};

const BUCKET: &str = "acme-firmware";

#[tokio::test]
async fn names_are_global_and_regions_are_checked() {
    let World { s3, sandbox, dir: _dir } = World::new().await;
    let create = |name: &str, region: &str| {
        let place = CreateBucketConfiguration::builder().location_constraint(region.into()).build();
        s3.create_bucket().bucket(name).create_bucket_configuration(place).send()
    };
    assert_eq!(refusal(create(BUCKET, REGION).await), "409 BucketAlreadyOwnedByYou");
    assert_eq!(refusal(create("other-bucket", "us-west-2").await), "400 IllegalLocationConstraintException");
    assert_eq!(refusal(create("other-bucket", "eu-north-9").await), "400 InvalidLocationConstraint");
    assert_eq!(
        refusal(s3.create_bucket().bucket("other-bucket").send().await),
        "400 IllegalLocationConstraintException"
    );
    assert_eq!(refusal(create("xn--bucket", REGION).await), "400 InvalidBucketName");

    let global = client(&sandbox, sandbox.customer(), "us-east-1");
    global.create_bucket().bucket("us-bucket").send().await.unwrap();
    global.create_bucket().bucket("us-bucket").send().await.unwrap();
    let location = s3.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    assert_eq!(location.location_constraint(), Some(&BucketLocationConstraint::EuWest1));
    let location = global.get_bucket_location().bucket("us-bucket").send().await.unwrap();
    assert_eq!(location.location_constraint().map(|l| l.as_str().to_owned()).unwrap_or_default(), "");
    let head = s3.head_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(head.bucket_region(), Some(REGION));
    let listed = s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, [BUCKET, "us-bucket"]);
}

#[tokio::test]
async fn a_bucket_is_deleted_when_it_is_empty() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    let version = put(&s3, "k", b"x").await.unwrap();
    let marker = s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap().version_id.unwrap();
    let delete = || s3.delete_bucket().bucket(BUCKET).send();
    assert_eq!(refusal(delete().await), "409 BucketNotEmpty");
    for id in [version, marker] {
        s3.delete_object().bucket(BUCKET).key("k").version_id(id).send().await.unwrap();
    }
    s3.create_multipart_upload().bucket(BUCKET).key("open").send().await.unwrap();
    assert_eq!(refusal(delete().await), "accepted");
    assert_eq!(refusal(delete().await), "404 NoSuchBucket");
    assert_eq!(refusal(s3.list_objects_v2().bucket(BUCKET).send().await), "404 NoSuchBucket");
    make_bucket(&s3, BUCKET).await;
    assert!(s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().is_empty());
}

#[tokio::test]
async fn a_new_bucket_has_awss_defaults() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let block = s3.get_public_access_block().bucket(BUCKET).send().await.unwrap();
    let block = block.public_access_block_configuration.unwrap();
    assert_eq!(
        [
            block.block_public_acls(),
            block.ignore_public_acls(),
            block.block_public_policy(),
            block.restrict_public_buckets()
        ],
        [Some(true); 4]
    );
    let encryption = s3.get_bucket_encryption().bucket(BUCKET).send().await.unwrap();
    let rules = encryption.server_side_encryption_configuration.unwrap().rules;
    let default = rules[0].apply_server_side_encryption_by_default().unwrap();
    assert_eq!(default.sse_algorithm(), &ServerSideEncryption::Aes256);
    let controls = s3.get_bucket_ownership_controls().bucket(BUCKET).send().await.unwrap();
    let ownership = controls.ownership_controls.unwrap().rules[0].object_ownership.clone();
    assert_eq!(ownership, ObjectOwnership::BucketOwnerEnforced);
    assert_eq!(s3.get_bucket_versioning().bucket(BUCKET).send().await.unwrap().status(), None);
    let refused = [
        refusal(s3.get_bucket_policy().bucket(BUCKET).send().await),
        refusal(s3.get_bucket_policy_status().bucket(BUCKET).send().await),
        refusal(s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await),
        refusal(s3.get_bucket_replication().bucket(BUCKET).send().await),
        refusal(s3.get_bucket_tagging().bucket(BUCKET).send().await),
        refusal(s3.get_bucket_cors().bucket(BUCKET).send().await),
        refusal(s3.get_object_lock_configuration().bucket(BUCKET).send().await),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r"
    404 NoSuchBucketPolicy
    404 NoSuchBucketPolicy
    404 NoSuchLifecycleConfiguration
    404 ReplicationConfigurationNotFoundError
    404 NoSuchTagSet
    404 NoSuchCORSConfiguration
    404 ObjectLockConfigurationNotFoundError
    ");
    s3.delete_public_access_block().bucket(BUCKET).send().await.unwrap();
    let gone = s3.get_public_access_block().bucket(BUCKET).send().await;
    assert_eq!(refusal(gone), "404 NoSuchPublicAccessBlockConfiguration");
}

fn policy(principal: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"{resource}"}}]}}"#
    )
}

#[tokio::test]
async fn policies_are_checked_and_public_ones_are_blocked() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let set = |text: String| s3.put_bucket_policy().bucket(BUCKET).policy(text).send();
    let own = "arn:aws:s3:::acme-firmware/*";
    let platform = r#"{"AWS":"arn:aws:iam::999999999999:root"}"#;
    assert_eq!(refusal(set("{".to_owned()).await), "400 MalformedPolicy");
    assert_eq!(refusal(set(policy(platform, "arn:aws:s3:::other/*")).await), "400 MalformedPolicy");
    assert_eq!(refusal(set(policy("\"*\"", own)).await), "403 AccessDenied");
    let good = policy(platform, own);
    assert_eq!(refusal(set(good.clone()).await), "accepted");
    let read = s3.get_bucket_policy().bucket(BUCKET).send().await.unwrap();
    assert_eq!(read.policy(), Some(good.as_str()), "byte for byte");
    let status = s3.get_bucket_policy_status().bucket(BUCKET).send().await.unwrap();
    assert_eq!(status.policy_status().unwrap().is_public(), Some(false));
    let open = PublicAccessBlockConfiguration::builder().block_public_policy(false).build();
    s3.put_public_access_block().bucket(BUCKET).public_access_block_configuration(open).send().await.unwrap();
    assert_eq!(refusal(set(policy("\"*\"", own)).await), "accepted");
    let status = s3.get_bucket_policy_status().bucket(BUCKET).send().await.unwrap();
    assert_eq!(status.policy_status().unwrap().is_public(), Some(true));
    s3.delete_bucket_policy().bucket(BUCKET).send().await.unwrap();
    assert_eq!(refusal(s3.get_bucket_policy().bucket(BUCKET).send().await), "404 NoSuchBucketPolicy");
}

#[tokio::test]
async fn pages_of_objects() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    for key in ["bin/1", "bin/2", "bin/3", "doc/ü x", "top"] {
        put(&s3, key, b"x").await;
    }
    let (mut keys, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = s3
            .list_objects_v2()
            .bucket(BUCKET)
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        pages += 1;
        assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
        token = page.next_continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["bin/1", "bin/2", "bin/3", "doc/ü x", "top"]);
    assert_eq!(pages, 3);
    let folded = s3.list_objects_v2().bucket(BUCKET).delimiter("/").send().await.unwrap();
    let prefixes: Vec<_> = folded.common_prefixes().iter().filter_map(|prefix| prefix.prefix()).collect();
    assert_eq!(prefixes, ["bin/", "doc/"]);
    assert_eq!((folded.contents().len(), folded.key_count()), (1, Some(3)));
    let under = s3.list_objects_v2().bucket(BUCKET).prefix("bin/").start_after("bin/1").send().await.unwrap();
    assert_eq!(under.contents().len(), 2);
    let encoded = s3.list_objects().bucket(BUCKET).prefix("doc/").encoding_type(EncodingType::Url);
    assert_eq!(encoded.send().await.unwrap().contents()[0].key(), Some("doc/%C3%BC%20x"));
    let old = s3.list_objects().bucket(BUCKET).delimiter("/").max_keys(1).send().await.unwrap();
    assert_eq!((old.next_marker(), old.is_truncated()), (Some("bin/"), Some(true)));
    let old =
        s3.list_objects().bucket(BUCKET).delimiter("/").marker("bin/").max_keys(1).send().await.unwrap();
    assert_eq!(old.next_marker(), Some("doc/"));
    let wrong = s3.list_objects_v2().bucket(BUCKET).continuation_token("nonsense").send().await;
    assert_eq!(refusal(wrong), "400 InvalidArgument");
}

#[tokio::test]
async fn pages_of_versions() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    for key in ["a", "a", "a", "b"] {
        put(&s3, key, b"x").await;
    }
    s3.delete_object().bucket(BUCKET).key("b").send().await.unwrap();
    let (mut seen, mut key, mut id) = (Vec::new(), None, None);
    loop {
        let page = s3
            .list_object_versions()
            .bucket(BUCKET)
            .max_keys(2)
            .set_key_marker(key)
            .set_version_id_marker(id)
            .send()
            .await
            .unwrap();
        let versions = page.versions().iter().map(|v| (v.key().unwrap(), "version", v.is_latest().unwrap()));
        let markers =
            page.delete_markers().iter().map(|m| (m.key().unwrap(), "marker", m.is_latest().unwrap()));
        seen.extend(versions.chain(markers).map(|(key, what, latest)| format!("{key} {what} {latest}")));
        (key, id) = (page.next_key_marker, page.next_version_id_marker);
        if page.is_truncated != Some(true) {
            break;
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    a version true
    a version false
    a version false
    b marker true
    b version false
    ");
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let World { s3, sandbox, dir } = World::versioned().await;
    put(&s3, "k", b"one").await;
    let upload = s3.create_multipart_upload().bucket(BUCKET).key("m").send().await.unwrap();
    drop(s3);
    sandbox.stop().await;

    let sandbox = start(&dir).await;
    let s3 = client(&sandbox, sandbox.customer(), REGION);
    assert_eq!(get(&s3, "k").await, b"one");
    let versioning = s3.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(versioning.status(), Some(&BucketVersioningStatus::Enabled));
    let open = s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(open.uploads()[0].upload_id(), upload.upload_id());
    sandbox.tamper(BUCKET, "k", None, 0, 0x01).unwrap();
    assert_eq!(get(&s3, "k").await, b"nne");
}
