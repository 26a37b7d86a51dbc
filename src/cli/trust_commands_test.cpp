#include "cli/trust_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/ctl_builder.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr Instant november{std::chrono::seconds{1796000000}};  // 2026-11-29

std::string path_of(const std::string& vector) { return fmt::format("{}/ctl/{}", TSERVER_TEST_DATA, vector); }

class TrustCommands : public testing::Test {
protected:
    std::string written(const Bytes& octets) const {
        auto path = (dir / "list.tlv").string();
        std::ofstream{path, std::ios::binary} << as_text(octets);
        return path;
    }
    int show(const std::string& file, TrustFormat format, std::optional<std::string> held = {}) {
        return trust_show(out, err, {file, std::move(held), format, november});
    }
    json::object answer() const { return json::parse(out.str()).as_object(); }

    const testing_support::Scratch scratch;
    const std::filesystem::path dir = scratch.path;
    std::ostringstream out;
    std::ostringstream err;
};

TEST_F(TrustCommands, ShowInJsonHasTheFieldsThatOthersRelyOn) {
    ASSERT_EQ(show(path_of("u1-stored.tlv"), TrustFormat::json), 0);
    const auto got = answer();
    EXPECT_EQ(got.at("format"), "CTL");
    EXPECT_EQ(got.at("version"), "1.2");
    EXPECT_EQ(got.at("digest"), "SHA-512");
    EXPECT_EQ(got.at("verified"), true);
    EXPECT_EQ(got.at("verified_by"), "self");
    EXPECT_TRUE(got.at("reason").is_null());
    EXPECT_EQ(got.at("signer").as_object().at("serial"), "5a0011223344556677889900aabbcc01");
    EXPECT_EQ(got.at("timestamp"), "2025-10-27T23:28:00Z");
    const auto& records = got.at("records").as_array();
    ASSERT_EQ(records.size(), 3U);
    const auto& first = records[0].as_object();
    EXPECT_EQ(first.at("index"), 1);
    EXPECT_EQ(json::serialize(first.at("roles")), R"(["SAST"])");
    EXPECT_EQ(first.at("subject"), "CN=ITLRECOVERY_cucm-pub,OU=Lab,O=Example,L=Testville,ST=TS,C=US");
    EXPECT_EQ(first.at("issuer"), "CN=ITLRECOVERY_cucm-pub,OU=Lab,O=Example,L=Testville,ST=TS,C=US");
    EXPECT_EQ(first.at("serial"), "5a0011223344556677889900aabbcc01");
    EXPECT_EQ(first.at("sha256"), json::string{test::signer("itlrec").certificate.sha256()});
    EXPECT_EQ(first.at("key"), "RSA-2048");
    EXPECT_EQ(first.at("dns"), "cucm-pub");
    EXPECT_EQ(first.at("address"), "192.0.2.10");
    EXPECT_EQ(first.at("not_after"), json::string{rfc3339(test::signer("itlrec").certificate.not_after())});
    EXPECT_EQ(first.at("days_left"), days_until(test::signer("itlrec").certificate.not_after(), november));
    EXPECT_TRUE(first.at("error").is_null());
}

TEST_F(TrustCommands, ARecordWithoutCertificateHasNullsAndOneWithAHashShowsIt) {
    ASSERT_EQ(show(path_of("p11-cucm-nonsecure-empty-ccm.tlv"), TrustFormat::json), 0);
    const auto empty = answer().at("records").as_array()[2].as_object();
    for (const auto* key :
         {"subject", "issuer", "serial", "sha256", "key", "not_before", "not_after", "hash", "error"})
        EXPECT_TRUE(empty.at(key).is_null()) << key;
    EXPECT_EQ(empty.at("dns"), "192.0.2.10");
    EXPECT_THAT(json::serialize(answer().at("warnings")), HasSubstr("CTL_NO_SERVER_CERTS"));
    out.str("");
    ASSERT_EQ(show(path_of("p12-itl-certhash.tlv"), TrustFormat::json), 0);
    EXPECT_EQ(answer().at("format"), "ITL");
    EXPECT_EQ(answer().at("records").as_array()[1].as_object().at("hash").as_object().at("value"),
              "f654ecfd6524c1a645aea653e9c4323520e4539f");
}

