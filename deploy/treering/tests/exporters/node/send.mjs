// Sends a span, one inside it, a log record inside that, and a metric, by the stock exporters of OpenTelemetry.
//
// Everything on the way to the server comes from the OTEL_* variables. Prints the ids, in JSON.

import { createRequire } from "node:module";

// The first argument is the folder whose node_modules has the packages.
const require = createRequire(`${process.argv[2]}/`);
const { diag, DiagConsoleLogger, DiagLogLevel, metrics, trace } = require("@opentelemetry/api");
const { logs, SeverityNumber } = require("@opentelemetry/api-logs");
const { NodeSDK } = require("@opentelemetry/sdk-node");

// Else it would fail in silence.
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN);
const sdk = new NodeSDK();
sdk.start();

const tracer = trace.getTracer("send");
const ids = tracer.startActiveSpan("invoke_agent sender", (agent) =>
  tracer.startActiveSpan("chat test-model", (call) => {
    call.setAttribute("gen_ai.request.model", "test-model");
    logs.getLogger("send").emit({
      severityNumber: SeverityNumber.INFO,
      severityText: "INFO",
      body: "a log record inside the call",
    });
    metrics.getMeter("send").createCounter("calls").add(1);
    call.end();
    agent.end();
    const { traceId, spanId } = agent.spanContext();
    return { trace_id: traceId, agent: spanId, call: call.spanContext().spanId };
  }),
);
await sdk.shutdown();
console.log(JSON.stringify(ids));
