// Errors as values that tell a story: which class, what was seen, during which step.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "base/fault.hpp"

namespace tserver {

struct Error {
    Fault fault;
    std::string detail;  ///< what was seen; text of a peer already escaped, never a secret
    std::string during;  ///< outermost step first: "enrol: generate key"

    /// The same error, one step further out.
    Error in(std::string_view step) && {
        during = during.empty() ? std::string{step} : std::string{step} + ": " + during;
        return std::move(*this);
    }
    /// "CTL_FORMAT: the file is not a trust list, or is damaged (record 3: ...)"
    [[nodiscard]] std::string text() const;
};

/// Shape of C++23's std::expected; the switch will be one line.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Fault fault, std::string detail) {
    return tl::unexpected<Error>(Error{fault, std::move(detail), {}});
}

}  // namespace tserver

/// TRY(name, expression): the value of a Result under `name`, or return its error.
#define TRY(name, expr)                                                                    \
    auto name##_or = (expr);                                                               \
    if (!name##_or) return tl::unexpected<::tserver::Error>(std::move(name##_or).error()); \
    auto name = *std::move(name##_or)
/// CHECK(expression): return the error of a Result whose value is not needed.
#define CHECK(expr)                                                                                \
    do {                                                                                           \
        if (auto r_ = (expr); !r_) return tl::unexpected<::tserver::Error>(std::move(r_).error()); \
    } while (false)
/// The same two in a coroutine; `step` is added to the error's story.
#define CO_TRY(name, step, expr)                                                                       \
    auto name##_or = (expr);                                                                           \
    if (!name##_or) co_return tl::unexpected<::tserver::Error>(std::move(name##_or).error().in(step)); \
    auto name = *std::move(name##_or)
#define CO_CHECK(step, expr)                                                            \
    do {                                                                                \
        if (auto r_ = (expr); !r_)                                                      \
            co_return tl::unexpected<::tserver::Error>(std::move(r_).error().in(step)); \
    } while (false)
