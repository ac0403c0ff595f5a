"""Registering rack files and drawing racks."""

import json

import fake

QUICKSTART = fake.ROOT / "deploy/racks/quickstart.json"
UNIT = 1 << 27


def reply_of(body):
    topology = body["topology"]
    counts = {f"n_{kind}": len(topology[kind]) for kind in ("racks", "trays", "bricks", "switches", "links")}
    return "s11.register.reply/1", {**counts, "n_unchanged": 0}


def large_rack(n_trays, n_bricks):
    """Trays of as many memory bricks as it takes, each with four links to its tray's switch."""
    per_tray = n_bricks // n_trays
    bricks = [{"id": f"mb{i}", "kind": "memory", "tray": f"tray{i // per_tray}", "n_ports": 8,
               "capacity_bytes": 8 * UNIT, "module": i} for i in range(n_bricks)]
    switches = [{"id": f"el{i}", "kind": "electrical", "tray": f"tray{i}", "n_ports": per_tray * 8}
                for i in range(n_trays)]
    links = [{"a": {"device": brick["id"], "port": port},
              "b": {"device": f"el{i // per_tray}", "port": i % per_tray * 8 + port}, "bandwidth_mbps": 10000}
             for i, brick in enumerate(bricks) for port in range(8)]
    return {"version": 1, "segment_unit_bytes": UNIT, "racks": [{"id": "rack0"}],
            "trays": [{"id": f"tray{i}", "rack": "rack0"} for i in range(n_trays)], "bricks": bricks,
            "switches": switches, "links": links}


def register(sdmctl, path, rack, *options):
    path.write_text(json.dumps(rack))
    return sdmctl(["rack", "register", path, *options])


def test_a_small_rack_is_one_message(sdmctl, controller):
    controller.answers["s11.register/1"] = reply_of
    rack = json.loads(QUICKSTART.read_text())
    output = sdmctl(f"rack register {QUICKSTART}").stdout
    assert output == "New: 2 racks, 4 trays, 11 bricks, 6 switches, 38 links; unchanged: 0 (1 message)\n" \
        .replace("38", str(len(rack["links"])))
    body = controller.bodies("s11.register/1")[0]
    assert body["segment_unit_bytes"] == rack["segment_unit_bytes"]
    assert body["topology"] == {kind: rack[kind] for kind in ("racks", "trays", "bricks", "switches", "links")}


def test_a_second_run_is_a_new_request_unless_it_has_the_key(sdmctl, controller):
    controller.answers["s11.register/1"] = reply_of
    for options in ("", "", "--key=mine", "--key=mine"):
        sdmctl(f"rack register {QUICKSTART} {options}")
    keys = [body["key"] for body in controller.bodies("s11.register/1")]
    assert len(set(keys)) == 3 and keys[2] == keys[3] and keys[2].startswith("mine-")


def test_a_large_rack_comes_in_pieces_that_build_on_each_other(sdmctl, controller, tmp_path):
    controller.answers["s11.register/1"] = reply_of
    rack = large_rack(300, 600)
    output = register(sdmctl, tmp_path / "rack.json", rack).stdout
    bodies = controller.bodies("s11.register/1")
    assert output == "New: 1 racks, 300 trays, 600 bricks, 300 switches, 4800 links; unchanged: 0 " \
                     f"({len(bodies)} messages)\n"
    known = set()
    joined = {kind: [] for kind in ("racks", "trays", "bricks", "switches", "links")}
    for body in bodies:
        topology = body["topology"]
        known |= {item["id"] for kind in ("racks", "trays", "bricks", "switches") for item in topology[kind]}
        assert {tray["rack"] for tray in topology["trays"]} <= known
        assert {item["tray"] for item in topology["bricks"] + topology["switches"]} <= known
        assert {link[end]["device"] for link in topology["links"] for end in "ab"} <= known
        for kind, items in joined.items():
            items += topology[kind]
    assert joined == {kind: rack[kind] for kind in joined}
    keys = [body["key"] for body in bodies]
    assert len(set(keys)) == len(bodies)

    assert len(register(sdmctl, tmp_path / "rack.json", rack, "--json").stdout.splitlines()) == len(bodies)
    assert [body["key"] for body in controller.bodies("s11.register/1")[len(bodies):]] != keys
    rack["bricks"][-1]["capacity_bytes"] += UNIT
    register(sdmctl, tmp_path / "rack.json", rack, "--key=mine")
    assert controller.bodies("s11.register/1")[-1]["key"].startswith("mine-")


def test_a_refusal_half_way_is_told(sdmctl, controller, tmp_path):
    controller.answers["s11.register/1"] = lambda body: reply_of(body) if len(controller.requests) < 3 else \
        fake.refusal("INVALID_TOPOLOGY", "port linked twice")
    path = tmp_path / "rack.json"
    path.write_text(json.dumps(large_rack(300, 600)))
    result = sdmctl(f"rack register {path}", status=1)
    assert "2 of" in result.stderr and "INVALID_TOPOLOGY: port linked twice" in result.stderr


