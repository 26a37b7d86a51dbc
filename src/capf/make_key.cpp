#include "capf/make_key.hpp"

#include "base/overloaded.hpp"
#include "net/worker.hpp"

namespace tserver::capf {
namespace {

Result<crypto::PrivateKey> make(const KeySpec& spec) {
    return std::visit(overloaded{
                          [](const Rsa& rsa) { return crypto::PrivateKey::make_rsa(rsa.bits); },
                          [](crypto::Curve curve) { return crypto::PrivateKey::make_ec(curve); },
                      },
                      spec);
}

}  // namespace

Task<Result<crypto::PrivateKey>> make_key(net::Loop& loop, KeySpec spec) {
    return net::offload(loop, [spec] {
        net::give_way();
        return make(spec);
    });
}

}  // namespace tserver::capf
