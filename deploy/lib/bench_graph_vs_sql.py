"""deploy/bench graph-vs-sql: the same questions to the graph in memory and to PostgreSQL, at 100, 1,000 and 10,000 bricks.

tests/bench/graph.c fills a pool, asks its graph, and writes data, questions and answers; PostgreSQL gets the same data with an index for each
question, ANALYZE and prepared statements, on a local socket, all of it in its cache.  Its own execution time is taken inside the server, by
the loop of a function; the round trip of a client is told apart.  Ratios are of execution times: the broader comparison would
favour the graph more.  Answers have to be the same."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import psycopg2

from bench_bed import testbed
from bench_report import machine, percentile

# Racks, trays a rack: 16 bricks a tray.
SIZES = ((1, 6), (8, 8), (78, 8))
N_QUESTIONS = 2000
N_RUNS = 3

SCHEMA = """
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
SET search_path = bench;
CREATE TABLE brick (device_no int PRIMARY KEY, kind text NOT NULL, level smallint NOT NULL, tray int NOT NULL,
                    rack int NOT NULL, free_bytes bigint NOT NULL);
CREATE TABLE link (link_no int PRIMARY KEY, lower_no int NOT NULL, lower_port int NOT NULL, upper_no int NOT NULL,
                   upper_port int NOT NULL, usable boolean NOT NULL);
CREATE TABLE segment (reservation int NOT NULL, compute_no int NOT NULL, brick_no int NOT NULL, offset_bytes bigint NOT NULL,
                      size_bytes bigint NOT NULL);
CREATE TABLE circuit (compute_no int, brick_no int, compute_port int NOT NULL, brick_port int NOT NULL,
                      PRIMARY KEY (compute_no, brick_no));
CREATE TABLE hop (compute_no int, brick_no int, hop int, switch_no int NOT NULL, in_port int NOT NULL, out_port int NOT NULL,
                  PRIMARY KEY (compute_no, brick_no, hop));
