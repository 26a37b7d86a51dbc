#include "os/io.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace tserver::os {

Result<Bytes> read_all(const Fd& file, const std::string& path, std::size_t most, Fault otherwise) {
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return failed(path, errno, otherwise);
    if (!S_ISREG(about.st_mode)) return fail(otherwise, path + ": not a regular file");
    // Room for one octet more than is there, and than is allowed, shows a file that grows or is too large.
    constexpr std::size_t least = 4095;  // what /proc says of its files is 0
    Bytes out(std::min(most, std::max(least, static_cast<std::size_t>(about.st_size))) + 1);
    std::size_t filled = 0;
    for (;;) {
        if (filled > most) return fail(otherwise, fmt::format("{}: larger than {} octets", path, most));
        if (filled == out.size()) out.resize(std::min(most + 1, 2 * filled));
        const auto got = ::read(file.get(), out.data() + filled, out.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(path, errno, otherwise);
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    out.resize(filled);
    return out;
}

Result<void> write_all(const Fd& file, const std::string& path, ByteView content) {
    while (!content.empty()) {
        const auto written = ::write(file.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed(path, errno, Fault::STORE_IO);
        content = content.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace tserver::os
