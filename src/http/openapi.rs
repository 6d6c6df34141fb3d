//! The OpenAPI document, made of the table of routes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::app::App;
use super::auth::Need;
use super::problem::{KIND as PROBLEM, ProblemDocument};
use super::reply;
use super::routes::{Answer, Kind, Param, ROUTES, Route};
use crate::engine::ReasonCode;

/// An object of any kind.
pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

pub(super) async fn document(State(_): State<App>) -> Response {
    reply::json(StatusCode::OK, "application/json", &describe())
}

/// The whole document.
fn describe() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<ProblemDocument>();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route, &mut generator, &problem);
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "bea",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The state of a host that runs betting strategies, its records, and its kill switch.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), answer(route, generator));
    let told = json!({
        "description": "A problem, as RFC 9457 has it.",
        "content": { PROBLEM: { "schema": problem } },
    });
    let mut codes = vec![400, 403, 405, 414, 429, 500, 503];
    if route.need != Need::Nothing {
        codes.push(401);
    }
    if route.body.is_some() {
        codes.extend([409, 413, 415]);
    }
    codes.extend(route.codes);
    for code in codes {
        // A supervisor's document has its own form for both of its codes.
        let is_health =
            matches!(route.answer, Answer::Json(kind, _) if kind.ends_with("health+json"));
        let told = match code {
            503 if is_health => answer(route, generator),
            _ => told.clone(),
        };
        responses.insert(code.to_string(), told);
    }
    if matches!(route.answer, Answer::Data(..)) && route.method == "get" {
        let unchanged = json!({ "description": "What If-None-Match names is still so." });
        responses.insert("304".to_owned(), unchanged);
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses,
    });
    if let Some(describe) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": describe(generator) } },
        });
    }
    if route.need != Need::Nothing {
        // Without tokens this machine may look, and stop.
        let mut ways = vec![json!({ "token": [] })];
        if route.need != Need::Control {
            ways.push(json!({}));
        }
        operation["security"] = ways.into();
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1");
    let words: Vec<&str> = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    format!("{}_{}", route.method, words.join("_"))
}

fn answer(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let (kind, schema) = match route.answer {
        Answer::Data(name, describe) => {
            let data = describe(generator);
            let schema = json!({
                "type": "object",
                "required": ["schema", "run", "currency", "generated_at", "data", "next"],
                "properties": {
                    "schema": { "const": name },
                    "run": { "type": "integer" },
                    "currency": { "type": "string" },
                    "generated_at": { "type": "string" },
                    "data": data,
                    "next": { "type": ["string", "null"] },
                },
            });
            ("application/json", schema)
        }
        Answer::Json(kind, describe) => (kind, describe(generator).to_value()),
        Answer::Other(kind) => (kind, json!({ "type": "string" })),
        Answer::Socket => {
            return json!({ "description": "A WebSocket is opened with 101 instead." });
        }
    };
    json!({
        "description": route.summary,
        "content": { kind: { "schema": schema } },
    })
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut all: Vec<Value> = route.params.iter().map(parameter).collect();
    if route.body.is_some() {
        all.push(json!({
            "name": "X-Requested-With",
            "in": "header",
            "required": true,
            "description": "Any word: a page elsewhere cannot send it.",
            "schema": { "type": "string", "minLength": 1, "pattern": "^[!-~]+$" },
        }));
        all.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "A request that is sent again under the same key is not done again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
        }));
    }
    all
}

/// Texts without control characters.
const NO_CONTROLS: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

fn parameter(param: &Param) -> Value {
    let (place, schema) = match param.kind {
        Kind::Path => ("path", json!({ "type": "string", "minLength": 1 })),
        Kind::Text(most) => (
            "query",
            json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": NO_CONTROLS }),
        ),
        Kind::Number(least, most) => (
            "query",
            json!({ "type": "integer", "minimum": least, "maximum": most }),
        ),
        Kind::Code => {
            let codes = ReasonCode::ALL.map(ReasonCode::as_str);
            ("query", json!({ "type": "string", "enum": &codes[..] }))
        }
        Kind::Choice(words) => ("query", json!({ "type": "string", "enum": words })),
    };
    json!({
        "name": param.name,
        "in": place,
        "required": matches!(param.kind, Kind::Path),
        "description": param.help,
        "schema": schema,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_and_every_reference_leads_somewhere() {
        let document = describe();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        let routes: BTreeSet<(String, String)> = ROUTES
            .iter()
            .map(|route| (route.path.to_owned(), route.method.to_owned()))
            .collect();
        assert_eq!(described, routes);
        let text = document.to_string();
        let names = document["components"]["schemas"].as_object().unwrap();
        for (_, rest) in text
            .match_indices("#/components/schemas/")
            .map(|(at, found)| text.split_at(at + found.len()))
        {
            let name = rest.split('"').next().unwrap();
            assert!(names.contains_key(name), "{name} is not described");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let ids: BTreeSet<String> = ROUTES.iter().map(operation_id).collect();
        assert_eq!(ids.len(), ROUTES.len());
        assert!(ids.contains("post_strategies_name_reload"));
    }
}
