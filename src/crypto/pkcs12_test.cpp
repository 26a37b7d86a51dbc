#include "crypto/pkcs12.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <openssl/err.h>
#include <openssl/provider.h>

#include "crypto/openssl.hpp"
#include "crypto/provided.hpp"

namespace tserver::crypto {
namespace {

std::string data(const std::string& name) { return std::string{TSERVER_TEST_DATA} + "/pkcs12/" + name; }

Bytes file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::stringstream all;
    all << in.rdbuf();
    return to_bytes(as_bytes(all.str()));
}

/// The pair in tests/data/pkcs12/openssl3.p12.
Identity sample() { return *open(file(data("openssl3.p12")), Secret{"old"}); }

/// A directory with a file, gone afterwards.
struct Scratch {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("p12-" + std::to_string(::getpid()));
    Scratch() { std::filesystem::create_directory(path); }
    ~Scratch() { std::filesystem::remove_all(path); }
    std::string put(const std::string& name, std::string_view content) const {
        std::ofstream{path / name, std::ios::binary} << content;
        return path / name;
    }
};

struct Ran {
    int exit;
    std::string output;
};
Ran run(const std::string& command) {
    auto* pipe = ::popen((command + " 2>&1").c_str(), "r");
    Ran out{0, {}};
    std::array<char, 4096> buffer{};
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe))
        out.output.append(buffer.data(), got);
    out.exit = WEXITSTATUS(::pclose(pipe));
    return out;
}
bool installed(const std::string& program) { return run("command -v " + program).exit == 0; }

// F11: the octets of the passphrase are used as given, whatever the locale.
class Pkcs12Passphrase : public testing::TestWithParam<const char*> {};

TEST_P(Pkcs12Passphrase, F11_OpensWhatItSealed) {
    const auto pair = sample();
    const auto sealed = seal(pair, Secret{GetParam()}, "cti01");
    ASSERT_TRUE(sealed) << sealed.error().text();
    const auto opened = open(*sealed, Secret{GetParam()});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->certificate, pair.certificate);
    EXPECT_TRUE(pair.key.pairs_with(opened->key.public_half()));
}

TEST_P(Pkcs12Passphrase, F11_OpensWithOpensslUnderEachLocale) {
    if (!installed("openssl")) GTEST_SKIP() << "openssl is not installed";
    const Scratch scratch;
    const auto sealed = seal(sample(), Secret{GetParam()}, "cti01");
    const auto store = scratch.put("a.p12", as_text(*sealed));
    const auto word = scratch.put("word", GetParam());
    for (const auto* locale : {"C", "C.UTF-8"}) {
        const auto ran = run(std::string{"LC_ALL="} + locale + " openssl pkcs12 -info -nodes -in " + store +
                             " -passin file:" + word);
        EXPECT_EQ(ran.exit, 0) << locale << ran.output;
        EXPECT_NE(ran.output.find("friendlyName: cti01"), std::string::npos) << ran.output;
        EXPECT_NE(ran.output.find("MAC: sha256, Iteration 200000"), std::string::npos) << ran.output;
        EXPECT_NE(ran.output.find("PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"),
                  std::string::npos)
            << ran.output;
    }
}

INSTANTIATE_TEST_SUITE_P(, Pkcs12Passphrase,
                         testing::Values("simple", "with blank and \"quotes\"", "\xc3\xa9\xc3\xbc\xc3\x9f",
                                         "e\xcc\x81 combining", "\xe6\xbc\xa2\xe5\xad\x97",
                                         "\xf0\x9f\x94\x91 key"));

TEST(Pkcs12, IsListedByKeytoolAsAKeyEntry) {
    if (!installed("keytool")) GTEST_SKIP() << "keytool is not installed";
    const Scratch scratch;
    const auto store = scratch.put("a.p12", as_text(*seal(sample(), Secret{"passphrase"}, "cti01")));
    const auto ran = run("keytool -list -storetype PKCS12 -keystore " + store + " -storepass:file " +
                         scratch.put("word", "passphrase"));
    EXPECT_EQ(ran.exit, 0);
    EXPECT_NE(ran.output.find("cti01"), std::string::npos) << ran.output;
    EXPECT_NE(ran.output.find("PrivateKeyEntry"), std::string::npos) << ran.output;
}

