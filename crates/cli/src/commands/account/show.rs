//! A plan, for a person.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use firmhold_provision::{Change, Note, Plan, Purpose, Run, Switch, Verb};

use crate::printer::{Tone, toned};

/// Several lines: what is done and why, what stays, what is not touched, what could not be seen.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    let what = match plan.purpose {
        Purpose::SetUp => "Plan",
        Purpose::TearDown => "Plan to remove what is ours",
    };
    let spec = &plan.spec;
    let head = format!("{what} for {} in account {}, {}", spec.bucket.name, spec.account, spec.bucket.region);
    let _ = writeln!(out, "{}", toned(Tone::Strong, &head));
    for step in &plan.changes {
        change(&mut out, step);
    }
    if !plan.kept.is_empty() {
        let _ = writeln!(out, "\nAs it should be:");
        plan.kept.iter().for_each(|kept| note(&mut out, kept));
    }
    if !plan.left.is_empty() {
        let _ = writeln!(out, "\nNot touched:");
        plan.left.iter().for_each(|left| note(&mut out, left));
    }
    for letter in &plan.letters {
        let _ = writeln!(out, "\nTo {}: {}", letter.to, letter.about);
        let document = serde_json::to_string_pretty(&letter.document).unwrap_or_default();
        for line in document.lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    if !plan.unseen.is_empty() {
        let _ = writeln!(out, "\n{}", toned(Tone::Bad, "Could not be seen, so nothing can be applied:"));
        for unseen in &plan.unseen {
            let _ = writeln!(out, "  {} on {}", unseen.action, unseen.target);
        }
    }
    let _ = writeln!(out, "\n{}", last_line(plan));
    out
}

fn change(out: &mut String, change: &Change) {
    let (sign, tone) = match change.verb {
        Verb::Create => ("+", Tone::Good),
        Verb::Change => ("~", Tone::Warn),
        Verb::Remove => ("-", Tone::Bad),
    };
    let kind = change.kind.as_str();
    let _ = writeln!(out, "\n  {} {kind:<16} {}", toned(tone, sign), change.says);
    let _ = writeln!(out, "    {:<16} {}", "", toned(Tone::Dim, &change.why));
    if let Some(switch) = change.accept {
        let says = format!("concerns what others keep in the bucket: --accept {switch}");
        let _ = writeln!(out, "    {:<16} {}", "", toned(Tone::Warn, &says));
    }
}

fn note(out: &mut String, note: &Note) {
    let _ = writeln!(out, "    {:<16} {}", note.kind.as_str(), note.says);
}

fn last_line(plan: &Plan) -> String {
    if plan.is_empty() {
        return toned(Tone::Good, "Nothing to do.");
    }
    let count = |verb| plan.changes.iter().filter(|change| change.verb == verb).count();
    let (create, change, remove) = (count(Verb::Create), count(Verb::Change), count(Verb::Remove));
    let short = plan.hash.get(..16).unwrap_or_default();
    format!("{create} to create, {change} to change, {remove} to remove. Plan {short}.")
}

/// What has to be said to accept everything that is open.
pub fn to_accept(plan: &Plan, accepted: &BTreeSet<Switch>) -> Option<String> {
    let open: BTreeSet<Switch> = plan.to_accept(accepted).iter().filter_map(|change| change.accept).collect();
    let words: Vec<String> = open.iter().map(|switch| format!("--accept {switch}")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// One line on a run that stopped.
pub fn unfinished(run: &Run) -> String {
    let at = run.steps.last().map_or_else(
        || "before its first step".to_owned(),
        |step| match &step.outcome {
            Some(outcome) if outcome == "done" => format!("after: {} {}", step.kind, step.says),
            Some(outcome) => format!("at: {} {} ({outcome})", step.kind, step.says),
            None => format!("in: {} {}", step.kind, step.says),
        },
    );
    format!("A run of {} stopped {at}. This one goes on from what is there.", run.begun)
}
