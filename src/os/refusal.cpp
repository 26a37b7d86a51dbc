#include "os/refusal.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/text.hpp"

namespace tserver::os {
namespace {

namespace fs = std::filesystem;

bool below(const std::string& path, std::string_view directory) {
    return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool in_group(gid_t group) {
    if (group == ::getegid()) return true;
    std::vector<gid_t> all(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    const int count = ::getgroups(static_cast<int>(all.size()), all.data());
    all.resize(static_cast<std::size_t>(std::max(count, 0)));
    return std::ranges::find(all, group) != all.end();
}

/// @param wanted  permission bits of one class, as S_IRWXO has them
bool lets_us(const struct stat& about, unsigned wanted) {
    const unsigned shift = about.st_uid == ::geteuid() ? 6 : in_group(about.st_gid) ? 3 : 0;
    return ((about.st_mode >> shift) & wanted) == wanted;
}

bool modes_permit(const fs::path& there, Wanted wanted) {
    struct stat about {};
    for (auto above = there.parent_path();; above = above.parent_path()) {
        if (::stat(above.c_str(), &about) != 0 || !lets_us(about, S_IXOTH)) return false;
        if (above == above.parent_path()) break;
    }
    if (::stat(there.c_str(), &about) != 0) return false;
    unsigned bits = wanted == Wanted::to_write ? S_IWOTH : S_IROTH;
    if (S_ISDIR(about.st_mode)) bits |= S_IXOTH;
    return lets_us(about, bits);
}

std::string label_of(const std::string& path) {
    std::array<char, 256> label{};
    const auto length = ::getxattr(path.c_str(), "security.selinux", label.data(), label.size());
    if (length <= 0) return {};
    std::string out{label.data(), static_cast<std::size_t>(length)};
    out.resize(std::min(out.size(), out.find('\0')));
    return out;
}

std::string directory_of(const Refusal& refusal) {
    struct stat about {};
    const bool is_file = ::stat(refusal.there.c_str(), &about) == 0 && !S_ISDIR(about.st_mode);
    return is_file ? fs::path{refusal.there}.parent_path().string() : refusal.there;
}

/// What the unit hides or keeps from being written.
std::string unit_line(const Refusal& refusal) {
    for (const auto* home : {"/home", "/root", "/run/user"}) {
        if (below(refusal.path, home))
            return "ProtectHome=yes hides this directory from it: use another one, or set ProtectHome=no";
    }
    for (const auto* temporary : {"/tmp", "/var/tmp"}) {
        if (below(refusal.path, temporary) && refusal.error == ENOENT)
            return "PrivateTmp=yes gives it a directory of its own there: use another one, or set "
                   "PrivateTmp=no";
    }
    if (refusal.error != EROFS) return {};
    return fmt::format(
        "ProtectSystem=strict keeps it from writing there, unless the disk itself is read-only: set "
        "ReadWritePaths={}",
        escape(directory_of(refusal), 300));
}

}  // namespace

std::string hint(const Refusal& refusal) {
    if (refusal.in_unit) {
        if (const auto line = unit_line(refusal); !line.empty())
            return fmt::format("in the unit of tserver {} (`systemctl edit tserver`)", line);
    }
    if (refusal.error == EACCES && refusal.modes_permit && !refusal.label.empty()) {
        return fmt::format(
            "owner and modes permit it, so SELinux may not: the label of {0} is {1}; `ausearch -m avc -ts "
            "recent` shows "
            "the denial, `restorecon -Rv {0}` restores the label",
            escape(refusal.there, 300), escape(refusal.label, 200));
    }
    return {};
}

Refusal look_at_refusal(const std::string& path, int error, Wanted wanted) {
    Refusal out;
    out.path = path;
    out.error = error;
    out.in_unit = std::getenv("INVOCATION_ID") != nullptr;
    fs::path there{path};
    struct stat about {};
    while (::stat(there.c_str(), &about) != 0 && there.has_relative_path()) there = there.parent_path();
    out.there = there.string();
    out.modes_permit = modes_permit(there, wanted);
    out.label = label_of(out.there);
    return out;
}

std::string why_refused(const std::string& path, int error, Wanted wanted) {
    const bool worth_a_look = error == EACCES || error == EROFS || error == ENOENT;
    if (!worth_a_look || !path.starts_with('/')) return {};
    auto text = hint(look_at_refusal(path, error, wanted));
    return text.empty() ? text : "; " + text;
}

tl::unexpected<Error> refused_path(const std::string& path, int error, Fault otherwise) {
    auto out = failed(path, error, otherwise);
    out.value().detail += why_refused(path, error, Wanted::to_write);
    return out;
}

}  // namespace tserver::os
