//! What an auditor reads of services that the sandbox does not work.

use firmhold_sandbox::{Fact, Sandbox, SandboxConfig};
use serde_json::json;

use crate::harness::{CUSTOMER, Harness, allow, start};
use crate::raw::Raw;

const REGION: &str = "us-west-2";

fn get(service: &'static str, path: &'static str) -> Raw<'static> {
    Raw { service, method: "GET", path, headers: &[], body: "" }
}

#[tokio::test]
async fn guardduty_tells_of_its_detectors() {
    let harness = start().await;
    let admin = harness.admin();
    assert_eq!(
        harness.raw(&admin, &get("guardduty", "/detector")).await,
        (200, r#"{"detectorIds":[]}"#.to_owned())
    );
    let detector = json!({
        "detectorId": "d1", "status": "ENABLED", "features": [{"name": "S3_DATA_EVENTS", "status": "ENABLED"}]
    });
    harness.sandbox.set_fact(CUSTOMER, REGION, Fact::Detectors, vec![detector]).unwrap();
    let (_, list) = harness.raw(&admin, &get("guardduty", "/detector")).await;
    assert_eq!(list, r#"{"detectorIds":["d1"]}"#);
    let (status, one) = harness.raw(&admin, &get("guardduty", "/detector/d1")).await;
    assert_eq!((status, one.contains("S3_DATA_EVENTS"), one.contains("detectorId")), (200, true, false));
    assert_eq!(harness.raw(&admin, &get("guardduty", "/detector/d2")).await.0, 400);
    let session = harness.customer_session("nobody", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let (status, refused) = harness.raw(&session, &get("guardduty", "/detector")).await;
    assert_eq!(status, 403);
    assert!(refused.contains("guardduty:ListDetectors"), "{refused}");
}

#[tokio::test]
async fn config_tells_of_its_rules_and_recorders() {
    let Harness { sandbox, dir } = start().await;
    let rule = json!({"ConfigRuleName": "s3-bucket-versioning-enabled", "ConfigRuleState": "ACTIVE"});
    sandbox.set_fact(CUSTOMER, REGION, Fact::ConfigRules, vec![rule.clone()]).unwrap();
    let recorder = json!({"name": "default", "recording": true});
    sandbox.set_fact(CUSTOMER, REGION, Fact::ConfigRecorders, vec![recorder.clone()]).unwrap();
    sandbox.stop().await;
    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    let harness = Harness { sandbox, dir };
    let admin = harness.admin();
    let call = async |action: &str, input| {
        harness.json(&admin, "config", &format!("StarlingDoveService.{action}"), input).await
    };
    assert_eq!(call("DescribeConfigRules", json!({})).await, (200, json!({"ConfigRules": [rule]})));
    let missing = call("DescribeConfigRules", json!({"ConfigRuleNames": ["none"]})).await;
    assert_eq!((missing.0, missing.1["__type"].as_str()), (400, Some("NoSuchConfigRuleException")));
    assert_eq!(
        call("DescribeConfigurationRecorderStatus", json!({})).await,
        (200, json!({"ConfigurationRecordersStatus": [recorder]}))
    );
}

#[tokio::test]
async fn ec2_tells_of_flow_logs_and_endpoints() {
    let harness = start().await;
    let log = json!({"flowLogId": "fl-1", "flowLogStatus": "ACTIVE", "resourceId": "vpc-1"});
    harness.sandbox.set_fact(CUSTOMER, REGION, Fact::FlowLogs, vec![log]).unwrap();
    let endpoint = json!({"vpcEndpointId": "vpce-1", "state": "available", "routeTableIdSet": ["rtb-1"]});
    harness.sandbox.set_fact(CUSTOMER, REGION, Fact::VpcEndpoints, vec![endpoint]).unwrap();
    let call = async |credentials: &_, body: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let raw = Raw { service: "ec2", method: "POST", path: "/", headers: &headers, body };
        harness.raw(credentials, &raw).await
    };
    let (status, logs) = call(&harness.admin(), "Action=DescribeFlowLogs&Version=2016-11-15").await;
    assert_eq!(status, 200);
    assert!(logs.contains("<flowLogSet><item><flowLogId>fl-1</flowLogId>"), "{logs}");
    let (_, endpoints) = call(&harness.admin(), "Action=DescribeVpcEndpoints&Version=2016-11-15").await;
    assert!(endpoints.contains("<routeTableIdSet><item>rtb-1</item></routeTableIdSet>"), "{endpoints}");
    let session = harness.customer_session("nobody", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let (status, refused) = call(&session, "Action=DescribeFlowLogs&Version=2016-11-15").await;
    assert_eq!(status, 403);
    assert!(refused.contains("<Code>UnauthorizedOperation</Code>"), "{refused}");
}

#[tokio::test]
async fn budgets_are_made_once() {
    let harness = start().await;
    let admin = harness.admin();
    let call = async |action: &str, input| {
        harness.json(&admin, "budgets", &format!("AWSBudgetServiceGateway.{action}"), input).await
    };
    let budget = json!({
        "BudgetName": "firmware", "BudgetType": "COST", "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "50", "Unit": "USD"}
    });
    let create = json!({"AccountId": CUSTOMER, "Budget": budget});
    assert_eq!(call("CreateBudget", create.clone()).await, (200, json!({})));
    let again = call("CreateBudget", create).await;
    assert_eq!((again.0, again.1["__type"].as_str()), (400, Some("DuplicateRecordException")));
    let listed = call("DescribeBudgets", json!({"AccountId": CUSTOMER})).await;
    assert_eq!(listed, (200, json!({"Budgets": [budget]})));
    let other = call("DescribeBudgets", json!({"AccountId": "999999999999"})).await;
    assert_eq!((other.0, other.1["__type"].as_str()), (400, Some("AccessDeniedException")));
}

#[tokio::test]
async fn a_whole_account_blocks_public_access() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let s3 = harness.s3(harness.admin());
    s3.delete_public_access_block().bucket("acme-firmware").send().await.unwrap();
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme-firmware/*"}]}"#;
    let put_policy = || s3.put_bucket_policy().bucket("acme-firmware").policy(open).send();
    put_policy().await.unwrap();
    let anonymous = async || {
        let url = format!("{}/acme-firmware/fw/a", harness.sandbox.http_url());
        crate::s3_support::http().get(url).send().await.unwrap().status().as_u16()
    };
    assert_eq!(anonymous().await, 200);

    let path = "/v20180820/configuration/publicAccessBlock";
    let call = async |method: &str, account: &str, body: &str| {
        let headers = [("x-amz-account-id", account)];
        harness.raw(&harness.admin(), &Raw { service: "s3", method, path, headers: &headers, body }).await
    };
    let (status, none) = call("GET", CUSTOMER, "").await;
    assert_eq!(status, 404);
    assert!(none.contains("<Code>NoSuchPublicAccessBlockConfiguration</Code>"), "{none}");
    let all = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true\
               </IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true\
               </RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    assert_eq!(call("PUT", "999999999999", all).await.0, 403);
    assert_eq!(call("PUT", CUSTOMER, "<nonsense").await.0, 400);
    assert_eq!(call("PUT", CUSTOMER, all).await.0, 201);
    let (status, read) = call("GET", CUSTOMER, "").await;
    assert_eq!((status, read.matches("true").count()), (200, 4));
    assert_eq!(anonymous().await, 403);
    let refused = crate::harness::refusal_code(put_policy().await);
    assert_eq!(refused, "403 AccessDenied");
    assert_eq!(call("DELETE", CUSTOMER, "").await.0, 204);
    assert_eq!(anonymous().await, 200);
}
