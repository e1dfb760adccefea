use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heketi_core::api;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError};
use crate::auth::{Issued, TokenLifetime, sign};

/// An answer, read to its end.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// Asks for something that is there.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None).await?.value(path, StatusCode::OK)
    }

    /// Sends a request that is answered at once with a value.
    pub(super) async fn post<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
        expected: StatusCode,
    ) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Some(api::encode(request))).await?.value(path, expected)
    }

    /// Sends a request that is answered at once without a value.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<String>) -> Result<(), ClientError> {
        self.ask(method, path, body).await?.expect(path, StatusCode::OK).map(drop)
    }

    /// Starts a job and waits for its end; its result, if it has one, is the value at a path.
    pub(super) async fn job(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Option<Answer>, ClientError> {
        let accepted = self.ask(method, path, body).await?.expect(path, StatusCode::ACCEPTED)?;
        let queue = accepted.location(path)?;
        loop {
            let answer = self.ask_patiently(&queue).await?;
            match answer.status {
                StatusCode::OK if answer.is_pending() => tokio::time::sleep(self.options.poll_delay).await,
                StatusCode::NO_CONTENT => return Ok(None),
                StatusCode::SEE_OTHER => {
                    let result = answer.location(&queue)?;
                    return self.ask_patiently(&result).await?.expect(&result, StatusCode::OK).map(Some);
                }
                _ => return answer.expect(&queue, StatusCode::NO_CONTENT).map(|_| None),
            }
        }
    }

    /// A job whose result is wanted.
    pub(super) async fn job_with_value<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, ClientError> {
        let answer = self.job(Method::POST, path, Some(api::encode(request))).await?;
        let missing = || ClientError::Answer { path: path.to_owned(), reason: "the job has no result".to_owned() };
        answer.ok_or_else(missing)?.value(path, StatusCode::OK)
    }

    /// A GET that outlives a restart of the server.
    async fn ask_patiently(&self, path: &str) -> Result<Answer, ClientError> {
        let mut failures = 0;
        loop {
            match self.ask(Method::GET, path, None).await {
                Err(ClientError::Unreachable { .. }) if failures < self.options.poll_retries => {
                    failures += 1;
                    tokio::time::sleep(self.options.poll_delay).await;
                }
                other => return other,
            }
        }
    }

    /// One request, repeated while the server is busy.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, ClientError> {
        let mut retries = self.options.busy_retries;
        loop {
            let answer = self.ask_once(method.clone(), path, body.clone()).await?;
            if answer.status != StatusCode::TOO_MANY_REQUESTS || retries == 0 {
                return Ok(answer);
            }
            retries -= 1;
            tokio::time::sleep(self.busy_delay(&answer)).await;
        }
    }

    /// A random pause, so that clients that were refused together do not come back together.
    fn busy_delay(&self, answer: &Answer) -> Duration {
        let (min, max) = (self.options.busy_min_delay, self.options.busy_max_delay);
        let told = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        match told {
            Some(seconds) => Duration::from_secs(seconds).min(max) + min.mul_f64(random_part()),
            None => min + max.saturating_sub(min).mul_f64(random_part()),
        }
    }

    async fn ask_once(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, ClientError> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server));
        if self.credentials.sends_token {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let issuer = self.credentials.user.as_str();
            let lifetime = TokenLifetime::default();
            let token = sign(&self.credentials.key, &Issued { issuer, method: method.as_str(), path, now, lifetime });
            request = request.header(AUTHORIZATION, format!("bearer {}", token.ok_or(ClientError::Key)?));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec();
        Ok(Answer { status, headers, body })
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        ClientError::Unreachable { server: self.server.clone(), reason }
    }
}

impl Answer {
    /// This answer if it has the status, else an error with the server's text.
    fn expect(self, path: &str, status: StatusCode) -> Result<Self, ClientError> {
        if self.status == status {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body).trim().to_owned();
        let code = self.status.as_u16();
        if !text.is_empty() && !self.status.is_success() {
            return Err(ClientError::Refused { status: code, text });
        }
        if self.status.is_success() {
            let reason = format!("unexpected status {code}");
            return Err(ClientError::Answer { path: path.to_owned(), reason });
        }
        let reason = self.status.canonical_reason().unwrap_or_default();
        let text = format!("server did not provide a message (status {code}: {reason})");
        Err(ClientError::Refused { status: code, text })
    }

    /// The JSON of an answer with the expected status.
    fn value<T: DeserializeOwned>(self, path: &str, status: StatusCode) -> Result<T, ClientError> {
        let body = self.expect(path, status)?.body;
        api::decode(&body).map_err(|error| ClientError::Answer { path: path.to_owned(), reason: error.to_string() })
    }

    fn is_pending(&self) -> bool {
        self.headers.get("x-pending").is_some_and(|value| value == "true")
    }

    /// The path in `Location`; a full URL is reduced to it, because tokens are signed for paths.
    fn location(&self, path: &str) -> Result<String, ClientError> {
        let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|text| match text.strip_prefix('/') {
            Some(_) => Some(text.to_owned()),
            None => reqwest::Url::parse(text).ok().map(|url| url.path().to_owned()),
        });
        target.ok_or_else(|| ClientError::Answer { path: path.to_owned(), reason: "it has no Location".to_owned() })
    }

    /// The body as text, of an answer with status 200.
    pub(super) fn text(self, path: &str) -> Result<String, ClientError> {
        let body = self.expect(path, StatusCode::OK)?.body;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// From 0 to 1.
fn random_part() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}
