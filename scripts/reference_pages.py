#!/usr/bin/env python3
"""Writes what only repeats tserverctl's own words: its manual page, that of the options, and the completion for bash.

    scripts/reference_pages.py TSERVERCTL            writes packaging/man/… and packaging/completion/tserverctl
    scripts/reference_pages.py TSERVERCTL --check    fails when one of them says something else than the program
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
TAKES = {"at_once": "at once", "link_reset": "at once; the link drops and reconnects", "restart": "after a restart of tserver"}


def ask(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=20).stdout


def roff(text):
    """Text as roff takes it: nothing in it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


# --- what the program says of itself ---------------------------------------------------------------------------------

class Command:
    """One command as its --help shows it."""

    def __init__(self, program, words):
        self.words = words
        lines = ask(program, *words, "--help").splitlines()
        self.summary = lines[0]
        self.usage = next(l for l in lines if l.startswith("Usage: ")).removeprefix("Usage: ")
        sections = {}
        for block in "\n".join(lines).split("\n\n"):
            head, _, body = block.partition("\n")
            sections[head.rstrip(":")] = self.entries(body) if head.endswith(":") else block
        self.options = sections.get("Options", [])
        self.positionals = sections.get("Positionals", [])
        self.subcommands = [name for name, _ in sections.get("Subcommands", [])]
        self.footer = [l for l in lines if l.startswith(("Example: ", "Exit: "))]
        self.children = [Command(program, [*words, name]) for name in self.subcommands]

    @staticmethod
    def entries(body):
        out = []
        for line in body.splitlines():
            if found := re.match(r"  (\S.*?)(?:\s{2,}(\S.*))?$", line):
                out.append([found[1], found[2] or ""])
            elif out:
                out[-1][1] = f"{out[-1][1]} {line.strip()}".strip()
        return out

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()

    def switches(self):
        return [s for head, _ in self.options for s in re.findall(r"--[\w-]+", head.split()[0])]


# --- pages -----------------------------------------------------------------------------------------------------------

HEAD = '.\\" Written by scripts/reference_pages.py from what tserverctl says of itself.\n'


def option_page(program):
    out = [HEAD, '.TH TSERVER.CONF 5 "" tserver "File formats"\n', ".SH NAME\ntserver.conf \\- options of tserver\n",
           ".SH SYNOPSIS\n.I /etc/tserver/tserver.conf\n", ".SH DESCRIPTION\n",
           roff("One INI file: sections [name], lines name = value, comments on lines of their own that begin with # or ;. "
                "A value is everything behind the = without the blanks around it; one pair of double quotes around a whole "
                "value is taken off. The file is UTF-8."), "\n.PP\n",
           roff("[TServer] names the links, [link-tls] holds what all links share, and each link has a section of its own. "
                "A file with a mistake is refused as a whole and running links are not touched. TLS is on for a link when "
                "every option marked so is set."), "\n.PP\n",
           roff("tserverctl config check FILE reads a file as tserver does; tserverctl config plan FILE says what taking it "
                "would do."), "\n"]
    section = None
    for option in json.loads(ask(program, "--json", "config", "explain"))["options"]:
        if option["section"] != section:
            section = option["section"]
            out.append(f".SH {roff(section).upper() if not section.startswith('[') else roff(section)}\n")
        out += [f".TP\n.B {roff(option['name'])} = \\fI{roff(option['type'])}\\fR\n", roff(option["help"]), "\n.br\n"]
        default = f"Default: {option['default']}. " if option["default"] else "Not set by default. "
        needed = "Needed for TLS. " if option["needed_for_tls"] else ""
        out.append(roff(f"{default}{needed}A change counts {TAKES[option['takes_effect']]}. Example: {option['example']}") + "\n")
    out.append(".SH SEE ALSO\n.BR tserver (8),\n.BR tserverctl (8)\n")
    return "".join(out)


def command_page(top):
    out = [HEAD, '.TH TSERVERCTL 8 "" tserver "System administration"\n',
           ".SH NAME\ntserverctl \\- look at and control a running tserver, and the files it works with\n",
           ".SH SYNOPSIS\n.B tserverctl\n[\\fIoptions\\fR] \\fIcommand\\fR\n", ".SH OPTIONS\n"]
    out += [f".TP\n.B {roff(head)}\n{roff(text)}\n" for head, text in top.options]
    out.append(".SH COMMANDS\n")
    for command in top.all():
        if command.children:
            continue
        out.append(f".SS {roff(command.usage)}\n{roff(command.summary)}\n")
        own = [e for e in command.options if "--help" not in e[0]]
        out += [f".TP\n.B {roff(head)}\n{roff(text)}\n" for head, text in command.positionals + own]
        out += [f".PP\n{roff(line)}\n" for line in command.footer]
    out.append(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nSet: no colours, on a terminal either.\n")
    out.append(".SH SEE ALSO\n.BR tserver (8),\n.BR tserver.conf (5)\n")
    return "".join(out)


COMPLETION = '''# Completion of tserverctl for bash; written by scripts/reference_pages.py from the program's own help.

_tserverctl_links() {
    # The names of the links, if tserver answers.
    tserverctl --json status 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d '"' -f 4
}

_tserverctl() {
    local word=${COMP_WORDS[COMP_CWORD]} path="" i choices
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --control|--config|--path|--*-file|--out|--held|--after|--run|--link) ((i++)) ;;
            -*) ;;
            *) case " $path${path:+ }${COMP_WORDS[i]}" in
%(deeper)s
               esac ;;
        esac
    done
    case ${COMP_WORDS[COMP_CWORD-1]} in
        --control|--config|--path|--*-file|--out|--held)
            mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        --link)
            mapfile -t COMPREPLY < <(compgen -W "$(_tserverctl_links)" -- "$word"); return ;;
    esac
    case $path in
%(choices)s
    esac
    case $word in
        -*) ;;
        *) case $path in
%(arguments)s
           esac ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -F _tserverctl tserverctl
'''


def completion(top):
    deeper, choices, arguments = [], [], []
    shared = top.switches()
    for command in top.all():
        path = " ".join(command.words)
        if path:
            deeper.append(f'                   " {path}") path="{path}" ;;')
        words = command.subcommands + command.switches()
        words += [s for s in shared if s not in words and s != "--version"]
        choices.append(f'        "{path}") choices="{" ".join(words)}" ;;')
        names = " ".join(head.split()[0] for head, _ in command.positionals)
        if re.search(r"\b(NAME|LINK)\b", names):
            arguments.append(f'               "{path}") choices="$(_tserverctl_links)" ;;')
        elif re.search(r"\b(FILE|OLD|NEW)\b", names):
            arguments.append(f'               "{path}") mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;')
        elif "OPTION" in names:
            arguments.append(f'               "{path}") choices="$(tserverctl --json config explain | grep -o \'"name":"[^"]*"\' '
                             '| cut -d \'"\' -f 4)" ;;')
    return COMPLETION % {"deeper": "\n".join(deeper), "choices": "\n".join(choices), "arguments": "\n".join(arguments)}


def main():
    program, check = sys.argv[1], "--check" in sys.argv[2:]
    top = Command(program, [])
    wanted = {PACKAGING / "man/tserver.conf.5": option_page(program), PACKAGING / "man/tserverctl.8": command_page(top),
              PACKAGING / "completion/tserverctl": completion(top)}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not what the program says: scripts/reference_pages.py {program}")
        else:
            path.write_text(wanted[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
