#!/usr/bin/env python3
"""Makes mutants of the driver: copies of its sources with a fault of one line.

usage: mutants.py SOURCES OUT STEP [FILE...]

Each rule below is applied wherever it fits in the functions of the FILEs: core.c,
ioctl.c, bind.c, eventfd.c and ring.c, if none is named. One of STEP mutants is made,
OUT/NNN/FILE; OUT/list has a line for each: NNN, the file, the function, the rule, and the
line as it was.
"""
import os
import re
import sys

FILES = ("ring.c", "bind.c", "ioctl.c", "core.c", "eventfd.c")

# What has no effect that a test could see, and what no fault can be put in.
IGNORED = re.compile(r"lockdep_assert|^\s*(cond_resched|break|continue|default:|case |goto )")
STATEMENT = re.compile(r"^(\t+)[^\s#/*{}].*;$")
DECLARATION = re.compile(r"^\t+(struct|union|bool|int|unsigned|u32|ssize_t|size_t|long|"
			 r"char|static|__poll_t|evtchn_port_t|irqreturn_t|domid_t|const)\b")
CALL = re.compile(r"^\t+(\w+ = )?\w+\(.*\);$")
LOCKS = re.compile(r"\b(mutex|read|write|spin)_(un)?lock(_irq)?(_killable|save|restore)?"
		   r"\((&[\w>.-]+)(, flags)?\)")


def balanced(text, start):
	"""The index after the parenthesis that closes the one at start, or -1."""
	depth = 0
	for i in range(start, len(text)):
		depth += (text[i] == "(") - (text[i] == ")")
		if not depth:
			return i + 1
	return -1


def functions(lines):
	"""(name, first, last) of each function's body, without the braces."""
	name = start = None
	for i, line in enumerate(lines):
		found = re.match(r"\w[\w \*]*?\**(\w+)\(", line)
		if found and not line.startswith("\t") and not line.rstrip().endswith(";"):
			name = found.group(1)
		if line == "{":
			start = i + 1
		elif line == "}" and start is not None:
			yield name, start, i
			start = None


def statements(lines, first, last):
	"""Indices of whole statements of one line that are not declarations."""
	for i in range(first, last):
		if not STATEMENT.match(lines[i]) or DECLARATION.match(lines[i]):
			continue
		if IGNORED.search(lines[i]):
			continue
		before = lines[i - 1].rstrip()
		if before.endswith((";", "{", "}", "*/", ":")) or before == "" or before.endswith(")"):
			yield i


def faults(lines, first, last):
	"""(rule, index of the line that is told, the body's lines with the fault)."""
	body = lines[first:last]

	def changed(i, *new):
		return body[:i - first] + list(new) + body[i - first + 1:]

	code = [i for i in range(first, last)
		if not re.match(r"\s*(/\*|\*|//)", lines[i]) and not IGNORED.search(lines[i])]
	for i in code:
		line = lines[i]
		# A condition turned.
		found = re.search(r"\b(if|while) \(", line)
		if found and balanced(line, found.end() - 1) > 0 and "} while" not in line:
			end = balanced(line, found.end() - 1)
			cond = line[found.end() - 1:end]
			if found.group(1) == "if":
				yield "turned", i, changed(i, line[:found.end() - 1] + "(!" + cond + ")" + line[end:])
			else:
				yield "never", i, changed(i, line[:found.end() - 1] + "(0 && " + cond + ")" + line[end:])
		# One operator for another.
		for old, new in ((" && ", " || "), (" || ", " && "), (" < ", " <= "), (" <= ", " < "),
				 (" >= ", " > "), (" == ", " != "), (" != ", " == "), (" + 1", "")):
			for found in re.finditer(re.escape(old), line):
				if old == " < " and "for (" in line and "i < " in line:
					continue
				yield "operator", i, changed(i, line[:found.start()] + new + line[found.end():])
		# An error swallowed.
		found = re.search(r"(return|rc =|ret =|done =) (-E\w+|rc|ret|PTR_ERR\(\w+\));", line)
		if found:
			yield "swallowed", i, changed(i, line[:found.start(2)] + "0" + line[found.end(2):])
		# A flag not set, or another one.
		found = re.search(r"\b(true|false);", line)
		if found:
			other = "false" if found.group(1) == "true" else "true"
			yield "flag", i, changed(i, line[:found.start(1)] + other + line[found.end(1):])
	whole = list(statements(lines, first, last))
	for i in whole:
		# A step left out.
		if not re.match(r"\t+return\b", lines[i]) and not LOCKS.search(lines[i]):
			indent = re.match(r"\t+", lines[i]).group(0)
			yield "left out", i, changed(i, indent + ";")
		# Two steps out of order, one of them a call.
		if i + 1 in whole and re.match(r"\t+", lines[i]).group(0) == re.match(r"\t+", lines[i + 1]).group(0) and \
		   "return" not in lines[i] + lines[i + 1] and (CALL.match(lines[i]) or CALL.match(lines[i + 1])) and \
		   not lines[i - 1].rstrip().endswith(")"):
			both = changed(i, lines[i + 1])
			both[i + 1 - first] = lines[i]
			yield "out of order", i, both
	# A lock left out, where the function takes and gives it.
	for lock in sorted({found.group(5) for line in body for found in LOCKS.finditer(line)}):
		def none(found, lock=lock):
			if found.group(5) != lock:
				return found.group(0)
			return "0" if found.group(4) == "_killable" else "(void)0" if not found.group(6) else \
				"(void)(flags = 0)"
		yield "without lock " + lock, first, [LOCKS.sub(none, line) for line in body]


def main():
	source, out, step, *files = sys.argv[1:]
	number = 0
	with open(os.path.join(out, "list"), "w") as index:
		for file in files or FILES:
			with open(os.path.join(source, file)) as opened:
				lines = opened.read().split("\n")
			for name, first, last in functions(lines):
				told = set()
				for rule, at, body in faults(lines, first, last):
					text = "\n".join(lines[:first] + body + lines[last:])
					if body == lines[first:last] or text in told:
						continue
					told.add(text)
					number += 1
					if (number - 1) % int(step):
						continue
					folder = os.path.join(out, f"{number:03}")
					os.makedirs(folder)
					with open(os.path.join(folder, file), "w") as opened:
						opened.write(text)
					what = "" if rule.startswith("without") else lines[at].strip()
					print(f"{number:03}", file, name, rule, what, sep="\t", file=index)


main()
