//! What is beyond heketi v10: room for volumes, and events as they happen.

use std::collections::VecDeque;
use std::time::Duration;

use heketi_core::api::{self, CapacityInfo, EventInfo, HistoryInfo, HistoryList, PlacementInfo, VolumeCreateRequest};
use heketi_core::id::{ClusterId, OperationId};
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};

use super::{Client, ClientError};

/// A stream without a word for so long is dead: the server sends a comment every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// Longest line of a stream, in bytes; a longer one is none of heketi's.
const LONGEST_LINE: usize = 1024 * 1024;

impl Client {
    /// Where a volume would go, and why each device gets no brick of it. Changes nothing.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use heketi_core::api::VolumeCreateRequest;
    ///
    /// let demo = heketi_http::demo::Demo::start(None).await.unwrap();
    /// demo.load_topology().await.unwrap();
    /// let huge = VolumeCreateRequest { size: 1_000_000, ..Default::default() };
    /// let placement = demo.client().placement_explain(&huge).await.unwrap();
    /// assert!(!placement.fits);
    /// for device in &placement.clusters[0].devices {
    ///     println!("{} {}: {:?}", device.host, device.name, device.refusal);
    /// }
    /// # });
    /// ```
    pub async fn placement_explain(&self, request: &VolumeCreateRequest) -> Result<PlacementInfo, ClientError> {
        self.post("/placement/explain", request, StatusCode::OK).await
    }

    /// The largest volumes that fit now, of one cluster or of all; with a snapshot factor, those that leave room for
    /// snapshots.
    pub async fn capacity(&self, cluster: Option<ClusterId>, factor: Option<f32>) -> Result<CapacityInfo, ClientError> {
        let cluster = cluster.map(|id| format!("cluster={id}"));
        let factor = factor.filter(|factor| *factor != 1.0).map(|factor| format!("factor={factor}"));
        let query: Vec<String> = cluster.into_iter().chain(factor).collect();
        match query.is_empty() {
            true => self.get("/capacity").await,
            false => self.get(&format!("/capacity?{}", query.join("&"))).await,
        }
    }

    /// What was asked for during the last day, and what became of it: what runs, then what is over.
    pub async fn operation_history(&self) -> Result<HistoryList, ClientError> {
        self.get("/operations/history").await
    }

    /// What became of one request, by the id of its operation or the last part of its place in the queue
    /// ([`JobProgress::queue`](super::JobProgress::queue)).
    pub async fn operation_outcome(&self, id: &str) -> Result<HistoryInfo, ClientError> {
        // An id and nothing else may stand in the path.
        let id: OperationId = id.parse().map_err(|_| ClientError::Refused {
            status: StatusCode::NOT_FOUND.as_u16(),
            text: format!("Id not found: {id}"),
        })?;
        self.get(&format!("/operations/{id}")).await
    }

    /// Metrics in Prometheus' text form. Needs no credentials.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.ask(Method::GET, "/metrics", None).await?.text("/metrics")
    }

    /// The service as an OpenAPI document.
    pub async fn openapi(&self) -> Result<String, ClientError> {
        self.ask(Method::GET, "/openapi.json", None).await?.text("/openapi.json")
    }

    /// Does the server take work? Needs no credentials.
    ///
    /// # Errors
    /// Why not: [`ClientError::Refused`] with status 503, or [`ClientError::Unreachable`].
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.ask(Method::GET, "/readyz", None).await?.text("/readyz").map(drop)
    }

    /// What happens from now on, or from after the event of a number, if the server still knows it.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use heketi_core::api::ClusterCreateRequest;
    ///
    /// let demo = heketi_http::demo::Demo::start(None).await.unwrap();
    /// let client = demo.client();
    /// let mut events = client.events(None);
    /// assert_eq!(events.next().await.unwrap().event, "connected");
    /// let cluster = client.cluster_create(&ClusterCreateRequest { file: true, block: true }).await.unwrap();
    /// let event = events.next().await.unwrap();
    /// assert_eq!(event.event, "cluster.created");
    /// assert_eq!(event.object.unwrap().id, cluster.id.to_string());
    /// # });
    /// ```
    pub fn events(&self, since: Option<u64>) -> Events {
        let (response, line, ready) = (None, Vec::new(), VecDeque::new());
        Events { client: self.clone(), last: since, response, line, data: Vec::new(), ready }
    }
}

/// A stream of [`EventInfo`]s. It connects again after the end of a connection and goes on after the last event it brought;
/// if the server does not know that any more, an event `missed` says so. Dropping it ends it.
pub struct Events {
    client: Client,
    last: Option<u64>,
    response: Option<reqwest::Response>,
    line: Vec<u8>,
    data: Vec<u8>,
    ready: VecDeque<EventInfo>,
}

impl Events {
    /// Waits for the next event.
    ///
    /// # Errors
    /// [`ClientError`] when the server refuses, or cannot be reached `poll_retries` times in a row.
    pub async fn next(&mut self) -> Result<EventInfo, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = Some(event.id);
                return Ok(event);
            }
            let response = match &mut self.response {
                Some(response) => response,
                None => {
                    let response = self.connect().await?;
                    self.response.insert(response)
                }
            };
            match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(bytes))) if self.line.len() + bytes.len() <= LONGEST_LINE => self.read(&bytes)?,
                _ => self.hang_up(),
            }
        }
    }

    fn hang_up(&mut self) {
        self.response = None;
        self.line.clear();
        self.data.clear();
    }

    async fn connect(&self) -> Result<reqwest::Response, ClientError> {
        let mut failures = 0;
        loop {
            match self.client.stream("/events", self.last).await {
                // The first connection fails at once: the address may be wrong.
                Err(ClientError::Unreachable { .. })
                    if self.last.is_some() && failures < self.client.options.poll_retries =>
                {
                    failures += 1;
                    tokio::time::sleep(self.client.connect_delay(failures)).await;
                }
                other => return other,
            }
        }
    }

    /// Reads lines of `text/event-stream`. The data has everything: number and kind need not be read from their lines.
    fn read(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            } else if line.is_empty() && !self.data.is_empty() {
                let event = api::decode(&std::mem::take(&mut self.data))
                    .map_err(|error| ClientError::Answer { path: "/events".to_owned(), reason: error.to_string() })?;
                self.ready.push_back(event);
            }
        }
        Ok(())
    }
}

impl Client {
    /// An answer that does not end.
    async fn stream(&self, path: &str, last: Option<u64>) -> Result<reqwest::Response, ClientError> {
        let request = self.request(Method::GET, path)?.timeout(Duration::from_secs(u64::from(u32::MAX)));
        let request = match last {
            Some(id) => request.header("Last-Event-ID", HeaderValue::from(id)),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        match self.read(response).await?.expect(path, StatusCode::OK) {
            Err(error) => Err(error),
            Ok(_) => Err(ClientError::Answer { path: path.to_owned(), reason: "it is no stream".to_owned() }),
        }
    }
}
