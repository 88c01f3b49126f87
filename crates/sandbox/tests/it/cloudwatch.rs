//! Figures and alarms, over the wire.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, HistoryItemType, Metric, MetricDataQuery, MetricDatum, MetricStat,
    StateValue, Statistic,
};
use aws_sdk_s3::types::MetricsConfiguration;
use firmhold_core::{Clock, Timestamp};
use firmhold_sandbox::{Sandbox, SandboxConfig};

use crate::harness::{Harness, allow, refusal, start_with};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const TOPIC: &str = "arn:aws:sns:us-west-2:111122223333:alarms";

/// In the middle of a day and of a minute: nothing here straddles a period.
async fn start() -> Harness {
    start_with(|config| config.clock = Clock::fixed(Timestamp::parse("2026-03-02T12:00:30Z").unwrap())).await
}

fn cloudwatch(harness: &Harness) -> Client {
    Client::new(&harness.sdk(harness.admin()))
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

/// Of the state's clock, which tests turn.
fn ago(harness: &Harness, by: Duration) -> DateTime {
    DateTime::from_secs(harness.sandbox.state_clock().now().minus(by).as_secs())
}

async fn ask_for_request_metrics(harness: &Harness) {
    let configuration = MetricsConfiguration::builder().id("whole").build().unwrap();
    let put = harness.s3(harness.admin()).put_bucket_metrics_configuration().bucket("acme-fw").id("whole");
    put.metrics_configuration(configuration).send().await.unwrap();
}

/// The sum, or another statistic, of the last hour.
async fn last_hour(harness: &Harness, metric: &str, statistic: Statistic) -> Option<f64> {
    let answer = cloudwatch(harness)
        .get_metric_statistics()
        .namespace("AWS/S3")
        .metric_name(metric)
        .dimensions(dimension("BucketName", "acme-fw"))
        .dimensions(dimension("FilterId", "whole"))
        .start_time(ago(harness, 60 * MINUTE))
        .end_time(ago(harness, Duration::ZERO))
        .period(86_400)
        .statistics(statistic.clone())
        .send()
        .await
        .unwrap();
    let point = answer.datapoints().last()?.clone();
    match statistic {
        Statistic::Sum => point.sum,
        Statistic::Average => point.average,
        _ => point.sample_count,
    }
}

#[tokio::test]
async fn requests_are_counted_only_where_that_was_asked_for() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let get = async |key: &str| {
        let _ = s3.get_object().bucket("acme-fw").key(key).send().await;
    };
    get("fw/a").await;
    harness.sandbox.age(MINUTE).await.unwrap();
    assert_eq!(last_hour(&harness, "AllRequests", Statistic::Sum).await, None);
    ask_for_request_metrics(&harness).await;
    for key in ["fw/a", "fw/a", "fw/a", "fw/nothing"] {
        get(key).await;
    }
    harness.sandbox.age(MINUTE).await.unwrap();
    // The call that asks for the metrics may be the first that is counted.
    assert_eq!(last_hour(&harness, "GetRequests", Statistic::Sum).await, Some(4.0));
    assert_eq!(last_hour(&harness, "4xxErrors", Statistic::Sum).await, Some(1.0));
    assert_eq!(last_hour(&harness, "5xxErrors", Statistic::Sum).await, Some(0.0));
    assert_eq!(last_hour(&harness, "BytesDownloaded", Statistic::Sum).await, Some(24.0));
    let rate = last_hour(&harness, "4xxErrors", Statistic::Average).await.unwrap();
    assert!(rate > 0.0 && rate < 0.5, "{rate}");

    let listed = cloudwatch(&harness)
        .list_metrics()
        .namespace("AWS/S3")
        .metric_name("4xxErrors")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.metrics()[0].dimensions().len(), 2);
    let Harness { sandbox, dir } = harness;
    let clock = sandbox.clock().clone();
    sandbox.stop().await;
    let config = SandboxConfig { clock, ..SandboxConfig::new(dir.path()) };
    let harness = Harness { sandbox: Sandbox::start(config).await.unwrap(), dir };
    assert_eq!(last_hour(&harness, "GetRequests", Statistic::Sum).await, Some(4.0));
}

