# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A grammar as the tables that fuzz.c includes."""
import re
import sys


class Table:
    def __init__(self, grammar, values):
        self.g, self.values = grammar, values
        self.resources = list(grammar.resources)

    def number(self, word):
        return self.values.get(word, word)

    def list(self, kind, words):
        return f"({kind}[]){{ {', '.join(str(self.number(w)) for w in words)} }}, {len(words)}"

    def type(self, t, fields, out=False):
        """The initializer of a struct type; @fields are its neighbours, for len."""
        g, size = self.g, self.g.size(t)
        more = ""
        if t.name in g.structs:
            kind, more = "STRUCT", self.fields(g.structs[t.name], out)
        elif t.name in g.resources:
            kind, more = "RESOURCE", f".resource = {self.resources.index(t.name)}"
        elif t.name == "const":
            kind, more = "CONST", f".values = {self.list('long long', [t.options[0].name])}"
        elif t.name == "flags":
            kind, more = "FLAGS", f".values = {self.list('long long', g.flags[t.options[0].name])}"
        elif t.name in ("len", "bytesize"):
            ref = [name for name, _ in fields].index(t.options[0].name)
            kind, more = "LEN", f".ref = {ref}, .bytes = {int(t.name == 'bytesize')}"
        elif t.name == "ptr":
            kind, more = "PTR", self.elem(t.options[1], t.options[0].name == "out")
        elif t.name == "array":
            many = t.options[1].name if len(t.options) > 1 else -1
            kind, more = "ARRAY", self.elem(t.options[0], out) + f", .max = {many}"
        elif t.name == "string":
            kind, more = "STRING", f".text = {t.options[0].name}"
        elif t.name == "vma":
            kind = "VMA"
        elif re.fullmatch(r"int(\d+|ptr)", t.name):
            low, high = (t.options[0].name.split(":") + [0, 0])[:2] if t.options else (0, 0)
            kind, more = "INT", f".min = {low}, .max = {high}"
        else:
            sys.exit(f"grammar.py: fuzz.c has no {t.name}")
        return f"{{ .kind = {kind}, .size = {size}, .out = {int(out)}, {more} }}"

    def elem(self, t, out):
        return f".elem = &(struct type){self.type(t, [], out)}"

    def fields(self, fields, out=False):
        types = ", ".join(self.type(t, fields, out) for _, t in fields)
        return f".fields = (struct type[]){{ {types} }}, .nr_fields = {len(fields)}"

    def print(self):
        for name in self.g.includes:
            # The kernel's own, whose names are in the file of constants.
            if not name.startswith(("linux/", "uapi/", "xen/")):
                print(f"#include <{name}>")
        print("\nstatic const struct resource resources[] = {")
        for name, (base, special) in self.g.resources.items():
            base = self.resources.index(base) if base in self.resources else -1
            print(f'\t{{ "{name}", {base}, {self.list("long long", special or ["-1"])} }},')
        print("};\n\nstatic const struct call calls[] = {")
        for call in self.g.calls:
            ret = self.resources.index(call.ret) if call.ret else -1
            print(f'\t{{ "{call.name}", SYS_{call.name.split("$")[0]}, {ret}, '
                  f'{self.list("short", call.fails)}, {self.list("short", call.may)}, '
                  f'{int(call.never == ["succeeds"])}, {int(call.never == ["fails"])},\n'
                  f"\t  {{ .kind = STRUCT, {self.fields(call.args)} }} }},")
        print("};")
