//! JSON with places: what `serde_json` cannot say is where in the text a value of the wrong kind stands.

/// A document longer than this is refused unread. The largest that AWS takes is a key policy of 32 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// The deepest policy has seven levels (document, statements, statement, condition, operator, key, values).
const MAX_DEPTH: usize = 16;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// In bytes.
    pub offset: usize,
    /// Of the byte after it.
    pub end: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    /// In the order of the text; names are unique.
    Object(Vec<Member>),
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Where the name begins, in bytes.
    pub offset: usize,
    pub name: String,
    pub node: Node,
}

impl Value {
    /// For messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Text that is not JSON, or not as we take it.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonError {
    /// In bytes.
    pub offset: usize,
    pub message: String,
}

/// How much of a document is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longer text is refused unread.
    pub bytes: usize,
    /// What is nested deeper is refused.
    pub depth: usize,
}

/// Those of a policy.
const POLICY: Limits = Limits { bytes: MAX_BYTES, depth: MAX_DEPTH };

/// Reads one document.
pub fn parse(text: &str) -> Result<Node, JsonError> {
    parse_within(text, POLICY)
}

/// Reads one document of a kind that may be larger than a policy.
pub fn parse_within(text: &str, limits: Limits) -> Result<Node, JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError { offset: 0, message: format!("longer than {} bytes", limits.bytes) });
    }
    let mut reader = Reader { text, at: 0, max_depth: limits.depth };
    let node = reader.node(0)?;
    reader.blanks();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.error("something follows the document")),
    }
}

/// Line and column (in characters), both from 1, of a byte offset.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).map_or(0, |rest| rest.chars().count()) + 1;
    (line, column)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError { offset: self.at, message: message.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn node(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.blanks();
        let offset = self.at;
        if depth >= self.max_depth {
            return Err(self.error(format!("nested deeper than {} levels", self.max_depth)));
        }
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(_) => self.word()?,
            None => return Err(self.error("the text ends where a value is due")),
        };
        Ok(Node { offset, end: self.at, value })
    }

    fn word(&mut self) -> Result<Value, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("not a JSON value"))
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.node(depth + 1)?);
            self.blanks();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.error("`,` or `]` is due"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.blanks();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.blanks();
            let offset = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a name in quotes is due"));
            }
            let name = self.string()?;
            // Of two members with one name readers keep the first, the last, or both: nobody can say what it means.
            if !names.insert(name.clone()) {
                return Err(JsonError { offset, message: format!("{name:?} is there twice") });
            }
            self.blanks();
            if !self.eat(b':') {
                return Err(self.error("`:` is due"));
            }
            let node = self.node(depth + 1)?;
            members.push(Member { offset, name, node });
            self.blanks();
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.error("`,` or `}` is due"));
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.eat(b'-');
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return Err(self.error("not a number"));
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(self.error("a digit is due"));
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err(self.error("a digit is due"));
            }
        }
        Ok(self.text.get(start..self.at).unwrap_or_default().to_owned())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
                return Err(self.error("the string has no end"));
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                c if c < ' ' => return Err(self.error("a control character in a string")),
                c => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("not an escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.eat(b'\\') && self.eat(b'u') {
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.error("half a character"));
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error("half a character"))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let code = code.ok_or_else(|| self.error("four hex digits are due"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            r#"{"a": [1, -2.5e3, true, false, null, "x\u00e9\ud83d\ude00\n\/"], "b": {}}"#,
            "  [ ]  ",
            "0",
            r#""""#,
        ] {
            assert!(parse(text).is_ok(), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "-",
            "\"\u{1}\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "tru",
            "{} x",
            "\"a",
        ] {
            assert!(parse(text).is_err(), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn is_bounded() {
        assert!(parse(&"[".repeat(5_000)).is_err());
        assert!(parse(&" ".repeat(MAX_BYTES + 1)).is_err());
        assert!(parse(r#"{"a":1,"a":2}"#).is_err());
    }

    #[test]
    fn counts_lines_and_characters() {
        assert_eq!(line_and_column("é\nüx", 5), (2, 2));
        assert_eq!(line_and_column("", 0), (1, 1));
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }
}
