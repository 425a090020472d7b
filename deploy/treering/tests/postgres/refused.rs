//! Stores that cannot be had: each is told in one sentence, and no password in any.

use treering_test_servers::Owner;

use crate::house::House;
use crate::ran::Ran;
use crate::support::treering;

/// What is said first of this store.
fn said(house: &House, store: &str, secret: &str) -> String {
    let ran = house.run_on(store, "project list");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(!ran.err.contains(secret) && ran.out.is_empty(), "{}", ran.err);
    ran.err.lines().next().unwrap().to_owned()
}

#[test]
fn a_store_that_cannot_be_reached_is_told_in_one_sentence() {
    let Some(house) = House::new() else { return };
    let (url, password) = (&house.database.url, house.password());
    let wrong = url.replace(password, "hunter2secret");
    assert!(said(&house, &wrong, "hunter2secret").contains("does not let this login in"));
    let nobody = house.server.url(&house.database.name, "nobody_at_all");
    assert!(said(&house, &nobody, password).contains("does not let this login in"));
    let elsewhere = house.server.url("no_such_database", Owner::Plain.name());
    assert!(said(&house, &elsewhere, password).contains("there is no database postgres://plain@127.0.0.1:"));
    let closed = format!("postgres://plain:{password}@127.0.0.1:1/test");
    assert!(said(&house, &closed, password).contains("cannot be reached"));
    let unknown = format!("postgres://plain:{password}@no-such-host.invalid/test");
    assert!(said(&house, &unknown, password).contains("cannot be reached"));
    let ports = "--otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0";
    let up = house.run_on(&wrong, &format!("collect --data data {ports}"));
    assert_eq!(up.code, 2);
    assert!(!up.err.contains("hunter2secret"), "{}", up.err);
    // A master key would be of no use there.
    assert!(!house.at("data/master.key").exists());
}

#[test]
fn an_address_that_cannot_be_read_is_not_repeated() {
    let secret = "hunter2secret";
    let folder = tempfile::tempdir().unwrap();
    let ran = |store: &str| {
        let mut command = treering();
        command.env("TREERING_STORE", store).current_dir(folder.path()).args(["project", "list"]);
        Ran::of(command)
    };
    for wrong in [
        format!("mysql://me:{secret}@host/db"),
        format!("postgres:me:{secret}@host/db"),
        format!("me:{secret}@host/db"),
        format!("{secret}@host"),
        format!("postgres://me:{secret}@host:port/db"),
        format!("postgres://me:{secret}@host:5432/db?sslmode=sometimes"),
        format!("postgres://me:{secret}@host:5432/db?{secret}"),
        format!("postgres://me:why?{secret}@host:5432/db"),
        format!("postgres://me:12/{secret}@host:5432/db"),
        format!("postgres://me:%zz{secret}@host:5432/db"),
        format!("postgres://me:{secret}@host:5432/db?connect_timeout={secret}"),
        format!("postgres://me:{secret}@"),
        format!("postgres://me:{secret}@host/db?sslrootcert=/no/such/file"),
    ] {
        let ran = ran(&wrong);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.err);
        assert!(!ran.err.contains(secret) && !ran.out.contains(secret), "{wrong}: {}", ran.err);
    }
    let mut help = treering();
    help.env("TREERING_STORE", format!("postgres://me:{secret}@host/db")).args(["up", "--help"]);
    assert!(!Ran::of(help).well().out.contains(secret));
}

#[test]
fn a_file_of_settings_names_the_store_and_a_mistake_in_it_is_told_without_its_line() {
    let Some(house) = House::new() else { return };
    house.run("migrate").well();
    let (file, url) = (house.at("treering.toml"), &house.database.url);
    let ran = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = treering();
        Ran::of({
            command.args(["project", "list", "--config"]).arg(&file);
            command
        })
    };
    ran(&format!("store = \"{url}\"\n")).well();
    for wrong in [
        format!("behind-proxy = true\nstore = \"{url}\n"),
        format!("behind-proxy = true\nshop = \"{url}\"\n"),
    ] {
        let ran = ran(&wrong);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("line 2") && !ran.err.contains(house.password()), "{}", ran.err);
    }
}