TEST(Pkcs12, CertificatesAreListedByKeytoolAsTrusted) {
    if (!installed("keytool")) GTEST_SKIP() << "keytool is not installed";
    const Scratch scratch;
    const auto other = open(file(data("java.p12")), Secret{"oldold"});
    const auto sealed = seal_certificates({{"cucm-pub", sample().certificate}, {"capf", other->certificate}},
                                          Secret{"passphrase"});
    ASSERT_TRUE(sealed) << sealed.error().text();
    const auto ran =
        run("keytool -list -storetype PKCS12 -keystore " + scratch.put("a.p12", as_text(*sealed)) +
            " -storepass:file " + scratch.put("word", "passphrase"));
    EXPECT_EQ(ran.exit, 0);
    EXPECT_NE(ran.output.find("2 entries"), std::string::npos) << ran.output;
    const auto first = ran.output.find("trustedCertEntry");
    ASSERT_NE(first, std::string::npos) << ran.output;
    EXPECT_NE(ran.output.find("trustedCertEntry", first + 1), std::string::npos) << ran.output;
}

TEST(Pkcs12, KeepsNamesAndOrderOfCertificates) {
    const auto certificate = sample().certificate;
    const auto sealed = seal_certificates({{"one", certificate}, {"zw\xc3\xb6lf", certificate}}, Secret{"x"});
    const auto opened = open_certificates(*sealed, Secret{"x"});
    ASSERT_TRUE(opened) << opened.error().text();
    ASSERT_EQ(opened->size(), 2U);
    EXPECT_EQ((*opened)[0].name, "one");
    EXPECT_EQ((*opened)[1].name, "zw\xc3\xb6lf");
    EXPECT_EQ((*opened)[1].certificate, certificate);
}

TEST(Pkcs12, KeepsAKeyThatHasNoCertificateYet) {
    const auto pair = sample();
    const auto sealed = seal_key(pair.key, Secret{"x"});
    const auto opened = open_key(*sealed, Secret{"x"});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_TRUE(pair.key.pairs_with(opened->public_half()));
    EXPECT_EQ(open(*sealed, Secret{"x"}).error().fault, Fault::STORE_MISSING);
}

TEST(Pkcs12, KeepsAnEcKey) {
    const auto key = PrivateKey::make_ec(Curve::p384);
    const auto opened = open_key(*seal_key(*key, Secret{"x"}), Secret{"x"});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_TRUE(key->pairs_with(opened->public_half()));
}

// Files of other programs: read, or refused for the right reason. F7, F8, F9.
struct Foreign {
    const char* name;
    const char* passphrase;
    std::optional<Fault> fault;
    const char* detail;
};
class ForeignPkcs12 : public testing::TestWithParam<Foreign> {};

TEST_P(ForeignPkcs12, IsReadOrRefusedForTheNamedReason) {
    const auto& c = GetParam();
    const auto opened = open(file(data(c.name)), Secret{c.passphrase});
    ASSERT_EQ(opened.has_value(), !c.fault) << (opened ? "" : opened.error().text());
    if (opened) return;
    EXPECT_EQ(opened.error().fault, *c.fault) << opened.error().text();
    EXPECT_EQ(opened.error().detail, c.detail);
}