struct ExitCase {
    const char* name;
    const char* file;
    const char* held;
    int exit;
    const char* fault;
    const char* verified_by;
};
class ShowAndVerify : public TrustCommands, public testing::WithParamInterface<ExitCase> {};

TEST_P(ShowAndVerify, AnswerWithExitCodeAndReason) {
    const auto& c = GetParam();
    const auto held = *c.held != '\0' ? std::optional{path_of(c.held)} : std::nullopt;
    const TrustShow request{path_of(c.file), held, TrustFormat::json, november};
    for (const auto& command : {trust_show, trust_verify}) {
        out.str("");
        ASSERT_EQ(command(out, err, request), c.exit);
        const auto got = answer();
        if (c.exit == 4) {
            EXPECT_EQ(got.at("error").as_object().at("fault"), c.fault);
        } else if (c.exit == 3) {
            EXPECT_EQ(got.at("verified"), false);
            EXPECT_TRUE(got.at("verified_by").is_null());
            EXPECT_EQ(got.at("reason").as_object().at("fault"), c.fault);
            EXPECT_FALSE(got.at("reason").as_object().at("action").as_string().empty());
        } else {
            EXPECT_EQ(got.at("verified_by"), c.verified_by);
        }
    }
    EXPECT_EQ(err.str(), "");
}

INSTANTIATE_TEST_SUITE_P(
    , ShowAndVerify,
    testing::Values(
        ExitCase{"self", "p01-ctl-sha1.tlv", "", 0, "", "self"},
        ExitCase{"held", "u2-signed-by-second-sast.tlv", "u1-stored.tlv", 0, "", "held"},
        ExitCase{"unknown_signer", "u3-signed-by-new-sast.tlv", "u1-stored.tlv", 3, "CTL_SIG_UNTRUSTED", ""},
        ExitCase{"rogue", "u4-rogue-same-name-and-serial.tlv", "u1-stored.tlv", 3, "CTL_SIG_INVALID", ""},
        ExitCase{"changed", "n08-timestamp-changed.tlv", "", 3, "CTL_SIG_INVALID", ""},
        ExitCase{"digest_code_4", "n20-digest-code-4.tlv", "", 3, "CTL_SIG_ALGO", ""},
        ExitCase{"web_page", "n22-html.tlv", "", 4, "CTL_FORMAT", ""},
        ExitCase{"empty", "n01-empty.tlv", "", 4, "CTL_FORMAT", ""},
        ExitCase{"held_unreadable", "u1-stored.tlv", "n22-html.tlv", 4, "CTL_FORMAT", ""},
        ExitCase{"no_such_file", "no-such-file.tlv", "", 4, "UNREADABLE", ""}),
    [](const auto& each) { return each.param.name; });

TEST_F(TrustCommands, AnUnreadableFileNamesThePlace) {
    ASSERT_EQ(show(path_of("n14-record-length-zero.tlv"), TrustFormat::json), 4);
    const auto error = answer().at("error").as_object();
    EXPECT_TRUE(error.at("offset").is_int64() || error.at("offset").is_uint64());
    EXPECT_THAT(std::string{error.at("detail").as_string()}, HasSubstr("bad record at offset"));
    out.str("");
    ASSERT_EQ(show(path_of("no-such-file.tlv"), TrustFormat::json), 4);
    EXPECT_TRUE(answer().at("error").as_object().at("offset").is_null());
}

TEST_F(TrustCommands, AnUnreadableFileInTextGoesToStandardErrorWithTheRemedy) {
    ASSERT_EQ(show(path_of("n22-html.tlv"), TrustFormat::text), 4);
    EXPECT_EQ(out.str(), "");
    EXPECT_THAT(err.str(), HasSubstr("received a web page"));
    EXPECT_THAT(err.str(), HasSubstr("n22-html.tlv"));
    EXPECT_THAT(err.str(), HasSubstr("action: "));
}

TEST_F(TrustCommands, TheTableShowsEachRecordWithDaysLeft) {
    ASSERT_EQ(show(path_of("p06-itl-ecdsa-v11.tlv"), TrustFormat::text), 0);
    EXPECT_THAT(out.str(), HasSubstr(": ITL 1.2, "));
    EXPECT_THAT(out.str(), HasSubstr("   4  CCM+TFTP   EC-384    2026-11-25T"));
    EXPECT_THAT(out.str(), HasSubstr("   5  TVS        RSA-2048  "));
    EXPECT_THAT(out.str(), HasSubstr(" days left\n"));
    EXPECT_THAT(out.str(), HasSubstr("verified by its own record 1"));
}

