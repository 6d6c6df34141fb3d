//! What answers and questions are made of.

use serde_json::{Value, json};

/// An answer: its status, and its body; null is an empty one.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Told {
    pub(super) const fn document(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            body: json!({ "code": code, "message": message }),
        }
    }
}

/// The parameters of a question.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Self {
        Self(super::super::http::form(text.as_bytes()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A number of the question; the error says which is missing.
    pub(super) fn number(&self, name: &str) -> Result<i64, Told> {
        let number = self.get(name).and_then(|text| text.parse().ok());
        number.ok_or_else(|| {
            let message = format!("{name} is missing or not valid");
            Told::error(400, "INVALID_REQUEST_DATA", &message)
        })
    }

    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name)
            .map(|text| text.split(',').collect())
            .unwrap_or_default()
    }
}

/// Decimal odds in one of the venue's forms.
pub(super) fn formatted(decimal: f64, format: &str) -> f64 {
    let profit = decimal - 1.0;
    let round = |odds: f64, digits: f64| (odds * digits).round() / digits;
    match format.to_ascii_uppercase().as_str() {
        "DECIMAL" => decimal,
        "HONGKONG" => round(profit, 1_000.0),
        "INDONESIAN" if profit >= 1.0 => round(profit, 1_000.0),
        "INDONESIAN" => round(-1.0 / profit, 1_000.0),
        "MALAY" if profit <= 1.0 => round(profit, 1_000.0),
        "MALAY" => round(-1.0 / profit, 1_000.0),
        _ if profit >= 1.0 => (profit * 100.0).round(),
        _ => (-100.0 / profit).round(),
    }
}

/// What a header of basic authentication holds.
pub(super) fn from_base64(text: &str) -> Option<String> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == letter)?;
        bits = (bits << 6) | u32::try_from(digit).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_read_and_odds_take_every_form() {
        assert_eq!(
            from_base64("YW5uOnNlc2FtZQ==").as_deref(),
            Some("ann:sesame")
        );
        assert_eq!(from_base64("%"), None);
        for (decimal, format, odds) in [
            (2.5, "American", 150.0),
            (1.5, "AMERICAN", -200.0),
            (1.5, "HongKong", 0.5),
            (3.0, "MALAY", -0.5),
            (1.5, "INDONESIAN", -2.0),
        ] {
            let made = formatted(decimal, format);
            assert!((made - odds).abs() < 1e-9, "{made} {format}");
        }
    }
}
