#!/usr/bin/python3
"""Turns schemas/*.json into C, and into docs/PROTOCOL.md and docs/asyncapi.yaml.

Only the standard library; run by CMake, which writes into the build tree.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

from sdmgen.asyncapi import asyncapi  # noqa: E402
from sdmgen.code import Code  # noqa: E402
from sdmgen.dialect import DialectError, Schemas  # noqa: E402
from sdmgen.protocol import protocol  # noqa: E402


def write(folder, files):
    for name, text in files:
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def documents(schemas):
    return [("PROTOCOL.md", protocol(schemas)), ("asyncapi.yaml", asyncapi(schemas))]


def compare(folder, files):
    """Ends the program when a file is not what would be written."""
    for name, text in files:
        path = pathlib.Path(folder, name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not in step with schemas/: run schemas/generate.py --docs {folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", default=pathlib.Path(__file__).parent, help="folder to read")
    parser.add_argument("--prefix", default="sdm", help="opens every name in C")
    parser.add_argument("--folder", default="wire", help="folder of the headers below --code")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--code", metavar="DIR", help="write C files there")
    what.add_argument("--list", action="store_true", help="print the names of the C files")
    what.add_argument("--docs", metavar="DIR", help="write PROTOCOL.md and asyncapi.yaml there")
    what.add_argument("--check-docs", metavar="DIR", help="fail unless they stand there already")
    options = parser.parse_args()
    schemas = Schemas(options.schemas)
    if options.list:
        print(";".join(Code(schemas, options.prefix, options.folder).names()), end="")
    elif options.code:
        write(options.code, Code(schemas, options.prefix, options.folder).files())
    elif options.docs:
        write(options.docs, documents(schemas))
    elif options.check_docs:
        compare(options.check_docs, documents(schemas))


if __name__ == "__main__":
    try:
        main()
    except DialectError as error:
        sys.exit(f"generate.py: {error}")
