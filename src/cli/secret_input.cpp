#include "cli/secret_input.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "os/fd.hpp"

namespace tserver::cli {

namespace {

constexpr std::size_t most = 4096;

/// Reads one line octet by octet, so that nothing behind it is taken from the stream.
Result<Secret> line_from(int descriptor, const std::string& name) {
    std::string text;
    text.reserve(most);  // never grows, so no copy stays behind
    for (;;) {
        char octet = 0;
        const auto got = ::read(descriptor, &octet, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return os::failed(name, errno, Fault::UNREADABLE);
        if (got == 0 || octet == '\n') break;
        if (text.size() == most) return fail(Fault::UNREADABLE, name + ": the line is too long");
        text += octet;
    }
    if (text.ends_with('\r')) text.pop_back();
    Secret out{text};
    wipe(text);
    return out;
}

/// Switches the echo of the terminal off, and back on whatever happens in between.
class Quiet {
public:
    explicit Quiet(int terminal) : terminal_{terminal} {
        ::tcgetattr(terminal_, &before_);
        auto quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(terminal_, TCSAFLUSH, &quiet);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() { ::tcsetattr(terminal_, TCSAFLUSH, &before_); }

private:
    int terminal_;
    termios before_{};
};

Result<Secret> ask(std::string_view prompt) {
    const os::Fd terminal{::open("/dev/tty", O_RDWR | O_CLOEXEC)};
    if (!terminal)
        return fail(Fault::USAGE, "there is no terminal to ask on: give a file, or - for standard input");
    const auto say = [&](std::string_view text) {
        [[maybe_unused]] const auto written = ::write(terminal.get(), text.data(), text.size());
    };
    say(prompt);
    const Quiet quiet{terminal.get()};
    auto out = line_from(terminal.get(), "/dev/tty");
    say("\n");
    return out;
}

}  // namespace

Result<Secret> read_secret(std::string_view prompt, const std::optional<std::string>& source) {
    if (!source) return ask(prompt);
    if (*source == "-") return line_from(STDIN_FILENO, "standard input");
    const os::Fd file{::open(source->c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return os::failed(*source, errno, Fault::UNREADABLE);
    return line_from(file.get(), *source);
}

}  // namespace tserver::cli
