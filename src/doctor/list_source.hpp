// Where a link's trust list comes from, by its options.
#pragma once

#include "config/link_config.hpp"
#include "tftp/source.hpp"

namespace tserver::doctor {

/// @param link  with TLS on: tftp_host and tftp_port are set
inline tftp::Source list_source(const config::LinkConfig& link) {
    const bool http = link.ctl_source == config::CtlSource::http;
    tftp::Source source{http ? tftp::Way::http : tftp::Way::tftp, *link.tftp_host,
                        http ? link.ctl_http_port : *link.tftp_port, link.capf_host};
    source.timeout = link.tftp_timeout;
    return source;
}

}  // namespace tserver::doctor
