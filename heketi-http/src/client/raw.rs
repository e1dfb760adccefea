use reqwest::{Method, StatusCode};

use super::{Client, ClientError};

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The path it is the answer to: that of a job's result differs from the request's.
    pub path: String,
}

/// For callers that write their own bodies and judge statuses themselves, such as other languages.
impl Client {
    /// Sends `body` as it is. A job that the server starts is followed to its end: while the answers carry
    /// `X-Pending` it is asked again, and a 303 is followed to the result. Every other answer is returned,
    /// whatever its status.
    ///
    /// # Errors
    /// [`ClientError`] when the server does not answer, or sends a 202 or 303 without `Location`.
    pub async fn send_raw(&self, method: &str, path: &str, body: Option<String>) -> Result<Reply, ClientError> {
        let unknown = || ClientError::Answer { path: path.to_owned(), reason: format!("{method} is no HTTP method") };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| unknown())?;
        let mut answer = self.ask(method, path, body).await?;
        let mut path = path.to_owned();
        if answer.status == StatusCode::ACCEPTED {
            (path, answer) = self.follow(answer.location(&path)?).await?;
        }
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Reply { status: answer.status.as_u16(), headers, body: answer.body, path })
    }
}
