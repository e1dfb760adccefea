//! May this account do what it needs to?

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};

use super::{KubernetesConfig, KubernetesError, causes};

/// What to do about missing rights.
pub(super) const REMEDY: &str = "add to a Role of its service account: \
    {apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"get\", \"list\"]} and \
    {apiGroups: [\"\"], resources: [\"pods/exec\"], verbs: [\"create\", \"get\"]}";

/// Verb, resource and subresource. Exec over WebSocket is a GET; older API servers ask for `create` there too.
const NEEDED: [(&str, &str, &str); 4] =
    [("get", "pods", ""), ("list", "pods", ""), ("create", "pods", "exec"), ("get", "pods", "exec")];

pub(super) async fn check(client: &Client, namespace: &str, config: &KubernetesConfig) -> Result<(), KubernetesError> {
    let mut missing = Vec::new();
    for (verb, resource, sub) in NEEDED {
        let what = if sub.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}/{sub}") };
        let asked = tokio::time::timeout(config.connect_timeout, ask(client, namespace, verb, resource, sub)).await;
        match asked {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => missing.push(what),
            Ok(Err(error)) => {
                tracing::warn!("cannot ask Kubernetes whether heketi may {what}: {}", causes(&error));
                return Ok(());
            }
            Err(_) => {
                tracing::warn!("the Kubernetes API does not answer: whether heketi may {what} is not known");
                return Ok(());
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(KubernetesError::Forbidden {
            missing: missing.join(", "),
            namespace: namespace.to_owned(),
            remedy: REMEDY.to_owned(),
        }),
    }
}

async fn ask(client: &Client, namespace: &str, verb: &str, resource: &str, sub: &str) -> Result<bool, kube::Error> {
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        verb: Some(verb.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(sub.to_owned()).filter(|sub| !sub.is_empty()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
