//! Pages as they are sent, from a store that was filled by the real way.

mod support;

use std::time::{Duration, Instant};

use support::Filled;
use support::otlp::trace_id;
use support::samples::{chain, hostile, huge, research, ring, short, wide};

fn execution(trace: u64) -> String {
    format!("/executions/{}", trace_id(trace))
}

/// A page without what changes with the style sheet.
fn page(body: &str) -> String {
    let mut page = String::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        let versioned = line.starts_with("<link rel=") || line.starts_with("<script src=");
        page.push_str(if versioned { "<link …>" } else { line });
        page.push('\n');
    }
    page
}

#[tokio::test]
async fn an_empty_list_says_what_to_do() {
    let filled = Filled::new().await;
    let answer = filled.owner().await.get("/").await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(page(&answer.body));
}

#[tokio::test]
async fn a_list_shows_executions_newest_first() {
    let filled = Filled::with([
        research(1),
        short(2, "support_triage", 60_000.0, 2100.0, false),
        short(3, "support_triage", 90_000.0, 310.0, true),
    ])
    .await;
    filled.count("lost.queue_full", 3).await;
    let answer = filled.owner().await.get("/").await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(page(&answer.body));
}

/// What a page says of a search.
async fn searched(filled: &Filled, query: &str) -> (usize, String) {
    let answer = filled.owner().await.get(&format!("/?q={query}")).await;
    assert_eq!(answer.status, 200);
    let (_, note) = answer.body.split_once("<p class=\"searched\">").expect("a note");
    let (note, _) = note.split_once("</p>").expect("its end");
    (answer.body.matches("class=\"what\"").count(), note.to_owned())
}

