#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Reads descriptions in syzkaller's language, as much of it as ours use, and prints

  grammar.py table FILE...         what fuzz.c makes calls of: types, resources, calls
  grammar.py consts KERNEL FILE    the file FILE.const, from the kernel's own headers
  grammar.py layout FILE HEADER    C that fails to compile where a structure is not as
                                   that of the same name in the HEADER, or where a
                                   command of the header is missing
  grammar.py errors FILE           rows CALL ERROR... of all that a call may fail with
"""
import collections
import os
import re
import sys

# No folder of compiled modules beside the sources.
sys.dont_write_bytecode = True
from consts import amd64, consts  # noqa: E402
from table import Table  # noqa: E402

Type = collections.namedtuple("Type", "name options")
Call = collections.namedtuple("Call", "name args ret fails may never")
BITS = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "intptr": 8}


class Grammar:
    def __init__(self, paths):
        self.includes, self.arches, self.calls = [], [], []
        self.resources, self.structs, self.flags = {}, {}, {}
        for path in paths:
            with open(path, encoding="utf-8") as file:
                self.read(path, file.read())

    def read(self, path, text):
        struct, words = None, ""
        for number, line in enumerate(text.splitlines(), 1):
            def wrong(what):
                sys.exit(f"{path}:{number}: {what}: {line}")
            if line.startswith("#") or not line:
                words = words + line + "\n" if line else ""
            elif struct is not None and line.startswith("}"):
                struct = None
            elif struct is not None:
                # Which way a field goes makes no difference to what is put there.
                struct.append(self.field(re.sub(r"\s+\((in|out)\)$", "", line).split(None, 1), wrong))
            elif m := re.fullmatch(r"meta arches\[(.*)\]", line):
                self.arches = re.findall(r'"(\w+)"', m[1])
            elif m := re.fullmatch(r"include <(.*)>", line):
                self.includes.append(m[1])
            elif m := re.fullmatch(r"resource (\w+)\[(\w+)\](?:: (.*))?", line):
                self.resources[m[1]] = (m[2], m[3].split(", ") if m[3] else [])
            elif m := re.fullmatch(r"(\w+) = (.*)", line):
                self.flags[m[1]] = m[2].split(", ")
            elif m := re.fullmatch(r"(\w+) \{", line):
                struct = self.structs[m[1]] = []
            elif m := re.fullmatch(r"([\w$]+)\((.*)\)(?: (\w+))?", line):
                args = [self.field(a.split(None, 1), wrong) for a in split(m[2])]
                fails, may = (sum((x.split() for x in re.findall(rf"^# {w}: (.*)$", words, re.M)), [])
                              for w in ("Fails", "May fail"))
                never = re.findall(r"^# Never (succeeds|fails)\.$", words, re.M)
                if not fails and never != ["fails"]:
                    wrong("there is no line \"Fails\" above the call")
                self.calls.append(Call(m[1], args, m[3], fails, may, never))
            else:
                wrong("not understood")
            if line and not line.startswith("#"):
                words = ""

    def field(self, words, wrong):
        if len(words) != 2:
            wrong("a name and a type are wanted")
        return words[0], parse(words[1])

    def size(self, t):
        if t.name in self.structs:
            return sum(self.size(field) for _, field in self.structs[t.name])
        if t.name in self.resources:
            return self.size(Type(self.resources[t.name][0], []))
        if t.name in ("const", "flags", "len", "bytesize"):
            return BITS[t.options[1].name] if len(t.options) > 1 else 8
        if t.name == "array":
            return self.size(t.options[0]) * (int(t.options[1].name) if len(t.options) > 1 else 0)
        return BITS.get(t.name, 8)

    def constants(self):
        """Every name that stands for a number."""
        def walk(t):
            if t.name == "const":
                yield t.options[0].name
            for option in t.options:
                yield from walk(option)
        fields = [f for s in self.structs.values() for f in s] + [a for c in self.calls for a in c.args]
        names = [n for _, t in fields for n in walk(t)]
        names += sum(self.flags.values(), []) + sum((v for _, v in self.resources.values()), [])
        return sorted({n for n in names if re.match(r"[A-Za-z]", n)})


def split(text):
    """At the commas outside of all brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c == "[") - (c == "]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip()]


def parse(text):
    m = re.fullmatch(r"([^\[\]]+)(?:\[(.*)\])?", text.strip())
    return Type(m[1], [parse(o) for o in split(m[2] or "")])


def layout(path, header):
    generic = os.path.join(os.path.dirname(path), "generic.txt")
    g, values = Grammar([generic, path]), amd64([path])
    with open(header, encoding="utf-8") as file:
        header = file.read()
    print("#include <assert.h>\n#include <stddef.h>\n#include <sys/ioctl.h>\n"
          "typedef unsigned short domid_t;\n#include <xen/evtchn.h>\nint main(void) { return 0; }")
    for command in re.findall(r"^#define (IOCTL_\w+)", header, re.M):
        if not [c for c in g.calls if c.name == f"ioctl${command}"]:
            sys.exit(f"{path} lacks ioctl${command}")
        print(f'static_assert({command} == {values[command]}, "{command}");')
    for struct in re.findall(r"^struct (\w+) \{", header, re.M):
        at = 0
        for name, t in g.structs.get(struct) or sys.exit(f"{path} lacks {struct}"):
            print(f'static_assert(offsetof(struct {struct}, {name}) == {at} && '
                  f'sizeof(((struct {struct} *)0)->{name}) == {g.size(t)}, "{struct}.{name}");')
            at += g.size(t)
        print(f'static_assert(sizeof(struct {struct}) == {at}, "{struct}");')


def main():
    what, args = (sys.argv + ["", ""])[1], sys.argv[2:]
    if what == "table" and args:
        Table(Grammar(args), amd64(args)).print()
    elif what == "consts" and len(args) == 2:
        consts(args[0], Grammar(args[1:]))
    elif what == "layout" and len(args) == 2:
        layout(*args)
    elif what == "errors" and len(args) == 1:
        for call in Grammar(args).calls:
            print(call.name, *call.fails, *call.may)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
