#include "cli/trust_commands.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/trust_print.hpp"
#include "os/file.hpp"
#include "trust/parse.hpp"

namespace tserver::cli {
namespace {

namespace json = boost::json;

constexpr int exit_verified = 0;
constexpr int exit_different = 1;
constexpr int exit_unverified = 3;
constexpr int exit_unreadable = 4;

/// Why a file gave no list, and where in it, if it could be opened.
struct Unreadable {
    std::string file;  ///< escaped
    Error error;
    std::optional<std::size_t> offset;
};

tl::expected<trust::List, Unreadable> load(const std::string& path) {
    // The reader names the limit of a list; this larger one only keeps a wrong file out of memory.
    auto file = os::read_file(path, 16 * trust::file_limit);
    if (!file) return tl::unexpected<Unreadable>(Unreadable{escape(path), std::move(file).error(), {}});
    auto list = trust::read(*file);
    if (list) return *std::move(list);
    return tl::unexpected<Unreadable>(Unreadable{escape(path), list.error().error(), list.error().offset});
}

int refuse(std::ostream& out, std::ostream& err, const Unreadable& why, TrustFormat format) {
    if (format == TrustFormat::json) {
        json::value offset = nullptr;
        if (why.offset) offset = *why.offset;
        out << json::serialize(json::object{{"error", json::object{{"file", why.file},
                                                                   {"fault", id(why.error.fault)},
                                                                   {"detail", why.error.detail},
                                                                   {"offset", offset}}}})
            << '\n';
    } else {
        err << fmt::format("{}: {}\n  action: {}\n", why.file, why.error.text(), row(why.error.fault).action);
    }
    return exit_unreadable;
}

tl::expected<CheckedList, Unreadable> check(const TrustShow& request) {
    auto list = load(request.file);
    if (!list) return tl::unexpected<Unreadable>(std::move(list).error());
    std::optional<trust::List> held;
    if (request.held) {
        auto other = load(*request.held);
        if (!other) return tl::unexpected<Unreadable>(std::move(other).error());
        held = *std::move(other);
    }
    CheckedList out{escape(request.file), *std::move(list), {}, {}, held.has_value(), {}};
    out.warnings = out.list.warnings;
    auto verified = trust::verify(out.list, held ? *held : out.list);
    if (!verified) {
        out.refusal = std::move(verified).error();
        return out;
    }
    out.verified = *std::move(verified);
    for (auto& remark : trust::remarks(out.list, *out.verified, held ? &*held : nullptr, request.now))
        out.warnings.push_back(std::move(remark));
    return out;
}

int verdict(const CheckedList& checked) { return checked.verified ? exit_verified : exit_unverified; }

json::object side_json(const std::string& path, const trust::List& list) {
    return {
        {"file", escape(path)}, {"sha256", list.sha256()}, {"timestamp", time_json(list.header.timestamp)}};
}

std::string_view kind_text(trust::Change::Kind kind) {
    return kind == trust::Change::Kind::same_key ? "same_key" : trust::name(kind);
}

json::array changes_json(const trust::Diff& diff) {
    json::array out;
    for (const auto& change : diff.changes)
        out.push_back(json::object{{"kind", kind_text(change.kind)},
                                   {"role", trust::role_name(change.role)},
                                   {"subject", change.subject},
                                   {"old_serial", text_json(change.old_serial)},
                                   {"new_serial", text_json(change.new_serial)},
                                   {"old_sha256", text_json(change.old_sha256)},
                                   {"new_sha256", text_json(change.new_sha256)},
                                   {"not_after", time_json(change.not_after)}});
    return out;
}

}  // namespace

int trust_show(std::ostream& out, std::ostream& err, const TrustShow& request) {
    const auto checked = check(request);
    if (!checked) return refuse(out, err, checked.error(), request.format);
    if (request.format == TrustFormat::json) {
        auto answer = head_json(*checked);
        answer["records"] = records_json(checked->list, request.now);
        out << json::serialize(answer) << '\n';
    } else {
        print_head(out, *checked);
        print_records(out, checked->list, request.now);
        print_verdict(out, *checked);
    }
    return verdict(*checked);
}

int trust_verify(std::ostream& out, std::ostream& err, const TrustShow& request) {
    const auto checked = check(request);
    if (!checked) return refuse(out, err, checked.error(), request.format);
    if (request.format == TrustFormat::json)
        out << json::serialize(head_json(*checked)) << '\n';
    else
        print_verdict(out, *checked);
    return verdict(*checked);
}

int trust_diff(std::ostream& out, std::ostream& err, const TrustDiff& request) {
    const auto old_list = load(request.old_file);
    if (!old_list) return refuse(out, err, old_list.error(), request.format);
    const auto new_list = load(request.new_file);
    if (!new_list) return refuse(out, err, new_list.error(), request.format);
    const auto diff = trust::difference(*old_list, *new_list);
    const auto verified = trust::verify(*new_list, *old_list);
    const auto refusal = verified ? std::nullopt : std::optional{verified.error()};

    if (request.format == TrustFormat::json) {
        out << json::serialize(json::object{{"old", side_json(request.old_file, *old_list)},
                                            {"new", side_json(request.new_file, *new_list)},
                                            {"changes", changes_json(diff)},
                                            {"signer_changed", diff.signer_changed},
                                            {"summary", trust::summary(diff)},
                                            {"verified", verified.has_value()},
                                            {"reason", reason_json(refusal)}})
            << '\n';
    } else {
        for (const auto& change : diff.changes) out << trust::line(change) << '\n';
        out << trust::summary(diff) << '\n';
        if (refusal)
            out << fmt::format("who holds the old list does not take the new one: {}\n", refusal->text());
        else
            out << fmt::format("who holds the old list takes the new one: signed by its record {}, {}\n",
                               verified->record, verified->signer);
    }
    return diff.empty() ? exit_verified : exit_different;
}

}  // namespace tserver::cli
