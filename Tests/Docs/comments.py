"""Names every declaration that another module may use and that has no doc comment: comments.py ROOT [MODULE...]

These are the `public` and `package` declarations of Sources, the requirements of such protocols, and the members of such extensions.
swift-format's AllPublicDeclarationsHaveDocumentation knows only `public`. Enum cases have the access of their type and are not looked at.
A comment in Sources or Tests must not begin with a pronoun that stands for its subject: it names the actor or the thing.
Each fault is printed as file:line. The exit is 1 where there is one, and where nothing is found to look at.
"""
import os
import re
import sys

KEYWORDS = r"func|var|let|init|subscript|struct|class|enum|protocol|actor|typealias|associatedtype|macro"
TYPES = ("struct", "class", "enum", "protocol", "actor", "extension")
MODIFIERS = (
    r"static|class|final|override|mutating|nonmutating|consuming|borrowing|nonisolated|isolated|indirect|lazy|weak|unowned|convenience|required"
    r"|dynamic|optional|prefix|postfix|infix|distributed|async|open|public|package|internal|fileprivate|private|__consuming")
ATTRIBUTE = re.compile(r"\s*@[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?\s*")
DECLARATION = re.compile(rf"((?:(?:{MODIFIERS})(?:\(\w+\))?\s+)*)({KEYWORDS}|extension)\b")
PRONOUN = re.compile(r"(?:^|\s)///? ?/? ?(?:MARK: )?(?:What|Who|Such)\b|(?:^|\s)///? .*\b(?:[Ww]hoever|[Nn]obody)\b")
OTHERS = re.compile(r"\b(?:internal|fileprivate|private)\b(?!\(set\))")


def blank(text):
    """The text with the content of its strings and comments as spaces, so that braces are code; a doc comment's `///` stays."""
    out, i, length = [], 0, len(text)
    # Of each string that is open: its closing quote, and, within an interpolation, the brackets that are open in it.
    strings = []

    def keep(upto):
        nonlocal i
        out.append("".join(c if c == "\n" else " " for c in text[i:upto]))
        i = upto

    while i < length:
        if strings and strings[-1][1] == 0:
            quote = strings[-1][0]
            hashes = quote.lstrip('"')
            if text.startswith(quote, i):
                keep(i + len(quote))
                strings.pop()
            elif text.startswith("\\" + hashes + "(", i):
                keep(i + 2 + len(hashes))
                strings[-1][1] = 1
            elif text.startswith("\\" + hashes, i):
                keep(i + 2 + len(hashes))
            else:
                keep(i + 1)
            continue
        if text.startswith("//", i):
            end = text.find("\n", i)
            end = length if end < 0 else end
            marker = "///" if text.startswith("///", i) else "   "[: end - i]
            out.append(marker + " " * (end - i - len(marker)))
            i = end
            continue
        if text.startswith("/*", i):
            end = text.find("*/", i)
            keep(length if end < 0 else end + 2)
            continue
        opening = re.compile(r'(#*)("""|")').match(text, i)
        if opening:
            strings.append([opening.group(2) + opening.group(1), 0])
            keep(opening.end())
            continue
        if strings:
            strings[-1][1] += {"(": 1, ")": -1}.get(text[i], 0)
            keep(i + 1)
            continue
        out.append(text[i])
        i += 1
    return "".join(out)


def is_visible(modifiers, by_scope):
    """Whether other modules see a declaration with these modifiers, in a scope whose members are seen unless they say otherwise."""
    if re.search(r"\b(?:public|package|open)\b(?!\()", modifiers):
        return True
    return by_scope and not OTHERS.search(modifiers)


def declarations(text):
    """(line from 1, declaration, whether it has a doc comment) of each that wants one."""
    lines = blank(text).split("\n")
    shown = text.split("\n")
    # The scopes that are open: whether what stands right in one can be used by other modules without saying so.
    scopes, brackets = [], 0
    # What the next brace opens, once a declaration's line is read.
    coming = False
    documented = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("///"):
            documented = True
            continue
        rest = line
        while attribute := ATTRIBUTE.match(rest):
            rest = rest[attribute.end():]
        rest = rest.strip()
        match = DECLARATION.match(rest) if brackets == 0 else None
        if match:
            keyword, is_shown = match.group(2), is_visible(match.group(1), bool(scopes) and scopes[-1])
            if is_shown and keyword != "extension":
                yield number, shown[number - 1].strip(), documented
            coming = is_shown and keyword in ("protocol", "extension")
            # A type with its members on one line, where no doc comment can stand.
            if keyword in TYPES and "{" in rest:
                for member in rest.partition("{")[2].split(";"):
                    inner = DECLARATION.match(member.strip())
                    if inner and inner.group(2) != "extension" and is_visible(inner.group(1), coming):
                        yield number, shown[number - 1].strip(), False
        # Attributes of their own line stand between a comment and its declaration; a blank line parts the two.
        if rest or not text:
            documented = False
        for character in line:
            if character == "{":
                scopes.append(coming and brackets == 0)
                coming = False
            elif character == "}" and scopes:
                scopes.pop()
            elif character in "([":
                brackets += 1
            elif character in ")]":
                brackets = max(0, brackets - 1)


def pronouns(root):
    """Prints the comments whose subject is a pronoun, and returns how many there are."""
    count = 0
    for top in ("Sources", "Tests"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".swift", ".c", ".h")):
                    continue
                with open(path, encoding="utf-8") as file:
                    for number, line in enumerate(file, 1):
                        if PRONOUN.search(line):
                            print(f"{os.path.relpath(path, root)}:{number}: name the actor or the thing: {line.strip()}")
                            count += 1
    return count


def main(root, modules):
    count = missing = 0
    for folder, _, names in sorted(os.walk(os.path.join(root, "Sources"))):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if not name.endswith(".swift") or (modules and path.split(os.sep)[1] not in modules):
                continue
            with open(os.path.join(root, path), encoding="utf-8") as file:
                for number, declaration, is_documented in declarations(file.read()):
                    count += 1
                    if not is_documented:
                        print(f"{path}:{number}: no doc comment: {declaration}")
                        missing += 1
    print(f"declarations that other modules may use: {count}, without a doc comment: {missing}")
    return 1 if pronouns(root) or missing or not count else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
