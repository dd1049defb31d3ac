#!/usr/bin/env python3
"""Kconfig files and sdkconfig.defaults of an ESP-IDF project -> sdkconfig.h, sdkconfig.cmake and sdkconfig.

    kconfig.py --kconfig FILE... --defaults FILE... --set NAME=VALUE... --out FOLDER [--sdkconfig FILE]

Reads the part of the language that projects use: config, menuconfig, choice, menu, if, comment, source and its relatives;
bool, int, hex, string; prompt, default, depends on, select, imply, range, visible if, help. Later defaults win over earlier
ones, --sdkconfig over defaults, --set over all. A name that no Kconfig file knows is taken as given: ours describe only the
part of ESP-IDF that means something on a host. The environment gives the variables of "source" lines.
"""
import argparse
import os
import re
import sys
from pathlib import Path

TYPES = ("bool", "int", "hex", "string")
TOKEN = re.compile(r'\s*(?:(&&|\|\||!=|<=|>=|[()!=<>])|"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([A-Za-z0-9_.\-]+))')


class Fault(Exception):
    """What is wrong in a file, with its place."""


# ---- expressions ----------------------------------------------------------------------------------------------------------


def tokens(text, where):
    """[(kind, text)] with kind op, str or word; the rest after a comment is gone already."""
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Fault(f"{where}: not understood: {text[at:]}")
        operator, double, single, word = match.groups()
        if operator:
            found.append(("op", operator))
        elif word is not None:
            found.append(("word", word))
        else:
            found.append(("str", re.sub(r"\\(.)", r"\1", double if double is not None else single)))
        at = match.end()
    return found


class Reader:
    """Takes expressions from a list of tokens: or, and, not, comparison, term, each binding more tightly."""

    def __init__(self, found, where):
        self.found, self.at, self.where = found, 0, where

    def peek(self):
        return self.found[self.at] if self.at < len(self.found) else (None, None)

    def take(self, kind=None, text=None):
        have = self.peek()
        if (kind and have[0] != kind) or (text and have[1] != text):
            raise Fault(f"{self.where}: expected {text or kind or 'more'}, found {have[1]!r}")
        self.at += 1
        return have

    def expression(self):
        return self._chain("||", lambda: self._chain("&&", self._negation))

    def _chain(self, operator, part):
        left = part()
        while self.peek() == ("op", operator):
            self.take()
            left = (operator, left, part())
        return left

    def _negation(self):
        if self.peek() == ("op", "!"):
            self.take()
            return ("!", self._negation())
        return self._comparison()

    def _comparison(self):
        if self.peek() == ("op", "("):
            self.take()
            inner = self.expression()
            self.take("op", ")")
            return inner
        left = self.take()
        if left[0] == "op" or left[0] is None:
            raise Fault(f"{self.where}: expected a name or a value, found {left[1]!r}")
        if self.peek()[1] in ("=", "!=", "<", ">", "<=", ">=") and self.peek()[0] == "op":
            operator = self.take()[1]
            right = self.take()
            return (operator, left, right)
        return left

    def condition(self):
        """What stands behind "if", or None."""
        if self.peek() == ("word", "if"):
            self.take()
            return self.expression()
        return None


def both(left, right):
    if left is None or right is None:
        return right if left is None else left
    return ("&&", left, right)


# ---- the files ------------------------------------------------------------------------------------------------------------


class Symbol:
    def __init__(self, name):
        self.name = name
        self.type = None
        self.prompts = []  # conditions under which a person may choose
        self.defaults = []  # (value token or expression, condition)
        self.ranges = []  # (low, high, condition)
        self.depends = []  # one condition per definition; any of them makes the symbol visible
        self.choice = None


class Choice:
    def __init__(self):
        self.members, self.defaults, self.prompts, self.depends = [], [], [], None


class Tree:
    def __init__(self):
        self.symbols = {}
        self.order = []
        self.selects = []  # (who, target, condition, is_weak)

    def symbol(self, name):
        if name not in self.symbols:
            self.symbols[name] = Symbol(name)
            self.order.append(name)
        return self.symbols[name]


