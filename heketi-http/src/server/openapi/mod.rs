//! The service as an OpenAPI 3.1 document, made from its routes and the types of their bodies.

mod about;
mod routes;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::route;
use crate::auth::Role;
use about::{About, Answer, Body};

/// The document as text, with a newline at its end.
pub(super) fn text() -> String {
    // A tree of maps and texts: writing it to memory has no way to fail.
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}

/// The document.
fn document() -> Value {
    let generator = |settings: SchemaSettings| settings.with(|it| it.meta_schema = None).into_generator();
    // Requests and answers differ in what may be left out, so those of requests stand where they are used.
    let mut requests =
        generator(SchemaSettings::draft2020_12().for_deserialize().with(|it| it.inline_subschemas = true));
    let mut answers = generator(
        SchemaSettings::draft2020_12().for_serialize().with(|it| it.definitions_path = "/components/schemas".into()),
    );
    let mut paths = Map::new();
    for about in routes::ROUTES {
        let operation = operation(about, &mut requests, &mut answers);
        let path = paths.entry(about.path).or_insert_with(|| json!({}));
        path[about.method.to_ascii_lowercase()] = operation;
    }
    let schemas: Map<String, Value> = answers.take_definitions(true);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "heketi",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Turns racks of raw disks into GlusterFS volumes on request",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0 OR MIT", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusals(),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "HS256 with the key of the role. Claims: iss (admin or user), iat, exp, and qsh, the \
                                    SHA-256 of `METHOD&path` in hexadecimal digits.",
                },
            },
        },
    });
    drop_impossible_defaults(&mut document);
    document
}

const DESCRIPTION: &str = "\
Compatible with heketi v10. A request that takes its time is answered with 202 and the path of its job in `Location`; ask \
for it until it answers with something else than 200 and `X-Pending: true`: 303 leads to what was made, 204 is an end \
without a result, any error is that of the job. Errors are plain text. In requests keys may be written in any case, \
unknown ones are passed over, and null counts as absent.";

fn operation(about: &About, requests: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), id_of(about).into());
    operation.insert("summary".into(), about.summary.into());
    operation.insert("tags".into(), json!([about.path.split('/').nth(1).unwrap_or_default()]));
    if about.open {
        operation.insert("security".into(), json!([]));
    } else {
        let user = route::allows(Role::User, about.path);
        operation.insert("x-heketi-roles".into(), if user { json!(["admin", "user"]) } else { json!(["admin"]) });
    }
    let parameters = parameters(about);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some((schema, required)) = match about.body {
        Body::None => None,
        Body::Optional(schema) => Some((schema, false)),
        Body::Needed(schema) => Some((schema, true)),
    } {
        let schema = schema(requests);
        operation.insert(
            "requestBody".into(),
            json!({ "required": required, "content": { "application/json": { "schema": schema } } }),
        );
    }
    operation.insert("responses".into(), responses(about, answers).into());
    operation.into()
}

/// `post_volumes_id_expand`.
fn id_of(about: &About) -> String {
    let words = about.path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    let words = words.map(|word| word.trim_matches(['{', '}']));
    std::iter::once(about.method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn parameters(about: &About) -> Vec<Value> {
    let mut parameters = Vec::new();
    if about.path.contains("{id}") {
        let schema = json!({ "type": "string", "pattern": "^[0-9a-fA-F]+$" });
        parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
    }
    for (name, schema, description) in about.query {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        parameters.push(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
    }
    if about.method == "POST" {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "The same request with the same key is done once and answered again, for a day.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,255}$" },
        }));
    }
    if matches!(about.answer, Answer::Events(_)) {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "description": "Begin after this event.",
            "schema": { "type": "string", "pattern": "^[0-9]+$" },
        }));
    }
    parameters
}

fn responses(about: &About, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let mut responses = Map::new();
    let mut add = |status: u16, response: Value| {
        responses.insert(status.to_string(), response);
    };
    match about.answer {
        Answer::Json(status, schema) => add(status, json_response(&schema(schemas))),
        Answer::Object => add(200, json_response(&schemars::json_schema!({ "type": "object" }))),
        Answer::Job => add(202, accepted()),
        Answer::JobOr(schema) => {
            add(200, json_response(&schema(schemas)));
            add(202, accepted());
        }
        Answer::Empty(status) => add(status, json!({ "description": "Done" })),
        Answer::Text => add(200, json!({ "description": "Text", "content": text_content() })),
        Answer::File => add(200, json!({ "description": "The file", "content": { "application/octet-stream": {} } })),
        Answer::Events(schema) => {
            let schema = schema(schemas);
            let content = json!({ "text/event-stream": { "x-heketi-data": schema } });
            add(200, json!({ "description": "Events without end; the data of each is JSON", "content": content }));
        }
        Answer::Poll => {
            let pending = json!({ "X-Pending": { "schema": { "const": "true" }, "required": true } });
            add(200, json!({ "description": "It runs", "headers": pending }));
            add(204, json!({ "description": "It ended well, without a result" }));
            add(303, json!({ "description": "It ended well; Location leads to the result", "headers": location() }));
        }
    }
    for status in failures(about) {
        let response = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.entry(status.to_string()).or_insert(response);
    }
    responses
}

