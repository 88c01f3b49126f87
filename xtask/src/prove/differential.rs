//! The policy engine and an independent simulator come to the same outcomes, or the difference is known.

use anyhow::Result;

use super::Page;
use crate::differential;
use crate::workspace::Workspace;

const SEEDS: [u64; 3] = [2, 3, 4];
const CASES: u64 = 20_000;

/// Compares with three seeds.
pub fn prove(workspace: &Workspace, page: &mut Page) -> Result<()> {
    page.line(
        "\nWhat the known differences are, and who is right: [iam-differences.md](../iam-differences.md).",
    );
    for seed in SEEDS {
        page.heading(&format!("Seed {seed}"));
        let (said, agreed) = differential::compare(workspace, seed, CASES)?;
        page.line("```");
        said.iter().for_each(|line| page.line(line));
        page.line("```");
        if !agreed {
            page.fail(format!("seed {seed} has differences that no class explains"));
        }
    }
    Ok(())
}
