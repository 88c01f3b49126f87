//! Transfer acceleration: a second address of the bucket at AWS's edges, which costs by the byte (T39).

use async_trait::async_trait;
use aws_sdk_s3::types::{AccelerateConfiguration, BucketAccelerateStatus};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, settings_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

const ENABLED: &str = "Enabled";

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.settings.acceleration, &spec.bucket_arn()) else { return };
    let on = found.is_some_and(|status| status == ENABLED);
    match (spec.bucket.acceleration, on) {
        (false, false) => {}
        (true, true) => draft.keep(Kind::Acceleration, spec.bucket_arn(), "is on"),
        (true, false) => draft.add(
            Change::new(Verb::Change, Kind::Acceleration, spec.bucket_arn(), "turn it on", TurnOn)
                .because("uploads from far away come in at AWS's nearest edge; each byte that does is billed")
                .needing(&["s3:GetAccelerateConfiguration", "s3:PutAccelerateConfiguration"]),
        ),
        (false, true) => draft.leave(
            Kind::Acceleration,
            spec.bucket_arn(),
            "is on, though the spec does not ask for it: somebody else may upload through it",
        ),
    }
}

#[derive(Debug)]
struct TurnOn;

#[async_trait]
impl Operation for TurnOn {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let on = AccelerateConfiguration::builder().status(BucketAccelerateStatus::Enabled).build();
        let call = at.owner.clients.s3.put_bucket_accelerate_configuration().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).accelerate_configuration(on).send().await;
        answer.map_err(|error| problem("s3:PutAccelerateConfiguration", &arn, error))?;
        read_back("the bucket's acceleration", || async {
            let found = settings_reads::acceleration(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.as_deref() == Some(ENABLED))
        })
        .await
    }
}
