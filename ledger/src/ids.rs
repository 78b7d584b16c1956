//! Identities as types of their own, so that they can't be mixed up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One stream of sales within which an order id is unique: `[a-z0-9-]{1,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dataset(String);

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

/// One SalesImport (its uid) or one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportId(pub Uuid);

/// One try to have an import's file in the ledger, numbered from 1. Retries of a Job are one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Run(pub u32);

/// SHA-256 of a file's decompressed bytes; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// A name that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `[a-z0-9-]{1,63}`.
    #[error("the dataset {0:?} is not a name of 1 to 63 letters a-z, digits and dashes")]
    Dataset(String),
    /// Not three capital letters.
    #[error("the currency {0:?} is not an ISO 4217 code such as SGD")]
    Currency(String),
    /// Not a UUID.
    #[error("the import id {0:?} is not a UUID")]
    ImportId(String),
    /// Not a whole number from 1 on.
    #[error("the run {0:?} is not a whole number from 1 on")]
    Run(String),
    /// Not 64 hexadecimal digits.
    #[error("the digest {0:?} is not 64 hexadecimal digits")]
    Digest(String),
}

impl Dataset {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Dataset {
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for Dataset {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Dataset(text.into()))
        }
    }
}

impl Currency {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self("SGD".into())
    }
}

impl FromStr for Currency {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Currency(text.into()))
        }
    }
}

impl ImportId {
    /// An id for an import that has none: an upload, a load by hand.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for ImportId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError::ImportId(text.into()))
    }
}

impl FromStr for Run {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.parse() {
            Ok(run @ 1..=0x7fff_ffff) => Ok(Self(run)),
            _ => Err(IdError::Run(text.into())),
        }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self(1)
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::Digest(text.into());
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = &text[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for ImportId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

serde_as_text!(Dataset, Currency, Digest);

#[cfg(feature = "schema")]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Currency, Dataset, Digest, ImportId, Run};

    macro_rules! inline_schema {
        ($($name:ident => $schema:tt),*) => {$(
            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )*};
    }

    inline_schema!(
        Dataset => { "type": "string", "pattern": "^[a-z0-9-]{1,63}$", "maxLength": 63 },
        Currency => { "type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3 },
        Digest => { "type": "string", "maxLength": 64 },
        ImportId => { "type": "string", "maxLength": 36 },
        Run => { "type": "integer", "format": "int32", "minimum": 1 }
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_are_lowercase_labels() {
        for good in ["default", "a", "shop-7", &"x".repeat(63)] {
            assert!(good.parse::<Dataset>().is_ok(), "{good}");
        }
        for bad in ["", "Shop", "a_b", "a b", "é", &"x".repeat(64), "a;drop table sale"] {
            assert!(bad.parse::<Dataset>().is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_are_three_capitals() {
        assert!("EUR".parse::<Currency>().is_ok());
        for bad in ["", "sgd", "EURO", "S$", "ÄÖ"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_are_shown_as_they_are_read() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        for bad in ["", "00", &"zz".repeat(32), &"é".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn runs_count_from_one() {
        assert_eq!("1".parse(), Ok(Run(1)));
        for bad in ["0", "-1", "", "x", "4294967296"] {
            assert!(bad.parse::<Run>().is_err(), "{bad}");
        }
    }
}