class Parser:
    def __init__(self, tree):
        self.tree = tree

    def file(self, path, conditions=None):
        if not path.is_file():
            raise Fault(f"{path}: no such file")
        lines = self._lines(path)
        self._block(lines, path, conditions, None, None)

    @staticmethod
    def _lines(path):
        """[(number, indent, text)] without comments and empty lines; continued lines joined. Help texts are kept apart by
        their indent, so they are found later."""
        rows, joined, first = [], "", 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.expandtabs(8)
            if not joined:
                first = number
            if text.rstrip().endswith("\\"):
                joined += text.rstrip()[:-1] + " "
                continue
            text = joined + text
            joined = ""
            rows.append((first, len(text) - len(text.lstrip()), text.strip()))
        return rows

    def _block(self, lines, path, conditions, choice, end):
        """Reads until the word `end` (None: the end of the file); lines is consumed from its front."""
        while lines:
            number, indent, text = lines.pop(0)
            where = f"{path}:{number}"
            text = self._without_comment(text)
            if not text:
                continue
            word, _, rest = text.partition(" ")
            rest = rest.strip()
            if end and word == end:
                return
            if word in ("config", "menuconfig"):
                self._config(lines, rest, indent, where, conditions, choice)
            elif word == "choice":
                self._choice(lines, path, indent, where, conditions)
            elif word == "menu":
                inner = both(conditions, self._properties_of_menu(lines, where))
                self._block(lines, path, inner, choice, "endmenu")
            elif word == "if":
                reader = Reader(tokens(rest, where), where)
                self._block(lines, path, both(conditions, reader.expression()), choice, "endif")
            elif word in ("source", "rsource", "osource", "orsource"):
                self._source(rest, word, path, where, conditions)
            elif word in ("comment", "mainmenu"):
                self._properties_of_menu(lines, where)
            elif re.match(r"\w+\s*:?=", text):
                continue  # a macro of the language; what uses it stays undefined
            else:
                raise Fault(f"{where}: not understood: {text}")
        if end:
            raise Fault(f"{path}: {end} is missing")

    @staticmethod
    def _without_comment(text):
        match = re.match(r'((?:[^#"\']|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')*)#', text)
        return (match.group(1) if match else text).strip()

    def _source(self, rest, word, path, where, conditions):
        name = tokens(rest, where)[0][1]
        name = re.sub(r"\$\(?\{?(\w+)\}?\)?", lambda m: os.environ.get(m.group(1), ""), name)
        found = sorted(Path(path.parent if word in ("rsource", "orsource") else ".").glob(name)) if "*" in name else [
            (path.parent if word in ("rsource", "orsource") else Path(".")) / name]
        if not found or not found[0].is_file():
            return  # a part of ESP-IDF that is not on this host
        for each in found:
            self.file(each, conditions)

    def _properties_of_menu(self, lines, where):
        conditions = None
        while lines:
            text = self._without_comment(lines[0][2])
            if text.startswith("depends on "):
                reader = Reader(tokens(text[len("depends on "):], where), where)
                conditions = both(conditions, reader.expression())
            elif text and not text.startswith("visible if "):
                break
            lines.pop(0)
        return conditions

    def _choice(self, lines, path, indent, where, conditions):
        choice = Choice()
        choice.depends = conditions
        while lines:
            number, at, text = lines[0]
            text = self._without_comment(text)
            if text.split(" ")[0] in ("config", "if", "endchoice", "source", "rsource", "comment"):
                break
            lines.pop(0)
            where = f"{path}:{number}"
            if text in ("help", "---help---"):
                self._skip_help(lines, at)
            elif text:
                self._choice_property(choice, text, where)
        self._block(lines, path, choice.depends, choice, "endchoice")

    def _choice_property(self, choice, text, where):
        reader = Reader(tokens(text, where), where)
        word = reader.take()[1]
        if word == "default":
            choice.defaults.append((reader.take()[1], reader.condition()))
        elif word == "depends":
            reader.take("word", "on")
            choice.depends = both(choice.depends, reader.expression())
        elif word in ("prompt", "bool"):
            if reader.peek()[0] == "str":
                reader.take()
            choice.prompts.append(reader.condition())
        elif word != "optional":
            raise Fault(f"{where}: not understood in a choice: {text}")

    @staticmethod
    def _skip_help(lines, indent):
        """Takes what is indented more than the word help, and empty lines."""
        first = next((at for _, at, text in lines if text), None)
        if first is None or first <= indent:
            return
        while lines and (not lines[0][2] or lines[0][1] >= first):
            lines.pop(0)

    def _config(self, lines, name, indent, where, conditions, choice):
        symbol = self.tree.symbol(name)
        if choice:
            symbol.choice = choice
            if symbol not in choice.members:
                choice.members.append(symbol)
        own = {"depends": conditions, "defaults": [], "prompts": [], "ranges": [], "selects": []}
        while lines:
            number, at, text = lines[0]
            text = self._without_comment(text)
            if text and at <= indent and not self._is_property(text):
                break
            if text and self._is_block(text):
                break
            lines.pop(0)
            if text in ("help", "---help---"):
                self._skip_help(lines, at)
            elif text:
                self._property(symbol, own, text, re.sub(r":\d+$", f":{number}", where))
        symbol.depends.append(own["depends"])
        for kind in ("defaults", "prompts", "ranges"):
            getattr(symbol, kind).extend((*row[:-1], both(row[-1], own["depends"])) for row in own[kind])
        self.tree.selects += [(name, target, both(condition, None), weak) for target, condition, weak in own["selects"]]

    @staticmethod
    def _is_block(text):
        return text.split(" ")[0] in ("config", "menuconfig", "choice", "endchoice", "menu", "endmenu", "if", "endif", "source", "rsource",
                                      "osource", "orsource", "comment", "mainmenu")

    @staticmethod
    def _is_property(text):
        return text.split(" ")[0] in (*TYPES, "def_bool", "def_int", "prompt", "default", "depends", "select", "imply", "range", "help",
                                      "---help---", "option", "visible", "warning", "set")

    def _property(self, symbol, own, text, where):
        reader = Reader(tokens(text, where), where)
        word = reader.take()[1]
        if word in TYPES:
            symbol.type = word
            if reader.peek()[0] == "str":
                reader.take()
                own["prompts"].append((reader.condition(),))
        elif word.startswith("def_"):
            symbol.type = word[4:]
            own["defaults"].append((reader.expression(), reader.condition()))
        elif word == "prompt":
            reader.take()
            own["prompts"].append((reader.condition(),))
        elif word == "default":
            own["defaults"].append((reader.expression(), reader.condition()))
        elif word == "depends":
            reader.take("word", "on")
            own["depends"] = both(own["depends"], reader.expression())
        elif word in ("select", "imply"):
            own["selects"].append((reader.take()[1], reader.condition(), word == "imply"))
        elif word == "range":
            own["ranges"].append((reader.take(), reader.take(), reader.condition()))
        elif word not in ("option", "visible", "warning", "set"):
            raise Fault(f"{where}: not understood: {text}")


