//! What is answered about the person and the money, and to whoever logs in.

use serde::{Deserialize, Serialize};

/// The result of `getAccountFunds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountFunds {
    /// Free to bet with.
    pub available_to_bet_balance: f64,
    /// What open bets could lose, as a negative number.
    pub exposure: Option<f64>,
    /// Commission held back.
    pub retained_commission: Option<f64>,
    /// The most that open bets may lose, as a negative number.
    pub exposure_limit: Option<f64>,
    /// Part of the commission that the account is spared, in percent.
    pub discount_rate: Option<f64>,
}

/// The result of `getAccountDetails`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDetails {
    /// The money, such as `GBP`.
    pub currency_code: String,
    /// Where the account was opened.
    pub country_code: Option<String>,
    /// By whose rules.
    pub region: Option<String>,
    /// Its clock.
    pub timezone: Option<String>,
}

/// The result of `heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatReport {
    /// What was done since the last one: `NONE` if nothing was.
    pub action_performed: String,
    /// How long the venue waits from now on; 0 if it does not.
    pub actual_timeout_seconds: u32,
}

/// The answer to a login, to `keepAlive` and to `logout`, in the words of either service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IdentityAnswer {
    token: Option<String>,
    session_token: Option<String>,
    status: Option<String>,
    login_status: Option<String>,
    error: Option<String>,
}

/// Reads the answer to a login, to `keepAlive` or to `logout`: the token, which is a secret, or the code of the refusal.
///
/// # Errors
/// If it is no such answer. The text is not told, since it may hold a token.
pub fn read_identity(body: &[u8]) -> Result<Result<String, String>, serde_json::Error> {
    let answer: IdentityAnswer = serde_json::from_slice(body)?;
    let status = answer.login_status.or(answer.status);
    let Some(status) = status.filter(|status| !status.is_empty()) else {
        return Err(serde::de::Error::custom("it has no status"));
    };
    let token = answer.session_token.or(answer.token);
    Ok(match (status.as_str(), token) {
        ("SUCCESS", Some(token)) if !token.is_empty() => Ok(token),
        ("SUCCESS", _) => return Err(serde::de::Error::custom("it has no token")),
        // The interactive service says FAIL, and why beside it.
        _ => Err(answer
            .error
            .filter(|error| !error.is_empty())
            .unwrap_or(status)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_gives_a_token_or_a_code_in_the_words_of_both_services() {
        let refused = |code: &str| Some(Err(code.to_owned()));
        for (text, told) in [
            (
                r#"{"sessionToken":"t=","loginStatus":"SUCCESS"}"#,
                Some(Ok("t=".to_owned())),
            ),
            (
                r#"{"token":"t","product":"p","status":"SUCCESS","error":""}"#,
                Some(Ok("t".to_owned())),
            ),
            (
                r#"{"loginStatus":"CERT_AUTH_REQUIRED"}"#,
                refused("CERT_AUTH_REQUIRED"),
            ),
            (
                r#"{"token":"","status":"FAIL","error":"INPUT_VALIDATION_ERROR"}"#,
                refused("INPUT_VALIDATION_ERROR"),
            ),
            (
                r#"{"status":"LOGIN_RESTRICTED"}"#,
                refused("LOGIN_RESTRICTED"),
            ),
            (r#"{"status":"SUCCESS","token":""}"#, None),
            (r#"{"token":"t"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read_identity(text.as_bytes()).ok(), told, "{text}");
        }
    }

    #[test]
    fn recorded_answers_are_read() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/betfair/rest");
        if !folder.exists() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        for (name, is_success) in [
            ("cert_login.json", true),
            ("login_success.json", true),
            ("login_failure.json", false),
            ("bflw_login_fail.json", false),
            ("bflw_login_success.json", true),
            ("bflw_login_interactive_fail.json", false),
            ("bflw_login_interactive_success.json", true),
            ("bflw_keep_alive_fail.json", false),
            ("bflw_keep_alive_success.json", true),
            ("bflw_logout_fail.json", false),
            ("bflw_logout_success.json", true),
        ] {
            assert_eq!(
                read_identity(&read(name)).unwrap().is_ok(),
                is_success,
                "{name}"
            );
        }
    }
}
