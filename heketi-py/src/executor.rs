//! Ways to the nodes, as Python names them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use heketi_exec::engine::EngineHostKeys;
use heketi_exec::executor::Executor as Executes;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::ssh::HostKeyPolicy;
use heketi_exec::runner::{LocalRunner, SshConfig, SshRunner};
use heketi_exec::sim::MockExecutor;
use pyo3::prelude::*;

use crate::client::seconds_of;
use crate::failure::Failure;
use crate::python_runner::PythonRunner;
use crate::settings::{CommandSettings, read};

/// What connections are made from, at the time an engine opens.
enum Way {
    Ssh(Box<SshConfig>, NodeOptions),
    Local {
        sudo: bool,
        options: NodeOptions,
    },
    /// One set of simulated nodes, however often an engine is opened over it.
    Mock(Arc<MockExecutor>),
    Python(Arc<PythonRunner>, NodeOptions),
}

/// How an engine reaches nodes.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Executor {
    way: Way,
}

/// An executor that is ready, and where it keeps host keys.
pub(crate) struct Connected {
    pub(crate) executor: Arc<dyn Executes>,
    pub(crate) host_keys: Option<Arc<EngineHostKeys>>,
}

impl Executor {
    /// Must be called inside a runtime.
    pub(crate) fn connect(&self) -> Result<Connected, Failure> {
        let executor: Arc<dyn Executes> = match &self.way {
            Way::Ssh(config, options) => {
                let host_keys = Arc::new(EngineHostKeys::default());
                let mut config = SshConfig::clone(config);
                config.host_key_store = host_keys.clone();
                let runner = SshRunner::new(config).map_err(|error| Failure::Invalid(error.to_string()))?;
                let executor = Arc::new(NodeExecutor::new(Arc::new(runner), options.clone()));
                return Ok(Connected { executor, host_keys: Some(host_keys) });
            }
            Way::Local { sudo, options } => {
                Arc::new(NodeExecutor::new(Arc::new(LocalRunner::new(*sudo)), options.clone()))
            }
            Way::Mock(mock) => mock.clone(),
            Way::Python(runner, options) => Arc::new(NodeExecutor::new(runner.clone(), options.clone())),
        };
        Ok(Connected { executor, host_keys: None })
    }
}

fn options(commands: &str) -> PyResult<NodeOptions> {
    Ok(read::<CommandSettings>(commands)?.options())
}

#[pymethods]
impl Executor {
    /// Over SSH. `commands` is JSON.
    #[staticmethod]
    fn ssh(
        keyfile: PathBuf,
        user: String,
        port: u16,
        sudo: bool,
        host_key_policy: &str,
        known_hosts: Vec<PathBuf>,
        commands: &str,
    ) -> PyResult<Self> {
        let policy: HostKeyPolicy = host_key_policy.parse().map_err(Failure::Invalid)?;
        let mut config = SshConfig::new(keyfile);
        (config.user, config.port, config.sudo) = (user, port, sudo);
        config.host_key_policy = if known_hosts.is_empty() { policy } else { HostKeyPolicy::Strict };
        config.known_hosts = known_hosts;
        Ok(Self { way: Way::Ssh(Box::new(config), options(commands)?) })
    }

    /// On this machine. `commands` is JSON.
    #[staticmethod]
    fn local(sudo: bool, commands: &str) -> PyResult<Self> {
        Ok(Self { way: Way::Local { sudo, options: options(commands)? } })
    }

    /// On simulated nodes whose disks have `device_size` GiB. `commands` is JSON.
    #[staticmethod]
    fn mock(device_size: u64, commands: &str) -> PyResult<Self> {
        Ok(Self { way: Way::Mock(Arc::new(MockExecutor::new(options(commands)?, device_size))) })
    }

    /// Through an object with `run(host, command, timeout)`, where no command gets more than `limit` seconds.
    /// `commands` is JSON.
    #[staticmethod]
    fn python(runner: Py<PyAny>, limit: Option<f64>, commands: &str) -> PyResult<Self> {
        let limit = limit.map_or(Ok(Duration::MAX), |seconds| seconds_of("limit", seconds))?;
        Ok(Self { way: Way::Python(Arc::new(PythonRunner::new(runner, limit)), options(commands)?) })
    }

    /// The lines that reached simulated nodes: host, line, exit status.
    fn lines(&self) -> Vec<(String, String, Option<i32>)> {
        let Way::Mock(mock) = &self.way else { return Vec::new() };
        let records = mock.cluster().lines_run().into_iter();
        records.map(|line| (line.host.to_string(), line.text.to_string(), line.status)).collect()
    }

    /// Runs a line on a simulated node and returns status, standard output and standard error.
    fn run(&self, host: &str, command: &str) -> PyResult<(i32, String, String)> {
        let Way::Mock(mock) = &self.way else {
            return Err(Failure::Invalid("only simulated nodes run single commands".into()).into());
        };
        let done = mock.cluster().admin(host, command);
        let status = match done.status {
            heketi_exec::runner::LineStatus::Exited(status) => status,
            heketi_exec::runner::LineStatus::TimedOut => 124,
        };
        Ok((status, done.stdout, done.stderr))
    }

    /// Adds a simulated node, for commands that come before a step names it.
    fn add_node(&self, manage: &str, storage: &str) {
        if let Way::Mock(mock) = &self.way {
            mock.cluster().add_node(manage, storage, []);
        }
    }

    /// Switches a simulated node on or off.
    fn set_up(&self, host: &str, up: bool) {
        if let Way::Mock(mock) = &self.way {
            mock.cluster().set_up(host, up);
        }
    }
}
