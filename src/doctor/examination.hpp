// The steps of one examination and what each leaves for the later ones. Use examine().
#pragma once

#include "doctor/examine.hpp"
#include "doctor/look_tls.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"
#include "trust/list.hpp"

namespace tserver::doctor {

class Examination {
public:
    Examination(net::Loop& loop, Patient patient, Steady::time_point until)
        : loop_{loop}, patient_{std::move(patient)}, until_{until} {}

    net::Task<std::vector<Row>> run();

private:
    void configuration();
    net::Task<void> names();
    void clock();
    net::Task<void> fetch();
    void list();
    net::Task<void> capf();
    void store();
    net::Task<void> tls();
    net::Task<void> session();
    net::Task<void> plain_session();

    void look_at_held_list();
    void note_created();
    net::Task<Look> look(Endpoint server, std::chrono::milliseconds most);
    [[nodiscard]] std::optional<Error> trouble_with(const Shown& shown) const;
    net::Task<void> try_identity();

    void add(Step step, Verdict verdict, std::string seen, std::optional<Fault> fault = {});
    void pass(Step step, std::string seen) { add(step, Verdict::pass, std::move(seen)); }
    void skip(Step step, std::string why) { add(step, Verdict::skip, std::move(why)); }
    void fail(Step step, const Error& error) { add(step, Verdict::fail, error.detail, error.fault); }
    [[nodiscard]] std::chrono::milliseconds left(std::chrono::milliseconds most) const;
    bool out_of_time(Step step);
    [[nodiscard]] const trust::List* working_list() const noexcept {
        return list_ ? &*list_ : held_ ? &*held_ : nullptr;
    }

    net::Loop& loop_;
    Patient patient_;
    Steady::time_point until_;
    Instant now_ = wall_now();
    bool secure_ = false;
    std::vector<Row> rows_;

    std::optional<trust::List> held_;  ///< of the store
    std::optional<store::HeldList> held_facts_;
    std::optional<Error> held_trouble_;
    std::optional<Bytes> octets_;         ///< as fetched
    std::optional<trust::List> fetched_;  ///< whether or not it is believed
    std::optional<trust::List> list_;     ///< fetched and believed: what the link works with, or soon will
    std::optional<crypto::Identity> identity_;
    std::optional<Instant> not_before_this_;  ///< the clock cannot be right before it
    std::string clock_witness_;
};

}  // namespace tserver::doctor
