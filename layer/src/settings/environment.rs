//! Settings by the variables of the environment.

use std::path::PathBuf;
use std::time::Duration;

use super::{Protocol, Settings};
use crate::{ApiKey, Capture, Error, key};

impl Settings {
    /// A variable that is empty counts as not set, as the specification says.
    pub(crate) fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str, word: &str| read(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        let defaults = Self::new();
        let delay = number(&read, "OTEL_BSP_SCHEDULE_DELAY", "a number of milliseconds")?;
        let batch = number(&read, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "a number of spans")?;
        let endpoint =
            read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| read("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let both = |name: &str| {
            read(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| read(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let api_key = match (read("TREERING_API_KEY"), read("TREERING_API_KEY_FILE")) {
            (Some(key), _) => Some(ApiKey::from(key)),
            (None, Some(path)) => Some(ApiKey::from_file(path)?),
            (None, None) => None,
        };
        let running = number(&read, "TREERING_RUNNING_AFTER", "a number of milliseconds")?;
        let heartbeat = number(&read, "TREERING_HEARTBEAT_INTERVAL", "a number of milliseconds")?;
        // Where spans alone have an address, there is none for logs.
        let has_logs = !is("OTEL_LOGS_EXPORTER", "none")
            && (read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_none()
                || read("OTEL_EXPORTER_OTLP_ENDPOINT").is_some()
                || read("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT").is_some());
        let running_after = running.map(Duration::from_millis).or(defaults.running_after);
        let settings = Self {
            api_key,
            headers_of_env: both("HEADERS")
                .map(|headers| key::headers_of_variable(&headers))
                .unwrap_or_default(),
            insecure: is("TREERING_INSECURE", "true") || both("INSECURE").is_some_and(|word| word == "true"),
            certificate: both("CERTIFICATE").map(PathBuf::from),
            client_certificate: both("CLIENT_CERTIFICATE").map(PathBuf::from),
            client_key: both("CLIENT_KEY").map(PathBuf::from),
            running_after: running_after.filter(|_| has_logs),
            heartbeat: heartbeat
                .map_or(defaults.heartbeat, |interval| Duration::from_millis(interval.max(1))),
            protocol: protocol(&read, endpoint.as_deref())?,
            delay: delay.map_or(defaults.delay, Duration::from_millis),
            batch_steps: batch
                .map_or(defaults.batch_steps, |steps| usize::try_from(steps.max(1)).unwrap_or(usize::MAX)),
            disabled: is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none"),
            sign: is("TREERING_SIGN_REQUESTS", "true"),
            endpoint_of_env: endpoint,
            ..defaults
        };
        settings.screened(&read)?.spilling(&read)
    }

    /// What is said of steps, as the environment wants it.
    fn screened(self, read: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let name = "TREERING_CAPTURE";
        let expected = "nothing, structure, redacted (with the feature `redact`) or all";
        let capture = match read(name) {
            Some(value) => {
                Some(Capture::from_word(&value).ok_or(Error::Setting { name, value, expected })?)
            }
            None => None,
        };
        let settings = match capture {
            Some(capture) => self.capture(capture),
            None => self,
        };
        match read("TREERING_RULES") {
            #[cfg(feature = "redact")]
            Some(path) => {
                let rules = std::fs::read_to_string(&path)
                    .map_err(|source| Error::File { path: PathBuf::from(path), source })?;
                settings.rules(&rules)
            }
            #[cfg(not(feature = "redact"))]
            Some(value) => Err(Error::Setting {
                name: "TREERING_RULES",
                value,
                expected: "a file of rules, with the feature `redact` of treering-layer",
            }),
            None => Ok(settings),
        }
    }

    fn spilling(self, read: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        match read("TREERING_SPILL") {
            #[cfg(feature = "spill")]
            Some(folder) => Ok(self.on_full(crate::OnFull::Spill(crate::Spill::new(folder)))),
            #[cfg(not(feature = "spill"))]
            Some(value) => Err(Error::Setting {
                name: "TREERING_SPILL",
                value,
                expected: "a folder, with the feature `spill` of treering-layer",
            }),
            None => Ok(self),
        }
    }
}

fn protocol(read: &dyn Fn(&str) -> Option<String>, endpoint: Option<&str>) -> Result<Protocol, Error> {
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        let Some(value) = read(name) else { continue };
        return match value.as_str() {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Ok(Protocol::HttpJson),
            _ => Err(Error::Setting { name, value, expected: "grpc, http/protobuf or http/json" }),
        };
    }
    let is_grpc = endpoint.is_some_and(|endpoint| endpoint.trim_end_matches('/').ends_with(":4317"));
    Ok(if is_grpc { Protocol::Grpc } else { Protocol::HttpProtobuf })
}

fn number(
    read: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<u64>, Error> {
    let Some(value) = read(name) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| Error::Setting { name, value, expected })
}
