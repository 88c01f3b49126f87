//! Firmware that is in a bucket already, in three habits, adopted by a server that is killed twice.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Page;
use crate::process::{self, Stream};
use crate::workspace::Workspace;

const TEST: &str = "import::firmware_in_three_habits_is_adopted_although_the_server_is_killed_twice";

/// Runs the test that CI runs, at full size, and makes the page of its figures.
pub fn prove(workspace: &Workspace, page: &mut Page) -> Result<()> {
    let scratch = workspace.target.join("proof/import");
    std::fs::create_dir_all(&scratch)?;
    let file = scratch.join("figures.json");
    let _ = std::fs::remove_file(&file);
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["test", "--locked", "--workspace", "--test", "cli", "--", "--exact", "--nocapture", TEST]);
    cargo.env("FIRMHOLD_PROOF_IMPORT", &file);
    let mut panic = String::new();
    let status = process::watch(&mut cargo, Stream::Err, |line| {
        if line.contains("panicked at") || (!panic.is_empty() && panic.lines().count() < 4) {
            panic.push_str(line);
            panic.push('\n');
        }
    })?;
    if !status.success() {
        page.fail(format!("the test ended with {status}: {}", panic.trim()));
        return Ok(());
    }
    let figures = std::fs::read_to_string(&file).context("the test wrote no figures")?;
    tell(page, &serde_json::from_str(&figures)?);
    Ok(())
}

fn tell(page: &mut Page, figures: &Value) {
    let number = |name: &str| figures[name].as_u64().unwrap_or_default();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    page.heading("Three habits");
    page.line(format_args!(
        "{} objects of 1 KiB to {:.0} MiB in the sandbox's bucket, some of them the same file twice, and names beside them \
         that say too little or too much. `firmhold import` by a mapping each; the server is killed with `SIGKILL` in \
         the first and in the third, started again, and the same command run again. The time of those holds both runs.\n",
        number("objects"),
        mib(number("largest"))
    ));
    page.line("| habit | mapping | objects | MiB | done | unmapped | failed | seconds |\n|---|---|---|---|---|---|---|---|");
    for import in figures["imports"].as_array().into_iter().flatten() {
        page.line(format_args!(
            "| {} | `{}` | {} | {:.0} | {} | {} | {} | {:.1} |",
            import["habit"].as_str().unwrap_or_default(),
            import["mapping"].as_str().unwrap_or_default(),
            import["objects"],
            mib(import["bytes"].as_u64().unwrap_or_default()),
            import["counts"]["done"],
            import["counts"]["unmapped"],
            import["counts"]["failed"],
            import["seconds"].as_f64().unwrap_or_default()
        ));
    }
    page.line("\nEach mapped object has become a proved binary with the artifact, version, target, SHA-256 and size that it was laid down with. The sources were not touched.");
    page.heading("Nothing is copied twice");
    for kill in figures["kills"].as_array().into_iter().flatten() {
        page.line(format_args!(
            "- the server was killed in *{}* when {} objects had been copied in all",
            kill["habit"].as_str().unwrap_or_default(),
            kill["after_copies"]
        ));
    }
    page.line(format_args!(
        "- {} distinct contents: as many objects below the backend's prefix, each with one version, no upload left open",
        number("contents")
    ));
    page.line(format_args!(
        "- by the sandbox's request log: {} `CopyObject`, at most one for each key; {} `UploadPartCopy` in parts of {:.0} \
         MiB, for no key more than it has parts",
        number("copy_object"),
        number("upload_part_copy"),
        mib(number("part_bytes"))
    ));
    page.line("- the first import once more: all skipped, nothing copied");
    page.heading("Names that were listed as unmapped");
    page.line("| key | reason |\n|---|---|");
    for import in figures["imports"].as_array().into_iter().flatten() {
        for entry in import["unmapped"].as_array().into_iter().flatten() {
            page.line(format_args!(
                "| `{}` | {} |",
                entry["key"].as_str().unwrap_or_default(),
                entry["reason"].as_str().unwrap_or_default()
            ));
        }
    }
    page.heading("Time and memory");
    page.line(format_args!(
        "{:.0} s in all, {:.0} s of them to fill the bucket; a debug build, and the sandbox's own work is in it. Highest \
         memory of the server: {:.1} MiB.",
        figures["seconds"].as_f64().unwrap_or_default(),
        figures["seconds_to_fill"].as_f64().unwrap_or_default(),
        number("server_peak_kib") as f64 / 1024.0
    ));
}
