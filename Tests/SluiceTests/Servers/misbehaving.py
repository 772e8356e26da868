"""An HTTP server that misbehaves on purpose, on a port of its own choice, which it prints.

For each path: the first request is answered 503 with Retry-After: 0, the second gets half of the body and a closed
connection, later ones are served, by Range and If-Range where asked. Paths in /missing are 404, in /down always 503, in
/changing have another ETag at each request and break off the first time. /moved sends on to /plain here, /away to /plain on another
host, /around to itself; /terse gives no reason behind its status. Each request is a line of JSON on stdout.
"""
import collections
import hashlib
import http.server
import json
import os
import re
import sys
import urllib.parse

import ranges

folder = sys.argv[1]
seen = collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def end(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        # A proxy is asked for a whole address.
        path = re.sub("^http://[^/]*", "", self.path.split("?")[0])
        seen[path] += 1
        count = seen[path]
        # One write a line: several threads write.
        sys.stdout.write(json.dumps({"path": path, "count": count, "range": self.headers.get("Range"),
                                     "if_range": self.headers.get("If-Range"),
                                     "authorization": self.headers.get("Authorization"),
                                     "key": self.headers.get("X-Key")}) + "\n")
        sys.stdout.flush()
        kind, name = path.strip("/").split("/", 1)
        file = os.path.join(folder, os.path.basename(urllib.parse.unquote(name)))
        if kind == "missing" or not os.path.exists(file):
            return self.end(404, {})
        if kind == "down":
            return self.end(503, {"Retry-After": "0"})
        if kind == "terse":
            # RFC 9112 §4: a reason is optional, and so is the blank for some.
            with open(file, "rb") as f:
                body = f.read()
            self.wfile.write(b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return
        if kind in ("moved", "around"):
            return self.end(301, {"Location": "/%s/%s" % ("plain" if kind == "moved" else "around", name)}, b"it is elsewhere")
        if kind == "away":
            return self.end(307, {"Location": "http://localhost:%d/plain/%s" % (self.server.server_address[1], name)}, b"it is elsewhere")
        if kind == "redirect":
            return self.end(302, {"Location": "file:///etc/passwd"})
        if kind == "flaky" and count == 1:
            return self.end(503, {"Retry-After": "0"})
        with open(file, "rb") as f:
            body = f.read()
        etag = '"%d-%d"' % (len(body), count if kind == "changing" else 0)
        if kind in ("digested", "rangeless"):
            etag = '"%s"' % hashlib.md5(body).hexdigest()
        if kind == "rangeless":
            # It knows no ranges: whatever is asked for, all comes.
            del self.headers["Range"]
        breaks = (kind == "flaky" and count == 2) or (kind == "changing" and count == 1)
        ranges.answer(self, body, etag, (lambda length: length // 2) if breaks else None)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
