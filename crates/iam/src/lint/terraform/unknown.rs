//! What Terraform knows only once it has applied a plan.

use std::collections::HashMap;

use serde_json::Value;

use super::list;

/// The `after_unknown` of every resource that a plan changes, by address: `true` where a value is not known yet.
pub struct Unknown<'p>(HashMap<&'p str, &'p Value>);

impl<'p> Unknown<'p> {
    /// A state has none.
    pub fn of(plan: &'p Value) -> Self {
        let of_change = |change: &'p Value| {
            // An object that was left behind has the address of the one in its place.
            if change.get("deposed").is_some() {
                return None;
            }
            let unknown = change.get("change")?.get("after_unknown")?;
            Some((change.get("address")?.as_str()?, unknown))
        };
        Self(list(plan.get("resource_changes")).iter().filter_map(of_change).collect())
    }

    /// That of a resource; null where all of it is known.
    pub fn at(&self, address: &str) -> &'p Value {
        self.0.get(address).copied().unwrap_or(&Value::Null)
    }
}

/// Whether a value is unknown as a whole.
pub fn is_unknown(mark: Option<&Value>) -> bool {
    mark == Some(&Value::Bool(true))
}

/// Arguments that the provider fills in where nobody writes them: unknown in the plan of every new resource.
const FILLED_IN: [(&str, &str); 4] = [
    ("aws_iam_role", "inline_policy"),
    ("aws_iam_role", "managed_policy_arns"),
    ("aws_kms_key", "policy"),
    ("aws_s3_bucket", "lifecycle_rule"),
];

/// Whether an argument that is unknown says something only where the configuration has it.
pub fn is_filled_in(kind: &str, argument: &str) -> bool {
    FILLED_IN.contains(&(kind, argument))
}