TEST_F(TrustCommands, AnExpiredCertificateIsMarked) {
    ASSERT_EQ(
        trust_show(
            out, err,
            {path_of("u1-stored.tlv"), {}, TrustFormat::text, Instant{std::chrono::seconds{4000000000}}}),
        0);
    EXPECT_THAT(out.str(), HasSubstr("EXPIRED "));
    EXPECT_THAT(out.str(), HasSubstr("warning: the signer's certificate expired"));
}

TEST_F(TrustCommands, OneBadCertificateLeavesTheOthersShown) {
    const auto signer = test::signer("itlrec");
    const auto file = written(test::build({.records = {test::record(0, signer.certificate),
                                                       test::record({{4, {0, 2}}, {9, {0x30, 3, 2, 1, 5}}})}},
                                          signer));
    ASSERT_EQ(show(file, TrustFormat::json), 0);
    const auto got = answer();
    const auto& records = got.at("records").as_array();
    EXPECT_TRUE(records[0].as_object().at("error").is_null());
    EXPECT_THAT(std::string{records[1].as_object().at("error").as_string()},
                HasSubstr("not an X.509 certificate"));
}

TEST_F(TrustCommands, HostileNamesReachNoTerminal) {
    const auto signer = test::signer("itlrec");
    const auto evil = test::make_certificate({.name = "a\x1b]0;owned\x07\r\nb"}, test::signer("pub").key);
    const auto file = written(test::build(
        {.records = {test::record(0, signer.certificate),
                     test::record({{2, test::with_nul("\x1b[2J")}, {4, {0, 2}}, {9, evil.der()}})},
         .filename = "\x1b[31mCTL"},
        signer));
    for (const auto format : {TrustFormat::text, TrustFormat::json}) {
        out.str("");
        ASSERT_EQ(show(file, format), 0);
        EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
        EXPECT_THAT(out.str(), Not(HasSubstr("\r")));
    }
}

TEST_F(TrustCommands, DiffSaysWhatChangedAndWhetherTheOldListVouchesForTheNew) {
    ASSERT_EQ(
        trust_diff(out, err,
                   {path_of("u1-stored.tlv"), path_of("u2-signed-by-second-sast.tlv"), TrustFormat::json}),
        1);
    const auto got = answer();
    EXPECT_EQ(got.at("summary"), "1 added, 1 removed, another signer");
    EXPECT_EQ(got.at("verified"), true);
    const auto& changes = got.at("changes").as_array();
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[0].as_object().at("kind"), "added");
    EXPECT_EQ(changes[0].as_object().at("role"), "SAST");
    EXPECT_EQ(changes[0].as_object().at("new_serial"), "5a0011223344556677889900aabbcc77");
    EXPECT_EQ(changes[1].as_object().at("kind"), "removed");

    out.str("");
    ASSERT_EQ(trust_diff(out, err,
                         {path_of("u1-stored.tlv"), path_of("u3-signed-by-new-sast.tlv"), TrustFormat::text}),
              1);
    EXPECT_THAT(out.str(), HasSubstr("+ SAST CN=ITLRECOVERY_cucm-new"));
    EXPECT_THAT(out.str(), HasSubstr("does not take the new one: CTL_SIG_UNTRUSTED"));
}

TEST_F(TrustCommands, DiffOfEqualListsIsNoDifference) {
    ASSERT_EQ(trust_diff(out, err, {path_of("u1-stored.tlv"), path_of("u1-stored.tlv"), TrustFormat::text}),
              0);
    EXPECT_THAT(out.str(), HasSubstr("no change\n"));
}

TEST_F(TrustCommands, DiffWithAFileThatIsNoListNamesIt) {
    ASSERT_EQ(trust_diff(out, err, {path_of("u1-stored.tlv"), path_of("n22-html.tlv"), TrustFormat::text}),
              4);
    EXPECT_THAT(err.str(), HasSubstr("n22-html.tlv"));
}

}  // namespace
}  // namespace tserver::cli