INSTANTIATE_TEST_SUITE_P(
    , ForeignPkcs12,
    testing::Values(
        Foreign{"openssl3.p12", "old", {}, ""}, Foreign{"certificate-in-clear.p12", "old", {}, ""},
        Foreign{"java.p12", "oldold", {}, ""}, Foreign{"mac-sha384.p12", "old", {}, ""},
        Foreign{"mac-sha512.p12", "old", {}, ""},
        Foreign{"mac-sha224.p12", "old", Fault::STORE_ALGORITHM, "MAC with sha224"},
        Foreign{"openssl3.p12", "olD", Fault::STORE_PASSPHRASE, "the MAC of the file does not fit"},
        Foreign{"openssl3.p12", "", Fault::STORE_EMPTY_PASSPHRASE, "no passphrase given"},
        // F7: the old algorithm is named whether the passphrase is right or wrong.
        Foreign{"rc2-40.p12", "old", Fault::STORE_ALGORITHM, "encrypted with pbeWithSHA1And40BitRC2-CBC"},
        Foreign{"rc2-40.p12", "wrong", Fault::STORE_ALGORITHM, "encrypted with pbeWithSHA1And40BitRC2-CBC"},
        Foreign{"3des.p12", "wrong", Fault::STORE_ALGORITHM,
                "encrypted with pbeWithSHA1And3-KeyTripleDES-CBC"},
        Foreign{"3des-key.p12", "wrong", Fault::STORE_ALGORITHM,
                "encrypted with pbeWithSHA1And3-KeyTripleDES-CBC"},
        Foreign{"mac-sha1.p12", "old", Fault::STORE_ALGORITHM, "MAC with sha1"},
        // F8
        Foreign{"camellia.p12", "old", Fault::STORE_ALGORITHM, "encrypted with PBES2 and camellia-256-cbc"},
        Foreign{"many-rounds.p12", "old", Fault::STORE_ALGORITHM, "PBKDF2 with 6000000 rounds"},
        // F9
        Foreign{"no-mac.p12", "old", Fault::STORE_NO_MAC, "no MacData in the file"},
        Foreign{"key-only.p12", "old", Fault::STORE_MISSING,
                "the PKCS#12 file holds no certificate of its private key"},
        Foreign{"certificate-only.p12", "old", Fault::STORE_MISSING,
                "the PKCS#12 file holds no private key"}));

TEST(Pkcs12, WhoseBagsAreDamagedIsDamagedWhateverThePassphrase) {
    auto octets = file(data("certificate-in-clear.p12"));
    const auto text = as_text(octets);
    const auto bags = text.find("\x30\x82\x03\x9a\x30\x82\x03\x96");  // SEQUENCE OF SafeBag
    ASSERT_NE(bags, std::string_view::npos);
    octets[bags] ^= 0x01U;
    const auto opened = open(octets, Secret{"old"});
    EXPECT_EQ(opened.error().fault, Fault::STORE_DAMAGED);
    EXPECT_EQ(opened.error().detail.substr(0, 13), "PKCS#12: bags");
}

// An import reads what open() refuses, and says what was old.
struct Old {
    const char* name;
    const char* passphrase;
    Mac mac;
    std::vector<std::string> old;
    std::optional<Fault> fault;
    const char* detail;
};
class F7_F8_F9_Import : public testing::TestWithParam<Old> {};

TEST_P(F7_F8_F9_Import, ReadsOldFilesAndNamesWhatIsOldInThem) {
    const auto& c = GetParam();
    const auto opened = open_old(file(data(c.name)), Secret{c.passphrase}, c.mac);
    ASSERT_EQ(opened.has_value(), !c.fault) << (opened ? "" : opened.error().text());
    EXPECT_EQ(ERR_peek_error(), 0UL);
    if (opened) {
        EXPECT_EQ(opened->old, c.old);
        const auto key = opened->identity.certificate.public_key();
        EXPECT_TRUE(opened->identity.key.pairs_with(*key));
        return;
    }
    EXPECT_EQ(opened.error().fault, *c.fault) << opened.error().text();
    EXPECT_EQ(opened.error().detail.substr(0, std::strlen(c.detail)), c.detail);
}

const std::vector<std::string> rc2{"pbeWithSHA1And40BitRC2-CBC", "pbeWithSHA1And3-KeyTripleDES-CBC",
                                   "MAC with sha1"};