#[tokio::test]
async fn a_page_says_what_was_searched_and_how() {
    let filled = Filled::with([research(1), short(2, "support_triage", 60_000.0, 2100.0, false)]).await;
    let (found, behind) = searched(&filled, "summer").await;
    assert_eq!(found, 0);
    let sentence = "2 executions have words that are not in the index yet; the oldest has waited ";
    assert!(behind.contains(sentence), "{behind}");
    filled.index().await;
    let queries =
        ["summer", "SUMMER+Ring+1816", "%22ring+width%22", "%22port_tri%22", "port_tri", "…!", "%3Cb%3E"];
    let mut said = String::new();
    for query in queries.into_iter().map(str::to_owned).chain([trace_id(1).to_string()]) {
        let (found, note) = searched(&filled, &query).await;
        said.push_str(&format!("{query}: {found}\n{note}\n"));
    }
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_filter_is_said_again_in_its_form_and_in_the_pager() {
    let filled = Filled::with((1..=3).map(|n| short(n, "triage <b>", n as f64 * 1000.0, 500.0, false))).await;
    let mut browser = filled.owner().await;
    let answer = browser.get("/?q=triage+%3Cb%3E&status=ok&kind=llm&user=&limit=2").await;
    assert!(answer.body.contains(r#"name="q" value="triage &lt;b&gt;""#), "{}", answer.body);
    assert!(answer.body.contains(r#"<option value="ok" selected>"#));
    assert!(answer.body.contains(r#"<option value="llm" selected>model call"#));
    let older = answer.body.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
    let older = older.split('"').next().unwrap().replace("&#x2f;", "/").replace("&amp;", "&");
    let second = browser.get(&older).await;
    assert_eq!(second.body.matches("class=\"what\"").count(), 1, "{older}");
    assert!(second.body.contains("Newest"));
}

#[tokio::test]
async fn a_filter_that_nothing_passes_can_be_cleared() {
    let filled = Filled::with([research(1)]).await;
    let answer = filled.owner().await.get("/?q=nobody").await;
    assert!(answer.body.contains("No execution of this project is like that."));
}

#[tokio::test]
async fn an_execution_shows_its_tree_and_its_root() {
    let filled = Filled::with([research(1)]).await;
    let answer = filled.owner().await.get(&execution(1)).await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(page(&answer.body));
}

#[tokio::test]
async fn a_model_call_shows_its_conversation() {
    let filled = Filled::with([research(1)]).await;
    let answer = filled.owner().await.get(&format!("{}?step=0000000000000009", execution(1))).await;
    insta::assert_snapshot!(page(&chosen(&answer.body)));
}

#[tokio::test]
async fn a_failed_tool_shows_its_error() {
    let filled = Filled::with([research(1)]).await;
    let answer = filled.owner().await.get(&format!("{}?step=0000000000000006", execution(1))).await;
    insta::assert_snapshot!(page(&chosen(&answer.body)));
}

/// The chosen step of a page.
fn chosen(body: &str) -> String {
    let begin = body.find("<section class=\"step\"").expect("a step is chosen");
    let end = begin + body[begin..].find("</section>").expect("a section ends");
    body[begin..end].to_owned()
}

#[tokio::test]
async fn the_errors_of_the_head_lead_to_the_step_that_failed() {
    let filled = Filled::with([research(1), short(2, "triage", 0.0, 100.0, true)]).await;
    let mut browser = filled.owner().await;
    let href =
        |span: &str| format!("href=\"?step={span}#s-{span}\" title=\"where the first one came from\"><bdi>");
    assert!(
        browser
            .get(&execution(1))
            .await
            .body
            .contains(&format!("<dt>Errors</dt><dd><a {}1", href("0000000000000006")))
    );
    // An agent fails because its model call did: the call is where to look.
    assert!(
        browser
            .get(&execution(2))
            .await
            .body
            .contains(&format!("<dt>Errors</dt><dd><a {}2", href("0000000000000002")))
    );
}

#[tokio::test]
async fn what_was_redacted_shows_as_a_mark_and_its_text_nowhere() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    for path in [execution(1), format!("{}?step=0000000000000009", execution(1))] {
        let answer = browser.get(&path).await;
        assert!(answer.body.contains("<span class=\"mark\" title=\"redacted: email\">email</span>"));
        assert!(!answer.body.contains("ada.lovelace"));
    }
}

#[tokio::test]
async fn hostile_text_stays_text_everywhere() {
    let payloads = [
        "<script>alert(document.domain)</script>",
        "\"><img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "' onmouseover='alert(1)' x='",
        "javascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "[click](javascript:alert(1)) ![x](http://169.254.169.254/)",
        "{{7*7}}{% for x in y %}{{x}}{% endfor %}",
        "</style><style>*{background:url(http://evil.example/)}",
        "</title></textarea><script>alert(1)</script>",
        "a\u{202e}b\u{2066}c\u{200b}d\u{1b}[31m\u{0}e\u{85}",
    ];
    for (trace, payload) in (1..).zip(payloads) {
        let filled = Filled::with([hostile(trace, payload)]).await;
        let mut browser = filled.owner().await;
        let step = format!("{}?step=0000000000000001", execution(trace));
        for path in ["/".to_owned(), execution(trace), step, "/attributes".to_owned()] {
            let answer = browser.get(&path).await;
            assert_eq!(answer.status, 200, "{payload}");
            assert_harmless(&answer.body, payload);
        }
    }
}

/// A page without the script that is its own.
fn without_our_script(body: &str) -> String {
    let (before, rest) =
        body.split_once("<script src=\"&#x2f;static&#x2f;treering.").expect("every page has it");
    let (_, after) = rest.split_once("\" defer></script>").expect("its end");
    format!("{before}{after}")
}

/// Nothing of the payload became markup, a link or an unseen character.
fn assert_harmless(body: &str, payload: &str) {
    let body = without_our_script(body);
    let live = [
        "<script",
        "<img",
        "<style",
        "<svg/",
        "onerror=alert(1)>",
        "javascript:alert(1)\"",
        "' onmouseover='",
    ];
    for live in live {
        assert!(!body.contains(live), "{payload}: {live}\n{body}");
    }
    for link in body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(
            link.starts_with("&#x2f;") || link.starts_with('?') || link.starts_with('#'),
            "{payload}: {link}"
        );
    }
    let unseen = body.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || ('\u{200b}'..='\u{200f}').contains(c)
            || ('\u{202a}'..='\u{202e}').contains(c)
            || ('\u{2066}'..='\u{2069}').contains(c)
    });
    assert_eq!(unseen, None, "{payload}");
}

#[tokio::test]
async fn unseen_characters_are_named() {
    let filled = Filled::with([hostile(1, "a\u{202e}b\u{200b}\u{1b}c")]).await;
    let answer = filled.owner().await.get(&execution(1)).await;
    assert!(
        answer.body.contains("a<span class=\"unseen\" title=\"characters that are not seen\">U+202E</span>b")
    );
    assert!(answer.body.contains(">U+200B ESC</span>c"));
    assert!(answer.body.contains("<title>a[U+202E]b[U+200B ESC]c · treering</title>"));
}

#[tokio::test]
async fn deep_round_and_wide_executions_are_quick_and_windowed() {
    let filled = Filled::with([chain(1, 10_000), ring(2, 1_000), wide(3, 20_000)]).await;
    let mut browser = filled.owner().await;
    for (trace, rows) in [(1, 250), (2, 250), (3, 250)] {
        let begin = Instant::now();
        let answer = browser.get(&execution(trace)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.matches("class=\"row\"").count(), rows);
        assert!(answer.body.len() < 300_000, "{} bytes", answer.body.len());
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_huge_prompt_is_cut_and_says_where_the_rest_is() {
    let prompt = "word ".repeat(1_000_000);
    let filled = Filled::with([hostile(1, "a"), huge(2, &prompt)]).await;
    let answer = filled.owner().await.get(&execution(2)).await;
    assert!(answer.body.len() < 150_000, "{} bytes", answer.body.len());
    assert!(answer.body.contains("96,000 characters more</summary>"));
    let json = format!("/api/v1/executions/{}/steps/0000000000000001", trace_id(2));
    let cut = format!("Longer than a page should be. <a href=\"{}\">", json.replace('/', "&#x2f;"));
    assert!(answer.body.contains(&cut));
    let whole = filled.owner().await.get(&json).await.json();
    assert_eq!(whole["input"]["messages"][0]["parts"][0]["content"], prompt);
}

#[tokio::test]
async fn every_step_of_a_long_execution_is_in_one_window() {
    let filled = Filled::with([wide(1, 2_500)]).await;
    let mut browser = filled.owner().await;
    let mut path = execution(1);
    let mut rows = Vec::new();
    loop {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 200);
        rows.extend(answer.body.split("<li id=\"s-").skip(1).map(|row| row[..16].to_owned()));
        let Some(next) =
            answer.body.split("\" rel=\"next\"").next().filter(|before| before.len() < answer.body.len())
        else {
            break;
        };
        path = format!("{}{}", execution(1), next.rsplit("href=\"").next().unwrap());
    }
    assert_eq!(rows.len(), 2_501);
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 2_501);
}

#[tokio::test]
async fn a_chosen_step_brings_its_window_along() {
    let filled = Filled::with([wide(1, 2_500)]).await;
    let answer = filled.owner().await.get(&format!("{}?step={:016x}", execution(1), 1_490)).await;
    assert!(answer.body.contains("1,251–1,500</span> of <span class=\"num\">2,501"));
    assert!(
        answer
            .body
            .contains(&format!("<li id=\"s-{:016x}\" data-level=\"2\" class=\"k-span chosen\">", 1_490))
    );
}

#[tokio::test]
async fn wrong_addresses_get_a_sentence() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    let good = execution(1);
    for (path, status, sentence) in [
        ("/executions/xyz".to_owned(), 400, "32 hexadecimal digits"),
        ("/executions/%ff".to_owned(), 400, "32 hexadecimal digits"),
        (format!("/executions/{}", "0".repeat(32)), 400, "not all zeros"),
        (execution(99), 404, "There is no such execution in this project."),
        (format!("{good}?step=zz"), 400, "16 hexadecimal digits"),
        (format!("{good}?step=00000000000000ff"), 404, "There is no such step in this execution."),
        (format!("{good}?at=%3Cscript%3E"), 400, "16 hexadecimal digits"),
        (format!("{good}?project=other"), 404, "There is no such project"),
        ("/?status=%3Cb%3E".to_owned(), 400, "`status` is one of"),
        ("/?q=1&q=2".to_owned(), 400, "The query says something twice"),
        ("/nothing".to_owned(), 404, "There is no such page."),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.body.replace("<code>", "`").replace("</code>", "`").contains(sentence),
            "{path}: {}",
            answer.body
        );
        let body = without_our_script(&answer.body);
        assert!(!body.contains("<script") && !body.contains("<b>"), "{path}");
    }
    insta::assert_snapshot!(page(&browser.get("/executions/xyz").await.body));
}

#[tokio::test]
async fn whoever_is_let_in_keeps_the_way_on_from_a_wrong_address() {
    let filled = Filled::with([research(1)]).await;
    filled.handles.keeper.ensure_project("other").await.unwrap();
    let (mut owner, mut stranger) = (filled.owner().await, filled.stranger());
    for (path, home) in [
        ("/nothing", "&#x2f;"),
        ("/executions/xyz?project=other", "&#x2f;?project=other"),
        ("/executions/xyz?project=elsewhere", "&#x2f;"),
        ("/?q=1&q=2", "&#x2f;"),
    ] {
        let body = owner.get(path).await.body;
        let navigation = format!("<nav aria-label=\"Pages\"><a href=\"{home}\">Executions</a>");
        assert!(body.contains(&navigation) && body.contains("Log out"), "{path}: {body}");
        let body = stranger.get(path).await.body;
        assert!(
            !body.contains("<nav") && !body.contains("Log out") && !body.contains("<span>default<"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn redaction_that_is_off_is_said_on_every_page() {
    let filled = Filled::with([research(1)]).await;
    let mut settings = filled.settings(None);
    let off = treering_redact::Rules::parse("builtin = false").unwrap();
    settings.rules = tokio::sync::watch::channel(std::sync::Arc::new(off)).1;
    let (key, _) = filled.key(&filled.project, &["read"]).await;
    let mut browser =
        support::browser::Browser::new(treering_dashboard::router(settings)).bearing(key.reveal());
    for path in ["/".to_owned(), execution(1), execution(99), "/login".to_owned(), "/nothing".to_owned()] {
        assert!(browser.get(&path).await.body.contains("Redaction is off."), "{path}");
    }
}

#[tokio::test]
async fn projects_are_kept_apart_and_can_be_chosen() {
    let filled = Filled::with([research(1)]).await;
    let other = filled.handles.keeper.ensure_project("a & b").await.unwrap();
    filled.put(&other, treering_otlp::Signal::Traces, &short(2, "elsewhere", 0.0, 100.0, false)).await;
    let mut browser = filled.owner().await;
    let first = browser.get("/").await.body;
    assert!(first.contains("research_assistant") && !first.contains("elsewhere"));
    assert!(first.contains("href=\"&#x2f;?project=a+%26+b\""), "{first}");
    let second = browser.get("/?project=a+%26+b").await.body;
    assert!(second.contains("elsewhere") && !second.contains("research_assistant"));
    assert!(second.contains(&format!("&#x2f;executions&#x2f;{}?project=a+%26+b", trace_id(2))));
    assert_eq!(browser.get(&execution(2)).await.status, 404);
    assert_eq!(browser.get(&format!("{}?project=a+%26+b", execution(2))).await.status, 200);
}