def test_bad_files_are_not_sent(sdmctl, controller, tmp_path):
    rack = json.loads(QUICKSTART.read_text())
    rack["bricks"][2]["kind"] = "storage"
    for text, found in (("{", "rack.json"), (json.dumps(rack), "bricks[2].kind"), ("[]", "rack.json")):
        (tmp_path / "rack.json").write_text(text)
        assert found in sdmctl(f"rack register {tmp_path}/rack.json", status=2).stderr
    assert controller.requests == []


def view(name):
    """One rack of the quickstart file, in use."""
    rack = json.loads(QUICKSTART.read_text())
    trays = [tray for tray in rack["trays"] if tray["rack"] == name]
    ids = {tray["id"] for tray in trays}
    live = {"mb0": 6, "mb1": 2, "mb3": 4}
    bricks = [{"id": brick["id"], "kind": brick["kind"], "tray": brick["tray"], "state": "active", "want_power": "on",
               "have_power": "off" if brick["id"] == "mb5" else "on", "capacity_bytes": brick.get("capacity_bytes", 0),
               "live_bytes": live.get(brick["id"], 0) * UNIT, "scrubbing_bytes": UNIT if brick["id"] == "mb1" else 0,
               "quarantined_bytes": UNIT if brick["id"] == "mb2" else 0, "local_bytes": brick.get("local_bytes", 0),
               "attached_bytes": 8 * UNIT if brick["id"] == "cb0" else 0, "n_ports": brick["n_ports"],
               "n_ports_used": 1 if brick["id"] in live or brick["id"] == "cb0" else 0,
               "power_mw": brick["idle_mw"], "want_generation": 3, "have_generation": 3,
               **({"accelerator_kind": "fpga"} if brick["kind"] == "accelerator" else {}),
               **({"connected": brick["id"] != "cb1"} if brick["kind"] == "compute" else {})}
              for brick in rack["bricks"] if brick["tray"] in ids]
    switches = [{**{key: item[key] for key in ("id", "kind", "tray", "rack", "n_ports") if key in item},
                 "state": "active", "n_ports_used": 3, "want_generation": 2, "have_generation": 1}
                for item in rack["switches"] if item.get("rack") == name or item.get("tray") in ids]
    circuits = [{"circuit": "00000006-5d3e-4c1a-9b7f-2a6d8c4e1f06", "compute_brick": "cb0", "up": True,
                 "n_windows": 1, "path": {"brick": "mb0", "shared": False, "compute_port": 0, "brick_port": 1,
                                          "bandwidth_mbps": 10000,
                                          "hops": [{"switch": "el0", "in_port": 0, "out_port": 5}]}}]
    return {"racks": [item for item in rack["racks"] if item["id"] == name], "trays": trays, "bricks": bricks,
            "switches": switches, "links": [], "circuits": circuits if name == "rack0" else [],
            "segment_unit_bytes": UNIT, "capacity_bytes": sum(brick["capacity_bytes"] for brick in bricks),
            "live_bytes": sum(brick["live_bytes"] for brick in bricks),
            "power_mw": sum(brick["power_mw"] for brick in bricks)}


def show(body):
    if "rack" in body:
        return "s11.show.reply/1", view(body["rack"])
    views = [view("rack0"), view("rack1")]
    empty = {kind: [] for kind in ("trays", "bricks", "switches", "links", "circuits")}
    return "s11.show.reply/1", {**views[0], **empty, "racks": [item["racks"][0] for item in views]}


def test_drawing(sdmctl, controller, golden):
    controller.answers["s11.show/1"] = show
    golden("rack-show-all", sdmctl("rack show").stdout)
    narrow = sdmctl("rack show rack0", env={"COLUMNS": "40"}).stdout
    golden("rack-show-narrow", narrow)
    # Wider than the screen rather than cut.
    assert "1GiB own + 0 remote, agent silent " in narrow and "768MiB/768MiB" in narrow
    golden("rack-tree-all", sdmctl("rack tree").stdout)
    ascii_drawing = sdmctl("rack show rack0 --ascii").stdout
    golden("rack-show-ascii", ascii_drawing)
    assert ascii_drawing.isascii()
    assert sdmctl("rack show rack0", env={"LC_ALL": "C"}).stdout == ascii_drawing


def test_colour_only_when_asked_for_or_on_a_terminal(sdmctl, controller):
    controller.answers["s11.show/1"] = show
    plain = sdmctl("rack show rack0").stdout
    coloured = sdmctl("rack show rack0 --color=always").stdout
    assert "\033" not in plain and "\033[34m" in coloured
    stripped = coloured
    for code in ("0", "1", "2", "31", "32", "33", "34"):
        stripped = stripped.replace(f"\033[{code}m", "")
    assert stripped == plain


def test_no_racks(sdmctl, controller):
    empty = {kind: [] for kind in ("racks", "trays", "bricks", "switches", "links", "circuits")}
    controller.answers["s11.show/1"] = lambda body: ("s11.show.reply/1", {
        **empty, "segment_unit_bytes": UNIT, "capacity_bytes": 0, "live_bytes": 0, "power_mw": 0})
    assert sdmctl("rack show").stdout == "No racks are registered.\n"
