"""What users of such tools report: values that change, outputs that vanish, failures that nobody is told of."""
import csv
import gzip
import io
import json
import lzma
import os
import stat
import subprocess
import time

from box import Skipped, Wrong, collect, equal, expect, reply

CASES = []
case = collect(CASES, "reports")

TWO = "fetch: {from: a.csv, retry: {attempts: 1}}\nparse: {fields: {id: bigint, name: text}}\n"


def simple(box, data, more="", write="write: {path: o.jsonl}\n"):
    box.write("a.csv", data)
    box.pipeline(TWO + more + write)
    return box.run()


@case("bare-cr-in-json", "a return in a cell is escaped in JSON")
def bare_cr(box):
    ran = simple(box, b"id,name\n1,one\rtwo\n2,three\n")
    for line in box.read("o.jsonl").split(b"\n"):
        if line:
            json.loads(line)
    equal([r["name"] for r in box.records("o.jsonl")], ["one\rtwo", "three"])
    expect(ran.status == 0, ran.text)


@case("bare-cr-in-csv", "a return in a cell is quoted in CSV")
def bare_cr_csv(box):
    simple(box, b"id,name\n1,one\rtwo\n2,three\n", write="write: {path: o.csv}\n")
    rows = list(csv.reader(io.StringIO(box.read("o.csv").decode(), newline="")))
    equal(rows, [["id", "name"], ["1", "one\rtwo"], ["2", "three"]])


@case("control-characters", "escape sequences of data are spelled out")
def control(box):
    box.write("a.csv", "id,name\n\x1b[2K\x1b[1Agood,x\n")
    box.pipeline(TWO + "write: {path: o.jsonl}\n")
    texts = box.run().text + box.sluice("dead-letters", "list", "p.yaml").text
    expect("\x1b" not in texts, repr(texts))
    expect("\\x1b[2K" in texts, texts)


@case("dash-is-stdout", "write.path - is standard output")
def dash(box):
    box.write("a.csv", "id,name\n1,a\n2,b\n")
    box.pipeline(TWO + "write: {path: '-', format: jsonl}\n")
    ran = box.sluice("run", "p.yaml", "--quiet")
    expect(not box.exists("-"), "a file “-” is written")
    equal([json.loads(line)["id"] for line in ran.stdout.split("\n") if line], [1, 2])


@case("empty-file", "an empty file is called empty")
def empty(box):
    ran = simple(box, "")
    expect("empty" in ran.text, ran.text)


@case("empty-ledger", "a ledger of 0 bytes beside a spool or a lock is no new one")
def empty_ledger(box):
    box.write("a.csv", "id,name\n1,a\n")
    box.pipeline(TWO + "write: {path: 'out/run-{run.id}.jsonl'}\n")
    box.run()
    box.write("a.csv", "id,name\n7,new\n")
    box.write(".sluice/ledger.sqlite", b"")
    ran = box.run()
    expect(ran.status != 0 or box.text("out/run-1.jsonl") == '{"id":1,"name":"a"}\n', "the first run's output is replaced")


@case("fifo-as-source", "a named pipe is refused at once, and passed over by a pattern")
def fifo(box):
    box.write("in/a.csv", "id,name\n1,a\n")
    os.mkfifo(box.path("in/b.csv"))
    box.pipeline("fetch: {from: 'in/*.csv'}\nwrite: {path: o.jsonl}\n")
    box.pipeline("fetch: {from: in/b.csv, retry: {attempts: 1}}\nwrite: {path: q.jsonl}\n", "q")
    expect(box.run(timeout=20).status == 0, "the pattern takes it")
    named = box.run("q", timeout=20)
    expect(named.status != 0 and "pipe" in named.text, named.text)


@case("name-not-utf-8", "a file whose name is not UTF-8 is read, or that is said")
def odd_name(box):
    with open(os.path.join(box.folder.encode(), b"in\xe9.csv"), "wb") as file:
        file.write(b"id,name\n1,a\n")
    box.pipeline("fetch: {from: 'in*.csv', retry: {attempts: 1}}\nwrite: {path: o.jsonl}\n")
    ran = box.run()
    expect(ran.status == 0 or "UTF-8" in ran.text, ran.text)


def foreign(name, data, words):
    @case("foreign-" + name, "%s is named" % words)
    def run(box):
        box.write("a.csv", data)
        box.pipeline("fetch: {from: a.csv, retry: {attempts: 1}}\nwrite: {path: o.jsonl}\n")
        ran = box.run()
        expect(ran.status != 0 and words in ran.text, "exit %d: %s" % (ran.status, ran.text))