INSTANTIATE_TEST_SUITE_P(
    , F7_F8_F9_Import,
    testing::Values(
        Old{"rc2-40.p12", "old", Mac::required, rc2, {}, ""},
        Old{"rc2-40.p12",
            "wrong",
            Mac::required,
            {},
            Fault::STORE_PASSPHRASE,
            "the MAC of the file does not fit"},
        Old{"3des.p12", "old", Mac::required, {"pbeWithSHA1And3-KeyTripleDES-CBC", "MAC with sha1"}, {}, ""},
        Old{"mac-sha1.p12", "old", Mac::required, {"MAC with sha1"}, {}, ""},
        Old{"openssl3.p12", "old", Mac::required, {}, {}, ""},
        Old{"camellia.p12",
            "old",
            Mac::required,
            {},
            Fault::STORE_ALGORITHM,
            "encrypted with PBES2 and camellia-256-cbc"},
        Old{"many-rounds.p12",
            "old",
            Mac::required,
            {},
            Fault::STORE_ALGORITHM,
            "PBKDF2 with 6000000 rounds"},
        Old{"no-mac.p12", "old", Mac::required, {}, Fault::STORE_NO_MAC, "no MacData in the file"},
        Old{"no-mac.p12", "old", Mac::may_be_missing, {"no MAC"}, {}, ""},
        Old{"no-mac.p12",
            "wrong",
            Mac::may_be_missing,
            {},
            Fault::STORE_PASSPHRASE,
            "PKCS#12: private key: "}));

TEST(Pkcs12, F7_TheModuleForOldAlgorithmsIsThereForTheImportOnly) {
    ASSERT_TRUE(open_old(file(data("rc2-40.p12")), Secret{"old"}, Mac::required));
    EXPECT_EQ(OSSL_PROVIDER_available(nullptr, "legacy"), 0);
    EXPECT_EQ(OSSL_PROVIDER_available(nullptr, "default"), 1);
}

TEST(Pkcs12DeathTest, F7_WithoutThatModuleTheOldAlgorithmIsNamedAndNeverAWrongPassphrase) {
    testing::FLAGS_gtest_death_test_style =
        "threadsafe";  // a fresh process: here the module may be in memory
    const auto import = [] {
        const Scratch empty;
        ::setenv("OPENSSL_MODULES", empty.path.c_str(), 1);
        const auto opened = open_old(file(data("rc2-40.p12")), Secret{"old"}, Mac::required);
        std::fprintf(stderr, "%s\n", opened ? "opened" : opened.error().text().c_str());
        std::filesystem::remove_all(empty.path);
        std::_Exit(0);
    };
    EXPECT_EXIT(import(), testing::ExitedWithCode(0),
                "STORE_ALGORITHM.*old algorithm pbeWithSHA1And40BitRC2-CBC.*module \"legacy\" for it is not "
                "installed");
}

TEST(Provided, F64_WhatFipsModeTakesAwayIsNamed) {
    ASSERT_TRUE(check_provided());
    ASSERT_EQ(EVP_default_properties_enable_fips(nullptr, 1), 1);
    const auto checked = check_provided();
    EVP_default_properties_enable_fips(nullptr, 0);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, Fault::STORE_ALGORITHM);
    EXPECT_NE(checked.error().detail.find("PKCS12KDF"), std::string::npos) << checked.error().detail;
    EXPECT_TRUE(checked.error().detail.find("; FIPS mode is on; its settings: /") != std::string::npos)
        << checked.error().detail;
    EXPECT_TRUE(check_provided());
}

TEST(Pkcs12, OneDerivationDoesForAllFilesOfOnePassphrase) {
    const Passphrase passphrase{Secret{"x"}};
    const auto pair = sample();
    const auto first = salt_of(*seal_key(pair.key, passphrase));
    const auto second = salt_of(*seal(pair, passphrase, "cti01"));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->octets, second->octets);
    EXPECT_EQ(first->rounds, stretch_rounds);
    EXPECT_NE(salt_of(*seal_key(pair.key, Secret{"x"}))->octets, first->octets) << "a salt is random";
}

