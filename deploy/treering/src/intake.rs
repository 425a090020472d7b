//! The settings of the half that writes.

use std::sync::Arc;

use treering_collector::Limits;
use treering_read::Prices;
use treering_redact::Rules;

use crate::cli::{Common, Intake};
use crate::error::Error;
use crate::exposure;
use crate::settings::{File, address, prices, rules};

pub(crate) struct IntakeSettings {
    pub(crate) collector: treering_collector::Settings,
    pub(crate) journal: treering_queue::Settings,
    pub(crate) rules: Rules,
    pub(crate) prices: Arc<Prices>,
}

impl IntakeSettings {
    pub(crate) fn of(flags: &Intake, common: &Common, file: &File) -> Result<Self, Error> {
        let otlp_grpc = address(flags.otlp_grpc, file.otlp_grpc, 4317);
        let otlp_http = address(flags.otlp_http, file.otlp_http, 4318);
        exposure::check(&[otlp_grpc, otlp_http], common.behind_proxy || file.behind_proxy)?;
        let (mut limits, mut journal) = (Limits::default(), treering_queue::Settings::default());
        limits.max_request_bytes =
            flags.max_request_bytes.or(file.max_request_bytes).unwrap_or(limits.max_request_bytes);
        journal.max_bytes = flags.max_journal_bytes.or(file.max_journal_bytes).unwrap_or(journal.max_bytes);
        let name = "collector".to_owned();
        Ok(Self {
            collector: treering_collector::Settings { name, otlp_grpc, otlp_http, limits },
            journal,
            prices: prices(common.prices.as_deref().or(file.prices.as_deref()))?,
            rules: rules(flags.rules.as_deref().or(file.rules.as_deref()))?,
        })
    }
}
