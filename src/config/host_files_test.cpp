#include "config/host_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "config/config.hpp"

namespace tserver::config {
namespace {

namespace fs = std::filesystem;

class HostFiles : public testing::Test {
protected:
    HostFiles() {
        std::string name = (fs::temp_directory_path() / "tserver config XXXXXX").string();
        dir = ::mkdtemp(name.data());
    }
    ~HostFiles() override {
        ::unsetenv("CREDENTIALS_DIRECTORY");
        fs::remove_all(dir);
    }
    HostFiles(const HostFiles&) = delete;
    HostFiles& operator=(const HostFiles&) = delete;

    fs::path write(const std::string& name, std::string_view content, mode_t mode = 0600) {
        auto path = dir / name;
        std::ofstream{path, std::ios::binary} << content;
        ::chmod(path.c_str(), mode);
        return path;
    }
    /// A configuration with `shared` in [link-tls].
    fs::path config_with(const std::string& shared) {
        return write("tserver.conf",
                     "[TServer]\nlink-1-name = a\n[link-tls]\n" + shared + "\n[a]\nhostname = cucm\n");
    }
    static std::string first_problem(const Checked<Config>& config) {
        return config ? "accepted"
                      : std::string{id(config.error().front().fault)} + " " + config.error().front().text;
    }

    fs::path dir;
};

struct Content {
    const char* name;
    std::string_view octets, passphrase;
    bool blanks;
};
void PrintTo(const Content& c, std::ostream* out) { *out << c.name; }
class F12_PassphraseFile : public testing::TestWithParam<Content> {};
TEST_P(F12_PassphraseFile, LosesOneLineEndAndNothingElse) {
    const auto& c = GetParam();
    const auto read = passphrase_in(c.octets);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->octets.reveal(), c.passphrase);
    EXPECT_EQ(read->blanks_at_end, c.blanks);
}
INSTANTIATE_TEST_SUITE_P(
    , F12_PassphraseFile,
    testing::Values(Content{"NoLineEnd", "abc", "abc", false}, Content{"Lf", "abc\n", "abc", false},
                    Content{"Crlf", "abc\r\n", "abc", false}, Content{"TwoLf", "abc\n\n", "abc\n", true},
                    Content{"Blanks", " abc \n", " abc ", true}, Content{"CrOnly", "abc\r", "abc\r", true},
                    Content{"Inside", "a\nb\n", "a\nb", false},
                    Content{"NotUtf8", "\xFF\xFE\n", "\xFF\xFE", false}));

TEST(PassphraseFile, F12_LineEndAloneIsNoPassphrase) {
    for (const auto* octets : {"", "\n", "\r\n"}) {
        const auto read = passphrase_in(octets);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().fault, Fault::STORE_EMPTY_PASSPHRASE);
    }
}

TEST(PassphraseFile, WithNulIsRefused) {
    const auto read = passphrase_in(std::string_view{"a\0b\0", 4});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, Fault::CONFIG_VALUE);
}

TEST_F(HostFiles, PassphraseComesFromTheFile) {
    const auto secret = write("pass word", "canary\n");
    const auto config = load(config_with("password-file = " + secret.string()));
    ASSERT_TRUE(config) << first_problem(config);
    EXPECT_EQ(config->links[0].passphrase, Secret{"canary"});
    EXPECT_EQ(config->links[0].password_file, secret);
}

TEST_F(HostFiles, F12_BlanksInThePassphraseFileAreWarnedOf) {
    const auto config = load(config_with("password-file = " + write("p", "canary \n").string()));
    ASSERT_TRUE(config);
    EXPECT_EQ(config->links[0].passphrase, Secret{"canary "});
    EXPECT_EQ(config->warnings.front().at.line, 4U);
    EXPECT_NE(config->warnings.front().text.find("begins or ends with blanks"), std::string::npos);
}

TEST_F(HostFiles, PassphraseFileThatOthersCanReadIsRefusedWithTheCommand) {
    for (const mode_t mode : {0640U, 0604U, 0620U}) {
        const auto file = write("p", "canary", mode);
        EXPECT_EQ(
            first_problem(load(config_with("password-file = " + file.string()))),
            "STORE_MODE password-file: others than its owner have rights to the file; run: chmod go= '" +
                file.string() + "'");
    }
}

