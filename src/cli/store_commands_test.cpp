// The commands as they are typed, on a store made by the library.
#include "cli/store_commands.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/app.hpp"
#include "os/file.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"
#include "tests/support/sample_identity.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing_support::sample_identity;
using testing_support::Scratch;

struct Ran {
    int code;
    std::string out;
    std::string err;
    [[nodiscard]] json::object object() const { return json::parse(out).as_object(); }
};
Ran run_command(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run(std::move(arguments), out, err);
    return {code, out.str(), err.str()};
}

struct StoreCommands : testing::Test {
    Scratch scratch;
    const crypto::Identity identity = sample_identity("cti01");
    const std::string path = (scratch.path / "store").string();
    const std::string word = (scratch.path / "word").string();

    /// @param host  the one the store says it was made on
    void make(const std::string& host = store::this_host()) const {
        const auto id = *InstanceId::parse("cti01");
        auto tree = *os::open_tree(path, os::Access::read_write);
        auto identities = store::IdentityStore::open(std::move(tree), id, {Secret{"secret"}, {}, 10}, host);
        ASSERT_TRUE(identities->save(identity, {}));
        auto trust = store::TrustStore::open(path, {});
        const auto lock = trust->try_lock();
        const store::ListMeta meta{Instant{std::chrono::seconds{1'800'000'000}}, "CTLFile.tlv", "CN=signer",
                                   store::Trusted::first_use};
        ASSERT_TRUE(trust->save(**lock, as_bytes("list"), meta, {}));
        put(word, "secret\n");
    }
    static void put(const std::string& file, std::string_view text) {
        std::ofstream{file} << text;
        ::chmod(file.c_str(), 0600);
    }
    Ran store(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "store");
        arguments.insert(arguments.end(), {"--path", path});
        return run_command(std::move(arguments));
    }
};

TEST_F(StoreCommands, ListShowsIdentitiesAndTheTrustListWithoutAPassphrase) {
    make();
    const auto ran = store({"list", "--json"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto answer = ran.object();
    const auto& row = answer.at("identities").at(0).as_object();
    EXPECT_EQ(row.at("instance_id"), "cti01");
    EXPECT_EQ(row.at("subject"), "CN=cti01");
    EXPECT_EQ(row.at("sha256"), identity.certificate.sha256().c_str());
    EXPECT_EQ(row.at("generation"), 1);
    EXPECT_TRUE(row.at("problem").is_null());
    EXPECT_EQ(answer.at("trust").at("trusted"), "unverified");
    const auto text = store({"list"}).out;
    EXPECT_NE(text.find("cti01            -                         1 "), std::string::npos) << text;
    EXPECT_NE(text.find("  CN=cti01\n"), std::string::npos) << text;
    EXPECT_NE(text.find("trust list: CTLFile.tlv, unverified, generation 1, fetched 2027-01-15T08:00:00Z"),
              std::string::npos)
        << text;
}

TEST_F(StoreCommands, ANameOfTheConfigurationIsTheLinksInstanceId) {
    make();
    const auto config = (scratch.path / "tserver.conf").string();
    put(config, "[TServer]\nlink-1-name = link-tls-1\n[link-tls]\npassword = secret\ntls-cert-path = " +
                    path + "\n[link-tls-1]\nhostname = 192.0.2.1\ntls-instance-id = cti01\n");
    const auto list = run_command({"store", "list", "--config", config, "--json"});
    EXPECT_EQ(list.object().at("identities").at(0).at("link"), "link-tls-1") << list.out << list.err;
    const auto check = run_command({"store", "check", "link-tls-1", "--config", config});
    EXPECT_EQ(check.code, 0) << check.err;
    EXPECT_EQ(check.out, "cti01: whole, generation 1, EC-256, CN=cti01\n");
}

// Each kind of trouble has its own answer.
struct Trouble {
    const char* name;
    int code;
    const char* fault;
    void (*make)(const std::string& path, const std::string& word);
};
class StoreCheck : public StoreCommands, public testing::WithParamInterface<Trouble> {};

TEST_P(StoreCheck, NamesTheTroubleAndItsExitCode) {
    const auto& c = GetParam();
    make();
    c.make(path, word);
    const auto ran = store({"check", "--passphrase-file", word, "--json"});
    EXPECT_EQ(ran.code, c.code) << ran.out << ran.err;
    const auto answer = ran.object();
    const auto* error = answer.if_contains("error");
    const auto& problem = error != nullptr ? *error : answer.at("checks").at(0).at("problem");
    ASSERT_TRUE(problem.is_object()) << ran.out;
    EXPECT_EQ(problem.at("fault"), c.fault) << ran.out;
}

INSTANTIATE_TEST_SUITE_P(
    , StoreCheck,
    testing::Values(
        Trouble{"passphrase", 30, "STORE_PASSPHRASE",
                [](const std::string&, const std::string& word) { std::ofstream{word} << "Secret"; }},
        Trouble{"damaged", 31, "STORE_DAMAGED",
                [](const std::string& path, const std::string&) {
                    std::ofstream{path + "/identities/cti01/000001/identity.p12"} << "x";
                }},
        Trouble{"mode", 34, "STORE_MODE",
                [](const std::string& path, const std::string&) {
                    ::chmod((path + "/identities/cti01/000001/meta.json").c_str(), 0644);
                }},
        Trouble{"missing", 37, "STORE_MISSING",
                [](const std::string& path, const std::string&) { fs::remove_all(path); }},
        Trouble{"empty_passphrase", 30, "STORE_EMPTY_PASSPHRASE",
                [](const std::string&, const std::string& word) { std::ofstream{word} << "\n"; }}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(StoreCommands, F37_AStoreOfAnotherHostIsNamedAndConfirmed) {
    make("0123456789abcdef0123456789abcdef");
    if (store::this_host().empty()) GTEST_SKIP() << "this machine has no machine-id";
    EXPECT_EQ(store({"check", "--passphrase-file", word}).code, 32);
    EXPECT_EQ(store({"confirm", "cti01"}).code, 0);
    const auto ran = store({"check", "--passphrase-file", word});
    EXPECT_EQ(ran.code, 0) << ran.err;
}

TEST_F(StoreCommands, F86_ReadCommandsWriteNothing) {
    make();
    const auto times = [this] {
        std::map<std::string, fs::file_time_type> out;
        for (const auto& each : fs::recursive_directory_iterator{path})
            out[each.path()] = fs::last_write_time(each.path());
        return out;
    };
    const auto before = times();
    store({"list"});
    store({"check", "--passphrase-file", word});
    store({"export", "cti01", "--passphrase-file", word});
    EXPECT_EQ(times(), before);
}

TEST_F(StoreCommands, ExportGivesTheCertificate) {
    make();
    const auto ran = store({"export", "cti01", "--passphrase-file", word});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, identity.certificate.pem());
}

TEST_F(StoreCommands, ExportGivesThePairUnderANewPassphraseOnly) {
    make();
    const auto fresh = (scratch.path / "fresh").string();
    const auto file = (scratch.path / "out.p12").string();
    put(fresh, "another");
    const auto ran = store({"export", "cti01", "--passphrase-file", word, "--with-key", "--out", file,
                            "--new-passphrase-file", fresh});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto opened = crypto::open(*os::read_file(file, 100'000), Secret{"another"});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_TRUE(identity.key.pairs_with(opened->key.public_half()));
}

TEST_F(StoreCommands, ExportNeverPutsAKeyOnStandardOutput) {
    make();
    const auto ran = store({"export", "cti01", "--passphrase-file", word, "--with-key"});
    EXPECT_EQ(ran.code, 2);
    EXPECT_NE(ran.err.find("a private key goes to a file only: name one with --out"), std::string::npos)
        << ran.err;
    EXPECT_EQ(ran.out, "");
}

TEST_F(StoreCommands, F7_ImportTakesAnOldFileSaysSoAndEncryptsItAnew) {
    make();
    put(scratch.path / "old-word", "old");
    const auto ran = store({"import", "cti02", TSERVER_TEST_DATA "/pkcs12/rc2-40.p12",
                            "--file-passphrase-file", scratch.path / "old-word", "--passphrase-file", word});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_NE(ran.out.find("weak today (pbeWithSHA1And40BitRC2-CBC, "), std::string::npos) << ran.out;
    const auto kept = store::read_identity(path, *InstanceId::parse("cti02"), Secret{"secret"});
    ASSERT_TRUE(kept) << kept.error().text();
    EXPECT_NE(ran.out.find(kept->identity.certificate.subject()), std::string::npos) << ran.out;
}

TEST_F(StoreCommands, F9_ImportTakesAFileWithoutMacOnlyWhenTold) {
    make();
    put(scratch.path / "old-word", "old");
    const std::vector<std::string> plain{"import",
                                         "cti02",
                                         TSERVER_TEST_DATA "/pkcs12/no-mac.p12",
                                         "--file-passphrase-file",
                                         scratch.path / "old-word",
                                         "--passphrase-file",
                                         word};
    const auto refused = store(plain);
    EXPECT_EQ(refused.code, 36);
    EXPECT_NE(refused.err.find("no integrity check (MAC)"), std::string::npos) << refused.err;
    EXPECT_EQ(store::read_identity(path, *InstanceId::parse("cti02"), Secret{"secret"}).error().fault,
              Fault::STORE_MISSING);
    auto told = plain;
    told.emplace_back("--without-mac");
    EXPECT_EQ(store(told).code, 0);
}

TEST_F(StoreCommands, ImportReplacesNothingWhileTheLinkRuns) {
    make();
    put(scratch.path / "old-word", "old");
    const auto running = store::IdentityStore::open(path, *InstanceId::parse("cti01"), Secret{"secret"});
    ASSERT_TRUE(running) << running.error().text();
    const auto ran = store({"import", "cti01", TSERVER_TEST_DATA "/pkcs12/openssl3.p12",
                            "--file-passphrase-file", scratch.path / "old-word", "--passphrase-file", word});
    EXPECT_EQ(ran.code, 33) << ran.err;
}

TEST_F(StoreCommands, F15_ExportNeverReplacesAFile) {
    make();
    const auto file = (scratch.path / "precious").string();
    put(file, "precious");
    const auto ran = store({"export", "cti01", "--passphrase-file", word, "--out", file});
    EXPECT_EQ(ran.code, 4);
    EXPECT_EQ(as_text(*os::read_file(file, 100)), "precious");
}

}  // namespace
}  // namespace tserver::cli
