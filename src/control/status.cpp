#include "control/status.hpp"

#include <array>
#include <boost/json.hpp>
#include <functional>

namespace tserver::control {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 8> state_names{"disabled",   "plain", "trust",   "enrolling",
                                                      "connecting", "up",    "waiting", "stopped"};
constexpr std::array<std::string_view, 3> trust_names{"none", "current", "kept"};
constexpr std::array<std::string_view, 2> closer_names{"application", "ctimanager"};

template <class E, std::size_t n>
std::optional<E> named(const std::array<std::string_view, n>& names, std::string_view text) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        if (names[i] == text) return static_cast<E>(i);
    }
    return std::nullopt;
}

// --- writing ---------------------------------------------------------------------------------------------

json::string view(std::string_view text) { return json::string(text.data(), text.size()); }

template <class T, class F>
json::value maybe(const std::optional<T>& value, F&& write) {
    return value ? json::value(write(*value)) : json::value(nullptr);
}

json::value time_or_null(const std::optional<Instant>& when) {
    return maybe(when, [](Instant t) { return view(rfc3339(t)); });
}

json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value(nullptr) : json::value(view(text));
}

json::array texts(const std::vector<std::string>& list) {
    json::array out;
    for (const auto& text : list) out.push_back(view(text));
    return out;
}

/// What a certificate is worth at a time: the last 30 days are worth a warning.
std::string_view validity(Instant not_before, Instant not_after, Instant now) {
    if (now < not_before) return "not yet valid";
    if (now >= not_after) return "expired";
    return days_until(not_after, now) < 30 ? "expiring" : "valid";
}

json::object to_json(const IdentityStatus& identity, Instant now) {
    return {{"not_before", rfc3339(identity.not_before)},
            {"not_after", rfc3339(identity.not_after)},
            {"sha256", identity.sha256},
            {"subject", identity.subject},
            {"days_left", days_until(identity.not_after, now)},
            {"validity", view(validity(identity.not_before, identity.not_after, now))}};
}

json::object to_json(const TrustStatus& trust, Instant now) {
    json::array certificates;
    for (const auto& certificate : trust.certificates) {
        certificates.push_back(json::object{{"subject", certificate.subject},
                                            {"roles", texts(certificate.roles)},
                                            {"not_after", rfc3339(certificate.not_after)},
                                            {"days_left", days_until(certificate.not_after, now)}});
    }
    return {{"state", view(text(trust.state))},     {"signer", text_or_null(trust.signer)},
            {"sha256", text_or_null(trust.sha256)}, {"fetched", time_or_null(trust.fetched)},
            {"unverified", trust.unverified},       {"certificates", std::move(certificates)}};
}

json::object half_closed(const HalfClosed& half) {
    return {{"by", view(text(half.by))}, {"since", rfc3339(half.since)}};
}

json::object to_json(const StepTimes& times) {
    const auto ms = [](std::chrono::milliseconds t) { return std::int64_t{t.count()}; };
    return {{"start_to_up_ms", maybe(times.start_to_up, ms)},
            {"trust_ms", maybe(times.trust, ms)},
            {"enrolment_ms", maybe(times.enrolment, ms)},
            {"session_ms", maybe(times.session, ms)},
            {"recovery_ms", maybe(times.recovery, ms)}};
}

json::object to_json(const LinkCounters& counters) {
    return {{"reconnects", counters.reconnects},
            {"applications", counters.applications},
            {"applications_refused", counters.applications_refused},
            {"unclean_closes", counters.unclean_closes},
            {"enrolments", counters.enrolments},
            {"handshake_ms", counters.handshake_ms}};
}

// --- reading ---------------------------------------------------------------------------------------------

/// Takes the fields of one object; the first that is missing or of another type is remembered.
class Fields {
public:
    Fields(const json::value& value, std::string where) : where_{std::move(where)} {
        object_ = value.if_object();
        if (object_ == nullptr) wrong("");
    }

    [[nodiscard]] Result<void> end() const {
        if (wrong_) return fail(Fault::CONTROL_PROTOCOL, *wrong_);
        return {};
    }

