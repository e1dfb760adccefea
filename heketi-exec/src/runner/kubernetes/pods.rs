//! Finds the pod that stands for a host.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use super::{KubernetesConfig, PodSelection, refusal};
use crate::runner::RunErrorKind;

/// The label that marks gluster pods.
const LABEL: &str = "glusterfs-node";
/// Names the container that commands are meant for.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Where commands for a host run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub pod: String,
    pub container: String,
}

type Refused = (RunErrorKind, String);

/// The one pod of the host that can take commands.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    config: &KubernetesConfig,
    host: &str,
) -> Result<Target, Refused> {
    check_name(host)?;
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = async |selector: &str| {
        let found = api.list(&ListParams::default().labels(selector)).await;
        found.map(|list| list.items).map_err(|error| refusal(&error, &format!("list pods in namespace {namespace}")))
    };
    let candidates = match config.selection {
        PodSelection::Name => match api.get_opt(host).await {
            Ok(Some(pod)) => vec![pod],
            Ok(None) => return Err(absent(format!("there is no pod {host} in namespace {namespace}"))),
            Err(error) => return Err(refusal(&error, &format!("read pod {host} in namespace {namespace}"))),
        },
        PodSelection::Node => {
            let on_node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(host);
            let pods: Vec<Pod> = list(LABEL).await?.into_iter().filter(on_node).collect();
            if pods.is_empty() {
                let text = format!("no pod with the label '{LABEL}' runs on node {host} in namespace {namespace}");
                return Err(absent(text));
            }
            pods
        }
        PodSelection::Label => {
            let pods = list(&format!("{LABEL}={host}")).await?;
            if pods.is_empty() {
                return Err(absent(format!("No pods with the label '{LABEL}={host}' were found")));
            }
            pods
        }
    };
    let pod = only_usable(&candidates, host)?;
    Ok(Target { pod: pod.name_any(), container: container(pod, config)? })
}

fn absent(text: String) -> Refused {
    (RunErrorKind::Unreachable, text)
}

/// A host name that can be a label, a node and a pod.
fn check_name(host: &str) -> Result<(), Refused> {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match inner && edge(host.bytes().next()) && edge(host.bytes().last()) && host.len() <= 253 {
        true => Ok(()),
        false => Err((RunErrorKind::BadHost, format!("{host:?} can be no name in Kubernetes"))),
    }
}

/// During a rolling update two pods stand for a host, and only one of them can be used.
fn only_usable<'a>(candidates: &'a [Pod], host: &str) -> Result<&'a Pod, Refused> {
    let mut usable = Vec::new();
    let mut reasons = Vec::new();
    for pod in candidates {
        match unusable(pod) {
            None => usable.push(pod),
            Some(reason) => reasons.push(format!("pod {} {reason}", pod.name_any())),
        }
    }
    match usable.as_slice() {
        [pod] => Ok(pod),
        [] => Err((RunErrorKind::Unreachable, reasons.join("; "))),
        many => {
            let text = format!("Found {} pods sharing the same label '{LABEL}={host}': keep one", many.len());
            Err((RunErrorKind::BadHost, text))
        }
    }
}

/// Why a pod cannot take commands.
fn unusable(pod: &Pod) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Some("is about to end".into());
    }
    let Some(status) = &pod.status else { return Some("has no status yet".into()) };
    let phase = status.phase.as_deref().unwrap_or("Unknown");
    if phase != "Running" {
        return Some(format!("is not running: its phase is {phase}"));
    }
    let ready = status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready");
    match ready {
        Some(condition) if condition.status == "True" => None,
        Some(condition) => {
            let message = condition.message.as_deref().unwrap_or("it does not tell why");
            Some(format!("is not ready: {message}"))
        }
        None => Some("is not ready".into()),
    }
}

fn container(pod: &Pod, config: &KubernetesConfig) -> Result<String, Refused> {
    let names: Vec<&str> = pod.spec.iter().flat_map(|spec| &spec.containers).map(|one| one.name.as_str()).collect();
    let wanted = config.container.as_ref().or_else(|| pod.annotations().get(DEFAULT_CONTAINER));
    match wanted {
        Some(name) if names.contains(&name.as_str()) => Ok(name.clone()),
        Some(name) if config.container.is_some() => {
            let text = format!("pod {} has no container {name}; it has {}", pod.name_any(), names.join(", "));
            Err((RunErrorKind::BadHost, text))
        }
        _ => match names.first() {
            Some(first) => Ok((*first).to_owned()),
            None => Err((RunErrorKind::Protocol, format!("pod {} has no container", pod.name_any()))),
        },
    }
}