foreign("xz", lzma.compress(b"id,name\n1,a\n"), "xz")
foreign("zstd", b"\x28\xb5\x2f\xfd\x24\x0c\x61\x00\x00id,name\n1,a\n\x00\x00\x00\x00", "zstd")
foreign("gzip-twice", gzip.compress(gzip.compress(b"id,name\n1,a\n")), "gzip")


@case("glob-takes-own-output", "a pattern does not take the pipeline's own output")
def own_output(box):
    box.write("in.jsonl", '{"id":1}\n')
    box.pipeline("fetch: {from: '*.jsonl'}\nparse: {fields: {id: bigint}}\nwrite: {path: all.jsonl}\n")
    for _ in range(3):
        box.run()
    equal(box.text("all.jsonl").count("\n"), 1, "records:")


@case("types-of-a-header-alone", "types come from the first item with records")
def header_only(box):
    box.write("a.csv", "id,v\n")
    box.write("b.csv", "id,v\n1,2.5\n")
    box.pipeline("fetch: {from: '[ab].csv'}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    box.run()
    equal(box.records("out/b.jsonl"), [{"id": 1, "v": 2.5}])


@case("304-unasked", "a 304 that was not asked for is an error")
def unasked(box):
    url = box.serve(lambda handler: reply(handler, 304))
    box.pipeline("fetch: {from: %s/a.csv, retry: {attempts: 1}}\nparse: {fields: {id: bigint}}\nwrite: {path: o.jsonl}\n" % url)
    ran = box.run()
    expect(ran.status == 69 and not box.exists("o.jsonl"), "exit %d" % ran.status)


@case("address-with-a-space", "an address with a space is read, or check points at it")
def spaced(box):
    url = box.serve(lambda handler: reply(handler, 200, b"id\n1\n", Content_Type="text/csv", ETag='"1"'))
    box.pipeline("fetch: {from: '%s/a b.csv', retry: {attempts: 1}}\nparse: {fields: {id: bigint}}\nwrite: {path: o.jsonl}\n" % url)
    expect(box.sluice("check", "p.yaml").status != 0 or box.run().status == 0, "check says ok and run fails")


@case("html-page-as-data", "a page of HTML is no CSV")
def html(box):
    page = b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"
    url = box.serve(lambda handler: reply(handler, 200, page, Content_Type="text/html"))
    box.pipeline("fetch: {from: %s/a.csv, retry: {attempts: 1}}\nwrite: {path: o.jsonl}\n" % url)
    expect(box.run().status == 69, "its lines are records")


@case("ilike", "ILIKE knows the case of all letters")
def ilike(box):
    simple(box, "id,name\n1,ÄB\n2,ab\n", "transform: [{derive: {m: \"name ILIKE 'äb'\"}}]\n")
    equal([r["m"] for r in box.records("o.jsonl")], [True, False])


@case("keep-records-damage", "damage under keep_records counts: exit 65")
def damage(box):
    # Names that don't compress, so that there are several blocks.
    data = gzip.compress(b"id,name\n" + b"".join(b"%d,%s\n" % (i, os.urandom(30).hex().encode()) for i in range(5000)))
    box.write("a.csv.gz", data[:-1000])
    box.pipeline("fetch: {from: a.csv.gz, retry: {attempts: 1}}\nparse: {fields: {id: bigint, name: text}}\ndecompress: {on_error: keep_records}\nwrite: {path: o.jsonl}\n")
    ran = box.run()
    expect(ran.status == 65 and "1 dead-lettered" in ran.text, ran.text)


@case("ledger-shrinks", "prune gives the ledger's space back")
def shrinks(box):
    box.write("a.csv", "id,name\n" + "".join("x%d,%s\n" % (i, "y" * 500) for i in range(4000)))
    box.pipeline(TWO + "write: {path: o.jsonl}\nlimits: {dead_letters: 100000}\n")
    box.run()
    before = os.path.getsize(box.path(".sluice/ledger.sqlite"))
    box.sluice("dead-letters", "drop", "p.yaml", "--all")
    box.sluice("prune", "p.yaml", "--older-than", "0s")
    after = os.path.getsize(box.path(".sluice/ledger.sqlite"))
    expect(after < before / 4, "%d KB of %d KB are left" % (after // 1000, before // 1000))


@case("lone-surrogate", "half a surrogate pair is no U+FFFD in silence")
def surrogate(box):
    box.write("a.jsonl", '{"id":1,"name":"x\\ud83dy"}\n')
    box.pipeline("fetch: {from: a.jsonl}\nparse: {fields: {id: bigint, name: text}}\nwrite: {path: o.csv}\n")
    ran = box.run()
    expect(ran.status == 65 or "\ufffd" not in box.text("o.csv"), box.text("o.csv"))


@case("mode-is-kept", "an output that is replaced keeps its mode")
def mode(box):
    simple(box, "id,name\n1,a\n")
    os.chmod(box.path("o.jsonl"), 0o600)
    time.sleep(0.01)
    box.write("a.csv", "id,name\n1,a\n2,b\n")
    box.run()
    equal(oct(stat.S_IMODE(os.stat(box.path("o.jsonl")).st_mode)), "0o600")


@case("output-over-its-source", "an output is never its source, the definition or the ledger")
def over(box):
    source = "id,name\n1,a\n2,b\n"
    for target in ("a.csv", "p.yaml", ".sluice/ledger.sqlite", "link.csv"):
        box.write("a.csv", source)
        if target == "link.csv":
            os.link(box.path("a.csv"), box.path("link.csv"))
        box.pipeline(TWO + "transform: [{filter: id > 1}]\nwrite: {path: %s, format: jsonl}\n" % target)
        before = box.text("p.yaml")
        ran = box.run()
        expect(ran.status != 0 and box.text("a.csv") == source and box.text("p.yaml") == before, "%s: exit %d" % (target, ran.status))


@case("output-is-a-pipe", "a named pipe is not replaced by a file")
def pipe(box):
    os.mkfifo(box.path("pipe"))
    box.write("a.csv", "id,name\n1,a\n")
    box.pipeline(TWO + "write: {path: pipe, format: jsonl}\n")
    ran = box.run(timeout=20)
    expect(stat.S_ISFIFO(os.stat(box.path("pipe")).st_mode) and ran.status != 0, "it is replaced; exit %d" % ran.status)


@case("output-is-a-device", "a device is not replaced by a file (in a /dev of the case's own)")
def device(box):
    box.write("a.csv", "id,name\n1,a\n")
    box.pipeline(TWO + "write: {path: /dev/null, format: jsonl}\n")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        raise Skipped("it needs a mount namespace")
    ran = box.shell(
        'cat > inside.sh <<\'END\'\nset -e\nmount --make-rprivate /\nmkdir own\nmount -t tmpfs none own\nmknod -m 666 own/null c 1 3\nmknod -m 666 own/urandom c 1 9\n'
        'mount --rbind /proc /proc\nmount --bind own /dev\n"$SLUICE" run p.yaml --progress none > said 2>&1 || true\n"$SLUICE" runs p.yaml > told 2>> said || true\n'
        'stat -c %F /dev/null\nEND\nunshare -m bash inside.sh')
    if not ran.stdout.strip():
        raise Skipped("no /dev of its own: " + ran.stderr)
    equal(ran.stdout.strip(), "character special file")


@case("output-is-a-link", "a link keeps leading where it led, or is refused")
def link(box):
    box.write("disk/real.jsonl", "old\n")
    os.symlink("disk/real.jsonl", box.path("link.jsonl"))
    box.write("a.csv", "id,name\n1,a\n")
    box.pipeline(TWO + "write: {path: link.jsonl}\n")
    ran = box.run()
    expect(os.path.islink(box.path("link.jsonl")), "the link is replaced")
    expect(ran.status != 0 or "a" in box.text("disk/real.jsonl"), "the target is old")


@case("overflow", "a result out of range is a dead letter")
def overflow(box):
    for expression in ("abs(CAST('-9223372036854775808' AS bigint))", "id * 1e308 * 10", "power(10, 400)", "exp(1000)", "1e308 + 1e308"):
        box.write("a.csv", "id,name\n1,a\n")
        box.pipeline(TWO + 'transform: [{derive: {x: "%s"}}]\nwrite: {path: o.jsonl}\n' % expression)
        ran = box.run("p", "--full")
        expect(ran.status in (65, 78), "%s is %s" % (expression, box.text("o.jsonl") if box.exists("o.jsonl") else ran.text))


@case("pattern-and-literal-name", "* is a pattern, whatever a file is called")
def literal(box):
    for name in ("day-1.csv", "day-2.csv", "day-*.csv"):
        box.write(name, "id,name\n1,a\n")
    box.pipeline("fetch: {from: 'day-*.csv'}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    box.run()
    equal(len(os.listdir(box.path("out"))), 3, "outputs:")


@case("source-taken-away", "an item that failed and is gone is closed, and told of once")
def gone(box):
    box.write("in/a.csv", "id,name\n1,a\n")
    box.write("in/b.csv.gz", b"no gzip")
    box.pipeline("fetch: {from: 'in/*', retry: {attempts: 1}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    box.run()
    os.remove(box.path("in/b.csv.gz"))
    box.run()
    again = box.run()
    expect(again.status == 0 and " -1" not in again.text, "exit %d: %s" % (again.status, again.text))


@case("weak-last-modified", "two versions are not joined by a Last-Modified of this second")
def weak(box):
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    size = 40000
    bodies = [b"id\n" + b"1\n" * (size // 2), b"id\n" + b"2\n" * (size // 2)]
    asked = []

    def answer(handler):
        asked.append(handler.headers.get("Range"))
        body = bodies[min(len([a for a in asked]) - 1, 1)]
        handler.send_response(206 if handler.headers.get("Range") and handler.headers.get("If-Range") else 200)
        start = 0
        if handler.headers.get("Range") and handler.headers.get("If-Range"):
            start = int(handler.headers["Range"].split("=")[1].split("-")[0])
            handler.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        handler.send_header("Content-Length", str(len(body) - start))
        handler.send_header("Last-Modified", now)
        handler.send_header("Date", now)
        handler.send_header("Accept-Ranges", "bytes")
        handler.end_headers()
        if len(asked) == 1:
            handler.wfile.write(body[:20001])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.shutdown(2)
        else:
            handler.wfile.write(body[start:])

    url = box.serve(answer)
    box.pipeline("fetch: {from: %s/a.csv, retry: {attempts: 3, backoff: 1ms..2ms}}\nparse: {fields: {id: bigint}}\nwrite: {path: o.jsonl}\n" % url)
    box.run()
    if box.exists("o.jsonl"):
        equal({r["id"] for r in box.records("o.jsonl")}, {2}, "versions")


@case("retry-after-of-a-day", "a wait of a day fails, resumably")
def day(box):
    url = box.serve(lambda handler: reply(handler, 503, Retry_After="86400"))
    box.pipeline("fetch: {from: %s/a.csv}\nparse: {fields: {id: bigint}}\nwrite: {path: o.jsonl}\n" % url)
    expect(box.run(timeout=20).status == 69, "no failure")


@case("round-of-large-numbers", "round keeps what has no fraction")
def large(box):
    simple(box, "id,name\n1,a\n", 'transform: [{derive: {x: "round(1e300, 5)"}}]\n')
    equal(box.records("o.jsonl")[0]["x"], 1e300)


@case("one-file-two-spellings", "a file is one item however it is spelled")
def spelled(box):
    box.write("a.csv", "id,name\n1,a\n")
    os.mkdir(box.path("d"))
    box.pipeline("fetch: {from: [a.csv, ./a.csv, d/../a.csv, %s/a.csv]}\nwrite: {path: o.jsonl}\n" % os.path.realpath(box.folder))
    box.run()
    equal(box.text("o.jsonl").count("\n"), 1, "records:")


@case("connection-that-breaks", "the last word is the connection's")
def breaks(box):
    def answer(handler):
        reply(handler, 200, b"id\n1\n", Content_Length="500")
        handler.close_connection = True
    url = box.serve(answer)
    box.pipeline("fetch: {from: %s/a.csv, retry: {attempts: 2, backoff: 1ms..2ms}}\nparse: {fields: {id: bigint}}\nwrite: {path: o.jsonl}\n" % url)
    ran = box.run()
    expect("[SL-204]" in ran.text, ran.stderr)


@case("stdout-on-a-full-disk", "what can't be printed is exit 74")
def full(box):
    simple(box, "id,name\nx,a\n")
    for command in ("dead-letters export p.yaml", "report p.yaml", "status p.yaml", "runs p.yaml", "schema", "--help", "help topics"):
        ran = box.shell("$SLUICE %s > /dev/full" % command)
        expect(ran.status == 74 and ran.stderr, "%s: exit %d" % (command, ran.status))
        expect(box.shell("$SLUICE %s >&-" % command).status == 74, command + " with a closed stdout")


@case("two-definitions-one-output", "an output of another definition is not replaced without a word")
def two(box):
    box.write("a.csv", "id,name\n1,a\n")
    box.write("b.csv", "id,name\n2,b\n")
    box.pipeline(TWO + "write: {path: o.jsonl}\n")
    box.run()
    box.write("q.yaml", "pipeline: p\n" + TWO.replace("a.csv", "b.csv") + "write: {path: o.jsonl}\n")
    ran = box.run("q")
    expect(ran.status != 0 or "warning" in ran.text or '"id":1' in box.text("o.jsonl"), "it is replaced, and nothing is said")


@case("unwritable-log-and-metrics", "an unwritable log is exit 74, metrics are told of under --quiet")
def unwritable(box):
    simple(box, "id,name\n1,a\n")
    metrics = box.sluice("run", "p.yaml", "--full", "--quiet", "--metrics-file", "no/such/x.prom")
    expect(metrics.status == 0 and "No such file or directory" in metrics.stderr, "metrics: %d %s" % (metrics.status, metrics.stderr))
    log = box.sluice("run", "p.yaml", "--full", "--quiet", "--log-file", "a.csv/log")
    expect(log.status == 74 and "Not a directory" in log.stderr, "log: %d %s" % (log.status, log.stderr))
