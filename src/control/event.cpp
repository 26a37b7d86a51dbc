#include "control/event.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/text.hpp"
#include "log/messages.hpp"

namespace tserver::control {

namespace json = boost::json;

namespace {

constexpr std::size_t most_fields = 12;
constexpr std::size_t longest_value = 4096;  ///< a text of 600 octets, each of them escaped

json::string json_text(std::string_view text) { return json::string(text.data(), text.size()); }

json::value value_of(const EventField& field) {
    std::int64_t number = 0;
    const auto* end = field.value.data() + field.value.size();
    if (field.number && std::from_chars(field.value.data(), end, number).ptr == end) return number;
    return json_text(field.value);
}

/// Of another process: what is shown on one line has to be of one line.
bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
}
bool is_field_name(std::string_view text) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

Result<EventField> field_from(const json::key_value_pair& pair) {
    EventField out{std::string{pair.key()}, {}, false};
    if (const auto* text = pair.value().if_string()) {
        out.value.assign(text->begin(), text->end());
    } else if (const auto* number = pair.value().if_int64()) {
        out.value = std::to_string(*number);
        out.number = true;
    } else {
        return fail(Fault::CONTROL_PROTOCOL, "event: a field is neither text nor number");
    }
    if (out.key.size() > 64 || out.value.size() > longest_value)
        return fail(Fault::CONTROL_PROTOCOL, "event: a field is too long");
    if (!is_field_name(out.key) || has_control(out.value))
        return fail(Fault::CONTROL_PROTOCOL,
                    "event: a field has another name than ours, or more than a line");
    return out;
}

std::optional<std::uint64_t> count_in(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains({key.data(), key.size()});
    if (value == nullptr) return std::nullopt;
    json::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    return error ? std::nullopt : std::optional{number};
}

}  // namespace

Event event_of(const log::Row& row, std::span<const log::Field> fields, unsigned repeated) {
    Event out;
    out.id = row.id;
    out.repeated = repeated;
    for (const auto& field : fields) {
        if (field.key == "link") {
            out.link = field.value;
        } else {
            out.fields.push_back({std::string{field.key}, field.value, field.number});
        }
    }
    return out;
}

json::object to_json(const Event& event) {
    const auto* row = log::message_row(event.id);
    json::object fields;
    for (const auto& field : event.fields) fields[field.key] = value_of(field);
    return {{"sequence", event.sequence},
            {"time", rfc3339_ms(event.at)},
            {"id", event.id},
            {"level", row != nullptr ? json_text(short_name(row->level)) : ""},
            {"text", row != nullptr ? json_text(row->text) : ""},
            {"link", event.link.empty() ? json::value(nullptr) : json::value(json_text(event.link))},
            {"fields", std::move(fields)},
            {"repeated", event.repeated}};
}

std::string text(const Event& event) {
    const auto* row = log::message_row(event.id);
    auto out = fmt::format("{} {} {} {} {}", rfc3339_ms(event.at), event.sequence,
                           row != nullptr ? short_name(row->level) : "-", event.id,
                           row != nullptr ? row->text : "-");
    if (!event.link.empty()) out += " link=" + log::quoted(event.link);
    for (const auto& field : event.fields) out += fmt::format(" {}={}", field.key, log::quoted(field.value));
    if (event.repeated > 0) out += fmt::format(" repeated={}", event.repeated);
    return out;
}

Result<Event> event_from_json(const json::value& value) {
    const auto* object = value.if_object();
    const auto id = object != nullptr ? count_in(*object, "id") : std::nullopt;
    if (!id || *id > 99'999 || log::message_row(static_cast<unsigned>(*id)) == nullptr)
        return fail(Fault::CONTROL_PROTOCOL, "event: id is missing or not known");
    const auto* fields = object->if_contains("fields");
    if (fields == nullptr || !fields->is_object() || fields->get_object().size() > most_fields)
        return fail(Fault::CONTROL_PROTOCOL, "event: fields are missing or too many");
    Event out;
    out.id = static_cast<unsigned>(*id);
    for (const auto& pair : fields->get_object()) {
        TRY(field, field_from(pair));
        out.fields.push_back(std::move(field));
    }
    out.sequence = count_in(*object, "sequence").value_or(0);
    out.repeated = static_cast<unsigned>(
        std::min<std::uint64_t>(count_in(*object, "repeated").value_or(0), 1'000'000'000));
    if (const auto* link = object->if_contains("link"); link != nullptr && link->is_string())
        out.link.assign(link->get_string().begin(), link->get_string().end());
    if (has_control(out.link)) return fail(Fault::CONTROL_PROTOCOL, "event: the link's name is not one");
    if (const auto* time = object->if_contains("time"); time != nullptr && time->is_string()) {
        const std::string_view text{time->get_string().data(), time->get_string().size()};
        const auto at = from_rfc3339_ms(text);
        if (!at) return fail(Fault::CONTROL_PROTOCOL, "event: time is not one");
        out.at = *at;
    }
    return out;
}

Result<EventRequest> event_request(const json::object& request) {
    EventRequest out;
    if (request.contains("after")) {
        out.after = count_in(request, "after");
        if (!out.after) return fail(Fault::CONTROL_PROTOCOL, "\"after\" is no number");
    }
    if (const auto* run = request.if_contains("run")) {
        if (!run->is_string()) return fail(Fault::CONTROL_PROTOCOL, "\"run\" is no text");
        out.run.emplace(run->get_string().begin(), run->get_string().end());
    }
    if (request.contains("wait_ms")) {
        const auto wait = count_in(request, "wait_ms");
        if (!wait) return fail(Fault::CONTROL_PROTOCOL, "\"wait_ms\" is no number");
        out.wait_ms = *wait;
    }
    return out;
}

}  // namespace tserver::control
