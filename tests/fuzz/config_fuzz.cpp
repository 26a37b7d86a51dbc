// links: config
// Property: a text is refused with at least one problem, or what it says can be shown, read again and handed
// over to a link without a change. An input that begins with
//   ;  is read from a file too ("r" behind it: of a mode that others may read; "c": by a check by hand): the
//      file is refused where the text is, and says the same but for the passphrase that it names;
//   octet 1  is a link's configuration as tserver-link gets it: refused, or the same when it is written
//   again.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "config/explain.hpp"
#include "config/plan.hpp"
#include "config/wire.hpp"

using namespace tserver;

namespace {

void require(bool held) {
    if (!held) std::abort();
}

/// A report can always be printed.
void check_problems(const config::Problems& problems) {
    require(!problems.empty());
    for (const auto& problem : problems) require(!invalid_utf8_at(problem.str()));
    const auto error = config::as_error(problems);
    require(error.fault == problems.front().fault && !invalid_utf8_at(error.detail));
}

void check_text(const config::Config& config) {
    const auto again = config::parse(config::show(config, config::Secrets::in_clear), "f");
    require(again && *again == config);
    require(config::plan(config, *again).changes.empty());
    for (const auto& link : config.links) {
        const auto handed = config::decode(as_bytes(config::encode(link).reveal()));
        require(handed && *handed == link);
    }
}

/// A file in memory.
class File {
public:
    File(std::string_view text, mode_t mode) : descriptor_{::memfd_create("config", MFD_CLOEXEC)} {
        require(::write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        require(::fchmod(descriptor_, mode) == 0);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(descriptor_); }

    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    int descriptor_;
};

void check_file(std::string_view text, const config::Checked<config::Config>& parsed) {
    const char kind = text.size() > 1 ? text[1] : ' ';
    ::setenv("CREDENTIALS_DIRECTORY", TSERVER_TEST_DATA "/credentials", 1);
    if (kind == 'c') ::unsetenv("CREDENTIALS_DIRECTORY");
    const File file{text, kind == 'r' ? 0644U : 0600U};
    auto loaded =
        config::load(file.path(), kind == 'c' ? config::Purpose::checking : config::Purpose::running);
    if (!loaded) return check_problems(loaded.error());
    require(parsed.has_value());
    for (auto& link : loaded->links) link.passphrase = parsed->link(link.name)->passphrase;
    require(*loaded == *parsed && loaded->warnings.size() >= parsed->warnings.size());
}

void check_octets(ByteView octets) {
    const auto link = config::decode(octets);
    if (!link) {
        require(!link.error().detail.empty());
        return;
    }
    const auto again = config::decode(as_bytes(config::encode(*link).reveal()));
    require(again && *again == *link);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 0 && data[0] == 1) check_octets({data, size});
    const auto text = as_text({data, size});
    const auto parsed = config::parse(text, "f");
    if (parsed) {
        check_text(*parsed);
    } else {
        check_problems(parsed.error());
    }
    if (text.starts_with(';')) check_file(text, parsed);
    return 0;
}
