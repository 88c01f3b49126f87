//! Steps on another bucket or role than the backend's: its replica, the bucket that takes its logs, the role that S3
//! replicates as. They are the same steps, with another bucket or role in the spec and, if need be, another region.

use async_trait::async_trait;
use firmhold_core::Problem;

use crate::change::{Change, Operation, Site};
use crate::plan::Draft;
use crate::spec::Spec;

/// Adds what `fill` plans for `spec`, another bucket's or role's, to `draft`; `name` is which.
pub(super) fn plan_for(
    name: &str,
    spec: &Spec,
    draft: &mut Draft,
    fill: impl FnOnce(&mut Draft) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut inner = Draft::default();
    fill(&mut inner)?;
    draft.take_over(inner, |change| Change {
        says: format!("{name}: {}", change.says),
        operation: Box::new(Elsewhere { spec: spec.clone(), operation: change.operation }),
        ..change
    });
    Ok(())
}

#[derive(Debug)]
struct Elsewhere {
    spec: Spec,
    operation: Box<dyn Operation>,
}

#[async_trait]
impl Operation for Elsewhere {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let owner = at.owner.in_region(&self.spec.bucket.region).await?;
        self.operation.run(&at.with(&owner, &self.spec)).await
    }
}
