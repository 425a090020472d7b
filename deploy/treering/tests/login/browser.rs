//! As much of a browser as a log-in needs: it keeps cookies by host, follows redirections and `refresh`, and fills forms.

use std::collections::HashMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Url};

pub(crate) struct Browser {
    client: Client,
    /// By host and port, as two programs of one machine would be kept apart by their names.
    cookies: HashMap<String, HashMap<String, String>>,
    /// Every address that was asked for.
    pub(crate) been: Vec<Url>,
}

pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { client, cookies: HashMap::new(), been: Vec::new() }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.follow(Method::GET, url.parse().expect("an address"), None).await
    }

    pub(crate) async fn post(&mut self, url: &str, form: &str) -> Page {
        self.follow(Method::POST, url.parse().expect("an address"), Some(form.to_owned())).await
    }

    /// Goes to the provider by the button of the door, and gives this name there. The page where that ends.
    pub(crate) async fn log_in(&mut self, dashboard: &str, name: &str) -> Page {
        let page = self.get(&format!("{dashboard}/login/start?next=%2Freceipts")).await;
        if !page.url.path().starts_with("/interaction/") {
            return page;
        }
        self.post(page.url.as_str(), &format!("prompt=login&login={name}&password=any")).await
    }

    async fn follow(&mut self, mut method: Method, mut url: Url, mut form: Option<String>) -> Page {
        for _ in 0..20 {
            let (status, location, body) = self.once(method, &url, form.take()).await;
            let next = location.or_else(|| refresh(&body));
            let Some(next) = next else { return Page { url, status, body } };
            url = url.join(&next).expect("an address");
            method = Method::GET;
        }
        panic!("it goes round and round: {url}");
    }

    async fn once(
        &mut self,
        method: Method,
        url: &Url,
        form: Option<String>,
    ) -> (u16, Option<String>, String) {
        self.been.push(url.clone());
        let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
        let kept = self.cookies.entry(host.clone()).or_default();
        let cookies: Vec<_> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, url.clone()).header(COOKIE, cookies.join("; "));
        if let Some(form) = form {
            let kind = "application/x-www-form-urlencoded";
            request = request.header("content-type", kind).header("sec-fetch-site", "same-origin").body(form);
        }
        let answer = request.send().await.expect("it answers");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("a text");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            let kept = self.cookies.get_mut(&host).expect("it was asked");
            kept.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get(LOCATION).map(|to| to.to_str().expect("a text").to_owned());
        (answer.status().as_u16(), location, answer.text().await.expect("a text"))
    }
}

/// Where a page goes on to by itself.
fn refresh(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("http-equiv=\"refresh\" content=\"0; url=")?;
    Some(rest.split_once('"')?.0.replace("&#x2f;", "/"))
}
