//! Steps that go on in another process or task.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::json;
use tracing::{Instrument, info_span};

use super::follow::{steps_of, steps_of_async};
use crate::{Carry, Step, in_current, inject, inject_with, mcp, remote_parent, spawn, spawn_blocking};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn an_execution_goes_on_where_its_headers_arrive() {
    let steps = steps_of(|| {
        let mut sent = headers(&[("baggage", "team=trees;p=1, session.id=somebody%20else")]);
        let asks = info_span!("asks", session.id = "larch, old", user.id = "ada").entered();
        inject(&mut sent);
        assert_eq!(sent["baggage"], "team=trees;p=1,session.id=larch%2C%20old");
        drop(asks);
        let answers = remote_parent(&sent, || info_span!("answers"));
        answers.in_scope(|| drop(info_span!("within")));
        drop(info_span!("beside"));
    });
    let answers = steps.find("answers");
    answers.assert_child_of(&steps.find("asks")).assert_attribute("session.id", "larch, old");
    answers.assert_attribute("user.id", json!(null));
    steps.find("within").assert_child_of(&answers).assert_attribute("session.id", "larch, old");
    assert_eq!(steps.find("beside").parent, None, "it is for one step");
}

#[test]
fn the_user_goes_along_only_where_the_author_says_so() {
    let steps = steps_of(|| {
        let _asks = info_span!("asks", session.id = "s-1", user.id = "ada").entered();
        let told = |carry| {
            let mut headers = HeaderMap::new();
            inject_with(&mut headers, carry);
            headers.get("baggage").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told(Carry::Nothing), None);
        assert_eq!(told(Carry::Session).as_deref(), Some("session.id=s-1"));
        assert_eq!(told(Carry::SessionAndUser).as_deref(), Some("session.id=s-1,user.id=ada"));
        assert_eq!(Step::current().baggage(Carry::Session).as_deref(), Some("session.id=s-1"));
    });
    assert_eq!(steps.all().len(), 1);
}

#[test]
fn a_parent_elsewhere_wins_over_the_step_around_it_and_wrong_headers_name_none() {
    let steps = steps_of(|| {
        let _around = info_span!("around").entered();
        drop(remote_parent(&headers(&[("traceparent", PARENT)]), || info_span!("remote")));
        for wrong in ["", "00-zz", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            drop(remote_parent(&headers(&[("traceparent", wrong)]), || info_span!("local")));
        }
        drop(info_span!("by field", traceparent = PARENT, baggage = "session.id=s-9"));
    });
    let remote = steps.find("remote");
    assert_eq!(remote.parent.unwrap().to_string(), "b7ad6b7169203331");
    let around = steps.find("around");
    for local in steps.all().iter().filter(|step| step.name == "local") {
        local.assert_child_of(&around);
    }
    let by_field = steps.find("by field");
    assert_eq!(by_field.trace_id, remote.trace_id);
    by_field.assert_attribute("session.id", "s-9").assert_attribute("treering.input", json!(null));
}

#[test]
fn a_closure_that_panics_leaves_its_parent_to_nobody() {
    let steps = steps_of(|| {
        let broken = || remote_parent(&headers(&[("traceparent", PARENT)]), || panic!("on purpose"));
        assert!(std::panic::catch_unwind(broken).is_err());
        drop(info_span!("after"));
    });
    assert_eq!(steps.find("after").parent, None);
}

#[test]
fn a_tool_of_another_server_goes_on_with_the_execution() {
    let steps = steps_of(|| {
        let mut params = json!({"name": "search", "_meta": {"progressToken": 1}});
        let asks = info_span!("asks", session.id = "s-1").entered();
        mcp::inject(&mut params);
        drop(asks);
        assert_eq!(params["_meta"]["progressToken"], 1);
        drop(mcp::remote_parent(&params, || info_span!("search")));
        drop(mcp::remote_parent(&json!({"name": "search"}), || info_span!("alone")));
        mcp::inject(&mut json!([]));
    });
    steps.find("search").assert_child_of(&steps.find("asks")).assert_attribute("session.id", "s-1");
    assert_eq!(steps.find("alone").parent, None);
}

#[test]
fn tasks_and_threads_stay_in_their_step() {
    let steps = steps_of_async(|| {
        async {
            spawn(async { drop(info_span!("task")) }).await.unwrap();
            spawn_blocking(|| drop(info_span!("blocking"))).await.unwrap();
            std::thread::spawn(in_current(|| drop(info_span!("thread")))).join().unwrap();
        }
        .instrument(info_span!("root"))
    });
    for name in ["task", "blocking", "thread"] {
        steps.find(name).assert_child_of(&steps.find("root"));
    }
}

#[cfg(feature = "tower")]
#[test]
fn a_service_makes_steps_of_requests_below_the_client_that_asks() {
    use std::convert::Infallible;
    use tower_layer::Layer as _;
    use tower_service::Service as _;

    #[derive(Clone)]
    struct Echo;
    impl tower_service::Service<http::Request<()>> for Echo {
        type Response = http::Response<()>;
        type Error = Infallible;
        type Future = std::pin::Pin<Box<dyn Future<Output = Result<http::Response<()>, Infallible>>>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: http::Request<()>) -> Self::Future {
            Box::pin(async move {
                drop(info_span!("handler"));
                let status = if request.uri().path() == "/broken" { 503 } else { 200 };
                Ok(http::Response::builder().status(status).body(()).unwrap())
            })
        }
    }

    let steps = steps_of_async(|| {
        async {
            let server = crate::tower::ServerLayer::default().layer(Echo);
            let mut client = crate::tower::ClientLayer::default().layer(server);
            for path in ["/trees?key=secret", "/broken"] {
                client.call(http::Request::get(path).body(()).unwrap()).await.unwrap();
            }
        }
        .instrument(info_span!("asks", session.id = "s-1"))
    });
    let fine = steps.find("GET /trees");
    fine.assert_child_of(&steps.find("asks")).assert_attribute("http.response.status_code", 200);
    fine.assert_attribute("url.path", "/trees").assert_attribute("session.id", "s-1");
    steps.find("handler").assert_child_of(&fine);
    let broken = steps.find("GET /broken");
    assert_eq!(broken.status, treering_step::Status::Error);
    assert!(!format!("{:?}", steps.all()).contains("secret"), "the query is not told");
}

#[cfg(feature = "tonic")]
#[test]
fn a_request_of_tonic_names_the_step() {
    steps_of(|| {
        let _asks = info_span!("asks").entered();
        let request = crate::interceptor(tonic::Request::new(())).unwrap();
        let sent = request.metadata().get("traceparent").unwrap().to_str().unwrap().to_owned();
        assert_eq!(Some(sent), Step::current().traceparent());
    });
}

proptest! {
    #[test]
    fn any_session_arrives_as_it_was_and_any_baggage_can_be_read(session in "\\PC{1,60}", baggage in "\\PC*") {
        let steps = steps_of(|| {
            let asks = info_span!("asks", session.id = session.as_str()).entered();
            let header = Step::current().baggage(Carry::Session).unwrap();
            drop(asks);
            drop(info_span!("answers", traceparent = PARENT, baggage = header.as_str()));
            drop(info_span!("hostile", traceparent = PARENT, baggage = baggage.as_str()));
        });
        steps.find("answers").assert_attribute("session.id", session);
    }
}
