# Promise: `tserverctl status --watch` shows every change while it happens: on a terminal in place and in colours, elsewhere as
# plain text that is written anew only when it changes; it outlives tserver and says that it is gone.
# Could break: a screen that is cleared into a pipe, colours in a file, an end with the first lost connection.
import os
import pty
import re
import signal
import subprocess
import unittest

from harness import PROGRAMS, Site, wait_for

CLEAR = "\x1b[H\x1b[2J"


class Watch(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=1))
        self.site.start_cluster()
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")
        self.text = ""

    def watch(self, output, *arguments, **environment):
        process = subprocess.Popen([PROGRAMS / "tserverctl", "--control", self.site.control, *arguments, "status", "--watch"],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   env=os.environ | {"TERM": "xterm"} | environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def shows(self, descriptor, pattern):
        os.set_blocking(descriptor, False)

        def look():
            try:
                self.text += os.read(descriptor, 1 << 16).decode()
            except BlockingIOError:
                pass
            return re.search(pattern, self.text)
        return wait_for(f"{pattern!r} is shown", look, 15)

    def on_a_terminal(self, **environment):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self.watch(theirs, **environment)
        os.close(theirs)
        return ours, process

    def test_on_a_terminal_it_is_redrawn_in_place_and_in_colours(self):
        screen, process = self.on_a_terminal()
        self.shows(screen, r"link-tls-1  \x1b\[33mplain\x1b\[0m")
        self.assertTrue(self.text.startswith(CLEAR))
        self.site.ctl("link", "stop", "link-tls-1")
        self.shows(screen, r"\x1b\[31mstopped\x1b\[0m")
        self.site.stop_tserver()
        self.shows(screen, r"DAEMON_UNREACHABLE.*tried again every second")
        self.site.start_tserver()
        self.shows(screen, r"DAEMON_UNREACHABLE(?s:.*)plain")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5), -signal.SIGINT)

    def test_no_colours_where_they_are_not_wanted(self):
        screen, _ = self.on_a_terminal(NO_COLOR="1")
        self.shows(screen, "link-tls-1  plain")
        self.assertEqual(set(re.findall(r"\x1b\[\d*[A-Za-z]", self.text)), {"\x1b[H", "\x1b[2J"})

    def test_into_a_pipe_it_is_plain_and_ends_with_its_reader(self):
        process = self.watch(subprocess.PIPE)
        pipe = process.stdout.fileno()
        self.shows(pipe, "link-tls-1  plain")
        self.site.ctl("link", "stop", "link-tls-1")
        self.shows(pipe, "link-tls-1  stopped")
        self.assertNotIn("\x1b", self.text)
        process.stdout.close()
        self.site.ctl("link", "start", "link-tls-1")
        wait_for("it has ended", lambda: process.poll() is not None, 15)

    def test_for_a_program_each_line_is_a_status(self):
        process = self.watch(subprocess.PIPE, "--json")
        self.shows(process.stdout.fileno(), r'"state":"plain".*\n')
        self.site.ctl("link", "stop", "link-tls-1")
        self.shows(process.stdout.fileno(), r'"state":"stopped".*\n')
        process.kill()
        process.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