# ---- values ---------------------------------------------------------------------------------------------------------------


def number_of(text):
    try:
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return None


class Values:
    """What every symbol is worth, given what was set. Asked again and again until nothing changes: selects go backwards."""

    def __init__(self, tree, given):
        self.tree, self.given = tree, given
        self.values, self.busy, self.forced, self.implied = {}, set(), set(), set()
        for _ in range(len(tree.order) + 2):
            self.values = {}
            forced = {target for who, target, condition, weak in tree.selects if not weak and self.is_y(who) and self.holds(condition)}
            implied = {target for who, target, condition, weak in tree.selects if weak and self.is_y(who) and self.holds(condition)}
            if (forced, implied) == (self.forced, self.implied):
                break
            self.forced, self.implied = forced, implied
        self.values = {}

    def is_y(self, name):
        return self.value(name) == "y"

    def holds(self, expression):
        return expression is None or self.evaluate(expression) == "y"

    def term(self, token):
        kind, text = token
        if kind == "str" or text in ("y", "n") or number_of(text) is not None:
            return text
        return self.value(text) or ""

    def evaluate(self, expression):
        """A text; "y" and "n" for what is a condition."""
        operator = expression[0]
        if operator in ("word", "str"):
            return self.term(expression)
        if operator == "!":
            return "n" if self.evaluate(expression[1]) == "y" else "y"
        if operator in ("&&", "||"):
            left = self.evaluate(expression[1]) == "y"
            if left == (operator == "||"):
                return "y" if left else "n"
            return "y" if self.evaluate(expression[2]) == "y" else "n"
        left, right = self.term(expression[1]), self.term(expression[2])
        numbers = number_of(left), number_of(right)
        if None not in numbers:
            left, right = numbers
        elif operator in ("<", ">", "<=", ">="):
            return "n"
        if left in ("", "n") and right in ("", "n"):
            left = right = "n"
        return "y" if {"=": left == right, "!=": left != right, "<": left < right, ">": left > right, "<=": left <= right,
                       ">=": left >= right}[operator] else "n"

    def value(self, name):
        """None when the symbol has none: unknown and not given, or its conditions do not hold."""
        if name not in self.tree.symbols:
            return self.given.get(name)
        if name not in self.values:
            if name in self.busy:
                return None  # it depends on itself; the first look counts it as not set
            self.busy.add(name)
            self.values[name] = self._compute(self.tree.symbols[name])
            self.busy.discard(name)
        return self.values[name]

    def _compute(self, symbol):
        if symbol.choice:
            return "y" if self._chosen(symbol.choice) is symbol else "n"
        is_bool = symbol.type in ("bool", None)
        if is_bool and symbol.name in self.forced:
            return "y"
        if not any(self.holds(condition) for condition in symbol.depends):
            return "n" if is_bool else None
        if symbol.name in self.given and any(self.holds(row[0]) for row in symbol.prompts):
            return self._checked(symbol, self.given[symbol.name])
        for default, condition in symbol.defaults:
            if self.holds(condition):
                return self._checked(symbol, self.evaluate(default))
        if is_bool:
            return "y" if symbol.name in self.implied else "n"
        return {"int": "0", "hex": "0x0", "string": ""}[symbol.type]

    def _chosen(self, choice):
        if not self.holds(choice.depends):
            return None
        visible = [each for each in choice.members if any(self.holds(condition) for condition in each.depends)]
        given = [each for each in visible if self.given.get(each.name) == "y"]
        if given:
            return max(given, key=lambda each: list(self.given).index(each.name))
        for name, condition in choice.defaults:
            for each in visible:
                if each.name == name and self.holds(condition):
                    return each
        allowed = [each for each in visible if self.given.get(each.name) != "n"]
        return (allowed or visible or [None])[0]

    def _checked(self, symbol, value):
        if symbol.type in ("bool", None):
            return "y" if value == "y" else "n"
        if symbol.type == "string":
            return value
        number = number_of(value)
        if number is None:
            raise Fault(f"CONFIG_{symbol.name} is {value!r}, which is no number")
        for low, high, condition in symbol.ranges:
            bounds = number_of(self.term(low)), number_of(self.term(high))
            if self.holds(condition) and None not in bounds and not bounds[0] <= number <= bounds[1]:
                raise Fault(f"CONFIG_{symbol.name} is {value}, which is not in {bounds[0]} .. {bounds[1]}")
            if self.holds(condition):
                break
        return hex(number) if symbol.type == "hex" else str(number)


