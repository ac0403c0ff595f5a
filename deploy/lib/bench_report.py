"""What every benchmark needs: summaries of samples, the machine's state, tables for people."""

import os
import platform
import statistics
import time


def percentile(samples, percent):
    """The smallest sample that at least 'percent' of all do not exceed (nearest rank)."""
    ordered = sorted(samples)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def summary(samples, digits=3):
    """Median, p99 and spread of samples, and the samples themselves, in their order."""
    return {
        "n": len(samples),
        "median": round(statistics.median(samples), digits),
        "p99": round(percentile(samples, 99), digits),
        "min": round(min(samples), digits),
        "p25": round(percentile(samples, 25), digits),
        "p75": round(percentile(samples, 75), digits),
        "max": round(max(samples), digits),
        "samples": [round(sample, digits) for sample in samples],
    }


def machine():
    """Who else was at work: figures mean little without it."""
    return {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpus": os.cpu_count(),
            "kernel": platform.release(), "load": [round(load, 2) for load in os.getloadavg()]}


def table(title, rows, unit="ms"):
    """Prints summaries; 'rows' are (name, summary)."""
    columns = ("median", "p99", "min", "p25", "p75", "max")
    print(f"\n{title:<46}" + "".join(f"{f'{column} {unit}':>12}" for column in columns))
    for name, values in rows:
        print(f"  {name:<44}" + "".join(f"{values[column]:>12.1f}" for column in columns))
