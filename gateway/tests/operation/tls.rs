//! The way to a real Mosquitto that asks for certificates.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::program::Program;

/// Someone who vouches for others.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = called("the authority", Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Writes `{name}.pem` and `{name}.key` for a host.
    fn vouch(&self, folder: &Path, name: &str, host: &str) {
        let params = called(name, vec![host.to_owned()]);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("a file");
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("a file");
    }

    fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(name), &self.pem).expect("a file");
    }
}

fn called(name: &str, hosts: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A broker that wants to know who calls. It is called `broker.example`, wherever it stands.
struct Mosquitto {
    port: u16,
    child: Child,
}

impl Mosquitto {
    fn start(folder: &Path) -> Mosquitto {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let place = folder.display();
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\ncafile {place}/ca.pem\n\
             certfile {place}/broker.pem\nkeyfile {place}/broker.key\n\
             require_certificate true\npersistence false\nuser root\n"
        );
        let file = folder.join("mosquitto.conf");
        std::fs::write(&file, settings).expect("settings");
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new("mosquitto")
            .env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"))
            .arg("-c")
            .arg(file)
            .spawn()
            .expect("Mosquitto is installed");
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the broker never listens");
            std::thread::sleep(Duration::from_millis(5));
        }
        Mosquitto { port, child }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with an authority, its broker and its box; the authority of others is `other.pem`.
fn world() -> (TempDir, Authority, Mosquitto) {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    authority.write(folder.path(), "ca.pem");
    authority.vouch(folder.path(), "broker", "broker.example");
    authority.vouch(folder.path(), "box", "mall-01");
    Authority::new().write(folder.path(), "other.pem");
    let mosquitto = Mosquitto::start(folder.path());
    (folder, authority, mosquitto)
}

fn with_tls(text: &str, port: u16, tls: &str) -> String {
    let broker = format!("address = \"127.0.0.1:{port}\"\ntls = {{ {tls} }}");
    text.replacen("address = \"127.0.0.1:1\"", &broker, 1)
}

const NAME: &str = "server_name = \"broker.example\"";
const IDENTITY: &str = "certificate = \"box.pem\", key = \"box.key\"";

/// Starts a gateway with these certificates and waits until it says this.
#[track_caller]
fn check(tls: &str, says: &str) {
    let (folder, _authority, mosquitto) = world();
    let program = Program::start_in(folder, |text| with_tls(&text, mosquitto.port, tls));
    program.wait_until(says, || program.log().contains(says));
    assert!(program.stop());
}

#[test]
fn a_box_with_its_certificate_is_let_in() {
    check(&format!("ca = \"ca.pem\", {IDENTITY}, {NAME}"), "Connected to the broker.");
}

#[test]
fn a_box_without_one_is_refused() {
    check(&format!("ca = \"ca.pem\", {NAME}"), "The broker refuses this gateway.");
}

#[test]
fn a_broker_of_another_name_is_told_nothing() {
    let other = "server_name = \"centre.example\"";
    check(&format!("ca = \"ca.pem\", {IDENTITY}, {other}"), "The broker cannot be trusted");
    check(&format!("ca = \"ca.pem\", {IDENTITY}"), "The broker cannot be trusted");
}

#[test]
fn a_broker_of_another_authority_is_told_nothing() {
    check(&format!("ca = \"other.pem\", {IDENTITY}, {NAME}"), "The broker cannot be trusted");
}

#[test]
fn renewed_certificates_are_taken_up_without_a_word_and_broken_ones_leave_the_old_ones_in_use() {
    let (folder, authority, mosquitto) = world();
    let tls = format!("ca = \"other.pem\", {IDENTITY}, {NAME}");
    let program = Program::start_in(folder, |text| with_tls(&text, mosquitto.port, &tls));
    let says = |text: &str| program.wait_until(text, || program.log().contains(text));
    says("The broker cannot be trusted");
    std::fs::write(program.folder.path().join("box.key"), "nothing").expect("a file");
    says("The certificates have a mistake, those of before are used.");
    authority.vouch(program.folder.path(), "box", "mall-01");
    authority.write(program.folder.path(), "other.pem");
    says("Connected to the broker.");
}

#[test]
fn every_mistake_in_the_files_is_told_at_once() {
    let program = Program::start();
    let tls = "ca = \"nowhere.pem\", certificate = \"gateway.toml\", key = \"gateway.toml\", \
               server_name = \"no host\"";
    program.reload(&with_tls(&program.site(), 1, tls));
    let stays = "The old settings stay in force.";
    program.wait_until(stays, || program.log().contains(stays));
    for hint in [
        "tls.ca: ",
        "nowhere.pem cannot be read",
        "tls.certificate: ",
        "tls.key: ",
        "tls.server_name: ",
    ] {
        assert!(program.log().contains(hint), "{hint}: {}", program.log());
    }
}
