//! What a source is opened with: files of a folder, such as a mounted Secret, or variables of the
//! environment, under the same names. Nothing of them is ever shown, not even what is wrong with
//! one beyond its name.
//!
//! Only these names are read, never another file of the folder: who may write a SalesImport but
//! not read Secrets can't have any other of them sent to a place of their own.

use std::{fs::File, io::Read, path::PathBuf};

use ledger::outcome::Reason;
use reqwest::{
    Certificate,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

/// A token that is sent to a web server.
const BEARER_TOKEN: &str = "TAKINGS_BEARER_TOKEN";
/// Headers that are sent to a web server, one a line.
const HEADERS: &str = "TAKINGS_HEADERS";
/// Authorities that are trusted beside the system's, in PEM.
const AUTHORITIES: &str = "ca.crt";
/// More than any key, token or bundle of authorities has.
const MAX_BYTES: u64 = 1024 * 1024;
/// Headers that say which bytes are wanted, or how the connection goes on.
const RESERVED: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-match",
    "if-range",
    "range",
    "te",
    "transfer-encoding",
];

/// Where credentials are.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// A folder with a file for each; the environment is then not looked at. `None`: the
    /// environment.
    pub folder: Option<PathBuf>,
    /// Authorities that are trusted beside the system's, in PEM. `None`: `ca.crt` of the folder,
    /// where it has one.
    pub authorities: Option<PathBuf>,
}

/// Credentials that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file that is there can't be read.
    #[error("The credentials' file {path} can't be read: {cause}.")]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// Something that is no value of its kind.
    #[error("{name} of the credentials can't be used: {problem}.")]
    Invalid {
        /// Its name: of the file, or of the variable.
        name: &'static str,
        /// What is wrong with it, without the value.
        problem: String,
    },
    /// Some that are missing, or that are there and no good.
    #[error(
        "The credentials can't be used: what is needed are {names}, each a key of the Secret or a \
         variable of the environment."
    )]
    Unusable {
        /// The names that are looked for.
        names: String,
    },
}

impl Credentials {
    /// The value of that name, without white space around it; `None` where it is not there or
    /// empty.
    pub(super) fn get(&self, name: &'static str) -> Result<Option<String>, CredentialsError> {
        let value = match &self.folder {
            Some(folder) => read(folder.join(name))?,
            None => std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes),
        };
        let Some(value) = value else { return Ok(None) };
        let value = String::from_utf8(value).map_err(|_| invalid(name, "it is not text"))?;
        Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty()))
    }

    /// The first of these sets of which every name is there; those on the right only from the
    /// environment, as they name files. `None` where none of all names is there; an error where
    /// just some are, or where a folder has neither any nor authorities.
    pub(super) fn set(
        &self,
        anywhere: &[&[&'static str]],
        environment_only: &[&[&'static str]],
    ) -> Result<Option<Vec<(&'static str, String)>>, CredentialsError> {
        let environment_only = if self.folder.is_none() { environment_only } else { &[] };
        let mut is_partial = false;
        for names in anywhere.iter().chain(environment_only) {
            let values = names.iter().map(|&name| Ok(self.get(name)?.map(|value| (name, value))));
            let found: Vec<_> = values.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            if found.len() == names.len() {
                return Ok(Some(found));
            }
            is_partial |= !found.is_empty();
        }
        let has_authorities = |folder: &PathBuf| folder.join(AUTHORITIES).exists();
        if is_partial || self.folder.as_ref().is_some_and(|folder| !has_authorities(folder)) {
            let sets: Vec<_> = anywhere.iter().map(|names| names.join(" and ")).collect();
            return Err(CredentialsError::Unusable { names: sets.join(", or ") });
        }
        Ok(None)
    }

    /// What is sent to a web server: a bearer token, further headers.
    pub(super) fn headers(&self) -> Result<HeaderMap, CredentialsError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = self.get(BEARER_TOKEN)? {
            let value = secret(&format!("Bearer {token}"));
            let value = value.ok_or_else(|| invalid(BEARER_TOKEN, "it is not one line of text"))?;
            headers.insert(AUTHORIZATION, value);
        }
        let lines = self.get(HEADERS)?.unwrap_or_default();
        for (index, line) in lines.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let (name, value) = header(line).ok_or_else(|| {
                invalid(HEADERS, format!("line {} is no `Name: value`", index + 1))
            })?;
            if RESERVED.contains(&name.as_str()) {
                return Err(invalid(HEADERS, format!("the header {name} is the importer's own")));
            }
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// Authorities that are trusted beside the system's.
    pub(super) fn authorities(&self) -> Result<Vec<Certificate>, CredentialsError> {
        let pem = match (&self.authorities, &self.folder) {
            (Some(path), _) => Some(read(path.clone())?.ok_or_else(|| {
                CredentialsError::Unreadable { path: path.clone(), cause: "it is not there".into() }
            })?),
            (None, Some(folder)) => read(folder.join(AUTHORITIES))?,
            (None, None) => None,
        };
        let Some(pem) = pem else { return Ok(Vec::new()) };
        let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(invalid(AUTHORITIES, "it holds no certificate in PEM"));
        }
        Ok(certificates)
    }
}

impl CredentialsError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::InvalidArgument
    }
}

