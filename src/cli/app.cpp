#include "cli/app.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "cli/catalogue.hpp"
#include "cli/config_commands.hpp"
#include "cli/daemon_commands.hpp"
#include "cli/doctor_command.hpp"
#include "cli/events_command.hpp"
#include "cli/history_command.hpp"
#include "cli/store_commands.hpp"
#include "cli/support_bundle.hpp"
#include "cli/trust_commands.hpp"
#include "config/config.hpp"

namespace tserver::cli {

namespace {

bool colours_wanted() {
    const char* terminal = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr &&
           (terminal == nullptr || std::string_view{terminal} != "dumb");
}

/// Builds the tree of commands; the one that is called leaves its action here.
class Commands {
public:
    Commands(CLI::App& app, std::ostream& out, std::ostream& err)
        : app_{app},
          terms_{.out = out, .err = err, .control = config::DaemonConfig{}.control_socket.string()} {
        const bool ours = &out == &std::cout;
        terms_.terminal = ours && ::isatty(STDOUT_FILENO) == 1;
        terms_.colour = ours && colours_wanted() ? Colour::on : Colour::off;
        app.add_option("--control", terms_.control, "control socket of tserver")->capture_default_str();
        app.add_flag("--json", terms_.json, "one JSON value on standard output");
        app.fallthrough();
        app.require_subcommand(1);
        add_status();
        add_events();
        add_reload();
        add_config();
        add_link();
        add_trust();
        add_store();
        add_doctor();
        add_faults();
        add_history(app_, "Example: tserverctl history link-tls-1");
        add_bundle();
    }

    [[nodiscard]] int call() const { return action_(); }

private:
    using Action = std::function<int()>;

    static CLI::App* group(CLI::App& under, const char* name, const char* what) {
        auto* made = under.add_subcommand(name, what);
        made->require_subcommand(1);
        return made;
    }
    /// @param footer  an example, and the exit codes
    CLI::App* command(CLI::App& under, const char* name, const char* what, const char* footer,
                      Action action) {
        auto* made = under.add_subcommand(name, what);
        made->footer(footer);
        made->callback([this, action = std::move(action)] { action_ = action; });
        return made;
    }
    [[nodiscard]] ConfigFormat config_format() const {
        return terms_.json ? ConfigFormat::json : ConfigFormat::text;
    }
    [[nodiscard]] TrustFormat trust_format() const {
        return terms_.json ? TrustFormat::json : TrustFormat::text;
    }

    void add_status() {
        auto* status = command(app_, "status", "What every link does, and what to do where one does not",
                               "Example: tserverctl status --watch\n"
                               "Exit: 0 every link carries traffic, 1 some do not (with --check also: "
                               "something else is degraded, as a "
                               "console without its port), 2 none does or tserver does not answer.",
                               [this] {
                                   if (check_) return check_status(terms_);
                                   return watch_ ? watch_status(terms_) : cli::status(terms_);
                               });
        auto* watch = status->add_flag("--watch,-w", watch_, "stay, and show every change");
        status->add_flag("--check", check_, "only what is not well, a line each: for monitoring")
            ->excludes(watch);
    }

    void add_events() {
        auto* shown = command(
            app_, "events",
            "What has happened, numbered: state changes, alarms and what everybody wants to know",
            "Example: tserverctl events --follow\n"
            "Example: tserverctl --json events --after 4711 --run 0123456789abcdef    (goes on without a "
            "gap)\n"
            "Exit: 0 shown, 3 the events asked for are not kept any more (take a snapshot with `tserverctl "
            "status`), 2 tserver does not answer.",
            [this] { return cli::events(terms_, events_); });
        shown->add_flag("--follow,-f", events_.follow, "stay, and show each event when it happens");
        auto* after = shown->add_option("--after", events_.after, "number of the last event that is known");
        shown->add_option("--run", events_.run, "run of tserver that the number is of")->needs(after);
        shown->add_option("--link", events_.link, "events of one link only");
    }

    void add_reload() {
        command(app_, "reload", "Read the configuration file again, all or nothing",
                "Example: tserverctl reload\n"
                "Exit: 0 taken (what waits for a restart is named), 2 refused or tserver does not answer.",
                [this] { return cli::reload(terms_); });
    }

