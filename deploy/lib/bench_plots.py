"""Plots of a report as SVG: cost against size, on logarithmic axes.  Plain text, so that a change of a figure is a change of a line."""

import math

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 40, 55
COLOURS = ("#1b6ca8", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#111827", "#a16207", "#64748b")


def _decades(values):
    """Whole powers of ten that hold all values."""
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _label(exponent):
    value = 10.0 ** exponent
    return f"{value:,.0f}" if exponent >= 0 else f"{value:.{-exponent}f}"


class Chart:
    """Lines of (x, y) points."""

    def __init__(self, title, x_title, y_title, lines):
        self._lines = {name: points for name, points in lines.items() if points}
        self._x = _decades([x for points in self._lines.values() for x, _ in points])
        self._y = _decades([y for points in self._lines.values() for _, y in points])
        self._titles = (title, x_title, y_title)

    def _at(self, x, y):
        def share(value, low, high):
            return (math.log10(value) - low) / max(high - low, 1)

        return (LEFT + share(x, *self._x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - share(y, *self._y) * (HEIGHT - TOP - BOTTOM))

    def _axes(self):
        (x_low, x_high), (y_low, y_high) = self._x, self._y
        for exponent in range(x_low, x_high + 1):
            x, bottom = self._at(10.0 ** exponent, 10.0 ** y_low)
            yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{_label(exponent)}</text>'
        for exponent in range(y_low, y_high + 1):
            left, y = self._at(10.0 ** x_low, 10.0 ** exponent)
            yield f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{_label(exponent)}</text>'

    def _curves(self):
        for i, (name, points) in enumerate(self._lines.items()):
            colour = COLOURS[i % len(COLOURS)]
            places = [self._at(x, y) for x, y in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
            y = TOP + 12 + 18 * i
            yield f'<line x1="{WIDTH - RIGHT + 12}" y1="{y}" x2="{WIDTH - RIGHT + 32}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
            yield f'<text x="{WIDTH - RIGHT + 38}" y="{y + 4}">{name}</text>'

    def svg(self):
        title, x_title, y_title = self._titles
        middle = (LEFT + WIDTH - RIGHT) / 2
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{middle:.0f}" y="22" text-anchor="middle" font-size="15">{title}</text>',
            *self._axes(), *self._curves(),
            f'<text x="{middle:.0f}" y="{HEIGHT - 14}" text-anchor="middle">{x_title}</text>',
            f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">{y_title}</text>',
            "</svg>", ""])


def _points(sizes, member, scale=1.0):
    return [(size["bricks"], size[member] * scale) for size in sizes]


def planner(report):
    near = report["policies"]["near"]
    yield "plan", Chart("A plan, policy near, pool 70 % full", "bricks", "microseconds", {
        "median": _points(near, "p50_us"), "p99": _points(near, "p99_us"), "a refusal": _points(near, "refusal_us"),
        "median, small pages": _points(report["small_pages"], "p50_us")})
    yield "plan-policies", Chart("A plan by policy, p99", "bricks", "microseconds", {
        policy: _points(sizes, "p99_us") for policy, sizes in report["policies"].items()})
    yield "plan-mixes", Chart("A plan by mix of requests, median", "bricks", "microseconds", {
        mix: _points(sizes, "p50_us") for mix, sizes in {report["mix"]: near, **report["mixes"]}.items()})


def graph_vs_sql(report):
    for question in ("capacity", "configuration", "path"):
        lines = {"graph": [(size["bricks"], size[question]["graph_us"]) for size in report["sizes"]],
                 "SQL": [(size["bricks"], size[question]["sql_us"]) for size in report["sizes"]],
                 "SQL, round trip": [(size["bricks"], size[question]["round_trip_us"]) for size in report["sizes"]]}
        kept = f"{question}, sums kept"
        if kept in report["sizes"][0]:
            lines["SQL, sums kept"] = [(size["bricks"], size[kept]["sql_us"]) for size in report["sizes"]]
        yield f"graph-vs-sql-{question}", Chart(f"Graph and SQL: {question}, median", "bricks", "microseconds", lines)


def placement(report):
    sizes = [(int(n), found["candidates_ms"]["median"]) for n, found in report["providers"].items()]
    ours = report["candidates"]
    yield "candidates", Chart("Candidates, median", "providers or bricks", "milliseconds", {
        "Placement": sizes, "s10.plan": [(ours["bricks"], ours["s10_ms"]["p50"])],
        "planner": [(ours["bricks"], ours["process_us"]["p50"] / 1000)]})


# Member of the report to what draws it.
PLOTS = {"planner": planner, "graph_vs_sql": graph_vs_sql, "placement": placement}


def write(report, folder):
    """One file a chart, of what the report has."""
    folder.mkdir(parents=True, exist_ok=True)
    for member, charts in PLOTS.items():
        if member in report:
            for name, chart in charts(report[member]):
                (folder / f"{name}.svg").write_text(chart.svg())
