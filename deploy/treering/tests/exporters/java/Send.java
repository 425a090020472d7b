import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;

/**
 * Sends a span, one inside it, a log record inside that, and a metric, by the stock exporters of OpenTelemetry.
 *
 * <p>Everything on the way to the server comes from the OTEL_* variables. Prints the ids, in JSON. The exporters
 * complain to java.util.logging, which prints what is worth a look on stderr unless it is told otherwise.
 */
class Send {
  public static void main(String[] arguments) {
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder().disableShutdownHook().build().getOpenTelemetrySdk();
    Tracer tracer = sdk.getTracer("send");
    Span agent = tracer.spanBuilder("invoke_agent sender").startSpan();
    Span call;
    try (Scope inAgent = agent.makeCurrent()) {
      call = tracer.spanBuilder("chat test-model").startSpan();
      call.setAttribute("gen_ai.request.model", "test-model");
      try (Scope inCall = call.makeCurrent()) {
        sdk.getLogsBridge().get("send").logRecordBuilder()
            .setSeverity(Severity.INFO)
            .setSeverityText("INFO")
            .setBody("a log record inside the call")
            .emit();
        sdk.getMeter("send").counterBuilder("calls").build().add(1);
      }
      call.end();
    }
    agent.end();
    sdk.close();
    System.out.printf(
        "{\"trace_id\": \"%s\", \"agent\": \"%s\", \"call\": \"%s\"}%n",
        agent.getSpanContext().getTraceId(),
        agent.getSpanContext().getSpanId(),
        call.getSpanContext().getSpanId());
  }
}
