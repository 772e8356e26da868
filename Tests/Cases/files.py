"""Files as people have them: `init` writes a definition that reads them, or names what they are."""
import bz2
import gzip
import io
import json
import sqlite3
import os
import zipfile

from box import Wrong, collect, equal, expect

CASES = []
case = collect(CASES, "files")


def drafted(box, name, data):
    """What `init` said and what its definition did."""
    box.write(name, data)
    draft = box.sluice("init", name, "--name", "p", "--to", "p.yaml")
    if draft.status != 0:
        raise Wrong("init exits %d: %s" % (draft.status, draft.stderr))
    run = box.run()
    if run.status != 0:
        raise Wrong("run exits %d: %s" % (run.status, run.stderr))
    found = []
    for file in sorted(os.listdir(box.path("out"))):
        found += box.records("out/" + file)
    return draft, found


def text(value):
    return None if value is None else str(value)


def read(name, what, data, names, rows):
    """A case whose table is known: names, and values as texts, however they are typed."""
    @case(name, what)
    def run(box):
        _, found = drafted(box, name, data)
        if names:
            equal([list(record) for record in found[:1]], [names], "names")
        equal([[text(value) for value in record.values()] for record in found], rows)


def named(name, words, data):
    """A case of something that is not read: both `init` and `run` name it."""
    @case(name, "“%s” is named by init and by run" % words)
    def run(box):
        box.write(name, data)
        draft = box.sluice("init", name, "--name", "p", "--to", "p.yaml")
        expect(draft.status != 0 and words.lower() in draft.text.lower(), "init exits %d: %s" % (draft.status, draft.text))
        box.pipeline("fetch: {from: %s, retry: {attempts: 1}}\nwrite: {path: out.jsonl}\n" % name)
        ran = box.run()
        expect(ran.status != 0 and words.lower() in ran.text.lower(), "run exits %d: %s" % (ran.status, ran.text))


def packed(name):
    def table(path):
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE plants (id, name)")
            database.execute("INSERT INTO plants VALUES (1, 'oak, old')")
    path = "/tmp/sluice-case-%d.sqlite" % os.getpid()
    try:
        table(path)
        with open(path, "rb") as file:
            return gzip.compress(file.read(), mtime=0)
    finally:
        if os.path.exists(path):
            os.remove(path)


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inside.csv", "id,plant\n1,oak\n")
    return out.getvalue()


named("plants.csv.bz2", "bzip2", bz2.compress(b"id,plant\n1,oak\n2,elm\n"))
named("plants.parquet", "Parquet", b"PAR1\x15\x04\x15\x10\x15\x14L\x15\x02\x15\x00\x12\x00\x00plants\t1\n" + bytes(range(200)) + b"PAR1")
named("plants.zip", "zip", zipped())
named("plants.gz", "SQLite", packed("plants"))
named("array.json", "JSON", json.dumps([{"id": 1, "plant": "oak, old"}, {"id": 2, "plant": "elm"}]))
named("object.json", "JSON", json.dumps({"kind": "list", "plants": [{"id": 1}, {"id": 2}]}, indent=2))
named("large.geojson", "JSON", json.dumps({"type": "FeatureCollection", "features": [{"id": i, "at": [i / 7, -i / 3]} for i in range(40000)]}))

read("backslash.csv", "a quote after a backslash is a quote", 'id,said,by\n1,"a \\"fine\\" day",Ann\n2,"no, \\"never\\"",Bob\n3,plain,Cy\n',
     ["id", "said", "by"], [["1", 'a "fine" day', "Ann"], ["2", 'no, "never"', "Bob"], ["3", "plain", "Cy"]])
read("preamble.csv", "comment lines above the header are passed over", "# station 7\n# made by hand, not checked\n# units: mm\nday,mm,who\n1,0.5,Ann\n2,7.5,Bob\n",
     ["day", "mm", "who"], [["1", "0.5", "Ann"], ["2", "7.5", "Bob"]])
read("control.csv", "a control character in a value", "id,note\n1,one \u0095 two\n2,three\n", ["id", "note"], [["1", "one \u0095 two"], ["2", "three"]])
read("cr-cr-lf.csv", "CR CR LF is one line end", "plant,height\r\r\noak,21.5\r\r\nelm,18.0\r\r\n", ["plant", "height"], [["oak", "21.5"], ["elm", "18.0"]])
read("cyrillic.csv", "windows-1251", "id;город\n1;Тверь и Псков\n2;Новгород Великий\n3;Старая Русса\n".encode("windows-1251"), ["id", "город"],
     [["1", "Тверь и Псков"], ["2", "Новгород Великий"], ["3", "Старая Русса"]])
read("gb18030.csv", "GB 18030", "姓名,城市\n王小明,北京市朝阳区\n李小红,上海市浦东新区\n".encode("gb18030"), ["姓名", "城市"],
     [["王小明", "北京市朝阳区"], ["李小红", "上海市浦东新区"]])
