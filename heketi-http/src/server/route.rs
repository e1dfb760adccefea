//! The one table of routes.

use futures_util::future::BoxFuture;
use hyper::Method;

use super::handlers::{Call, clusters, devices, nodes, operations, queue, volumes};
use super::reply::{Refusal, Reply};
use crate::auth::Role;

/// Runs a request.
pub(super) type Handler = fn(Call) -> BoxFuture<'static, Result<Reply, Refusal>>;

/// One method of one path.
pub(super) struct Route {
    method: Method,
    /// `{id}` stands for one or more hexadecimal digits.
    pattern: &'static str,
    /// The least that is needed.
    role: Role,
    /// Runs it.
    pub(super) handler: Handler,
}

macro_rules! routes {
    ($($method:ident $pattern:literal $role:ident $handler:path;)*) => {
        /// All routes behind authentication.
        static ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            pattern: $pattern,
            role: Role::$role,
            handler: |call| Box::pin($handler(call)),
        }),*];
    };
}

routes! {
    GET "/queue/{id}" Admin queue::poll;
    POST "/clusters" Admin clusters::create;
    GET "/clusters" Admin clusters::list;
    GET "/clusters/{id}" Admin clusters::info;
    DELETE "/clusters/{id}" Admin clusters::delete;
    POST "/clusters/{id}/flags" Admin clusters::flags;
    POST "/nodes" Admin nodes::add;
    GET "/nodes/{id}" Admin nodes::info;
    DELETE "/nodes/{id}" Admin nodes::delete;
    POST "/nodes/{id}/state" Admin nodes::state;
    POST "/nodes/{id}/tags" Admin nodes::tags;
    POST "/devices" Admin devices::add;
    GET "/devices/{id}" Admin devices::info;
    DELETE "/devices/{id}" Admin devices::delete;
    POST "/devices/{id}/state" Admin devices::state;
    POST "/devices/{id}/tags" Admin devices::tags;
    POST "/volumes" User volumes::create;
    GET "/volumes" User volumes::list;
    GET "/volumes/{id}" Admin volumes::info;
    DELETE "/volumes/{id}" Admin volumes::delete;
    POST "/volumes/{id}/expand" Admin volumes::expand;
    GET "/operations" Admin operations::counts;
}

/// What a request leads to.
pub(super) enum Found {
    /// A handler, and the `{id}` of the path (empty when it has none).
    Route(&'static Route, String),
    /// The path with a slash too many; the right one.
    ExtraSlash(String),
    /// The path is known, with other methods.
    OtherMethod,
    /// No such path.
    Nothing,
}

/// Looks up a cleaned path.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let mut found = Found::Nothing;
    for route in ROUTES {
        let Some(id) = matches(route.pattern, bare) else { continue };
        if route.method != *method {
            found = Found::OtherMethod;
        } else if bare.len() != path.len() {
            return Found::ExtraSlash(bare.to_owned());
        } else {
            return Found::Route(route, id.to_owned());
        }
    }
    found
}

/// May `role` ask for this path at all? Decided before the path is known to exist.
pub(super) fn allows(role: Role, path: &str) -> bool {
    role == Role::Admin || ROUTES.iter().any(|route| route.role == role && route.pattern == path)
}

/// The `{id}` in `path`, empty when the pattern has none; `None` when the path does not fit.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{id}") else {
        return (pattern == path).then_some("");
    };
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_hexadecimal_ids_of_any_length() {
        for (pattern, path, id) in [
            ("/clusters", "/clusters", Some("")),
            ("/clusters", "/cluster", None),
            ("/nodes/{id}", "/nodes/0aF", Some("0aF")),
            ("/nodes/{id}", "/nodes/", None),
            ("/nodes/{id}", "/nodes/xy", None),
            ("/nodes/{id}", "/nodes/0a/state", None),
            ("/nodes/{id}/state", "/nodes/0a/state", Some("0a")),
            ("/nodes/{id}/state", "/nodes/state", None),
        ] {
            assert_eq!(matches(pattern, path), id, "{pattern} {path}");
        }
    }

    #[test]
    fn users_reach_the_list_of_volumes_only() {
        for path in ["/volumes/", "/volumes/0a", "/clusters", "/unknown", "/queue/0a"] {
            assert!(!allows(Role::User, path) && allows(Role::Admin, path), "{path}");
        }
        assert!(allows(Role::User, "/volumes"));
    }
}
