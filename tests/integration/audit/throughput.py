#!/usr/bin/python3
"""How many durable reserves a second a controller commits and answers, by hand:

    tests/integration/audit/throughput.py N ROUNDS CONTROLLER...

Each round runs every controller in turn on a fresh database, with N reserves of 128 MiB in a window of 256, quorum
queues and fsync on; the first controller is what the others are compared with.  Prints JSON: reserves a second, and what
does not depend on who else uses the machine: processor time of the controller and of its database sessions, and bytes
of write-ahead log, a reserve.
"""

import json
import os
import pathlib
import statistics
import sys
import time
import uuid

import pika

CONTROLLER_TESTS = pathlib.Path(__file__).resolve().parents[1] / "controller"
sys.path.insert(0, str(CONTROLLER_TESTS))
import harness  # noqa: E402  (found by the path above)

WINDOW = 256
NAMES = ("per_s", "controller_us", "database_us", "wal_bytes")


def topology():
    """One compute brick, and a memory brick that is large enough for all."""
    names, found = harness.small_topology("speed")
    found["bricks"][1]["capacity_bytes"] = 4096 * harness.GIB
    return names, found


def cpu_us(pid):
    """Processor time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000 // os.sysconf("SC_CLK_TCK")


def used(bed, controller):
    """Of the controller, of its sessions, and of the log."""
    pids = bed.psql(controller.database, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE"
                    " 'sdm-controller epoch%' AND datname = current_database()").split()
    return [cpu_us(controller.process.pid), sum(cpu_us(pid) for pid in pids),
            int(bed.psql("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'", role="postgres"))]


def run(bed, program, n):
    """Reserves a second, from the first request to the last reply; what one used."""
    harness.CONTROLLER = program
    controller = harness.Controller(bed, bed.new_database()).wait_serving()
    client = harness.Client(bed.broker)
    client.purge()
    names, found = topology()
    client.ok("s11.register/1", {"key": harness.key(), "topology": found})
    request = json.dumps({"key": "KEY", "request": harness.plan_request(names["c"], 128 * harness.MIB)})
    seen = {"replies": 0, "refused": 0, "sent": 0}
    channel = client.connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue

    def send():
        seen["sent"] += 1
        channel.basic_publish("sdm", "s10", request.replace("KEY", uuid.uuid4().hex),
                              pika.BasicProperties(type="s10.reserve/1", correlation_id=str(seen["sent"]),
                                                   delivery_mode=2, reply_to=queue,
                                                   headers={"sdm-token": client.token}))

    def on_reply(_channel, _method, properties, _body):
        seen["replies"] += 1
        seen["refused"] += properties.type == "error/1"
        if seen["sent"] < n:
            send()
    channel.basic_consume(queue, on_reply, auto_ack=True)
    before = used(bed, controller)
    begun = time.monotonic()
    for _ in range(WINDOW):
        send()
    while seen["replies"] < n:
        client.connection.process_data_events(1)
    took = time.monotonic() - begun
    # What is sealed later counts too.
    time.sleep(2.5)
    cost = [(after - earlier) / n for after, earlier in zip(used(bed, controller), before)]
    client.close()
    controller.stop()
    controller.remove()
    assert seen["refused"] == 0
    return [n / took, *cost]


def main():
    n, rounds, programs = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    bed = harness.Bed()
    try:
        figures = {program: [] for program in programs}
        for turn in range(rounds):
            for program in programs if turn % 2 == 0 else reversed(programs):
                figures[program].append(run(bed, program, n))
                print(program, [round(one) for one in figures[program][-1]], file=sys.stderr)
    finally:
        bed.down()
    middle = {program: [statistics.median(column) for column in zip(*found)] for program, found in figures.items()}
    print(json.dumps({program: {name: [round(value, 1), round(value / first, 3)] for name, value, first in
                                zip(NAMES, values, middle[programs[0]])} for program, values in middle.items()}))


if __name__ == "__main__":
    main()
