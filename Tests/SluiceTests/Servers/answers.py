"""Answers as a script says: answers.py SCRIPT, where SCRIPT is a file with a JSON object of a path's answers, one a request, the last again and
again. It prints its port first, then each request as a line of JSON. An answer has:

status, headers (a list of [name, value]), body (text), or same: N for the body of another version; length (what Content-Length says; null
for none), send (how many bytes of the body come before the connection breaks), stall (seconds before it breaks), chunked, http (the version), hold (seconds
before the body), modified (Last-Modified, in seconds from the Date of the address's first answer), range (a 206 of what is asked for, where that is asked).
"""
import email.utils
import http.server
import json
import sys
import time

with open(sys.argv[1]) as file:
    script = json.load(file)
counts = {}
times = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = self.path.split("?")[0]
        counts[path] = counts.get(path, 0) + 1
        sys.stdout.write(json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers)}) + "\n")
        sys.stdout.flush()
        answers = script.get(path) or script.get("*") or [{"status": 404}]
        answer = answers[min(counts[path], len(answers)) - 1]
        status = answer.get("status", 200)
        body = answer.get("body", "").encode()
        headers = list(answer.get("headers", []))
        asked = self.headers.get("Range")
        if answer.get("range") and asked:
            start = int(asked.split("=")[1].split("-")[0])
            headers.append(["Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body))])
            status, body = 206, body[start:]
        now = time.time()
        lines = ["HTTP/%s %d Answer" % (answer.get("http", "1.1"), status), "Date: " + email.utils.formatdate(now, usegmt=True)]
        if "modified" in answer:
            # The file of an address stays as it is: a later answer tells the same time.
            modified = times.setdefault((path, answer["modified"]), now + answer["modified"])
            lines.append("Last-Modified: " + email.utils.formatdate(modified, usegmt=True))
        lines += ["%s: %s" % (name, value) for name, value in headers]
        if answer.get("chunked"):
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif answer.get("length", 0) is not None and status not in (204, 304):
            lines.append("Content-Length: %d" % answer.get("length", len(body)))
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if self.command != "HEAD" and status != 304:
            self.wfile.flush()
            time.sleep(answer.get("hold", 0))
            self.wfile.write(body[:answer.get("send", len(body))])
        if "send" in answer or answer.get("length", 0) is None:
            self.close_connection = True
            self.wfile.flush()
            time.sleep(answer.get("stall", 0.1))
            self.connection.shutdown(2)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