CREATE TABLE question (n int PRIMARY KEY, compute_no int NOT NULL, reservation int NOT NULL, brick_no int NOT NULL);
"""

# Sums that are kept up to date with every segment, as the graph keeps some of its own.
INDEXES = """
CREATE INDEX ON brick (tray, rack) INCLUDE (free_bytes) WHERE kind = 'memory';
CREATE INDEX ON segment (reservation) INCLUDE (compute_no, brick_no, offset_bytes, size_bytes);
CREATE INDEX ON link (lower_no, upper_no) INCLUDE (link_no) WHERE usable;
CREATE TABLE adjacent AS SELECT DISTINCT lower_no, upper_no FROM link;
ALTER TABLE adjacent ADD PRIMARY KEY (lower_no, upper_no);
CREATE TABLE tray_free AS SELECT tray, sum(free_bytes)::bigint AS free_bytes FROM brick WHERE kind = 'memory' GROUP BY 1;
CREATE TABLE rack_free AS SELECT rack, sum(free_bytes)::bigint AS free_bytes FROM brick WHERE kind = 'memory' GROUP BY 1;
CREATE TABLE pod_free AS SELECT sum(free_bytes)::bigint AS free_bytes FROM rack_free;
ALTER TABLE tray_free ADD PRIMARY KEY (tray);
ALTER TABLE rack_free ADD PRIMARY KEY (rack);
VACUUM ANALYZE;
"""

CLIMB = """SELECT a.upper_no, {0}.depth + 1, {0}.links || l.link_no FROM {0}
  JOIN adjacent a ON a.lower_no = {0}.node
  CROSS JOIN LATERAL (SELECT link_no FROM link WHERE lower_no = a.lower_no AND upper_no = a.upper_no AND usable LIMIT 1) l"""

# Name to the statement; q is the row of the question.
STATEMENTS = {
    "capacity": """SELECT sum(b.free_bytes) FILTER (WHERE b.tray = c.tray),
  coalesce(sum(b.free_bytes) FILTER (WHERE b.rack = c.rack AND b.tray <> c.tray), 0),
  coalesce(sum(b.free_bytes) FILTER (WHERE b.rack <> c.rack), 0)
  FROM brick b, (SELECT tray, rack FROM brick WHERE device_no = q.compute_no) c WHERE b.kind = 'memory'""",
    "capacity, sums kept": """SELECT t.free_bytes, r.free_bytes - t.free_bytes, p.free_bytes - r.free_bytes
  FROM brick c JOIN tray_free t USING (tray) JOIN rack_free r ON r.rack = c.rack CROSS JOIN pod_free p
  WHERE c.device_no = q.compute_no""",
    "configuration": """SELECT count(DISTINCT (brick_no, offset_bytes)), count(hop), max(out_port) FROM (
  SELECT s.brick_no, s.offset_bytes, s.size_bytes, c.compute_port, c.brick_port, h.hop, h.switch_no, h.in_port, h.out_port
  FROM segment s JOIN circuit c USING (compute_no, brick_no) LEFT JOIN hop h USING (compute_no, brick_no)
  WHERE s.reservation = q.reservation) found""",
    "path": f"""WITH RECURSIVE
  up AS (SELECT q.compute_no AS node, 0 AS depth, '{{}}'::int[] AS links UNION ALL {CLIMB.format("up")}),
  down AS (SELECT q.brick_no AS node, 0 AS depth, '{{}}'::int[] AS links UNION ALL {CLIMB.format("down")})
  SELECT up.depth + down.depth - 1, cardinality(up.links || down.links), 0
  FROM up JOIN down ON down.node = up.node WHERE up.depth > 0 AND down.depth > 0
  ORDER BY up.depth + down.depth LIMIT 1""",
}
# What the graph calls it, and where its answer stands in the file.
ANSWERS = {"capacity": ("capacity", (0, 1, 2)), "capacity, sums kept": ("capacity", (0, 1, 2)),
           "configuration": ("configuration", (3, 4)), "path": ("path", (5,))}

# All is in memory, and each question touches few rows: what a tuned database is told.
TUNING = {"jit": "off", "random_page_cost": "1.0", "enable_hashjoin": "off", "enable_mergejoin": "off"}

LOOP = """
CREATE OR REPLACE FUNCTION bench.ask() RETURNS TABLE (us float8, a numeric, b numeric, c numeric)
LANGUAGE plpgsql AS $$
DECLARE q bench.question; began timestamptz;
BEGIN
  FOR q IN SELECT * FROM bench.question ORDER BY n LOOP
    began := clock_timestamp();
    {statement} INTO a, b, c;
    us := 1e6 * extract(epoch FROM clock_timestamp() - began);
    RETURN NEXT;
  END LOOP;
