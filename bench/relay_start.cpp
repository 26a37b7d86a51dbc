// Starts tserver-link as tserver does: relay_start FRAME PROGRAM NAME. This process becomes the link process;
// what stands in for tserver at the other end of its channel is a process of its own that is no child of it:
// it sends the frame of FRAME, reads whatever the link reports, pings it, and ends with it. Linked statically
// and without the project's libraries, so that it adds nothing to what is measured.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr int channel_descriptor = 3;  // control/channel.hpp
constexpr std::array<char, 5> ping{0, 0, 0, 0, 6};
constexpr int ping_every_ms = 5000;  // supervisor/child_state.hpp

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "relay_start: %s: %s\n", what, std::strerror(errno));
    _exit(1);
}

std::vector<char> content(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about {};
    if (file < 0 || fstat(file, &about) != 0) give_up(path);
    std::vector<char> out(static_cast<std::size_t>(about.st_size));
    if (read(file, out.data(), out.size()) != about.st_size) give_up(path);
    close(file);
    return out;
}

bool say(int channel, const char* from, std::size_t count) {
    return write(channel, from, count) == static_cast<ssize_t>(count);
}

[[noreturn]] void keep(int channel, const std::vector<char>& frame) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<char, 65536> reports{};
    bool good = say(channel, frame.data(), frame.size());
    while (good) {
        pollfd link{channel, POLLIN, 0};
        const int come = poll(&link, 1, ping_every_ms);
        good = come == 0 ? say(channel, ping.data(), ping.size())
                         : read(channel, reports.data(), reports.size()) > 0;
    }
    _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("relay_start FRAME PROGRAM NAME (bench/relay starts it)\n", stderr);
        return 2;
    }
    const auto frame = content(argv[1]);
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) give_up("socketpair");
    const pid_t between = fork();
    if (between < 0) give_up("fork");
    if (between == 0) {
        if (fork() != 0) _exit(0);
        setsid();
        close(ends[1]);
        for (int standard = 0; standard < 3; ++standard) close(standard);
        keep(ends[0], frame);
    }
    waitpid(between, nullptr, 0);
    if (ends[1] == channel_descriptor) {
        fcntl(ends[1], F_SETFD, 0);
    } else if (dup2(ends[1], channel_descriptor) < 0) {
        give_up("dup2");
    }
    fcntl(channel_descriptor, F_SETFL, O_NONBLOCK);
    execl(argv[2], argv[2], argv[3], static_cast<char*>(nullptr));
    give_up(argv[2]);
}
