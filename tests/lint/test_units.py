"""units finds a unit that is open, one whose user nobody makes, and one whose folder nobody makes."""

import lint
import units


def planted(plant, old=None, new=""):
    tree = None
    for name in ("sdm-controller.service.in", "sysusers.conf", "tmpfiles.conf"):
        text = (lint.ROOT / "deploy/systemd" / name).read_text(encoding="utf-8")
        tree = plant(f"deploy/systemd/{name}", text.replace(old, new) if old else text)
    return tree


def test_units(plant, texts):
    assert not texts(units.check, planted(plant))


def test_an_open_unit(plant, texts):
    """What stands behind a line of another section is not obeyed."""
    found = texts(units.check, planted(plant, "NoNewPrivileges=", "[X-Off]\nNoNewPrivileges="))
    assert any("want at most 2.5" in one for one in found)


def test_a_user_that_nobody_makes(plant, texts):
    found = texts(units.check, planted(plant, "User=sdm-controller", "User=sdm-other"))
    assert any("'sdm-other'" in one for one in found)


def test_a_folder_that_nobody_makes(plant, texts):
    found = texts(units.check, planted(plant, "d /etc/sdm/controller", "d /etc/sdm/other"))
    assert any("'/etc/sdm/controller' is not made" in one for one in found)
