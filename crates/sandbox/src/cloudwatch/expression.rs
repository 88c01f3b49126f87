//! Metric math: `+ - * /`, parentheses, numbers, ids of other queries, and `FILL(id, number)`
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).

use std::collections::BTreeMap;

/// Values by the start of their period.
pub(super) type Series = BTreeMap<i64, f64>;

const MAX_LENGTH: usize = 1024;
const MAX_DEPTH: usize = 32;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Name(String),
    Fill(Box<Expression>, f64),
    Binary(Box<Expression>, char, Box<Expression>),
}

/// What an expression, or a part of one, comes to.
enum Value {
    Scalar(f64),
    Series(Series),
}

impl Expression {
    /// Reads an expression; the error is what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("it is longer than {MAX_LENGTH} characters"));
        }
        let mut reader = Reader { rest: text.trim_start(), depth: 0 };
        let expression = reader.sum()?;
        match reader.rest {
            "" => Ok(expression),
            rest => Err(format!("it goes on with {rest:?}, which is not understood")),
        }
    }

    /// The ids that it speaks of.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Fill(inner, _) => inner.names(),
            Self::Binary(left, _, right) => [left.names(), right.names()].concat(),
        }
    }

    /// Its values: a period where one of its parts has none has none. `span`: from, to and the period, in seconds.
    pub(super) fn value(&self, known: &BTreeMap<String, Series>, span: (i64, i64, i64)) -> Series {
        match self.evaluate(known, span) {
            Value::Series(series) => series,
            Value::Scalar(number) => starts(span).map(|start| (start, number)).collect(),
        }
    }

    fn evaluate(&self, known: &BTreeMap<String, Series>, span: (i64, i64, i64)) -> Value {
        match self {
            Self::Number(number) => Value::Scalar(*number),
            Self::Name(name) => Value::Series(known.get(name).cloned().unwrap_or_default()),
            Self::Fill(inner, number) => {
                let mut series = inner.value(known, span);
                for start in starts(span) {
                    series.entry(start).or_insert(*number);
                }
                Value::Series(series)
            }
            Self::Binary(left, operator, right) => {
                match (left.evaluate(known, span), right.evaluate(known, span)) {
                    (Value::Scalar(left), Value::Scalar(right)) => {
                        Value::Scalar(apply(left, *operator, right).unwrap_or(0.0))
                    }
                    (Value::Series(left), Value::Scalar(right)) => {
                        let each = |(start, left)| Some((start, apply(left, *operator, right)?));
                        Value::Series(left.into_iter().filter_map(each).collect())
                    }
                    (Value::Scalar(left), Value::Series(right)) => {
                        let each = |(start, right)| Some((start, apply(left, *operator, right)?));
                        Value::Series(right.into_iter().filter_map(each).collect())
                    }
                    (Value::Series(left), Value::Series(right)) => {
                        let each =
                            |(start, left)| Some((start, apply(left, *operator, *right.get(&start)?)?));
                        Value::Series(left.into_iter().filter_map(each).collect())
                    }
                }
            }
        }
    }
}

fn starts((from, to, period): (i64, i64, i64)) -> impl Iterator<Item = i64> {
    let first = (from + period - 1).div_euclid(period);
    (first..).map(move |number| number * period).take_while(move |start| *start < to)
}

/// Dividing by nothing has no value.
fn apply(left: f64, operator: char, right: f64) -> Option<f64> {
    let value = match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        _ => left / right,
    };
    value.is_finite().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn sum(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        let mut left = self.product()?;
        while let Some(operator) = self.take(&['+', '-']) {
            left = Expression::Binary(Box::new(left), operator, Box::new(self.product()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.atom()?;
        while let Some(operator) = self.take(&['*', '/']) {
            left = Expression::Binary(Box::new(left), operator, Box::new(self.atom()?));
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expression, String> {
        if self.take(&['(']).is_some() {
            let inner = self.sum()?;
            self.expect(')')?;
            return Ok(inner);
        }
        let word = self.word();
        match word.chars().next() {
            None => Err("it ends too early, or has a character that is not understood".to_owned()),
            Some(first) if first.is_ascii_digit() => number(&word).map(Expression::Number),
            Some(_) if word == "FILL" => {
                self.expect('(')?;
                let inner = self.sum()?;
                self.expect(',')?;
                let value = number(&self.word())?;
                self.expect(')')?;
                Ok(Expression::Fill(Box::new(inner), value))
            }
            Some(first) if first.is_ascii_lowercase() => Ok(Expression::Name(word)),
            Some(_) => Err(format!("the sandbox has no function {word}")),
        }
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word.to_owned()
    }

    fn take(&mut self, wanted: &[char]) -> Option<char> {
        let first = self.rest.chars().next().filter(|c| wanted.contains(c))?;
        self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default().trim_start();
        Some(first)
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.take(&[wanted]).map(|_| ()).ok_or_else(|| format!("a {wanted:?} is missing"))
    }
}

fn number(word: &str) -> Result<f64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_what_they_come_to() {
        let known = BTreeMap::from([
            ("a".to_owned(), Series::from([(0, 6.0), (60, 8.0), (120, 1.0)])),
            ("b".to_owned(), Series::from([(0, 2.0), (60, 0.0)])),
        ]);
        let value = |text: &str| {
            let series = Expression::parse(text).unwrap().value(&known, (0, 180, 60));
            series.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(value("a / b"), [(0, 3.0)]);
        assert_eq!(value("100*(a-b)/a"), [(0, 100.0 * 4.0 / 6.0), (60, 100.0)]);
        assert_eq!(value("a+2*3"), [(0, 12.0), (60, 14.0), (120, 7.0)]);
        assert_eq!(value("FILL(b, 1)"), [(0, 2.0), (60, 0.0), (120, 1.0)]);
        assert_eq!(value("1.5"), [(0, 1.5), (60, 1.5), (120, 1.5)]);
        assert_eq!(Expression::parse("a/FILL(b,0)").unwrap().names(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let deep = "(".repeat(1000);
        for text in ["", "a b", "a +", "(a", "SEARCH(a)", "1.2.3", "FILL(a)", "a $ b", "é", &deep] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
