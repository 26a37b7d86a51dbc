// A directory tree in memory that knows what a power cut may leave of it, and that can fail at any call.
//
// What survives a power cut: the content that was synced; of content written since, nothing, a part, zeros or
// all of it; the entries of a directory as of its last sync; of the changes of entries since, any selection
// that keeps the order of changes of one name. A rename inside one directory happens or does not. This is
// less than ext4, XFS or Btrfs promise.
#pragma once

#include <sys/mman.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "os/tree.hpp"

namespace tserver::testing_support {

class MemoryTree final : public os::Tree {
public:
    enum class Lasts { once, for_good };
    struct Failure {
        std::size_t call;  ///< from 0, of the calls that change something
        int error;
        Lasts lasts;
    };

    MemoryTree() { nodes_[0].directory = true; }

    /// Called after each change: the moments at which the power may go.
    std::function<void()> after_each;
    std::optional<Failure> failure;
    std::size_t changes = 0;  ///< calls so far that change something

    // --- what a power cut leaves ---

    /// Calls `check` with every tree that may be found after a power cut now.  @return how many
    template <class Check>
    std::size_t each_image(Check&& check) const {
        std::vector<Change> open;
        const auto alive = reachable();
        for (const auto& change : pending_)
            if (alive.contains(change.directory)) open.push_back(change);
        std::size_t count = 0;
        std::vector<bool> taken(open.size(), false);
        choose(open, taken, 0, [&] {
            MemoryTree image = after(open, taken);
            count += image.with_each_content(check);
        });
        return count;
    }

    /// Every file that can be reached, with its content.
    [[nodiscard]] std::map<std::string, Bytes> files() const {
        std::map<std::string, Bytes> out;
        gather(0, "", out);
        return out;
    }

    // --- os::Tree ---

    [[nodiscard]] const std::string& root() const override { return root_; }

    Result<void> make_directory(const std::string& path) override {
        CHECK(begin(path));
        TRY(at, place(path));
        if (nodes_[at.directory].entries.contains(at.name)) return fail(Fault::STORE_IO, path + ": exists");
        const int made = next_++;
        nodes_[made].directory = true;
        change({at.directory, {{at.name, made}}});
        return end();
    }

    Result<os::Fd> create(const std::string& path) override {
        CHECK(begin(path));
        TRY(at, place(path));
        if (nodes_[at.directory].entries.contains(at.name)) return fail(Fault::STORE_IO, path + ": exists");
        const int made = next_++;
        nodes_[made] = {};
        change({at.directory, {{at.name, made}}});
        CHECK(end());
        return os::Fd{::memfd_create("memory-tree", MFD_CLOEXEC)};
    }

    Result<void> write(const os::Fd&, const std::string& path, ByteView content) override {
        TRY(node, find(path));
        auto failing = begin(path);
        if (!failing) content = content.first(content.size() / 2);  // a disk fills up in the middle
        auto& file = nodes_[node];
        file.content.insert(file.content.end(), content.begin(), content.end());
        CHECK(failing);
        return end();
    }

    Result<void> sync(const os::Fd&, const std::string& path) override {
        CHECK(begin(path));
        TRY(node, find(path));
        nodes_[node].synced = nodes_[node].content;
        return end();
    }

    Result<void> sync_directory(const std::string& path) override {
        CHECK(begin(path));
        TRY(node, find(path));
        std::erase_if(pending_, [&, n = node](const Change& each) { return each.directory == n; });
        nodes_[node].durable = nodes_[node].entries;
        return end();
    }

    Result<void> rename(const std::string& from, const std::string& to) override {
        CHECK(begin(to));
        TRY(source, place(from));
        TRY(target, place(to));
        if (source.directory != target.directory) return fail(Fault::STORE_IO, "rename over directories");
        TRY(node, find(from));
        const auto& entries = nodes_[target.directory].entries;
        const auto there = entries.find(target.name);
        if (there != entries.end() && nodes_[node].directory) return fail(Fault::STORE_IO, to + ": exists");
        change({source.directory, {{source.name, std::nullopt}, {target.name, node}}});
        return end();
    }

    Result<void> remove(const std::string& path) override {
        TRY(at, place(path));
        if (!nodes_[at.directory].entries.contains(at.name)) return missing(path);
        CHECK(begin(path));
        change({at.directory, {{at.name, std::nullopt}}});
        return end();
    }

    Result<void> remove_directory(const std::string& path) override {
        CHECK(begin(path));
        TRY(at, place(path));
        TRY(node, find(path));
        if (!nodes_[node].entries.empty()) return fail(Fault::STORE_IO, path + ": not empty");
        change({at.directory, {{at.name, std::nullopt}}});
        return end();
    }

    Result<Bytes> read(const std::string& path, std::size_t most) override {
        TRY(node, find(path));
        if (nodes_[node].directory || nodes_[node].content.size() > most) return fail(Fault::STORE_IO, path);
        return nodes_[node].content;
    }

    Result<std::vector<std::string>> list(const std::string& path) override {
        TRY(node, find(path));
        std::vector<std::string> names;
        for (const auto& [name, child] : nodes_[node].entries) names.push_back(name);
        return names;
    }

    Result<os::Look> look(const std::string& path) override {
        TRY(node, find(path));
        return os::Look{nodes_[node].directory, false, nodes_[node].directory ? 0700U : 0600U, 0};
    }

    Result<os::Fd> open_lock(const std::string&) override {
        return os::Fd{::memfd_create("memory-tree-lock", MFD_CLOEXEC)};
    }

