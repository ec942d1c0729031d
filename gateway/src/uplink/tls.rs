//! Whom the uplink trusts, and how it shows who it is. The only file that knows the TLS library.
//!
//! Certificates are files that somebody renews: they are read with the settings, where every
//! mistake in them is told, and again before each connection, where one that cannot be read
//! leaves those of before in use. Nothing can be turned off: a broker whose certificate does not
//! hold is told nothing.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Which files say whom to trust and who the box is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of those who may vouch for the broker.
    pub ca: PathBuf,
    /// The box's own certificate with what leads to the broker's authority, and its key.
    pub identity: Option<Identity>,
    /// The name that the broker's certificate must carry, if not the host's.
    pub server_name: Option<String>,
}

/// Two files that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What stood in the files when they were read.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    fingerprint: u64,
    config: Arc<ClientConfig>,
}

/// A mistake in one of the files, with the key of the settings that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsMistake {
    /// `ca`, `certificate`, `key` or `server_name`.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
}

/// Who has to mend a connection that TLS did not let be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blame {
    /// The broker's certificate does not hold.
    Broker(String),
    /// The broker does not take the box's.
    Gateway(String),
}

impl Tls {
    /// Reads all files; every mistake in them.
    pub fn read(files: TlsFiles) -> Result<Tls, Vec<TlsMistake>> {
        let mut reading = Reading::default();
        let roots = reading.file("ca", &files.ca, roots);
        let identity = files.identity.as_ref().and_then(|identity| {
            let chain = reading.file("certificate", &identity.certificate, chain);
            let key = reading.file("key", &identity.key, key);
            chain.zip(key)
        });
        let name = files.server_name.clone().and_then(|name| {
            reading.take("server_name", ServerName::try_from(name).map_err(|e| e.to_string()))
        });
        let Reading { hasher, mut mistakes } = reading;
        match roots.filter(|_| mistakes.is_empty()) {
            Some(roots) => {
                let config = config(roots, identity, name).map_err(|mistake| vec![mistake])?;
                Ok(Tls { files, fingerprint: hasher.finish(), config: Arc::new(config) })
            }
            None => {
                mistakes.sort_by_key(|mistake| mistake.key);
                Err(mistakes)
            }
        }
    }

    /// The files as they are now; those of before if a new one has a mistake.
    pub(super) async fn again(self) -> Tls {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || Tls::read(files)).await {
            Ok(Ok(read)) => read,
            Ok(Err(mistakes)) => {
                let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                let mistakes = mistakes.join("; ");
                tracing::error!(
                    mistakes,
                    "The certificates have a mistake, those of before are used."
                );
                self
            }
            Err(_) => self,
        }
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

impl PartialEq for Tls {
    /// Whether a connection would be made with the same files and the same that stands in them.
    fn eq(&self, other: &Tls) -> bool {
        self.files == other.files && self.fingerprint == other.fingerprint
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

impl fmt::Display for TlsMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Whether a connection broke because somebody's certificate does not hold.
pub(super) fn blame(error: &(dyn std::error::Error + 'static)) -> Option<Blame> {
    let mut looked_at = Some(error);
    while let Some(error) = looked_at {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inside = inside.and_then(|inside| inside.downcast_ref::<rustls::Error>());
        if let Some(error) = inside.or_else(|| error.downcast_ref::<rustls::Error>()) {
            let alert = matches!(error, rustls::Error::AlertReceived(_));
            let reason = error.to_string();
            return Some(if alert { Blame::Gateway(reason) } else { Blame::Broker(reason) });
        }
        looked_at = error.source();
    }
    None
}

/// Files being read.
#[derive(Default)]
struct Reading {
    hasher: DefaultHasher,
    mistakes: Vec<TlsMistake>,
}

impl Reading {
    fn file<T>(
        &mut self,
        key: &'static str,
        path: &Path,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Option<T> {
        let place = path.display();
        let parsed = match std::fs::read(path) {
            Ok(bytes) => {
                bytes.hash(&mut self.hasher);
                parse(&bytes).map_err(|what| format!("{place}: {what}"))
            }
            Err(error) => Err(format!("{place} cannot be read: {error}")),
        };
        self.take(key, parsed)
    }

    fn take<T>(&mut self, key: &'static str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|what| self.mistakes.push(TlsMistake { key, what })).ok()
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(pem)? {
        roots.add(certificate).map_err(|error| format!("a certificate is of no use: {error}"))?;
    }
    Ok(roots)
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = read.map_err(|error| format!("this is no PEM: {error}"))?;
    if chain.is_empty() { Err("the file holds no CERTIFICATE".to_owned()) } else { Ok(chain) }
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| format!("the file holds no PRIVATE KEY that can be read: {error}"))
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn config(
    roots: RootCertStore,
    identity: Option<Chain>,
    name: Option<ServerName<'static>>,
) -> Result<ClientConfig, TlsMistake> {
    let provider = Arc::new(ring::default_provider());
    let told = |key| move |error: rustls::Error| TlsMistake { key, what: error.to_string() };
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| TlsMistake { key: "ca", what: error.to_string() })?;
    let verifier: Arc<dyn ServerCertVerifier> = match name {
        Some(name) => Arc::new(Named { name, verifier, provider: Arc::clone(&provider) }),
        None => verifier,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told("ca"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(told("key")),
        None => Ok(config.with_no_client_auth()),
    }
}

/// Verifies like the library does, for a name of the settings instead of the host's.
#[derive(Debug)]
struct Named {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        revocation: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(certificate, chain, &self.name, revocation, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
