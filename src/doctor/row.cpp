#include "doctor/row.hpp"

#include <boost/json.hpp>

namespace tserver::doctor {

std::string_view name(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::pass: return "PASS";
        case Verdict::fail: return "FAIL";
        case Verdict::skip: return "SKIP";
    }
    return {};
}

boost::json::object to_json(const Row& row) {
    boost::json::object out{{"step", boost::json::string{name(row.step)}},
                            {"verdict", boost::json::string{name(row.verdict)}},
                            {"seen", row.seen},
                            {"fault", nullptr},
                            {"action", nullptr}};
    if (row.fault) {
        out["fault"] = boost::json::string{id(*row.fault)};
        out["action"] = boost::json::string{tserver::row(*row.fault).action};
    }
    return out;
}

std::optional<Fault> first_fault(const std::vector<Row>& rows) {
    for (const auto& row : rows)
        if (row.fault) return row.fault;
    return std::nullopt;
}

}  // namespace tserver::doctor
