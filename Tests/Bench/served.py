"""The data of the benches over HTTP."""
import socket
import subprocess
import time


class Nginx:
    """nginx on loopback, serving the data; stopped by its pid."""

    def __init__(self, home):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        with open(home + "/nginx.conf", "w") as file:
            file.write("pid %s/nginx.pid; error_log %s/nginx.error; daemon off; master_process off; events { worker_connections 512; }\n"
                       "http { access_log off; keepalive_requests 100000; %s server { listen 127.0.0.1:%d; root %s; } }\n" % (
                           home, home, "".join("%s_temp_path %s/%s;" % (kind, home, kind) for kind in "client_body proxy fastcgi uwsgi scgi".split()),
                           self.port, home))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", home + "/nginx.conf", "-p", home])
        time.sleep(0.5)

    def stop(self):
        self.process.terminate()
        self.process.wait()
