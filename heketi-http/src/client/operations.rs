use heketi_core::api::{
    self, AdminStatus, AuditInfo, AuditPlan, AuditRepairRequest, CleanUpRequest, LogLevelInfo, OperationCounts,
    OperationDetails, OperationList,
};
use heketi_core::id::OperationId;
use reqwest::{Method, StatusCode};

use super::{Client, ClientError};

/// The server itself: its operations, its mode, its state.
impl Client {
    /// How many operations are recorded.
    pub async fn operations_info(&self) -> Result<OperationCounts, ClientError> {
        self.get("/operations").await
    }

    /// All recorded operations.
    pub async fn pending_operation_list(&self) -> Result<OperationList, ClientError> {
        self.get("/operations/pending").await
    }

    /// One recorded operation with what it changes.
    pub async fn pending_operation_details(&self, id: OperationId) -> Result<OperationDetails, ClientError> {
        self.get(&format!("/operations/pending/{id}")).await
    }

    /// Resumes stale and failed operations. What became of each is told by [`Client::pending_operation_list`]
    /// only: one that is still there was not cleaned up.
    pub async fn pending_operation_clean_up(&self, request: &CleanUpRequest) -> Result<(), ClientError> {
        self.job(Method::POST, "/operations/pending/cleanup", Some(api::encode(request))).await.map(drop)
    }

    /// The database as JSON, as the server wrote it.
    pub async fn db_dump(&self) -> Result<String, ClientError> {
        self.ask(Method::GET, "/db/dump", None).await?.text("/db/dump")
    }

    /// What an examination of the database finds, as JSON, as the server wrote it.
    pub async fn db_check(&self) -> Result<String, ClientError> {
        self.ask(Method::GET, "/db/check", None).await?.text("/db/check")
    }

    /// A copy of the database file, which a server can be started with.
    pub async fn backup_db(&self) -> Result<Vec<u8>, ClientError> {
        self.ask(Method::GET, "/backup/db", None).await?.bytes("/backup/db")
    }

    /// What the nodes report beside what the database holds, as JSON, as the server wrote it. Asks every node.
    pub async fn state_examine_gluster(&self) -> Result<String, ClientError> {
        let path = "/internal/state/examine/gluster";
        self.ask(Method::GET, path, None).await?.text(path)
    }

    /// What requests the server takes.
    pub async fn admin_status_get(&self) -> Result<AdminStatus, ClientError> {
        self.get("/admin").await
    }

    /// Changes what requests the server takes. A read-only server takes this one neither.
    pub async fn admin_status_set(&self, request: &AdminStatus) -> Result<(), ClientError> {
        self.send(Method::POST, "/admin", Some(api::encode(request)), StatusCode::NO_CONTENT).await
    }

    /// How much the server logs.
    pub async fn log_level_get(&self) -> Result<LogLevelInfo, ClientError> {
        self.get("/internal/logging").await
    }

    /// Changes how much the server logs, until it is restarted.
    pub async fn log_level_set(&self, request: &LogLevelInfo) -> Result<LogLevelInfo, ClientError> {
        self.post("/internal/logging", request, StatusCode::OK).await
    }

    /// Compares the state with itself, and with what the nodes report if they are to be asked.
    pub async fn audit(&self, nodes: bool) -> Result<AuditInfo, ClientError> {
        self.get(if nodes { "/audit?nodes=true" } else { "/audit" }).await
    }

    /// What would be done about these findings of an audit, or about all if none is named.
    pub async fn audit_repair_plan(&self, findings: &[String]) -> Result<AuditPlan, ClientError> {
        let request = AuditRepairRequest { apply: false, findings: findings.to_vec() };
        self.post("/audit/repair", &request, StatusCode::OK).await
    }

    /// Does it.
    pub async fn audit_repair(&self, findings: &[String]) -> Result<(), ClientError> {
        let request = AuditRepairRequest { apply: true, findings: findings.to_vec() };
        self.job(Method::POST, "/audit/repair", Some(api::encode(&request))).await.map(drop)
    }
}
