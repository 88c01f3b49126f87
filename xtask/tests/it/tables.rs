//! A table that a run wrote into two pages is the same in both.

use std::path::Path;

const END: &str = "<!-- end -->";

/// What stands between the comments of a command in a page.
fn table(page: &str, command: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let begin = format!("<!-- begin: written by `{command}` -->");
    let table = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(END));
    table.unwrap_or_else(|| panic!("{page} has no `{begin}` … `{END}`")).0.trim().to_owned()
}

#[test]
fn the_readme_shows_the_last_comparison() {
    let command = "cargo xtask bench push";
    let shown = table("README.md", command);
    assert!(shown.contains("| push 1 GiB |"), "{shown}");
    assert_eq!(shown, table("docs/bench/push.md", command));
}

#[test]
fn the_page_about_stores_shows_what_was_found() {
    let command = "cargo xtask prove stores";
    let shown = table("docs/stores.md", command);
    assert!(shown.contains("Ceph"), "{shown}");
    assert_eq!(shown, table("docs/proof/stores.md", command));
}
