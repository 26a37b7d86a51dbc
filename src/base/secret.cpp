#include "base/secret.hpp"

#include <cstring>

namespace tserver {

void wipe(std::span<std::uint8_t> octets) noexcept {
    if (!octets.empty()) explicit_bzero(octets.data(), octets.size());
}

void wipe(std::string& text) noexcept {
    if (!text.empty()) explicit_bzero(text.data(), text.size());
    text.clear();
}

namespace {
void wipe(std::vector<char>& octets) noexcept {
    if (!octets.empty()) explicit_bzero(octets.data(), octets.size());
    octets.clear();
}
}  // namespace

Secret::~Secret() { wipe(octets_); }

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        wipe(octets_);
        octets_ = other.octets_;
    }
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe(octets_);
        octets_ = std::move(other.octets_);
        other.octets_.clear();
    }
    return *this;
}

bool operator==(const Secret& a, const Secret& b) noexcept {
    if (a.octets_.size() != b.octets_.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.octets_.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(a.octets_[i]) ^
                                            static_cast<unsigned char>(b.octets_[i]));
    }
    return difference == 0;
}

}  // namespace tserver
