// Sends a span, one inside it, a log record inside that, and a metric, by the stock exporters of OpenTelemetry.
//
// Everything on the way to the server comes from the OTEL_* variables. Prints the ids, in JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	stdlog "log"
	"os"

	"github.com/go-logr/stdr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	// Errors are told anyhow; warnings have the verbosity 1.
	stdr.SetVerbosity(1)
	otel.SetLogger(stdr.New(stdlog.New(os.Stderr, "", 0)))
	ids, err := send(context.Background())
	if err != nil {
		stdlog.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(ids); err != nil {
		stdlog.Fatal(err)
	}
}

func send(ctx context.Context) (map[string]string, error) {
	spans, logs, metrics, err := exporters(ctx)
	if err != nil {
		return nil, err
	}
	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	logging := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	metering := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))

	tracer := tracing.Tracer("send")
	inAgent, agent := tracer.Start(ctx, "invoke_agent sender")
	inCall, call := tracer.Start(inAgent, "chat test-model",
		trace.WithAttributes(attribute.String("gen_ai.request.model", "test-model")))
	var record log.Record
	record.SetSeverity(log.SeverityInfo)
	record.SetSeverityText("INFO")
	record.SetBody(attribute.StringValue("a log record inside the call"))
	logging.Logger("send").Emit(inCall, record)
	calls, err := metering.Meter("send").Int64Counter("calls")
	if err != nil {
		return nil, err
	}
	calls.Add(inCall, 1)
	call.End()
	agent.End()

	err = errors.Join(tracing.Shutdown(ctx), logging.Shutdown(ctx), metering.Shutdown(ctx))
	return map[string]string{
		"trace_id": agent.SpanContext().TraceID().String(),
		"agent":    agent.SpanContext().SpanID().String(),
		"call":     call.SpanContext().SpanID().String(),
	}, err
}

// The exporters of the protocol asked for. Those of logs and metrics know no http/json: with it they send protobuf,
// and the spans alone go as JSON.
func exporters(ctx context.Context) (*otlptrace.Exporter, sdklog.Exporter, sdkmetric.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		spans, spansErr := otlptracegrpc.New(ctx)
		logs, logsErr := otlploggrpc.New(ctx)
		metrics, metricsErr := otlpmetricgrpc.New(ctx)
		return spans, logs, metrics, errors.Join(spansErr, logsErr, metricsErr)
	}
	spans, spansErr := otlptracehttp.New(ctx)
	logs, logsErr := otlploghttp.New(ctx)
	metrics, metricsErr := otlpmetrichttp.New(ctx)
	return spans, logs, metrics, errors.Join(spansErr, logsErr, metricsErr)
}
