#include "cli/trust_print.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tserver::cli {
namespace {

namespace json = boost::json;

/// Of the signature; while that is not verified, what the header says.
std::string digest_text(const CheckedList& checked) {
    if (checked.verified) return std::string{crypto::name(checked.verified->digest)};
    switch (checked.list.header.digest_code) {
        case 1: return "SHA-1";
        case 2: return "SHA-256";
        case 3: return "SHA-512";
        default: return fmt::format("code {}", checked.list.header.digest_code);
    }
}

std::string key_text(const trust::Record& record) {
    if (!record.certificate) return {};
    const auto key = record.certificate->public_key();
    return key ? key->text() : std::string{};
}

json::value hash_json(const trust::Record& record) {
    if (!record.hash) return nullptr;
    return json::object{{"digest", crypto::name(record.hash->digest)}, {"value", hex(record.hash->value)}};
}

json::object record_json(const trust::Record& record, Instant now) {
    const auto& certificate = record.certificate;
    json::object out{{"index", record.index},
                     {"offset", record.offset},
                     {"roles", json::array{json::string{trust::role_name(record.role)}}},
                     {"subject", text_json(record.subject())},
                     {"issuer", text_json(record.issuer())},
                     {"serial", text_json(record.serial_text())},
                     {"sha256", text_json(certificate ? certificate->sha256() : "")},
                     {"sha1", text_json(certificate ? certificate->sha1() : "")},
                     {"key", text_json(key_text(record))},
                     {"dns", text_json(record.dns)},
                     {"address", text_json(record.address)},
                     {"not_before", nullptr},
                     {"not_after", nullptr},
                     {"days_left", nullptr},
                     {"hash", hash_json(record)},
                     {"error", text_json(record.error)}};
    if (certificate) {
        out["not_before"] = rfc3339(certificate->not_before());
        out["not_after"] = rfc3339(certificate->not_after());
        out["days_left"] = days_until(certificate->not_after(), now);
    }
    return out;
}

std::string days_text(long days) {
    if (days < 0) return fmt::format("EXPIRED {} days ago", -days);
    return fmt::format("{} days left{}", days, days <= 30 ? " !" : "");
}

/// "192.0.2.10 (cucm-pub)"; the address 0.0.0.0 of a token says nothing.
std::string host_text(const trust::Record& record) {
    auto address = record.address == "0.0.0.0" ? std::string{} : record.address;
    if (record.dns.empty() || record.dns == address) return address;
    return address.empty() ? record.dns : fmt::format("{} ({})", address, record.dns);
}

void print_row(std::ostream& out, std::string_view what, const std::string& text) {
    if (!text.empty()) out << fmt::format("      {:<9}{}\n", what, text);
}

void print_record(std::ostream& out, const trust::Record& record, Instant now) {
    const auto& certificate = record.certificate;
    auto line = fmt::format("{:>4}  {:<11}", record.index, trust::role_name(record.role));
    if (certificate)
        line += fmt::format("{:<10}{} to {}  {}", key_text(record), rfc3339(certificate->not_before()),
                            rfc3339(certificate->not_after()),
                            days_text(days_until(certificate->not_after(), now)));
    else if (record.hash)
        line += "hash of a certificate only";
    else
        line += "no certificate";
    out << line << '\n';
    print_row(out, "subject", record.subject());
    const bool self_issued = !record.issuer().empty() && record.issuer() == record.subject();
    print_row(out, "issuer", self_issued ? "itself" : record.issuer());
    print_row(out, "serial", record.serial_text());
    print_row(out, "SHA-256", certificate ? certificate->sha256() : std::string{});
    print_row(out, "SHA-1", certificate ? certificate->sha1() : std::string{});
    if (record.hash) print_row(out, crypto::name(record.hash->digest), hex(record.hash->value));
    print_row(out, "address", host_text(record));
    print_row(out, "error", record.error);
}

}  // namespace

json::value reason_json(const std::optional<Error>& error) {
    if (!error) return nullptr;
    return json::object{
        {"fault", id(error->fault)}, {"detail", error->detail}, {"action", row(error->fault).action}};
}

// Parentheses: braces around a json::value make an array.
json::value time_json(const std::optional<Instant>& when) {
    return when ? json::value(rfc3339(*when)) : json::value(nullptr);
}

json::value text_json(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object head_json(const CheckedList& checked) {
    const auto& list = checked.list;
    const auto& header = list.header;
    json::value by = nullptr;
    if (checked.verified) by = checked.by_held ? "held" : "self";
    json::array warnings;
    for (const auto& warning : checked.warnings) warnings.emplace_back(warning);
    return json::object{
        {"file", checked.file},
        {"format", list.format()},
        {"version", header.version()},
        {"size", list.octets.size()},
        {"filename", text_json(header.filename)},
        {"sha256", list.sha256()},
        {"sha1", list.sha1()},
        {"md5", list.md5()},
        {"signer",
         json::object{{"name", header.signer_name},
                      {"issuer", header.signer_issuer},
                      {"serial", header.serial_text()},
                      {"sha256", text_json(checked.verified ? checked.verified->signer_sha256 : "")}}},
        {"digest", digest_text(checked)},
        {"timestamp", time_json(header.timestamp)},
        {"verified", checked.verified.has_value()},
        {"verified_by", by},
        {"reason", reason_json(checked.refusal)},
        {"warnings", std::move(warnings)}};
}

json::array records_json(const trust::List& list, Instant now) {
    json::array out;
    for (const auto& record : list.records) out.push_back(record_json(record, now));
    return out;
}

void print_head(std::ostream& out, const CheckedList& checked) {
    const auto& list = checked.list;
    const auto& header = list.header;
    out << fmt::format("{}: {} {}, {} octets, {} records\n", checked.file, list.format(), header.version(),
                       list.octets.size(), list.records.size());
    print_row(out, "signed", header.timestamp ? rfc3339(*header.timestamp) : "at an unknown time");
    print_row(out, "signer", header.signer_name);
    print_row(out, "serial", header.serial_text());
    print_row(out, "digest", digest_text(checked));
    print_row(out, "SHA-256", list.sha256());
    print_row(out, "SHA-1", list.sha1());
    print_row(out, "MD5", list.md5());
}

void print_verdict(std::ostream& out, const CheckedList& checked) {
    if (checked.refusal) {
        out << fmt::format("NOT VERIFIED: {}\n  action: {}\n", checked.refusal->text(),
                           row(checked.refusal->fault).action);
    } else if (checked.by_held) {
        out << fmt::format("verified by record {} of the held list: {}, SHA-256 {}\n",
                           checked.verified->record, checked.verified->signer,
                           checked.verified->signer_sha256);
    } else {
        out << fmt::format(
            "verified by its own record {}: {}, SHA-256 {}\n"
            "  This shows that the file is whole. Whether it is your cluster's, `show ctl` on the publisher "
            "shows:\n"
            "  compare its checksums with those above, or verify with --held OLD against a list you trust.\n",
            checked.verified->record, checked.verified->signer, checked.verified->signer_sha256);
    }
    for (const auto& warning : checked.warnings) out << fmt::format("warning: {}\n", warning);
}

void print_records(std::ostream& out, const trust::List& list, Instant now) {
    for (const auto& record : list.records) print_record(out, record, now);
}

}  // namespace tserver::cli
