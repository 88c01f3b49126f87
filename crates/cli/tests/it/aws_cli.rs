//! The AWS CLI and boto3 against `firmhold sandbox`. They were written by people who have never heard of it, so
//! what they take for an answer of AWS is one.

use serde_json::{Value, json};

use crate::support::aws::Aws;
use crate::support::noise;
use crate::support::sandbox::{CUSTOMER, PLATFORM, SandboxProcess};

const ROLE: &str = "firmware-store";
const EXTERNAL_ID: &str = "an-id-that-only-two-know";

/// The trust policy of a role that the platform may assume with the external ID.
fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{PLATFORM}:root")},
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }]})
}

fn bucket(aws: &Aws, name: &str) {
    let line = "aws s3api create-bucket --create-bucket-configuration LocationConstraint=us-west-2 --bucket";
    aws.line(&format!("{line} {name}")).ok();
}

fn role(aws: &Aws) -> String {
    let trust = trust().to_string();
    let args = ["iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document", trust.as_str()];
    aws.run(args).json()["Role"]["Arn"].as_str().expect("an ARN").to_owned()
}

/// The platform, as the role that it works as (first hop).
fn platform(sandbox: &SandboxProcess) -> Aws<'_> {
    let user = Aws::profile(sandbox, "platform");
    let arn = format!("arn:aws:iam::{PLATFORM}:role/firmhold-platform");
    let hop =
        user.line(&format!("aws sts assume-role --role-arn {arn} --role-session-name first-hop")).json();
    Aws::session(sandbox, &hop)
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn a_file_is_uploaded_listed_and_read_back() {
    let sandbox = SandboxProcess::start();
    let aws = Aws::profile(&sandbox, "customer");
    bucket(&aws, "acme-firmware");
    // Over 8 MiB the CLI uploads in parts.
    for (name, length) in [("test-file.bin", 70_001), ("large.bin", 20 * 1024 * 1024 + 3)] {
        std::fs::write(sandbox.folder().join(name), noise(length)).expect("a file to upload");
        aws.line(&format!("aws s3 cp {name} s3://acme-firmware/test/")).ok();
    }

    let listed = aws.line("aws s3api list-objects-v2 --bucket acme-firmware").json();
    let contents = listed["Contents"].as_array().expect("objects");
    let sizes: Vec<_> =
        contents.iter().map(|object| (object["Key"].as_str(), object["Size"].as_u64())).collect();
    assert_eq!(
        sizes,
        [(Some("test/large.bin"), Some(20_971_523)), (Some("test/test-file.bin"), Some(70_001))]
    );

    for (name, length) in [("test-file.bin", 70_001), ("large.bin", 20 * 1024 * 1024 + 3)] {
        let got = aws
            .line(&format!("aws s3api get-object --bucket acme-firmware --key test/{name} download"))
            .json();
        assert_eq!(got["ContentLength"], length);
        assert!(
            std::fs::read(sandbox.folder().join("download")).expect("the download") == noise(length),
            "{name}"
        );
        aws.line(&format!("aws s3 cp s3://acme-firmware/test/{name} copied")).ok();
        assert!(std::fs::read(sandbox.folder().join("copied")).expect("the copy") == noise(length), "{name}");
    }
    let gone = aws.line("aws s3api get-object --bucket acme-firmware --key test/none download");
    gone.refused("NoSuchKey", "GetObject");
    aws.line("aws s3api list-objects-v2 --bucket nobodys-bucket").refused("NoSuchBucket", "ListObjectsV2");
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn objects_are_copied_inside_a_bucket() {
    let sandbox = SandboxProcess::start();
    let aws = Aws::profile(&sandbox, "customer");
    bucket(&aws, "acme-firmware");
    aws.line(
        "aws s3api put-bucket-versioning --bucket acme-firmware --versioning-configuration Status=Enabled",
    )
    .ok();
    let large = 20 * 1024 * 1024 + 3;
    // Over 8 MiB the CLI copies in parts.
    for (name, length) in [("small.bin", 70_001), ("large.bin", large)] {
        std::fs::write(sandbox.folder().join(name), noise(length)).expect("a file to upload");
        aws.line(&format!("aws s3 cp {name} s3://acme-firmware/from/{name}")).ok();
        aws.line(&format!("aws s3 cp s3://acme-firmware/from/{name} s3://acme-firmware/to/{name}")).ok();
        aws.line(&format!("aws s3 cp s3://acme-firmware/to/{name} copied")).ok();
        assert!(std::fs::read(sandbox.folder().join("copied")).expect("the copy") == noise(length), "{name}");
    }

    let head = aws.line("aws s3api head-object --bucket acme-firmware --key from/small.bin").json();
    let version = head["VersionId"].as_str().expect("a version");
    aws.line("aws s3 cp large.bin s3://acme-firmware/from/small.bin").ok();
    let copy = "aws s3api copy-object --bucket acme-firmware --copy-source acme-firmware/from";
    let replace = "--checksum-algorithm SHA256 --tagging-directive REPLACE --tagging firmhold=live";
    let old = aws.line(&format!("{copy}/small.bin?versionId={version} --key to/old.bin {replace}")).json();
    assert_eq!(old["CopySourceVersionId"], version);
    assert_eq!(old["CopyObjectResult"]["ETag"], head["ETag"]);
    assert_eq!(old["CopyObjectResult"]["ChecksumType"], "FULL_OBJECT");
    for (more, code) in [
        ("small.bin --key to/x --copy-source-if-match 0123", "PreconditionFailed"),
        ("none --key to/x", "NoSuchKey"),
        ("small.bin --key to/x --expected-source-bucket-owner 999999999999", "AccessDenied"),
        ("small.bin --key from/small.bin", "InvalidRequest"),
    ] {
        aws.line(&format!("{copy}/{more}")).refused(code, "CopyObject");
    }

    let parts = "--bucket acme-firmware --key to/parts.bin";
    let opened =
        aws.line(&format!("aws s3api create-multipart-upload {parts} --checksum-algorithm SHA256")).json();
    let id = opened["UploadId"].as_str().expect("an upload");
    let source = "--copy-source acme-firmware/from/large.bin --copy-source-range bytes";
    let part = |number: u32, range: &str| {
        aws.line(&format!(
            "aws s3api upload-part-copy {parts} --upload-id {id} --part-number {number} {source}={range}"
        ))
    };
    part(1, "0-5242879").ok();
    part(2, "5242880-20971522").ok();
    part(3, "0-20971523").refused("InvalidArgument", "UploadPartCopy");
    let listed = aws.line(&format!("aws s3api list-parts {parts} --upload-id {id}")).json();
    let sizes: Vec<_> =
        listed["Parts"].as_array().expect("parts").iter().map(|part| part["Size"].as_u64()).collect();
    assert_eq!(sizes, [Some(5_242_880), Some(15_728_643)]);
    assert!(listed["Parts"][0]["ChecksumSHA256"].is_string());
    aws.line(&format!("aws s3api abort-multipart-upload {parts} --upload-id {id}")).ok();
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn a_role_is_assumed_with_its_external_id_only() {
    let sandbox = SandboxProcess::start();
    let arn = role(&Aws::profile(&sandbox, "customer"));
    assert_eq!(arn, format!("arn:aws:iam::{CUSTOMER}:role/{ROLE}"));
    let platform = platform(&sandbox);

    let assume = format!("aws sts assume-role --role-arn {arn} --role-session-name test");
    platform.line(&assume).refused("AccessDenied", "AssumeRole");
    platform.line(&format!("{assume} --external-id a-guess")).refused("AccessDenied", "AssumeRole");

    let assumed = platform.line(&format!("{assume} --external-id {EXTERNAL_ID}")).json();
    let caller = Aws::session(&sandbox, &assumed).line("aws sts get-caller-identity").json();
    assert_eq!(caller["Arn"], format!("arn:aws:sts::{CUSTOMER}:assumed-role/{ROLE}/test"));
    assert_eq!(caller["Account"], CUSTOMER);
    // A role that was assumed by a role lives an hour and no longer.
    let long = format!("{assume} --external-id {EXTERNAL_ID} --duration-seconds 7200");
    platform.line(&long).refused("ValidationError", "AssumeRole");
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn a_session_may_do_what_its_roles_policy_says() {
    let sandbox = SandboxProcess::start();
    let aws = Aws::profile(&sandbox, "customer");
    bucket(&aws, "acme-firmware");
    std::fs::write(sandbox.folder().join("file"), noise(1000)).expect("a file");
    aws.line("aws s3 cp file s3://acme-firmware/open/file").ok();
    aws.line("aws s3 cp file s3://acme-firmware/shut/file").ok();
    let arn = role(&aws);
    let assume =
        format!("aws sts assume-role --role-arn {arn} --role-session-name test --external-id {EXTERNAL_ID}");
    let session = Aws::session(&sandbox, &platform(&sandbox).line(&assume).json());

    let read = |folder: &str| {
        session.line(&format!("aws s3api get-object --bucket acme-firmware --key {folder}/file download"))
    };
    read("open").refused("AccessDenied", "GetObject");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-firmware/open/*",
    }]});
    let policy = policy.to_string();
    let put = ["iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "read", "--policy-document"];
    aws.run(put.into_iter().chain([policy.as_str()])).ok();
    read("open").ok();
    read("shut").refused("AccessDenied", "GetObject");
    let read_back =
        aws.line(&format!("aws iam get-role-policy --role-name {ROLE} --policy-name read")).json();
    assert_eq!(read_back["PolicyDocument"].to_string(), policy);
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn the_bucket_tells_its_policy_and_its_encryption() {
    let sandbox = SandboxProcess::start();
    let aws = Aws::profile(&sandbox, "customer");
    bucket(&aws, "acme-firmware");

    let get = "aws s3api get-bucket-policy --bucket acme-firmware";
    aws.line(get).refused("NoSuchBucketPolicy", "GetBucketPolicy");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::acme-firmware", "arn:aws:s3:::acme-firmware/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }]});
    let policy = policy.to_string();
    aws.run(["s3api", "put-bucket-policy", "--bucket", "acme-firmware", "--policy", policy.as_str()]).ok();
    let read_back = aws.line(get).json();
    let read_back: Value = serde_json::from_str(read_back["Policy"].as_str().expect("a text")).expect("JSON");
    assert_eq!(read_back.to_string(), policy);

    // Every bucket has been encrypted by default since January 2023, whether anybody asked for it or not.
    let encryption = aws.line("aws s3api get-bucket-encryption --bucket acme-firmware").json();
    let rule = &encryption["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn a_role_that_exists_is_not_made_twice_and_a_policy_that_is_none_is_refused() {
    let sandbox = SandboxProcess::start();
    let aws = Aws::profile(&sandbox, "customer");
    role(&aws);
    let trust = trust().to_string();
    let again = ["iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document", trust.as_str()];
    aws.run(again).refused("EntityAlreadyExists", "CreateRole");
    let put = ["iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "p", "--policy-document"];
    let misspelt = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Actions": "s3:*", "Resource": "*"}]}"#;
    aws.run(put.into_iter().chain([misspelt])).refused("MalformedPolicyDocument", "PutRolePolicy");
    aws.line("aws iam get-role --role-name nobody").refused("NoSuchEntity", "GetRole");
}

#[test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
fn strangers_are_told_what_is_wrong_with_their_keys() {
    let sandbox = SandboxProcess::start();
    bucket(&Aws::profile(&sandbox, "customer"), "acme-firmware");
    let list = "aws s3api list-objects-v2 --bucket acme-firmware";
    let unknown = json!({"Credentials": {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x", "SessionToken": ""}});
    Aws::session(&sandbox, &unknown).line(list).refused("InvalidAccessKeyId", "ListObjectsV2");
    let anonymous = Aws::profile(&sandbox, "customer").line(&format!("{list} --no-sign-request"));
    anonymous.refused("AccessDenied", "ListObjectsV2");
    // The platform's user is somebody, but nobody in this account.
    Aws::profile(&sandbox, "platform").line(list).refused("AccessDenied", "ListObjectsV2");
}

#[test]
#[ignore = "needs boto3; run by cargo xtask test"]
fn boto3_meets_checksums_versions_ranges_and_presigned_urls() {
    let sandbox = SandboxProcess::start();
    let program = r#"
import base64, hashlib, urllib.error, urllib.request
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
s3.create_bucket(Bucket="acme-firmware", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
s3.put_bucket_versioning(Bucket="acme-firmware", VersioningConfiguration={"Status": "Enabled"})
body = bytes(range(256)) * 300
digest = base64.b64encode(hashlib.sha256(body).digest()).decode()

one = s3.put_object(Bucket="acme-firmware", Key="k", Body=body, ChecksumSHA256=digest)
two = s3.put_object(Bucket="acme-firmware", Key="k", Body=b"newer")
assert one["VersionId"] != two["VersionId"]
assert s3.get_object(Bucket="acme-firmware", Key="k")["Body"].read() == b"newer"
old = s3.get_object(Bucket="acme-firmware", Key="k", VersionId=one["VersionId"], Range="bytes=100-199")
assert old["ResponseMetadata"]["HTTPStatusCode"] == 206 and old["Body"].read() == body[100:200]
assert old["ContentRange"] == f"bytes 100-199/{len(body)}"

head = s3.head_object(Bucket="acme-firmware", Key="k", VersionId=one["VersionId"], ChecksumMode="ENABLED")
assert head["ChecksumSHA256"] == digest and head["ServerSideEncryption"] == "AES256"

def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"

assert code(s3.put_object, Bucket="acme-firmware", Key="k", Body=b"other", ChecksumSHA256=digest) == "BadDigest"
assert code(s3.get_object, Bucket="acme-firmware", Key="k", Range="bytes=9-") == "InvalidRange"
assert code(s3.create_bucket, Bucket="acme-firmware", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}) == "BucketAlreadyOwnedByYou"

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Left to itself, boto3 still presigns by version 2.
signer = boto3.client("s3", config=Config(signature_version="s3v4"))
url = signer.generate_presigned_url("get_object", Params={"Bucket": "acme-firmware", "Key": "k", "VersionId": one["VersionId"]}, ExpiresIn=60)
assert opener.open(url).read() == body
try:
    opener.open(url.replace("/acme-firmware/k?", "/acme-firmware/other?"))
    raise SystemExit("a URL for another key was answered")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()
"#;
    Aws::profile(&sandbox, "customer").python(program).ok();
}

#[test]
#[ignore = "needs boto3; run by cargo xtask test"]
fn https_is_served_by_an_authority_in_the_data_folder() {
    let sandbox = SandboxProcess::start();
    let authority = sandbox.ca_file();
    let https = sandbox.https_url();
    let authority = authority.to_str().expect("UTF-8");
    let aws =
        Aws::profile(&sandbox, "customer").with("AWS_ENDPOINT_URL", https).with("AWS_CA_BUNDLE", authority);
    bucket(&aws, "acme-firmware");
    assert!(aws.line("aws s3 ls").ok().contains("acme-firmware"));
    // Without the authority, the certificate is a stranger's.
    let blind = Aws::profile(&sandbox, "customer").with("AWS_ENDPOINT_URL", https).line("aws s3 ls");
    assert!(blind.status != 0 && blind.err.contains("SSL"), "{}", blind.err);
}
