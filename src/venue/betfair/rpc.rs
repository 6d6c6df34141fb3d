//! The envelopes of API-NG: JSON-RPC and REST, requests and answers, errors in both.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::code::ApiCode;

/// Which service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Markets and bets.
    Betting,
    /// Money and the person.
    Account,
    /// The dead man's switch.
    Heartbeat,
}

impl Service {
    /// What stands before the name of an operation in a JSON-RPC `method`.
    #[must_use]
    pub const fn method_prefix(self) -> &'static str {
        match self {
            Self::Betting => "SportsAPING/v1.0/",
            Self::Account => "AccountAPING/v1.0/",
            Self::Heartbeat => "HeartbeatAPING/v1.0/",
        }
    }

    const fn exception(self) -> &'static str {
        match self {
            Self::Betting | Self::Heartbeat => "APINGException",
            Self::Account => "AccountAPINGException",
        }
    }

    const fn message_prefix(self) -> &'static str {
        match self {
            Self::Betting => "ANGX",
            Self::Account => "AANGX",
            Self::Heartbeat => "HBT",
        }
    }
}

/// One JSON-RPC request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Always `2.0`.
    #[serde(default)]
    pub jsonrpc: String,
    /// Service and operation: `SportsAPING/v1.0/placeOrders`.
    pub method: String,
    /// The parameters.
    #[serde(default)]
    pub params: Value,
    /// Comes back in the answer.
    #[serde(default)]
    pub id: Value,
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcError {
    /// The body is no JSON, or no request.
    Unreadable,
    /// There is no such operation.
    UnknownMethod,
    /// A mandatory parameter is missing or of the wrong kind.
    BadParameter(String),
    /// The API's own exception.
    Api {
        /// Which.
        code: ApiCode,
        /// More, for a person.
        details: String,
    },
}

impl RpcError {
    /// The API's own exception.
    #[must_use]
    pub fn api(code: ApiCode, details: impl Into<String>) -> Self {
        let details = details.into();
        Self::Api { code, details }
    }

    const fn number(&self) -> i32 {
        match self {
            Self::Unreadable => -32_700,
            Self::UnknownMethod => -32_601,
            Self::BadParameter(_) => -32_602,
            Self::Api { .. } => -32_099,
        }
    }

    /// The short code for machines: `ANGX-0003`, `DSC-0018`.
    fn message(&self, service: Service) -> String {
        match self {
            Self::Unreadable => "DSC-0008".to_owned(),
            Self::UnknownMethod => "DSC-0021".to_owned(),
            Self::BadParameter(_) => "DSC-0018".to_owned(),
            Self::Api { code, .. } => {
                format!("{}-{:04}", service.message_prefix(), code.number())
            }
        }
    }

    /// The exception object with its name.
    fn exception(&self, service: Service) -> Option<Value> {
        let Self::Api { code, details } = self else {
            return None;
        };
        let name = service.exception();
        let mut exception = json!({ "exceptionname": name });
        exception[name] = json!({
            "errorCode": code,
            "errorDetails": details,
            "requestUUID": "local",
        });
        Some(exception)
    }

    /// As JSON-RPC has it, in an answer of status 200.
    #[must_use]
    pub fn to_rpc(&self, service: Service) -> Value {
        let mut error = json!({ "code": self.number(), "message": self.message(service) });
        if let Some(data) = self.exception(service) {
            error["data"] = data;
        }
        error
    }

    /// As REST has it, with its HTTP status.
    #[must_use]
    pub fn to_rest(&self, service: Service) -> (u16, Value) {
        let status = match self {
            Self::UnknownMethod => 404,
            _ => 400,
        };
        let detail = self.exception(service).unwrap_or_else(|| json!({}));
        let message = self.message(service);
        let fault = json!({ "faultcode": "Client", "faultstring": message, "detail": detail });
        (status, fault)
    }
}

/// One JSON-RPC answer.
#[must_use]
pub fn answer(service: Service, id: &Value, result: Result<Value, RpcError>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": without_nulls(result), "id": id }),
        Err(error) => json!({ "jsonrpc": "2.0", "error": error.to_rpc(service), "id": id }),
    }
}

/// The same without members that have no value: the venue leaves them out.
#[must_use]
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Why an answer brings no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// The API's own exception.
    #[error("{code}{}", aside(details))]
    Api {
        /// Which.
        code: ApiCode,
        /// More, for a person.
        details: String,
    },
    /// An error of the envelope, or one whose exception is missing.
    #[error("error {number}{}", aside(message))]
    Envelope {
        /// Its number.
        number: i64,
        /// Its short code.
        message: String,
    },
    /// It is no answer, or not to this request.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// More, in brackets; nothing if there is no more. The venue's words are made fit to be shown.
