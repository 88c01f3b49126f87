//! What a plan does not say yet, and so was not looked at.

use super::Rule;
use crate::lint::document::Missing;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "not-known-yet",
    severity: Severity::Note,
    title: "The plan does not say what the document will be",
    aws: "Terraform leaves out of a plan what depends on something that the same plan makes, such as a policy with \
          the ARN of a bucket that is not there yet. What AWS will be given is known only once that is made, and \
          nothing here says whether it is right. Of a role that has such a policy nobody can say what it lacks.",
    mend: "Lint it once the plan is applied: `terraform show -json | firmhold policy lint -`. What is written with \
           names and ARNs that are given, instead of attributes of new resources, is in the plan.",
    pages: &[],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let name = &scene.own.document.name;
    let message = match &scene.own.document.missing {
        None => return,
        Some(Missing::AfterApply) => format!(
            "`{name}` is known after the apply, and nothing in it was looked at: `terraform show -json` of the \
             applied state has it."
        ),
        // Of other roles that is nothing to know.
        Some(Missing::Elsewhere(arn)) => {
            // Only of a role that uploads do the rules say what it lacks.
            let Some(role) = scene.roles().find(|role| role.uploads()).and_then(|role| role.name()) else {
                return;
            };
            let policy = match arn {
                Some(arn) => format!("`{arn}`"),
                None => format!("The policy that `{name}` attaches"),
            };
            format!("{policy} is not among these documents, so nothing is said of what `{role}` lacks.")
        }
    };
    report.find_line(1, 1, message);
}