    [[nodiscard]] bool has(std::string_view key) const {
        return object_ != nullptr && object_->contains(view(key));
    }
    const json::value* at(std::string_view key) {
        const auto* value = object_ != nullptr ? object_->if_contains(view(key)) : nullptr;
        if (value == nullptr) wrong(key);
        return value;
    }
    void text(std::string_view key, std::string& out) {
        const auto* value = at(key);
        if (value == nullptr) return;
        if (const auto* string = value->if_string()) {
            out.assign(string->begin(), string->end());
        } else {
            wrong(key);
        }
    }
    void text_or_null(std::string_view key, std::string& out) {
        if (!null(key)) text(key, out);
    }
    void text(std::string_view key, std::optional<std::string>& out) {
        if (!null(key)) text(key, out.emplace());
    }
    void flag(std::string_view key, bool& out) {
        const auto* value = at(key);
        if (value != nullptr && value->is_bool()) {
            out = value->get_bool();
        } else {
            wrong(key);
        }
    }
    template <class T>
    void number(std::string_view key, T& out) {
        const auto* value = at(key);
        json::error_code error;
        const auto read = value != nullptr ? value->to_number<T>(error) : T{};
        if (value == nullptr || error) return wrong(key);
        out = read;
    }
    void time(std::string_view key, Instant& out) {
        std::string read;
        text(key, read);
        if (const auto when = from_rfc3339(read)) {
            out = *when;
        } else {
            wrong(key);
        }
    }
    void time(std::string_view key, std::optional<Instant>& out) {
        if (!null(key)) time(key, out.emplace());
    }
    void milliseconds(std::string_view key, std::optional<std::chrono::milliseconds>& out) {
        if (null(key)) return;
        std::int64_t count = 0;
        number(key, count);
        out = std::chrono::milliseconds{count};
    }
    void texts(std::string_view key, std::vector<std::string>& out) {
        each(key, [&](const json::value& value) {
            const auto* string = value.if_string();
            if (string == nullptr) return wrong(key);
            out.emplace_back(string->begin(), string->end());
        });
    }
    template <class F>
    void each(std::string_view key, F&& take) {
        const auto* value = at(key);
        const auto* array = value != nullptr ? value->if_array() : nullptr;
        if (array == nullptr) return wrong(key);
        for (const auto& element : *array) take(element);
    }
    /// Reads a nested object with `read(value, path)`.
    template <class T, class F>
    void nested(std::string_view key, T& out, F&& read) {
        const auto* value = at(key);
        if (value == nullptr) return;
        auto inner = read(*value, path(key));
        if (inner) {
            out = *std::move(inner);
        } else if (!wrong_) {
            wrong_ = inner.error().detail;
        }
    }
    [[nodiscard]] bool null(std::string_view key) {
        const auto* value = at(key);
        return value == nullptr || value->is_null();
    }
    void wrong(std::string_view key) {
        if (!wrong_) wrong_ = path(key) + " is missing or of another type";
    }
    [[nodiscard]] std::string path(std::string_view key) const {
        if (key.empty()) return where_.empty() ? "the answer" : where_;
        return where_.empty() ? std::string{key} : where_ + "." + std::string{key};
    }

private:
    const json::object* object_ = nullptr;
    std::string where_;
    std::optional<std::string> wrong_;
};

Result<Reason> read_reason(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    Reason out{Fault::INTERNAL, {}};
    std::string fault;
    fields.text("fault", fault);
    fields.text("detail", out.detail);
    CHECK(fields.end());
    const auto known = fault_named(fault);
    if (!known) return fail(Fault::CONTROL_PROTOCOL, where + ".fault is not known");
    out.fault = *known;
    return out;
}

Result<IdentityStatus> read_identity(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    IdentityStatus out;
    fields.time("not_before", out.not_before);
    fields.time("not_after", out.not_after);
    fields.text("sha256", out.sha256);
    fields.text("subject", out.subject);
    CHECK(fields.end());
    return out;
}

Result<ListedCertificate> read_listed(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    ListedCertificate out;
    fields.text("subject", out.subject);
    fields.texts("roles", out.roles);
    fields.time("not_after", out.not_after);
    CHECK(fields.end());
    return out;
}

Result<TrustStatus> read_trust(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    TrustStatus out;
    std::string state;
    fields.text("state", state);
    fields.text_or_null("signer", out.signer);
    fields.text_or_null("sha256", out.sha256);
    fields.time("fetched", out.fetched);
    fields.flag("unverified", out.unverified);
    Result<void> listed;
    fields.each("certificates", [&](const json::value& element) {
        auto certificate = read_listed(element, where + ".certificates");
        if (certificate) {
            out.certificates.push_back(*std::move(certificate));
        } else if (listed) {
            listed = tl::unexpected<Error>(std::move(certificate).error());
        }
    });
    CHECK(fields.end());
    CHECK(listed);
    const auto known = named<TrustState>(trust_names, state);
    if (!known) return fail(Fault::CONTROL_PROTOCOL, where + ".state is not known");
    out.state = *known;
    return out;
}

