//! What the tables say, and that our own policies keep to it.

use firmhold_iam::tables::{self, AccessLevel, ValueType};

#[test]
fn the_services_that_we_use_are_there() {
    for (service, at_least) in [("s3", 150), ("sts", 10), ("kms", 50), ("iam", 150), ("cloudwatch", 30)] {
        assert!(tables::actions(service).count() >= at_least, "{service}");
    }
    assert_eq!(tables::source().license, "MIT");
    assert_eq!(tables::actions("nothing").count(), 0);
    assert!(tables::action("s3:NoSuchAction").is_none() && tables::action("GetObject").is_none());
}

#[test]
fn actions_by_pattern() {
    let names = |pattern: &str| -> Vec<String> {
        tables::actions_matching(pattern).iter().map(|action| action.full_name()).collect()
    };
    assert_eq!(names("S3:getobjectv*tagging"), ["s3:GetObjectVersionTagging"]);
    assert_eq!(names("s3:GetObject"), ["s3:GetObject"]);
    assert!(names("*").len() > 1000 && names("kms:*").len() == tables::actions("kms").count());
    assert!(names("s3:Nothing*").is_empty());
}

#[test]
fn keys_have_types() {
    for (name, value, multivalued, global) in [
        ("aws:SourceIp", ValueType::IpAddress, false, true),
        ("AWS:SECURETRANSPORT", ValueType::Bool, false, true),
        ("aws:CalledVia", ValueType::String, true, true),
        ("aws:PrincipalTag/team", ValueType::String, false, true),
        ("s3:TlsVersion", ValueType::Numeric, false, false),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", ValueType::Arn, false, false),
        ("kms:EncryptionContext:aws:s3:arn", ValueType::String, false, false),
        ("kms:ViaService", ValueType::String, false, false),
        ("sts:ExternalId", ValueType::String, false, false),
        ("s3:object-lock-retain-until-date", ValueType::Date, false, false),
    ] {
        let key = tables::condition_key(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((key.value, key.multivalued, key.global), (value, multivalued, global), "{name}");
    }
    assert!(tables::condition_key("s3:x-amz-server-side-encryptio").is_none());
}

#[test]
fn an_action_takes_the_keys_of_its_requests() {
    let takes = |action: &str, key: &str| tables::action(action).expect("an action").takes(key);
    for (action, key) in [
        ("s3:PutObject", "s3:x-amz-server-side-encryption"),
        ("s3:ListBucket", "s3:prefix"),
        ("s3:GetObject", "s3:ExistingObjectTag/firmhold"),
        ("s3:PutObjectTagging", "s3:RequestObjectTagKeys"),
        ("s3:GetObject", "aws:SourceVpce"),
        ("sts:AssumeRole", "sts:ExternalId"),
        ("kms:Decrypt", "kms:ViaService"),
        ("kms:Decrypt", "aws:ResourceTag/team"),
        ("iam:PassRole", "iam:PassedToService"),
    ] {
        assert!(takes(action, key), "{action} {key}");
    }
    for (action, key) in [
        ("s3:GetObject", "s3:x-amz-server-side-encryption"),
        ("s3:DeleteObject", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
        ("s3:ListBucketMultipartUploads", "s3:prefix"),
        ("s3:GetBucketLocation", "s3:prefix"),
        ("s3:GetObject", "aws:RequestTag/team"),
        ("kms:Decrypt", "s3:prefix"),
        ("sts:AssumeRole", "kms:ViaService"),
    ] {
        assert!(!takes(action, key), "{action} {key}");
    }
}

#[test]
fn levels_and_types() {
    let level = |action: &str| tables::action(action).expect("an action").access_level;
    assert_eq!(level("s3:PutObjectTagging"), AccessLevel::Tagging);
    assert_eq!(level("s3:PutBucketPolicy"), AccessLevel::PermissionsManagement);
    assert_eq!(level("s3:ListBucket"), AccessLevel::List);
    assert_eq!(level("s3:DeleteObject"), AccessLevel::Write);
    let bucket = tables::resource_type("s3", "bucket").expect("a type");
    assert_eq!(bucket.arn, "arn:${Partition}:s3:::${BucketName}");
    let assume = tables::action("sts:AssumeRole").expect("an action");
    assert!(assume.resource_types.iter().any(|used| used.name == "role" && used.required));
    assert!(tables::action("s3:ListAllMyBuckets").expect("an action").resource_types.is_empty());
    assert!(tables::knows_resource_control("s3") && tables::knows_resource_control("KMS"));
    assert!(!tables::knows_resource_control("iam"));
}