    std::uint64_t free_space() override { return 0; }

private:
    using Entries = std::map<std::string, int>;
    struct Node {
        bool directory = false;
        Entries entries;  ///< as every process sees them
        Entries durable;  ///< as of the last sync
        Bytes content;
        Bytes synced;
    };
    struct Change {
        int directory;
        std::map<std::string, std::optional<int>> names;  ///< nothing = the name goes
    };
    struct Place {
        int directory;
        std::string name;
    };

    static tl::unexpected<Error> missing(const std::string& path) { return fail(Fault::STORE_MISSING, path); }

    Result<int> find(const std::string& path) const {
        int at = 0;
        for (std::size_t from = 0; from < path.size();) {
            const auto slash = std::min(path.find('/', from), path.size());
            const auto& entries = nodes_.at(at).entries;
            const auto next = entries.find(path.substr(from, slash - from));
            if (next == entries.end()) return missing(path);
            at = next->second;
            from = slash + 1;
        }
        return at;
    }
    Result<Place> place(const std::string& path) const {
        const auto slash = path.find_last_of('/');
        if (slash == std::string::npos) return Place{0, path};
        TRY(directory, find(path.substr(0, slash)));
        return Place{directory, path.substr(slash + 1)};
    }

    Result<void> begin(const std::string& path) {
        const auto call = changes++;
        if (!failure) return {};
        const bool now = failure->lasts == Lasts::once ? call == failure->call : call >= failure->call;
        if (now) return os::failed(path, failure->error, Fault::STORE_IO);
        return {};
    }
    Result<void> end() {
        if (after_each) after_each();
        return {};
    }

    void change(Change made) {
        apply(nodes_[made.directory].entries, made);
        pending_.push_back(std::move(made));
    }
    static void apply(Entries& entries, const Change& change) {
        for (const auto& [name, node] : change.names) {
            if (node)
                entries[name] = *node;
            else
                entries.erase(name);
        }
    }

    /// Every directory that some entry, durable or not, leads to.
    [[nodiscard]] std::set<int> reachable() const {
        std::set<int> out{0};
        std::vector<int> open{0};
        const auto visit = [&](int node) {
            if (nodes_.at(node).directory && out.insert(node).second) open.push_back(node);
        };
        while (!open.empty()) {
            const int at = open.back();
            open.pop_back();
            for (const auto& [name, node] : nodes_.at(at).durable) visit(node);
            for (const auto& each : pending_)
                if (each.directory == at)
                    for (const auto& [name, node] : each.names)
                        if (node) visit(*node);
        }
        return out;
    }

    /// Every selection of changes in which a change comes only with all earlier ones of the same names.
    template <class Use>
    static void choose(const std::vector<Change>& open, std::vector<bool>& taken, std::size_t at, Use&& use) {
        if (at == open.size()) return use();
        taken[at] = false;
        choose(open, taken, at + 1, use);
        for (std::size_t i = 0; i < at; ++i)
            if (!taken[i] && touches(open[i], open[at])) return;
        taken[at] = true;
        choose(open, taken, at + 1, use);
        taken[at] = false;
    }
    static bool touches(const Change& a, const Change& b) {
        if (a.directory != b.directory) return false;
        for (const auto& [name, node] : a.names)
            if (b.names.contains(name)) return true;
        return false;
    }

    [[nodiscard]] MemoryTree after(const std::vector<Change>& open, const std::vector<bool>& taken) const {
        MemoryTree image;
        image.nodes_ = nodes_;
        image.next_ = next_;
        for (auto& [number, node] : image.nodes_) node.entries = node.durable;
        for (std::size_t i = 0; i < open.size(); ++i)
            if (taken[i]) apply(image.nodes_[open[i].directory].entries, open[i]);
        for (auto& [number, node] : image.nodes_) node.durable = node.entries;
        return image;
    }

    template <class Check>
    std::size_t with_each_content(Check&& check) {
        std::vector<int> unsynced;
        for (const auto number : live_files())
            if (nodes_[number].content != nodes_[number].synced) unsynced.push_back(number);
        return vary(unsynced, 0, check);
    }
    template <class Check>
    std::size_t vary(const std::vector<int>& unsynced, std::size_t at, Check&& check) {
        if (at == unsynced.size()) {
            check(*this);
            return 1;
        }
        auto& node = nodes_[unsynced[at]];
        const auto written = node.content;
        std::size_t count = 0;
        for (const auto& left :
             {node.synced, Bytes{written.begin(), written.begin() + static_cast<long>(written.size() / 2)},
              Bytes(written.size(), 0), written}) {
            node.content = left;
            count += vary(unsynced, at + 1, check);
        }
        node.content = written;
        return count;
    }
    [[nodiscard]] std::vector<int> live_files() const {
        std::vector<int> out;
        for (const auto directory : reachable())
            for (const auto& [name, node] : nodes_.at(directory).entries)
                if (!nodes_.at(node).directory) out.push_back(node);
        return out;
    }

    void gather(int at, const std::string& prefix, std::map<std::string, Bytes>& out) const {
        for (const auto& [name, node] : nodes_.at(at).entries) {
            if (nodes_.at(node).directory)
                gather(node, prefix + name + "/", out);
            else
                out[prefix + name] = nodes_.at(node).content;
        }
    }

    std::string root_ = "/memory";
    std::map<int, Node> nodes_;
    std::vector<Change> pending_;
    int next_ = 1;
};

}  // namespace tserver::testing_support