read("shift-jis.csv", "Shift JIS", "名前,住所\n山田太郎,東京都千代田区\n佐藤花子,大阪府大阪市\n".encode("shift_jis"), ["名前", "住所"],
     [["山田太郎", "東京都千代田区"], ["佐藤花子", "大阪府大阪市"]])
read("utf-16.csv", "UTF-16 without a mark", "id,plant\n1,oak\n2,elm\n".encode("utf-16-le"), ["id", "plant"], [["1", "oak"], ["2", "elm"]])
read("comma.csv", "a decimal comma stays as it is", "ort;regen;tag\nUlm;3,5;1.2.2024\nAhlen;0,25;2.2.2024\n", ["ort", "regen", "tag"],
     [["Ulm", "3,5", "1.2.2024"], ["Ahlen", "0,25", "2.2.2024"]])
read("colons.dat", "“::” parts fields", "1::The Oak (1991)::Drama|Tree\n2::An Elm: Part 2 (1992)::Comedy\n3::Ash (2001)::Drama\n", None,
     [["1", "The Oak (1991)", "Drama|Tree"], ["2", "An Elm: Part 2 (1992)", "Comedy"], ["3", "Ash (2001)", "Drama"]])
read("nul.csv", "a NUL byte in a value", "id,note\n1,a\0b\n2,c\n", ["id", "note"], [["1", "a\0b"], ["2", "c"]])
read("quoted-null.csv", "null and \"null\" in a column of numbers are NULL", 'id,size\n1,null\n2,"null"\n3,7\n4,8\n', ["id", "size"],
     [["1", None], ["2", None], ["3", "7"], ["4", "8"]])
read("row-names.tsv", "a header that has one name less than the records", "height\tage\noak\t21\t300\nelm\t18\t90\nash\t25\t120\n", None,
     [["oak", "21", "300"], ["elm", "18", "90"], ["ash", "25", "120"]])
read("blanks.csv", "a blank after each comma is none of the value", "plant, height, age\noak, 21, 300\nelm, 18, 90\n", ["plant", "height", "age"],
     [["oak", "21", "300"], ["elm", "18", "90"]])
read("aligned.dat", "columns aligned by blanks", "x    y   plant\n1    2   oak\n10   20  elm\n100  3   ash\n", ["x", "y", "plant"],
     [["1", "2", "oak"], ["10", "20", "elm"], ["100", "3", "ash"]])
read("stray.tsv", "quotes are characters as others", 'id\tname\tyear\n1\t"Oak\t1991\n2\tElm "the" first\t1992\n3\tAsh\t1993\n4\t"Fir" and more\t1994\n', ["id", "name", "year"],
     [["1", '"Oak', "1991"], ["2", 'Elm "the" first', "1992"], ["3", "Ash", "1993"], ["4", '"Fir" and more', "1994"]])
read("namibia.csv", "NA is NULL among numbers and stays in text", "code,land,pop\nNA,Namibia,2\nDE,Germany,84\nFR,France,NA\nZA,South Africa,60\n", ["code", "land", "pop"],
     [["NA", "Namibia", "2"], ["DE", "Germany", "84"], ["FR", "France", None], ["ZA", "South Africa", "60"]])
read("phones.csv", "a number with a plus stays text", "id,phone\n1,+4917000000001\n2,+33100000002\n", ["id", "phone"],
     [["1", "+4917000000001"], ["2", "+33100000002"]])
read("years.csv", "years as names of columns are a header", "land,1990,2000,2010\nNorway,4,5,6\nPeru,21,26,29\nChad,6,8,12\n", ["land", "1990", "2000", "2010"],
     [["Norway", "4", "5", "6"], ["Peru", "21", "26", "29"], ["Chad", "6", "8", "12"]])


@case("mark-inside.csv", "a name that begins with U+FEFF")
def mark_inside(box):
    _, found = drafted(box, "mark.csv", "id,\ufeffplant\n1,oak\n2,elm\n")
    equal([[text(value) for value in record.values()] for record in found], [["1", "oak"], ["2", "elm"]])


@case("blank-line.csv", "a blank line in one column is counted, as a record or as blank")
def blank_line(box):
    box.write("a.csv", "n\n1\n\n2\n")
    box.pipeline("fetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: o.jsonl}\n")
    ran = box.run()
    lines = len(box.text("o.jsonl").split("\n")) - 1
    expect(ran.status == 0 and (lines == 3 or "blank" in ran.text), ran.text)


