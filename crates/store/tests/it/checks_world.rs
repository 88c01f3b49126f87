//! More of the customer's account, and a second one, for the checks.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use firmhold_core::Clock;
use firmhold_sandbox::Sandbox;
use firmhold_store::{StaticKeys, StoreConfig, Stores, Target};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{self, EXTERNAL_ID, ROLE, World};

impl World {
    pub async fn put_policy(&self, policy: &Value) {
        let put = self.customer_iam().put_role_policy().role_name(ROLE).policy_name("firmhold");
        put.policy_document(policy.to_string()).send().await.unwrap();
    }

    pub async fn delete_policy(&self) {
        let delete = self.customer_iam().delete_role_policy().role_name(ROLE).policy_name("firmhold");
        delete.send().await.unwrap();
    }

    pub async fn delete_role(&self) {
        self.delete_policy().await;
        self.customer_iam().delete_role().role_name(ROLE).send().await.unwrap();
    }

    pub async fn put_trust(&self, policy: &Value) {
        let update = self.customer_iam().update_assume_role_policy().role_name(ROLE);
        update.policy_document(policy.to_string()).send().await.unwrap();
    }

    pub async fn bucket_in(&self, name: &str, region: &str) {
        let s3 = self.s3_in(region);
        create(&s3, name, region).await;
    }

    pub async fn put_as_customer(&self, bucket: &str, key: &str, body: &'static str) {
        let put = self.s3_in("eu-west-1").put_object().bucket(bucket).key(key);
        put.body(ByteStream::from_static(body.as_bytes())).send().await.unwrap();
    }

    /// Keys of every version, delete marker and open upload.
    pub async fn everything_in(&self, bucket: &str) -> Vec<String> {
        let region = if bucket == world::BUCKET { "us-west-2" } else { "eu-west-1" };
        let s3 = self.s3_in(region);
        let versions = s3.list_object_versions().bucket(bucket).send().await.unwrap();
        let uploads = s3.list_multipart_uploads().bucket(bucket).send().await.unwrap();
        let objects = versions.versions().iter().filter_map(|version| version.key());
        let markers = versions.delete_markers().iter().filter_map(|marker| marker.key());
        let uploads = uploads.uploads().iter().filter_map(|upload| upload.key());
        objects.chain(markers).chain(uploads).map(str::to_owned).collect()
    }

    /// A server whose clock is this much behind.
    pub async fn stores_with_clock_off(&self, seconds: u64) -> Stores {
        let behind = self.clock.now().minus(std::time::Duration::from_secs(seconds));
        let platform = self.sandbox.platform();
        let config = StoreConfig {
            endpoint_url: Some(self.sandbox.http_url()),
            clock: Clock::fixed(behind),
            base_credentials: Some(StaticKeys::new(&platform.access_key_id, &platform.secret_access_key)),
            ..StoreConfig::new("us-west-2", self.sandbox.platform_role_arn())
        };
        Stores::connect(config).await.unwrap()
    }

    fn s3_in(&self, region: &str) -> aws_sdk_s3::Client {
        let config =
            self.customer_s3().config().to_builder().region(aws_config::Region::new(region.to_owned()));
        aws_sdk_s3::Client::from_conf(config.build())
    }
}

/// The world's backend, as in a world of its own.
pub fn target(account: &str) -> Target {
    Target { allow_delete: false, ..world::target(account) }
}

/// Somebody else's account, which happens to be the platform's.
pub struct Other {
    s3: aws_sdk_s3::Client,
}

impl Other {
    pub const OPEN: &str = "taken-over";
    pub const SHUT: &str = "somebody-elses";

    pub async fn make_bucket(&self, name: &str, for_role: Option<&str>) {
        create(&self.s3, name, "us-west-2").await;
        let Some(role) = for_role else { return };
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": role}, "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*")],
        }]});
        self.s3.put_bucket_policy().bucket(name).policy(policy.to_string()).send().await.unwrap();
    }
}

/// A world, in which the platform's user may do all in S3 too.
pub async fn two_accounts() -> (World, Other) {
    let data = tempfile::tempdir().unwrap();
    give_platform_user_s3(&data).await;
    let mut world = World::start_in(data).await;
    world.target.allow_delete = false;
    world.put_policy(&firmhold_iam::permission_policy(&world.target.shape())).await;
    let keys = world::keys(world.sandbox.platform());
    let config = world.customer_s3().config().to_builder().credentials_provider(keys);
    let other = Other { s3: aws_sdk_s3::Client::from_conf(config.build()) };
    (world, other)
}

/// A sandbox's accounts are a file that a person can read and write while it does not run.
async fn give_platform_user_s3(data: &TempDir) {
    let config = firmhold_sandbox::SandboxConfig::new(data.path());
    Sandbox::start(config).await.unwrap().stop().await;
    let file = data.path().join("accounts.json");
    let mut accounts: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    ]});
    let user = &mut accounts["accounts"][firmhold_sandbox::PLATFORM_ACCOUNT]["users"]["firmhold"];
    user["policies"]["s3"] = Value::String(everything.to_string());
    std::fs::write(&file, accounts.to_string()).unwrap();
}

async fn create(s3: &aws_sdk_s3::Client, name: &str, region: &str) {
    let here =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
    s3.create_bucket().bucket(name).create_bucket_configuration(here.build()).send().await.unwrap();
}

pub fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::Array(list) => list.iter().filter_map(|action| action.as_str().map(str::to_owned)).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// The policy less one action, wherever it stands.
pub fn without_action(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    let before = statements.iter().map(|statement| actions(statement).len()).sum::<usize>();
    for statement in statements.iter_mut() {
        let kept: Vec<String> = actions(statement).into_iter().filter(|found| found != action).collect();
        statement["Action"] = json!(kept);
    }
    statements.retain(|statement| !actions(statement).is_empty());
    let after = statements.iter().map(|statement| actions(statement).len()).sum::<usize>();
    assert!(after < before, "the policy has no {action}");
    policy
}

/// Trust policies that are wrong, each in its way.
pub fn broken_trust(sandbox: &Sandbox, how: &str) -> Value {
    let role = sandbox.platform_role_arn();
    let condition = |operator: &str, id: &str| json!({operator: {"sts:ExternalId": id}, "ArnEquals": {"aws:PrincipalArn": role}});
    let statement = |condition: Option<Value>| {
        let mut statement = json!({
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", firmhold_sandbox::PLATFORM_ACCOUNT)},
        });
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    };
    let right = statement(Some(condition("StringEquals", EXTERNAL_ID)));
    let statements = match how {
        "other_id" => vec![statement(Some(condition("StringEquals", "fh-of-somebody-else")))],
        "no_condition" => vec![statement(None)],
        "if_exists" => vec![statement(Some(condition("StringEqualsIfExists", EXTERNAL_ID)))],
        "second_statement" => {
            vec![right, statement(Some(json!({"ArnEquals": {"aws:PrincipalArn": role}})))]
        }
        "any_id" => vec![statement(Some(condition("StringLike", "*")))],
        other => panic!("no trust policy is called {other}"),
    };
    json!({"Version": "2012-10-17", "Statement": statements})
}
