#!/usr/bin/env python3
"""Includes go only where cmake/layers.cmake allows, <openssl/> stays in crypto, net's TLS files and the simulator's."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
table = {}
for name, uses in re.findall(r'^\s+"(\w+):([\w ]*)"$', (root / "cmake/layers.cmake").read_text(), re.M):
    table[name] = set(uses.split()) | {name}
assert len(table) > 10, "the layer table could not be read"

faults = []
for path in sorted([*root.glob("src/**/*.[ch]pp"), *root.glob("sim/**/*.[ch]pp")]):
    parts = path.relative_to(root).parts
    folder = "sim" if parts[0] == "sim" else parts[1]
    if folder == "bin" or folder not in table:
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root)}:{number}"
        used = re.match(r'#include "(\w+)/', line)
        if used and used[1] in table and used[1] not in table[folder]:
            faults.append(f"{where}: {folder} must not use {used[1]}")
        if "#include <openssl/" in line and folder not in ("crypto", "sim") and not (
                folder == "net" and path.name.startswith("tls")):
            faults.append(f"{where}: <openssl/> belongs to crypto/ and the TLS stream of net/")
        if "#include <boost/asio" in line and folder in ("base", "crypto", "trust", "config", "store"):
            faults.append(f"{where}: {folder} does no I/O")

print("\n".join(faults) or f"{len(table)} layers in order")
sys.exit(1 if faults else 0)
