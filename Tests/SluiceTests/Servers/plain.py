"""Serves a folder and knows no ranges: plain.py FOLDER. It prints its port first."""
import functools
import http.server
import json
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
