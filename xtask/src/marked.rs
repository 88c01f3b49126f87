//! A table that a run writes into a page which people write: between two comments, the first of which names the
//! command.

use std::path::Path;

use anyhow::{Context, Result, bail};

const END: &str = "<!-- end -->";

fn begin(command: &str) -> String {
    format!("<!-- begin: written by `{command}` -->")
}

/// A table between its two comments.
pub fn mark(command: &str, table: &str) -> String {
    format!("{}\n{}\n{END}\n", begin(command), table.trim_end())
}

/// Puts a table between the two comments of a page, in place of what stood there.
pub fn replace(page: &Path, command: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let begin = begin(command);
    let Some((before, after)) =
        text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)))
    else {
        bail!("{} has no place for the table: `{begin}` and `{END}`", page.display());
    };
    std::fs::write(page, format!("{before}{}{after}", mark(command, table).trim_end()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_replaced() {
        let page = std::env::temp_dir().join(format!("xtask-marked-{}.md", std::process::id()));
        let begin = begin("x");
        std::fs::write(&page, format!("# A\n\n{begin}\nold\n{END}\n\nrest\n")).unwrap();
        replace(&page, "x", "| new |\n").unwrap();
        replace(&page, "x", "| newer |\n").unwrap();
        let other = replace(&page, "y", "").unwrap_err().to_string();
        let text = std::fs::read_to_string(&page).unwrap();
        std::fs::remove_file(&page).unwrap();
        assert_eq!(text, format!("# A\n\n{begin}\n| newer |\n{END}\n\nrest\n"));
        assert!(other.contains("has no place for the table"), "{other}");
    }
}