fn json_response(schema: &Schema) -> Value {
    json!({ "description": "Done", "content": { "application/json": { "schema": schema } } })
}

fn accepted() -> Value {
    json!({ "description": "Accepted; Location is the path of the job", "headers": location() })
}

fn location() -> Value {
    json!({ "Location": { "schema": { "type": "string" }, "required": true } })
}

fn text_content() -> Value {
    json!({ "text/plain": { "schema": { "type": "string" } } })
}

/// The statuses a route refuses requests with.
fn failures(about: &About) -> Vec<u16> {
    if about.open {
        return if about.path == "/readyz" { vec![503] } else { Vec::new() };
    }
    let mut failures = vec![400, 401, 500, 503];
    if about.path.contains("{id}") || !about.query.is_empty() || about.method == "POST" {
        failures.push(404);
    }
    if about.method != "GET" || about.path.ends_with("/resync") {
        failures.extend([408, 409, 413, 422, 429]);
    }
    if matches!(about.answer, Answer::Events(_)) {
        failures.push(429);
    }
    failures.sort_unstable();
    failures
}

/// What each refusal means; its body is text.
const FAILURES: [(u16, &str); 10] = [
    (400, "The request is wrong; each field is named"),
    (401, "The token is missing, wrong or too old, or the role may not ask for this"),
    (404, "There is no such object"),
    (408, "The body did not arrive in time"),
    (409, "The state of the object forbids it"),
    (413, "The body is too large"),
    (422, "The body cannot be parsed, or the Idempotency-Key was sent with another one"),
    (429, "Too much is going on; try again after Retry-After"),
    (500, "It failed, or no place was found; the text tells why"),
    (503, "Nothing may be changed now, or heketi is stopping"),
];

fn refusals() -> Map<String, Value> {
    let response = |(status, description): (u16, &str)| {
        (status.to_string(), json!({ "description": description, "content": text_content() }))
    };
    FAILURES.into_iter().map(response).collect()
}

/// Takes out defaults that nobody can send: those of members that must be there, and the empty text that stands for a
/// missing one.
fn drop_impossible_defaults(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let required = members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            for name in required.iter().filter_map(Value::as_str) {
                if let Some(Value::Object(member)) = members.get_mut("properties").and_then(|all| all.get_mut(name)) {
                    member.remove("default");
                }
            }
            let impossible = members
                .get("enum")
                .and_then(Value::as_array)
                .is_some_and(|allowed| members.get("default").is_some_and(|default| !allowed.contains(default)));
            if impossible {
                members.remove("default");
            }
            members.values_mut().for_each(drop_impossible_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_impossible_defaults),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const OPEN: [&str; 4] = ["/hello", "/healthz", "/readyz", "/metrics"];

    #[test]
    fn every_route_of_the_router_is_told_and_no_other() {
        let told: BTreeSet<(String, &str)> =
            routes::ROUTES.iter().map(|about| (about.method.to_owned(), about.path)).collect();
        let served: BTreeSet<(String, &str)> = route::all().map(|(method, path)| (method.to_string(), path)).collect();
        let open: BTreeSet<(String, &str)> = OPEN.iter().map(|path| ("GET".to_owned(), *path)).collect();
        assert_eq!(told.len(), routes::ROUTES.len(), "a route is told twice");
        assert_eq!(told, served.union(&open).cloned().collect());
        for about in routes::ROUTES {
            assert_eq!(about.open, OPEN.contains(&about.path), "{}", about.path);
        }
        let ids: BTreeSet<String> = routes::ROUTES.iter().map(id_of).collect();
        assert_eq!(ids.len(), told.len(), "operation ids are unique");
    }

    /// Set `HEKETI_UPDATE_OPENAPI` to write the file anew, and read the difference.
    #[test]
    fn the_document_is_the_golden_one() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var_os("HEKETI_UPDATE_OPENAPI").is_some() {
            std::fs::write(&file, text()).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(golden == text(), "{} is outdated: run this test with HEKETI_UPDATE_OPENAPI=1", file.display());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        let mut seen = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        seen += 1;
                    }
                    open.extend(members.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        assert!(seen > 20, "{seen}");
    }
}
