// TLS contexts of the simulated services.
#pragma once

#include "sim/cluster.hpp"

namespace tserver::sim {

/// modern: 1.2 with ECDHE-GCM, 1.3. cluster: 1.2 with CUCM's suites, 1.3. legacy: 1.0 to 1.2, security level
/// 0, the suites of old JTAPI clients (AES128-SHA among them).  @return INTERNAL
Result<crypto::SslCtxPtr> server_context(TlsMode mode, const crypto::Identity& shown);

/// CAPF's, the faults of the menu applied.
Result<crypto::SslCtxPtr> capf_context(Cluster& cluster);

/// For a node's CTIManager: asks for a client certificate that CAPF issued, and judges it. The cluster
/// outlives the context.
Result<crypto::SslCtxPtr> cti_context(Cluster& cluster, std::size_t node);

}  // namespace tserver::sim
