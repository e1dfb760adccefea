//! What a caller that waits for a job is told meanwhile.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heketi_core::api::OperationDetails;
use reqwest::{Method, StatusCode};

use super::Client;

/// A job that is waited for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobProgress {
    /// The path that is asked whether it is over.
    pub queue: String,
    /// For how long it has been waited for.
    pub waited: Duration,
    /// The operation behind it and how far it is. `None` when the server does not tell: one of heketi v10, one that is
    /// being restarted, a user who may not ask, or a job that is no operation.
    pub operation: Option<OperationDetails>,
}

type Callback = dyn Fn(&JobProgress) + Send + Sync;

/// Who is told. Clones of a client share it.
#[derive(Clone, Default)]
pub(super) struct Observer(Option<Arc<Callback>>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "nobody" })
    }
}

impl Client {
    /// A client that tells `callback` about each job it waits for, after every question whether it is over. Meanwhile
    /// it asks for the operation too: one more request each time.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// use heketi_core::api::VolumeCreateRequest;
    ///
    /// let demo = heketi_http::demo::Demo::start(None).await.unwrap();
    /// demo.load_topology().await.unwrap();
    /// let told = Arc::new(AtomicU32::new(0));
    /// let count = told.clone();
    /// let client = demo.client().with_progress(move |job| {
    ///     count.fetch_add(1, Ordering::Relaxed);
    ///     if let Some(progress) = job.operation.as_ref().and_then(|it| it.progress.as_ref()) {
    ///         println!("{} of {} after {:?}: {:?}", progress.done, progress.total, job.waited, progress.running);
    ///     }
    /// });
    /// # demo.sim().add_latency("lvcreate", std::time::Duration::from_millis(50));
    /// client.volume_create(&VolumeCreateRequest { size: 1, ..Default::default() }).await.unwrap();
    /// assert!(told.load(Ordering::Relaxed) > 0);
    /// # });
    /// ```
    #[must_use]
    pub fn with_progress(mut self, callback: impl Fn(&JobProgress) + Send + Sync + 'static) -> Self {
        self.observer = Observer(Some(Arc::new(callback)));
        self
    }

    /// Starts to tell about a job.
    pub(super) fn watch(&self, queue: &str) -> Watch {
        Watch { queue: queue.to_owned(), started: Instant::now(), may_ask: true }
    }
}

/// A job that is told about.
pub(super) struct Watch {
    queue: String,
    started: Instant,
    may_ask: bool,
}

impl Watch {
    /// Tells how far the job is.
    pub(super) async fn tell(&mut self, client: &Client) {
        let Some(callback) = &client.observer.0 else { return };
        let operation = match self.may_ask {
            true => self.operation(client).await,
            false => None,
        };
        callback(&JobProgress { queue: self.queue.clone(), waited: self.started.elapsed(), operation });
    }

    async fn operation(&mut self, client: &Client) -> Option<OperationDetails> {
        let id = self.queue.rsplit('/').next()?;
        let path = format!("/operations/pending/{id}");
        let answer = client.ask_once(Method::GET, &path, None, None).await.ok()?;
        // It will not be told later either.
        self.may_ask = !matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        answer.value(&path, StatusCode::OK).ok()
    }
}
