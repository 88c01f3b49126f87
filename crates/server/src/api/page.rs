//! Lists: paging by key, with cursors that belong to their search (API contract 1.4).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::{Code, DerivedKey, PrnKind, Problem, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::Row as _;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::error::ApiError;
use super::search::{self, SearchKey, ValueKind};
use crate::App;
use crate::db::{DbResult as _, Query, Row, RowExt as _};

const DEFAULT_LIMIT: u32 = 10;
const LIMITS: std::ops::RangeInclusive<u32> = 1..=100;
const POSITION: usize = 24;
const MAC: usize = 16;

/// By `inserted_at`, then PRN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// A list.
#[derive(Debug, Clone, Copy)]
pub struct ListSpec {
    /// The plural noun.
    pub plural: &'static str,
    /// What its objects are.
    pub kind: PrnKind,
    /// `SELECT … FROM …`, without `WHERE`.
    pub select: &'static str,
    /// The table, or its alias in `select`: it has `organization_id`, `inserted_at` and `id`.
    pub table: &'static str,
    /// What it can be searched by, beside `prn`, `inserted_at` and `updated_at`; nothing if it has no search.
    pub search: Option<&'static [SearchKey]>,
    /// Unless the request says otherwise.
    pub order: Order,
}

/// The query parameters of a list.
#[derive(Debug, Clone)]
pub struct ListQuery {
    limit: u32,
    order: Option<Order>,
    page: Option<String>,
    search: Option<String>,
    /// All parameters, for those of one list only.
    pub parameters: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

impl ListQuery {
    fn parse(query: &str) -> Result<Self, Problem> {
        let parameters: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let get =
            |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let limit = match get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| LIMITS.contains(limit))
                .ok_or_else(|| bad_query("limit must be 1 to 100"))?,
        };
        let order = match get("order") {
            None => None,
            Some("asc") => Some(Order::Asc),
            Some("desc") => Some(Order::Desc),
            Some(_) => return Err(bad_query("order must be asc or desc")),
        };
        let page = get("page").map(str::to_owned);
        let search = get("search").map(str::to_owned);
        Ok(Self { limit, order, page, search, parameters })
    }

    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A timestamp parameter.
    ///
    /// # Errors
    /// [`Code::BadQuery`].
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let parsed = self.get(name).map(Timestamp::parse).transpose();
        parsed.map_err(|error| bad_query(format!("{name}: {error}")))
    }
}

/// A list narrowed beyond the caller's organization: an SQL condition, and what it was made from, which cursors are
/// bound to.
#[derive(Debug, Default)]
pub struct Narrowing {
    conditions: Vec<(String, NarrowValue)>,
}

#[derive(Debug)]
enum NarrowValue {
    Text(String),
    Number(i64),
    Now(Timestamp),
}

impl Narrowing {
    /// `expression`, an SQL text that ends before its one parameter (`backend_id = `), with a text.
    #[must_use]
    pub fn text(mut self, expression: &str, value: impl Into<String>) -> Self {
        self.conditions.push((expression.to_owned(), NarrowValue::Text(value.into())));
        self
    }

    /// As [`Narrowing::text`], with a number.
    #[must_use]
    pub fn number(mut self, expression: &str, value: i64) -> Self {
        self.conditions.push((expression.to_owned(), NarrowValue::Number(value)));
        self
    }

    /// As [`Narrowing::number`], by the time of the request. Cursors are not bound to it: it moves between two pages.
    #[must_use]
    pub fn by_now(mut self, expression: &str, now: Timestamp) -> Self {
        self.conditions.push((expression.to_owned(), NarrowValue::Now(now)));
        self
    }

    fn push(&self, query: &mut Query) {
        for (expression, value) in &self.conditions {
            query.push(" AND ").push(expression);
            match value {
                NarrowValue::Text(text) => query.push_bind(text.clone()),
                NarrowValue::Number(number) => query.push_bind(*number),
                NarrowValue::Now(now) => query.push_bind(now.as_millis()),
            };
        }
    }

    fn bind(&self, hmac: &mut Hmac<Sha256>) {
        for (expression, value) in &self.conditions {
            bind(hmac, expression.as_bytes());
            match value {
                NarrowValue::Text(text) => bind(hmac, text.as_bytes()),
                NarrowValue::Number(number) => bind(hmac, &number.to_be_bytes()),
                NarrowValue::Now(_) => {}
            }
        }
    }
}

