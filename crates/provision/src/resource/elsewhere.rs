//! Steps on another bucket than the backend's: its replica, or the one that takes its logs. They are the same steps, with
//! another bucket in the spec and, if need be, another region.

use async_trait::async_trait;
use firmhold_core::Problem;

use crate::change::{Change, Operation, Site};
use crate::plan::Draft;
use crate::spec::Spec;

/// Adds what `fill` plans for `spec`, another bucket's, to `draft`.
pub(super) fn plan_for(
    spec: &Spec,
    draft: &mut Draft,
    fill: impl FnOnce(&mut Draft) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut inner = Draft::default();
    fill(&mut inner)?;
    draft.take_over(inner, |change| Change {
        says: format!("{}: {}", spec.bucket.name, change.says),
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
        self.operation.run(&Site::new(&owner, &self.spec)).await
    }
}
