//! The one table of routes.

use futures_util::future::BoxFuture;
use hyper::Method;

use super::handlers::{
    Call, admin, audit, block_volumes, bricks, clusters, database, devices, events, nodes, operations, placement,
    queue, service, volumes,
};
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

impl Route {
    /// Does it change nothing, and no harm if it is dropped halfway? The answer to a poll of the queue is told once.
    pub(super) fn only_reads(&self) -> bool {
        reads(&self.method, self.pattern) && !self.pattern.starts_with("/queue/")
    }

    /// Is its answer, if it is no job, that to a change? An audit's plan is none.
    pub(super) fn answers_a_change(&self) -> bool {
        !reads(&self.method, self.pattern) && self.pattern != "/audit/repair"
    }
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
    POST "/nodes/{id}/replace" Admin nodes::replace;
    POST "/devices" Admin devices::add;
    GET "/devices/{id}" Admin devices::info;
    DELETE "/devices/{id}" Admin devices::delete;
    POST "/devices/{id}/state" Admin devices::state;
    POST "/devices/{id}/tags" Admin devices::tags;
    GET "/devices/{id}/resync" Admin devices::resync;
    POST "/devices/{id}/replace" Admin devices::replace;
    POST "/volumes" User volumes::create;
    GET "/volumes" User volumes::list;
    GET "/volumes/{id}" Admin volumes::info;
    DELETE "/volumes/{id}" Admin volumes::delete;
    POST "/volumes/{id}/expand" Admin volumes::expand;
    POST "/volumes/{id}/clone" Admin volumes::clone;
    POST "/volumes/{id}/block-restriction" Admin volumes::block_restriction;
    POST "/blockvolumes" Admin block_volumes::create;
    GET "/blockvolumes" Admin block_volumes::list;
    GET "/blockvolumes/{id}" Admin block_volumes::info;
    DELETE "/blockvolumes/{id}" Admin block_volumes::delete;
    POST "/blockvolumes/{id}/expand" Admin block_volumes::expand;
    POST "/bricks/to-evict/{id}" Admin bricks::evict;
    GET "/operations" Admin operations::counts;
    GET "/operations/history" Admin operations::history;
    GET "/operations/{id}" Admin operations::one;
    GET "/operations/pending" Admin operations::list;
    GET "/operations/pending/{id}" Admin operations::details;
    POST "/operations/pending/cleanup" Admin operations::clean_up;
    GET "/audit" Admin audit::check;
    POST "/audit/repair" Admin audit::repair;
    POST "/placement/explain" Admin placement::explain;
    GET "/capacity" Admin placement::capacity;
    GET "/events" Admin events::stream;
    GET "/openapi.json" Admin service::openapi;
    GET "/backup/db" Admin service::backup;
    GET "/db/dump" Admin database::dump;
    GET "/db/check" Admin database::check;
    GET "/internal/state/examine/gluster" Admin database::examine;
    GET "/internal/logging" Admin service::log_level;
    POST "/internal/logging" Admin service::set_log_level;
    GET "/admin" Admin admin::get;
    POST "/admin" Admin admin::set;
}

/// Method and pattern of every route behind authentication.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static Method, &'static str)> {
    ROUTES.iter().map(|route| (&route.method, route.pattern))
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

/// The route of a path for metrics; what no route has is one of them all.
pub(super) fn label(path: &str) -> &'static str {
    let path = path.strip_suffix('/').unwrap_or(path);
    ROUTES.iter().find(|route| matches(route.pattern, path).is_some()).map_or("other", |route| route.pattern)
}

/// What this POST explains it does not do.
pub(super) const EXPLAIN: &str = "/placement/explain";

/// The resync of a device is a GET.
fn reads(method: &Method, path: &str) -> bool {
    (matches!(*method, Method::GET | Method::HEAD) && !path.ends_with("/resync")) || path == EXPLAIN
}

/// Does this request change the database?
pub(super) fn changes(method: &Method, path: &str) -> bool {
    // What requests are taken and what is logged is not in the database.
    !reads(method, path) && !matches!(path, "/admin" | "/internal/logging")
}

/// May `role` ask for this path at all? Decided before the path is known to exist.
pub(super) fn allows(role: Role, path: &str) -> bool {
    role == Role::Admin || ROUTES.iter().any(|route| route.role == role && route.pattern == path)
}

/// The `{id}` in `path`, empty when the pattern has none; `None` when the path does not fit.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    // Every route is tried for every request: most differ in the first bytes.
    let Some(open) = pattern.bytes().position(|byte| byte == b'{') else {
        return (pattern == path).then_some("");
    };
    let (before, after) = (pattern.get(..open)?, pattern.get(open + "{id}".len()..)?);
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
