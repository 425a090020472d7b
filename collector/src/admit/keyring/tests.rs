//! Two collectors of one store, by the handles that real ones have.

use treering_seal::MasterKey;
use treering_store::{Handles, Keeper, MasterSource, Project, Scopes, StoreUrl};
use treering_test_servers::{Database, Owner, shared, shared_pgbouncer};

use super::*;

/// How long a change may take until it is in force everywhere.
const PROMISE: Duration = Duration::from_secs(2);
/// So seldom that it is never.
const NEVER: Duration = Duration::from_secs(60 * 60);
/// Where it is no matter of time. Far above what is usual, since builders are slow.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Sqlite,
    Postgres,
    Pgbouncer,
}

struct Site {
    keeper: Keeper,
    project: Project,
    rings: [Arc<Keyring>; 2],
    tasks: tokio::task::JoinSet<()>,
    deadline: Duration,
    _database: Option<Database>,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Nothing where there is no such server here, which is said.
    async fn at(place: Place, period: Duration) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database = match place {
            Place::Sqlite => None,
            Place::Postgres | Place::Pgbouncer => Some(shared()?.create_database(Owner::Plain).unwrap()),
        };
        let url: StoreUrl = match (&database, place) {
            (Some(database), Place::Pgbouncer) => {
                shared_pgbouncer()?.url(&database.name, Owner::Plain.name()).parse()
            }
            (Some(database), _) => database.url.parse(),
            (None, _) => format!("sqlite:{}", folder.path().join("store.db").display()).parse(),
        }
        .unwrap();
        let master = || MasterSource::Key(MasterKey::parse(&"5a".repeat(32)).unwrap());
        let Handles { keeper, keys: one, .. } = treering_store::open(&url, master()).await.unwrap();
        let other = treering_store::open(&url, master()).await.unwrap().keys;
        let project = keeper.ensure_project("default").await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        let mut rings = Vec::new();
        for keys in [one, other] {
            let ring = Arc::new(
                Keyring::load(keys, tokio::sync::watch::channel(Arc::new(Rules::builtin())).1).await.unwrap(),
            );
            rings.push(ring.clone());
            tasks.spawn(async move { ring.keep_fresh_by_looking_every(period).await });
        }
        let rings = rings.try_into().unwrap_or_else(|_| unreachable!("there are two"));
        let deadline = if period == NEVER { PATIENCE } else { PROMISE };
        Some(Self { keeper, project, rings, tasks, deadline, _database: database, _folder: folder })
    }

    async fn new_key(&self) -> (ApiKey, i64) {
        let key = ApiKey::generate().unwrap();
        let scopes = Scopes { ingest: true, read: false };
        let made = self.keeper.create_key(self.project.clone(), &key, scopes).await.unwrap();
        (key, made.id)
    }

    async fn set_rules(&self, name: Option<&str>) {
        let text = name.map(|name| format!("[[pattern]]\nname = '{name}'\nregex = 'ACME-[0-9]+'"));
        assert!(self.keeper.set_rules(self.project.id, text).await.unwrap());
    }

    /// What both have in memory becomes so in time.
    async fn in_both(&self, what: impl Fn(&Held) -> bool) {
        for ring in &self.rings {
            let mut held = ring.held.subscribe();
            let becomes = tokio::time::timeout(self.deadline, held.wait_for(&what)).await;
            becomes.expect("it is in force in time").unwrap();
        }
    }

    /// Every kind of change reaches both.
    async fn sees_changes(mut self) {
        let (key, id) = self.new_key().await;
        let hash = key.hash();
        let is_live =
            |held: &Held| held.known.get(&hash).is_some_and(|key| key.record.is_live(Timestamp::now()));
        self.in_both(is_live).await;
        assert!(self.keeper.revoke_key(id).await.unwrap());
        self.in_both(|held| !is_live(held)).await;
        for (name, expected) in
            [(Some("ONE"), "[REDACTED:ONE]"), (Some("TWO"), "[REDACTED:TWO]"), (None, "ACME-7")]
        {
            self.set_rules(name).await;
            self.in_both(|held| held.rulebook.of(self.project.id).unwrap().redact("ACME-7").text == expected)
                .await;
        }
        self.tasks.shutdown().await;
    }
}

#[tokio::test]
async fn a_change_reaches_every_collector_of_a_file_in_time() {
    Site::at(Place::Sqlite, LOOK).await.unwrap().sees_changes().await;
}

#[tokio::test]
async fn a_change_reaches_every_collector_of_a_server_in_time() {
    let Some(site) = Site::at(Place::Postgres, LOOK).await else { return };
    site.sees_changes().await;
}

#[tokio::test]
async fn a_change_reaches_every_collector_behind_a_pooler_in_time() {
    let Some(site) = Site::at(Place::Pgbouncer, LOOK).await else { return };
    site.sees_changes().await;
}

#[tokio::test]
async fn a_server_tells_of_a_change_without_being_asked() {
    let Some(site) = Site::at(Place::Postgres, NEVER).await else { return };
    site.sees_changes().await;
}

#[tokio::test]
async fn rules_are_in_force_before_a_key_that_came_after_them() {
    let mut site = Site::at(Place::Sqlite, NEVER).await.unwrap();
    site.tasks.shutdown().await;
    site.set_rules(Some("ONE")).await;
    let (key, _) = site.new_key().await;
    let [ring, _] = &site.rings;
    assert_eq!(ring.rules(site.project.id).unwrap().redact("ACME-7").text, "ACME-7");
    assert!(ring.find(&key).await.unwrap().is_some());
    assert_eq!(ring.rules(site.project.id).unwrap().redact("ACME-7").text, "[REDACTED:ONE]");
}

#[tokio::test]
async fn nothing_is_read_again_where_nothing_changed() {
    let mut site = Site::at(Place::Sqlite, NEVER).await.unwrap();
    site.tasks.shutdown().await;
    let [ring, _] = &site.rings;
    let mut held = ring.held.subscribe();
    held.mark_unchanged();
    ring.renew_if_changed().await.unwrap();
    assert!(!held.has_changed().unwrap());
    site.new_key().await;
    ring.renew_if_changed().await.unwrap();
    assert!(held.has_changed().unwrap());
}

/// `cargo test --release -p treering-collector --lib -- --ignored --nocapture what_a_check_costs`
#[tokio::test]
#[ignore = "a measurement"]
async fn what_a_check_costs() {
    const KEYS: usize = 1_000;
    const CHECKS: usize = 200_000;
    let mut site = Site::at(Place::Sqlite, NEVER).await.unwrap();
    site.tasks.shutdown().await;
    let mut keys = Vec::new();
    for _ in 0..KEYS {
        keys.push(site.new_key().await.0.reveal().to_owned());
    }
    let [ring, _] = &site.rings;
    ring.renew().await.unwrap();
    let headers: Vec<http::HeaderMap> = keys
        .iter()
        .map(|key| [("x-api-key".parse().unwrap(), key.parse().unwrap())].into_iter().collect())
        .collect();
    let (method, path) = (http::Method::POST, "/v1/traces");
    let mut took = Vec::with_capacity(CHECKS);
    for at in 0..CHECKS {
        let head =
            super::super::Head { method: &method, path, headers: &headers[at * 7 % KEYS], client: None };
        let began = Instant::now();
        ring.admit(head).await.unwrap();
        took.push(began.elapsed());
    }
    took.sort_unstable();
    println!("median {:?}, 99 % {:?}", took[CHECKS / 2], took[CHECKS * 99 / 100]);
}
