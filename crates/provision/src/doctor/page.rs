//! The troubleshooting page, made from the symptoms.

use std::fmt::Write as _;

use super::catalogue::symptoms;
use super::facts::FIGURES;
use super::symptom::{Area, Symptom};

const HEAD: &str = "# Troubleshooting the account\n\n\
<!-- Written from crates/provision/src/doctor/symptoms by `FIRMHOLD_WRITE_DOCS=1 cargo nextest run --workspace -E 'test(troubleshooting_page)'`. -->\n\n\
`firmhold account doctor` finds the section for an error text or a figure, and puts your names into the commands:\n\n\
```console\n$ aws s3 cp a.bin s3://acme-fw/ 2>&1 | firmhold account doctor --file -\n\
$ firmhold account doctor --error 'An error occurred (PermanentRedirect) …' --bucket acme-fw\n\
$ firmhold account doctor --figure noncurrent-share=0.6 --bucket acme-fw\n```\n\n\
Causes stand in the order in which to look. Each has a command that decides, what its answer is if it is this one, and what ends it.\n";

/// The page.
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    let mut areas: Vec<Area> = symptoms().iter().map(|symptom| symptom.area).collect();
    areas.sort_unstable();
    areas.dedup();
    for area in areas {
        let _ = writeln!(text, "\n## {}", area.title());
        for symptom in symptoms().iter().filter(|symptom| symptom.area == area) {
            section(&mut text, symptom);
        }
    }
    text.push_str("\n## Figures\n\n| figure | what it is |\n|---|---|\n");
    for figure in FIGURES {
        let _ = writeln!(text, "| `{}` | {} |", figure.name, figure.what);
    }
    text
}

fn section(text: &mut String, symptom: &Symptom) {
    let _ = writeln!(text, "\n### {}\n\n<a id=\"{}\"></a>", symptom.title, symptom.id);
    for pattern in &symptom.texts {
        let _ = write!(text, "\n```text\n{}\n```\n", pattern.replace('*', "…"));
    }
    for figure in &symptom.figures {
        let bound = match (figure.from, figure.up_to) {
            (Some(from), _) => format!("from {from}"),
            (None, Some(up_to)) => format!("up to {up_to}"),
            (None, None) => String::new(),
        };
        let _ = writeln!(text, "\nFigure: `{}` {bound}", figure.name);
    }
    let trap = symptom.trap.as_deref().map(|trap| format!(" ({trap})")).unwrap_or_default();
    let _ = writeln!(text, "\n{}{trap}\n", symptom.what);
    for (index, cause) in symptom.causes.iter().enumerate() {
        let _ = writeln!(
            text,
            "{}. **{}**\n   - test: `{}`\n   - it is this, if {}\n   - remedy, by {}: `{}`",
            index + 1,
            cause.says,
            generic(&cause.test),
            generic(&cause.decides),
            cause.who.words(),
            generic(&cause.remedy)
        );
    }
}

/// With words in capitals for the names.
fn generic(text: &str) -> String {
    ["bucket", "region", "role", "key", "object", "replica"]
        .iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), &name.to_uppercase()))
}
