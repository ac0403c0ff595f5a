"""Each command as a person and as a program calls it."""

import json
import subprocess
import uuid

import pytest

import fake
from conftest import TOKEN

R = "00000002-5d3e-4c1a-9b7f-2a6d8c4e1f02"
VM = "00000005-5d3e-4c1a-9b7f-2a6d8c4e1f05"
GIB = 1 << 30

# Command line, type of the request, its members but for the key.
REQUESTS = [
    ("brick power mb0 off --wait fabric --timeout=90s", "s11.power/1",
     {"brick": "mb0", "power": "off", "wait": "fabric", "timeout_ms": 90000}),
    ("brick retire mb0", "s11.retire/1", {"brick": "mb0"}),
    ("brick change mb0 --capacity=1.5GiB --wake=200ms --idle-mw=4000 --active-mw=9000 --management=127.0.0.1:7400",
     "s11.change/1", {"brick": "mb0", "capacity_bytes": 3 * GIB // 2, "wake_ms": 200, "idle_mw": 4000,
                      "active_mw": 9000, "management": "127.0.0.1:7400"}),
    ("brick fence cb0", "s11.fence/1", {"brick": "cb0"}),
    ("brick fence cb0 --method=cut --undo", "s11.fence/1", {"brick": "cb0", "method": "cut", "undo": True}),
    ("quarantine list --brick=mb0", "s11.quarantine.list/1", {"memory_brick": "mb0"}),
    (f"quarantine release {R}", "s11.quarantine.release/1", {"segment": R}),
    ("dead list", "s11.dead.list/1", {}),
    ("dead show 0123456789abcdef", "s11.dead.show/1", {"letter": "0123456789abcdef"}),
    ("dead requeue 0123456789abcdef fedcba9876543210", "s11.dead.requeue/1",
     {"letters": ["0123456789abcdef", "fedcba9876543210"]}),
    ("dead drop 0123456789abcdef", "s11.dead.drop/1", {"letters": ["0123456789abcdef"]}),
    ("project set demo --bytes=1TiB --unlimited", "s11.project.set/1",
     {"project": "demo", "max_bytes": 1 << 40, "unlimited": True}),
    ("project show demo", "s11.project.show/1", {"project": "demo"}),
    ("project list", "s11.project.list/1", {}),
    ("vm list", "s11.vm.list/1", {}),
    (f"vm bind {VM} demo", "s11.vm.bind/1", {"vm": VM, "project": "demo"}),
    ("plan 1GiB --brick cb0,cb1 --class tray --policy=pack --contiguous --bandwidth 1000", "s10.plan/1",
     {"compute_bricks": ["cb0", "cb1"], "size_bytes": GIB, "latency_class": "tray", "mode": "vm", "policy": "pack",
      "contiguous": True, "bandwidth_mbps": 1000}),
    ("reserve 512MiB --brick=cb0 --mode=host --lease=2h --project=demo", "s10.reserve/1",
     {"request": {"compute_bricks": ["cb0"], "size_bytes": GIB // 2, "latency_class": "inter-rack", "mode": "host"},
      "lease_s": 7200, "project": "demo"}),
    (f"reserve --plan={R}", "s10.reserve/1", {"plan": R}),
    (f"attach {R} --vm={VM} --wait=guest", "s10.attach/1",
     {"reservation": R, "target": {"vm": VM}, "wait": "guest"}),
    (f"attach {R} --vm=guest-1", "s10.attach/1", {"reservation": R, "target": {"vm": VM}}),
    (f"attach {R} --brick=cb0", "s10.attach/1", {"reservation": R, "target": {"compute_brick": "cb0"}}),
    (f"resize {R} 134217728", "s10.resize/1", {"reservation": R, "size_bytes": 1 << 27}),
    (f"detach {R}", "s10.detach/1", {"reservation": R}),
    (f"release {R} --wait=fabric", "s10.release/1", {"reservation": R, "wait": "fabric"}),
    (f"renew {R} --lease 1h30m", "s10.renew/1", {"reservation": R, "lease_s": 5400}),
    ("list", "s10.list/1", {"live": True}),
    (f"list --all --brick=cb0 --vm={VM} --group=g --project=demo", "s10.list/1",
     {"compute_brick": "cb0", "vm": VM, "group": "g", "project": "demo"}),
    ("list --state=held", "s10.list/1", {"state": "held"}),
    (f"show {R}", "s10.show/1", {"reservation": R}),
    ("group join weights cb0 --size=1GiB --class=rack", "s10.group.join/1",
     {"group": "weights", "compute_brick": "cb0", "size_bytes": GIB, "latency_class": "rack"}),
    ("group leave weights cb0", "s10.group.leave/1", {"group": "weights", "compute_brick": "cb0"}),
    ("accelerator reserve fpga cb3 --lease=60", "s10.accelerator.reserve/1",
     {"accelerator_kind": "fpga", "compute_brick": "cb3", "lease_s": 60}),
    (f"accelerator release {R}", "s10.accelerator.release/1", {"reservation": R}),
    ("agents", "s11.agents/1", {}),
    ("status", "s11.status/1", {}),
    ("rack show rack-1", "s11.show/1", {"rack": "rack-1"}),
    ("rack tree rack-1", "s11.show/1", {"rack": "rack-1"}),
]


@pytest.mark.parametrize("line, message_type, members", REQUESTS, ids=[row[0][:40] for row in REQUESTS])
def test_request_and_tables(sdmctl, controller, golden, line, message_type, members):
    output = sdmctl(line).stdout
    kind, body, properties = controller.requests[-1]
    key = body.pop("key", None)
    assert (kind, body) == (message_type, members)
    assert properties.headers["sdm-token"] == TOKEN
    if "key" in fake.schema(message_type)["required"]:
        assert str(uuid.UUID(key)) == key
    golden("-".join(line.split()[:2 if line.split()[1:] and line.split()[0] in
                                 ("brick", "vm", "group", "accelerator", "rack", "quarantine", "dead",
                                  "project") else 1]),
           output)


@pytest.mark.parametrize("line, message_type, members", REQUESTS, ids=[row[0][:40] for row in REQUESTS])
def test_json_is_the_reply(sdmctl, controller, line, message_type, members):
    output = sdmctl(line + " --json").stdout
    assert json.loads(output) == controller.answer_example(message_type)[1]
    assert len(output.splitlines()) == 1


def test_given_key_goes_out(sdmctl, controller):
    sdmctl(f"--json release --key=again:1 {R}")
    assert controller.bodies("s10.release/1")[0]["key"] == "again:1"


def test_pages_follow_each_other(sdmctl, controller):
    pages = [{**fake.example("s10.list.reply"), "next": R}, fake.example("s10.list.reply")]
    pages[1].pop("next")
    controller.answers["s10.list/1"] = lambda body: ("s10.list.reply/1", pages["after" in body])
    assert len(sdmctl("list").stdout.splitlines()) == 3
    assert controller.bodies("s10.list/1")[1] == {"live": True, "after": R}
    assert [json.loads(row) for row in sdmctl("list --json").stdout.splitlines()] == pages


def test_empty_lists_say_so(sdmctl, controller):
    controller.answers["s10.list/1"] = lambda body: ("s10.list.reply/1", {"reservations": []})
    controller.answers["s11.vm.list/1"] = lambda body: ("s11.vm.list.reply/1", {"vms": []})
    controller.answers["s11.agents/1"] = lambda body: ("s11.agents.reply/1", {"agents": []})
    assert sdmctl("list").stdout == "No reservations.\n"
    assert sdmctl("vm list").stdout == "No virtual machines.\n"
    assert sdmctl("agents").stdout == "No agents.\n"
    controller.answers["s11.quarantine.list/1"] = lambda body: ("s11.quarantine.reply/1", {"segments": []})
    assert sdmctl("quarantine list").stdout == "Nothing is in quarantine.\n"
    controller.answers["s11.dead.list/1"] = lambda body: ("s11.dead.list.reply/1", {"letters": [], "total": 0})
    assert sdmctl("dead list").stdout == "No dead letters.\n"
    assert "which 0 have" in sdmctl(f"attach {R} --vm=guest-1", status=2).stderr


def test_all_dead_letters_take_several_requests(sdmctl, controller):
    answers = [{"n": 256, "n_left": 50, "n_kept": 1}, {"n": 49, "n_left": 3, "n_kept": 3}]
    controller.answers["s11.dead.requeue/1"] = lambda body: ("s11.dead.reply/1", answers.pop(0))
    assert sdmctl("dead requeue --all").stdout == "305 dead letters sent again, 3 left.\n"
    assert controller.bodies("s11.dead.requeue/1") == [{"all": True}] * 2
    answers.append({"n": 0, "n_left": 3, "n_kept": 3})
    assert sdmctl("dead requeue --all").stdout == "0 dead letters sent again, 3 left.\n"


def test_batch(sdmctl, controller, tmp_path):
    operations = [{"release": {"reservation": R}}, {"group_leave": {"group": "g", "compute_brick": "cb0"}}]
    path = tmp_path / "operations.json"
    path.write_text(json.dumps(operations))
    assert R in sdmctl(f"batch {path} --project=demo").stdout
    body = controller.bodies("s10.batch/1")[0]
    assert body["operations"] == operations and body["project"] == "demo"
    sdmctl("batch -", input=json.dumps({"operations": operations[:1]}))
    assert controller.bodies("s10.batch/1")[1]["operations"] == operations[:1]
    path.write_text('[{"release": {"reservation": "x"}}]')
    assert "operations[0].release.reservation" in sdmctl(f"batch {path}", status=2).stderr
    assert len(controller.bodies("s10.batch/1")) == 2


USAGE = [
    ("", "want a command"),
    ("frobnicate", "unknown command 'frobnicate'"),
    ("rack", "'rack' wants one more word"),
    ("plan 1GiB", "want --brick"),
    ("plan --brick=cb0", "want SIZE"),
    ("plan 1GB --brick=cb0", "found '1GB'"),
    ("plan 1GiB --brick=cb0 --class=near", "near"),
    ("plan 1GiB --brick=CB0", "compute_bricks[0]"),
    ("plan 0 --brick=cb0", "size_bytes: want 1 to"),
    ("plan 1GiB --brick=cb0 --frob", "--frob"),
    ("plan 1GiB 2GiB --brick=cb0", "no further argument"),
    ("dead requeue", "either LETTER... or --all"),
    ("dead drop 0123456789abcdef --all", "either LETTER... or --all"),
    ("dead show 0123", "letter: want"),
    ("reserve", "either SIZE or --plan"),
    ("reserve 1GiB", "want --brick"),
    (f"reserve 1GiB --plan={R}", "either SIZE or --plan"),
    (f"attach {R}", "either --vm"),
    (f"attach {R} --vm={VM} --brick=cb0", "either --vm"),
    ("show nothing", "reservation"),
    (f"renew {R} --lease=1.5h", "found '1.5h'"),
    (f"renew {R} --lease=1500ms", "whole seconds"),
    ("batch /nonexistent", "No such file"),
    ("rack register /nonexistent", "No such file"),
    ("events --count=0", "--count"),
    ("audit list --limit=0", "--limit"),
    ("audit list --since=yesterday", "--since"),
    ("audit verify --head=/nonexistent", "--head"),
    ("status --color=pink", "pink"),
    ("status --reply-timeout=soon", "reply-timeout"),
    ("status --token-file=/nonexistent", "token-file"),
]


@pytest.mark.parametrize("line, text", USAGE, ids=[row[0] or "nothing" for row in USAGE])
def test_wrong_usage(sdmctl, controller, line, text):
    result = sdmctl(line, status=2)
    assert text in result.stderr and result.stdout == ""
    assert controller.requests == []


def test_every_command_has_help_with_examples_that_parse(sdmctl, controller):
    names = [row[2:30].strip() for row in sdmctl("--help").stdout.splitlines() if row[:2] == "  " and row[2].isalpha()]
    assert len(names) == 39
    for name in names:
        text = sdmctl(f"{name} --help").stdout
        assert text == sdmctl(f"help {name}").stdout
        examples = [row.strip() for row in text[text.index("Examples:"):].splitlines() if row.startswith("  ")]
        assert examples and all(example.startswith(f"sdmctl {name}") for example in examples), name
        for example in examples:
            if name in ("ctl", "batch", "events", "complete", "audit verify", "audit list"):
                continue
            result = subprocess.run(example.replace("sdmctl", sdmctl.program, 1), shell=True, env=sdmctl.environment,
                                    capture_output=True, text=True, cwd=fake.ROOT, timeout=30)
            assert result.returncode == 0, (example, result)


def test_manual_is_in_step(sdmctl):
    page = fake.ROOT / "docs/man/sdmctl.1"
    assert sdmctl("--document=man").stdout == page.read_text(), "sdmctl --document=man >docs/man/sdmctl.1"
    warnings = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True,
                              env={**sdmctl.environment, "MANWIDTH": "80"}).stderr
    assert warnings == ""


