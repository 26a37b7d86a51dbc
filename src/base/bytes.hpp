// Octets, and reading and writing big-endian protocol fields without ever leaving the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tserver {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

/// Lower-case hex, no separators.
std::string hex(ByteView bytes);
/// "AB:CD:…", upper case: how CUCM and openssl print fingerprints.
std::string hex_pairs(ByteView bytes);
/// Accepts upper and lower case, and ':' or blanks between pairs; nothing for anything else.
std::optional<Bytes> from_hex(std::string_view text);

/// Reads big-endian fields from the front. A read past the end gives nothing and moves nothing.
class Reader {
public:
    explicit Reader(ByteView bytes) : bytes_{bytes} {}

    [[nodiscard]] std::size_t offset() const noexcept { return at_; }  ///< octets consumed
    [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }
    [[nodiscard]] bool done() const noexcept { return left() == 0; }

    std::optional<std::uint8_t> u8() noexcept { return number<std::uint8_t>(); }
    std::optional<std::uint16_t> u16() noexcept { return number<std::uint16_t>(); }
    std::optional<std::uint32_t> u32() noexcept { return number<std::uint32_t>(); }
    std::optional<ByteView> take(std::size_t count) noexcept {
        if (left() < count) return std::nullopt;
        const auto out = bytes_.subspan(at_, count);
        at_ += count;
        return out;
    }
    [[nodiscard]] std::optional<std::uint8_t> peek() const noexcept {
        return done() ? std::nullopt : std::optional{bytes_[at_]};
    }

private:
    template <class T>
    std::optional<T> number() noexcept {
        const auto octets = take(sizeof(T));
        if (!octets) return std::nullopt;
        std::uint32_t value = 0;
        for (const auto octet : *octets) value = value << 8U | octet;
        return static_cast<T>(value);
    }

    ByteView bytes_;
    std::size_t at_ = 0;
};

/// Appends big-endian fields.
class Writer {
public:
    /// Makes room, so that what is written up to `size` octets never moves.
    Writer& reserve(std::size_t size) {
        out_.reserve(size);
        return *this;
    }
    Writer& u8(std::uint8_t v) { return number(v, 1); }
    Writer& u16(std::uint16_t v) { return number(v, 2); }
    Writer& u32(std::uint32_t v) { return number(v, 4); }
    Writer& bytes(ByteView v) {
        out_.insert(out_.end(), v.begin(), v.end());
        return *this;
    }
    Writer& text(std::string_view v) { return bytes(as_bytes(v)); }
    [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
    [[nodiscard]] const Bytes& view() const noexcept { return out_; }
    Bytes take() { return std::move(out_); }

private:
    Writer& number(std::uint32_t v, int octets) {
        for (int i = octets - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
        return *this;
    }
    Bytes out_;
};

}  // namespace tserver
