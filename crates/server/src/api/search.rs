//! The search language (API contract 1.5), and its clauses as SQL.

use firmhold_core::{Code, Prn, PrnKind, Problem, Timestamp};
use uuid::Uuid;

use crate::db::{Query, dialect};

/// Longest text.
const MAX_LENGTH: usize = 2048;
const MAX_CLAUSES: usize = 5;

/// A key that a list can be searched by.
#[derive(Debug, Clone, Copy)]
pub struct SearchKey {
    /// As written in a search.
    pub name: &'static str,
    /// The column of the list's table, or an expression with a `.` or `(`. It may be null; then no clause on it holds.
    pub sql: &'static str,
    /// What its values are.
    pub kind: ValueKind,
    /// The operators that it has.
    pub ops: &'static [Op],
}

/// What the values of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A quoted text.
    Text,
    /// A quoted text; this expression is the column in lower case, which `-` looks in. Of plain [`ValueKind::Text`],
    /// only ASCII letters are folded.
    FoldedText(&'static str),
    /// A number.
    Number,
    /// `true` or `false`; the column is 0 or 1.
    Flag,
    /// A quoted RFC 3339 timestamp; the column is milliseconds.
    Time,
    /// A quoted PRN; the column is the id.
    Prn(PrnKind),
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `:` equal, case-sensitive.
    Equal,
    /// `~` contains, case-sensitive.
    Contains,
    /// `-` contains, in any case.
    ContainsAnyCase,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// `:`
pub const EQUAL: &[Op] = &[Op::Equal];
/// `: ~`
pub const TEXT: &[Op] = &[Op::Equal, Op::Contains];
/// `: ~ -`
pub const TEXT_ANY_CASE: &[Op] = &[Op::Equal, Op::Contains, Op::ContainsAnyCase];
/// `: < <= > >=`
pub const ORDERED: &[Op] = &[Op::Equal, Op::Less, Op::AtMost, Op::Greater, Op::AtLeast];

impl SearchKey {
    /// A key on a column.
    pub const fn new(name: &'static str, sql: &'static str, kind: ValueKind, ops: &'static [Op]) -> Self {
        Self { name, sql, kind, ops }
    }
}

/// One clause.
#[derive(Debug, Clone, PartialEq)]
struct Clause<'a> {
    key: &'a str,
    op: Op,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Flag(bool),
    Number(f64),
}

/// Adds ` AND …` to `query`, on `table`, for every clause of `search`.
///
/// # Errors
/// [`Code::BadSearch`] that says where and why.
pub fn push(
    query: &mut Query,
    search: &str,
    table: &str,
    keys: &[SearchKey],
    organization: Uuid,
) -> Result<(), Problem> {
    for clause in parse(search)? {
        let key = keys
            .iter()
            .find(|key| key.name == clause.key)
            .ok_or_else(|| bad(format!("there is no key {:?} in this list", clause.key)))?;
        if !key.ops.contains(&clause.op) {
            return Err(bad(format!("the key {:?} has no operator {}", clause.key, clause.op.as_str())));
        }
        query.push(" AND ");
        push_clause(query, key.kind, &qualified(table, key.sql), &clause, organization)?;
    }
    Ok(())
}

fn qualified(table: &str, sql: &str) -> String {
    if sql.contains(['.', '(']) { sql.to_owned() } else { format!("{table}.{sql}") }
}

fn push_clause(
    query: &mut Query,
    kind: ValueKind,
    sql: &str,
    clause: &Clause<'_>,
    organization: Uuid,
) -> Result<(), Problem> {
    let key = clause.key;
    match (kind, &clause.value) {
        (ValueKind::Text | ValueKind::FoldedText(_), Value::Text(text)) => {
            push_text(query, kind, sql, clause.op, text);
        }
        (ValueKind::Number, Value::Number(number)) => {
            query.push(sql).push(clause.op.sql()).push_bind(*number);
        }
        (ValueKind::Flag, Value::Flag(flag)) => {
            query.push(sql).push(" = ").push_bind(i64::from(*flag));
        }
        (ValueKind::Time, Value::Text(text)) => {
            let time = Timestamp::parse(text).map_err(|error| bad(format!("{key}: {error}")))?;
            query.push(sql).push(clause.op.sql()).push_bind(time.as_millis());
        }
        (ValueKind::Prn(kind), Value::Text(text)) => {
            let prn: Prn = text.parse().map_err(|error| bad(format!("{key}: {error}")))?;
            if prn.kind == kind && prn.organization == organization {
                query.push(sql).push(" = ").push_bind(prn.id.to_string());
            } else {
                query.push("1 = 0");
            }
        }
        (ValueKind::Number, _) => return Err(bad(format!("{key} takes a number"))),
        (ValueKind::Flag, _) => return Err(bad(format!("{key} takes true or false"))),
        (_, _) => return Err(bad(format!("{key} takes a text in single quotes"))),
    }
    Ok(())
}