    void add_config() {
        auto& config = *group(app_, "config", "Look at a configuration file, and what taking it would do");
        auto* check =
            command(config, "check", "Every problem of a file, with line and remedy; needs no tserver",
                    "Example: tserverctl config check /etc/tserver/tserver.conf\n"
                    "Exit: 0 good, 1 taken with warnings, 2 refused.",
                    [this] { return config_check(terms_.out, terms_.err, file_, config_format()); });
        check->add_option("FILE", file_, "configuration file")->required();
        auto* show =
            command(config, "show", "What is in force with a file; secrets as stars; needs no tserver",
                    "Example: tserverctl config show /etc/tserver/tserver.conf\n"
                    "Exit: 0 shown, 2 refused.",
                    [this] { return config_show(terms_.out, terms_.err, file_, config_format()); });
        show->add_option("FILE", file_, "configuration file")->required();
        auto* planned = command(config, "plan", "What tserver would do if it took this file now",
                                "Example: tserverctl config plan /etc/tserver/tserver.conf\n"
                                "Exit: 0 it can be taken, 2 it would be refused or tserver does not answer.",
                                [this] { return plan(terms_, file_); });
        planned->add_option("FILE", file_, "configuration file")->required();
        auto* explain =
            command(config, "explain", "What the options mean, their defaults, when a change counts",
                    "Example: tserverctl config explain tls-instance-id\n"
                    "Exit: 0 explained, 2 there is no such option.",
                    [this] { return explain_option(); });
        explain->add_option("OPTION", option_, "one option (default: all)");
        explain->add_flag("--markdown", markdown_, "the reference page of all options");
    }

    int explain_option() {
        if (markdown_) return config_explain_markdown(terms_.out);
        const auto one = option_.empty() ? std::nullopt : std::optional<std::string_view>{option_};
        return config_explain(terms_.out, terms_.err, one, config_format());
    }

    void add_link() {
        auto& link = *group(app_, "link", "Start, stop, restart or enrol one link, and what happened to it");
        for (const auto* what : {"start", "stop", "restart"}) {
            static const std::map<std::string_view, std::pair<const char*, const char*>> texts{
                {"start",
                 {"Start a link that was stopped, or that waits",
                  "Example: tserverctl link start link-tls-1\n"}},
                {"stop",
                 {"Stop a link until it is started again; its application fails over at once",
                  "Example: tserverctl link stop link-tls-1\n"}},
                {"restart",
                 {"Stop a link and start it again", "Example: tserverctl link restart link-tls-1\n"}}};
            const auto& [help, example] = texts.at(what);
            const auto footer =
                std::string{example} + "Exit: 0 done, 2 no such link or tserver does not answer.";
            auto* made = command(link, what, help, footer.c_str(),
                                 [this, what] { return control_link(terms_, link_, what); });
            made->add_option("NAME", link_, "name of the link")->required();
        }
        auto* enrolled = command(
            link, "enrol", "Get a new certificate for a link with the code of its CAPF profile",
            "The code is asked for without echo; it is never given on the command line.\n"
            "Example: tserverctl link enrol link-tls-1\n"
            "Example: pass show cti01 | tserverctl link enrol link-tls-1 --code-file -\n"
            "Exit: 0 enrolled, 2 no such link or tserver does not answer, 20 to 26 the enrolment failed "
            "(the fault says how), 60 no answer in time.",
            [this] { return enrol(terms_, link_, source_of_code()); });
        enrolled->add_option("NAME", link_, "name of the link")->required();
        enrolled->add_option("--code-file", code_file_,
                             "file with the code in its first line; - is standard input");
        add_history(link, "Example: tserverctl link history link-tls-1");
    }

    [[nodiscard]] std::optional<std::string> source_of_code() const {
        return code_file_.empty() ? std::nullopt : std::optional{code_file_};
    }

    void add_trust() {
        auto& trust = *group(app_, "trust", "Look at trust lists, and confirm them");
        auto* show = command(
            trust, "show", "What is in a trust list file, and whether its signature holds; needs no tserver",
            "Example: tserverctl trust show CTLFile.tlv\n"
            "Exit: 0 verified, 3 readable but not verified, 4 unreadable.",
            [this] { return trust_show(terms_.out, terms_.err, shown_list()); });
        show->add_option("FILE", list_, "trust list (CTLFile.tlv, ITLFile.tlv)")->required();
        show->add_option("--held", held_, "the list it has to be signed by; default: itself");
        auto* verify =
            command(trust, "verify", "Whether the signature of a trust list file holds; needs no tserver",
                    "Example: tserverctl trust verify CTLFile.tlv --held old/CTLFile.tlv\n"
                    "Exit: 0 verified, 3 readable but not verified, 4 unreadable.",
                    [this] { return trust_verify(terms_.out, terms_.err, shown_list()); });
        verify->add_option("FILE", list_, "trust list")->required();
        verify->add_option("--held", held_, "the list it has to be signed by; default: itself");
        auto* diff = command(trust, "diff", "What a newer trust list changes; needs no tserver",
                             "Example: tserverctl trust diff old/CTLFile.tlv CTLFile.tlv\n"
                             "Exit: 0 no difference, 1 some, 4 unreadable.",
                             [this] {
                                 return trust_diff(terms_.out, terms_.err, {held_, list_, trust_format()});
                             });
        diff->add_option("OLD", held_, "the older list")->required();
        diff->add_option("NEW", list_, "the newer list")->required();
        auto* confirm = command(
            trust, "confirm", "Say that the trust list is genuine, after comparing it with `show ctl`",
            "Example: tserverctl trust confirm link-tls-1\n"
            "Example: tserverctl trust confirm --replace    (takes a list that the held one cannot verify)\n"
            "Exit: 0 done, 2 no such link or tserver does not answer, 10 to 13 the list was not taken.",
            [this] { return confirm_trust(terms_, named_link(), replace_); });
        confirm->add_option("LINK", link_, "name of the link (default: every link whose list waits for you)");
        confirm->add_flag("--replace", replace_, "take the list that is served now, whoever signed it");
        auto* refresh = command(
            trust, "refresh", "Fetch the trust list of a link now",
            "Example: tserverctl trust refresh link-tls-1\n"
            "Exit: 0 fetched and in force, 2 no such link or tserver does not answer, 10 to 13 not taken.",
            [this] { return refresh_trust(terms_, link_); });
        refresh->add_option("LINK", link_, "name of the link")->required();
    }

