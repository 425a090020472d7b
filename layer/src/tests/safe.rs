//! Keys and certificates: what is sent to whom.

use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use super::receiver::{Answer, Receiver, Tls};
use crate::{ApiKey, Error, Guard, Protocol, Settings};

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];
const LONG: Duration = Duration::from_secs(20);

fn variables(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::from_variables(&|name| {
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn is_refused(settings: Settings) -> bool {
    match settings.layer() {
        Err(Error::KeyInTheClear { endpoint }) => {
            assert!(!endpoint.contains("trk_"));
            true
        }
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    }
}

#[test]
fn a_key_is_not_sent_in_the_clear_to_another_machine() {
    let to = |endpoint: &str| Settings::new().endpoint(endpoint).flush(Duration::ZERO);
    for there in [
        "http://collector:4318",
        "http://10.0.0.7:4318",
        "http://localhost.example",
        "http://[2001:db8::1]:4318",
    ] {
        assert!(is_refused(to(there).api_key("trk_secret")), "{there}");
        assert!(is_refused(to(there).header("x-api-key", "trk_secret")), "{there}");
        assert!(is_refused(to(there).header("Authorization", "Bearer trk_secret")), "{there}");
        assert!(!is_refused(to(there).api_key("trk_secret").insecure(true)), "{there}");
        assert!(!is_refused(to(there).api_key("trk_secret").sign(true)), "it does not travel");
        assert!(!is_refused(to(there)), "there is none");
    }
    for here in [
        "http://localhost:4318",
        "http://127.0.0.1:4318",
        "http://127.8.9.1",
        "http://[::1]:4318",
        "https://collector",
    ] {
        assert!(!is_refused(to(here).api_key("trk_secret")), "{here}");
    }
}

#[test]
fn the_environment_can_hold_a_key_and_say_that_it_may_travel() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    let quick = |settings: Result<Settings, Error>| settings.unwrap().flush(Duration::ZERO);
    assert!(is_refused(quick(variables(&[endpoint, ("TREERING_API_KEY", "trk_secret")]))));
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "team=trees,Authorization=Bearer%20trk_secret");
    assert!(is_refused(quick(variables(&[endpoint, headers]))));
    assert!(!is_refused(quick(variables(&[endpoint, headers, ("TREERING_INSECURE", "true")]))));
    assert!(!is_refused(quick(variables(&[
        endpoint,
        headers,
        ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true")
    ]))));
    assert!(!is_refused(quick(variables(&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "team=trees")]))));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "trk_of_file\n").unwrap();
    let settings = variables(&[("TREERING_API_KEY_FILE", file.to_str().unwrap())]).unwrap();
    assert_eq!(settings.key(), Some(ApiKey::from("trk_of_file")));
    assert!(!format!("{settings:?}").contains("trk_"));
    std::fs::write(&file, " \n").unwrap();
    let empty = variables(&[("TREERING_API_KEY_FILE", file.to_str().unwrap())]).unwrap_err();
    assert!(empty.to_string().contains("it is empty"), "{empty}");
    let missing = variables(&[("TREERING_API_KEY_FILE", "/nowhere/key")]).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/key cannot be used"), "{missing}");
}

#[test]
fn the_key_travels_as_a_bearer_unless_a_header_says_who_this_is() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Success);
        send(receiver.settings().api_key("trk_1")).0.unwrap();
        send(receiver.settings().api_key("trk_1").header("authorization", "Bearer trk_2")).0.unwrap();
        receiver.look(|seen| {
            assert_eq!([&*seen[0].authorization, &*seen[1].authorization], ["Bearer trk_1", "Bearer trk_2"]);
        });
    }
}

/// Sends one step.
fn send(settings: Settings) -> (Result<(), Error>, Guard) {
    let (layer, guard) = settings.timeout(Duration::from_secs(2)).running_after(None).layer().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || drop(info_span!("s")));
    (guard.flush(LONG), guard)
}

/// An authority, in a folder of its own.
struct House {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    authority: PathBuf,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key), authority }
    }

    fn vouch(&self, name: &str) -> [PathBuf; 2] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = ["crt", "key"].map(|end| self.folder.path().join(format!("{name}.{end}")));
        std::fs::write(&files[0], certificate.pem()).unwrap();
        std::fs::write(&files[1], key.serialize_pem()).unwrap();
        files
    }

    /// A server that this house vouches for; with `asks`, one that lets only those in for whom it vouches.
    fn tls(&self, asks: bool) -> Tls {
        let [certificate, key] = self.vouch("server");
        Tls { certificate, key, clients: asks.then(|| self.authority.clone()) }
    }
}

#[test]
fn only_whom_a_known_authority_vouches_for_is_sent_to() {
    for protocol in PROTOCOLS {
        let (house, other) = (House::new(), House::new());
        let receiver = Receiver::start_with_tls(protocol, &house.tls(false));
        send(receiver.settings().api_key("trk_1").certificate(&house.authority)).0.unwrap();
        assert_eq!(receiver.spans().len(), 1, "{protocol:?}");
        send(receiver.settings().api_key("trk_1").certificate(&other.authority)).0.unwrap_err();
        send(receiver.settings().api_key("trk_1")).0.unwrap_err();
        assert_eq!(receiver.spans().len(), 1, "{protocol:?}: nobody else vouches for it");
    }
}

#[test]
fn a_client_shows_its_certificate_where_one_is_asked_for() {
    for protocol in PROTOCOLS {
        let (house, other) = (House::new(), House::new());
        let receiver = Receiver::start_with_tls(protocol, &house.tls(true));
        let settings = || receiver.settings().certificate(&house.authority);
        let [certificate, key] = house.vouch("client");
        send(settings().client_certificate(certificate, key)).0.unwrap();
        let [certificate, key] = other.vouch("client");
        send(settings().client_certificate(certificate, key)).0.unwrap_err();
        send(settings()).0.unwrap_err();
        assert_eq!(receiver.spans().len(), 1, "{protocol:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_told_by_name() {
    let house = House::new();
    let [certificate, key] = house.vouch("client");
    let wrong = house.folder.path().join("wrong.pem");
    std::fs::write(&wrong, "-----BEGIN CERTIFICATE-----\nlarch\n-----END CERTIFICATE-----\n").unwrap();
    let to = || Settings::new().endpoint("https://127.0.0.1:4318");
    let missing = to().certificate("/nowhere/ca.pem").layer().unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/ca.pem cannot be used"), "{missing}");
    for settings in [
        to().certificate(&wrong),
        to().client_certificate(&wrong, &key),
        to().client_certificate(&certificate, &wrong),
    ] {
        let error = settings.layer().unwrap_err();
        assert!(error.to_string().starts_with(&format!("{} cannot be used", wrong.display())), "{error}");
    }
    let name = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
    let half =
        variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c"), (name, certificate.to_str().unwrap())]);
    assert!(matches!(half.unwrap().layer(), Err(Error::HalfAnIdentity)));
}