fn aside(words: &str) -> String {
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", crate::venue::excerpt(words.as_bytes(), 0, 200)),
    }
}

/// Reads the JSON-RPC answer to the request with this number.
///
/// # Errors
/// If it brings no result.
pub fn read_answer<T: DeserializeOwned>(body: &[u8], id: u64) -> Result<T, NoResult> {
    #[derive(Deserialize)]
    struct Envelope<T> {
        result: Option<T>,
        error: Option<Fault>,
        id: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Fault {
        #[serde(default)]
        code: i64,
        #[serde(default)]
        message: String,
        data: Option<Value>,
    }
    let unreadable = |what: String| NoResult::Unreadable(aside(&what).trim_start().to_owned());
    let envelope: Envelope<T> =
        serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    match (envelope.result, envelope.error) {
        (None, Some(fault)) => Err(match fault.data.as_ref().and_then(exception) {
            Some((code, details)) => NoResult::Api { code, details },
            None => NoResult::Envelope {
                number: fault.code,
                message: fault.message,
            },
        }),
        (Some(result), None) if envelope.id == Some(json!(id)) => Ok(result),
        (Some(_), None) => Err(unreadable("it answers another request".to_owned())),
        _ => Err(unreadable("it has no result".to_owned())),
    }
}

/// Code and details of an exception, under whatever name it stands.
fn exception(data: &Value) -> Option<(ApiCode, String)> {
    let members = data.as_object()?;
    let exception = members
        .values()
        .find(|value| value.get("errorCode").is_some())?;
    let code = exception["errorCode"].as_str()?;
    let details = exception["errorDetails"].as_str().unwrap_or_default();
    Some((ApiCode::from(code), details.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_looks_as_documented_in_both_envelopes() {
        let error = RpcError::api(ApiCode::InvalidSession, "");
        let rpc = answer(Service::Betting, &json!(1), Err(error.clone()));
        assert_eq!(
            rpc,
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32099, "message": "ANGX-0003", "data": {
                "exceptionname": "APINGException",
                "APINGException": {"errorCode": "INVALID_SESSION_INFORMATION", "errorDetails": "", "requestUUID": "local"},
            }}})
        );
        let (status, rest) = error.to_rest(Service::Account);
        assert_eq!(status, 400);
        assert_eq!(rest["faultstring"], "AANGX-0003");
        assert_eq!(rest["detail"]["exceptionname"], "AccountAPINGException");
    }

    #[test]
    fn an_error_of_the_envelope_has_no_data() {
        let missing = RpcError::BadParameter("wallet".to_owned());
        let error = missing.to_rpc(Service::Account);
        assert_eq!(error, json!({"code": -32602, "message": "DSC-0018"}));
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        let value = json!({"a": null, "b": [{"c": null, "d": 0}], "e": ""});
        assert_eq!(without_nulls(value), json!({"b": [{"d": 0}], "e": ""}));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written_and_only_by_whom_it_is_for() {
        let told =
            |result| serde_json::to_vec(&answer(Service::Account, &json!(7), result)).unwrap();
        assert_eq!(read_answer::<u8>(&told(Ok(json!(5))), 7), Ok(5));
        let other = read_answer::<u8>(&told(Ok(json!(5))), 8).unwrap_err();
        assert!(other.to_string().contains("another request"), "{other}");
        let error = told(Err(RpcError::api(ApiCode::ServiceBusy, "later")));
        let busy = read_answer::<u8>(&error, 7).unwrap_err();
        assert_eq!(busy.to_string(), "SERVICE_BUSY (later)");
        let error = told(Err(RpcError::UnknownMethod));
        let envelope = read_answer::<u8>(&error, 7).unwrap_err();
        assert_eq!(envelope.to_string(), "error -32601 (DSC-0021)");
        for text in [
            "",
            "<html>\u{1b}[2J</html>",
            "{}",
            "[]",
            r#"{"id":7}"#,
            r#"{"result":"x","id":7}"#,
        ] {
            let error = read_answer::<u8>(text.as_bytes(), 7).unwrap_err();
            assert!(matches!(error, NoResult::Unreadable(_)), "{text}: {error}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
    }
}