# ---- what was set, and what comes out -------------------------------------------------------------------------------------


def read_settings(path):
    """[(name, value)] of lines CONFIG_X=value and "# CONFIG_X is not set"; values without quotes."""
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        unset = re.fullmatch(r"#\s*CONFIG_(\w+) is not set", line)
        setting = re.fullmatch(r"CONFIG_(\w+)\s*=\s*(.*)", line)
        if unset:
            rows.append((unset.group(1), "n"))
        elif setting:
            rows.append((setting.group(1), unquoted(setting.group(2).strip())))
        elif line and not line.startswith("#"):
            raise Fault(f"{path}:{number}: not understood: {line}")
    return rows


def unquoted(text):
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', text)
    return Quoted(re.sub(r"\\(.)", r"\1", quoted.group(1))) if quoted else text


class Quoted(str):
    """A value that stood in quotes: a string, whatever it looks like."""


def type_of(name, value, tree):
    symbol = tree.symbols.get(name)
    if symbol:
        return symbol.type or "bool"
    if isinstance(value, Quoted):
        return "string"
    if value in ("y", "n"):
        return "bool"
    if number_of(value) is None:
        return "string"
    return "hex" if value.lower().startswith("0x") else "int"


def escaped(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def outputs(rows):
    """Texts of sdkconfig.h, sdkconfig.cmake and sdkconfig for [(name, type, value)]."""
    header = ["/* Made by kconfig.py from Kconfig files and sdkconfig.defaults. */", "#pragma once", ""]
    script, plain = [], []
    for name, kind, value in rows:
        if kind == "bool":
            if value == "y":
                header.append(f"#define CONFIG_{name} 1")
            script.append(f'set(CONFIG_{name} "{value if value == "y" else ""}")')
            plain.append(f"CONFIG_{name}=y" if value == "y" else f"# CONFIG_{name} is not set")
        elif kind == "string":
            header.append(f'#define CONFIG_{name} "{escaped(value)}"')
            script.append(f"set(CONFIG_{name} [==[{value}]==])")
            plain.append(f'CONFIG_{name}="{escaped(value)}"')
        else:
            header.append(f"#define CONFIG_{name} {value}")
            script.append(f'set(CONFIG_{name} "{value}")')
            plain.append(f"CONFIG_{name}={value}")
    return {"sdkconfig.h": header, "sdkconfig.cmake": script, "sdkconfig": plain}


def write_if_changed(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def configure(args):
    tree = Tree()
    parser = Parser(tree)
    for path in args.kconfig:
        parser.file(Path(path))
    given = {}
    settings = [row for path in [*args.defaults, *args.sdkconfig] for row in read_settings(path)]
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"(CONFIG_)?\w+", name):
            raise Fault(f"--set {text}: not NAME=VALUE")
        settings.append((name.removeprefix("CONFIG_"), unquoted(value)))
    for name, value in settings:
        given.pop(name, None)  # the place of the last one counts
        given[name] = value
    values = Values(tree, given)
    rows = [(name, values.value(name)) for name in tree.order] + [(n, v) for n, v in given.items() if n not in tree.symbols]
    rows = [(name, type_of(name, value, tree), value) for name, value in rows if value is not None]
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in outputs(rows).items():
        write_if_changed(folder / name, "\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("--kconfig", "--defaults", "--sdkconfig", "--set"):
        parser.add_argument(option, action="extend", nargs="*", default=[])
    parser.add_argument("--out", required=True)
    try:
        configure(parser.parse_args())
    except (Fault, OSError, UnicodeDecodeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
