//! The compatibility form of an answer: `{"status":…,"message":…,"data":…}`, numbers as numbers.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ledger::Decimal;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// What existing clients read around each answer.
#[derive(Debug, Serialize)]
pub(crate) struct Envelope<T> {
    status: u16,
    message: String,
    data: T,
}

/// A decimal as a JSON number with all its digits, never by way of a float. It must go straight
/// to text: `serde_json::to_value` would make a float of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) Decimal);

impl<T: Serialize> Envelope<T> {
    /// An answer of any status.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>, data: T) -> Self {
        Self { status: status.as_u16(), message: message.into(), data }
    }

    /// 200 with the message that existing clients look for.
    pub(crate) fn success(data: T) -> Self {
        Self::new(StatusCode::OK, "success", data)
    }
}

impl<T: Serialize> IntoResponse for Envelope<T> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_digits_that_a_float_would_lose() {
        for text in ["55.1", "0.436", "-196.2", "0", "90071992547409931234.000000001"] {
            let answer = Envelope::success(Number(text.parse().unwrap()));
            let json = serde_json::to_string(&answer).unwrap();
            assert_eq!(json, format!(r#"{{"status":200,"message":"success","data":{text}}}"#));
        }
    }
}