fn push_text(query: &mut Query, kind: ValueKind, sql: &str, op: Op, text: &str) {
    let (expression, text) = match (op, kind) {
        (Op::ContainsAnyCase, ValueKind::FoldedText(folded)) => (folded.to_owned(), text.to_lowercase()),
        (Op::ContainsAnyCase, _) => (format!("lower({sql})"), text.to_ascii_lowercase()),
        _ => (sql.to_owned(), text.to_owned()),
    };
    if matches!(op, Op::Contains | Op::ContainsAnyCase) {
        let (before, after) = dialect::contains(&expression);
        query.push(before).push_bind(text).push(after);
    } else {
        query.push(expression).push(op.sql()).push_bind(text);
    }
}

impl Op {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => ":",
            Self::Contains => "~",
            Self::ContainsAnyCase => "-",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Less => " < ",
            Self::AtMost => " <= ",
            Self::Greater => " > ",
            Self::AtLeast => " >= ",
            Self::Equal | Self::Contains | Self::ContainsAnyCase => " = ",
        }
    }
}

fn parse(search: &str) -> Result<Vec<Clause<'_>>, Problem> {
    if search.chars().count() > MAX_LENGTH {
        return Err(bad(format!("a search has at most {MAX_LENGTH} characters")));
    }
    let mut rest = search;
    let mut clauses = Vec::new();
    loop {
        let (clause, after) = parse_clause(rest)?;
        clauses.push(clause);
        if after.is_empty() {
            return Ok(clauses);
        }
        rest = after.strip_prefix(" and ").ok_or_else(|| expected("\" and \" or the end", after))?;
        if clauses.len() == MAX_CLAUSES {
            return Err(bad(format!("a search has at most {MAX_CLAUSES} clauses")));
        }
    }
}

fn parse_clause(text: &str) -> Result<(Clause<'_>, &str), Problem> {
    let length = text.bytes().take_while(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.')).count();
    let (key, rest) = text.split_at(length);
    if key.is_empty() {
        return Err(expected("a key", text));
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (op, rest) = parse_op(rest).ok_or_else(|| expected("an operator", rest))?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (value, rest) = parse_value(rest)?;
    Ok((Clause { key, op, value }, rest))
}

fn parse_op(text: &str) -> Option<(Op, &str)> {
    // The longer ones first: "<=" begins with "<".
    [Op::AtMost, Op::AtLeast, Op::Less, Op::Greater, Op::Equal, Op::Contains, Op::ContainsAnyCase]
        .into_iter()
        .find_map(|op| Some((op, text.strip_prefix(op.as_str())?)))
}

fn parse_value(text: &str) -> Result<(Value, &str), Problem> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return parse_quoted(quoted);
    }
    let end = text.find(' ').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word {
        "true" => Value::Flag(true),
        "false" => Value::Flag(false),
        number => parse_number(number).ok_or_else(|| expected("a value", text))?,
    };
    Ok((value, rest))
}

/// The texts that JSON would take, without exponents: `inf` and `NaN` are no numbers.
fn parse_number(word: &str) -> Option<Value> {
    let plain = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let number: f64 = word.parse().ok().filter(|_| plain)?;
    Some(Value::Number(number))
}

fn parse_quoted(text: &str) -> Result<(Value, &str), Problem> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\'' => return Ok((Value::Text(value), text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, escaped @ ('\'' | '\\'))) => value.push(escaped),
                _ => return Err(bad("a \\ in a text stands before ' or \\")),
            },
            other => value.push(other),
        }
    }
    Err(bad("a text does not end with '"))
}

fn expected(what: &str, at: &str) -> Problem {
    let near: String = at.chars().take(20).collect();
    bad(format!("expected {what} at {near:?}"))
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadSearch, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_taken_apart() {
        let text = |text: &str| Value::Text(text.to_owned());
        let parsed = parse(r"target:'im\'x\\8' and size >= 5 and pinned:true and name - 'a and b'").unwrap();
        let parts: Vec<_> = parsed.into_iter().map(|clause| (clause.key, clause.op, clause.value)).collect();
        assert_eq!(
            parts,
            [
                ("target", Op::Equal, text(r"im'x\8")),
                ("size", Op::AtLeast, Value::Number(5.0)),
                ("pinned", Op::Equal, Value::Flag(true)),
                ("name", Op::ContainsAnyCase, text("a and b")),
            ]
        );
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        let six = ["a:1"; 6].join(" and ");
        let long = format!("a:'{}'", "x".repeat(2048));
        for wrong in [
            "",
            " ",
            "a",
            "a:",
            "a:'",
            r"a:'\x'",
            "a:x",
            "a:1 or b:2",
            "a:1 and",
            "a:1 and ",
            "A:1",
            "a  :1",
            "a:NaN",
            "a:1e3",
            "a:'x'y",
            &six,
            &long,
        ] {
            assert_eq!(parse(wrong).unwrap_err().code(), Code::BadSearch, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}