def complete(sdmctl, *words):
    return sdmctl(["complete", "--", *words]).stdout.split()


def test_completion_knows_commands_options_words_and_ids(sdmctl, controller):
    assert complete(sdmctl, "ra") == ["rack"]
    assert complete(sdmctl, "rack", "") == ["register", "show", "tree"]
    assert complete(sdmctl, "plan", "1GiB", "--cl") == ["--class="]
    assert complete(sdmctl, "plan", "1GiB", "--class=") == ["tray", "rack", "inter-rack"]
    assert complete(sdmctl, "brick", "power", "mb0", "o") == ["on", "off"]
    assert complete(sdmctl, "rack", "register", "x") == ["FILES"]
    assert controller.requests == []
    assert complete(sdmctl, "show", "0000") == [R]
    assert complete(sdmctl, "attach", R, "--vm=g") == ["guest-1"]
    assert complete(sdmctl, "brick", "power", "m") == ["mem-t1-1"]


def test_bash_completion(sdmctl, controller):
    script = fake.ROOT / "services/sdmctl/sdmctl.bash"

    def complete_line(line):
        words = line.replace("=", " = ").split() + ([""] if line[-1] in " =" else [])
        shell = f"""
            source {script}
            COMP_LINE='{line}' COMP_POINT={len(line)}
            COMP_WORDS=({' '.join("''" if word == '' else word for word in words)})
            COMP_CWORD={len(words) - 1}
            COMP_WORDS[0]='{sdmctl.program}'
            _sdmctl; printf '%s\\n' "${{COMPREPLY[@]}}" """
        return subprocess.run(["bash", "-c", shell], env=sdmctl.environment, capture_output=True, text=True,
                              check=True).stdout.split()

    assert complete_line("sdmctl rack ") == ["register", "show", "tree"]
    assert complete_line("sdmctl plan 1GiB --class=") == ["tray", "rack", "inter-rack"]
    assert complete_line("sdmctl plan 1GiB --mode=v") == ["vm"]
    assert complete_line("sdmctl brick retire mem") == ["mem-t1-1"]
