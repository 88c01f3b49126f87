//! Callers are values: one API key each.

use std::time::Duration;

use firmhold_core::Secret;
use reqwest::Method;
use serde_json::{Value, json};

/// Whoever has one API key, or none.
#[derive(Clone)]
pub struct Caller {
    pub http: reqwest::Client,
    pub url: String,
    pub key: Option<Secret>,
}

/// A status with the body and the headers that came with it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Caller {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Answer { status, headers, body }
    }

    /// Asks until the binary is in one of `states`.
    pub async fn wait_for(&self, prn: &str, states: &[&str]) -> Value {
        for _ in 0..200 {
            let binary = self.get(&format!("/binaries/{prn}")).await.ok(200)["binary"].clone();
            if states.iter().any(|state| binary["state"] == *state) {
                return binary;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the binary is in none of {states:?}");
    }
}

impl Answer {
    /// The body, if the status is as expected.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Status, problem code and `errors` of a refusal.
    pub fn refusal(&self) -> String {
        let code = self.headers.get("firmhold-problem").map_or("", |value| value.to_str().unwrap());
        assert_eq!(self.body["problem"]["code"], json!(code), "{}", self.body);
        format!("{} {code} {}", self.status, self.body["errors"])
    }
}