TEST_F(HostFiles, PassphraseFileThatIsMissingOrNoFileIsNamed) {
    const auto missing = (dir / "none").string();
    EXPECT_EQ(first_problem(load(config_with("password-file = " + missing))),
              "UNREADABLE password-file: cannot open " + missing + ": No such file or directory");
    EXPECT_EQ(first_problem(load(config_with("password-file = " + dir.string()))),
              "UNREADABLE password-file: " + dir.string() + " is not a file");
}

TEST_F(HostFiles, PassphraseFileThatIsAFifoDoesNotHang) {
    const auto fifo = dir / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(first_problem(load(config_with("password-file = " + fifo.string()))),
              "UNREADABLE password-file: " + fifo.string() + " is not a file");
}

TEST_F(HostFiles, F85_CredentialIsReadFromItsDirectory) {
    write("store", "canary\n", 0440);
    ::setenv("CREDENTIALS_DIRECTORY", dir.c_str(), 1);
    const auto config = load(config_with("password-file = credential:store"));
    ASSERT_TRUE(config) << first_problem(config);
    EXPECT_EQ(config->links[0].passphrase, Secret{"canary"});
}

TEST_F(HostFiles, F85_MissingCredentialIsNamed) {
    const auto file = config_with("password-file = credential:store");
    EXPECT_EQ(first_problem(load(file)),
              "UNREADABLE password-file: credential \"store\": systemd passed no credentials "
              "(CREDENTIALS_DIRECTORY is not set)");
    ::setenv("CREDENTIALS_DIRECTORY", dir.c_str(), 1);
    EXPECT_EQ(first_problem(load(file)), "UNREADABLE password-file: credential \"store\": cannot open " +
                                             (dir / "store").string() + ": No such file or directory");
}

TEST_F(HostFiles, CredentialIsNotMissedByACheckByHand) {
    const auto config = load(config_with("password-file = credential:store"), Purpose::checking);
    ASSERT_TRUE(config) << first_problem(config);
    EXPECT_EQ(config->warnings.front().text,
              "password-file: a credential can be seen by the service only; not checked");
}

TEST_F(HostFiles, StoreThatOthersCanWriteToIsRefusedWithTheCommand) {
    const auto store = dir / "it's a store";
    fs::create_directory(store);
    ::chmod(store.c_str(), 0770);
    auto quoted = store.string();
    quoted.replace(quoted.find('\''), 1, "'\\''");
    EXPECT_EQ(
        first_problem(load(config_with("tls-cert-path = " + store.string()))),
        "STORE_MODE tls-cert-path: others can write to the directory; run: chmod go-w '" + quoted + "'");
}

TEST_F(HostFiles, StoreMayBeMissingButNotTheDirectoryAboveIt) {
    EXPECT_EQ(first_problem(load(config_with("tls-cert-path = " + (dir / "new").string()))), "accepted");
    EXPECT_EQ(first_problem(load(config_with("tls-cert-path = " + (dir / "new/").string()))), "accepted");
    const auto deep = (dir / "a/b").string();
    EXPECT_EQ(first_problem(load(config_with("tls-cert-path = " + deep))),
              "CONFIG_VALUE tls-cert-path: neither " + deep + " nor the directory above it is there");
    EXPECT_FALSE(fs::exists(dir / "new"));
}

TEST_F(HostFiles, StoreThatIsAFileIsRefused) {
    const auto file = write("file", "").string();
    EXPECT_EQ(first_problem(load(config_with("tls-cert-path = " + file))),
              "CONFIG_VALUE tls-cert-path: " + file + " is not a directory");
}

TEST_F(HostFiles, ConfigurationWithSecretsThatEverybodyCanReadIsWarnedOf) {
    auto file = config_with("password = canary");
    ASSERT_TRUE(load(file)->warnings.front().fault == Fault::CONFIG_INCOMPLETE);
    ::chmod(file.c_str(), 0644);
    const auto config = load(file);
    EXPECT_EQ(config->warnings.front().text,
              "the file holds secrets and every user of this host can read it");
    EXPECT_EQ(config->warnings.front().remedy, "run: chmod o= '" + file.string() + "'");
}

TEST_F(HostFiles, ConfigurationThatCannotBeReadIsNamed) {
    const auto missing = dir / "none.conf";
    EXPECT_EQ(first_problem(load(missing)),
              "CONFIG_UNREADABLE cannot open " + missing.string() + ": No such file or directory");
}

}  // namespace
}  // namespace tserver::config
