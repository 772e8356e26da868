"""An HTTP proxy that wants a user and a password: proxy.py USER:PASSWORD. It takes CONNECT and whole addresses; it prints its port
first, then what it was asked for as lines of JSON."""
import base64
import http.client
import http.server
import json
import select
import socket
import sys
import urllib.parse

wanted = "Basic " + base64.b64encode(sys.argv[1].encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def is_let_in(self):
        given = self.headers.get("Proxy-Authorization")
        print(json.dumps({"method": self.command, "path": self.path, "let_in": given == wanted}), flush=True)
        if given == wanted:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", "Basic")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self):
        if not self.is_let_in():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            near = self.connection
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    (far if ready is near else near).sendall(data)

    def do_GET(self):
        if not self.is_let_in():
            return
        address = urllib.parse.urlsplit(self.path)
        far = http.client.HTTPConnection(address.hostname, address.port)
        far.request(self.command, address.path)
        answer = far.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
