//! People log in by a real OpenID provider. It runs in Node, from the packages of `package.json`, installed in the folder that
//! `TREERING_LOGIN_MODULES` names.

mod browser;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use browser::Browser;
use serde_json::Value;
use support::{PATIENCE, Server, leave_out, treering};

/// A provider, and a dashboard that believes it.
struct Site {
    provider: Child,
    issuer: String,
    server: Server,
    /// Where browsers find the dashboard.
    dashboard: String,
    folder: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.provider.kill().ok();
        self.provider.wait().ok();
    }
}

impl Site {
    /// Nothing, and a line that says so, where the provider is not installed.
    fn start() -> Option<Self> {
        let Some(modules) = std::env::var_os("TREERING_LOGIN_MODULES") else {
            leave_out("the log-in by a real OpenID provider", "TREERING_LOGIN_MODULES names no folder");
            return None;
        };
        // The provider has to know where people come back to, before the dashboard can begin.
        let port =
            TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("a port").port();
        let dashboard = format!("http://127.0.0.1:{port}");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/login/provider.mjs");
        let mut provider = Command::new("node")
            .arg(program)
            .arg(modules)
            .arg(format!("{dashboard}/login/callback"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let lines = BufReader::new(provider.stdout.take().expect("it is piped")).lines();
        let issuer = lines.map(|line| line.expect("UTF-8")).find(|line| line.starts_with("http://"));
        let issuer = issuer.expect("the provider tells its address");
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = treering();
        command.env("TREERING_OIDC_CLIENT_SECRET", "a secret of the client");
        let addresses = ["127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned(), format!("127.0.0.1:{port}")];
        let flags = ["--public-url", &dashboard, "--oidc-issuer", &issuer, "--oidc-client-id", "treering"];
        let flags = [&flags[..], &["--roles-claim", "treering"]].concat();
        let data = folder.path().join("data");
        let server = Server::start_again_as(command, &data, &addresses, &flags);
        let site = Self { provider, issuer, server, dashboard, folder };
        site.command(&["member", "add", "--project", "default", "--subject", "ada", "--role", "reader"]);
        Some(site)
    }

    fn command(&self, arguments: &[&str]) -> String {
        let data = self.folder.path().join("data");
        let ran = treering().args(arguments).arg("--data").arg(data).output().expect("the binary starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("UTF-8")
    }

    /// Lets the provider do something.
    async fn provider(&self, what: &str) {
        let answer = support::client().get(format!("{}/test?{what}", self.issuer)).send().await;
        assert_eq!(answer.expect("it answers").status(), 200);
    }

    /// Rows of the audit log of this action.
    fn rows(&self, action: &str) -> Vec<Value> {
        let rows: Value = serde_json::from_str(&self.command(&["audit", "list", "--json"])).expect("JSON");
        let rows = rows.as_array().expect("a list").iter();
        rows.filter(|row| row["action"] == action).cloned().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_log_in_see_what_their_role_shows_and_log_out() {
    let Some(site) = Site::start() else { return };
    assert!(!site.server.printed.iter().any(|line| line.contains("token=")), "nobody comes by a link");
    let mut ada = Browser::new();
    let door = ada.get(&format!("{}/", site.dashboard)).await;
    assert_eq!(door.status, 401);
    assert!(door.body.contains("Log in with 127.0.0.1"), "{}", door.body);
    let page = ada.log_in(&site.dashboard, "ada").await;
    assert_eq!((page.status, page.url.path()), (200, "/receipts"), "{}", page.body);
    let list = ada.get(&format!("{}/", site.dashboard)).await;
    assert!(list.status == 200 && list.body.contains("default"), "{}", list.body);
    assert_eq!(site.rows("login")[0]["actor"], "user:ada");
    // What the address bar held is worth nothing a second time.
    let callback = ada.been.iter().find(|url| url.path() == "/login/callback").expect("it came back").clone();
    let again = ada.get(callback.as_str()).await;
    assert_eq!(again.status, 401);
    assert!(
        again.body.contains("was ended before") && again.body.contains("Begin once more"),
        "{}",
        again.body
    );
    let out = ada.post(&format!("{}/logout", site.dashboard), "").await;
    assert!(
        out.body.contains("Log out of the provider")
            && out.body.contains(&site.issuer.replace('/', "&#x2f;"))
    );
    assert_eq!(ada.get(&format!("{}/", site.dashboard)).await.status, 401);
    assert_eq!(site.rows("logout")[0]["actor"], "user:ada");
    // Somebody without a role in any project of this store; the claim names one that is not here.
    let mut eve = Browser::new();
    let page = eve.log_in(&site.dashboard, "eve").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("have no role in any project"), "{}", page.body);
    site.command(&["project", "create", "shop"]);
    assert_eq!(eve.get(&format!("{}/", site.dashboard)).await.status, 200, "now the claim gives one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_is_a_page_that_says_what_to_do_and_a_row() {
    let Some(site) = Site::start() else { return };
    let faults = [
        ("nonce", "belongs to another log-in (nonce)"),
        ("aud", "was made for somebody else (audience)"),
        ("iss", "is of another issuer"),
        ("exp", "has expired"),
        ("key", "is not signed by its issuer"),
    ];
    for (fault, why) in faults {
        let mut browser = Browser::new();
        site.provider(&format!("fault={fault}")).await;
        let page = browser.log_in(&site.dashboard, "ada").await;
        assert_eq!(page.status, 401, "{fault}: {}", page.body);
        assert!(page.body.contains(why) && page.body.contains("Log in once more"), "{fault}: {}", page.body);
        assert!(page.body.contains("Log in with"), "{fault}");
        assert_eq!(browser.get(&format!("{}/", site.dashboard)).await.status, 401, "{fault}");
    }
    // A code that was used before, in a log-in of its own.
    let mut ada = Browser::new();
    assert_eq!(ada.log_in(&site.dashboard, "ada").await.status, 200);
    let code = |browser: &Browser, at: usize| {
        let all: Vec<_> = browser.been.iter().filter(|url| url.path() == "/login/callback").collect();
        let of = |name: &str| {
            all[at].query_pairs().find(|(key, _)| key == name).expect("it is there").1.into_owned()
        };
        (of("code"), of("state"))
    };
    let (used, _) = code(&ada, 0);
    let mut other = Browser::new();
    let interaction = other.get(&format!("{}/login/start", site.dashboard)).await;
    let begun = other.been.iter().find(|url| url.path() == "/auth").expect("it went there").clone();
    let state = begun.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    assert_eq!(interaction.status, 200);
    let page = other.get(&format!("{}/login/callback?code={used}&state={state}", site.dashboard)).await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("does not take this code"), "{}", page.body);
    // Somebody else's browser, a state that nobody began, and a provider that says no.
    for query in ["code=x&state=y", "code=x", "state=y&error=access_denied", ""] {
        let page = Browser::new().get(&format!("{}/login/callback?{query}", site.dashboard)).await;
        assert_eq!(page.status, 401);
        assert!(page.body.contains("Begin once more"), "{}", page.body);
    }
    let refused = site.rows("login.refused");
    assert!(refused.len() >= faults.len() + 5, "{refused:?}");
    assert!(refused.iter().any(|row| row["detail"] == "the token has expired"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_may_change_its_keys_and_somebody_may_end_sessions() {
    let Some(site) = Site::start() else { return };
    let mut ada = Browser::new();
    assert_eq!(ada.log_in(&site.dashboard, "ada").await.status, 200);
    site.provider("rotate=1").await;
    let mut other = Browser::new();
    let page = other.log_in(&site.dashboard, "ada").await;
    assert_eq!(page.status, 200, "a key that nobody knew yet: {}", page.body);
    assert_eq!(ada.get(&format!("{}/", site.dashboard)).await.status, 200);
    site.command(&["session", "end", "--subject", "ada"]);
    let end = Instant::now() + PATIENCE;
    for browser in [&mut ada, &mut other] {
        while browser.get(&format!("{}/", site.dashboard)).await.status != 401 {
            assert!(Instant::now() < end, "a session that was ended is over in time");
        }
    }
    // A role that was taken away is gone with the next page, however long the session.
    assert_eq!(ada.log_in(&site.dashboard, "ada").await.status, 200);
    site.command(&["member", "remove", "--project", "default", "--subject", "ada"]);
    assert_eq!(ada.get(&format!("{}/", site.dashboard)).await.status, 403);
}
