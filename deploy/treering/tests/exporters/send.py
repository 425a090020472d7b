"""Sends a span, one inside it, and a log record inside that, by the stock exporters of OpenTelemetry.

Everything on the way to the server comes from the OTEL_* variables. Prints the ids, in JSON.
"""

import json
import os
from importlib import import_module

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PACKAGES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http/json": "opentelemetry.exporter.otlp.json.http",
}
package = PACKAGES[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]
span_exporter = import_module(f"{package}.trace_exporter").OTLPSpanExporter()
log_exporter = import_module(f"{package}._log_exporter").OTLPLogExporter()

spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(span_exporter))
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))

tracer = spans.get_tracer("send")
with tracer.start_as_current_span("invoke_agent sender") as agent:
    with tracer.start_as_current_span("chat test-model") as call:
        call.set_attribute("gen_ai.request.model", "test-model")
        logs.get_logger("send").emit(
            severity_number=SeverityNumber.INFO, severity_text="INFO", body="a log record inside the call"
        )
spans.shutdown()
logs.shutdown()

print(json.dumps({
    "trace_id": trace.format_trace_id(agent.context.trace_id),
    "agent": trace.format_span_id(agent.context.span_id),
    "call": trace.format_span_id(call.context.span_id),
}))
