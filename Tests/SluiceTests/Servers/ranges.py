"""How a server answers for a body of one version: whole, or by Range with If-Range. The test servers share it."""
import time

PIECE = 64 << 10


def answer(handler, body, etag, most=None):
    """Answers a GET or HEAD; of what is asked for only `most` bytes come before the connection breaks."""
    asked = handler.headers.get("Range")
    start = 0
    if asked and handler.headers.get("If-Range", etag) == etag:
        start = int(asked.split("=")[1].split("-")[0])
    if start and start >= len(body):
        handler.send_response(416)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    part = body[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("ETag", etag)
    handler.send_header("Content-Length", str(len(part)))
    if start:
        handler.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
    handler.end_headers()
    if handler.command == "HEAD":
        return
    if most is None:
        handler.wfile.write(part)
        return
    # In pieces, so that a client has worked on some of it by the time it breaks.
    part = part[:most(len(part))]
    for at in range(0, len(part), PIECE):
        handler.wfile.write(part[at:at + PIECE])
        handler.wfile.flush()
        time.sleep(0.002)
    handler.close_connection = True
    handler.connection.shutdown(2)
