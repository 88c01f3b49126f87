//! A page taken apart: JSON documents, commands, and prose, each with its lines.

/// A page that is longer is not a guide.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A page with more documents and commands is not a guide either: what follows them is read as prose. Each is judged
/// beside all others, so their number is what a page can cost.
const MAX_BLOCKS: usize = 1_000;

/// What a part of a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A JSON document as it stands there.
    Json(String),
    /// A command, its continuation lines joined by spaces.
    Command(String),
}

/// A document or a command of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub part: Part,
    /// Its first line, from 1.
    pub line: usize,
    /// Its first character in that line, from 1.
    pub column: usize,
    /// Its last line.
    pub last_line: usize,
}

/// A page of a guide: Markdown, or the plain text of a web page.
#[derive(Debug, Clone)]
pub struct Page {
    blocks: Vec<Block>,
    /// The page with empty lines where blocks are, so that its lines keep their numbers.
    prose: String,
}

impl Page {
    /// Takes a page apart. What is longer than [`MAX_BYTES`] has no parts.
    pub fn read(text: &str) -> Self {
        let text = if text.len() > MAX_BYTES { "" } else { text };
        let lines: Vec<&str> = text.lines().collect();
        let mut blocks = Vec::new();
        let mut prose = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let rest = lines.get(at..).unwrap_or_default();
            let found = if blocks.len() < MAX_BLOCKS { json(rest).or_else(|| command(rest)) } else { None };
            let taken = match found {
                Some((part, column, taken)) => {
                    blocks.push(Block { part, line: at + 1, column, last_line: at + taken });
                    prose.extend(std::iter::repeat_n('\n', taken));
                    taken
                }
                None => {
                    // The fence itself says nothing.
                    let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
                    prose.push_str(if fence { "" } else { line });
                    prose.push('\n');
                    1
                }
            };
            at += taken;
        }
        Self { blocks, prose }
    }

    /// In the order of the page.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The page without its blocks, line for line.
    pub fn prose(&self) -> &str {
        &self.prose
    }
}

/// A document that begins in the first of these lines: its text, column and number of lines.
fn json(lines: &[&str]) -> Option<(Part, usize, usize)> {
    let first = lines.first()?;
    let indent = first.len() - first.trim_start().len();
    let opens = first.trim_start().starts_with('{');
    // `{name}` in a line of text is a placeholder; a document goes on, or has a member at once.
    let goes_on = first.trim() == "{" || first.trim_start().get(1..)?.trim_start().starts_with('"');
    if !opens || !goes_on {
        return None;
    }
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let line = if index == 0 { line.get(indent..)? } else { line };
        // A document that never ends is read up to its fence, so that the place of the fault is found.
        if line.trim_start().starts_with("```") {
            return Some((Part::Json(text), indent + 1, index));
        }
        for (offset, c) in line.char_indices() {
            match (c, quoted) {
                _ if escaped => escaped = false,
                ('\\', true) => escaped = true,
                ('"', _) => quoted = !quoted,
                ('{' | '[', false) => depth += 1,
                ('}' | ']', false) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        text.push_str(line.get(..offset + c.len_utf8())?);
                        return Some((Part::Json(text), indent + 1, index + 1));
                    }
                }
                _ => {}
            }
        }
        // A string ends in its line.
        quoted = false;
        escaped = false;
        text.push_str(line);
        text.push('\n');
    }
    Some((Part::Json(text), indent + 1, lines.len()))
}

/// A command that begins in the first of these lines.
fn command(lines: &[&str]) -> Option<(Part, usize, usize)> {
    let first = lines.first()?;
    let bare = first.trim_start().trim_start_matches(['$', '#']).trim_start();
    let prompt = first.trim_start().starts_with('$');
    // A comment in a script is not a command, but a root prompt looks the same: `# aws …` has a verb after it.
    if !bare.starts_with("aws ") || first.trim_start().starts_with('#') && !prompt {
        return None;
    }
    let column = first.chars().count() - bare.chars().count() + 1;
    let mut text = String::new();
    let mut taken = 0;
    for line in lines {
        taken += 1;
        let own = if taken == 1 { bare } else { line.trim() };
        match own.trim_end().strip_suffix('\\') {
            Some(more) => {
                text.push_str(more.trim_end());
                text.push(' ');
            }
            None => {
                text.push_str(own.trim_end());
                break;
            }
        }
    }
    Some((Part::Command(text), column, taken))
}

/// The words of a command as a shell would see them; quotes and backslashes are resolved, nothing else.
pub fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(page: &Page, index: usize) -> Part {
        page.blocks().get(index).expect("a block").part.clone()
    }

    #[test]
    fn parts_keep_their_lines() {
        let page = Page::read(
            "Title\n\n```json\n  {\"a\": [1,\n 2], \"b}\": \"{\"}\n```\ntext {x}\n{\n\"c\": 1\n}\n$ aws s3 ls \\\n  --x 'a b'\nend\n",
        );
        let parts: Vec<_> =
            page.blocks().iter().map(|block| (block.line, block.column, block.last_line)).collect();
        assert_eq!(parts, [(4, 3, 5), (8, 1, 10), (11, 3, 12)]);
        assert_eq!(part(&page, 0), Part::Json("{\"a\": [1,\n 2], \"b}\": \"{\"}".to_owned()));
        assert_eq!(part(&page, 2), Part::Command("aws s3 ls --x 'a b'".to_owned()));
        assert_eq!(page.prose().lines().nth(12), Some("end"));
        assert_eq!(page.prose().lines().nth(6), Some("text {x}"));
    }

    #[test]
    fn a_document_without_an_end_is_still_one() {
        let page = Page::read("```\n{\"a\":\n```\nmore\n");
        assert_eq!(part(&page, 0), Part::Json("{\"a\":\n".to_owned()));
        assert!(Page::read("{ \"").blocks().len() == 1);
    }

    #[test]
    fn words_of_a_shell() {
        assert_eq!(words(r#"aws  s3 "a b" 'c"d' e\ f """#), ["aws", "s3", "a b", "c\"d", "e f", ""]);
    }
}
