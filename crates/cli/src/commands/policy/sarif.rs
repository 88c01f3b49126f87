//! Findings as SARIF 2.1.0, which code hosts show beside the line
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use firmhold_iam::lint::{Finding, Rule, Severity, rules};
use serde_json::{Value, json};

use super::report::{Linted, Origin, Source};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run.
pub fn log(linted: &Linted) -> Value {
    let known: Vec<&Rule> = rules().collect();
    let result = |finding: &Finding| result(finding, linted.source(finding), &known);
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "firmhold",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": known.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": linted.findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    let mut descriptor = json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.aws },
        "help": { "text": rule.mend },
        "defaultConfiguration": { "level": level(rule.severity) },
    });
    if let Some(page) = rule.pages.first() {
        descriptor["helpUri"] = json!(page);
    }
    descriptor
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(finding: &Finding, source: Option<&Source>, known: &[&Rule]) -> Value {
    let index = known.iter().position(|rule| rule.id == finding.id);
    let mend = finding.mend.as_ref().map(|mend| format!(" Mend: {}", mend.text)).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}{mend}", finding.message) },
        "locations": [location(finding, source)],
    });
    if let Some(fix) = source.and_then(|source| fix(finding, source)) {
        result["fixes"] = json!([fix]);
    }
    result
}

/// Of a plan's document the file is the plan, and its own lines are in no file: its address tells where it is.
fn location(finding: &Finding, source: Option<&Source>) -> Value {
    let region = json!({ "startLine": finding.place.line, "startColumn": finding.place.column });
    let (uri, region, logical) = match source.map(|source| &source.from) {
        Some(Origin::Plan(plan)) => {
            let path = [finding.document.as_str(), &finding.place.path].join(" ");
            (uri(plan), json!({ "startLine": 1 }), path.trim_end().to_owned())
        }
        _ => (uri(&finding.document), region, finding.place.path.clone()),
    };
    let mut location =
        json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region } });
    if !logical.is_empty() {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": logical }]);
    }
    location
}

/// The mend as lines of the file and what takes their place, where the file is the document.
fn fix(finding: &Finding, source: &Source) -> Option<Value> {
    let mend = finding.mend.as_ref()?;
    let new = mend.replacement.as_deref().filter(|_| source.from == Origin::File)?;
    let (first, old, new) = changed_lines(&source.text, new);
    Some(json!({
        "description": { "text": mend.text },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(&source.name) },
            "replacements": [{
                "deletedRegion": { "startLine": first, "startColumn": 1, "endLine": first + old, "endColumn": 1 },
                "insertedContent": { "text": new },
            }],
        }],
    }))
}

/// The first line that differs, from 1; how many do in the old text; and what they are in the new one.
fn changed_lines(old: &str, new: &str) -> (usize, usize, String) {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let rest = |lines: usize| lines - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev())).min(rest(old.len())).min(rest(new.len()));
    let inserted = new.get(head..new.len() - tail).unwrap_or_default().concat();
    (head + 1, old.len() - tail - head, inserted)
}

/// A file's name as a relative URI: a space or a bracket in it is written as its bytes.
fn uri(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes().fold(String::new(), |mut uri, byte| {
        match plain(byte) {
            true => uri.push(char::from(byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use firmhold_iam::lint::{Document, DocumentKind, Setting, lint};

    use super::*;

    fn linted(file: &str, documents: &[Document]) -> Linted {
        let sources = documents.iter().map(|document| Source::of(document, file)).collect();
        Linted::of_documents(sources, lint(documents, &Setting::default()))
    }

    /// The file as a reader of the log would leave it.
    fn applied(text: &str, fix: &Value) -> String {
        let change = &fix["artifactChanges"][0]["replacements"][0];
        let line = |name: &str| usize::try_from(change["deletedRegion"][name].as_u64().unwrap()).unwrap() - 1;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let new = change["insertedContent"]["text"].as_str().unwrap();
        [&lines[..line("startLine")].concat(), new, &lines[line("endLine")..].concat()].concat()
    }

    #[test]
    fn a_mend_of_a_file_is_a_fix_and_a_plan_is_named_by_its_file() {
        let text = "{\"Rules\": [{\n  \"Status\": \"Enabled\",\n  \"Expiration\": {\"Days\": 1}\n}]}\n";
        let linted_file = linted("l.json", &[Document::new("l.json", DocumentKind::Lifecycle, text)]);
        let mended = linted_file.findings.iter().find(|finding| finding.id == "T09").unwrap();
        let mended = mended.mend.as_ref().unwrap().replacement.clone().unwrap();
        let file = log(&linted_file);
        let results = file["runs"][0]["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["ruleId"] == "T09").unwrap();
        assert_eq!(applied(text, &result["fixes"][0]), mended);

        let plan = log(&linted("plan.json", &[Document::new("aws_x.y", DocumentKind::Lifecycle, text)]));
        let result = &plan["runs"][0]["results"][0];
        let location = &result["locations"][0];
        assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "plan.json");
        assert!(
            location["logicalLocations"][0]["fullyQualifiedName"].as_str().unwrap().starts_with("aws_x.y")
        );
        assert!(result.get("fixes").is_none(), "{result}");
    }

    #[test]
    fn has_the_shape_that_the_standard_asks_for() {
        let text =
            r#"{"Rules": [{"Status": "Enabled", "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}]}"#;
        let log = log(&linted("a b.json", &[Document::new("a b.json", DocumentKind::Lifecycle, text)]));
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(results.iter().any(|result| result["ruleId"] == "T07"));
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "a%20b.json");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(place["region"]["startColumn"].as_u64().unwrap() >= 1);
        }
        for rule in rules {
            let page = rule.get("helpUri").map(|page| page.as_str().unwrap());
            assert!(page.is_none_or(|page| page.starts_with("https://")), "{rule}");
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
            }
        }
    }
}
