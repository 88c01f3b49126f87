//! Error texts and figures, and what is behind them.

use std::path::Path;

use firmhold_provision::doctor::{Diagnosis, Facts, Names, diagnose, page, symptoms};

fn of_text(text: &str) -> Vec<Diagnosis> {
    diagnose(&Facts { text: Some(text.to_owned()), ..Facts::default() })
}

/// Real texts of AWS and of the tools, and the symptom that must come first.
#[test]
fn texts_lead_to_their_symptom() {
    let cases = [
        (
            "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:sts::999999999999:assumed-role/firmhold-platform/s is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/FirmholdBackend",
            "assume-role-denied",
        ),
        (
            "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/X because no trust policy allows the sts:AssumeRole action",
            "assume-role-by-owner",
        ),
        (
            "An error occurred (NoSuchEntity) when calling the GetRole operation: The role with name prod cannot be found.",
            "role-not-found",
        ),
        (
            "User: arn:aws:sts::1:assumed-role/R/s is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::acme-fw/a\" with an explicit deny in a resource-based policy",
            "bucket-policy-denies",
        ),
        (
            "is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::acme-fw/a\" because no identity-based policy allows the s3:PutObject action",
            "identity-policy-missing",
        ),
        (
            "is not authorized to perform: s3:DeleteObject on resource: \"arn:aws:s3:::acme-fw/a\" because no identity-based policy allows the s3:DeleteObject action",
            "delete-denied",
        ),
        ("because no permissions boundary allows the s3:GetObject action", "permissions-boundary"),
        ("because no session policy allows the s3:GetObject action", "session-policy"),
        ("with an explicit deny in a service control policy", "service-control-policy"),
        ("with an explicit deny in a resource control policy", "resource-control-policy"),
        ("because no VPC endpoint policy allows the s3:GetObject action", "vpc-endpoint-policy"),
        (
            "An error occurred (AccessDenied) when calling the PutBucketPolicy operation: User: arn:aws:iam::1:user/a is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::b\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            "block-public-access",
        ),
        (
            "An error occurred (AccessControlListNotSupported) when calling the PutObject operation: The bucket does not allow ACLs",
            "acl-not-supported",
        ),
        (
            "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
            "access-denied-bare",
        ),
        (
            "An error occurred (UnauthorizedOperation): You are not authorized. Encoded authorization failure message: abc",
            "encoded-message",
        ),
        (
            "An error occurred (MalformedPolicyDocument) when calling the UpdateAssumeRolePolicy operation: Invalid principal in policy: \"AWS\":\"arn:aws:iam::999999999999:role/gone\"",
            "trust-policy-refused",
        ),
        (
            "User: x is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:us-west-2:1:key/k because no identity-based policy allows the kms:GenerateDataKey action",
            "kms-denied",
        ),
        (
            "An error occurred (KMS.DisabledException) when calling the PutObject operation: arn:aws:kms:us-west-2:1:key/k is disabled.",
            "kms-disabled",
        ),
        (
            "An error occurred (KMS.KMSInvalidStateException) when calling the GetObject operation: arn:aws:kms:us-west-2:1:key/k is pending deletion.",
            "kms-pending-deletion",
        ),
        (
            "An error occurred (KMS.NotFoundException) when calling the PutObject operation: Key 'arn:aws:kms:eu-west-1:1:key/k' does not exist",
            "kms-not-found",
        ),
        (
            "An error occurred (InvalidArgument) when calling the PutObject operation: Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            "encryption-header",
        ),
        (
            "<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>900</X-Amz-Expires></Error>",
            "link-expired",
        ),
        (
            "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
            "token-expired",
        ),
        (
            "An error occurred (RequestTimeTooSkewed) when calling the ListBuckets operation: The difference between the request time and the current time is too large.",
            "clock-skew",
        ),
        (
            "An error occurred (SignatureDoesNotMatch) when calling the GetObject operation: The request signature we calculated does not match the signature you provided.",
            "signature-mismatch",
        ),
        (
            "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.",
            "unknown-key",
        ),
        (
            "An error occurred (PermanentRedirect) when calling the ListObjectsV2 operation: The bucket you are attempting to access must be addressed using the specified endpoint.",
            "wrong-region",
        ),
        (
            "An error occurred (AuthorizationHeaderMalformed) when calling the PutObject operation: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'us-west-2'",
            "wrong-region",
        ),
        (
            "An error occurred (IllegalLocationConstraintException) when calling the CreateBucket operation: The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
            "illegal-location",
        ),
        (
            "SSL: no alternative certificate subject name matches target host name 'acme.fw.s3.us-west-2.amazonaws.com'",
            "dots-in-name",
        ),
        (
            "An error occurred (BucketAlreadyExists) when calling the CreateBucket operation: The requested bucket name is not available.",
            "bucket-name-taken",
        ),
        (
            "An error occurred (BucketAlreadyOwnedByYou) when calling the CreateBucket operation",
            "bucket-yours-already",
        ),
        (
            "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: The specified bucket does not exist",
            "bucket-missing",
        ),
        (
            "Could not connect to the endpoint URL: \"https://acme.s3.us-wset-2.amazonaws.com/\"",
            "endpoint-unreachable",
        ),
        (
            "An error occurred (InvalidRequest): S3 Transfer Acceleration is not configured on this bucket",
            "acceleration-off",
        ),
        (
            "An error occurred (InvalidRequest): S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
            "acceleration-dots",
        ),
        (
            "An error occurred (MalformedXML) when calling the PutBucketLifecycleConfiguration operation: The XML you provided was not well-formed",
            "lifecycle-malformed",
        ),
        (
            "An error occurred (InvalidObjectState) when calling the GetObject operation: The operation is not valid for the object's storage class",
            "object-archived",
        ),
        (
            "An error occurred (InvalidRequest) when calling the PutBucketReplication operation: Destination bucket must have versioning enabled.",
            "replication-fails",
        ),
        (
            "An error occurred (SlowDown) when calling the PutObject operation: Please reduce your request rate.",
            "slow-down",
        ),
        (
            "An error occurred (EntityTooSmall) when calling the CompleteMultipartUpload operation: Your proposed upload is smaller than the minimum allowed size",
            "part-too-small",
        ),
        (
            "An error occurred (EntityTooLarge) when calling the PutObject operation: Your proposed upload exceeds the maximum allowed size",
            "too-large",
        ),
        (
            "An error occurred (NoSuchUpload) when calling the UploadPart operation: The specified multipart upload does not exist.",
            "upload-gone",
        ),
        (
            "An error occurred (BadDigest) when calling the PutObject operation: The Content-MD5 you specified did not match what we received.",
            "checksum-differs",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, id) in cases {
        let told = of_text(text);
        let first = told.first().map_or("none", |diagnosis| diagnosis.symptom.as_str());
        if first != id {
            wrong.push(format!("{first} instead of {id}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the text itself shows comes first, with the words that show it; names of the text stand in the commands.
#[test]
fn the_true_cause_comes_first_with_its_evidence() {
    let told = of_text(
        "User: arn:aws:sts::999999999999:assumed-role/firmhold-platform/s is not authorized to perform: sts:AssumeRole on \
         resource: arn:aws:iam::111122223333:role/FirmholdBackend with an explicit deny in a resource control policy",
    );
    let assume = told.iter().find(|diagnosis| diagnosis.symptom == "assume-role-denied").unwrap();
    let first = &assume.suspects[0];
    assert_eq!(
        first.evidence.as_deref(),
        Some("AWS names the resource control policy: a statement there denies")
    );
    assert_eq!(first.who, "the administrator of your AWS organization");
    assert!(
        assume.suspects.iter().any(|suspect| suspect.test.contains("--role-name FirmholdBackend")),
        "{assume:#?}"
    );

    let told = of_text(
        "is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-west-2:111122223333:key/1234abcd because no \
         identity-based policy allows the kms:Decrypt action",
    );
    assert!(told[0].suspects[0].says.contains("role's policy lacks the key"), "{told:#?}");
}

#[test]
fn figures_lead_to_their_symptom() {
    for (figure, id) in [
        ("latency-ms=240", "slow-far"),
        ("parallel-gain=3.5", "slow-one-stream"),
        ("acceleration-gain=1.6", "slow-acceleration"),
        ("stream-mbps=2", "slow-line"),
        ("noncurrent-share=0.6", "cost-noncurrent"),
        ("incomplete-gb=12", "cost-abandoned"),
        ("tiny-share=0.9", "cost-tiny"),
        ("gets-per-download=55", "cost-requests"),
        ("downloads-per-device=40", "cost-repeated"),
        ("cross-region-share=0.3", "cost-cross-region"),
        ("insufficient-data-hours=2", "alarm-silent"),
        ("replication-lag-s=4000", "replication-fails"),
        ("clock-offset-s=400", "clock-skew"),
    ] {
        let mut facts = Facts::default();
        facts.add_figure(figure).unwrap();
        let told = diagnose(&facts);
        assert_eq!(
            told.iter().map(|diagnosis| diagnosis.symptom.as_str()).collect::<Vec<_>>(),
            [id],
            "{figure}"
        );
    }
    let mut facts = Facts::default();
    facts.add_figure("noncurrent-share=0.1").unwrap();
    assert_eq!(diagnose(&facts), []);
    for wrong in ["speed=3", "latency-ms", "latency-ms=fast", "latency-ms=nan"] {
        assert!(Facts::default().add_figure(wrong).is_err(), "{wrong}");
    }
}

/// A name goes into a command only if a shell takes nothing of it for its own.
#[test]
fn hostile_names_stay_out_of_commands() {
    let names = Names { bucket: Some("x; rm -rf ~".to_owned()), ..Names::default() };
    let told = diagnose(&Facts { text: Some("NoSuchBucket".to_owned()), names, ..Facts::default() });
    assert!(!format!("{told:?}").contains("rm -rf"), "{told:#?}");
    assert_eq!(of_text(&"\u{1F980}*".repeat(100_000)), []);
}

#[test]
fn nine_causes_of_the_guide_and_twenty_more() {
    assert!(symptoms().len() >= 29, "{}", symptoms().len());
}

/// docs/account-troubleshooting.md is written from the symptoms; `FIRMHOLD_WRITE_DOCS=1` writes it.
#[test]
fn troubleshooting_page_is_the_symptoms() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/account-troubleshooting.md");
    if std::env::var_os("FIRMHOLD_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/account-troubleshooting.md is not what the symptoms say: FIRMHOLD_WRITE_DOCS=1 writes it"
    );
}
