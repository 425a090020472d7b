use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::chromium::Chromium;

/// A tab and what a person does in it. It looks at its page by scripts of its own, which the page's policy
/// does not concern and which go on where the page's scripts are switched off.
pub(crate) struct Tab<'a> {
    browser: &'a Chromium,
    session: String,
}

/// What the page is shown as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A window in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

pub(crate) const DESK: Size = Size { width: 1440, height: 900 };
pub(crate) const PHONE: Size = Size { width: 390, height: 844 };

impl<'a> Tab<'a> {
    pub(crate) fn new(browser: &'a Chromium, session: &str) -> Self {
        let tab = Self { browser, session: session.to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        // Keys and focus are as in a window that somebody looks at.
        tab.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
        tab.resize(DESK);
        tab
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Does something that leads to another page, and waits until that page has loaded.
    fn travel(&self, act: impl FnOnce()) {
        let since = self.browser.moment();
        act();
        let arrived = self.browser.event(&self.session, since, "Page.frameNavigated", None);
        // A page that comes back as it was left does not load again.
        if arrived["type"] != "BackForwardCacheRestore" {
            self.browser.event(&self.session, since, "Page.loadEventFired", None);
        }
    }

    /// Types an address; the answer is the status of the page that it ended at.
    pub(crate) fn open(&self, url: &str) -> u64 {
        let since = self.browser.moment();
        self.visit(url);
        let answer = self.browser.event(&self.session, since, "Network.responseReceived", Some("Document"));
        answer["response"]["status"].as_u64().expect("a status")
    }

    /// The same, of an address that nobody answers for.
    pub(crate) fn visit(&self, url: &str) {
        self.travel(|| drop(self.call("Page.navigate", json!({"url": url}))));
    }

    /// Types into the field that this selector finds, in place of what was in it.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.look(&format!("document.querySelector({selector:?}).select()"));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Clicks, with the mouse, on the first element that this selector finds and that links to a page.
    pub(crate) fn click(&self, selector: &str) {
        let place = self.place(selector);
        self.travel(|| self.mouse(&place));
    }

    /// The same where nothing leads to another page.
    pub(crate) fn press_on(&self, selector: &str) {
        let place = self.place(selector);
        self.mouse(&place);
    }

    /// The middle of the first element that this selector finds.
    fn place(&self, selector: &str) -> Value {
        let middle = format!(
            "(() => {{
                const found = document.querySelector({selector:?});
                if (!found) return 'there is none';
                found.scrollIntoView({{block: 'center', behavior: 'instant'}});
                const box = found.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const top = document.elementFromPoint(x, y);
                return found.contains(top) ? [x, y] : 'it lies below ' + top?.outerHTML;
            }})()"
        );
        let middle = self.look(&middle);
        assert!(middle[0].is_number(), "{selector} cannot be clicked: {middle}");
        middle
    }

    fn mouse(&self, place: &Value) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key, which leads to no other page.
    pub(crate) fn press(&self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        let code = match key {
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            "Escape" => 27,
            "/" | "?" => 191,
            other => other.to_ascii_uppercase().bytes().next().map_or(0, u32::from),
        };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "text": if kind == "keyDown" { text } else { "" },
                "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// The same of a key that leads to another page.
    pub(crate) fn press_to_go(&self, key: &str) {
        self.travel(|| {
            let event = json!({"type": "keyDown", "key": key, "text": "\r", "windowsVirtualKeyCode": 13});
            self.call("Input.dispatchKeyEvent", event);
        });
    }

    /// Waits until this expression is true of the page.
    pub(crate) fn wait_until(&self, expression: &str) {
        let script = format!(
            "new Promise(done => {{
                const look = () => ({expression}) && (done(true), watch.disconnect());
                const watch = new MutationObserver(look);
                watch.observe(document, {{subtree: true, childList: true, attributes: true}});
                look();
            }})"
        );
        assert_eq!(self.look(&script), true, "{expression}");
    }

    /// What came over the wire since this moment: each address with its bytes.
    pub(crate) fn transferred(&self, since: usize) -> Vec<(String, u64)> {
        let told = self.browser.told(&self.session);
        let mut addresses = std::collections::HashMap::new();
        let mut found = Vec::new();
        for event in told.iter().skip(since) {
            let (params, id) = (&event["params"], event["params"]["requestId"].as_str().unwrap_or_default());
            match event["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    addresses.insert(id.to_owned(), url.to_owned());
                }
                Some("Network.loadingFinished") => {
                    let bytes = params["encodedDataLength"].as_f64().unwrap_or_default();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a count of bytes"
                    )]
                    found.extend(addresses.get(id).map(|url| (url.clone(), bytes as u64)));
                }
                _ => {}
            }
        }
        found
    }

    /// How much was told of this tab so far: the moment for [`Tab::transferred`].
    pub(crate) fn told(&self) -> usize {
        self.browser.told(&self.session).len()
    }

    /// Presses the back button.
    pub(crate) fn back(&self) {
        let history = self.call("Page.getNavigationHistory", json!({}));
        let current =
            history["currentIndex"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("an index");
        let before = &history["entries"][current - 1]["id"];
        self.travel(|| drop(self.call("Page.navigateToHistoryEntry", json!({"entryId": before}))));
    }

    /// What this expression is on the page; where it is a promise, what comes of it.
    pub(crate) fn look(&self, expression: &str) -> Value {
        let mut answer = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        );
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// The same, of an expression that is a text.
    pub(crate) fn read(&self, expression: &str) -> String {
        self.look(expression).as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    /// What the page shows of itself: nothing that is folded or hidden.
    pub(crate) fn text(&self) -> String {
        self.read("document.body.innerText")
    }

    /// All of the page's elements, what is folded or hidden as well.
    pub(crate) fn html(&self) -> String {
        self.read("document.documentElement.outerHTML")
    }

    pub(crate) fn switch_scripts_off(&self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    }

    /// The scripts of pages do not come; others run.
    pub(crate) fn keep_scripts_away(&self) {
        self.call("Network.setBlockedURLs", json!({"urls": ["*.js"]}));
    }

    pub(crate) fn resize(&self, Size { width, height }: Size) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(crate) fn paint(&self, scheme: Scheme) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.word()}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Writes what is seen as a PNG; on a phone the whole length of the page.
    pub(crate) fn picture(&self, path: &Path, size: Size) {
        let beyond = size.width < 600;
        let shot = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": beyond}));
        let bytes = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("in base64");
        std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// What the browser found wrong with the pages so far: errors, warnings, what the policy forbade, and
    /// requests to anybody but this origin.
    pub(crate) fn complaints(&self, origin: &str) -> Vec<String> {
        let told = self.browser.told(&self.session);
        told.iter().filter_map(|event| complaint(event, origin)).collect()
    }
}

fn complaint(event: &Value, origin: &str) -> Option<String> {
    let params = &event["params"];
    let is_wrong = match event["method"].as_str()? {
        "Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Audits.issueAdded" => {
            true
        }
        // What was still open when the page was left did not fail.
        "Network.loadingFailed" => params["canceled"] != true,
        "Network.requestWillBeSent" => !params["request"]["url"].as_str()?.starts_with(&format!("{origin}/")),
        _ => false,
    };
    is_wrong.then(|| event.to_string())
}
