//! TLS of the binary's own: who is believed, who lets in, and what a new certificate costs.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use ran::Ran;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use support::{PATIENCE, Server, client, treering};

/// An authority of one's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate with these names, and its key.
    fn vouch(&self, names: Vec<SanType>) -> [String; 2] {
        self.sign(CertificateParams::new([]).unwrap(), names)
    }

    fn expired(&self, names: Vec<SanType>) -> [String; 2] {
        let mut params = CertificateParams::new([]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(params, names)
    }

    fn sign(&self, mut params: CertificateParams, names: Vec<SanType>) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        [certificate.pem(), key.serialize_pem()]
    }
}

fn here() -> Vec<SanType> {
    vec![SanType::IpAddress("127.0.0.1".parse().unwrap())]
}

fn named(uri: &str) -> Vec<SanType> {
    vec![SanType::URI(uri.try_into().unwrap())]
}

/// Files of a server, in its folder.
struct Site {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a pair where the server looks for it, each file as a whole.
    fn put(&self, [certificate, key]: &[String; 2]) {
        for (name, text) in [("cert.pem", certificate), ("key.pem", key)] {
            std::fs::write(self.path("new"), text).unwrap();
            std::fs::rename(self.path("new"), self.path(name)).unwrap();
        }
    }

    fn start(&self, more: &[&str]) -> Server {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| self.path(name).display().to_string());
        let flags = [&["--tls-cert", &certificate, "--tls-key", &key], more].concat();
        Server::start(&self.path("data"), &flags)
    }

    fn command(&self, arguments: &[&str]) -> Ran {
        let mut command = treering();
        command.args(arguments).arg("--data").arg(self.path("data"));
        Ran::of(command)
    }
}

