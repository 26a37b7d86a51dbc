# Promise: with log-file the lines of tserver and of its link processes go to that file. One that was renamed or removed is made
# anew without a word of anybody, and at once with SIGUSR1, and the next lines of every process land in it (F76). A file that
# cannot be opened stops nobody: the log stays where it was, the status says so, and it is tried again.
# Could break: a process that keeps the renamed file, a link process that may not open files, a reload that forgets the links.
import os
import signal
import unittest

from harness import Site, exchange, wait_for

OPENED, APPLICATION_CAME, RELOADED = " 24011 ", " 24305 ", r" 2400[45] configuration (taken|refused) "


class LogFile(unittest.TestCase):
    def setUp(self):
        self.site = site = self.enterContext(Site(links=2))
        site.start_cluster()
        self.folder = site.directory / "log"
        self.folder.mkdir()
        self.file = self.folder / "tserver.log"
        self.options = site.options(tls=False)
        self.options["TServer"]["log-file"] = self.file
        site.start_tserver(self.options)
        site.wait_up("plain")

    def text(self, file=None):
        file = file or self.file
        return file.read_text() if file.exists() else ""

    def everybody_writes_to(self, file, not_to=None):
        """tserver and both link processes have a new line there, and nowhere else."""
        old = self.text(not_to) if not_to else ""
        before = self.text(file)
        for n in (1, 2):
            with self.site.application(n) as application:
                self.assertEqual(exchange(application, b"x"), b"x")
            wait_for(f"link {n} writes to {file.name}", lambda n=n: any(
                APPLICATION_CAME in line and f"link=link-tls-{n} " in line
                for line in self.text(file)[len(before):].splitlines()), 10)
        self.site.ctl("reload")
        self.assertRegex(self.text(file)[len(before):], RELOADED)
        if not_to:
            self.assertEqual(self.text(not_to), old)

    def rotated(self):
        """The file under another name, as logrotate does, and nobody is told."""
        old = self.file.with_name(f"tserver.log.{len(list(self.folder.iterdir()))}")
        self.file.rename(old)
        return old

    def test_F76_a_renamed_file_is_left_by_every_process_without_a_signal(self):
        self.everybody_writes_to(self.file)
        pids = self.site.link_processes()
        for _ in range(3):
            old = self.rotated()
            wait_for("a new file", lambda: OPENED in self.text(), 10)
            self.everybody_writes_to(self.file, not_to=old)
        self.file.unlink()
        wait_for("a new file", lambda: OPENED in self.text(), 10)
        self.everybody_writes_to(self.file)
        self.assertEqual(self.site.link_processes(), pids)
        self.assertNotIn(" 24001 ", self.site.log(), "standard error has nothing of it")

    def test_F76_the_signal_opens_it_anew_also_where_it_has_its_name(self):
        before = self.text().count(OPENED)
        self.site.tserver.signal(signal.SIGUSR1)
        wait_for("it is opened again", lambda: self.text().count(OPENED) == before + 1, 10)
        old = self.rotated()
        self.site.tserver.signal(signal.SIGUSR1)
        wait_for("a new file", lambda: OPENED in self.text(), 10)
        self.everybody_writes_to(self.file, not_to=old)
        self.assertEqual(self.site.status()["generation"], 2, "a reload is something else")

    def test_F76_a_link_process_that_starts_later_writes_there_too(self):
        old = self.rotated()
        wait_for("a new file", lambda: OPENED in self.text(), 10)
        os.kill(self.site.link_processes()["link-tls-1"], signal.SIGKILL)
        self.site.wait("link 1 is back", lambda s: s["links"][0]["restarts"] == 1 and s["links"][0]["state"] == "plain")
        self.everybody_writes_to(self.file, not_to=old)

    def test_another_file_counts_at_once_and_for_all(self):
        other = self.folder / "other.log"
        self.options["TServer"]["log-file"] = other
        self.site.write(self.options)
        wait_for("the other file", lambda: OPENED in self.text(other), 10)
        self.everybody_writes_to(other, not_to=self.file)
        del self.options["TServer"]["log-file"]
        self.site.write(self.options)
        wait_for("standard error again", lambda: OPENED in self.site.log(), 10)
        self.everybody_writes_to(self.site.directory / "tserver.log", not_to=other)

    def test_a_file_that_cannot_be_opened_stops_nobody_and_is_named(self):
        self.assertEqual(self.site.ctl("status", "--check")[0], 0)
        old = self.rotated()
        self.file.mkdir()
        status = self.site.wait("a note", lambda s: s["notes"], 10)
        self.assertRegex(status["notes"][0], r"log file cannot be opened.*tserver\.log: Is a directory")
        code, out, _ = self.site.ctl("status", "--check")
        self.assertEqual((code, out.count("log file cannot be opened")), (1, 1))
        self.assertIn("! tserver: the log file cannot be opened", self.site.ctl("status")[1])
        self.everybody_writes_to(old)
        self.file.rmdir()
        wait_for("the file", lambda: OPENED in self.text(), 10)
        self.everybody_writes_to(self.file, not_to=old)
        self.assertEqual(self.site.ctl("status", "--check")[0], 0)

    def test_a_directory_that_is_not_there_is_refused_before_anything_changes(self):
        self.options["TServer"]["log-file"] = self.folder / "missing" / "tserver.log"
        self.site.write(self.options)
        code, _, errors = self.site.ctl("reload")
        self.assertEqual(code, 2)
        self.assertRegex(errors, r"tserver\.conf:\d+: log-file: .*missing")
        self.everybody_writes_to_after_refusal()

    def everybody_writes_to_after_refusal(self):
        self.options["TServer"]["log-file"] = self.file
        self.site.write(self.options)
        self.everybody_writes_to(self.file)

    def test_a_fifo_in_its_place_does_not_hang_tserver(self):
        self.file.unlink()
        os.mkfifo(self.file)
        self.site.wait("a note", lambda s: s["notes"], 10)
        self.assertEqual(self.site.ctl("status")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
