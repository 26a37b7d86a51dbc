#include "crypto/openssl.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <array>

namespace tserver::crypto {

KeyMemory lock_key_memory() {
    constexpr std::size_t octets = std::size_t{64} * 1024;
    constexpr std::size_t smallest = 32;
    switch (CRYPTO_secure_malloc_init(octets, smallest)) {
        case 1: return KeyMemory::locked;
        case 2: return KeyMemory::unlocked;
        default: return KeyMemory::ordinary;
    }
}

std::string drain_errors() {
    std::string out;
    const char* data = nullptr;
    int flags = 0;
    while (const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
        const char* reason = ERR_reason_error_string(code);
        if (!out.empty()) out += "; ";
        out += reason != nullptr ? reason : "error " + std::to_string(code);
        if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0')
            out += std::string{" ("} + data + ")";
    }
    return out.empty() ? "no reason given" : out;
}

}  // namespace tserver::crypto
