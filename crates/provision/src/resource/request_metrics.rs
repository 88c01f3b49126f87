//! Figures of the requests below our prefix. CloudWatch has none unless they are asked for, and they cost (T27).

use async_trait::async_trait;
use aws_sdk_s3::types::{MetricsConfiguration, MetricsFilter};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, METRICS_ID, settings_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

const NEEDS: &[&str] = &["s3:GetMetricsConfiguration", "s3:PutMetricsConfiguration"];

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.settings.request_metrics, &spec.bucket_arn()) else { return };
    let prefix = spec.bucket.prefix.as_str();
    match (spec.monitoring.request_metrics, found) {
        (false, None) => {}
        (true, Some(there)) if there == prefix => {
            draft.keep(Kind::RequestMetrics, spec.bucket_arn(), format!("counted below {prefix}"));
        }
        (true, found) => {
            let verb = if found.is_some() { Verb::Change } else { Verb::Create };
            let says = format!("count requests below {prefix}");
            draft.add(
                Change::new(verb, Kind::RequestMetrics, spec.bucket_arn(), says, Put)
                    .because("without it CloudWatch knows of no request, and no alarm on one ever rings")
                    .needing(NEEDS),
            );
        }
        (false, Some(_)) => draft.add(removal(spec, "the spec does not ask for them, and they cost")),
    }
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    if let Some(Some(_)) = draft.see(&inventory.settings.request_metrics, &spec.bucket_arn()) {
        draft.add(removal(spec, "they are ours by their ID"));
    }
}

fn removal(spec: &Spec, why: &str) -> Change {
    Change::new(Verb::Remove, Kind::RequestMetrics, spec.bucket_arn(), "stop to count requests", Delete)
        .because(why)
        .needing(NEEDS)
}

#[derive(Debug)]
struct Put;

#[async_trait]
impl Operation for Put {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (arn, prefix) = (at.spec.bucket_arn(), at.spec.bucket.prefix.as_str());
        let configuration = MetricsConfiguration::builder()
            .id(METRICS_ID)
            .filter(MetricsFilter::Prefix(prefix.to_owned()))
            .build()
            .map_err(Problem::internal)?;
        let call = at.owner.clients.s3.put_bucket_metrics_configuration().bucket(&at.spec.bucket.name);
        let call =
            call.id(METRICS_ID).expected_bucket_owner(&at.spec.account).metrics_configuration(configuration);
        call.send().await.map_err(|error| problem("s3:PutMetricsConfiguration", &arn, error))?;
        read_back("the configuration of request metrics", || async {
            let found = settings_reads::request_metrics(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.as_deref() == Some(prefix))
        })
        .await
    }
}

#[derive(Debug)]
struct Delete;

#[async_trait]
impl Operation for Delete {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let call = at.owner.clients.s3.delete_bucket_metrics_configuration().bucket(&at.spec.bucket.name);
        let answer = call.id(METRICS_ID).expected_bucket_owner(&at.spec.account).send().await;
        answer.map_err(|error| problem("s3:PutMetricsConfiguration", &arn, error))?;
        read_back("the end of request metrics", || async {
            Ok(settings_reads::request_metrics(at.owner, at.spec).await?.seen(&arn)?.is_none())
        })
        .await
    }
}
