//! What is known of one route besides its handler.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A route as the document tells it.
pub(super) struct About {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) body: Body,
    pub(super) answer: Answer,
    /// Parameters of the query: name, schema as JSON, what for.
    pub(super) query: &'static [(&'static str, &'static str, &'static str)],
    /// Is it answered without a token?
    pub(super) open: bool,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Body {
    None,
    Optional(SchemaOf),
    Needed(SchemaOf),
}

/// The answer to a request that is not refused.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// JSON with this status.
    Json(u16, SchemaOf),
    /// 202 with the path of a job.
    Job,
    /// 202 with the path of a job, or 200 with JSON where nothing is to be done.
    JobOr(SchemaOf),
    /// This status and no body.
    Empty(u16),
    /// How a job stands.
    Poll,
    /// Text.
    Text,
    /// A file.
    File,
    /// Server-sent events; `data` has this schema.
    Events(SchemaOf),
    /// Any JSON object.
    Object,
}

const fn schema<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

impl About {
    const fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self { method, path, summary, body: Body::None, answer: Answer::Job, query: &[], open: false }
    }

    pub(super) const fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new("GET", path, summary)
    }

    pub(super) const fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new("POST", path, summary)
    }

    pub(super) const fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new("DELETE", path, summary)
    }

    /// With a body of this type.
    pub(super) const fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Body::Needed(schema::<T>()), ..self }
    }

    /// With a body of this type, or none.
    pub(super) const fn may_take<T: JsonSchema>(self) -> Self {
        Self { body: Body::Optional(schema::<T>()), ..self }
    }

    /// 200 with JSON of this type.
    pub(super) const fn json<T: JsonSchema>(self) -> Self {
        self.json_as::<T>(200)
    }

    /// This status with JSON of this type.
    pub(super) const fn json_as<T: JsonSchema>(self, status: u16) -> Self {
        Self { answer: Answer::Json(status, schema::<T>()), ..self }
    }

    /// 202, or 200 with JSON of this type.
    pub(super) const fn job_or<T: JsonSchema>(self) -> Self {
        Self { answer: Answer::JobOr(schema::<T>()), ..self }
    }

    /// Server-sent events of this type.
    pub(super) const fn events<T: JsonSchema>(self) -> Self {
        Self { answer: Answer::Events(schema::<T>()), ..self }
    }

    pub(super) const fn answers(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// With these parameters of the query.
    pub(super) const fn query(self, query: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    /// For everyone.
    pub(super) const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}
