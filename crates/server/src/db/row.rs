//! Reading our types from rows.

use std::str::FromStr;

use firmhold_core::{Problem, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use uuid::Uuid;

use super::{DbResult as _, Row};

/// Columns as our types. A value that does not parse is a fault of ours, never the caller's.
pub trait RowExt {
    /// A text.
    ///
    /// # Errors
    /// As for all of these: [`firmhold_core::Code::Internal`] if the column is not what it should be.
    fn text(&self, column: &str) -> Result<String, Problem>;
    /// A text or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_text(&self, column: &str) -> Result<Option<String>, Problem>;
    /// A whole number.
    ///
    /// # Errors
    /// As above.
    fn number(&self, column: &str) -> Result<i64, Problem>;
    /// A whole number or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_number(&self, column: &str) -> Result<Option<i64>, Problem>;
    /// A number that is never negative.
    ///
    /// # Errors
    /// As above.
    fn count(&self, column: &str) -> Result<u64, Problem>;
    /// A flag kept as 0 or 1.
    ///
    /// # Errors
    /// As above.
    fn flag(&self, column: &str) -> Result<bool, Problem>;
    /// A time.
    ///
    /// # Errors
    /// As above.
    fn time(&self, column: &str) -> Result<Timestamp, Problem>;
    /// A time or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, Problem>;
    /// A UUID.
    ///
    /// # Errors
    /// As above.
    fn uuid(&self, column: &str) -> Result<Uuid, Problem>;
    /// A UUID or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_uuid(&self, column: &str) -> Result<Option<Uuid>, Problem>;
    /// Any type that is kept as its text: states, digests, PRNs, prefixes.
    ///
    /// # Errors
    /// As above.
    fn parsed<T>(&self, column: &str) -> Result<T, Problem>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>;
    /// Such a type or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_parsed<T>(&self, column: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>;
    /// JSON.
    ///
    /// # Errors
    /// As above.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Problem>;
    /// JSON or null.
    ///
    /// # Errors
    /// As above.
    fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Problem>;
}

impl RowExt for Row {
    fn text(&self, column: &str) -> Result<String, Problem> {
        self.try_get(column).db()
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, Problem> {
        self.try_get(column).db()
    }

    fn number(&self, column: &str) -> Result<i64, Problem> {
        self.try_get(column).db()
    }

    fn maybe_number(&self, column: &str) -> Result<Option<i64>, Problem> {
        self.try_get(column).db()
    }

    fn count(&self, column: &str) -> Result<u64, Problem> {
        u64::try_from(self.number(column)?).map_err(Problem::internal)
    }

    fn flag(&self, column: &str) -> Result<bool, Problem> {
        Ok(self.number(column)? != 0)
    }

    fn time(&self, column: &str) -> Result<Timestamp, Problem> {
        self.number(column).map(Timestamp::from_millis)
    }

    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, Problem> {
        Ok(self.maybe_number(column)?.map(Timestamp::from_millis))
    }

    fn uuid(&self, column: &str) -> Result<Uuid, Problem> {
        self.parsed(column)
    }

    fn maybe_uuid(&self, column: &str) -> Result<Option<Uuid>, Problem> {
        self.maybe_parsed(column)
    }

    fn parsed<T>(&self, column: &str) -> Result<T, Problem>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(column)?.parse().map_err(Problem::internal)
    }

    fn maybe_parsed<T>(&self, column: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.maybe_text(column)?.map(|text| text.parse().map_err(Problem::internal)).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Problem> {
        serde_json::from_str(&self.text(column)?).map_err(Problem::internal)
    }

    fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Problem> {
        self.maybe_text(column)?
            .map(|text| serde_json::from_str(&text).map_err(Problem::internal))
            .transpose()
    }
}
