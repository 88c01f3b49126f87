//! `backend.toml`: what is wrong is said with line and field, all of it at once.

use std::path::Path;

use firmhold_core::Problem;
use firmhold_provision::{Place, SpecFile};

use crate::owner::{FILE, spec};

fn place() -> Place {
    Place { partition: "aws".to_owned(), account: "111122223333".to_owned() }
}

fn wrong(text: &str) -> String {
    let errors = match SpecFile::parse(Path::new("backend.toml"), text.to_owned()) {
        Ok(file) => file.resolve(&place(), None).unwrap_err(),
        Err(errors) => errors,
    };
    let problem: Problem = errors.clone().into();
    assert_eq!(problem.exit_code(), 2);
    errors.to_string().replace("; backend.toml", "\nbackend.toml")
}

#[test]
fn the_least_file_has_every_default() {
    insta::assert_json_snapshot!(spec(FILE, None), @r#"
    {
      "partition": "aws",
      "account": "111122223333",
      "name": "prod",
      "bucket": {
        "name": "acme-firmware",
        "region": "us-west-2",
        "prefix": "fw/",
        "import_prefix": null,
        "allow_delete": false,
        "tags": {},
        "acceleration": false,
        "object_lock": null
      },
      "encryption": {
        "mode": "sse-s3"
      },
      "lifecycle": {
        "profile": "old-versions",
        "noncurrent_to_ia": 30,
        "noncurrent_expire": 180,
        "abort_uploads": 7,
        "retired_to_glacier_ir": 30,
        "retired_to_deep_archive": 180
      },
      "role": {
        "name": "FirmholdBackend",
        "description": "Lets Firmhold keep firmware in s3://acme-firmware/fw/",
        "tags": {},
        "max_session_seconds": 3600,
        "policy_name": "firmhold-bucket"
      },
      "trust": {
        "by": "nobody"
      },
      "replicas": [],
      "replication": null,
      "access_logs": null,
      "monitoring": {
        "request_metrics": false
      }
    }
    "#);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = r#"version = 1
name = "Prod-Binary-Backend"
account = "999999999999"

[bucket]
name = "acme.firmware"
region = "cn-north-1"
prefix = "/fw"
tags = { firmhold = "x", "aws:y" = "z" }

[encryption]
bucket_key = true

[lifecycle]
noncurrent_to_ia_days = 10
noncurrent_expire_days = 10

[role]
name = "a b"
max_session_seconds = 60

[platform]
principal = "arn:aws:iam::PLATFORM:role/x"
external_id = "a b"
"#;
    insta::assert_snapshot!(wrong(text), @r#"
    backend.toml:2: name: must have at most 10 characters, and `Prod-Binary-Backend` has 19
    backend.toml:3: account: the credentials are of account 111122223333
    backend.toml:6: bucket.name: must hold no dots: S3's certificate does not cover such names
    backend.toml:7: bucket.region: lies in partition aws-cn, and the credentials are of aws
    backend.toml:8: bucket.prefix: expected 1 to 128 characters of letters, digits, '/', '_' and '-', not starting with '/'
    backend.toml:9: bucket.tags: the key "aws:y" must not begin with `aws:`, which AWS keeps for itself
    backend.toml:9: bucket.tags: the tag "firmhold" is ours
    backend.toml:12: encryption.bucket_key: is for SSE-KMS
    backend.toml:15: lifecycle.noncurrent_to_ia_days: S3 takes 30 days or more
    backend.toml:16: lifecycle.noncurrent_expire_days: must be after noncurrent_to_ia_days (10)
    backend.toml:19: role.name: must hold letters, digits and `_+=,.@-` only, not ' '
    backend.toml:20: role.max_session_seconds: must be 3600 to 43200
    backend.toml:23: platform.principal: must be the ARN of the platform's role
    backend.toml:24: platform.external_id: must be 2 to 1224 letters, digits and +=,.@:/_-
    "#);
}

#[test]
fn unknown_fields_and_types_are_named() {
    let rest = "name = \"prod\"\n[bucket]\nname = \"acme-fw\"\nregion = \"us-west-2\"\n";
    let cases = [
        format!("version = 2\n{rest}"),
        format!("version = 1\n{rest}versioning = true\n"),
        format!("version = 1\n{rest}prefix = 3\n"),
        "version = 1\nname = \"prod\"\n".to_owned(),
        "version = 1\nname = ".to_owned(),
        format!("version = 1\n{rest}[encryption]\nmode = \"sse\"\n"),
        format!("version = 1\n{rest}[encryption]\nmode = \"sse-kms\"\nkey = \"alias/x\"\n"),
        format!(
            "version = 1\n{rest}[encryption]\nmode = \"sse-kms\"\nkey = \"arn:aws:kms:eu-west-1:111122223333:key/1\"\n"
        ),
    ];
    let said: Vec<String> = cases.iter().map(|text| wrong(text)).collect();
    insta::assert_debug_snapshot!(said, @r#"
    [
        "backend.toml:1: version: this release reads version 1",
        "backend.toml:6: bucket.versioning: unknown field `versioning`, expected one of `name`, `region`, `prefix`, `import_prefix`, `allow_delete`, `tags`, `acceleration`, `object_lock`",
        "backend.toml:6: bucket.prefix: invalid type: integer `3`, expected a string",
        "backend.toml:1: version: missing field `bucket`",
        "backend.toml:2: name: string values must be quoted, expected literal string",
        "backend.toml:7: encryption.mode: unknown variant `sse`, expected `sse-s3` or `sse-kms`",
        "backend.toml:8: encryption.key: must be the ARN of a KMS key, arn:PARTITION:kms:REGION:ACCOUNT:key/ID",
        "backend.toml:8: encryption.key: lies in eu-west-1; the key must be in the bucket's region us-west-2",
    ]
    "#);
}

/// Two of the guide's own three example names are right; placeholders are not.
#[test]
fn bucket_names() {
    let with = |name: &str| {
        format!("version = 1\nname = \"prod\"\n[bucket]\nname = \"{name}\"\nregion = \"us-west-2\"\n")
    };
    for name in ["acme-peridio-firmware-prod", "acme-iot-updates-production", "abc", "a1-b2"] {
        let file = SpecFile::parse(Path::new("f"), with(name)).unwrap();
        assert!(file.resolve(&place(), None).is_ok(), "{name}");
    }
    for name in ["YOUR_BUCKET_NAME", "ab", "-abc", "abc-", "a.b", "xn--a", "abc-s3alias", "abc--ol-s3"] {
        assert!(wrong(&with(name)).contains("bucket.name"), "{name}");
    }
}