#[tokio::test]
async fn storage_is_counted_every_midnight_with_all_that_is_paid_for() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    s3.put_object()
        .bucket("acme-fw")
        .key("fw/b")
        .storage_class("STANDARD_IA".into())
        .body(vec![0; 100].into())
        .send()
        .await
        .unwrap();
    let open = s3.create_multipart_upload().bucket("acme-fw").key("fw/c");
    let open = open.checksum_algorithm(aws_sdk_s3::types::ChecksumAlgorithm::Crc32).send().await.unwrap();
    let part =
        s3.upload_part().bucket("acme-fw").key("fw/c").upload_id(open.upload_id.unwrap()).part_number(1);
    part.body(vec![0; 50].into()).send().await.unwrap();
    harness.sandbox.age(DAY).await.unwrap();
    let daily = async |metric: &str, kind: &str| {
        let answer = cloudwatch(&harness)
            .get_metric_statistics()
            .namespace("AWS/S3")
            .metric_name(metric)
            .dimensions(dimension("BucketName", "acme-fw"))
            .dimensions(dimension("StorageType", kind))
            .start_time(ago(&harness, 2 * DAY))
            .end_time(ago(&harness, Duration::ZERO))
            .period(86_400)
            .statistics(Statistic::Average)
            .send()
            .await
            .unwrap();
        answer.datapoints().last().and_then(|point| point.average)
    };
    assert_eq!(daily("BucketSizeBytes", "StandardStorage").await, Some(58.0));
    assert_eq!(daily("BucketSizeBytes", "StandardIAStorage").await, Some(100.0));
    assert_eq!(daily("NumberOfObjects", "AllStorageTypes").await, Some(3.0));
    assert_eq!(daily("BucketSizeBytes", "GlacierStorage").await, None);
}

/// An alarm on the rate of 4xx, as it has to be to work (T27, T28, T29).
fn alarm(
    client: &Client,
) -> aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder {
    client
        .put_metric_alarm()
        .alarm_name("fw-4xx")
        .namespace("AWS/S3")
        .metric_name("4xxErrors")
        .dimensions(dimension("BucketName", "acme-fw"))
        .dimensions(dimension("FilterId", "whole"))
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(1)
        .threshold(0.5)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("notBreaching")
        .alarm_actions(TOPIC)
        .ok_actions(TOPIC)
}

async fn state(client: &Client) -> StateValue {
    let found = client.describe_alarms().alarm_names("fw-4xx").send().await.unwrap();
    found.metric_alarms()[0].state_value.clone().unwrap()
}

