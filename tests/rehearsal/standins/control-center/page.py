"""A stand-in for Control Center: asks each server that its settings name, and says so on a page."""

import os
import socket
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 9021
BROKER = "CONTROL_CENTER_BOOTSTRAP_SERVERS"
CONNECT = "CONTROL_CENTER_CONNECT_WALFLOW_CLUSTER"
REGISTRY = "CONTROL_CENTER_SCHEMA_REGISTRY_URL"
ONE_BROKER = (
    "CONTROL_CENTER_REPLICATION_FACTOR",
    "CONFLUENT_METRICS_TOPIC_REPLICATION",
    "CONTROL_CENTER_INTERNAL_TOPICS_PARTITIONS",
)


def problems() -> list[str]:
    """What would keep Control Center from seeing the pipeline."""
    found = [f"{name} is not 1" for name in ONE_BROKER if os.environ.get(name) != "1"]
    host, _, port = os.environ.get(BROKER, "").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError) as error:
        found.append(f"{BROKER}: {error}")
    for name, path in ((CONNECT, "/connectors"), (REGISTRY, "/subjects")):
        try:
            urllib.request.urlopen(os.environ.get(name, "") + path, timeout=3).close()
        except (OSError, ValueError) as error:
            found.append(f"{name}: {error}")
    return found


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = problems()
        text = "This is a stand-in for Control Center.\n" + "\n".join(found or ["All is well.\n"])
        self.send_response(503 if found else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", PORT), Page).serve_forever()
