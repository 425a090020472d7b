"""Sends a span, one inside it, a log record inside that, and a metric, by the stock exporters of OpenTelemetry.

Everything on the way to the server comes from the OTEL_* variables. Prints the ids, in JSON.
"""

import json
import logging
import os
import warnings
from importlib import import_module

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# What the exporters have to say goes to stderr, and each time it is said.
logging.basicConfig(level=logging.WARNING)
warnings.simplefilter("always")

PACKAGES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http/json": "opentelemetry.exporter.otlp.json.http",
}
package = PACKAGES[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]
span_exporter = import_module(f"{package}.trace_exporter").OTLPSpanExporter()
log_exporter = import_module(f"{package}._log_exporter").OTLPLogExporter()
metric_exporter = import_module(f"{package}.metric_exporter").OTLPMetricExporter()

spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(span_exporter))
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
metrics = MeterProvider([PeriodicExportingMetricReader(metric_exporter)])

tracer = spans.get_tracer("send")
with tracer.start_as_current_span("invoke_agent sender") as agent:
    with tracer.start_as_current_span("chat test-model") as call:
        call.set_attribute("gen_ai.request.model", "test-model")
        logs.get_logger("send").emit(
            severity_number=SeverityNumber.INFO, severity_text="INFO", body="a log record inside the call"
        )
        metrics.get_meter("send").create_counter("calls").add(1)
spans.shutdown()
logs.shutdown()
metrics.shutdown()

print(json.dumps({
    "trace_id": trace.format_trace_id(agent.context.trace_id),
    "agent": trace.format_span_id(agent.context.span_id),
    "call": trace.format_span_id(call.context.span_id),
}))
