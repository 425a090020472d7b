//! A server with a certificate, asked for as the database's own tools ask for it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use treering_test_servers::{Durability, Owner, PostgresServer, or_left_out};

use crate::ran::Ran;
use crate::support::treering;

/// An authority of one's own: its certificate, and that and the key of a server at this address.
fn authority(address: &str) -> (String, [String; 2]) {
    let (own, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&own).unwrap().pem();
    let issuer = Issuer::new(params, own);
    let server = CertificateParams::new([address.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (certificate, [server.pem(), key.serialize_pem()])
}

#[test]
fn a_server_is_believed_by_its_certificate() {
    let server = PostgresServer::start(Durability::None);
    let Some(server) = or_left_out("what needs a PostgreSQL with TLS", server) else { return };
    let (folder, (root, [certificate, key])) = (tempfile::tempdir().unwrap(), authority("127.0.0.1"));
    let [right, wrong] = ["right.pem", "wrong.pem"].map(|name| folder.path().join(name));
    std::fs::write(&right, root).unwrap();
    std::fs::write(&wrong, authority("127.0.0.1").0).unwrap();
    let database = server.create_database(Owner::Plain).unwrap();
    let migrate = |query: &str| {
        let mut command = treering();
        command.env("TREERING_STORE", format!("{}?{query}", database.url)).arg("migrate");
        Ran::of(command)
    };
    let [right, wrong] = [right, wrong].map(|path| path.display().to_string());

    let plain = migrate("sslmode=require");
    assert_eq!(plain.code, 2, "it speaks no TLS yet");
    assert!(plain.err.contains("does not support TLS"), "{}", plain.err);

    server.speak_tls(&certificate, &key).unwrap();
    migrate("sslmode=require").well();
    migrate(&format!("sslmode=verify-full&sslrootcert={right}")).well();
    migrate(&format!("sslrootcert={right}")).well();
    for query in [format!("sslmode=verify-full&sslrootcert={wrong}"), "sslmode=verify-full".to_owned()] {
        let ran = migrate(&query);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("cannot be trusted: invalid peer certificate"), "{}", ran.err);
    }

    // Of another place, by the same authority's word.
    let (root, [certificate, key]) = authority("elsewhere.example");
    std::fs::write(&right, root).unwrap();
    server.speak_tls(&certificate, &key).unwrap();
    let ran = migrate(&format!("sslmode=verify-full&sslrootcert={right}"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot be trusted"), "{}", ran.err);
}