fn tls_client(roots: &str, identity: Option<&[String; 2]>) -> reqwest::Client {
    // Several authorities, one after the other.
    rustls::crypto::ring::default_provider().install_default().ok();
    let roots = reqwest::Certificate::from_pem_bundle(roots.as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only(roots);
    if let Some([certificate, key]) = identity {
        let pem = format!("{certificate}{key}");
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// The status of an empty request, or why there was none.
async fn post(client: &reqwest::Client, server: &Server, key: Option<&str>) -> Result<u16, String> {
    let request = client.post(format!("https://{}/v1/traces", server.http));
    let request = key.iter().fold(request, |request, key| request.header("x-api-key", *key));
    let answer = request.header("content-type", "application/json").body("{}").send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_served_by_tls_and_only_to_who_believes_the_certificate() {
    let site = Site::new();
    site.put(&site.authority.vouch(here()));
    let server = site.start(&["--demo"]);
    let key = server_key(&site, "ingest,read");
    let good = tls_client(&site.authority.pem, None);
    assert_eq!(post(&good, &server, Some(&key)).await, Ok(200));
    assert_eq!(post(&good, &server, None).await, Ok(401));
    let stranger = tls_client(&Authority::new().pem, None);
    assert!(post(&stranger, &server, Some(&key)).await.unwrap_err().contains("InvalidCertificate"));
    let page = good.get(format!("https://{}/", server.dashboard)).bearer_auth(&key).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().contains_key("strict-transport-security"));
    assert!(server.printed.iter().any(|line| line.contains(&format!("https://{}", server.grpc))));
    // The demo, and commands beside the server, need no certificate.
    let end = Instant::now() + PATIENCE;
    loop {
        let list = good.get(format!("https://{}/api/v1/executions", server.dashboard)).bearer_auth(&key);
        let list = list.send().await.unwrap().text().await.unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        if list["executions"].as_array().unwrap().len() >= 3 {
            break;
        }
        assert!(Instant::now() < end, "the demo arrives: {list}");
    }
    let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","spanId":"0b0b0b0b0b0b0b0b","name":"imported"}]}]}]}"#;
    std::fs::write(site.path("one.jsonl"), line).unwrap();
    site.command(&["import", site.path("one.jsonl").to_str().unwrap()]).well();
    // Who speaks in the clear hears the end of it, and nobody else has to wait.
    let mut plain = TcpStream::connect(&server.http).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    plain.read_to_end(&mut heard).unwrap();
    assert!(!heard.starts_with(b"HTTP"), "an alert, and the end");
    let silent: Vec<_> = (0..50).map(|_| TcpStream::connect(&server.http).unwrap()).collect();
    assert_eq!(post(&tls_client(&site.authority.pem, None), &server, Some(&key)).await, Ok(200));
    drop(silent);
    assert!(server.terminate().success());
}

fn server_key(site: &Site, scopes: &str) -> String {
    let made = site.command(&["key", "create", "--json", "--scope", scopes]).json();
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_costs_no_request() {
    let (site, next) = (Site::new(), Authority::new());
    site.put(&site.authority.vouch(here()));
    let server = Arc::new(site.start(&[]));
    let key = server_key(&site, "ingest");
    let both = format!("{}{}", site.authority.pem, next.pem);
    let (stop, mut load) = (Arc::new(AtomicBool::new(false)), tokio::task::JoinSet::new());
    for _ in 0..4 {
        let (both, server, key, stop) = (both.clone(), server.clone(), key.clone(), stop.clone());
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // A client of its own each time, and so a greeting.
                assert_eq!(post(&tls_client(&both, None), &server, Some(&key)).await, Ok(200));
            }
        });
    }
    // A pair that does not fit, first: the old one goes on.
    let [certificate, _] = next.vouch(here());
    let [_, key_of_another] = next.vouch(here());
    site.put(&[certificate, key_of_another]);
    let told = Instant::now() + Duration::from_secs(2);
    while Instant::now() < told {
        assert_eq!(post(&tls_client(&site.authority.pem, None), &server, Some(&key)).await, Ok(200));
    }
    site.put(&next.vouch(here()));
    let (new, end) = (tls_client(&next.pem, None), Instant::now() + PATIENCE);
    while post(&new, &server, Some(&key)).await != Ok(200) {
        assert!(Instant::now() < end, "a certificate that changed is taken");
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_in_a_clients_certificate_opens_one_project_and_no_other() {
    let (site, clients) = (Site::new(), Authority::new());
    site.put(&site.authority.vouch(here()));
    std::fs::write(site.path("clients.pem"), &clients.pem).unwrap();
    let server = site.start(&["--tls-client-ca", site.path("clients.pem").to_str().unwrap()]);
    let (roots, key) = (&site.authority.pem, server_key(&site, "ingest"));
    site.command(&["project", "create", "shop"]).well();
    site.command(&["project", "clients", "--project", "shop", "--add", "spiffe://shop/agent"]).well();
    site.command(&["project", "set", "shop", "--signed", "yes"]).well();
    let agent = clients.vouch(named("spiffe://shop/agent"));
    let (known, end) = (tls_client(roots, Some(&agent)), Instant::now() + PATIENCE);
    while post(&known, &server, None).await != Ok(200) {
        assert!(Instant::now() < end, "a name that was added lets in, in time");
    }
    assert_eq!(post(&known, &server, Some(&key)).await, Ok(403), "a key of another project");
    let nobody = tls_client(roots, Some(&clients.vouch(named("spiffe://shop/other"))));
    assert_eq!(post(&nobody, &server, None).await, Ok(401), "an unknown name");
    assert_eq!(post(&nobody, &server, Some(&key)).await, Ok(200), "its key still does");
    assert_eq!(post(&tls_client(roots, None), &server, Some(&key)).await, Ok(200), "none at all");
    for bad in
        [clients.expired(named("spiffe://shop/agent")), Authority::new().vouch(named("spiffe://shop/agent"))]
    {
        assert!(post(&tls_client(roots, Some(&bad)), &server, None).await.is_err(), "nobody vouches for it");
    }
    // The published exporter, over gRPC, where requests are not signed.
    let [certificate, private] = &agent;
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(roots))
        .identity(Identity::from_pem(certificate, private));
    let exporter = SpanExporter::builder().with_tonic().with_tls_config(tls);
    let exporter = exporter.with_endpoint(format!("https://{}", server.grpc)).build().unwrap();
    exporter.export(Vec::<SpanData>::new()).await.unwrap();
    let page = client().get(format!("http://{}/", server.dashboard)).send().await;
    assert!(page.is_err(), "nothing answers in the clear");
}

#[test]
fn half_of_a_pair_and_one_that_does_not_fit_are_refused_at_the_start() {
    let site = Site::new();
    let ([certificate, _], [_, other]) = (site.authority.vouch(here()), site.authority.vouch(here()));
    site.put(&[certificate, other]);
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| site.path(name).display().to_string());
    let ran = site.command(&["up", "--tls-cert", &certificate, "--tls-key", &key]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is not that of the certificate"), "{}", ran.err);
    assert_eq!(site.command(&["up", "--tls-cert", &certificate]).code, 2);
    let ran = site.command(&["up", "--tls-cert", &certificate, "--tls-key", "nowhere.pem"]);
    assert!(ran.err.contains("nowhere.pem cannot be read"), "{}", ran.err);
    assert!(!Path::new(&site.path("data")).exists(), "nothing is made before that");
}
