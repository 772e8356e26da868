"""An OTLP/HTTP receiver that takes nothing that OpenTelemetry's own description of the protocol does not allow.

It prints its port first, then a line of JSON for each request: its path, its headers, and the message as read, or why it was refused.
"""
import base64
import http.server
import json

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


def as_protobuf(value):
    """Ids are hexadecimal in OTLP's JSON, where protobuf's has base64."""
    if isinstance(value, list):
        return [as_protobuf(each) for each in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, each in value.items():
        if key in ("traceId", "spanId", "parentSpanId"):
            raw = bytes.fromhex(each)
            assert len(raw) == (16 if key == "traceId" else 8) and any(raw), f"{key}: {each}"
            out[key] = base64.b64encode(raw).decode()
        else:
            out[key] = as_protobuf(each)
    return out


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        record = {"path": self.path, "headers": dict(self.headers)}
        status = 200
        try:
            assert self.headers["Content-Type"] == "application/json", self.headers["Content-Type"]
            message = json_format.ParseDict(as_protobuf(json.loads(body)), KINDS[self.path](), ignore_unknown_fields=False)
            record["message"] = json_format.MessageToDict(message)
        except Exception as error:
            record["refused"] = f"{type(error).__name__}: {error}"
            status = 400
        print(json.dumps(record), flush=True)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