#[tokio::test]
async fn an_alarm_rings_tells_its_topic_and_calms_down() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    ask_for_request_metrics(&harness).await;
    harness.query(&harness.admin(), "sns", &[("Action", "CreateTopic"), ("Name", "alarms")]).await;
    let client = cloudwatch(&harness);
    alarm(&client).send().await.unwrap();
    assert_eq!(state(&client).await, StateValue::InsufficientData);
    harness.sandbox.age(2 * MINUTE).await.unwrap();
    assert_eq!(state(&client).await, StateValue::Ok);
    assert_eq!(harness.sandbox.notifications().await.unwrap().len(), 1);

    let s3 = harness.s3(harness.admin());
    for _ in 0..5 {
        s3.get_object().bucket("acme-fw").key("fw/nothing").send().await.unwrap_err();
    }
    harness.sandbox.age(MINUTE).await.unwrap();
    assert_eq!(state(&client).await, StateValue::Alarm);
    let told = harness.sandbox.notifications().await.unwrap().pop().unwrap();
    assert_eq!(told.publisher, "cloudwatch.amazonaws.com");
    assert_eq!(told.subject.as_deref(), Some("ALARM: \"fw-4xx\" in US West (Oregon)"));
    let message: serde_json::Value = serde_json::from_str(&told.message).unwrap();
    assert_eq!((&message["NewStateValue"], &message["OldStateValue"]), (&"ALARM".into(), &"OK".into()));
    assert_eq!(message["Trigger"]["Dimensions"][0]["name"], "BucketName");

    harness.sandbox.age(10 * MINUTE).await.unwrap();
    assert_eq!(state(&client).await, StateValue::Ok);
    let history = client.describe_alarm_history().alarm_name("fw-4xx");
    let history = history.history_item_type(HistoryItemType::StateUpdate).send().await.unwrap();
    let summaries: Vec<_> =
        history.alarm_history_items().iter().map(|item| item.history_summary().unwrap()).collect();
    assert_eq!(
        summaries,
        [
            "Alarm updated from ALARM to OK",
            "Alarm updated from OK to ALARM",
            "Alarm updated from INSUFFICIENT_DATA to OK"
        ]
    );
    client.delete_alarms().alarm_names("fw-4xx").send().await.unwrap();
    let gone = refusal(client.delete_alarms().alarm_names("fw-4xx").send().await);
    assert!(gone.starts_with("404 ResourceNotFound"), "{gone}");
}

#[tokio::test]
async fn a_topic_that_does_not_let_cloudwatch_in_is_noted() {
    let harness = start().await;
    let client = cloudwatch(&harness);
    alarm(&client).send().await.unwrap();
    harness.sandbox.age(2 * MINUTE).await.unwrap();
    let history =
        client.describe_alarm_history().history_item_type(HistoryItemType::Action).send().await.unwrap();
    let summary = history.alarm_history_items()[0].history_summary().unwrap();
    assert_eq!(
        summary,
        format!("Failed to execute action {TOPIC}. Received error: \"Topic does not exist\"")
    );
}