TEST(Pkcs12, WhatIsWrittenAfterwardsHasTheSaltOfTheFileThatWasRead) {
    const auto pair = sample();
    const auto file = *seal(pair, Secret{"x"}, "cti01");
    const Passphrase passphrase{Secret{"x"}};
    ASSERT_TRUE(open(file, passphrase));
    EXPECT_EQ(salt_of(*seal_key(pair.key, passphrase))->octets, salt_of(file)->octets);
}

TEST(Pkcs12, AFileOfFewRoundsGivesNobodyItsSalt) {
    const auto pair = sample();
    const auto weak = *seal(pair, {Secret{"x"}, {}, 10}, "cti01");
    const Passphrase passphrase{Secret{"x"}};
    ASSERT_TRUE(open(weak, passphrase));
    EXPECT_EQ(salt_of(*seal_key(pair.key, passphrase))->rounds, stretch_rounds);
}

/// They open what OpenSSL itself opens with the passphrase, and are not asked for where they do not fit.
TEST(Pkcs12, KeysThatAreHandedOverOpenAFileAndWrongOnesCloseNone) {
    const auto pair = sample();
    const Passphrase owner{Secret{"x"}, {}, 10};
    const auto file = *seal(pair, owner, "cti01");
    const auto keys = **owner.keys();
    EXPECT_TRUE(open(file, {Secret{"not used"}, keys})) << "opened by the keys alone";

    auto wrong = keys;
    wrong.mac = Secret{std::string(32, 'w')};
    wrong.cipher = wrong.mac;
    const auto opened = open(file, {Secret{"x"}, wrong});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->certificate, pair.certificate);
    EXPECT_EQ(open(file, {Secret{"y"}, wrong}).error().fault, Fault::STORE_PASSPHRASE);
    wrong.mac = keys.mac;
    EXPECT_TRUE(open(file, {Secret{"x"}, wrong})) << "the key of the cipher alone is wrong";
}

TEST(Pkcs12, AFileOfAnotherProgramHasNoSaltOfOurs) {
    for (const auto* name : {"java.p12", "rc2-40.p12", "many-rounds.p12"})
        EXPECT_FALSE(salt_of(file(data(name)))) << name;
    EXPECT_FALSE(salt_of(as_bytes("no PKCS#12")));
}

TEST(Pkcs12, RefusesEveryFileThatIsCutShort) {
    const auto whole = file(data("openssl3.p12"));
    for (std::size_t length = 0; length < whole.size(); length += 7) {
        const auto opened = open(ByteView{whole}.first(length), Secret{"old"});
        ASSERT_FALSE(opened) << length;
        EXPECT_EQ(opened.error().fault, Fault::STORE_DAMAGED) << length << ' ' << opened.error().text();
    }
}

TEST(Pkcs12, RefusesOctetsBehindTheEnd) {
    auto longer = file(data("openssl3.p12"));
    longer.push_back(0);
    EXPECT_EQ(open(longer, Secret{"old"}).error().detail, "PKCS#12: 1 octets behind its end");
}

/// The name of a bag and the like is under the MAC too; what is outside it is structure and salt, and two
/// octets that say nothing: the version of the file and the absent parameters of the MAC's digest.
void expect_no_changed_bit_opens(const Bytes& whole, const Passphrase& passphrase) {
    const auto parameters = as_text(whole).rfind(std::string_view{"\x05\x00\x04\x20", 4});
    for (std::size_t at = 0; at < whole.size(); ++at) {
        auto changed = whole;
        changed[at] ^= 1;
        const bool says_nothing = at == 6 || at == parameters;
        EXPECT_EQ(open(changed, passphrase).has_value(), says_nothing) << "octet " << at;
        EXPECT_EQ(ERR_peek_error(), 0UL) << "octet " << at << " left an error in the queue";
    }
}

TEST(Pkcs12, NeverOpensAFileWithAChangedBit) {
    expect_no_changed_bit_opens(file(data("openssl3.p12")), Secret{"old"});
    const Passphrase passphrase{Secret{"x"}, {}, 10};
    expect_no_changed_bit_opens(*seal(sample(), passphrase, "cti01"), passphrase);
}

}  // namespace
}  // namespace tserver::crypto