template <class T>
auto into_optional(Result<T> (*read)(const json::value&, const std::string&)) {
    return [read](const json::value& value, const std::string& where) -> Result<std::optional<T>> {
        if (value.is_null()) return std::optional<T>{};
        return read(value, where).map([](T inner) { return std::optional<T>{std::move(inner)}; });
    };
}

Result<HalfClosed> read_half_closed(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    HalfClosed out{};
    std::string by;
    fields.text("by", by);
    fields.time("since", out.since);
    CHECK(fields.end());
    const auto known = named<Closer>(closer_names, by);
    if (!known) return fail(Fault::CONTROL_PROTOCOL, where + ".by is not known");
    out.by = *known;
    return out;
}

Result<ApplicationStatus> read_application(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    ApplicationStatus out;
    fields.flag("connected", out.connected);
    fields.time("since", out.since);
    // An older tserver, which runs on while the package is renewed, does not say it.
    if (fields.has("half_closed"))
        fields.nested("half_closed", out.half_closed, into_optional(read_half_closed));
    CHECK(fields.end());
    return out;
}

Result<ByteCounts> read_bytes(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    ByteCounts out;
    fields.number("to_ctimanager", out.to_ctimanager);
    fields.number("to_application", out.to_application);
    CHECK(fields.end());
    return out;
}

Result<StepTimes> read_times(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    StepTimes out;
    fields.milliseconds("start_to_up_ms", out.start_to_up);
    fields.milliseconds("trust_ms", out.trust);
    fields.milliseconds("enrolment_ms", out.enrolment);
    fields.milliseconds("session_ms", out.session);
    fields.milliseconds("recovery_ms", out.recovery);
    CHECK(fields.end());
    return out;
}

Result<LinkCounters> read_counters(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    LinkCounters out;
    fields.number("reconnects", out.reconnects);
    fields.number("applications", out.applications);
    fields.number("applications_refused", out.applications_refused);
    fields.number("unclean_closes", out.unclean_closes);
    fields.number("enrolments", out.enrolments);
    fields.number("handshake_ms", out.handshake_ms);
    CHECK(fields.end());
    return out;
}

Result<EventCursor> read_cursor(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    EventCursor out;
    fields.text("run", out.run);
    fields.number("last", out.last);
    CHECK(fields.end());
    return out;
}

Result<std::map<Fault, std::uint64_t>> read_failures(const json::value& value, const std::string& where) {
    Fields fields{value, where};
    std::map<Fault, std::uint64_t> out;
    if (const auto* object = value.if_object()) {
        for (const auto& pair : *object) {
            const std::string_view name{pair.key().data(), pair.key().size()};
            const auto fault = fault_named(name);
            if (!fault) return fail(Fault::CONTROL_PROTOCOL, fields.path(name) + " is not known");
            fields.number(name, out[*fault]);
        }
    }
    CHECK(fields.end());
    return out;
}

}  // namespace

std::string_view text(LinkState state) noexcept { return state_names[static_cast<std::size_t>(state)]; }
std::optional<LinkState> link_state_named(std::string_view text) noexcept {
    return named<LinkState>(state_names, text);
}
std::string_view text(Closer closer) noexcept { return closer_names[static_cast<std::size_t>(closer)]; }
std::string_view text(TrustState state) noexcept { return trust_names[static_cast<std::size_t>(state)]; }

json::object to_json(const Reason& reason) {
    return {{"fault", view(id(reason.fault))},
            {"detail", reason.detail},
            {"action", view(row(reason.fault).action)}};
}

