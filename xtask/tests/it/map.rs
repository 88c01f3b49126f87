//! `ARCHITECTURE.md` and the other pages name only files that exist.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands between back ticks and looks like a path of this repository: it has a slash, begins with one of
/// its folders, and is no pattern.
fn paths_named(text: &str) -> Vec<&str> {
    let code = text.split('`').skip(1).step_by(2);
    let folders = ["crates/", "xtask/", "docs/", ".ci/", ".config/", ".cargo/"];
    code.filter(|code| folders.iter().any(|folder| code.starts_with(folder)))
        .filter(|code| !code.contains(|c: char| c.is_whitespace() || "*{}<>…".contains(c)))
        .collect()
}

/// Where a Markdown link to a file of the repository leads.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec!["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
        .into_iter()
        .map(|page| root().join(page))
        .collect::<Vec<_>>();
    let docs = std::fs::read_dir(root().join("docs")).expect("docs is there");
    pages.extend(
        docs.map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension() == Some("md".as_ref())),
    );
    pages
}

#[test]
fn every_file_that_a_page_names_exists() {
    for page in pages() {
        let text =
            std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let folder = page.parent().expect("a page lies in a folder");
        let named = paths_named(&text).into_iter().map(|path| (path, root().join(path)));
        let linked = links(&text).into_iter().map(|path| (path, folder.join(path)));
        let missing: Vec<&str> =
            named.chain(linked).filter(|(_, file)| !file.exists()).map(|(path, _)| path).collect();
        assert!(missing.is_empty(), "{} names {missing:?}", page.display());
    }
}

#[test]
fn every_crate_is_on_the_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    for entry in std::fs::read_dir(root().join("crates")).expect("crates") {
        let folder = entry.expect("an entry").file_name();
        let named = format!("`crates/{}`", folder.to_string_lossy());
        assert!(map.contains(&named), "ARCHITECTURE.md does not name {named}");
    }
}

/// The catalogue's codes, as they stand in its source: `"role_open" 422`.
fn problem_codes(source: &str) -> Vec<&str> {
    let words: Vec<&str> = source.split_whitespace().collect();
    let status = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let pairs = words.windows(2).filter(|pair| status(pair[1]));
    pairs.filter_map(|pair| pair[0].strip_prefix('"')?.strip_suffix('"')).collect()
}

#[test]
fn every_problem_has_a_remedy() {
    let source = std::fs::read_to_string(root().join("crates/core/src/problem.rs")).expect("the catalogue");
    let page = std::fs::read_to_string(root().join("docs/troubleshooting.md")).expect("the page");
    let codes = problem_codes(&source);
    assert!(codes.len() > 30, "the catalogue has another form: {codes:?}");
    let missing: Vec<_> = codes.into_iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md does not name {missing:?}");
}

#[test]
fn a_page_that_names_a_file_that_is_gone_is_noticed() {
    assert_eq!(
        paths_named("see `crates/core/src/prn.rs`, `cargo test` and `crates/*/src`"),
        ["crates/core/src/prn.rs"]
    );
    assert_eq!(links("[a](docs/a.md#part) [b](https://example.com) [c](#here)"), ["docs/a.md"]);
}