    [[nodiscard]] TrustShow shown_list() const {
        TrustShow out{.file = list_, .format = trust_format()};
        if (!held_.empty()) out.held = held_;
        return out;
    }
    [[nodiscard]] std::optional<std::string> named_link() const {
        return link_.empty() ? std::nullopt : std::optional{link_};
    }

    void add_store() {
        auto& store = *group(app_, "store", "Look at the encrypted store, and take certificates out of it");
        store.fallthrough();
        auto* config = store.add_option("--config", store_.config, "configuration that names the store");
        config->capture_default_str();
        store.add_option("--path", store_.path, "the store itself (tls-cert-path)")->excludes(config);
        store.add_option(
            "--passphrase-file", store_.passphrase_file,
            "file with the passphrase; - is standard input (default: the configuration's, or a question)");
        command(store, "list", "The identities and the trust list of the store; asks for no passphrase",
                "Example: tserverctl store list\n"
                "Exit: 0 listed, 31 damaged, 32 of another host, 34 open to others, 37 no store.",
                [this] { return store_list(terms_, store_); });
        auto* check =
            command(store, "check", "Open every identity and the trust list; changes nothing",
                    "Example: tserverctl store check --path /etc/tserver/store\n"
                    "Exit: 0 all whole, 30 wrong passphrase, 31 damaged, 32 of another host, 34 open to "
                    "others, 37 no such identity.",
                    [this] { return store_check(terms_, store_, named_link()); });
        check->add_option("NAME", link_, "link or instance ID (default: all)");
        auto* taken = command(
            store, "export", "Take a certificate, or key and certificate, out of the store",
            "Example: tserverctl store export link-tls-1 > cti01.pem\n"
            "Example: tserverctl store export cti01 --with-key --out cti01.p12\n"
            "Exit: 0 written, 4 the file exists, 30 wrong passphrase, 31 damaged, 37 no such identity.",
            [this] { return store_export(terms_, store_, export_); });
        taken->add_option("NAME", export_.name, "link or instance ID")->required();
        taken->add_option("--out", export_.file, "a new file (default: standard output)");
        taken->add_flag("--with-key", export_.with_key,
                        "key and certificate as PKCS#12 under a new passphrase");
        taken->add_option("--new-passphrase-file", export_.new_passphrase_file,
                          "file with the new passphrase; - is standard input (default: asked for)");
        auto* brought = command(
            store, "import", "Put key and certificate of a PKCS#12 file into the store, encrypted anew",
            "Example: tserverctl link stop link-tls-1 && tserverctl store import link-tls-1 old.p12\n"
            "Exit: 0 imported, 4 unreadable, 30 wrong passphrase, 33 the link runs, 36 algorithm not known "
            "or no MAC, "
            "37 no pair in the file.",
            [this] { return store_import(terms_, store_, import_); });
        brought->add_option("NAME", import_.name, "link or instance ID")->required();
        brought->add_option("FILE", import_.file, "the PKCS#12 file")->required();
        brought->add_option("--file-passphrase-file", import_.file_passphrase,
                            "file with the passphrase of FILE; - is standard input (default: asked for)");
        brought->add_flag("--without-mac", import_.without_mac,
                          "take a file that has no integrity check (MAC)");
        auto* confirm =
            command(store, "confirm", "Say that this host is the only one with an identity",
                    "Example: tserverctl store confirm link-tls-1 && tserverctl link start link-tls-1\n"
                    "Exit: 0 confirmed, 37 no such identity.",
                    [this] { return store_confirm(terms_, store_, link_); });
        confirm->add_option("NAME", link_, "link or instance ID")->required();
    }

