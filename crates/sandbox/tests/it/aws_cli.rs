//! The AWS CLI against the sandbox, by the profiles that the sandbox writes. `cargo xtask test` puts the CLI where
//! `FIRMHOLD_TOOLS` says.

use std::path::PathBuf;

use tokio::process::Command;

use crate::harness::{Harness, allow, start};

struct Cli<'a> {
    harness: &'a Harness,
    aws: PathBuf,
    profile: &'static str,
}

impl Cli<'_> {
    /// Standard output of a command that has to work.
    async fn ok(&self, arguments: &[&str]) -> String {
        let (success, stdout, stderr) = self.run(arguments).await;
        assert!(success, "aws {arguments:?}: {stderr}");
        stdout
    }

    /// Standard error of a command that has to fail.
    async fn refused(&self, arguments: &[&str]) -> String {
        let (success, stdout, stderr) = self.run(arguments).await;
        assert!(!success, "aws {arguments:?}: {stdout}");
        stderr.trim().to_owned()
    }

    async fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = Command::new(&self.aws)
            .args(["--profile", self.profile])
            .args(arguments)
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_REGION")
            .env_remove("AWS_DEFAULT_REGION")
            .env("AWS_CONFIG_FILE", self.harness.sandbox.config_file())
            .env("AWS_SHARED_CREDENTIALS_FILE", self.harness.sandbox.credentials_file())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .current_dir(self.harness.dir.path())
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }
}

fn aws() -> PathBuf {
    let tools = std::env::var_os("FIRMHOLD_TOOLS");
    PathBuf::from(tools.expect("this test needs the AWS CLI: run it by `cargo xtask test`"))
        .join("venv/bin/aws")
}

#[tokio::test]
#[ignore = "needs the AWS CLI; run by cargo xtask test"]
async fn the_cli_makes_a_bucket_and_a_role() {
    let aws = aws();
    let harness = start().await;
    let cli = Cli { harness: &harness, aws: aws.clone(), profile: "customer" };
    let path = |name: &str| harness.dir.path().join(name).display().to_string();

    assert!(cli.ok(&["sts", "get-caller-identity"]).await.contains("arn:aws:iam::111122223333:user/admin"));
    cli.ok(&["s3", "mb", "s3://acme-fw"]).await;
    // More than the CLI's multipart threshold of 8 MiB.
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(path("fw.bin"), &bytes).unwrap();
    cli.ok(&["s3", "cp", "fw.bin", "s3://acme-fw/test/"]).await;
    assert!(cli.ok(&["s3api", "list-objects-v2", "--bucket", "acme-fw"]).await.contains("\"test/fw.bin\""));
    cli.ok(&["s3api", "get-object", "--bucket", "acme-fw", "--key", "test/fw.bin", &path("got.bin")]).await;
    assert!(std::fs::read(path("got.bin")).unwrap() == bytes);
    cli.ok(&["s3", "cp", "s3://acme-fw/test/fw.bin", "again.bin"]).await;
    assert!(std::fs::read(path("again.bin")).unwrap() == bytes);
    assert!(cli.ok(&["s3api", "get-bucket-encryption", "--bucket", "acme-fw"]).await.contains("AES256"));
    let no_policy = cli.refused(&["s3api", "get-bucket-policy", "--bucket", "acme-fw"]).await;
    assert!(no_policy.contains("(NoSuchBucketPolicy)"), "{no_policy}");
    let elsewhere =
        cli.ok(&["--region", "us-east-1", "s3api", "list-objects-v2", "--bucket", "acme-fw"]).await;
    assert!(elsewhere.contains("test/fw.bin"), "the CLI follows to the bucket's region: {elsewhere}");

    let role = harness.customer_role("fw", "fh-1234", &allow(&["s3:*"], &["*"])).await;
    assert!(
        cli.ok(&["iam", "get-role", "--role-name", "fw"]).await.contains("\"sts:ExternalId\": \"fh-1234\"")
    );
    let assume = ["sts", "assume-role", "--role-arn", &role, "--role-session-name", "test"];
    let denied = cli.refused(&assume).await;
    assert!(denied.contains("(AccessDenied) when calling the AssumeRole operation"), "{denied}");

    let platform = Cli { harness: &harness, aws, profile: "platform" };
    let own_role = harness.sandbox.platform_role_arn();
    let assumed =
        platform.ok(&["sts", "assume-role", "--role-arn", own_role, "--role-session-name", "test"]).await;
    assert!(assumed.contains("\"AccessKeyId\": \"ASIA"), "{assumed}");
    let denied = platform.refused(&["s3api", "list-objects-v2", "--bucket", "acme-fw"]).await;
    assert!(denied.contains("(AccessDenied)"), "{denied}");
}
