#include "net/tls_failure.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace tserver::net {
namespace {

// RFC 8446, section 6, and RFC 5246, section 7.2.
enum : int {
    handshake_failure = 40,
    no_certificate = 41,
    bad_certificate = 42,
    unsupported_certificate = 43,
    certificate_revoked = 44,
    certificate_expired = 45,
    certificate_unknown = 46,
    unknown_ca = 48,
    access_denied = 49,
    protocol_version = 70,
    insufficient_security = 71,
    certificate_required = 116,
};

Fault cti_alert(int alert) {
    switch (alert) {
        case unknown_ca: return Fault::CTI_CLIENT_UNKNOWN_CA;
        case certificate_expired: return Fault::CTI_CLIENT_EXPIRED;
        case no_certificate:
        case bad_certificate:
        case unsupported_certificate:
        case certificate_revoked:
        case certificate_unknown:
        case access_denied:
        case certificate_required: return Fault::CTI_CLIENT_REJECTED;
        case protocol_version: return Fault::CTI_TLS_VERSION;
        case handshake_failure:
        case insufficient_security: return Fault::CTI_TLS_CIPHER;
        default: return Fault::CTI_TLS;
    }
}

Fault cti_fault(const TlsFailure& failure) {
    switch (failure.kind) {
        case Kind::closed:
        case Kind::reset: return Fault::CTI_CLOSED;
        case Kind::silent: return Fault::CTI_SILENT;
        case Kind::not_tls: return Fault::CTI_NOT_TLS;
        case Kind::version: return Fault::CTI_TLS_VERSION;
        case Kind::suite: return Fault::CTI_TLS_CIPHER;
        case Kind::alert:
            // With a suite agreed on and the server's certificate seen, only ours is left to be refused.
            if (failure.alert == handshake_failure && failure.agreed) return Fault::CTI_CLIENT_REJECTED;
            return cti_alert(failure.alert.value_or(0));
        case Kind::untrusted: return Fault::CTI_SERVER_UNTRUSTED;
        case Kind::authority_list: return Fault::TLS_PEER_CA_LIST;
        case Kind::dead: return Fault::CTI_DEAD_PEER;
        case Kind::renegotiation: return Fault::CTI_RENEGOTIATION;
        case Kind::chain_too_large:
        case Kind::other: return Fault::CTI_TLS;
    }
    return Fault::CTI_TLS;
}

Fault capf_fault(const TlsFailure& failure) {
    switch (failure.kind) {
        case Kind::closed:
        case Kind::reset:
        case Kind::dead: return Fault::CAPF_COMM;
        case Kind::silent: return Fault::CAPF_STALLED;
        case Kind::not_tls: return Fault::CAPF_PROTOCOL;
        case Kind::untrusted: return Fault::CAPF_TLS_UNTRUSTED;
        default: return Fault::CAPF_TLS_CIPHER;
    }
}

Error with_fault(const TlsFailure& failure, Fault fault) {
    if (failure.rejection) return *failure.rejection;
    auto detail = failure.detail;
    if (failure.agreed)
        detail += fmt::format("; {} {} had been agreed on", failure.agreed->version, failure.agreed->suite);
    return Error{fault, std::move(detail), {}};
}

}  // namespace

std::string alert_text(int alert) {
    constexpr std::array<std::pair<int, std::string_view>, 24> names{{
        {0, "close_notify"},         {10, "unexpected_message"},      {20, "bad_record_mac"},
        {22, "record_overflow"},     {40, "handshake_failure"},       {41, "no_certificate"},
        {42, "bad_certificate"},     {43, "unsupported_certificate"}, {44, "certificate_revoked"},
        {45, "certificate_expired"}, {46, "certificate_unknown"},     {47, "illegal_parameter"},
        {48, "unknown_ca"},          {49, "access_denied"},           {50, "decode_error"},
        {51, "decrypt_error"},       {70, "protocol_version"},        {71, "insufficient_security"},
        {80, "internal_error"},      {86, "inappropriate_fallback"},  {90, "user_canceled"},
        {100, "no_renegotiation"},   {112, "unrecognized_name"},      {116, "certificate_required"},
    }};
    for (const auto& [number, name] : names) {
        if (number == alert) return fmt::format("{} ({})", name, alert);
    }
    return fmt::format("alert {}", alert);
}

Error as_cti_error(const TlsFailure& failure) { return with_fault(failure, cti_fault(failure)); }
Error as_capf_error(const TlsFailure& failure) { return with_fault(failure, capf_fault(failure)); }

}  // namespace tserver::net
