#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""documented.py XML [LIBRARY]: every public function, type and macro in doxygen's XML says what it
is, and every function that no header defines is exported by LIBRARY, a shared one.

Doxygen itself asks it of everything or of nothing. Fields and enumerators are left out: where name
and type say all, words would only repeat them. So are functions that are defaulted or deleted, and
copies, moves and destructors, which mean what they mean everywhere.
"""
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


def text(element, tag):
    found = element.find(tag)
    return "" if found is None else "".join(found.itertext()).strip()


def described(element):
    return any(text(element, tag) for tag in ("briefdescription", "detaileddescription"))


def means_what_it_means(member, owner):
    """Defaulted, deleted, destructor, or takes nothing but another of its own class."""
    name = text(member, "name")
    arguments = text(member, "argsstring")
    if re.search(r"=\s*(default|delete)$", arguments) or name.startswith("~"):
        return True
    special = name in (owner, "operator=")
    return special and re.fullmatch(
        rf"\((const )?{re.escape(owner)} ?&{{0,2}} ?\w*\) ?(noexcept)?|\(\)", arguments)


def place(element):
    location = element.find("location")
    return f"{location.get('file')}:{location.get('line')}" if location is not None else "?"


def faults(folder):
    for file in sorted(folder.glob("*.xml")):
        for compound in ElementTree.parse(file).getroot().iter("compounddef"):
            kind = compound.get("kind")
            if compound.get("prot") == "private" or kind in ("dir", "namespace", "page"):
                named = False
            else:
                named = kind in ("struct", "class", "union")
            name = text(compound, "compoundname")
            if named and not described(compound):
                yield place(compound), f"{kind} {name}"
            if kind not in ("struct", "class", "union", "namespace", "file"):
                continue
            owner = name.rsplit("::", 1)[-1]
            for member in compound.iter("memberdef"):
                asked = ("function", "friend", "define", "typedef", "enum")
                if member.get("kind") not in asked or member.get("prot") == "private":
                    continue
                if described(member) or means_what_it_means(member, owner):
                    continue
                # Members of a namespace are listed in its file again.
                if kind == "file" and "namespace" in member.get("id"):
                    continue
                yield place(member), f"{member.get('kind')} {name}::{text(member, 'name')}"


def functions(folder):
    """Names of the functions that a library has to define, with the place of their declaration."""
    for file in sorted(folder.glob("*.xml")):
        for compound in ElementTree.parse(file).getroot().iter("compounddef"):
            if compound.get("kind") not in ("struct", "class", "namespace", "file"):
                continue
            for member in compound.iter("memberdef"):
                arguments = text(member, "argsstring")
                inline = member.get("inline") == "yes" or member.find("location").get("bodyfile")
                if member.get("kind") != "function" or member.get("prot") == "private" or inline or \
                        "constexpr" in text(member, "type") or re.search(r"=\s*\w+$", arguments):
                    continue
                yield text(member, "definition").split("(")[0].split()[-1], place(member)


def not_exported(folder, library):
    symbols = subprocess.run(["nm", "-DC", "--defined-only", library], check=True, text=True,
                             capture_output=True).stdout
    exported = {line.split(" ", 2)[2].split("(")[0].split("[")[0] for line in symbols.splitlines()}
    for name, where in sorted(set(functions(folder))):
        if name not in exported:
            yield where, name


def main():
    folder = pathlib.Path(sys.argv[1])
    if not (folder / "index.xml").exists():
        sys.exit(f"documented: {folder} holds no XML of doxygen")
    found = sorted(set(faults(folder)))
    for where, what in found:
        print(f"{where}: nothing says what {what} is", file=sys.stderr)
    hidden = list(not_exported(folder, sys.argv[2])) if len(sys.argv) > 2 else []
    for where, name in hidden:
        print(f"{where}: {name} is public but not exported; does its source include this header?",
              file=sys.stderr)
    sys.exit(1 if found or hidden else 0)


if __name__ == "__main__":
    main()
