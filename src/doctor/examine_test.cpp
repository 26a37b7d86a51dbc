// What a behaviour test cannot see: an examination without time, and one of a link whose options are not
// whole.
#include "doctor/examine.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "control/blocking.hpp"
#include "tests/support/capf_server.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::doctor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

config::LinkConfig plain_link(Port port) {
    config::LinkConfig out;
    out.number = 1;
    out.name = "link-tls-1";
    out.hostname = {*Host::parse("127.0.0.1")};
    out.port = port;
    return out;
}

struct Examined : testing::Test {
    [[nodiscard]] config::LinkConfig secure_link(Port port) const {
        auto out = plain_link(port);
        out.store = scratch.path;
        out.passphrase = Secret{"a passphrase"};
        out.instance_id = *InstanceId::parse("cti01");
        out.capf_host = out.tftp_host = *Host::parse("127.0.0.1");
        out.capf_port = out.tftp_port = port;
        return out;
    }
    std::vector<Row> rows(config::LinkConfig link, std::chrono::milliseconds budget) {
        return control::result_of(loop, examine(loop, {std::move(link), {}, AskedBy::operator_}, budget));
    }
    static void expect_every_step(const std::vector<Row>& rows) {
        ASSERT_EQ(rows.size(), step_names.size());
        for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(static_cast<std::size_t>(rows[i].step), i);
    }
    net::Loop loop;
    testing_support::Scratch scratch;
    test::LoopbackListener silent;  ///< takes connections into its queue and answers nothing
};

TEST_F(Examined, AStepWithoutTimeIsSkippedAndNotCalledAFailureOfTheCluster) {
    const auto found = rows(secure_link(silent.port()), 0ms);
    expect_every_step(found);
    for (const auto step : {Step::tftp, Step::list, Step::capf, Step::tls, Step::session})
        EXPECT_EQ(found[static_cast<std::size_t>(step)].verdict, Verdict::skip) << name(step);
    EXPECT_THAT(found[static_cast<std::size_t>(Step::tftp)].seen, HasSubstr("no time was left"));
}

TEST_F(Examined, ALinkInClearWithoutTimeIsNotCalledUnreachable) {
    const auto found = rows(plain_link(silent.port()), 0ms);
    expect_every_step(found);
    EXPECT_EQ(found.back().verdict, Verdict::skip);
    EXPECT_FALSE(first_fault(found));
}

TEST_F(Examined, AStoreWithoutCertificateAndCodeIsNamedBeforeAnythingOfTheCluster) {
    auto link = secure_link(silent.port());
    const auto found = rows(std::move(link), 0ms);
    EXPECT_EQ(found[static_cast<std::size_t>(Step::store)].fault, Fault::CODE_MISSING);
    EXPECT_EQ(first_fault(found), Fault::CODE_MISSING);
}

TEST_F(Examined, AnOptionThatIsMissingIsTheFirstFaultThoughTheLinkWorksInClear) {
    auto link = secure_link(silent.port());
    link.capf_host.reset();
    const auto found = rows(std::move(link), 100ms);
    expect_every_step(found);
    EXPECT_EQ(found.front().fault, Fault::CONFIG_INCOMPLETE);
    EXPECT_THAT(found.front().seen, HasSubstr("tls-capf-host"));
    EXPECT_EQ(first_fault(found), Fault::CONFIG_INCOMPLETE);
}

TEST(DoctorRow, SaysInJsonWhatToDoOnlyWhereThereIsAFault) {
    const auto good = to_json(Row{Step::names, Verdict::pass, "10.1.1.5", {}});
    EXPECT_EQ(boost::json::serialize(good),
              R"({"step":"names","verdict":"PASS","seen":"10.1.1.5","fault":null,"action":null})");
    const auto bad = to_json(Row{Step::tls, Verdict::fail, "refused", Fault::CTI_REFUSED});
    EXPECT_EQ(bad.at("fault").as_string(), "CTI_REFUSED");
    EXPECT_EQ(std::string_view{bad.at("action").as_string()}, row(Fault::CTI_REFUSED).action);
}

}  // namespace
}  // namespace tserver::doctor