/// T28: what moto takes, AWS and the sandbox refuse.
#[tokio::test]
async fn an_alarm_has_to_be_whole() {
    let harness = start().await;
    let client = cloudwatch(&harness);
    let put = || alarm(&client);
    let cases = [
        ("no statistic", put().set_statistic(None)),
        ("no period", put().set_period(None)),
        ("no namespace", put().set_namespace(None)),
        ("no metric", put().set_metric_name(None)),
        ("no threshold", put().set_threshold(None)),
        ("no comparison", put().set_comparison_operator(None)),
        ("no evaluation periods", put().set_evaluation_periods(None)),
        ("a period of no whole minutes", put().period(90)),
        ("more than a day", put().period(300).evaluation_periods(289)),
        ("more to alarm than there are", put().datapoints_to_alarm(2)),
        ("unknown treatment", put().treat_missing_data("forget")),
        ("a topic elsewhere", put().set_alarm_actions(Some(vec![TOPIC.replace("us-west-2", "eu-west-1")]))),
        ("no ARN", put().set_alarm_actions(Some(vec!["alarms".to_owned()]))),
    ];
    let mut answers = Vec::new();
    for (what, call) in cases {
        let refused = refusal(call.send().await);
        let code = refused.split(": ").next().unwrap_or_default().to_owned();
        answers.push(format!("{what}: {code}"));
    }
    insta::assert_snapshot!(answers.join("\n"), @r"
    no statistic: 400 ValidationError
    no period: 400 MissingParameter
    no namespace: 400 MissingParameter
    no metric: 400 MissingParameter
    no threshold: 400 MissingParameter
    no comparison: 400 MissingParameter
    no evaluation periods: 400 MissingParameter
    a period of no whole minutes: 400 InvalidParameterValue
    more than a day: 400 ValidationError
    more to alarm than there are: 400 ValidationError
    unknown treatment: 400 ValidationError
    a topic elsewhere: 400 ValidationError
    no ARN: 400 ValidationError
    ");
    assert!(client.describe_alarms().send().await.unwrap().metric_alarms().is_empty());
}

#[tokio::test]
async fn figures_of_ones_own_and_what_is_reckoned_from_them() {
    let harness = start().await;
    let client = cloudwatch(&harness);
    for (name, value) in [("errors", 2.0), ("requests", 8.0)] {
        let datum = MetricDatum::builder().metric_name(name).value(value).build();
        client.put_metric_data().namespace("Firmhold").metric_data(datum).send().await.unwrap();
    }
    let stat = |id: &str, name: &str| {
        let metric = Metric::builder().namespace("Firmhold").metric_name(name).build();
        let stat = MetricStat::builder().metric(metric).period(60).stat("Sum").build();
        MetricDataQuery::builder().id(id).metric_stat(stat).return_data(false).build()
    };
    let rate = MetricDataQuery::builder().id("rate").expression("100 * errors / requests").label("%").build();
    let data = client
        .get_metric_data()
        .metric_data_queries(stat("errors", "errors"))
        .metric_data_queries(stat("requests", "requests"))
        .metric_data_queries(rate)
        .start_time(ago(&harness, 10 * MINUTE))
        .end_time(ago(&harness, Duration::ZERO))
        .send()
        .await;
    let results = data.unwrap().metric_data_results.unwrap();
    assert_eq!((results.len(), results[0].label(), results[0].values()), (1, Some("%"), &[25.0][..]));
    let own = MetricDatum::builder().metric_name("x").value(1.0).build();
    let own = client.put_metric_data().namespace("AWS/S3").metric_data(own).send().await;
    assert!(refusal(own).starts_with("400 InvalidParameterValue"));
}

/// What would have values without end, or values without a number.
#[tokio::test]
async fn figures_and_queries_have_bounds() {
    let harness = start().await;
    let client = cloudwatch(&harness);
    let put = async |datum: aws_sdk_cloudwatch::types::builders::MetricDatumBuilder| {
        let datum = datum.metric_name("x").build();
        refusal(client.put_metric_data().namespace("Firmhold").metric_data(datum).send().await)
    };
    let huge = put(MetricDatum::builder().value(1e300)).await;
    assert!(huge.starts_with("400 InvalidParameterValue"), "{huge}");
    let many = put(MetricDatum::builder().values(1e100).counts(1e100)).await;
    assert!(many.starts_with("400 InvalidParameterValue"), "{many}");
    let old = put(MetricDatum::builder().value(1.0).timestamp(ago(&harness, 15 * DAY))).await;
    assert!(old.starts_with("400 InvalidParameterValue"), "{old}");
    let ask = async |period: Option<i32>, from: Duration| {
        let query = MetricDataQuery::builder().id("one").expression("1").set_period(period).build();
        let data = client.get_metric_data().metric_data_queries(query).start_time(ago(&harness, from));
        data.end_time(ago(&harness, Duration::ZERO)).send().await
    };
    let zero = refusal(ask(Some(0), DAY).await);
    assert!(zero.starts_with("400 InvalidParameterValue"), "{zero}");
    let endless = refusal(ask(None, 1000 * DAY).await);
    assert!(endless.starts_with("400 ValidationError"), "{endless}");
    assert_eq!(
        ask(None, DAY).await.unwrap().metric_data_results()[0].values().len(),
        1441,
        "both ends, by the minute"
    );
}

#[tokio::test]
async fn cloudwatch_is_decided_too() {
    let harness = start().await;
    let session = harness.customer_session("watcher", &allow(&["cloudwatch:DescribeAlarms"], &["*"])).await;
    let client = Client::new(&harness.sdk(session));
    client.describe_alarms().send().await.unwrap();
    assert_eq!(
        refusal(alarm(&client).send().await),
        "403 AccessDenied: User: arn:aws:sts::111122223333:assumed-role/watcher/s1 is not authorized to perform: \
         cloudwatch:PutMetricAlarm on resource: arn:aws:cloudwatch:us-west-2:111122223333:alarm:fw-4xx because no \
         identity-based policy allows the cloudwatch:PutMetricAlarm action"
    );
}
