//! A certificate authority for one server or one cluster: made, used for a handful of
//! certificates and forgotten; its key is never written down.

use crate::cache;
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use std::path::{Path, PathBuf};

/// An authority that signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The user, to Kubernetes.
    pub common_name: &'a str,
    /// The group, to Kubernetes.
    pub organization: Option<&'a str>,
    /// The DNS names and addresses under which a server is called.
    pub names: &'a [&'a str],
}

/// Where a certificate and its key were written.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Writes the authority's own certificate.
    pub fn write(&self, path: &Path) -> Result<()> {
        cache::write(path, &self.certificate)
    }

    /// Makes a certificate for `subject` and writes it to `folder` as `NAME.crt` and `NAME.key`.
    pub fn issue(&self, folder: &Path, name: &str, subject: Subject<'_>) -> Result<KeyFiles> {
        let names: Vec<_> = subject.names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject.common_name);
        if let Some(organization) = subject.organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let files = KeyFiles {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        cache::write(&files.certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        cache::write_secret(&files.key, key.serialize_pem())?;
        Ok(files)
    }
}