json::object to_json(const LinkStatus& link, Instant now) {
    json::object out;
    out["name"] = link.name;
    out["state"] = view(text(link.state));
    out["since"] = rfc3339(link.since);
    out["tls"] = link.tls;
    out["instance_id"] = maybe(link.instance_id, view);
    out["ctimanager"] = maybe(link.ctimanager, view);
    out["listen"] = link.listen;
    out["reason"] = maybe(link.reason, [](const Reason& reason) { return to_json(reason); });
    out["identity"] = maybe(link.identity, [&](const IdentityStatus& i) { return to_json(i, now); });
    out["trust"] = maybe(link.trust, [&](const TrustStatus& t) { return to_json(t, now); });
    out["application"] = json::object{{"connected", link.application.connected},
                                      {"since", time_or_null(link.application.since)},
                                      {"half_closed", maybe(link.application.half_closed, half_closed)}};
    out["bytes"] = json::object{{"to_ctimanager", link.bytes.to_ctimanager},
                                {"to_application", link.bytes.to_application}};
    out["restarts"] = link.restarts;
    out["pending_restart"] = texts(link.pending_restart);
    out["pid"] = maybe(link.pid, [](int pid) { return pid; });
    out["profile"] = text_or_null(link.profile);
    out["tls_version"] = text_or_null(link.tls_version);
    out["tls_suite"] = text_or_null(link.tls_suite);
    out["times"] = to_json(link.times);
    out["counters"] = to_json(link.counters);
    out["notes"] = texts(link.notes);
    auto& failures = out["failures"].emplace_object();
    for (const auto& [fault, count] : link.failures) failures[view(id(fault))] = count;
    return out;
}

json::object to_json(const Status& status, Instant now) {
    json::array links;
    for (const auto& link : status.links) links.push_back(to_json(link, now));
    return {{"version", status.version},
            {"generation", status.generation},
            {"pending_restart", texts(status.pending_restart)},
            {"events", json::object{{"run", status.events.run}, {"last", status.events.last}}},
            {"notes", texts(status.notes)},
            {"links", std::move(links)}};
}

Result<LinkStatus> link_status_from_json(const json::value& value) {
    Fields fields{value, {}};
    LinkStatus out;
    std::string state;
    fields.text("name", out.name);
    fields.text("state", state);
    fields.time("since", out.since);
    fields.flag("tls", out.tls);
    fields.text("instance_id", out.instance_id);
    fields.text("ctimanager", out.ctimanager);
    fields.text("listen", out.listen);
    fields.nested("reason", out.reason, into_optional(read_reason));
    fields.nested("identity", out.identity, into_optional(read_identity));
    fields.nested("trust", out.trust, into_optional(read_trust));
    fields.nested("application", out.application, read_application);
    fields.nested("bytes", out.bytes, read_bytes);
    fields.number("restarts", out.restarts);
    fields.texts("pending_restart", out.pending_restart);
    if (!fields.null("pid")) fields.number("pid", out.pid.emplace());
    fields.text_or_null("profile", out.profile);
    fields.text_or_null("tls_version", out.tls_version);
    fields.text_or_null("tls_suite", out.tls_suite);
    fields.nested("times", out.times, read_times);
    fields.nested("counters", out.counters, read_counters);
    fields.texts("notes", out.notes);
    fields.nested("failures", out.failures, read_failures);
    CHECK(fields.end());
    const auto known = link_state_named(state);
    if (!known) return fail(Fault::CONTROL_PROTOCOL, "state is not known");
    out.state = *known;
    return out;
}

Result<Status> status_from_json(const json::value& value) {
    Fields fields{value, {}};
    Status out;
    fields.text("version", out.version);
    fields.number("generation", out.generation);
    fields.texts("pending_restart", out.pending_restart);
    fields.nested("events", out.events, read_cursor);
    if (!fields.null("notes")) fields.texts("notes", out.notes);  // an older tserver has none
    Result<void> read;
    fields.each("links", [&](const json::value& element) {
        auto link = link_status_from_json(element);
        if (link) {
            out.links.push_back(*std::move(link));
        } else if (read) {
            read = tl::unexpected<Error>(std::move(link).error().in("links"));
        }
    });
    CHECK(fields.end());
    CHECK(read);
    return out;
}

json::object to_json(const Error& error) {
    auto out = to_json(Reason{error.fault, error.detail});
    if (!error.during.empty()) out["during"] = error.during;
    return out;
}

Result<Error> error_from_json(const json::value& value) {
    TRY(reason, read_reason(value, "error"));
    Error out{reason.fault, std::move(reason.detail), {}};
    if (const auto* during = value.get_object().if_contains("during");
        during != nullptr && during->is_string())
        out.during = std::string{during->get_string().begin(), during->get_string().end()};
    return out;
}

}  // namespace tserver::control