    void add_doctor() {
        auto* doctor = command(
            app_, "doctor",
            "Walk each link from configuration to session, and say what is wrong and what to do; reads only",
            "Example: tserverctl doctor link-tls-1\n"
            "Example: tserverctl doctor --tls 10.1.1.5:2749    (what a port offers, and which tls-profile "
            "fits)\n"
            "Exit: 0 no step failed, 2 the configuration was refused or there is no such link, else the exit "
            "code "
            "of the first failure's class (`tserverctl faults`).",
            [this] {
                return tls_port_.empty() ? examine_links(terms_, {store_.config, named_link()})
                                         : examine_tls(terms_, tls_port_);
            });
        doctor->add_option("LINK", link_, "name of the link (default: every link)");
        doctor->add_option("--config", store_.config, "configuration file")->capture_default_str();
        doctor->add_option("--tls", tls_port_,
                           "HOST:PORT of a TLS server to look at (port 2749 if left out)");
    }

    void add_faults() {
        auto* faults =
            command(app_, "faults", "The failure classes: meaning, causes, what to do; needs no tserver",
                    "Example: tserverctl faults CTL_NOT_UPDATED\n"
                    "Exit: 0 shown, 2 there is no such class.",
                    [this] { return explain_fault(); });
        faults->add_option("ID", fault_, "one class (default: a line for each)");
        faults->add_flag("--markdown", markdown_, "the reference page of all classes");
        auto* messages =
            command(app_, "messages", "The messages of the log: level, words, keys; needs no tserver",
                    "Example: tserverctl messages 8102\n"
                    "Exit: 0 shown, 2 there is no such message.",
                    [this] { return explain_message(); });
        messages->add_option("ID", message_, "number of one message (default: all)");
        messages->add_flag("--markdown", markdown_, "the reference page of all messages");
    }

    void add_history(CLI::App& parent, const char* example) {
        const auto footer = std::string{example} +
                            " --last 30\n"
                            "Equal attempts in a row are one step with `repeated`.\n"
                            "Exit: 0 shown, 2 no such link or tserver does not answer.";
        auto* shown = command(parent, "history",
                              "The last trust lists, enrolments and handshakes of a link, step by step",
                              footer.c_str(), [this] { return cli::history(terms_, link_, last_); });
        shown->add_option("LINK", link_, "name of the link")->required();
        shown->add_option("--last", last_, "so many steps at most")->capture_default_str();
    }

    void add_bundle() {
        auto* bundle =
            command(app_, "support-bundle",
                    "One file with versions, options, states, events and checks, without secrets",
                    "Example: tserverctl support-bundle /tmp/tserver.json --log /var/log/tserver.log\n"
                    "Exit: 0 written, 4 the file exists or cannot be written.",
                    [this] {
                        const auto log = log_.empty() ? std::nullopt : std::optional{log_};
                        return support_bundle(terms_, {file_, store_.config, log}, run);
                    });
        bundle->add_option("FILE", file_, "a new file")->required();
        bundle->add_option("--config", store_.config, "configuration file")->capture_default_str();
        bundle->add_option("--log", log_, "log file whose end goes in too");
    }

    int explain_fault() {
        if (!markdown_) return show_faults(terms_, fault_.empty() ? std::nullopt : std::optional{fault_});
        terms_.out << faults_document();
        return 0;
    }

    int explain_message() {
        if (!markdown_) return show_messages(terms_, message_);
        terms_.out << messages_document();
        return 0;
    }

    CLI::App& app_;
    Terms terms_;
    Action action_;
    bool watch_ = false;
    bool check_ = false;
    bool markdown_ = false;
    bool replace_ = false;
    std::string file_;
    std::string option_;
    std::string link_;
    std::string code_file_;
    std::string list_;
    std::string held_;
    std::string fault_;
    std::string tls_port_;
    std::string log_;
    std::optional<unsigned> message_;
    std::size_t last_ = 200;
    StoreSource store_{.config = "/etc/tserver/tserver.conf", .path = {}};
    EventsWanted events_;
    StoreExport export_{.name = {}};
    StoreImport import_{.name = {}, .file = {}};
};

}  // namespace

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
    CLI::App app{"tserverctl: look at and control a running tserver, and the files it works with.",
                 "tserverctl"};
    app.set_version_flag("--version", TSERVER_VERSION);
    app.footer("Example: tserverctl status\nEvery command has --help with an example and its exit codes.");
    const Commands commands{app, out, err};
    std::ranges::reverse(arguments);  // as CLI11 takes them
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
        return app.exit(error, out, err) == 0 ? 0 : row(Fault::USAGE).exit_code;
    }
    return commands.call();
}

}  // namespace tserver::cli
