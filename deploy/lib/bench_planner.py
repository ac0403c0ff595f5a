"""deploy/bench planner: what a plan costs from a thousand bricks to 100,000, by policy, and what compiling costs.

Programs of tests/bench, in process; each figure is the median of runs, so that other work shows less."""

import json
import os
import statistics
import subprocess

from bench_report import machine

POLICIES = ("near", "pack", "spread", "first-fit", "best-fit", "locality")
FAST = ("near", "locality")
# Requests with published shape: tests/bench/mix.h.
MIXES = ("uniform", "azure", "half-half", "high-ram", "random")
# Memory in huge pages; the controller can be run so, too.
HUGE_PAGES = "glibc.malloc.hugetlb=1"


def run_program(path, *arguments, huge_pages=True):
    environment = dict(os.environ, **({"GLIBC_TUNABLES": HUGE_PAGES} if huge_pages else {}))
    return json.loads(subprocess.run([path, *arguments], env=environment, check=True, stdout=subprocess.PIPE).stdout)


def medians(runs):
    """One list of sizes out of several runs of it."""
    return [{name: statistics.median(size[name] for size in sizes) for name in sizes[0]} for sizes in zip(*runs)]


def measure(build, policy, n_runs, quick, huge_pages=True, mix=MIXES[0]):
    """The policies that look far away first take minutes to fill a large pool: near does it for them."""
    few = ["--filled-near", "--plans", "4000"] if policy not in FAST else []
    arguments = [policy, "--mix", mix, *few, *(["--quick"] if quick else [])]
    program = build / "tests/bench/bench-planner"
    return medians([run_program(program, *arguments, huge_pages=huge_pages)["planner"] for _ in range(n_runs)])


def run(build, quick, mix):
    before = machine()
    n_runs = 1 if quick else 3
    policies = {policy: measure(build, policy, n_runs if policy == "near" else 1, quick, mix=mix) for policy in POLICIES}
    near = policies["near"]
    return {
        **{name: near[-1][name] for name in ("bricks", "p50_us", "p99_us", "plans_per_s", "refusal_us")},
        "growth": round(near[-1]["p50_us"] / near[0]["p50_us"], 2),
        "mix": mix,
        "policies": policies,
        "mixes": {other: measure(build, "near", 1, quick, mix=other) for other in MIXES if other != mix},
        "small_pages": measure(build, "near", n_runs, quick, huge_pages=False, mix=mix),
        "machine": [before, machine()],
    }


def compile_ms(build):
    return run_program(build / "tests/bench/bench-compile")["compile_ms"]


def show(report):
    columns = ("bricks", "p50_us", "p99_us", "plans_per_s", "refusal_us", "register_ms")
    for policy, sizes in [*report["policies"].items(), *((f"near, {mix}", sizes) for mix, sizes in report["mixes"].items()),
                          ("near, small pages", report["small_pages"])]:
        print(f"\n{policy:<18}" + "".join(f"{column:>14}" for column in columns))
        for size in sizes:
            print(" " * 18 + "".join(f"{size[column]:>14.2f}" for column in columns))
    print(f"\ngrowth of the median (near): {report['growth']}")


def add_options(parser):
    parser.add_argument("--mix", choices=MIXES, default=MIXES[0],
                        help=f"planner: what is asked for: {', '.join(MIXES)} (default {MIXES[0]})", metavar="MIX")


def bench(options):
    report = run(options.build, options.quick, options.mix)
    show(report)
    return {"planner": report, "compile_ms": compile_ms(options.build)}
