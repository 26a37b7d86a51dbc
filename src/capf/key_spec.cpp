#include "capf/key_spec.hpp"

#include "base/overloaded.hpp"

namespace tserver::capf {
namespace {

constexpr std::array curve_bits{256U, 384U, 521U};

unsigned bits(crypto::Curve curve) { return curve_bits.at(static_cast<std::size_t>(curve)); }

Result<void> permit_rsa(unsigned asked, unsigned minimum) {
    constexpr std::array<unsigned, 4> sizes{1024, 2048, 3072, 4096};
    const bool known = std::ranges::find(sizes, asked) != sizes.end();
    if (known && asked >= minimum) return {};
    return fail(Fault::CAPF_KEY_SIZE,
                fmt::format("asked for RSA-{}, allowed are {} to 4096{}", asked, minimum,
                            known ? "" : " in the sizes 1024, 2048, 3072 and 4096"));
}

}  // namespace

std::string text(const KeySpec& spec) {
    return std::visit(overloaded{
                          [](const Rsa& rsa) { return fmt::format("RSA-{}", rsa.bits); },
                          [](crypto::Curve curve) { return fmt::format("EC-{}", bits(curve)); },
                      },
                      spec);
}

std::optional<KeySpec> spec_of(const crypto::PublicKey& key) {
    if (key.is_rsa()) return Rsa{key.bits()};
    if (!key.is_ec()) return std::nullopt;
    for (const auto curve : {crypto::Curve::p256, crypto::Curve::p384, crypto::Curve::p521}) {
        if (bits(curve) == key.bits()) return curve;
    }
    return std::nullopt;
}

Result<void> permit(const KeySpec& spec, const KeyPolicy& policy) {
    if (const auto* rsa = std::get_if<Rsa>(&spec)) return permit_rsa(rsa->bits, policy.minimum_bits);
    if (policy.elliptic) return {};
    return fail(Fault::CAPF_EC_ONLY, "asked for " + text(spec));
}

}  // namespace tserver::capf