pub(super) fn invalid(name: &'static str, problem: impl Into<String>) -> CredentialsError {
    CredentialsError::Invalid { name, problem: problem.into() }
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, secret(value.trim())?))
}

/// A value that no log of a library shows.
fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A file's bytes; `None` where there is no such file.
fn read(path: PathBuf) -> Result<Option<Vec<u8>>, CredentialsError> {
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CredentialsError::Unreadable { path, cause: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = format!("takings-credentials-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for (name, text) in files {
                std::fs::write(folder.join(name), text).unwrap();
            }
            Self(folder)
        }

        fn credentials(&self) -> Credentials {
            Credentials { folder: Some(self.0.clone()), authorities: None }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_token_and_headers_are_read_and_never_shown() {
        let text = "X-Shop: s3cret\n\n X-Key :  s3cret: 2 \r\n";
        let files = [("TAKINGS_BEARER_TOKEN", "s3cret\n"), ("TAKINGS_HEADERS", text)];
        let folder = Folder::new("headers", &files);
        let headers = folder.credentials().headers().unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer s3cret");
        assert_eq!(
            (&headers["x-shop"], &headers["x-key"]),
            (&"s3cret".parse().unwrap(), &"s3cret: 2".parse().unwrap())
        );
        assert!(!format!("{headers:?}").contains("s3cret"), "{headers:?}");
    }

    #[test]
    fn what_is_no_header_is_told_by_its_line_and_not_shown() {
        for (text, told) in [
            ("X-Shop: a\ns3cret", "line 2"),
            ("s3cret key: a", "line 1"),
            ("X-Shop: s3cret\u{7}", "line 1"),
            ("Host: s3cret", "the header host"),
            ("range: bytes=1-", "the header range"),
        ] {
            let folder = Folder::new("invalid", &[("TAKINGS_HEADERS", text)]);
            let error = folder.credentials().headers().unwrap_err();
            assert_eq!(error.reason(), Reason::InvalidArgument);
            let message = error.to_string();
            assert!(message.contains(told) && !message.contains("s3cret"), "{message}");
        }
        let folder = Folder::new("token", &[("TAKINGS_BEARER_TOKEN", "s3\ncret")]);
        let message = folder.credentials().headers().unwrap_err().to_string();
        assert!(!message.contains("cret"), "{message}");
    }

    #[test]
    fn what_is_not_there_is_none_and_a_folder_hides_the_environment() {
        let folder = Folder::new("none", &[("AWS_REGION", " \n")]);
        let credentials = folder.credentials();
        assert_eq!(credentials.get("PATH").unwrap(), None);
        assert_eq!(credentials.get("AWS_REGION").unwrap(), None);
        assert!(Credentials::default().get("PATH").unwrap().is_some());
        assert!(credentials.headers().unwrap().is_empty());
        assert!(credentials.authorities().unwrap().is_empty());
    }

    #[test]
    fn authorities_are_certificates_or_an_error() {
        let folder = Folder::new("ca", &[("ca.crt", "no certificate")]);
        assert!(folder.credentials().authorities().is_err());
        let missing = Credentials { authorities: Some(folder.0.join("x")), folder: None };
        let message = missing.authorities().unwrap_err().to_string();
        assert!(message.contains("is not there"), "{message}");
    }
}