@case("unescaped-quote.csv", "a record that can't be read right is not read wrong")
def unescaped(box):
    box.write("a.csv", 'id,said,by\n1,"a "fine" day",Ann\n2,"well",Bob\n3,"an "odd" one",Cy\n')
    draft = box.sluice("init", "a.csv", "--name", "p", "--to", "p.yaml")
    box.run("p")
    expect(draft.status == 0, draft.text)
    for name in os.listdir(box.path("out")):
        for record in box.records("out/" + name):
            expect(record.get("id") in (1, 2, 3) and record.get("by") in ("Ann", "Bob", "Cy"), str(record))


@case("footer.csv", "a note below the table is told of, the table is read")
def footer(box):
    box.write("a.csv", "month,mm,who\n1,0.5,Ann\n2,7.5,Bob\n3,1.5,Cy\nSource: the station\n")
    draft = box.sluice("init", "a.csv", "--name", "p", "--to", "p.yaml")
    box.run()
    found = [r for name in os.listdir(box.path("out")) for r in box.records("out/" + name)]
    expect(draft.status == 0 and [r.get("month") for r in found][:3] in ([1, 2, 3], ["1", "2", "3"]), str(found))


@case("two-headers.csv", "two lines of names lose no record")
def two_headers(box):
    _, found = drafted(box, "a.csv", "city,rain,wind\n,mm,m/s\nUlm,3.5,2\nBonn,4.5,3\n")
    expect([r["city"] for r in found if r["city"]] == ["Ulm", "Bonn"], str(found))


@case("thousands.csv", "999.437 is a thousand times as much where 1.204.100 shows it, or text")
def thousands(box):
    draft, found = drafted(box, "a.csv", "region,total\nNord,999.437\nSud,1.204.100\nEst,87.120\n")
    if [text(r["total"]) for r in found] != ["999.437", "1.204.100", "87.120"]:
        equal([text(r["total"]) for r in found], ["999437", "1204100", "87120"])


def later(name, early, late, right):
    @case(name, right)
    def run(box):
        rows = ["id,code,pad"] + ["%d,%s,%s" % (i, early if i < 23000 else late, "y" * 40) for i in range(24000)]
        _, found = drafted(box, name, "\n".join(rows) + "\n")
        equal((len(found), text(found[0]["code"]), text(found[-1]["code"])), (24000, early, late if late != "\\N" else None))


later("zip-later.csv", "27302", "02215", "a leading zero after the first megabyte stays")
later("text-later.csv", "1", "F1", "letters after the first megabyte are read")
later("fraction-later.csv", "565", "565.5", "a fraction after the first megabyte is read")


@case("money.csv", "amounts are computed with exactly, and written with all their digits")
def money(box):
    box.write("a.csv", "n;sum\n1;0,10\n2;1.234.567.890.123,45\n3;-0,05\n4;1,005\n")
    box.pipeline("fetch: {from: a.csv}\nparse:\n  delimiter: ;\n  fields:\n    n: bigint\n    sum: decimal(18,2) '1.234,56'\n"
                 "transform: [{derive: {gross: 'round(sum * 1.19, 2)', thrice: sum + sum + sum}}]\nwrite: {path: o.csv}\n")
    ran = box.run()
    equal(ran.status, 65, ran.text)
    equal(box.text("o.csv"), "n,sum,gross,thrice\n1,0.10,0.12,0.30\n2,1234567890123.45,1469135789246.91,3703703670370.35\n3,-0.05,-0.06,-0.15\n")


@case("clocks.csv", "a local time that clocks skip or show twice is no moment, unless the definition takes a side")
def clocks(box):
    box.write("a.csv", "n,at\n1,31.03.2024 02:30\n2,27.10.2024 02:30\n3,27.10.2024 03:30\n")
    for side, status, wanted in [("", 65, "3,2024-10-27 02:30:00\n"),
                                 (" later", 0, "1,2024-03-31 01:30:00\n2,2024-10-27 01:30:00\n3,2024-10-27 02:30:00\n")]:
        box.pipeline("fetch: {from: a.csv}\nparse:\n  fields:\n    n: bigint\n    at: timestamp '%%d.%%m.%%Y %%H:%%M' in 'Europe/Berlin'%s\nwrite: {path: o.csv}\n" % side)
        ran = box.run("p", "--full")
        equal(ran.status, status, ran.text)
        equal(box.text("o.csv"), "n,at\n" + wanted)


@case("day-first.csv", "init sees which of day and month comes first where one order alone fits, and leaves what fits both")
def day_first(box):
    box.write("a.csv", "n;day;either\n1;31/12/2024;01/02/2024\n2;01/02/2024;03/04/2024\n3;15/06/2024;05/06/2024\n")
    made = box.sluice("init", "a.csv", "--to", "p.yaml", "--name", "p")
    equal(made.status, 0, made.text)
    equal(box.run().status, 0)
    equal([list(record.values()) for record in box.records("out/a.jsonl")],
          [[1, "2024-12-31", "01/02/2024"], [2, "2024-02-01", "03/04/2024"], [3, "2024-06-15", "05/06/2024"]])
