//! Rules of a lifecycle configuration, as far as they reach firmware that is in use.

use super::document::DocumentKind;
use super::mend::{Edit, remove};
use super::subject::{Scene, Subject};
use super::tree::At;

/// The enabled rules that can match a live object: not by tag alone, and not below another prefix.
///
/// A rule that matches a tag is left to whoever sets the tag: the platform marks what no release needs (D4).
pub fn rules_over_firmware<'a>(scene: &Scene<'a>) -> Vec<At<'a>> {
    if !scene.own.is(DocumentKind::Lifecycle) {
        return Vec::new();
    }
    let reaches =
        |rule: &At<'a>| is_enabled(rule) && !has_tag(rule) && meets(rule, scene.setting.prefix.as_deref());
    scene.own.rules().into_iter().filter(reaches).collect()
}

pub fn is_enabled(rule: &At<'_>) -> bool {
    rule.text_of("Status") != Some("Disabled")
}

fn has_tag(rule: &At<'_>) -> bool {
    let Some(filter) = rule.get("Filter") else { return false };
    let and = filter.get("And");
    filter.get("Tag").is_some() || and.is_some_and(|and| and.get("Tags").is_some())
}

/// The prefix that a rule is limited to.
pub fn prefix<'a>(rule: &At<'a>) -> Option<&'a str> {
    let filter = rule.get("Filter");
    let and = filter.as_ref().and_then(|filter| filter.get("And"));
    let own = rule.text_of("Prefix");
    own.or_else(|| filter?.text_of("Prefix")).or_else(|| and?.text_of("Prefix"))
}

fn meets(rule: &At<'_>, firmware: Option<&str>) -> bool {
    match (prefix(rule), firmware) {
        (Some(own), Some(firmware)) => own.starts_with(firmware) || firmware.starts_with(own),
        _ => true,
    }
}

/// The transitions of current objects, each with its storage class.
pub fn transitions<'a>(rule: &At<'a>) -> Vec<(At<'a>, &'a str)> {
    let transitions = rule.get("Transitions").or_else(|| rule.get("Transition"));
    let items = transitions.map(|at| at.items()).unwrap_or_default();
    items.into_iter().filter_map(|item| item.text_of("StorageClass").map(|class| (item, class))).collect()
}

/// What a rule can do
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html>).
const ACTIONS: [&str; 7] = [
    "Transitions",
    "Transition",
    "Expiration",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionTransition",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
];

/// Whether a rule does anything.
pub fn has_action(rule: &At<'_>) -> bool {
    ACTIONS.iter().any(|name| rule.get(name).is_some_and(|at| !at.is_list() || !at.items().is_empty()))
}

/// A transition or an expiration taken out of its rule; with the last of its list the list goes too, and with its
/// last action the rule. `None` where that was the only rule: a configuration without rules is refused.
pub fn without(subject: &Subject<'_>, rule: &At<'_>, item: &At<'_>) -> Option<Edit> {
    let of_list = ["Transitions", "Transition"]
        .iter()
        .filter_map(|name| rule.get(name))
        .find(|list| list.is_list() && list.items().iter().any(|own| own.start() == item.start()));
    let gone = match of_list {
        Some(list) if list.items().len() == 1 => list,
        Some(_) => return Some(remove(item)),
        None => item.clone(),
    };
    let others = ACTIONS.iter().filter_map(|name| rule.get(name)).any(|own| own.start() != gone.start());
    match others {
        true => Some(remove(&gone)),
        false => (subject.rules().len() > 1).then(|| remove(rule)),
    }
}

/// Whether any enabled rule of a configuration has a member.
pub fn any_has(subject: &Subject<'_>, name: &str) -> bool {
    subject.rules().iter().any(|rule| is_enabled(rule) && rule.get(name).is_some())
}
