use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use crate::{Error, Protocol, Settings, Stats};

fn settings(variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::from_variables(&|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_protocol_is_the_one_said_else_that_of_the_port() {
    let protocol = |variables: &[(&str, &str)]| settings(variables).unwrap().protocol;
    let (endpoint, said) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL");
    assert_eq!(protocol(&[]), Protocol::HttpProtobuf);
    assert_eq!(protocol(&[(endpoint, "http://localhost:4317/")]), Protocol::Grpc);
    assert_eq!(protocol(&[(endpoint, "http://localhost:4318")]), Protocol::HttpProtobuf);
    assert_eq!(protocol(&[(endpoint, "http://localhost:4317"), (said, "http/json")]), Protocol::HttpJson);
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
    assert_eq!(protocol(&[(said, "http/json"), traces]), Protocol::Grpc);
    assert_eq!(protocol(&[(said, "")]), Protocol::HttpProtobuf, "an empty variable is not set");
}

#[test]
fn a_value_that_cannot_be_used_is_an_error_that_says_what_can() {
    let error = settings(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http")]).unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && error.contains("http/protobuf"), "{error}");
    let error = settings(&[("OTEL_BSP_SCHEDULE_DELAY", "5s")]).unwrap_err().to_string();
    assert!(error.contains("\"5s\"") && error.contains("milliseconds"), "{error}");
}

#[test]
fn switched_off_it_does_nothing_and_says_so() {
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let (layer, guard) = settings(&[off]).unwrap().layer().unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _step = info_span!("s").entered();
            assert_eq!(crate::Step::current().ids(), None);
        });
        guard.flush(std::time::Duration::ZERO).unwrap();
        assert_eq!(guard.stats(), Stats::default());
    }
}