/// Reads a page of the list: its rows and the cursor of the next one.
///
/// INVARIANT: `inserted_at` and `id` never change, so an object that exists during the whole walk appears once.
///
/// # Errors
/// 400 for a bad search or cursor; those of the database.
pub async fn read(
    app: &Arc<App>,
    organization: Uuid,
    spec: &ListSpec,
    query: &ListQuery,
    narrowing: &Narrowing,
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let order = query.order.unwrap_or(spec.order);
    let cursor = Cursor { key: &app.keys.cursors, organization, spec, query, order, narrowing };
    let mut sql = Query::new(spec.select);
    sql.push(format!(" WHERE {}.organization_id = ", spec.table)).push_bind(organization.to_string());
    narrowing.push(&mut sql);
    if let (Some(keys), Some(search)) = (spec.search, &query.search) {
        search::push(&mut sql, search, spec.table, &all_keys(spec, keys), organization)?;
    }
    if let Some(page) = &query.page {
        let (at, id) = cursor.open(page)?;
        push_position(&mut sql, spec.table, order, at, id);
    }
    let direction = if order == Order::Asc { "ASC" } else { "DESC" };
    let table = spec.table;
    sql.push(format!(" ORDER BY {table}.inserted_at {direction}, {table}.id {direction} LIMIT "));
    sql.push_bind(i64::from(query.limit) + 1);
    let mut rows = sql.build().fetch_all(app.db.reader()).await.db()?;
    let limit = query.limit as usize;
    if rows.len() <= limit {
        return Ok((rows, None));
    }
    rows.truncate(limit);
    let next = rows.last().map(|row| cursor.seal_after(row)).transpose()?;
    Ok((rows, next))
}

/// The list's keys and those that every list has.
fn all_keys(spec: &ListSpec, own: &[SearchKey]) -> Vec<SearchKey> {
    let prn = SearchKey::new("prn", "id", ValueKind::Prn(spec.kind), search::EQUAL);
    let time = |name| SearchKey::new(name, name, ValueKind::Time, search::ORDERED);
    [prn, time("inserted_at"), time("updated_at")].into_iter().chain(own.iter().copied()).collect()
}

/// Rows after the position, in the order of the list. Written without row values, so that indexes are used everywhere.
fn push_position(sql: &mut Query, table: &str, order: Order, at: i64, id: Uuid) {
    let (than, or_equal) = if order == Order::Asc { (">", ">=") } else { ("<", "<=") };
    sql.push(format!(" AND {table}.inserted_at {or_equal} ")).push_bind(at);
    sql.push(format!(" AND ({table}.inserted_at {than} ")).push_bind(at);
    sql.push(format!(" OR {table}.id {than} ")).push_bind(id.to_string()).push(")");
}

/// What a cursor is bound to: everything that decides the list but for the limit.
struct Cursor<'a> {
    key: &'a DerivedKey,
    organization: Uuid,
    spec: &'a ListSpec,
    query: &'a ListQuery,
    order: Order,
    narrowing: &'a Narrowing,
}

impl Cursor<'_> {
    /// The cursor of the page after `row`.
    fn seal_after(&self, row: &Row) -> Result<String, Problem> {
        let at: i64 = row.try_get("inserted_at").db()?;
        let id = row.uuid("id")?;
        let mut bytes = at.to_be_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Where a cursor points, if it is one of ours for this very list.
    fn open(&self, page: &str) -> Result<(i64, Uuid), Problem> {
        let refused = || Problem::new(Code::BadCursor, "page is no cursor of this list, search and order");
        let bytes = URL_SAFE_NO_PAD.decode(page).map_err(|_| refused())?;
        let (position, mac) = bytes.split_at_checked(POSITION).ok_or_else(refused)?;
        if !bool::from(self.mac(position).ct_eq(mac)) {
            return Err(refused());
        }
        let (at, id) = position.split_first_chunk::<8>().ok_or_else(refused)?;
        Ok((i64::from_be_bytes(*at), Uuid::from_slice(id).map_err(|_| refused())?))
    }

    fn mac(&self, position: &[u8]) -> [u8; MAC] {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("INVARIANT: HMAC takes keys of any length");
        bind(&mut hmac, self.spec.plural.as_bytes());
        bind(&mut hmac, self.organization.as_bytes());
        bind(&mut hmac, &[u8::from(self.order == Order::Desc)]);
        let search = if self.spec.search.is_some() { self.query.search.as_deref() } else { None };
        bind(&mut hmac, search.unwrap_or_default().as_bytes());
        self.narrowing.bind(&mut hmac);
        bind(&mut hmac, position);
        let full = hmac.finalize().into_bytes();
        std::array::from_fn(|at| full[at])
    }
}

/// With its length, so that two neighbours cannot run into each other.
fn bind(hmac: &mut Hmac<Sha256>, bytes: &[u8]) {
    hmac.update(&(bytes.len() as u64).to_be_bytes());
    hmac.update(bytes);
}

/// [`Code::BadQuery`].
pub fn bad_query(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadQuery, detail)
}
