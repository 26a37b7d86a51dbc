#include "config/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "config/options.hpp"

namespace tserver::config {
namespace {

constexpr std::size_t longest_line = 8192;

class FileReader {
public:
    FileReader(std::string_view path, ProblemList& problems) : path_{path}, problems_{problems} {}

    std::vector<Section> read(std::string_view text) {
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            auto line = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (line.ends_with('\r')) line.remove_suffix(1);
            ++number_;
            if (is_clean(line)) take(line);
        }
        return std::move(sections_);
    }

private:
    [[nodiscard]] Place place(std::size_t column = 0) const { return {path_, number_, column}; }
    void problem(Fault fault, std::size_t column, std::string text, std::string remedy,
                 std::optional<Place> other = {}) {
        problems_.add({fault, place(column), std::move(text), std::move(remedy), std::move(other)});
    }

    bool is_clean(std::string_view line) {
        if (line.size() > longest_line) {
            problem(Fault::CONFIG_SYNTAX, longest_line + 1,
                    fmt::format("the line is {} octets long, more than {}", line.size(), longest_line),
                    "look whether the file is a text file, or split the line");
            return false;
        }
        if (const auto bad = invalid_utf8_at(line)) {
            problem(Fault::CONFIG_SYNTAX, *bad + 1, "the line is not valid UTF-8", "save the file as UTF-8");
            return false;
        }
        const auto control = std::ranges::find_if(
            line, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
        if (control == line.end()) return true;
        const auto octet = static_cast<unsigned char>(*control);
        problem(Fault::CONFIG_SYNTAX, static_cast<std::size_t>(control - line.begin()) + 1,
                octet == 0 ? "the line holds a NUL octet"
                           : fmt::format("the line holds a control character (0x{:02x})", octet),
                "remove the character; lines end in LF or CRLF");
        return false;
    }

    void take(std::string_view line) {
        const auto text = trim(line);
        if (text.empty() || text.front() == '#' || text.front() == ';') return;
        const auto column = static_cast<std::size_t>(text.data() - line.data()) + 1;
        if (text.front() == '[') {
            take_section(text, column);
        } else {
            take_entry(line, text, column);
        }
    }

    void take_section(std::string_view text, std::size_t column) {
        misplaced_ = true;  // what follows a broken header is not complained about once more
        const auto close = text.find(']');
        const auto name =
            close == std::string_view::npos ? std::string_view{} : trim(text.substr(1, close - 1));
        if (name.empty() || close + 1 != text.size()) {
            current_ = nowhere;
            problem(Fault::CONFIG_SYNTAX, column, "a section is written [name], alone on its line",
                    "correct the line; comments have lines of their own");
            return;
        }
        const auto [same, is_new] = section_at_.try_emplace(name, sections_.size());
        current_ = same->second;
        if (is_new) {
            sections_.push_back({name, place(column), {}});
        } else {
            problem(Fault::CONFIG_DUPLICATE, column,
                    fmt::format("section [{}] is there twice", escape(name, 60)), "join the two sections",
                    sections_[current_].at);
        }
    }

    void take_entry(std::string_view line, std::string_view text, std::size_t column) {
        const auto equals = text.find('=');
        const auto name = trim(text.substr(0, equals));
        if (equals == std::string_view::npos || name.empty()) {
            problem(Fault::CONFIG_SYNTAX, column,
                    "the line is neither `name = value` nor [section] nor a comment",
                    "correct the line; comments begin with # or ;");
            return;
        }
        if (current_ == nowhere) {
            if (!misplaced_) {
                problem(Fault::CONFIG_SYNTAX, column, "an option stands before the first section",
                        "put [TServer], [link-tls] or the link's section above it");
            }
            misplaced_ = true;
            return;
        }
        auto value = trim(text.substr(equals + 1));
        const auto value_column =
            value.empty() ? column + equals + 1 : static_cast<std::size_t>(value.data() - line.data()) + 1;
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        const auto [same, is_new] = entry_at_.try_emplace({current_, name}, place(column));
        if (is_new) {
            sections_[current_].entries.push_back({name, value, place(column), place(value_column)});
            return;
        }
        problem(
            Fault::CONFIG_DUPLICATE, column,
            fmt::format("{} is given twice in [{}]", escape(name, 60), escape(sections_[current_].name, 60)),
            "remove one of the two lines", same->second);
    }

    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    std::string path_;
    ProblemList& problems_;
    std::vector<Section> sections_;
    std::map<std::string_view, std::size_t> section_at_;
    std::map<std::pair<std::size_t, std::string_view>, Place> entry_at_;
    std::size_t current_ = nowhere;
    std::size_t number_ = 0;
    bool misplaced_ = false;
};

/// The name of another encoding, told by its byte order mark or by the NUL in every other octet.
std::string_view other_encoding(std::string_view text) {
    using namespace std::string_view_literals;
    if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
    if (text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv)) return "UTF-16";
    const auto nul = [&](std::size_t i) { return text[i] == '\0'; };
    if (text.size() < 4) return {};
    if ((nul(1) && nul(3) && !nul(0) && !nul(2)) || (nul(0) && nul(2) && !nul(1) && !nul(3))) return "UTF-16";
    return {};
}

}  // namespace

void ProblemList::add(Problem problem) {
    if (problems_.size() < limit) {
        problems_.push_back(std::move(problem));
    } else {
        ++left_out_;
    }
}

Problems ProblemList::take() {
    std::ranges::stable_sort(problems_, [](const Problem& a, const Problem& b) {
        return std::pair{a.at.line, a.at.column} < std::pair{b.at.line, b.at.column};
    });
    if (left_out_ > 0) {
        problems_.push_back({Fault::CONFIG_SYNTAX,
                             {problems_.front().at.file},
                             fmt::format("{} more problems are not listed", left_out_),
                             "correct these first",
                             {}});
    }
    return std::move(problems_);
}

Problem value_problem(std::string_view option, const Error& error, Place at) {
    const auto* known = option_named(option);
    auto remedy = error.fault != Fault::CONFIG_VALUE || known == nullptr
                      ? std::string{row(error.fault).action}
                      : fmt::format("valid: {}; for example {} = {}", known->type, option, known->example);
    return {error.fault, std::move(at), fmt::format("{}: {}", option, error.detail), std::move(remedy), {}};
}

std::vector<Section> read_file(std::string_view text, std::string_view path, ProblemList& problems) {
    if (const auto encoding = other_encoding(text); !encoding.empty()) {
        problems.add({Fault::CONFIG_SYNTAX,
                      {std::string{path}, 1, 1},
                      fmt::format("the file is {}, not UTF-8", encoding),
                      "save it as UTF-8 (an editor's \"Unicode\" often means UTF-16)",
                      {}});
        return {};
    }
    return FileReader{path, problems}.read(text);
}

}  // namespace tserver::config
