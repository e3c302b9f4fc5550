"""A stand-in for Google Cloud Storage at loopback: the parts of its JSON API that the lab uses."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

OBJECT = re.compile(r"(?:/upload|/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?")
TIME = "2026-01-01T00:00:00.000Z"


class _Handler(BaseHTTPRequestHandler):
    """Objects are kept in `server.objects`: name -> (bytes, generation)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        """Print nothing."""

    def _answer(self, status, body=b"", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _asked(self):
        parts = urlsplit(self.path)
        found = OBJECT.fullmatch(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        bucket, name = (found.group(1), found.group(2)) if found else ("", "")
        return bucket, unquote(name or query.get("name", "")), query

    def _body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _about(self, bucket, name):
        data, generation = self.server.objects[name]
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "name": name,
            "bucket": bucket,
            "size": str(len(data)),
            "generation": str(generation),
            "metageneration": "1",
            "timeCreated": TIME,
            "updated": TIME,
        }

    def _store(self, bucket, name, data, query):
        with self.server.lock:
            held = self.server.objects.get(name, (b"", 0))[1]
            if query.get("ifGenerationMatch", str(held)) != str(held):
                return self._answer(412, {"error": {"code": 412, "message": "no"}})
            self.server.count += 1
            self.server.objects[name] = (data, self.server.count)
        return self._answer(200, self._about(bucket, name), Content_Type="application/json")

    def do_GET(self):
        bucket, name, query = self._asked()
        if not name:
            names = [
                n for n in sorted(self.server.objects) if n.startswith(query.get("prefix", ""))
            ]
            return self._answer(200, {"items": [self._about(bucket, n) for n in names]})
        if name not in self.server.objects:
            return self._answer(404, {"error": {"code": 404, "message": "none"}})
        data, generation = self.server.objects[name]
        if query.get("alt") != "media":
            return self._answer(200, self._about(bucket, name))
        first = int(re.sub(r"bytes=(\d+)-.*", r"\1", self.headers.get("Range", "bytes=0-")))
        tags = {
            "x_goog_generation": str(generation),
            "x_goog_stored_content_length": str(len(data)),
        }
        if "Range" not in self.headers:
            return self._answer(200, data, **tags)
        span = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self._answer(206, data[first:], Content_Range=span, **tags)

    def do_POST(self):
        bucket, name, query = self._asked()
        body = self._body()
        if query.get("uploadType") == "resumable":
            host = f"http://127.0.0.1:{self.server.server_port}"
            place = f"{host}/upload/storage/v1/b/{bucket}/o?name={name}&upload_id=1"
            return self._answer(200, Location=place)
        return self._store(bucket, name, body, query)

    def do_PUT(self):
        bucket, name, query = self._asked()
        return self._store(bucket, name, self._body(), query)

    def do_DELETE(self):
        _, name, _ = self._asked()
        gone = self.server.objects.pop(name, None)
        return self._answer(204 if gone else 404)


@contextmanager
def serving():
    """Serve an empty store; yields its server, whose `server_port` tells the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.objects, server.count, server.lock = {}, 0, threading.Lock()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
