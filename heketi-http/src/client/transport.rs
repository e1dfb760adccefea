use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heketi_core::api;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError, LONGEST_PAUSE};
use crate::auth::{Issued, TokenLifetime, sign};

/// The pause before a job is asked for the second time: many are over at once.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
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
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        expected: StatusCode,
    ) -> Result<(), ClientError> {
        self.ask(method, path, body).await?.expect(path, expected).map(drop)
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
        let (path, answer) = self.follow(queue.clone()).await?;
        match path == queue {
            true => answer.expect(&queue, StatusCode::NO_CONTENT).map(|_| None),
            false => answer.expect(&path, StatusCode::OK).map(Some),
        }
    }

    /// Waits for the end of the job in this place of the queue. Returns where its last answer came from: the path of
    /// its result, if it has one.
    pub(super) async fn follow(&self, queue: String) -> Result<(String, Answer), ClientError> {
        let mut watch = self.watch(&queue);
        let mut pause = SHORTEST_PAUSE.min(self.options.poll_delay);
        loop {
            let answer = self.ask_patiently(&queue).await?;
            if answer.status == StatusCode::SEE_OTHER {
                let result = answer.location(&queue)?;
                let answer = self.ask_patiently(&result).await?;
                return Ok((result, answer));
            }
            if answer.status != StatusCode::OK || !answer.is_pending() {
                return Ok((queue, answer));
            }
            watch.tell(self).await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.options.poll_delay);
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
        self.ask_at_most(Method::GET, path, None, self.options.poll_retries).await
    }

    /// One request, repeated while the server is busy or not found.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, ClientError> {
        self.ask_at_most(method, path, body, self.options.connect_retries).await
    }

    async fn ask_at_most(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        connect_retries: u32,
    ) -> Result<Answer, ClientError> {
        let (mut retries, mut failures) = (self.options.busy_retries, 0);
        let has_key = self.options.idempotency_keys && method == Method::POST;
        let key = has_key.then(idempotency_key).flatten();
        loop {
            let answer = match self.ask_once(method.clone(), path, body.clone(), key.as_deref()).await {
                // A resync is a GET, but doing it twice does no harm.
                Err(ClientError::Unreachable { sent, .. })
                    if failures < connect_retries && (!sent || method == Method::GET || key.is_some()) =>
                {
                    failures += 1;
                    tokio::time::sleep(self.connect_delay(failures)).await;
                    continue;
                }
                answer => answer?,
            };
            failures = 0;
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

    /// A pause that doubles, and is shortened by a random part.
    pub(super) fn connect_delay(&self, failures: u32) -> Duration {
        let doubled = self.options.poll_delay.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(LONGEST_PAUSE).mul_f64(0.5 + random_part() / 2.0)
    }

    pub(super) async fn ask_once(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut request = self.request(method, path)?;
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// A request with a token.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<reqwest::RequestBuilder, ClientError> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server));
        if self.credentials.sends_token {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let issuer = self.credentials.user.as_str();
            let lifetime = TokenLifetime::default();
            // A token is for the path without its query.
            let signed = path.split('?').next().unwrap_or(path);
            let issued = Issued { issuer, method: method.as_str(), path: signed, now, lifetime };
            let token = sign(&self.credentials.key, &issued);
            request = request.header(AUTHORIZATION, format!("bearer {}", token.ok_or(ClientError::Key)?));
        }
        Ok(request)
    }

    pub(super) async fn read(&self, response: reqwest::Response) -> Result<Answer, ClientError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec();
        Ok(Answer { status, headers, body })
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        ClientError::Unreachable { server: self.server.clone(), sent: !error.is_connect(), reason }
    }
}

impl Answer {
    /// This answer if it has the status, else an error with the server's text.
    pub(super) fn expect(self, path: &str, status: StatusCode) -> Result<Self, ClientError> {
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
    pub(super) fn value<T: DeserializeOwned>(self, path: &str, status: StatusCode) -> Result<T, ClientError> {
        let body = self.expect(path, status)?.body;
        api::decode(&body).map_err(|error| ClientError::Answer { path: path.to_owned(), reason: error.to_string() })
    }

    fn is_pending(&self) -> bool {
        self.headers.get("x-pending").is_some_and(|value| value == "true")
    }

    /// The path in `Location`; a full URL is reduced to it, because tokens are signed for paths.
    pub(super) fn location(&self, path: &str) -> Result<String, ClientError> {
        let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|text| match text.strip_prefix('/') {
            Some(_) => Some(text.to_owned()),
            None => reqwest::Url::parse(text).ok().map(|url| url.path().to_owned()),
        });
        target.ok_or_else(|| ClientError::Answer { path: path.to_owned(), reason: "it has no Location".to_owned() })
    }

    /// The body as text, of an answer with status 200.
    pub(super) fn text(self, path: &str) -> Result<String, ClientError> {
        Ok(String::from_utf8_lossy(&self.bytes(path)?).into_owned())
    }

    /// The body, of an answer with status 200.
    pub(super) fn bytes(self, path: &str) -> Result<Vec<u8>, ClientError> {
        Ok(self.expect(path, StatusCode::OK)?.body)
    }
}

/// Names one request among all there are.
fn idempotency_key() -> Option<String> {
    Some(format!("{:016x}{:016x}", getrandom::u64().ok()?, getrandom::u64().ok()?))
}

/// From 0 to 1.
fn random_part() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}
