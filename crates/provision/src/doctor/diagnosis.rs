//! The symptoms that fit, and their causes in the order in which to look.

use firmhold_iam::explain::{Culprit, Explanation, explain};
use serde::Serialize;

use super::catalogue::symptoms;
use super::facts::{Facts, Names};
use super::symptom::{Cause, Symptom, Threshold};

/// Longer than any error text.
const MAX_TEXT: usize = 64 * 1024;

/// A symptom that fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// [`Symptom::id`]
    pub symptom: String,
    /// [`Symptom::title`]
    pub title: String,
    /// [`Symptom::what`]
    pub what: String,
    /// Why it fits: the part of the text, or the figure.
    pub because: String,
    /// Causes, the likeliest first.
    pub suspects: Vec<Suspect>,
    /// The section of the page.
    pub docs: String,
}

/// A cause, with commands that have the names in them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// What it is.
    pub says: String,
    /// What in the text shows that it is this one, if anything does.
    pub evidence: Option<String>,
    /// The command that decides.
    pub test: String,
    /// Its answer, if it is this one.
    pub decides: String,
    /// What ends it.
    pub remedy: String,
    /// Whose it is to do.
    pub who: &'static str,
}

/// All symptoms that fit, the closest first.
pub fn diagnose(facts: &Facts) -> Vec<Diagnosis> {
    let text = facts.text.as_deref().map(plain);
    let told = facts.text.as_deref().map(|text| explain(text, &[]));
    let names = names(&facts.names, told.as_ref());
    let mut fitting: Vec<(usize, Diagnosis)> = Vec::new();
    for symptom in symptoms() {
        let by_text = text.as_deref().and_then(|text| matched(symptom, text));
        let by_figure = symptom.figures.iter().find_map(|figure| exceeded(figure, facts));
        let (weight, because) = match (by_text, by_figure) {
            (Some((weight, part)), _) => (weight, format!("the text says {part:?}")),
            // A figure that was measured for this is closer than any text.
            (None, Some(because)) => (usize::MAX, because),
            (None, None) => continue,
        };
        let suspects = suspects(symptom, text.as_deref().unwrap_or_default(), told.as_ref(), &names);
        let docs = format!("docs/account-troubleshooting.md#{}", symptom.id);
        fitting.push((
            weight,
            Diagnosis {
                symptom: symptom.id.clone(),
                title: symptom.title.clone(),
                what: symptom.what.clone(),
                because,
                suspects,
                docs,
            },
        ));
    }
    // INVARIANT: the longest text that fits is the closest symptom: `AccessDenied` alone fits half of them.
    fitting.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    fitting.into_iter().map(|(_, diagnosis)| diagnosis).collect()
}

/// On one line, in lower case, quotes alike.
fn plain(text: &str) -> String {
    let cut: String = text.chars().take(MAX_TEXT).collect();
    let cut = cut.replace("&quot;", "\"").replace(['\'', '`'], "\"");
    cut.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The longest of a symptom's texts that is in `text`: how many characters of it are fixed, and the pattern.
fn matched<'s>(symptom: &'s Symptom, text: &str) -> Option<(usize, &'s str)> {
    let fits = symptom.texts.iter().filter(|pattern| contains(text, &plain(pattern)));
    fits.map(|pattern| (pattern.chars().filter(|c| *c != '*').count(), pattern.as_str()))
        .max_by_key(|(weight, _)| *weight)
}

/// Whether the fixed parts of a pattern stand in the text, in their order.
fn contains(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    for part in pattern.split('*').map(str::trim).filter(|part| !part.is_empty()) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn exceeded(threshold: &Threshold, facts: &Facts) -> Option<String> {
    let value = *facts.figures.get(&threshold.name)?;
    let name = &threshold.name;
    match (threshold.from, threshold.up_to) {
        (Some(from), _) if value >= from => Some(format!("{name} is {value}, and {from} is too much")),
        (_, Some(up_to)) if value <= up_to => Some(format!("{name} is {value}, and {up_to} is too little")),
        _ => None,
    }
}

/// Causes that the text shows come first; the others stay in their order.
fn suspects(symptom: &Symptom, text: &str, told: Option<&Explanation>, names: &Names) -> Vec<Suspect> {
    let shown = |cause: &Cause| {
        let part = cause.shown_by.iter().find(|part| contains(text, &plain(part)));
        part.map(|part| format!("the text says {part:?}")).or_else(|| by_culprit(cause, told))
    };
    let mut all: Vec<(Option<String>, &Cause)> =
        symptom.causes.iter().map(|cause| (shown(cause), cause)).collect();
    all.sort_by_key(|(evidence, _)| evidence.is_none());
    all.into_iter()
        .map(|(evidence, cause)| Suspect {
            says: cause.says.clone(),
            evidence,
            test: filled(&cause.test, names),
            decides: filled(&cause.decides, names),
            remedy: filled(&cause.remedy, names),
            who: cause.who.words(),
        })
        .collect()
}

/// `policy:service control policy` in `shown_by` names a type of policy, which the explainer reads from the text.
fn by_culprit(cause: &Cause, told: Option<&Explanation>) -> Option<String> {
    let told = told.filter(|told| told.culprit != Culprit::Unknown)?;
    let named = |part: &String| part.strip_prefix("policy:").is_some_and(|name| name == told.culprit.name());
    cause.shown_by.iter().any(named).then(|| {
        let how =
            if told.explicit == Some(true) { "a statement there denies" } else { "nothing there allows" };
        format!("AWS names the {}: {how}", told.culprit.name())
    })
}

/// The names that were given, and what the text says of them.
fn names(given: &Names, told: Option<&Explanation>) -> Names {
    let mut names = given.clone();
    let resource = told.and_then(|told| told.resource.as_deref()).unwrap_or_default();
    if let Some(path) = resource.strip_prefix("arn:").and_then(|rest| rest.split(":s3:::").nth(1)) {
        let (bucket, object) =
            path.split_once('/').map_or((path, None), |(bucket, object)| (bucket, Some(object)));
        names.bucket.get_or_insert_with(|| bucket.to_owned());
        if let Some(object) = object.filter(|object| !object.is_empty()) {
            names.object.get_or_insert_with(|| object.to_owned());
        }
    }
    if resource.contains(":iam:") && resource.contains(":role/") {
        names.role.get_or_insert_with(|| resource.to_owned());
    }
    if resource.contains(":kms:") {
        names.key.get_or_insert_with(|| resource.to_owned());
    }
    names
}

/// Puts names into a command. INVARIANT: what goes into a command holds nothing that a shell takes for its own.
fn filled(text: &str, names: &Names) -> String {
    let role = names.role.as_deref().map(|role| role.rsplit('/').next().unwrap_or(role));
    let mut text = text.to_owned();
    for (place, name) in [
        ("{bucket}", names.bucket.as_deref()),
        ("{region}", names.region.as_deref()),
        ("{role}", role),
        ("{key}", names.key.as_deref()),
        ("{object}", names.object.as_deref()),
        ("{replica}", names.replica.as_deref()),
    ] {
        let word = place.trim_matches(['{', '}']).to_uppercase();
        text = text.replace(place, name.filter(|name| is_plain(name)).unwrap_or(&word));
    }
    text
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:+=,@".contains(c))
}
