"""Rules about names: what uses what, what a name means, where a public function is declared."""

import collections
import re
import subprocess

from tree import split_c

# Rooms in which no file may depend on itself by way of others.
WITHOUT_CIRCLES = ("coordinator/daemon/", "coordinator/report/")
TAG = re.compile(r"^[ \t]*(?:static |const |typedef )*(struct|union|enum) (\w+)\s*\{", re.M)
DECLARATION = re.compile(r"^(?!typedef\b)[A-Za-z_][^;{}()#]*?\b(locum_\w+)\(", re.M)
# Headers that speak for their whole room: their functions may bear the name of the room alone.
ROOM_HEADERS = {"coordinator/core/step.h"}
ROOM_NAMES = {"nsd-adapter": "nsd"}


def symbols(tree, sources):
    """({symbol: source that defines it}, {source: symbols that it uses})."""
    defined, used = {}, collections.defaultdict(set)
    for source, path in tree.objects(sources).items():
        run = subprocess.run(["nm", path], capture_output=True, text=True, check=True)
        for line in run.stdout.splitlines():
            *_, kind, symbol = line.split()
            if kind == "U":
                used[source].add(symbol)
            elif kind in "TDBRC":
                defined[symbol] = source
    return defined, used


def check_circles(tree):
    """no file of daemon/ or report/ depends on itself by way of others"""
    for room in WITHOUT_CIRCLES:
        defined, used = symbols(tree, tree.ending(".c", under=room))
        uses = collections.defaultdict(dict)  # {source: {source it uses: by which symbol}}
        for source in used:
            for symbol in sorted(used[source]):
                if defined.get(symbol, source) != source:
                    uses[source].setdefault(defined[symbol], symbol)
        for source in sorted(uses):
            way = way_back(source, uses)
            if way and not tree.excepted(source + ":circle"):
                steps = [f"{uses[a][b]}() of {b.rsplit('/', 1)[1]}" for a, b in zip(way, way[1:])]
                yield source, 1, "in a circle: calls " + ", which calls ".join(steps)


def way_back(start, uses):
    """The shortest way from a file over others to itself, or None."""
    seen, queue = set(), [[start]]
    for way in queue:
        for after in uses.get(way[-1], ()):
            if after == start:
                return [*way, start]
            if after not in seen:
                seen.add(after)
                queue.append([*way, after])
    return None


def check_tags(tree):
    """no tag of a struct, union or enum is defined twice"""
    first = {}
    for path in tree.programs(".c", ".h"):
        code = split_c(tree.text(path))[0]
        for match in TAG.finditer(code):
            place = f"{path}:{code[:match.start(1)].count(chr(10)) + 1}"
            if match.group(2) in first and not tree.excepted(f"{path}:{match.group(2)}"):
                yield (*place.split(":"), f"{match.group(1)} {match.group(2)} is already defined at "
                                          f"{first[match.group(2)]}; choose another name")
            first.setdefault(match.group(2), place)


def prefixes(path):
    """What the name of a function declared in this header may begin with."""
    room, stem = path.removesuffix(".h").split("/")[-2:]
    room = ROOM_NAMES.get(room, room)
    names = [stem, f"{room}_{stem}"]
    if stem in (room, "room") or path in ROOM_HEADERS:
        names.append(room)
    return ["locum_" + name for name in names]


def begins_with(name, prefix):
    """Whether the first words of a name are the prefix: nsd_conf_read begins with nsdconf."""
    words = name.split("_")
    return any("".join(words[:count]) == prefix.replace("_", "")
               for count in range(1, len(words) + 1))


def check_prefixes(tree):
    """a public function's name begins with its header's name"""
    for path in tree.programs(".h"):
        code = split_c(tree.text(path))[0]
        allowed = prefixes(path)
        for match in DECLARATION.finditer(code):
            name = match.group(1)
            if not any(begins_with(name, prefix) for prefix in allowed) and \
                    not tree.excepted(f"{path}:{name}"):
                yield path, code[:match.start(1)].count("\n") + 1, \
                    f"{name}(): its name should begin with {' or '.join(allowed)}"
