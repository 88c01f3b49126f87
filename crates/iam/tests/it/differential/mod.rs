//! The engine against an independent simulator, over cases that a seed decides.
//!
//! Wanted by `cargo xtask test` with a fixed seed, by `cargo xtask differential --seed N` with another.

mod case;
mod classes;
mod generate;
mod random;
mod simulator;
mod vocabulary;

use std::collections::BTreeMap;
use std::io::Write as _;

use case::Case;
use simulator::Answer;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// What became of the cases.
#[derive(Default)]
struct Tally {
    /// By outcome.
    agreed: BTreeMap<String, usize>,
    /// By the names of the classes.
    known: BTreeMap<String, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn count(&mut self, case: &Case, answer: &Answer) {
        let decision = case.decide();
        let ours = decision.outcome.to_string();
        let Some(theirs) = &answer.outcome else {
            let why = answer.error.clone().unwrap_or_else(|| format!("ignores {:?}", answer.ignored));
            return self
                .unexplained
                .push(format!("the simulator refuses: {why}\n{:#}", case.for_simulator()));
        };
        if *theirs == ours {
            *self.agreed.entry(ours).or_default() += 1;
        } else if let Some(classes) = classes::explain(case, theirs) {
            *self.known.entry(classes.join(" and ")).or_default() += 1;
        } else {
            self.unexplained.push(format!(
                "we say {}, the simulator says {theirs}\n{:#}",
                decision.summary(),
                case.for_simulator()
            ));
        }
    }

    fn report(&self, seed: u64, cases: usize) -> String {
        let mut text = format!("seed {seed}: {cases} cases\n");
        for (outcome, count) in &self.agreed {
            text.push_str(&format!("  {count:>6} both say {outcome}\n"));
        }
        for (class, count) in &self.known {
            text.push_str(&format!("  {count:>6} differ, known: {class}\n"));
        }
        text.push_str(&format!("  {:>6} differ, unexplained\n", self.unexplained.len()));
        text
    }
}

/// The page that says who is right names the classes, and no others.
#[test]
fn every_class_is_argued_for() {
    let page = include_str!("../../../../../docs/iam-differences.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let named: Vec<&str> = rows.map(|(name, _)| name).collect();
    let known: Vec<&str> =
        classes::CLASSES.iter().chain([&classes::SESSION]).map(|class| class.name).collect();
    assert_eq!(named, known);
}

#[test]
#[ignore = "needs node and the simulator, which `cargo xtask test` installs"]
fn engine_and_simulator_agree() {
    let seed = setting("FIRMHOLD_DIFFERENTIAL_SEED", 1);
    let count = usize::try_from(setting("FIRMHOLD_DIFFERENTIAL_CASES", 5_000)).expect("a count");
    let cases = generate::cases(seed, count);
    let answers = simulator::ask(&cases);
    let mut tally = Tally::default();
    for (case, answer) in cases.iter().zip(&answers) {
        tally.count(case, answer);
    }
    let report = tally.report(seed, count);
    let _ = std::io::stdout().write_all(report.as_bytes());
    let shown: Vec<&String> = tally.unexplained.iter().take(5).collect();
    assert!(
        shown.is_empty(),
        "{report}\n{}",
        shown.iter().map(|text| text.as_str()).collect::<Vec<_>>().join("\n\n")
    );
}
