//! The settings of the half that writes.

use std::sync::Arc;

use http::{HeaderValue, Uri};
use treering_collector::{Acknowledge, Limits, Manners, Origins};
use treering_read::Prices;

use crate::cli::{Ack, Common, Intake};
use crate::error::Error;
use crate::exposure::Guard;
use crate::rules::{Opened, RuleFile};
use crate::settings::{File, address, prices};

pub(crate) struct IntakeSettings {
    pub(crate) collector: treering_collector::Settings,
    pub(crate) journal: treering_queue::Settings,
    pub(crate) rules: Opened,
    pub(crate) prices: Arc<Prices>,
}

impl IntakeSettings {
    pub(crate) fn of(flags: &Intake, common: &Common, guard: &Guard, file: &File) -> Result<Self, Error> {
        let otlp_grpc = address(flags.otlp_grpc, file.otlp_grpc, 4317);
        let otlp_http = address(flags.otlp_http, file.otlp_http, 4318);
        guard.check(&[otlp_grpc, otlp_http])?;
        let (mut limits, mut journal) = (Limits::default(), treering_queue::Settings::default());
        limits.max_request_bytes =
            flags.max_request_bytes.or(file.max_request_bytes).unwrap_or(limits.max_request_bytes);
        journal.max_bytes = flags.max_journal_bytes.or(file.max_journal_bytes).unwrap_or(journal.max_bytes);
        let origins = if flags.cors_origin.is_empty() { &file.cors_origin } else { &flags.cors_origin };
        let manners = Manners {
            origins: self::origins(origins)?,
            report_discarded: flags.report_discarded || file.report_discarded,
        };
        let acknowledge = match flags.ack.or(file.ack) {
            Some(Ack::Store) => Acknowledge::Store,
            Some(Ack::Journal) | None => Acknowledge::Journal,
        };
        let name = "collector".to_owned();
        Ok(Self {
            collector: treering_collector::Settings {
                name,
                identity: None,
                otlp_grpc,
                otlp_http,
                limits,
                manners,
                acknowledge,
                tls: guard.tls.clone(),
            },
            journal,
            prices: prices(common.prices.as_deref().or(file.prices.as_deref()))?,
            rules: RuleFile::open(flags.rules.as_deref().or(file.rules.as_deref()))?,
        })
    }
}

/// Any page may send unless some are named; `none` names none.
fn origins(named: &[String]) -> Result<Origins, Error> {
    match named {
        [] => Ok(Origins::Any),
        [word] if word == "*" => Ok(Origins::Any),
        [word] if word == "none" => Ok(Origins::Only(Vec::new())),
        origins => origins.iter().map(|text| origin(text)).collect::<Result<_, _>>().map(Origins::Only),
    }
}

/// As a browser says it: `https://app.example.com`, with a port where it is not the usual one.
fn origin(text: &str) -> Result<HeaderValue, Error> {
    let refused = || Error::Origin { origin: text.to_owned() };
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let host = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), host) {
        (Some(scheme), Some(host)) if text.eq_ignore_ascii_case(&format!("{scheme}://{host}")) => {
            HeaderValue::try_from(text.to_ascii_lowercase()).map_err(|_| refused())
        }
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(named: &[&str]) -> Result<Origins, Error> {
        origins(&named.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn origins_are_said_as_browsers_say_them() {
        let only = |origins: &[&'static str]| {
            Origins::Only(origins.iter().map(|origin| HeaderValue::from_static(origin)).collect())
        };
        assert_eq!(of(&[]).unwrap(), Origins::Any);
        assert_eq!(of(&["*"]).unwrap(), Origins::Any);
        assert_eq!(of(&["none"]).unwrap(), only(&[]));
        let both = of(&["https://App.example.com", "http://localhost:3000"]).unwrap();
        assert_eq!(both, only(&["https://app.example.com", "http://localhost:3000"]));
        for wrong in
            ["app.example.com", "https://app.example.com/", "https://a@b.example", "https://", "none, *"]
        {
            assert!(of(&[wrong]).is_err(), "{wrong}");
        }
    }
}