END $$"""


def load(cursor, folder):
    cursor.execute(SCHEMA)
    for table in ("brick", "link", "segment", "circuit", "hop", "question"):
        with open(folder / f"{table}.tsv") as file:
            cursor.copy_from(file, table)
    for statement in filter(str.strip, INDEXES.split(";")):
        cursor.execute(statement)


def execution(cursor, statement):
    """Microseconds in the server, and answers; the last of the runs, each after one that warms up."""
    cursor.execute(LOOP.format(statement=f"SELECT * FROM ({statement}) answer"))
    runs = []
    for _ in range(N_RUNS + 1):
        cursor.execute("SELECT * FROM bench.ask()")
        rows = cursor.fetchall()
        runs.append([row[0] for row in rows])
    return runs[1:], [row[1:] for row in rows]


def round_trips(cursor, statement, questions):
    """Microseconds that a client waits, one prepared statement after the other."""
    parameters = {"q.compute_no": "$1", "q.reservation": "$2", "q.brick_no": "$3"}
    for name, parameter in parameters.items():
        statement = statement.replace(name, parameter)
    cursor.execute(f"PREPARE ask (int, int, int) AS {statement}")
    took = []
    for question in questions:
        start = time.perf_counter()
        cursor.execute("EXECUTE ask (%s, %s, %s)" % question)
        cursor.fetchall()
        took.append((time.perf_counter() - start) * 1e6)
    cursor.execute("DEALLOCATE ask")
    return took


def compare(name, answers, found):
    """How many answers differ.  A path in memory may use cross-connections that exist, and so find a way where others do not."""
    columns = ANSWERS[name][1]
    differ = 0
    for expected, row in zip(answers, found):
        wanted = [expected[column] for column in columns]
        got = [-1 if value is None else int(value) for value in row[:len(columns)]]
        differ += wanted != got
    if differ and name != "path":
        raise RuntimeError(f"{name}: {differ} of {len(answers)} answers differ")
    return differ


def ask_graph(build, size, folder, n_questions):
    """Of several runs the median of each time: they all write the same files."""
    runs = [json.loads(subprocess.run([build / "tests/bench/bench-graph", *map(str, size), str(n_questions), folder],
                                      check=True, stdout=subprocess.PIPE).stdout) for _ in range(N_RUNS)]
    return {name: value if name == "bricks" else
            {part: statistics.median(run[name][part] for run in runs) for part in value} for name, value in runs[0].items()}


def measure(options, cursor, size):
    n_questions = 200 if options.quick else N_QUESTIONS
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        graph = ask_graph(options.build, size, folder, n_questions)
        load(cursor, folder)
        answers = [tuple(map(int, line.split())) for line in (folder / "answer.tsv").read_text().splitlines()]
        questions = [tuple(map(int, line.split()[1:])) for line in (folder / "question.tsv").read_text().splitlines()]
    found = {"bricks": graph["bricks"]}
    for what, statement in STATEMENTS.items():
        runs, rows = execution(cursor, statement)
        waited = round_trips(cursor, statement, questions)
        ours = graph[ANSWERS[what][0]]
        sql_us = statistics.median(statistics.median(run) for run in runs)
        found[what] = {"graph_us": ours["p50_us"], "graph_p99_us": ours["p99_us"], "sql_us": round(sql_us, 2),
                       "sql_p99_us": round(statistics.median(percentile(run, 99) for run in runs), 2),
                       "round_trip_us": round(statistics.median(waited), 1), "ratio": round(sql_us / ours["p50_us"], 1),
                       "answers_that_differ": compare(what, answers, rows)}
    return found


def run(options):
    before = machine()
    connection = psycopg2.connect(os.environ["SDM_DATABASE_ADMIN"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        for setting, value in TUNING.items():
            cursor.execute(f"SET {setting} = {value}")
        sizes = [measure(options, cursor, size) for size in (SIZES[:2] if options.quick else SIZES)]
        cursor.execute("DROP SCHEMA bench CASCADE")
    connection.close()
    ratios = {what: [size[what]["ratio"] for size in sizes] for what in STATEMENTS}
    return {"sizes": sizes, "questions": N_QUESTIONS, "ratios": ratios,
            "faster_at_every_size": {what: min(row) > 1 for what, row in ratios.items()},
            "widening": {what: row == sorted(row) for what, row in ratios.items()},
            "machine": {"before": before, "after": machine()}}


def show(report):
    columns = ("graph_us", "sql_us", "round_trip_us", "ratio", "answers_that_differ")
    print(f"\n{'median':<24}{'bricks':>8}" + "".join(f"{column:>21}" for column in columns))
    for what in STATEMENTS:
        for size in report["sizes"]:
            print(f"  {what:<22}{size['bricks']:>8}" + "".join(f"{size[what][column]:>21}" for column in columns))
        print(f"  {'':<22}faster at every size: {report['faster_at_every_size'][what]}, widening: {report['widening'][what]}")


def bench(options):
    with testbed(options, "--only", "postgres"):
        report = run(options)
    show(report)
    return {"graph_vs_sql": report}
