// The JSON files of the store.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "store/code_memory.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"

namespace tserver::store {

/// meta.json of an identity: what the caller sees and what the store needs itself.
struct IdentityFile {
    IdentityMeta meta;
    std::string file_sha256;         ///< of identity.p12: tells damage from a wrong passphrase
    std::string certificate_sha256;  ///< of the DER
    std::string subject;
    Instant not_before;
    Instant not_after;
    std::vector<RememberedCode> codes;  ///< so that certificate and used code become durable in one step
};

struct ListFile {
    ListMeta meta;
    std::string file_sha256;  ///< of ctl.tlv
};

// Writing, and reading: @return STORE_DAMAGED (detail: the member that is missing or wrong)
std::string write_json(const IdentityFile& file);
std::string write_json(const ListFile& file);
std::string write_json(const std::vector<RememberedCode>& codes);
std::string write_json(const std::vector<Instant>& attempts);
Result<IdentityFile> read_identity_json(ByteView text);
Result<ListFile> read_list_json(ByteView text);
Result<std::vector<RememberedCode>> read_codes_json(ByteView text);
Result<std::vector<Instant>> read_attempts_json(ByteView text);

}  // namespace tserver::store
